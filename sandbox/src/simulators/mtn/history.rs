//! The recharges and the usage of the simulated lines, and their sums (MTN Consumption v2).

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

/// The recharges of a period, newest first: invented ones and the refills.
fn recharges(
    seed: u32,
    refills: Vec<Recharge>,
    period: &Period,
    now: OffsetDateTime,
) -> Vec<Recharge> {
    const AMOUNTS: [u64; 5] = [100, 200, 500, 1_000, 1_500];
    const CHANNELS: [&str; 3] = ["USSD", "VOUCHER", "BANK"];
    // Counted from midnight, so that they do not change during a day.
    let mut at = today(now).with_time(Time::MIDNIGHT).assume_offset(offset!(+1));
    let shifted = AMOUNTS.iter().cycle().skip(usize::try_from(seed).unwrap_or_default());
    let usual = shifted.zip(CHANNELS.iter().cycle()).take(RECHARGES).map(|(naira, channel)| {
        let recharge = Recharge { at, naira: *naira, channel };
        at -= INTERVAL;
        recharge
    });
    let mut all: Vec<Recharge> = usual.chain(refills).collect();
    all.retain(|it| (period.from..=period.to).contains(&today(it.at)));
    all.sort_by_key(|it| std::cmp::Reverse(it.at));
    all
}

/// The answer with a page of a line's recharges.
pub(super) fn recharge_history(
    seed: u32,
    refills: Vec<Recharge>,
    request: &CheckedRequest,
    now: OffsetDateTime,
) -> Value {
    let period = Period::of(request, COMPACT_DAY, now);
    let number = request.whole("pageNumber").unwrap_or(1);
    let size =
        request.whole("pageSize").and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE_SIZE);
    let (page, pages) = page(recharges(seed, refills, &period, now), number, size);
    let usage: Vec<Value> = page.iter().map(Recharge::json).collect();
    success(json!({
        "usage": usage,
        "period": period.text(),
        "pageNumber": number.to_string(),
        "totalPages": pages.to_string(),
    }))
}

/// The answer with the sum of a line's recharges.
pub(super) fn recharge_summary(
    seed: u32,
    refills: Vec<Recharge>,
    request: &CheckedRequest,
    now: OffsetDateTime,
) -> Value {
    let period = Period::of(request, COMPACT_DAY, now);
    let all = recharges(seed, refills, &period, now);
    let mut channels: Vec<&str> = all.iter().map(|it| it.channel).collect();
    channels.sort_unstable();
    channels.dedup();
    let summary = json!({
        "count": all.len(),
        "totalAmount": all.iter().map(|it| it.naira).sum::<u64>(),
        "currency": "NGN",
        "channels": channels,
    });
    success(json!({ "summary": [summary], "period": period.text() }))
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

/// The usage of some days together: all kinds, or the one that is asked for. MTN's units are
/// numbers: 1 is one second or one megabyte.
fn usage(seed: u32, days: impl Iterator<Item = Date>, kind: Option<&str>) -> Value {
    let mut sums = [0; 5];
    for date in days {
        let day = date.to_julian_day() + i32::try_from(seed).unwrap_or_default();
        let of_day = [60 * (3 + day % 7), 2 + day % 3, 150 + day * 37 % 400, 5 + day % 9, day % 4];
        sums.iter_mut().zip(of_day).for_each(|(sum, used)| *sum += used);
    }
    let [seconds, calls, megabytes, sessions, texts] = sums;
    let mut usage = json!({
        "voice": { "totalDuration": seconds, "unit": 1, "count": calls },
        "data": { "totalDataUsed": megabytes, "unit": 1, "count": sessions },
        "sms": { "count": texts },
    });
    if let (Some(kind), Some(parts)) = (kind, usage.as_object_mut()) {
        parts.retain(|name, _| name.eq_ignore_ascii_case(kind));
    }
    usage
}

/// The answer with a page of a line's usage, one entry a day; oldest first if `sort` is `asc`.
pub(super) fn usage_history(seed: u32, request: &CheckedRequest, now: OffsetDateTime) -> Value {
    let period = Period::of(request, DASHED_DAY, now);
    let mut days: Vec<Date> = period.days().collect();
    if request.text("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("asc")) {
        days.reverse();
    }
    let number = request.whole("pageNumber").unwrap_or(1).max(1);
    let (page, pages) = page(days, number, PAGE_SIZE);
    let of_day = |date| usage(seed, std::iter::once(date), request.text("usageType"));
    let summary: Vec<Value> = page.into_iter().map(of_day).collect();
    success(json!({
        "summary": summary,
        "period": period.text(),
        "pageNumber": number,
        "totalPages": pages,
    }))
}

/// The answer with the sum of a line's usage.
pub(super) fn usage_summary(seed: u32, request: &CheckedRequest, now: OffsetDateTime) -> Value {
    let period = Period::of(request, DASHED_DAY, now);
    success(json!({
        "summary": [usage(seed, period.days(), request.text("usageType"))],
        "period": period.text(),
        "pageNumber": 1,
        "totalPages": 1,
    }))
}
