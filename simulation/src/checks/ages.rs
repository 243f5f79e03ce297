//! Numbers that are masked and accounts that are unlinked because they are old, and no others.

use shared::domain::account::DORMANT;
use shared::domain::purchase::State;
use shared::domain::time::to_ms;

use super::item::{CLOCK_DIFFERENCE_MS, at_ms, lines, number, text};
use super::name;
use crate::schedule::KEPT_DAYS;
use crate::world::{Item, World};

/// How long a number or an unread account is kept, in milliseconds.
const KEPT_MS: i64 = KEPT_DAYS.cast_signed() * 86_400_000;
/// A read in these last moments may come after the pass looked for reads.
const A_MOMENT_MS: i64 = 120_000;

/// What is old and was not passed over yet. Where the schedule does not last for weeks, the store is not
/// asked.
pub fn overdue(world: &World) -> Vec<String> {
    if !world.schedule.settings.ages {
        return vec![];
    }
    let old = to_ms(world.clock.now()) - KEPT_MS;
    let purchases = world.dynamodb.all("PurchasesTable");
    let numbers = purchases.iter().filter(|it| {
        number(it, "created_ms").is_some_and(|made| made < old) && is_final(it) && !is_masked(it)
    });
    let accounts = world.dynamodb.all("AccountsTable");
    let unread = accounts.iter().filter(|it| {
        let linked = linked_ms(it).unwrap_or_default();
        let read = world.record().reads.last.get(&key(it)).copied().unwrap_or_default();
        text(it, "state") == "linked" && linked.max(read) < old
    });
    let numbers = numbers.map(|it| format!("the number of {}", text(it, "purchase_id")));
    numbers.chain(unread.map(|it| format!("account {}", text(it, "account_id")))).collect()
}

/// A purchase was written: its number is masked only when it is old and settled.
pub(super) fn written(world: &World, item: &Item) {
    let young = to_ms(world.clock.now()) - KEPT_MS + CLOCK_DIFFERENCE_MS;
    let is_young = number(item, "created_ms").is_some_and(|made| made > young);
    if is_masked(item) && (is_young || !is_final(item)) {
        let detail = format!("the number of {} is masked", text(item, "purchase_id"));
        world.violated(name::OLD_ONLY, detail);
    }
}

/// An account was unlinked as dormant only where nobody had linked or read it for long.
pub(super) fn at_the_end(world: &World) {
    for account in world.dynamodb.all("AccountsTable") {
        let record = world.record();
        let reads = record.reads.shown.get(&key(&account)).cloned().unwrap_or_default();
        drop(record);
        for Dormant { linked_ms, ended_ms } in dormant_ends(&account) {
            let young = ended_ms - KEPT_MS + CLOCK_DIFFERENCE_MS;
            let is_read = reads.iter().any(|at| (young..ended_ms - A_MOMENT_MS).contains(at));
            if is_read || linked_ms >= young {
                let detail = format!("account {} was not dormant", text(&account, "account_id"));
                world.violated(name::OLD_ONLY, detail);
            }
        }
    }
}

/// Whether an account of a tenant was ever unlinked as dormant.
pub fn was_dormant(world: &World, tenant: &str, account_id: &str) -> bool {
    let key = [("account_id", account_id), ("tenant", tenant)];
    world.dynamodb.item("AccountsTable", &key).is_some_and(|it| !dormant_ends(&it).is_empty())
}

fn is_final(purchase: &Item) -> bool {
    text(purchase, "state").parse::<State>().is_ok_and(State::is_final)
}

fn is_masked(purchase: &Item) -> bool {
    text(purchase, "phone").contains('*')
}

fn key(account: &Item) -> (String, String) {
    (text(account, "tenant").to_owned(), text(account, "account_id").to_owned())
}

/// When an account was linked last, epoch milliseconds.
fn linked_ms(account: &Item) -> Option<i64> {
    lines(account)
        .filter(|line| text(line, "event") == "linked")
        .filter_map(|line| at_ms(line, "at"))
        .last()
}

/// An end of a consent whose data nobody read, epoch milliseconds.
struct Dormant {
    linked_ms: i64,
    ended_ms: i64,
}

/// The order of the lines tells what came first: two instances' clocks may differ.
fn dormant_ends(account: &Item) -> Vec<Dormant> {
    let (mut ends, mut linked_ms) = (Vec::new(), 0);
    for line in lines(account) {
        let Some(at) = at_ms(line, "at") else { continue };
        if text(line, "event") == "linked" {
            linked_ms = at;
        } else if text(line, "reason") == DORMANT {
            ends.push(Dormant { linked_ms, ended_ms: at });
        }
    }
    ends
}
