//! Draws the results.

use charts::{Chart, Line};

use super::Drained;

/// How many seconds before the outage's end, and after it, are drawn at least.
const AROUND: usize = 600;

/// Two charts over the sizes: the calls, and the time from the end of the outage.
pub fn totals_by_size(what: &str, called: &str, results: &[Drained]) -> [Chart; 2] {
    let line = |of: fn(&Drained) -> u64| {
        let points = results.iter().map(|it| (it.size as f64, of(it) as f64));
        vec![Line { name: String::new(), points: points.collect() }]
    };
    let chart = |title, y: &str, lines| Chart { title, x: what.to_owned(), y: y.to_owned(), lines };
    [
        chart(format!("Calls to {called} by size of the backlog"), "calls", line(|it| it.calls)),
        chart(
            "Time until the backlog is drained, by its size".to_owned(),
            "seconds after the outage",
            line(|it| it.drained_after_s),
        ),
    ]
}

/// The calls of each second from ten minutes before the outage's end until all is drained.
pub fn calls_by_second(called: &str, result: &Drained) -> Chart {
    let end = result.outage_to_s;
    let from = end.saturating_sub(AROUND);
    let to = result.by_second.len().max(end + AROUND);
    let calls = |second: usize| result.by_second.get(second).copied().unwrap_or_default();
    let points = (from..to).map(|second| ((second - from) as f64, f64::from(calls(second))));
    Chart {
        title: format!("Calls to {called} in a second; the outage ends at {} s", end - from),
        x: "seconds".to_owned(),
        y: "calls in this second".to_owned(),
        lines: vec![Line { name: String::new(), points: points.collect() }],
    }
}
