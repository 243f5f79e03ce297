//! The guards of the services, in the `limits` table under `guard#` and the service's id. An item has no
//! end: it holds what an operator said, too.
//!
//! Outcomes are counted in attributes of their own, `ok_` and `bad_` with the minute. A count is one write
//! of which the answer is judged. Whatever changes the state compares the revision.

use aws_sdk_dynamodb::types::AttributeValue;
use serde_dynamo::{from_item, to_item};

use super::conditional::{AS_OWN, Item, UNLESS_OWN, WriteId, Written, assign, update, update_once};
use super::table::{Table, pause_before_more};
use super::{Outbox, StoreError, number, text};
use crate::domain::event::Subject;
use crate::domain::guard::{Counted, Counts, Gate, Guard, Sale, Sign, State, Thresholds};
use crate::domain::ids::PurchaseId;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::{Clock, Environment, Random};

/// How often a change is tried again after another one came first.
const TRIES: usize = 5;
const GOOD: &str = "ok_";
const BAD: &str = "bad_";

/// The guards of all services.
#[derive(Debug, Clone)]
pub struct Guards {
    table: Table,
    /// None where the guard is switched off.
    thresholds: Option<Thresholds>,
    clock: Clock,
    random: Random,
}

/// Whether a new order may be sold.
#[derive(Debug)]
pub enum Admission {
    /// It may. Holds the guard as it was read; none where it is off or could not be read.
    Free(Option<Guard>),
    /// It may, as the probe.
    Probe(Guard),
    /// It is refused: when to try again, and the guard.
    Refused(std::time::Duration, Guard),
}

/// What a guard says of its service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// Whether it is sold.
    pub sale: Sale,
    /// Its outcomes of the last minutes, as far as they were counted.
    pub lately: Counted,
}

/// How a change ended. Holds the guard as it is now.
#[derive(Debug)]
pub enum GuardChange {
    /// It was written.
    Made(Guard),
    /// There was nothing to change.
    Needless(Guard),
}

