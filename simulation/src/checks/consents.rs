//! Consents that end by the clock.

use shared::domain::ids::TenantId;
use shared::domain::time::to_ms;

use super::item::{CLOCK_DIFFERENCE_MS, number, text};
use super::name;
use crate::schedule::Deed;
use crate::world::World;

/// When the consents of linked accounts end, in milliseconds since 1970. Where no link of the schedule has
/// an end, the store is not asked.
pub fn ends(world: &World) -> Vec<i64> {
    let has_end = |deed: &Deed| matches!(deed, Deed::Link { ends_after_ms: Some(_), .. });
    match world.schedule.actions.iter().any(|action| has_end(&action.deed)) {
        true => stored_ends(world),
        false => vec![],
    }
}

fn stored_ends(world: &World) -> Vec<i64> {
    let accounts = world.dynamodb.all("AccountsTable");
    let linked = accounts.iter().filter(|account| text(account, "state") == "linked");
    linked.filter_map(|account| number(account, "ends_ms")).collect()
}

/// When the consent of a linked account ends; `None` if it has no end, or the account is not linked.
pub fn end_of(world: &World, tenant: &TenantId, account_id: &str) -> Option<i64> {
    let key = [("account_id", account_id), ("tenant", tenant.as_str())];
    let account = world.dynamodb.item("AccountsTable", &key)?;
    let is_linked = text(&account, "state") == "linked";
    number(&account, "ends_ms").filter(|_| is_linked)
}

/// Whether a consent had surely ended at a time, by the clock of any instance.
pub fn has_ended(end: Option<i64>, at_ms: i64) -> bool {
    end.is_some_and(|end| end + CLOCK_DIFFERENCE_MS < at_ms)
}

/// No consent is past its end and still in force.
pub(super) fn at_the_end(world: &World) {
    let now = to_ms(world.clock.now());
    for end in stored_ends(world).into_iter().filter(|end| *end <= now) {
        world.violated(name::CONSENTS_END, format!("a consent ended at {end} and is in force"));
    }
}
