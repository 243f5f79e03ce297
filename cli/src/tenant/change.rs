//! `telco-gateway tenant change`: what a key may do, from where, and until when.

use serde_json::json;
use shared::domain::api_key::ApiKey;

use super::arguments::Change;
use super::{CACHE_SECONDS, KeyCommands, unconfirmed, view};
use crate::failure::Failure;
use crate::table::document;

impl KeyCommands<'_> {
    pub(super) async fn change(&self, change: &Change) -> Result<String, Failure> {
        let id = &change.key_id;
        let keys = self.tenants.all().await?.keys;
        let key = keys.into_iter().find(|key| key.key_id.as_str().eq_ignore_ascii_case(id));
        let Some(mut key) = key.filter(|key| key.usable(self.now())) else {
            return Err(Failure::Refused(format!("no usable key has the id {id:?}")));
        };
        if let Some(scopes) = &change.scopes {
            key.scopes = scopes.0.clone();
        }
        if let Some(networks) = &change.networks {
            key.networks = networks.0.clone();
        }
        if change.expires.is_some() {
            key.valid_until = self.end(change.expires, key.kind)?;
        }
        self.tenants.set_access(&key).await.map_err(|cause| unconfirmed(&key.key_id, cause))?;
        Ok(self.changed(key))
    }

    fn changed(&self, key: ApiKey) -> String {
        let keys = [key];
        match self.json {
            true => document(&json!({
                "changed": view::keys(&keys, self.now()),
                "effective_within_seconds": CACHE_SECONDS,
            })),
            false => format!(
                "{}works within {CACHE_SECONDS} seconds: gateways keep a decision that long\n",
                view::list(&keys, self.now())
            ),
        }
    }
}
