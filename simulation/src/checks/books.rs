//! What must hold of the books when the last day is closed.

use shared::domain::date::Date;
use shared::domain::report::{ClosedDay, Moved, Tally};
use shared::platform::aws;
use shared::store::{Books, StoreError, Whose};
use time::OffsetDateTime;

use super::item::{number, text};
use super::{name, purchases};
use crate::schedule::Deed;
use crate::world::{Blueprint, Item, TENANTS, World, tenant_id, vars_of};

/// Each day since the first that could be closed is closed, says what was recorded, and explains how
/// the wallet moved.
///
/// # Panics
/// When the books cannot be read.
pub async fn days_add_up(world: &World, blueprint: &Blueprint) {
    let vars = vars_of("books", blueprint);
    let dynamodb = aws::dynamodb(&vars, &world.outside).expect("the variables are complete");
    let books = Books::from_vars(&vars, &dynamodb).expect("the variables are complete");
    let mut date = Date::of(world.start()).previous();
    let last = Date::of(world.clock.now()).previous();
    let mut is_begun = false;
    while date <= last {
        match closed(&books, date).await.expect("nobody disturbs the last reads") {
            Some((all, tenants)) => {
                is_begun = true;
                check(world, &all, &tenants);
            }
            None if is_begun || date == last => {
                world.violated(name::ADDS_UP, format!("the day {date} was not closed"));
            }
            None => {}
        }
        date = date.next();
    }
}

/// A day of the deployment, and of each tenant.
async fn closed(
    books: &Books,
    date: Date,
) -> Result<Option<(ClosedDay, Vec<ClosedDay>)>, StoreError> {
    let Some(all) = books.day(Whose::Everyone, date).await? else { return Ok(None) };
    let mut tenants = Vec::new();
    for number in 0..TENANTS {
        tenants.extend(books.day(Whose::Tenant(&tenant_id(number)), date).await?);
    }
    Ok(Some((all, tenants)))
}

fn check(world: &World, all: &ClosedDay, tenants: &[ClosedDay]) {
    let (total, date) = (all.report.total(), all.report.date);
    let recounted = recount(world, all);
    let of_tenants = tenants.iter().map(|day| day.report.total().orders).sum::<u64>();
    if total.orders != of_tenants || total.orders != recounted.orders {
        let detail = format!(
            "{date} has {} orders, its tenants {of_tenants}, the table {}",
            total.orders, recounted.orders
        );
        world.violated(name::ADDS_UP, detail);
    }
    let is_all_of_the_day = recounted.open == 0 && total.earlier.is_empty();
    if is_all_of_the_day && settled(&total) != settled(&recounted) {
        let (said, is) = (settled(&total), settled(&recounted));
        let detail = format!("{date} has {said:?} delivered, failed, kobo; the table {is:?}");
        world.violated(name::ADDS_UP, detail);
    }
    explained(world, all);
}

/// What ended of the orders of a day, and what the delivered ones cost.
fn settled(tally: &Tally) -> (u64, u64, u64) {
    (tally.delivered, tally.failed, tally.cost_kobo)
}

/// The orders of a day by the table. Those are open that changed after the day.
fn recount(world: &World, day: &ClosedDay) -> Tally {
    let date = day.report.date;
    let mut tally = Tally::default();
    for item in world.dynamodb.all(purchases::TABLE) {
        let made = at(&item, "created_ms").filter(|made| Date::of(*made) == date);
        if made.is_none() {
            continue;
        }
        tally.orders += 1;
        let changed = at(&item, "updated_ms");
        match text(&item, "state") {
            _ if changed.is_none_or(|changed| Date::of(changed) != date) => tally.open += 1,
            "delivered" => {
                tally.delivered += 1;
                let cost = number(&item, "cost_kobo").unwrap_or_default();
                tally.cost_kobo += u64::try_from(cost).unwrap_or_default();
            }
            "failed" => tally.failed += 1,
            _ => tally.open += 1,
        }
    }
    tally
}

/// The books explain how the wallet moved, unless VTpass's staff changed an order, or a cost is not
/// known: that of an order that waits for a person, because VTpass sold it at another price, is not.
fn explained(world: &World, day: &ClosedDay) {
    let Some(wallet) = &day.wallet else { return };
    let has = |is: fn(&Deed) -> bool| world.schedule.actions.iter().any(|it| is(&it.deed));
    let is_resolved = has(|deed| matches!(deed, Deed::Resolve { .. }));
    let is_repriced = has(|deed| matches!(deed, Deed::Reprice { .. }));
    let Moved { in_flight, cost_unknown, .. } = wallet.moved;
    if is_resolved || cost_unknown > 0 || (is_repriced && in_flight > 0) {
        return;
    }
    if wallet.is_contradicted(0) {
        let (date, kobo) = (day.report.date, wallet.unexplained_kobo());
        let detail = format!("on {date} nothing explains {kobo} kobo of the wallet: {wallet:?}");
        world.violated(name::ADDS_UP, detail);
    }
}

fn at(item: &Item, name: &str) -> Option<OffsetDateTime> {
    let ms = i128::from(number(item, name)?);
    OffsetDateTime::from_unix_timestamp_nanos(ms * 1_000_000).ok()
}
