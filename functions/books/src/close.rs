//! Closes the days that are over: a report for each tenant, then one for all together. A run that stops
//! in between goes on where it stopped, because what is kept is not counted again.

use std::collections::BTreeSet;

use shared::domain::date::Date;
use shared::domain::guard::Guard;
use shared::domain::ids::TenantId;
use shared::domain::report::{Balance, ClosedDay, Moved, Movement, Report, Suspension};
use shared::domain::service::Service;
use shared::domain::time::CLOCK_DIFFERENCE;
use shared::platform::telemetry::alarm::Alarm;
use shared::store::{StoreError, Visit, Whose};
use time::{Duration, OffsetDateTime};
use tokio::time::Instant;

use crate::BooksFunction;

/// How long after its end a day is closed. Until then what was written at its end is in the indexes.
const WAIT: Duration = Duration::hours(1);
/// How long after its end a day waits for a version that can read all its purchases.
const PATIENCE: Duration = Duration::days(3);
/// How long after its end a day that is still open is told.
const OVERDUE: Duration = Duration::hours(12);
/// How long after a day's end a reading of the balance still belongs to it.
const READING: Duration = Duration::hours(6);

/// The readings of the balance between which a day's orders moved the wallet.
#[derive(Clone, Copy)]
struct Readings {
    from: Balance,
    to: Balance,
}

/// Raises an alarm for a day that should have been closed long ago.
fn note_open(date: Date, now: OffsetDateTime) {
    if date.ends() + OVERDUE <= now {
        let (alarm, date) = (Alarm::DayNotClosed.name(), date.to_string());
        tracing::error!(alarm, date, "a day is not closed yet");
    }
}

impl BooksFunction {
    /// Gives how many days were closed.
    pub(crate) async fn close_days(&self, until: Instant) -> Result<u32, StoreError> {
        let now = self.environment.clock.now();
        let yesterday = Date::of(now - Duration::DAY);
        let last = self.books.last_closed().await?;
        let mut date = last.map_or(yesterday, Date::next);
        let mut closed = 0;
        while date.ends() + WAIT <= now {
            if !self.close_day(date, until).await? {
                note_open(date, now);
                break;
            }
            closed += 1;
            date = date.next();
        }
        Ok(closed)
    }

    /// Gives whether the day could be closed: there was time for it, and all its purchases could be read.
    async fn close_day(&self, date: Date, until: Instant) -> Result<bool, StoreError> {
        let readings = self.readings(date).await?;
        let (mut report, mut moved) = (Report::of_nothing(date), Moved::default());
        for tenant in self.tenants().await? {
            let Some(day) = self.close_for(&tenant, date, readings, until).await? else {
                return Ok(false);
            };
            report.add_all(&day.report);
            moved += day.moved;
        }
        let wallet = match readings {
            Some(Readings { from, to }) => {
                let top_ups = self.books.top_ups(from.at, to.at).await?;
                // What came at the very time of the first reading is in its balance already.
                let later = top_ups.iter().filter(|it| it.at > from.at);
                let top_ups_kobo = later.map(|it| it.amount_kobo.kobo()).sum();
                Some(Movement { from, to, moved, top_ups_kobo })
            }
            None => None,
        };
        let suspensions = self.suspensions(date).await?;
        let day = ClosedDay { closed_at: self.now(), report, moved, wallet, suspensions };
        let day = self.books.close(Whose::Everyone, day).await?;
        self.report(&day);
        Ok(true)
    }

    /// Closes a tenant's day; `None` where there was no time for it, or where it waits for a version that can
    /// read all its purchases.
    async fn close_for(
        &self,
        tenant: &TenantId,
        date: Date,
        readings: Option<Readings>,
        until: Instant,
    ) -> Result<Option<ClosedDay>, StoreError> {
        if let Some(day) = self.books.day(Whose::Tenant(tenant), date).await? {
            return Ok(Some(day));
        }
        let (begins, ends) = (date.begins(), date.ends());
        let (first, last) = readings.map_or((begins, ends), |it| (it.from.at, it.to.at));
        let (earliest, latest) = (first - CLOCK_DIFFERENCE, last + CLOCK_DIFFERENCE);
        let (mut report, mut moved) = (Report::of_nothing(date), Moved::default());
        let visit = Visit {
            tenant,
            // Orders of the day before are looked back on during this one.
            from: begins.min(earliest) - Duration::DAY,
            to: ends.max(latest),
            late_from: begins.min(earliest),
            until,
        };
        let visited = self.purchases.visit(visit, |purchase| {
            report.add(purchase);
            moved += readings.map_or(Moved::default(), |_| Moved::of(purchase, first, last));
        });
        let Some(unreadable) = visited.await? else { return Ok(None) };
        if unreadable > 0 && self.now() < ends + PATIENCE {
            return Ok(None);
        }
        report.unreadable = unreadable;
        let (closed_at, wallet, suspensions) = (self.now(), None, Vec::new());
        let day = ClosedDay { closed_at, report, moved, wallet, suspensions };
        Ok(Some(self.books.close(Whose::Tenant(tenant), day).await?))
    }

    /// The reading at which the day before ended, and the first one after this day. Where a run was
    /// missed, the nearest ones.
    async fn readings(&self, date: Date) -> Result<Option<Readings>, StoreError> {
        let before = self.books.day(Whose::Everyone, date.previous()).await?;
        let before = before.and_then(|day| day.wallet).map(|wallet| wallet.to);
        let begins = before.map_or(date.begins(), |reading| reading.at);
        let all = self.books.balances(begins, date.ends() + READING).await?;
        let from = before.or(all.first().copied());
        let after = all.iter().find(|reading| reading.at >= date.ends());
        let to = after.or(all.last()).copied();
        let readings = from.zip(to).map(|(from, to)| Readings { from, to });
        Ok(readings.filter(|it| it.from.at < it.to.at))
    }

    /// The services that were suspended or sold again on the day.
    async fn suspensions(&self, date: Date) -> Result<Vec<Suspension>, StoreError> {
        let services = Service::all().map(|service| service.id);
        let guards = self.guards.all(&services).await?.into_iter();
        let suspensions = guards.flat_map(|Guard { service_id, state, .. }| {
            let changes = state.changes.into_iter();
            let changes = changes.filter(|change| Date::of(change.at) == date);
            changes.map(move |change| Suspension { service_id: service_id.clone(), change })
        });
        Ok(suspensions.collect())
    }

    /// Every tenant that ever had a key.
    async fn tenants(&self) -> Result<BTreeSet<TenantId>, StoreError> {
        Ok(self.tenants.all().await?.tenants())
    }

    fn report(&self, day: &ClosedDay) {
        let (total, date) = (day.report.total(), day.report.date.to_string());
        let unexplained = day.wallet.as_ref().map(Movement::unexplained_kobo);
        tracing::info!(
            date,
            orders = total.orders,
            delivered = total.delivered,
            failed = total.failed,
            reversed = total.reversed,
            unreadable = day.report.unreadable,
            unexplained_kobo = unexplained,
            "day closed"
        );
        let contradicts = |wallet: &Movement| wallet.is_contradicted(self.limits.difference_kobo);
        if day.wallet.as_ref().is_some_and(contradicts) {
            let alarm = Alarm::WalletUnexplained.name();
            tracing::error!(
                alarm,
                date,
                unexplained_kobo = unexplained,
                "the wallet does not equal the books"
            );
        }
    }

    fn now(&self) -> OffsetDateTime {
        self.environment.clock.now()
    }
}
