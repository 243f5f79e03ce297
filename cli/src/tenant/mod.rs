//! The commands `telco-gateway tenant create`, `list`, `rotate`, `change`, `revoke`, `limit` and `offboard`.

mod arguments;
mod change;
mod limit;
mod offboard;
mod view;

use serde_json::json;
use shared::domain::access::{Networks, Scopes};
use shared::domain::api_key::{ApiKey, KeyKind};
use shared::domain::ids::{KeyId, TenantId};
use shared::platform::crypto::ExposeSecret;
use shared::platform::environment::Environment;
use shared::store::{Listing, StoreError, Tenants};
use time::{Duration, OffsetDateTime};

pub use self::arguments::TenantArguments;
use self::arguments::{Command, Create, KeyEnd, Revoke, Rotate};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{document, show};

/// How long a gateway may still accept a revoked key: the template's `ReauthorizeEvery`.
const CACHE_SECONDS: u64 = 60;

/// How many days a live key works, unless something else is asked for.
const LIVE_KEY_DAYS: u16 = 365;

/// A key that is to be made.
struct NewKey {
    tenant: TenantId,
    kind: KeyKind,
    label: Option<String>,
    scopes: Option<Scopes>,
    networks: Option<Networks>,
    valid_until: Option<OffsetDateTime>,
}

impl NewKey {
    /// A key that may do what `key` may.
    fn like(key: &ApiKey) -> Self {
        let ApiKey { tenant, kind, label, scopes, networks, valid_until, .. } = key.clone();
        Self { tenant, kind, label, scopes, networks, valid_until }
    }
}

/// Where the commands work.
struct KeyCommands<'a> {
    tenants: Tenants,
    environment: &'a Environment,
    json: bool,
}

/// Runs a command and gives what remains to be printed.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: TenantArguments, context: &Context) -> Result<String, Failure> {
    let Context { json, environment, .. } = context;
    let tenants = context.tenants(arguments.table.given()).await?;
    let commands = KeyCommands { tenants, environment, json: *json };
    match arguments.command {
        Command::Create(create) => commands.create(create).await,
        Command::List { tenant } => commands.list(tenant.as_ref()).await,
        Command::Rotate(rotate) => commands.rotate(&rotate).await,
        Command::Change(change) => commands.change(&change).await,
        Command::Revoke(revoke) => commands.revoke(&revoke).await,
        Command::Limit(limit) => commands.limit(&limit).await,
        Command::Offboard { tenant, confirm } if tenant == confirm => {
            commands.offboard(&tenant, context).await
        }
        Command::Offboard { .. } => {
            Err(Failure::Refused("--confirm names another tenant; nothing was written".to_owned()))
        }
    }
}

