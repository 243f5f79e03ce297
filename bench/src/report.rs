//! Summarises the starts of all subjects: medians, spreads, and ratios to the floors of the same run.

use charts::{Bar, Bars};
use serde::Serialize;

use crate::binaries::Floor;
use crate::comparisons::OURS;
use crate::instructions::{ByFunction, Instructions};
use crate::start::Start;
use crate::statistics::{Spread, ratio};
use crate::subject::Subject;
use crate::table::Table;

/// The result of a run, as it is written as JSON.
#[derive(Debug, Serialize)]
pub struct Report {
    /// How often each subject was started.
    pub rounds: u32,
    /// How many warm invocations each process had.
    pub warm_invocations: u32,
    /// The floors, the comparisons and the functions, in the order of the run.
    pub subjects: Vec<Measured>,
}

/// A subject with what was measured.
#[derive(Debug, Serialize)]
pub struct Measured {
    /// The name of the function, the floor or the comparison.
    pub name: String,
    /// Whether it is a function of the gateway.
    pub is_function: bool,
    /// The name of its event.
    pub event: String,
    /// The size of the binary or the script in bytes.
    pub size_bytes: u64,
    /// Its instructions, where they were counted.
    pub instructions: Option<Instructions>,
    /// The summary of each measure, in the order of [`MEASURES`].
    pub measures: Vec<Summary>,
    /// The starts, one for each round.
    pub starts: Vec<Start>,
}

/// One measure over all rounds.
#[derive(Debug, Serialize)]
pub struct Summary {
    /// The name of the measure; it ends with the unit.
    pub measure: &'static str,
    /// The spread over the rounds.
    #[serde(flatten)]
    pub spread: Spread,
    /// The median divided by that of the default floor; none if that is 0.
    pub to_default_floor: Option<f64>,
    /// The median divided by that of the tuned floor; none if that is 0.
    pub to_tuned_floor: Option<f64>,
}

/// Something that each start measures.
pub struct Measure {
    /// The name in the JSON; it ends with the unit.
    name: &'static str,
    /// The column's title, with the unit of the table; `{warm}` is the number of warm invocations.
    title: &'static str,
    /// How many of the unit of the JSON are one of the table.
    scale: f64,
    /// How many digits the table shows after the point.
    digits: usize,
    of: fn(&Start) -> u64,
}

/// Everything that each start measures.
pub const MEASURES: [Measure; 9] = [
    measure("init_ns", "init ms", 1e6, 2, |it| it.init_ns),
    measure("init_cpu_ns", "init CPU ms", 1e6, 2, |it| it.init_cpu_ns),
    measure("first_answer_ns", "first answer ms", 1e6, 2, |it| it.first_answer_ns),
    measure("first_call_ns", "first call ms", 1e6, 2, |it| it.first_call_ns),
    measure("first_call_cpu_ns", "first call CPU ms", 1e6, 2, |it| it.first_call_cpu_ns),
    measure("warm_p50_ns", "warm p50 us", 1e3, 0, |it| it.warm_p50_ns),
    measure("warm_p99_ns", "warm p99 us", 1e3, 0, |it| it.warm_p99_ns),
    measure("warm_cpu_ns", "warm CPU us", 1e3, 0, |it| it.warm_cpu_ns),
    measure("resident_bytes", "memory MB after {warm}", 1e6, 1, |it| it.resident_bytes),
];
/// The measures of each table that is printed, as indexes of [`MEASURES`].
const TABLES: [&[usize]; 3] = [&[0, 1, 2], &[3, 4], &[5, 6, 7, 8]];

const fn measure(
    name: &'static str,
    title: &'static str,
    scale: f64,
    digits: usize,
    of: fn(&Start) -> u64,
) -> Measure {
    Measure { name, title, scale, digits, of }
}

