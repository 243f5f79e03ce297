//! `telco-gateway tenant limit`: how much a tenant may buy. The limits are kept with each of its keys,
//! so that no request reads one item more.

use serde_json::json;
use shared::domain::api_key::ApiKey;
use shared::domain::ids::TenantId;
use shared::domain::spending::OwnMoneyLimits;

use super::arguments::LimitArguments;
use super::{CACHE_SECONDS, KeyCommands, unconfirmed};
use crate::failure::Failure;
use crate::table::{columns, document};

impl KeyCommands<'_> {
    pub(super) async fn limit(&self, arguments: &LimitArguments) -> Result<String, Failure> {
        let tenant = &arguments.tenant;
        let keys = self.usable(tenant).await?;
        let Some(newest) = keys.last() else {
            return Err(Failure::Refused(format!("tenant {tenant} has no usable key")));
        };
        let mut limits = newest.money_limits();
        if let Some(own) = &arguments.spend {
            limits.spend_limit = own.0;
        }
        if let Some(own) = &arguments.largest_order {
            limits.largest_order_kobo = own.0.map(|kobo| kobo.0);
        }
        let is_asked = arguments.spend.is_none() && arguments.largest_order.is_none();
        if !is_asked {
            self.set(&keys, limits).await?;
        }
        Ok(self.shown(tenant, limits, is_asked))
    }

    async fn set(&self, keys: &[ApiKey], limits: OwnMoneyLimits) -> Result<(), Failure> {
        for key in keys {
            let set = self.tenants.set_money_limits(&key.key_hash, limits).await;
            set.map_err(|cause| unconfirmed(&key.key_id, cause))?;
        }
        Ok(())
    }

    /// The limits of a tenant's newest usable key, which `limit` sets, or else of its newest key: a new key
    /// has the same.
    pub(super) async fn money_limits(&self, tenant: &TenantId) -> Result<OwnMoneyLimits, Failure> {
        let (keys, now) = (self.tenants.all().await?.keys, self.now());
        let newest_first = || keys.iter().rev().filter(|key| key.tenant == *tenant);
        let newest = newest_first().find(|key| key.usable(now)).or_else(|| newest_first().next());
        Ok(newest.map(ApiKey::money_limits).unwrap_or_default())
    }

    fn shown(&self, tenant: &TenantId, limits: OwnMoneyLimits, is_asked: bool) -> String {
        if self.json {
            return document(&json!({
                "tenant": tenant,
                "spend_limit": limits.spend_limit,
                "largest_order_kobo": limits.largest_order_kobo,
            }));
        }
        let default = || "default".to_owned();
        let spend = limits.spend_limit.map_or_else(default, |limit| limit.to_string());
        let largest = limits.largest_order_kobo;
        let largest = largest.map_or_else(default, |kobo| kobo.kobo().to_string());
        let rows = [("spend_limit", spend), ("largest_order_kobo", largest)];
        let shown = columns(&rows.map(|(name, value)| [name.to_owned(), value]));
        match is_asked {
            true => shown,
            false => format!("{shown}works within {CACHE_SECONDS} seconds\n"),
        }
    }
}
