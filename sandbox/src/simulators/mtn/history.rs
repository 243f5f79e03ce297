//! What the simulated lines recharged and used, and the sums of both (MTN Consumption v2).

use serde_json::{Value, json};
use time::macros::offset;
use time::{Date, Duration, OffsetDateTime, Time};

use super::contract::Call;
use super::rules::{COMPACT_DAY, DASHED_DAY, DayFormat, day};

/// One recharge.
pub(super) struct Recharge {
    pub(super) at: OffsetDateTime,
    pub(super) naira: u64,
    pub(super) channel: &'static str,
}

/// How far back there is anything.
const DAYS: i64 = 60;
/// How many recharges there are without any refill.
const RECHARGES: usize = 25;
/// The time between two of them: all fit into [`DAYS`].
const APART: Duration = Duration::hours(57);
/// The size of a page where none is asked for, and always for usage.
const PAGE: usize = 10;

/// The day in Nigeria.
fn today(now: OffsetDateTime) -> Date {
    now.to_offset(offset!(+1)).date()
}

/// The first and last day that a call asks for; all there is without.
struct Period {
    from: Date,
    to: Date,
    format: DayFormat,
}

impl Period {
    fn of(call: &Call, format: DayFormat, now: OffsetDateTime) -> Self {
        let given = |name| call.text(name).and_then(|text| day(text, format));
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

/// One page of many, from 1, and how many pages there are.
fn page<T>(all: Vec<T>, number: i64, size: usize) -> (Vec<T>, usize) {
    let pages = all.len().div_ceil(size);
    let skip = usize::try_from(number.max(1) - 1).unwrap_or(usize::MAX).saturating_mul(size);
    (all.into_iter().skip(skip).take(size).collect(), pages)
}

fn success(data: Value) -> Value {
    json!({ "status": "SUCCESS", "message": "done", "data": data })
}

/// The recharges of a period, newest first: those of long ago and the refills.
fn recharges(
    seed: u32,
    refills: Vec<Recharge>,
    period: &Period,
    now: OffsetDateTime,
) -> Vec<Recharge> {
    const AMOUNTS: [u64; 5] = [100, 200, 500, 1_000, 1_500];
    const CHANNELS: [&str; 3] = ["USSD", "VOUCHER", "BANK"];
    // From midnight on, so that they stand still for a day.
    let mut at = today(now).with_time(Time::MIDNIGHT).assume_offset(offset!(+1));
    let shifted = AMOUNTS.iter().cycle().skip(usize::try_from(seed).unwrap_or_default());
    let usual = shifted.zip(CHANNELS.iter().cycle()).take(RECHARGES).map(|(naira, channel)| {
        let recharge = Recharge { at, naira: *naira, channel };
        at -= APART;
        recharge
    });
    let mut all: Vec<Recharge> = usual.chain(refills).collect();
    all.retain(|it| (period.from..=period.to).contains(&today(it.at)));
    all.sort_by_key(|it| std::cmp::Reverse(it.at));
    all
}

/// A page of a line's recharges.
pub(super) fn recharge_history(
    seed: u32,
    refills: Vec<Recharge>,
    call: &Call,
    now: OffsetDateTime,
) -> Value {
    let period = Period::of(call, COMPACT_DAY, now);
    let number = call.whole("pageNumber").unwrap_or(1);
    let size = call.whole("pageSize").and_then(|size| usize::try_from(size).ok()).unwrap_or(PAGE);
    let (page, pages) = page(recharges(seed, refills, &period, now), number, size);
    let usage: Vec<Value> = page.iter().map(Recharge::told).collect();
    success(json!({
        "usage": usage,
        "period": period.text(),
        "pageNumber": number.to_string(),
        "totalPages": pages.to_string(),
    }))
}

/// The sum of a line's recharges.
pub(super) fn recharge_summary(
    seed: u32,
    refills: Vec<Recharge>,
    call: &Call,
    now: OffsetDateTime,
) -> Value {
    let period = Period::of(call, COMPACT_DAY, now);
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
    /// As the history has it. MTN leaves the fields open: these are ours.
    fn told(&self) -> Value {
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

/// What was used: on one day, or on many.
#[derive(Default)]
struct Usage {
    seconds: i32,
    calls: i32,
    megabytes: i32,
    sessions: i32,
    texts: i32,
}

impl Usage {
    fn on(seed: u32, date: Date) -> Self {
        let day = date.to_julian_day() + i32::try_from(seed).unwrap_or_default();
        Self {
            seconds: 60 * (3 + day % 7),
            calls: 2 + day % 3,
            megabytes: 150 + day * 37 % 400,
            sessions: 5 + day % 9,
            texts: day % 4,
        }
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            seconds: self.seconds + other.seconds,
            calls: self.calls + other.calls,
            megabytes: self.megabytes + other.megabytes,
            sessions: self.sessions + other.sessions,
            texts: self.texts + other.texts,
        }
    }

    /// All of it or the one kind that is asked for. MTN's units are numbers; one is one second, one
    /// megabyte.
    fn told(&self, kind: Option<&str>) -> Value {
        let mut told = json!({
            "voice": { "totalDuration": self.seconds, "unit": 1, "count": self.calls },
            "data": { "totalDataUsed": self.megabytes, "unit": 1, "count": self.sessions },
            "sms": { "count": self.texts },
        });
        if let (Some(kind), Some(parts)) = (kind, told.as_object_mut()) {
            parts.retain(|name, _| name.eq_ignore_ascii_case(kind));
        }
        told
    }
}

/// A page of a line's usage, one entry for each day; oldest first if `sort` is `asc`.
pub(super) fn usage_history(seed: u32, call: &Call, now: OffsetDateTime) -> Value {
    let period = Period::of(call, DASHED_DAY, now);
    let mut days: Vec<Date> = period.days().collect();
    if call.text("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("asc")) {
        days.reverse();
    }
    let number = call.whole("pageNumber").unwrap_or(1).max(1);
    let (page, pages) = page(days, number, PAGE);
    let told = |date: &Date| Usage::on(seed, *date).told(call.text("usageType"));
    let summary: Vec<Value> = page.iter().map(told).collect();
    success(json!({
        "summary": summary,
        "period": period.text(),
        "pageNumber": number,
        "totalPages": pages,
    }))
}

/// The sum of a line's usage.
pub(super) fn usage_summary(seed: u32, call: &Call, now: OffsetDateTime) -> Value {
    let period = Period::of(call, DASHED_DAY, now);
    let sum = |sum: Usage, date| sum.plus(&Usage::on(seed, date));
    let total = period.days().fold(Usage::default(), sum);
    success(json!({
        "summary": [total.told(call.text("usageType"))],
        "period": period.text(),
        "pageNumber": 1,
        "totalPages": 1,
    }))
}
