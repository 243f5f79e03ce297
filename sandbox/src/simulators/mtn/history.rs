//! The recharges and the usage of the simulated lines, and their sums (MTN Consumption v2).

use std::collections::BTreeSet;

use serde_json::{Value, json};
use time::macros::offset;
use time::{Date, Duration, OffsetDateTime, Time};

use super::contract::CheckedRequest;
use super::rules::{COMPACT_DAY, DASHED_DAY, DayFormat, day};

/// One recharge.
pub(super) struct Recharge {
    pub(super) at: OffsetDateTime,
    pub(super) naira: u64,
    pub(super) channel: &'static str,
}

/// How many days the history goes back.
const DAYS: i64 = 60;
/// How many recharges there are besides the refills.
const RECHARGES: usize = 25;
/// The time between two of them; all of them fit into [`DAYS`].
const INTERVAL: Duration = Duration::hours(57);
/// The page size if none is given; usage always has it.
const PAGE_SIZE: usize = 10;

/// The current day in Nigeria.
fn today(now: OffsetDateTime) -> Date {
    now.to_offset(offset!(+1)).date()
}

/// The first and the last day that a request asks for; by default all days.
struct Period {
    from: Date,
    to: Date,
    format: DayFormat,
}

impl Period {
    fn of(request: &CheckedRequest, format: DayFormat, now: OffsetDateTime) -> Self {
        let given = |name| request.text(name).and_then(|text| day(text, format));
        let to = today(now);
        let oldest = to - Duration::days(DAYS - 1);
        Self {
            from: given("startDate").unwrap_or(oldest).max(oldest),
            to: given("endDate").unwrap_or(to).min(to),
            format,
        }
    }

    fn text(&self) -> String {
        let day = |date: Date| date.format(self.format).unwrap_or_default();
        format!("{} - {}", day(self.from), day(self.to))
    }

    /// Newest first.
    fn days(&self) -> impl Iterator<Item = Date> {
        let count = (self.to - self.from).whole_days() + 1;
        let to = self.to;
        (0..count).map(move |back| to - Duration::days(back))
    }
}

/// One page, counted from 1, and the number of pages.
fn page<T>(all: Vec<T>, number: i64, size: usize) -> (Vec<T>, usize) {
    let pages = all.len().div_ceil(size);
    let skip = usize::try_from(number.max(1) - 1).unwrap_or(usize::MAX).saturating_mul(size);
    (all.into_iter().skip(skip).take(size).collect(), pages)
}

fn success(data: Value) -> Value {
    json!({ "status": "SUCCESS", "message": "done", "data": data })
}

/// What a line's history is made of, and the question about it.
pub(super) struct History<'a> {
    /// Makes the history of one line differ from another's.
    pub(super) seed: u32,
    pub(super) refills: Vec<Recharge>,
    pub(super) request: &'a CheckedRequest,
    pub(super) now: OffsetDateTime,
}