impl Guards {
    /// The table named by `LIMITS_TABLE`, and the thresholds of `GUARD`.
    ///
    /// # Errors
    /// [`ConfigError`] when a variable is missing or cannot be used.
    pub fn from_vars(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &aws_sdk_dynamodb::Client,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            table: Table::from_vars(vars, "LIMITS_TABLE", dynamodb)?,
            thresholds: Thresholds::from_vars(vars)?,
            clock: environment.clock.clone(),
            random: environment.random.clone(),
        })
    }

    /// The guard of a service, read eventually consistently: half a unit. `None` where it is off.
    ///
    /// # Errors
    /// [`StoreError`]: the service is then sold.
    pub async fn look(&self, service_id: &str) -> Result<Option<Guard>, StoreError> {
        if self.thresholds.is_none() {
            return Ok(None);
        }
        let get = self.table.client.get_item().table_name(&self.table.name);
        let item = get.key("pk", text(key(service_id))).send().await?.item;
        guard(service_id, item.unwrap_or_default()).map(Some)
    }

    /// The guard of a service, read consistently, also where it is off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn get(&self, service_id: &str) -> Result<Guard, StoreError> {
        let item = self.table.get([("pk", &*key(service_id))]).await?;
        guard(service_id, item.unwrap_or_default())
    }

    /// The guards of these services, in their order, read consistently by one call, also where they are
    /// off.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn all(&self, service_ids: &[&str]) -> Result<Vec<Guard>, StoreError> {
        let pk = |id: &str| Item::from([("pk".to_owned(), text(key(id)))]);
        let mut unread: Vec<Item> = service_ids.iter().map(|id| pk(id)).collect();
        let mut items = Vec::new();
        for tries in 0..TRIES {
            let (found, left) = self.table.batch(unread).await?;
            items.extend(found);
            unread = left;
            if unread.is_empty() {
                let of = |id: &&str| {
                    let pk = text(key(id));
                    let item = items.iter().find(|item| item.get("pk") == Some(&pk)).cloned();
                    guard(id, item.unwrap_or_default())
                };
                return service_ids.iter().map(of).collect();
            }
            pause_before_more(tries).await;
        }
        Err(StoreError::Unavailable("not all guards were read".to_owned()))
    }

    /// What the guard of each of these services says, in their order, by one read.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn seen(&self, service_ids: &[&str]) -> Result<Vec<Seen>, StoreError> {
        let Some(thresholds) = &self.thresholds else {
            let nothing = Seen { sale: Sale::On, lately: Counted::default() };
            return Ok(vec![nothing; service_ids.len()]);
        };
        let (guards, now) = (self.all(service_ids).await?, self.clock.now());
        let seen = guards.into_iter().map(|guard| Seen {
            sale: guard.state.sale(now),
            lately: guard.counts.within(thresholds, now),
        });
        Ok(seen.collect())
    }

    /// Decides on a new order by the guard that was read. If the service is suspended and a probe is due,
    /// the order becomes the probe, unless another one is first.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be the probe: it must then be refused.
    pub async fn admit(
        &self,
        outbox: &Outbox,
        seen: Guard,
        purchase_id: &PurchaseId,
    ) -> Result<Admission, StoreError> {
        let mut guard = seen;
        if guard.state.lapse(self.clock.now()).is_some() {
            guard = self.lapse(outbox, guard).await;
        }
        match guard.state.gate(self.clock.now()) {
            Gate::Open => return Ok(Admission::Free(Some(guard))),
            Gate::Refused(wait) => return Ok(Admission::Refused(wait, guard)),
            Gate::ProbeDue => {}
        }
        let claim = |state: &State| state.claim(purchase_id, self.clock.now());
        match self.change(outbox, guard, claim).await? {
            GuardChange::Made(guard) => Ok(Admission::Probe(guard)),
            GuardChange::Needless(guard) => Ok(match guard.state.gate(self.clock.now()) {
                Gate::Refused(wait) => Admission::Refused(wait, guard),
                Gate::Open | Gate::ProbeDue => Admission::Free(Some(guard)),
            }),
        }
    }

    /// Notes what the outcome of an order says about its service. `seen` is the guard as it was read
    /// before. Nothing is written for a good outcome while there are no bad ones, nor while the service is
    /// suspended, except by its probe.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be noted.
    pub async fn learn(
        &self,
        outbox: &Outbox,
        seen: Guard,
        purchase_id: &PurchaseId,
        sign: Sign,
    ) -> Result<(), StoreError> {
        let Some(thresholds) = &self.thresholds else { return Ok(()) };
        if seen.is_probed_by(purchase_id) {
            let end = |state: &State| match sign {
                Sign::Good => state.probe_passed(purchase_id, self.clock.now()),
                Sign::Failed | Sign::Unclear => state.probe_failed(purchase_id, self.clock.now()),
            };
            return self.change(outbox, seen, end).await.map(drop);
        }
        if seen.state.closed.is_some() {
            return Ok(());
        }
        let (now, roll) = (self.clock.now(), u32::from_be_bytes(self.random.bytes()));
        let Some(weight) = seen.counts.weight(sign, thresholds, now, roll) else { return Ok(()) };
        let outdated = seen.counts.outdated(thresholds, now);
        let guard = self.count(&seen.service_id, sign, weight, &outdated).await?;
        match guard.counts.judge(thresholds, now) {
            Some(because) if sign.is_bad() => {
                let close = |state: &State| state.close(&because, now);
                self.change(outbox, guard, close).await.map(drop)
            }
            _ => Ok(()),
        }
    }

    /// Ends a probe that was not sold, or whose outcome says nothing.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be ended: it ends by itself.
    pub async fn release(
        &self,
        outbox: &Outbox,
        seen: Guard,
        purchase_id: &PurchaseId,
    ) -> Result<(), StoreError> {
        let release = |state: &State| state.probe_released(purchase_id);
        self.change(outbox, seen, release).await.map(drop)
    }

    /// Counts an outcome, as `weight` of them, and removes the counts of outdated minutes.
    async fn count(
        &self,
        service_id: &str,
        sign: Sign,
        weight: u32,
        outdated: &[i64],
    ) -> Result<Guard, StoreError> {
        let kind = if sign.is_bad() { BAD } else { GOOD };
        let minute = Counts::minute(self.clock.now());
        let mut count = self
            .table
            .update([("pk", &*key(service_id))])
            .condition_expression(UNLESS_OWN)
            .expression_attribute_names("#count", format!("{kind}{minute}"))
            .expression_attribute_names("#row", ROW)
            .expression_attribute_values(":weight", number(weight));
        let (add, set) = match sign {
            Sign::Unclear => (", #row :weight", ""),
            Sign::Good | Sign::Failed => {
                count = count.expression_attribute_values(":none", number(0));
                ("", ", #row = :none")
            }
        };
        let names =
            outdated.iter().flat_map(|minute| [GOOD, BAD].map(|it| format!("{it}{minute}")));
        let mut remove = Vec::new();
        for (index, name) in names.enumerate() {
            count = count.expression_attribute_names(format!("#old{index}"), name);
            remove.push(format!("#old{index}"));
        }
        let remove = match remove.is_empty() {
            true => String::new(),
            false => format!(" REMOVE {}", remove.join(", ")),
        };
        let count =
            count.update_expression(format!("ADD #count :weight{add} SET {AS_OWN}{set}{remove}"));
        let counted = update_once(WriteId::random(&self.random), count).await?;
        guard(service_id, counted.into_item())
    }

    /// Makes a change, by `make` from the state as it is stored. What tenants are to be told of is
    /// announced first. `make` runs again if another change came first.
    ///
    /// # Errors
    /// [`StoreError`] when it is not known to be made.
    pub async fn change(
        &self,
        outbox: &Outbox,
        seen: Guard,
        make: impl Fn(&State) -> Option<State>,
    ) -> Result<GuardChange, StoreError> {
        let mut guard = seen;
        for _ in 0..TRIES {
            let Some(state) = make(&guard.state) else { return Ok(GuardChange::Needless(guard)) };
            let new = state.changes.last().filter(|it| Some(*it) != guard.state.changes.last());
            if let Some(new) = new {
                let subject = Subject::Service { service_id: guard.service_id.clone() };
                outbox.announce(subject, new.event(), new.at).await?;
            }
            match self.replace(&guard, &state).await? {
                Written::Done(item) => {
                    if let Some(new) = new {
                        new.report(&guard.service_id);
                    }
                    return Ok(GuardChange::Made(self::guard(&guard.service_id, item)?));
                }
                Written::Refused(item) => guard = self::guard(&guard.service_id, item)?,
            }
        }
        Err(StoreError::Unavailable("a guard is changed by too many at once".to_owned()))
    }

    /// Writes a state over the one that was read. Where that changes whether the service is sold, the
    /// counts begin anew.
    async fn replace(&self, before: &Guard, state: &State) -> Result<Written, StoreError> {
        let (mut old, mut new): (Item, Item) = (to_item(&before.state)?, to_item(state)?);
        if state.changes.last() != before.state.changes.last() {
            for minute in before.counts.by_minute.keys() {
                old.extend([GOOD, BAD].map(|kind| (format!("{kind}{minute}"), number(0))));
            }
            new.insert(ROW.to_owned(), number(0));
        }
        let revision = text(self.random.id());
        new.insert(REVISION.to_owned(), revision.clone());
        let pk = key(&before.service_id);
        let key = [("pk", &*pk)];
        let replace = assign(self.table.update(key), key, &old, new);
        let replace = match &before.revision {
            None => replace.condition_expression("attribute_not_exists(revision)"),
            Some(before) => replace
                .condition_expression("revision = :before")
                .expression_attribute_values(":before", text(before)),
        };
        Ok(update(replace).await?.or_own(|item| item.get(REVISION) == Some(&revision)))
    }

    /// Notes the ends of what operators said about these services, so that tenants are told of them also
    /// while nobody orders.
    ///
    /// # Errors
    /// [`StoreError`] when the guards cannot be read.
    pub async fn note_ends(&self, outbox: &Outbox, service_ids: &[&str]) -> Result<(), StoreError> {
        if self.thresholds.is_none() {
            return Ok(());
        }
        for guard in self.all(service_ids).await? {
            if guard.state.lapse(self.clock.now()).is_some() {
                self.lapse(outbox, guard).await;
            }
        }
        Ok(())
    }

    /// Notes that what an operator said has ended. If that fails, the next order tries again.
    async fn lapse(&self, outbox: &Outbox, seen: Guard) -> Guard {
        let lapse = |state: &State| state.lapse(self.clock.now());
        match self.change(outbox, seen.clone(), lapse).await {
            Ok(GuardChange::Made(guard) | GuardChange::Needless(guard)) => guard,
            Err(error) => {
                let service_id = seen.service_id.as_str();
                tracing::warn!(service_id, reason = %error, "the end of a suspension cannot be noted");
                seen
            }
        }
    }
}

const ROW: &str = "row";
const REVISION: &str = "revision";

fn key(service_id: &str) -> String {
    format!("guard#{service_id}")
}

/// The guard in an item; an empty one where there is none.
pub(super) fn guard(service_id: &str, item: Item) -> Result<Guard, StoreError> {
    let mut guard = Guard::new(service_id);
    for (name, value) in &item {
        let (Some(count), kind) = (whole(value), name.as_str()) else { continue };
        if let Some(minute) = kind.strip_prefix(GOOD).and_then(|it| it.parse().ok()) {
            guard.counts.by_minute.entry(minute).or_default().good = count;
        } else if let Some(minute) = kind.strip_prefix(BAD).and_then(|it| it.parse().ok()) {
            guard.counts.by_minute.entry(minute).or_default().bad = count;
        }
    }
    guard.counts.row = item.get(ROW).and_then(whole).unwrap_or(0);
    guard.revision = item.get(REVISION).and_then(|it| it.as_s().ok()).cloned();
    guard.state = from_item(item)?;
    Ok(guard)
}

fn whole(value: &AttributeValue) -> Option<u32> {
    value.as_n().ok()?.parse().ok()
}