impl Report {
    /// Summarises the starts of each subject. A subject without starts is left out.
    pub fn new(warm_invocations: u32, rounds: u32, all: Vec<(Subject, Vec<Start>)>) -> Self {
        let median = |floor: Floor, measure: &Measure| {
            let (_, starts) = all.iter().find(|(subject, _)| subject.name == floor.name())?;
            Some(Spread::of(starts.iter().map(measure.of).collect())?.median)
        };
        let summary = |measure: &Measure, starts: &[Start]| {
            let spread = Spread::of(starts.iter().map(measure.of).collect())?;
            let to = |floor| ratio(spread.median, median(floor, measure)?);
            let (to_default_floor, to_tuned_floor) = (to(Floor::Default), to(Floor::Tuned));
            Some(Summary { measure: measure.name, spread, to_default_floor, to_tuned_floor })
        };
        let measured = |(subject, starts): &(Subject, Vec<Start>)| {
            let measures: Option<Vec<Summary>> =
                MEASURES.iter().map(|measure| summary(measure, starts)).collect();
            Some(Measured {
                name: subject.name.clone(),
                is_function: subject.is_function,
                event: subject.event_name.clone(),
                size_bytes: subject.size_bytes,
                instructions: None,
                measures: measures?,
                starts: starts.clone(),
            })
        };
        Self { rounds, warm_invocations, subjects: all.iter().filter_map(measured).collect() }
    }

    /// Adds the instructions of those subjects whose were counted.
    pub fn add_instructions(&mut self, counts: &ByFunction) {
        for subject in &mut self.subjects {
            subject.instructions = counts.get(&subject.name).copied();
        }
    }

    /// The median of a measure of [`MEASURES`]; none if there is no such subject or measure.
    pub fn median(&self, subject: &str, measure: &str) -> Option<f64> {
        self.subjects.iter().find(|it| it.name == subject)?.median(measure)
    }

    /// The time to the first answer of each subject, as a chart.
    pub fn picture(&self) -> Bars {
        let works = self.subjects.iter().filter(|it| !it.name.starts_with("https-"));
        let bars = works.filter_map(|subject| {
            let value = subject.median("first_answer_ns")? / 1e6;
            let colour = match subject.name.as_str() {
                name if subject.is_function || name == OURS => (26, 127, 55),
                name if name.starts_with("work-") => (188, 76, 0),
                _ => (140, 149, 159),
            };
            Some(Bar { name: subject.name.clone(), value, colour })
        });
        Bars {
            title: "From spawning the process to its first answer, median".to_owned(),
            unit: "ms".to_owned(),
            bars: bars.collect(),
        }
    }

    /// The tables for the terminal: the starts, then the warm invocations and the memory. Each measure has
    /// its median, its smallest and largest value, and its ratios to the default and the tuned floor. Then
    /// the instructions, if they were counted.
    pub fn tables(&self) -> Vec<Table> {
        let measured = TABLES.iter().enumerate();
        let measured = measured.map(|(at, measures)| self.table(measures, at == 0));
        measured.chain(self.instructions()).collect()
    }

    fn instructions(&self) -> Option<Table> {
        let header = ["name", "start, million instructions", "call, thousand instructions"];
        let mut table = Table::new(header.map(str::to_owned).to_vec());
        let mut is_empty = true;
        for subject in &self.subjects {
            if let Some(Instructions { start, call }) = subject.instructions {
                is_empty = false;
                let cells = [subject.name.clone(), scaled(start, 1e6, 2), scaled(call, 1e3, 0)];
                table.add(cells.to_vec());
            }
        }
        (!is_empty).then_some(table)
    }

    fn table(&self, measures: &[usize], has_size: bool) -> Table {
        let mut header = vec!["name".to_owned()];
        header.extend(has_size.then(|| "size KB".to_owned()));
        for at in measures {
            let title = MEASURES[*at].title.replace("{warm}", &self.warm_invocations.to_string());
            header.extend([title, "range".into(), "/default".into(), "/tuned".into()]);
        }
        let mut table = Table::new(header);
        for subject in &self.subjects {
            let mut row = vec![subject.name.clone()];
            row.extend(has_size.then(|| scaled(subject.size_bytes, 1e3, 0)));
            for at in measures {
                row.extend(cells(&MEASURES[*at], &subject.measures[*at]));
            }
            table.add(row);
        }
        table
    }
}

