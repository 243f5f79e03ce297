//! `telco-gateway tenant ...`: callers and their API keys.

mod arguments;
mod view;

use std::io::Write;

use serde_json::json;
use shared::aws;
use shared::secret::ExposeSecret;
use shared::store::{StoreError, Tenant, Tenants};
use shared::tenant_key::{KeyKind, TenantKey};
use shared::world::{World, epoch};
use time::{Duration, OffsetDateTime};

pub use self::arguments::TenantArguments;
use self::arguments::{Command, Create, Revoke, Rotate};
use crate::failure::Failure;
use crate::target::{Table, Target};

/// How long a gateway may still take a key that ended: the template's `ReauthorizeEvery`.
const CACHE_SECONDS: u64 = 60;

/// What a command works with.
struct Desk<'a> {
    tenants: Tenants,
    world: &'a World,
    json: bool,
}

/// Runs a command and gives what is left to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(
    arguments: TenantArguments,
    target: &Target,
    json: bool,
    world: &World,
) -> Result<String, Failure> {
    let tenants = open(target, arguments.table.as_deref(), world).await?;
    let desk = Desk { tenants, world, json };
    match arguments.command {
        Command::Create(create) => desk.create(create).await,
        Command::List { tenant } => desk.list(tenant.as_ref()).await,
        Command::Rotate(rotate) => desk.rotate(&rotate).await,
        Command::Revoke(revoke) => desk.revoke(&revoke).await,
    }
}

async fn open(target: &Target, given: Option<&str>, world: &World) -> Result<Tenants, Failure> {
    let table = Table { function: "authorizer", variable: "TENANTS_TABLE", given };
    let vars = target.vars(&table, &world.http).await?;
    // The store's timeouts are those of a function beside its table; a person may be far away.
    world.http.warm(&aws::dynamodb_url(&vars)?).await;
    Ok(Tenants::from_vars(&vars, &aws::dynamodb(&vars, world)?)?)
}

impl Desk<'_> {
    fn now(&self) -> OffsetDateTime {
        self.world.clock.now()
    }

    async fn create(&self, create: Create) -> Result<String, Failure> {
        let Create { tenant, kind, label, another } = create;
        if let Some(key) = self.usable(&tenant).await?.pop().filter(|_| !another) {
            return Err(Failure::HasKey { tenant, key_id: key.key_id });
        }
        self.issue(tenant, kind, label, &[]).await?;
        Ok(String::new())
    }

    async fn list(&self, tenant: Option<&Tenant>) -> Result<String, Failure> {
        let listing = self.tenants.all().await?;
        for id in &listing.unreadable {
            eprintln!("the item of key {id:?} cannot be read: it opens nothing");
        }
        let wanted = |key: &TenantKey| tenant.is_none_or(|tenant| key.tenant == *tenant);
        let keys: Vec<TenantKey> = listing.keys.into_iter().filter(wanted).collect();
        let now = self.now();
        Ok(if self.json { view::list_document(&keys, now) } else { view::list(&keys, now) })
    }

    /// The new key is stored and shown before an older one is made to end: whatever stops this, the
    /// tenant has a key that works and that somebody knows.
    async fn rotate(&self, rotate: &Rotate) -> Result<String, Failure> {
        let until = epoch(self.now() + Duration::hours(rotate.overlap.into()));
        let mut older = self.to_rotate(rotate).await?;
        for key in &mut older {
            key.valid_until = Some(key.valid_until.map_or(until, |end| end.min(until)));
        }
        let Some(newest) = older.last() else {
            return Err(Failure::NoUsableKey(rotate.tenant.clone()));
        };
        self.issue(newest.tenant.clone(), newest.kind, newest.label.clone(), &older).await?;
        for key in &older {
            let ended = self.tenants.end(&key.key_hash, until).await;
            ended.map_err(|cause| unconfirmed(key, cause))?;
        }
        Ok(String::new())
    }

    /// The usable keys that a new one replaces, all of one kind.
    async fn to_rotate(&self, rotate: &Rotate) -> Result<Vec<TenantKey>, Failure> {
        let mut keys = self.usable(&rotate.tenant).await?;
        match rotate.kind {
            Some(kind) => keys.retain(|key| key.kind == kind),
            None if keys.iter().any(|key| key.kind != keys[0].kind) => {
                return Err(Failure::BothKinds(rotate.tenant.clone()));
            }
            None => {}
        }
        Ok(keys)
    }

    async fn revoke(&self, revoke: &Revoke) -> Result<String, Failure> {
        let keys = self.to_revoke(revoke).await?;
        let mut revoked = Vec::new();
        for key in &keys {
            let because = revoke.reason.as_deref();
            let now = self.tenants.revoke(&key.key_hash, because, self.now()).await;
            revoked.extend(now.map_err(|cause| unconfirmed(key, cause))?);
        }
        Ok(match self.json {
            true => view::document(&json!({
                "revoked": view::keys(&revoked, self.now()),
                "effective_within_seconds": CACHE_SECONDS,
            })),
            false => format!(
                "{}works within {CACHE_SECONDS} seconds: gateways keep a decision that long\n",
                view::list(&revoked, self.now())
            ),
        })
    }

    /// The keys that are meant, revoked ones included: to revoke them again does nothing.
    async fn to_revoke(&self, revoke: &Revoke) -> Result<Vec<TenantKey>, Failure> {
        let meant = |key: &TenantKey| match (&revoke.key_id, &revoke.tenant) {
            (Some(id), None) => key.key_id.eq_ignore_ascii_case(id),
            (None, Some(tenant)) => key.tenant == *tenant,
            (Some(_), Some(_)) | (None, None) => false,
        };
        let keys = self.tenants.all().await?.keys;
        let keys: Vec<TenantKey> = keys.into_iter().filter(meant).collect();
        match (&revoke.key_id, &revoke.tenant) {
            _ if !keys.is_empty() => Ok(keys),
            (Some(id), _) => Err(Failure::NoKey(id.clone())),
            (None, Some(tenant)) => Err(Failure::NoKeyOf(tenant.clone())),
            (None, None) => Ok(keys),
        }
    }

    /// The tenant's keys that work now, oldest first.
    async fn usable(&self, tenant: &Tenant) -> Result<Vec<TenantKey>, Failure> {
        let now = self.now();
        let keys = self.tenants.all().await?.keys.into_iter();
        Ok(keys.filter(|key| key.tenant == *tenant && key.usable(now)).collect())
    }

    /// Stores a new key and shows it, once, with the keys that will end in its place.
    async fn issue(
        &self,
        tenant: Tenant,
        kind: KeyKind,
        label: Option<String>,
        ending: &[TenantKey],
    ) -> Result<(), Failure> {
        let now = self.now();
        let secret = kind.generate(&self.world.random);
        let key = TenantKey::new(secret.expose_secret(), tenant, kind, label, now);
        self.tenants.add(&key).await.map_err(|cause| unconfirmed(&key, cause))?;
        let text = match self.json {
            true => view::issued_document(&key, &secret, ending, now),
            false => view::issued(&key, &secret, ending, now),
        };
        show(&text).map_err(|_| Failure::NotShown(key.key_id))?;
        eprintln!("keep the key: it is not shown again, and only its hash is stored");
        Ok(())
    }
}

fn show(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

fn unconfirmed(key: &TenantKey, cause: StoreError) -> Failure {
    Failure::KeyUnconfirmed { key_id: key.key_id.clone(), cause }
}