impl History<'_> {
    /// A page of the recharges, newest first.
    pub(super) fn recharges(self) -> Value {
        let period = Period::of(self.request, COMPACT_DAY, self.now);
        let number = self.request.whole("pageNumber").unwrap_or(1);
        let size = self.request.whole("pageSize").and_then(|size| usize::try_from(size).ok());
        let (page, pages) = page(self.recharges_in(&period), number, size.unwrap_or(PAGE_SIZE));
        success(json!({
            "usage": page.iter().map(Recharge::json).collect::<Vec<_>>(),
            "period": period.text(),
            "pageNumber": number.to_string(),
            "totalPages": pages.to_string(),
        }))
    }

    /// The sum of the recharges.
    pub(super) fn recharge_summary(self) -> Value {
        let period = Period::of(self.request, COMPACT_DAY, self.now);
        let all = self.recharges_in(&period);
        let channels: BTreeSet<&str> = all.iter().map(|it| it.channel).collect();
        let summary = json!({
            "count": all.len(),
            "totalAmount": all.iter().map(|it| it.naira).sum::<u64>(),
            "currency": "NGN",
            "channels": channels,
        });
        success(json!({ "summary": [summary], "period": period.text() }))
    }

    /// A page of the usage, one entry a day; oldest first if `sort` is `asc`.
    pub(super) fn usage(self) -> Value {
        let period = Period::of(self.request, DASHED_DAY, self.now);
        let mut days: Vec<Date> = period.days().collect();
        if self.request.text("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("asc")) {
            days.reverse();
        }
        let number = self.request.whole("pageNumber").unwrap_or(1).max(1);
        let (page, pages) = page(days, number, PAGE_SIZE);
        let summary: Vec<Value> = page.into_iter().map(|day| self.usage_of([day])).collect();
        success(json!({
            "summary": summary,
            "period": period.text(),
            "pageNumber": number,
            "totalPages": pages,
        }))
    }

    /// The sum of the usage.
    pub(super) fn usage_summary(self) -> Value {
        let period = Period::of(self.request, DASHED_DAY, self.now);
        success(json!({
            "summary": [self.usage_of(period.days())],
            "period": period.text(),
            "pageNumber": 1,
            "totalPages": 1,
        }))
    }

    /// The recharges of a period, newest first: invented ones and the refills.
    fn recharges_in(self, period: &Period) -> Vec<Recharge> {
        const AMOUNTS: [u64; 5] = [100, 200, 500, 1_000, 1_500];
        const CHANNELS: [&str; 3] = ["USSD", "VOUCHER", "BANK"];
        // Counted from midnight, so that they do not change during a day.
        let mut at = today(self.now).with_time(Time::MIDNIGHT).assume_offset(offset!(+1));
        let shifted = AMOUNTS.iter().cycle().skip(usize::try_from(self.seed).unwrap_or_default());
        let usual = shifted.zip(CHANNELS.iter().cycle()).take(RECHARGES).map(|(naira, channel)| {
            let recharge = Recharge { at, naira: *naira, channel };
            at -= INTERVAL;
            recharge
        });
        let mut all: Vec<Recharge> = usual.chain(self.refills).collect();
        all.retain(|it| (period.from..=period.to).contains(&today(it.at)));
        all.sort_by_key(|it| std::cmp::Reverse(it.at));
        all
    }

    /// The usage of some days together: all kinds, or the one that is asked for. MTN's units are
    /// numbers: 1 is one second or one megabyte.
    fn usage_of(&self, days: impl IntoIterator<Item = Date>) -> Value {
        let seed = i32::try_from(self.seed).unwrap_or_default();
        let mut sums = [0; 5];
        for date in days {
            let day = date.to_julian_day() + seed;
            let of_day =
                [60 * (3 + day % 7), 2 + day % 3, 150 + day * 37 % 400, 5 + day % 9, day % 4];
            sums.iter_mut().zip(of_day).for_each(|(sum, used)| *sum += used);
        }
        let [seconds, calls, megabytes, sessions, texts] = sums;
        let mut usage = json!({
            "voice": { "totalDuration": seconds, "unit": 1, "count": calls },
            "data": { "totalDataUsed": megabytes, "unit": 1, "count": sessions },
            "sms": { "count": texts },
        });
        if let (Some(kind), Some(parts)) = (self.request.text("usageType"), usage.as_object_mut()) {
            parts.retain(|name, _| name.eq_ignore_ascii_case(kind));
        }
        usage
    }
}

impl Recharge {
    /// The recharge as the history shows it. MTN does not document the fields; these are invented.
    fn json(&self) -> Value {
        let at = self.at.to_offset(offset!(+1));
        json!({
            "transactionId": format!("R{}", at.unix_timestamp()),
            "date": format!("{}T{:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second()),
            "amount": format!("{}.00", self.naira),
            "currency": "NGN",
            "channel": self.channel,
        })
    }
}