impl Measured {
    /// The median of a measure of [`MEASURES`]; none if there is no such measure.
    pub fn median(&self, measure: &str) -> Option<f64> {
        let found = self.measures.iter().find(|it| it.measure == measure)?;
        Some(found.spread.median as f64)
    }
}

fn cells(measure: &Measure, summary: &Summary) -> [String; 4] {
    let shown = |value| scaled(value, measure.scale, measure.digits);
    let Spread { median, min, max } = summary.spread;
    let ratio = |ratio: Option<f64>| ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
    [
        shown(median),
        format!("{} to {}", shown(min), shown(max)),
        ratio(summary.to_default_floor),
        ratio(summary.to_tuned_floor),
    ]
}

fn scaled(value: u64, scale: f64, digits: usize) -> String {
    format!("{:.digits$}", value as f64 / scale)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn subject(name: &str, size_bytes: u64) -> Subject {
        Subject {
            name: name.to_owned(),
            is_function: !name.starts_with("floor"),
            program: name.into(),
            arguments: Vec::new(),
            size_bytes,
            event_name: "event".to_owned(),
            event: "{}".to_owned(),
            variables: BTreeMap::new(),
        }
    }

    /// A start in which everything is `value`, but nothing takes processor time when warm.
    fn start(value: u64) -> Start {
        Start {
            init_ns: value,
            init_cpu_ns: value,
            first_answer_ns: value,
            first_call_ns: value,
            first_call_cpu_ns: value,
            warm_p50_ns: value,
            warm_p99_ns: value,
            warm_cpu_ns: 0,
            resident_bytes: value,
        }
    }

    fn report() -> Report {
        let starts = |values: [u64; 3]| values.map(start).to_vec();
        let all = vec![
            (subject("floor-default", 9_000), starts([4_000_000, 3_000_000, 5_000_000])),
            (subject("floor-tuned", 1_000), starts([2_000_000, 2_000_000, 2_000_000])),
            (subject("auth", 6_400), starts([9_000_000, 5_000_000, 6_000_000])),
        ];
        Report::new(200, 3, all)
    }

    #[test]
    fn a_median_is_compared_with_both_floors() {
        let report = report();
        let init = &report.subjects[2].measures[0];
        assert_eq!(init.measure, "init_ns");
        assert_eq!(init.spread, Spread { median: 6_000_000, min: 5_000_000, max: 9_000_000 });
        assert_eq!((init.to_default_floor, init.to_tuned_floor), (Some(1.5), Some(3.0)));
        let warm_cpu = &report.subjects[2].measures[7];
        assert_eq!((warm_cpu.to_default_floor, warm_cpu.to_tuned_floor), (None, None));
    }

    #[test]
    fn the_tables_have_a_row_for_each_subject_and_units_for_people() {
        let tables = report().tables();
        let [starts, _, warm] = &tables[..] else { panic!("{} tables", tables.len()) };
        let (starts, warm) = (starts.to_string(), warm.to_string());
        let row = starts.lines().find(|line| line.starts_with("| auth")).expect("a row");
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells[1..7], ["auth", "6", "6.00", "5.00 to 9.00", "1.50", "3.00"]);
        assert_eq!(warm.lines().count(), 5);
        assert!(warm.contains("6000 |") && warm.contains("6.0 |"), "{warm}");
    }

    #[test]
    fn the_json_has_the_summary_and_every_start() {
        let json = serde_json::to_value(report()).expect("JSON");
        assert_eq!(json["subjects"][2]["measures"][0]["median"], 6_000_000);
        assert_eq!(json["subjects"][2]["starts"][1]["init_ns"], 5_000_000);
        assert_eq!(json["warm_invocations"], 200);
    }
}
