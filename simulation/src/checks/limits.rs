//! What is limited is counted before it is done, and no count exceeds its limit.

use dynoxide::types::AttributeValue;

use shared::domain::purchase::State;

use super::name;
use crate::record::Seen;
use crate::schedule::{Away, SPEND_LIMIT};
use crate::world::{Item, World};

const TABLE: &str = "LimitsTable";
/// The default limit on OTPs for one number in ten minutes and in a day.
const OTPS: (u64, u64) = (3, 10);

/// Mono was asked to send an OTP.
pub(super) fn otp_sent(world: &World) {
    let sent = {
        let mut record = world.record();
        record.otps += 1;
        record.otps
    };
    let counted = counted(world, "otp-number#");
    if sent > counted {
        let detail = format!("Mono was asked for {sent} OTPs, and {counted} are counted");
        world.violated(name::LIMITS_HELD, detail);
    }
}

/// A purchase was recorded. A purchase that cannot be counted goes on, so schedules with faults at the
/// counts show nothing.
pub(super) fn purchase_recorded(world: &World) {
    paid(world);
    let schedule = &world.schedule;
    let may_be_uncounted = schedule.faults.iter().any(|it| it.call.ends_with(TABLE))
        || schedule.outages.iter().any(|it| matches!(it.of, Away::Aws(..)));
    if schedule.settings.purchase_limit.is_none() || may_be_uncounted {
        return;
    }
    let recorded = world.record().purchases.len() as u64;
    let counted = counted(world, "purchases#");
    if recorded > counted {
        let detail = format!("{recorded} purchases are recorded, and {counted} are counted");
        world.violated(name::LIMITS_HELD, detail);
    }
}

/// What was paid for is counted, whatever went wrong with the counts: what cannot be counted is not sold.
/// What was recorded and never paid for may have been given back. A refill by voucher is not counted: the
/// tenant paid for it before.
pub(super) fn paid(world: &World) {
    let is_paid = |seen: &Seen| match seen.is_refill {
        true => seen.state == State::Delivered,
        false => world.vtpass.order(&seen.reference).is_some_and(|order| order.pay_calls > 0),
    };
    let purchases: Vec<Seen> = world.record().purchases.values().cloned().collect();
    let unfailed = purchases.iter().filter(|it| it.state != State::Failed && is_paid(it));
    let bought = unfailed.map(|it| it.amount).sum::<u64>();
    let counted = counted(world, "spending#");
    if bought > counted {
        let detail = format!("orders for {bought} kobo are paid for, and {counted} are counted");
        world.violated(name::LIMITS_HELD, detail);
    }
}

/// No count exceeds its limit.
pub(super) fn at_the_end(world: &World) {
    let purchases = world.schedule.settings.purchase_limit.map(|most| (u64::from(most), u64::MAX));
    for item in world.dynamodb.all(TABLE) {
        let limit = match key(&item).split_once('#') {
            Some(("otp-number", _)) => Some(OTPS),
            Some(("purchases", _)) => purchases,
            Some(("spending", _)) => purchases.map(|_| SPEND_LIMIT),
            _ => None,
        };
        let Some((short, long)) = limit else { continue };
        let most_short = counts(&item).filter(|(name, _)| *name != "long").map(|(_, it)| it).max();
        if most_short.is_some_and(|it| it > short) || long_count(&item) > long {
            world.violated(name::LIMITS_HELD, format!("{} is over its limit", key(&item)));
        }
    }
}

/// How often something was counted, in all windows.
fn counted(world: &World, prefix: &str) -> u64 {
    let items = world.dynamodb.all(TABLE);
    items.iter().filter(|item| key(item).starts_with(prefix)).map(long_count).sum()
}

fn key(item: &Item) -> &str {
    match item.get("pk") {
        Some(AttributeValue::S(key)) => key,
        _ => "",
    }
}

fn long_count(item: &Item) -> u64 {
    counts(item).find(|(name, _)| *name == "long").map_or(0, |(_, count)| count)
}

/// The counts of an item, by attribute.
fn counts(item: &Item) -> impl Iterator<Item = (&str, u64)> {
    item.iter().filter_map(|(name, value)| match value {
        AttributeValue::N(number) if name == "long" || is_short(name) => {
            Some((name.as_str(), number.parse().ok()?))
        }
        _ => None,
    })
}

/// Whether an attribute is the count of a short window: `s` and its number.
fn is_short(name: &str) -> bool {
    name.strip_prefix('s').is_some_and(|number| number.parse::<u32>().is_ok())
}
