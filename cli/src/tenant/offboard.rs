//! `telco-gateway tenant offboard`: ends everything that is kept for a tenant that leaves. Each part may be
//! done twice, so a run that stopped is gone on with by running it again.

use serde_json::json;
use shared::domain::ids::TenantId;
use shared::store::{Endpoints, Filters, Listing, Purchases};
use time::Duration;

use super::{CACHE_SECONDS, KeyCommands, unconfirmed};
use crate::account::{AccountCommands, Unlinker};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::document;
use crate::target::Table;

/// How many purchases one page of the list holds.
const PAGE: usize = 100;
/// After how many pages the progress is told.
const TOLD_AFTER: usize = 10;

/// What one run did, and what it left.
#[derive(Default)]
struct Done {
    revoked: usize,
    unlinked: usize,
    endpoints: usize,
    masked: usize,
    /// Purchases whose numbers are still needed.
    open: usize,
    /// Whether a key may still have worked during the run.
    keys_just_revoked: bool,
}

impl KeyCommands<'_> {
    pub(super) async fn offboard(
        &self,
        tenant: &TenantId,
        context: &Context,
    ) -> Result<String, Failure> {
        let mut done = Done::default();
        self.revoke_all(tenant, &mut done).await?;
        eprintln!("keys: {} revoked", done.revoked);
        self.unlink_all(tenant, context, &mut done).await?;
        eprintln!("accounts: {} unlinked", done.unlinked);
        self.remove_endpoints(tenant, context, &mut done).await?;
        eprintln!("webhook endpoints: {} removed", done.endpoints);
        self.mask_all(tenant, context, &mut done).await?;
        Ok(self.offboarded(tenant, &done))
    }

    async fn revoke_all(&self, tenant: &TenantId, done: &mut Done) -> Result<(), Failure> {
        let now = self.now();
        let Listing { mut keys, mut unreadable } = self.tenants.all().await?;
        keys.retain(|key| key.tenant == *tenant);
        unreadable.retain(|key| key.tenant.as_ref() == Some(tenant));
        if keys.is_empty() && unreadable.is_empty() {
            return Err(Failure::Refused(format!("tenant {tenant} never had a key")));
        }
        let kept_until = now - Duration::seconds(i64::try_from(CACHE_SECONDS).unwrap_or(i64::MAX));
        for key in keys {
            match key.revoked_at {
                Some(at) => done.keys_just_revoked |= at > kept_until,
                None => {
                    let revoke = self.tenants.revoke(&key.key_hash, Some("offboarded"), now).await;
                    revoke.map_err(|cause| unconfirmed(&key.key_id, cause))?;
                    done.revoked += 1;
                    done.keys_just_revoked = true;
                }
            }
        }
        // They open nothing for this version, and are not to open anything for the one that reads them.
        for key in unreadable {
            let revoke = self.tenants.revoke_unreadable(&key, Some("offboarded"), now).await;
            revoke.map_err(|cause| unconfirmed(&key.key_id, cause))?;
            eprintln!("the item of key {} cannot be read; it is revoked", key.key_id);
        }
        Ok(())
    }

    async fn unlink_all(
        &self,
        tenant: &TenantId,
        context: &Context,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let also = &["FOLLOW_UP_QUEUE_URL", "NOTIFY_QUEUE_URL"];
        let variable = "ACCOUNTS_TABLE";
        let table = Table { function: "consent", variable, given: None, also };
        let (vars, dynamodb) = context.open(&table).await?;
        let commands = AccountCommands::open(&vars, &dynamodb, self.environment)?;
        let unlinker = Unlinker::open(&commands.accounts, &vars, self.environment)?;
        for account in commands.all_of(tenant).await? {
            done.unlinked += usize::from(unlinker.unlink(&account).await?);
        }
        Ok(())
    }

    async fn remove_endpoints(
        &self,
        tenant: &TenantId,
        context: &Context,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let variable = "WEBHOOK_ENDPOINTS_TABLE";
        let table = Table { function: "webhook-endpoints", variable, given: None, also: &[] };
        let (vars, dynamodb) = context.open(&table).await?;
        let endpoints = Endpoints::from_vars(&vars, &dynamodb)?;
        for endpoint in endpoints.of(tenant).await? {
            endpoints.remove(tenant, &endpoint.endpoint_id).await?;
            done.endpoints += 1;
        }
        Ok(())
    }

    async fn mask_all(
        &self,
        tenant: &TenantId,
        context: &Context,
        done: &mut Done,
    ) -> Result<(), Failure> {
        let variable = "PURCHASES_TABLE";
        let table = Table { function: "purchase", variable, given: None, also: &[] };
        let (vars, dynamodb) = context.open(&table).await?;
        let purchases = Purchases::from_vars(&vars, &dynamodb)?;
        let mut next = None;
        for pages in 1.. {
            let all = Filters::default();
            let page = purchases.list(tenant, &all, PAGE, next.as_deref()).await?;
            for purchase in page.purchases {
                match purchases.mask_one(&purchase).await? {
                    true => done.masked += 1,
                    false => done.open += 1,
                }
            }
            next = page.next;
            if next.is_none() || pages % TOLD_AFTER == 0 {
                eprintln!("purchases: {} masked, {} open", done.masked, done.open);
            }
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }

    fn offboarded(&self, tenant: &TenantId, done: &Done) -> String {
        let Done { revoked, unlinked, endpoints, masked, open, keys_just_revoked } = *done;
        let complete = open == 0 && !keys_just_revoked;
        if self.json {
            return document(&json!({
                "tenant": tenant, "complete": complete, "revoked": revoked, "unlinked": unlinked,
                "endpoints_removed": endpoints, "masked": masked, "open": open,
            }));
        }
        let mut text = String::new();
        if keys_just_revoked {
            let line = "its keys worked until a moment ago: run this again in";
            text += &format!("{line} {CACHE_SECONDS} seconds\n");
        }
        if open > 0 {
            text += &format!("{open} purchases are open: run this again when they are settled\n");
        }
        match complete {
            true => format!("tenant {tenant} is offboarded\n"),
            false => text,
        }
    }
}