impl KeyCommands<'_> {
    fn now(&self) -> OffsetDateTime {
        self.environment.clock.now()
    }

    async fn create(&self, create: Create) -> Result<String, Failure> {
        let Create { tenant, kind, label, another, scopes, networks, expires } = create;
        let valid_until = self.end(expires, kind)?;
        if let Some(key) = self.usable(&tenant).await?.pop().filter(|_| !another) {
            return Err(Failure::Refused(format!(
                "tenant {tenant} has a usable key, {}: rotate it, or give --another; nothing was written",
                key.key_id
            )));
        }
        let new = NewKey { tenant, kind, label, scopes, networks, valid_until };
        self.issue(new, &[]).await?;
        Ok(String::new())
    }

    async fn list(&self, tenant: Option<&TenantId>) -> Result<String, Failure> {
        let listing = self.tenants.all().await?;
        for key in &listing.unreadable {
            eprintln!("the item of key {} cannot be read: it opens nothing", key.key_id);
        }
        let wanted = |key: &ApiKey| tenant.is_none_or(|tenant| key.tenant == *tenant);
        let keys: Vec<ApiKey> = listing.keys.into_iter().filter(wanted).collect();
        let now = self.now();
        Ok(match self.json {
            true => document(&view::keys(&keys, now)),
            false => view::list(&keys, now),
        })
    }

    /// Stores and prints the new key before it ends an older one. Wherever this stops, the tenant has a
    /// usable key that somebody knows.
    async fn rotate(&self, rotate: &Rotate) -> Result<String, Failure> {
        let until = (self.now() + Duration::hours(rotate.overlap.into())).truncate_to_second();
        let mut older = self.to_rotate(rotate).await?;
        for key in &mut older {
            key.valid_until = Some(key.valid_until.map_or(until, |end| end.min(until)));
        }
        let Some(newest) = older.last() else {
            return Err(Failure::Refused(format!(
                "tenant {} has no usable key to rotate; nothing was written",
                rotate.tenant
            )));
        };
        let valid_until = self.end(rotate.expires, newest.kind)?;
        self.issue(NewKey { valid_until, ..NewKey::like(newest) }, &older).await?;
        for key in &older {
            let ended = self.tenants.end(&key.key_hash, until).await;
            ended.map_err(|cause| unconfirmed(&key.key_id, cause))?;
        }
        Ok(String::new())
    }

    /// The usable keys that the new one replaces, all of one kind.
    async fn to_rotate(&self, rotate: &Rotate) -> Result<Vec<ApiKey>, Failure> {
        let mut keys = self.usable(&rotate.tenant).await?;
        if let Some(id) = &rotate.key {
            keys.retain(|key| key.key_id.as_str().eq_ignore_ascii_case(id));
        }
        match rotate.kind {
            Some(kind) => keys.retain(|key| key.kind == kind),
            None if keys.iter().any(|key| key.kind != keys[0].kind) => {
                return Err(Failure::Refused(format!(
                    "tenant {} has usable keys of both kinds: give --kind; nothing was written",
                    rotate.tenant
                )));
            }
            None => {}
        }
        let like = |a: &ApiKey, b: &ApiKey| a.scopes == b.scopes && a.networks == b.networks;
        if keys.iter().any(|key| !like(key, &keys[0])) {
            return Err(Failure::Refused(format!(
                "the usable keys of tenant {} may do different things: give --key; nothing was written",
                rotate.tenant
            )));
        }
        Ok(keys)
    }

    /// When a new key of this kind ends: a live key after a year, unless something else is asked for.
    fn end(&self, asked: Option<KeyEnd>, kind: KeyKind) -> Result<Option<OffsetDateTime>, Failure> {
        let default = match kind {
            KeyKind::Live => KeyEnd::Days(LIVE_KEY_DAYS),
            KeyKind::Test => KeyEnd::Never,
        };
        let now = self.now();
        let end = asked.unwrap_or(default).from(now);
        match end.filter(|end| *end <= now) {
            Some(_) => {
                Err(Failure::Refused("the end is over already; nothing was written".to_owned()))
            }
            None => Ok(end),
        }
    }

    async fn revoke(&self, revoke: &Revoke) -> Result<String, Failure> {
        let Listing { keys, unreadable } = self.to_revoke(revoke).await?;
        let (because, mut revoked) = (revoke.reason.as_deref(), Vec::new());
        for key in &keys {
            let now = self.tenants.revoke(&key.key_hash, because, self.now()).await;
            revoked.extend(now.map_err(|cause| unconfirmed(&key.key_id, cause))?);
        }
        for key in &unreadable {
            let done = self.tenants.revoke_unreadable(key, because, self.now()).await;
            done.map_err(|cause| unconfirmed(&key.key_id, cause))?;
            eprintln!("the item of key {} cannot be read; it is revoked", key.key_id);
        }
        let unreadable: Vec<_> = unreadable.iter().map(|key| &key.key_id).collect();
        Ok(match self.json {
            true => document(&json!({
                "revoked": view::keys(&revoked, self.now()),
                "revoked_unreadable": unreadable,
                "effective_within_seconds": CACHE_SECONDS,
            })),
            false => format!(
                "{}works within {CACHE_SECONDS} seconds: gateways keep a decision that long\n",
                view::list(&revoked, self.now())
            ),
        })
    }

    /// The chosen keys, including revoked ones: revoking them again does nothing.
    async fn to_revoke(&self, revoke: &Revoke) -> Result<Listing, Failure> {
        let chosen = |id: &KeyId, of: Option<&TenantId>| match (&revoke.key_id, &revoke.tenant) {
            (Some(wanted), None) => id.as_str().eq_ignore_ascii_case(wanted),
            (None, Some(tenant)) => of == Some(tenant),
            (Some(_), Some(_)) | (None, None) => false,
        };
        let mut all = self.tenants.all().await?;
        all.keys.retain(|key| chosen(&key.key_id, Some(&key.tenant)));
        all.unreadable.retain(|key| chosen(&key.key_id, key.tenant.as_ref()));
        match (&revoke.key_id, &revoke.tenant) {
            _ if !all.keys.is_empty() || !all.unreadable.is_empty() => Ok(all),
            (Some(id), _) => Err(Failure::Refused(format!("no key has the id {id:?}"))),
            (None, Some(tenant)) => Err(Failure::Refused(format!("tenant {tenant} has no key"))),
            (None, None) => Ok(all),
        }
    }

    /// The tenant's usable keys, oldest first. Warns of those that cannot be read: what is done with the
    /// tenant's keys is not done with them.
    async fn usable(&self, tenant: &TenantId) -> Result<Vec<ApiKey>, Failure> {
        let now = self.now();
        let Listing { mut keys, unreadable } = self.tenants.all().await?;
        for key in unreadable.iter().filter(|key| key.tenant.as_ref() == Some(tenant)) {
            let id = &key.key_id;
            eprintln!("the item of key {id} cannot be read: it opens nothing and stays as it is");
        }
        keys.retain(|key| key.tenant == *tenant && key.usable(now));
        Ok(keys)
    }

    /// Stores a new key and prints it once, with the keys that it replaces.
    async fn issue(&self, new: NewKey, ending: &[ApiKey]) -> Result<(), Failure> {
        let now = self.now();
        let NewKey { tenant, kind, label, scopes, networks, valid_until } = new;
        let secret = kind.generate(&self.environment.random);
        let limits = self.money_limits(&tenant).await?;
        let key = ApiKey::new(secret.expose_secret(), tenant, kind, label, now);
        let key = ApiKey { scopes, networks, valid_until, ..key.with_money_limits(limits) };
        self.tenants.add(&key).await.map_err(|cause| unconfirmed(&key.key_id, cause))?;
        let text = match self.json {
            true => view::issued_document(&key, &secret, ending, now),
            false => view::issued(&key, &secret, ending, now),
        };
        show(&text).map_err(|_| {
            let id = &key.key_id;
            Failure::Unreachable(format!(
                "the new key {id} could not be printed: revoke it; nothing else was written"
            ))
        })?;
        eprintln!("keep the key: it is not shown again, and only its hash is stored");
        Ok(())
    }
}

fn unconfirmed(id: &KeyId, error: StoreError) -> Failure {
    Failure::Unreachable(format!(
        "{error}; it is unknown whether key {id} was written: list the keys"
    ))
}
