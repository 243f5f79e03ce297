//! What the functions are meant to reach, and whether a run reached it.

use serde::Serialize;

use crate::binaries::{FLOOR_HTTP, Floor};
use crate::comparisons::{DEFAULTS, NODE, OURS, PYTHON};
use crate::report::{Measured, Report};
use crate::table::Table;

/// The functions whose event ends before any call of AWS or of a provider.
const WITHOUT_CALLS: [&str; 3] = ["auth", "mtn-callback", "purchase"];

/// One target and what the run gave for it.
#[derive(Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// What is compared.
    pub target: &'static str,
    /// The bound, with `at most` or `at least`.
    pub bound: String,
    /// The number of the run; of several functions that of the one that is furthest off.
    pub measured: f64,
    /// The function that is furthest off, or what was measured.
    pub subject: String,
    /// Whether the bound is kept.
    pub is_met: bool,
}

/// The verdicts on a run. A target is left out if what it compares was not measured.
pub fn verdicts(report: &Report) -> Vec<Verdict> {
    let functions = || report.subjects.iter().filter(|it| it.is_function);
    let worst = |target, most, of: &dyn Fn(&Measured) -> Option<f64>| {
        let all = functions().filter_map(|it| Some((of(it)?, it.name.clone())));
        let (measured, subject) = all.max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(at_most(target, most, measured, subject))
    };
    let to = |floor: Floor, measure: &'static str| {
        let base = report.median(floor.name(), measure);
        move |it: &Measured| Some(it.median(measure)? / base?)
    };
    let http = report.median(FLOOR_HTTP, "warm_p50_ns");
    let without_calls = |it: &Measured| {
        let is_one = WITHOUT_CALLS.contains(&it.name.as_str());
        is_one.then_some(it.median("warm_p50_ns")? / http?)
    };
    let megabytes = |bytes: u64| Some(bytes as f64 / 1e6);
    let all = [
        worst("init / floor-default", 1.25, &to(Floor::Default, "init_ns")),
        worst("init / floor-tuned", 1.6, &to(Floor::Tuned, "init_ns")),
        worst("first answer / floor-default", 1.5, &to(Floor::Default, "first_answer_ns")),
        worst("binary, MB", 6.0, &|it| megabytes(it.size_bytes)),
        worst("memory, MB", 8.0, &|it| Some(it.median("resident_bytes")? / 1e6)),
        worst("warm p50 without a call / floor-http", 1.2, &without_calls),
        a_call(report),
        slower(report, "first answer of work-defaults / work-ours", DEFAULTS, 8.0),
        slower(report, "first answer of work-node / work-ours", NODE, 60.0),
        slower(report, "first answer of work-python / work-ours", PYTHON, 120.0),
    ];
    all.into_iter().flatten().collect()
}

/// The processor time that one call of AWS adds: the work makes one, the empty function none.
fn a_call(report: &Report) -> Option<Verdict> {
    let [with, without] = [OURS, FLOOR_HTTP].map(|name| report.median(name, "warm_cpu_ns"));
    let added = (with? - without?) / 1e3;
    Some(at_most("warm CPU of a call of AWS, us", 130.0, added, OURS.to_owned()))
}

fn slower(report: &Report, target: &'static str, other: &str, least: f64) -> Option<Verdict> {
    let [other_ns, ours] = [other, OURS].map(|name| report.median(name, "first_answer_ns"));
    let measured = other_ns? / ours?;
    let bound = format!("at least {least}");
    Some(Verdict { target, bound, measured, subject: other.to_owned(), is_met: measured >= least })
}

fn at_most(target: &'static str, most: f64, measured: f64, subject: String) -> Verdict {
    let bound = format!("at most {most}");
    Verdict { target, bound, measured, subject, is_met: measured <= most }
}

/// The verdicts as a table.
pub fn table(verdicts: &[Verdict]) -> Table {
    let header = ["target", "bound", "measured", "of", "met"];
    let mut table = Table::new(header.map(str::to_owned).to_vec());
    for it in verdicts {
        let met = if it.is_met { "yes" } else { "no" };
        let cells = [it.target, &it.bound, &format!("{:.2}", it.measured), &it.subject, met];
        table.add(cells.map(str::to_owned).to_vec());
    }
    table
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::start::Start;
    use crate::subject::Subject;

    /// A subject that is started once; every measure in nanoseconds is `value`, its memory 7 MB.
    fn of(name: &str, is_function: bool, value: u64) -> (Subject, Vec<Start>) {
        let subject = Subject {
            name: name.to_owned(),
            is_function,
            program: name.into(),
            arguments: Vec::new(),
            size_bytes: 5_000_000,
            event_name: "event".to_owned(),
            event: "{}".to_owned(),
            variables: BTreeMap::new(),
        };
        let start = Start {
            init_ns: value,
            init_cpu_ns: value,
            first_answer_ns: value,
            first_call_ns: value,
            first_call_cpu_ns: value,
            warm_p50_ns: value,
            warm_p99_ns: value,
            warm_cpu_ns: value,
            resident_bytes: 7_000_000,
        };
        (subject, vec![start])
    }

    #[test]
    fn a_target_is_judged_by_the_function_that_is_furthest_off() {
        let all = vec![
            of("floor-default", false, 1_000_000),
            of("floor-tuned", false, 500_000),
            of("floor-http", false, 600_000),
            of("work-ours", false, 700_000),
            of("work-defaults", false, 5_600_000),
            of("auth", true, 720_000),
            of("verify", true, 1_300_000),
        ];
        let verdicts = verdicts(&Report::new(1, 1, all));
        let short: Vec<_> = verdicts
            .iter()
            .map(|it| (format!("{:.2}", it.measured), it.subject.as_str(), it.is_met))
            .collect();
        let expected = [
            ("1.30", "verify", false),
            ("2.60", "verify", false),
            ("1.30", "verify", true),
            ("5.00", "verify", true),
            ("7.00", "verify", true),
            ("1.20", "auth", true),
            ("100.00", "work-ours", true),
            ("8.00", "work-defaults", true),
        ];
        let expected = expected.map(|(number, of, met)| (number.to_owned(), of, met));
        assert_eq!(short, expected, "Node and Python were not measured");
    }
}
