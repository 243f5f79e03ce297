//! Tells tenants and the operator of their keys that end soon. A key is told of each day, and makes one event.

use shared::domain::api_key::ApiKey;
use shared::store::StoreError;

use crate::BooksFunction;

impl BooksFunction {
    pub(crate) async fn tell_of_ends(&self) -> Result<(), StoreError> {
        let now = self.environment.clock.now();
        let keys = self.tenants.all().await?.keys.into_iter();
        for key in keys.filter(|key: &ApiKey| key.usable(now) && !key.owed(now).is_empty()) {
            let (tenant, key_id) = (key.tenant.as_str(), key.key_id.as_str());
            tracing::info!(tenant, key_id, "a key ends soon");
            self.outbox.remind_of_end(&key).await?;
        }
        Ok(())
    }
}
