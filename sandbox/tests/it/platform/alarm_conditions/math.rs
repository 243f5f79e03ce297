//! Metrics, and CloudWatch's math with them, as far as the template uses it.

use std::collections::BTreeMap;
use std::ops::Range;

/// The metrics that an alarm may watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Invocations,
    Errors,
    Throttles,
    Visible,
    Age,
    ServerErrors,
    ClientErrors,
    Requests,
    /// A metric of ours, which the functions log.
    Own,
}

impl Kind {
    pub fn is_of_a_queue(self) -> bool {
        matches!(self, Self::Visible | Self::Age)
    }

    /// Whether the values of a minute are one number for each event, which only a sum adds up.
    pub fn is_counted(self) -> bool {
        !self.is_of_a_queue()
    }
}

/// A metric of one function, queue or API, or one of ours.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    pub kind: Kind,
    /// The logical id, or the name of a metric of ours.
    pub resource: String,
}

/// The values of each minute.
pub type Values = BTreeMap<Metric, Vec<Option<i64>>>;

/// How the values of one period become one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Statistic {
    Sum,
    Maximum,
    Minimum,
}

/// A metric, read by a statistic.
#[derive(Debug, Clone)]
pub struct Reading {
    pub metric: Metric,
    pub statistic: Statistic,
}

/// What an alarm judges. The first reading is what the alarm is about.
#[derive(Debug, Clone)]
pub enum Math {
    /// A metric as it is.
    Alone(Reading),
    /// `a - b`.
    Difference([Reading; 2]),
    /// `IF(a >= least, 100 * a / b, 0)`.
    Share { least: i64, of: [Reading; 2] },
}

impl Math {
    /// Reads an expression over the metrics with these ids.
    pub fn parse(expression: &str, ids: &BTreeMap<String, Reading>) -> Result<Self, String> {
        let unknown = || format!("the expression {expression} is not known");
        let reading = |id: &str| ids.get(id.trim()).cloned().ok_or_else(unknown);
        if let Some((left, right)) = expression.split_once(" - ") {
            return Ok(Self::Difference([reading(left)?, reading(right)?]));
        }
        let inner = expression.strip_prefix("IF(").and_then(|it| it.strip_suffix(", 0)"));
        let (condition, quotient) = inner.and_then(|it| it.split_once(", ")).ok_or_else(unknown)?;
        let (part, least) = condition.split_once(" >= ").ok_or_else(unknown)?;
        let quotient = quotient.strip_prefix("100 * ").ok_or_else(unknown)?;
        let (again, whole) = quotient.split_once(" / ").ok_or_else(unknown)?;
        if part != again {
            return Err(unknown());
        }
        let least = least.parse().map_err(|_| unknown())?;
        Ok(Self::Share { least, of: [reading(part)?, reading(whole)?] })
    }

    pub fn readings(&self) -> &[Reading] {
        match self {
            Self::Alone(reading) => std::slice::from_ref(reading),
            Self::Difference(readings) | Self::Share { of: readings, .. } => readings,
        }
    }

    /// The value of one period; none where a metric has none.
    #[expect(clippy::cast_precision_loss, reason = "counts are small")]
    pub fn value(&self, values: &Values, minutes: Range<usize>) -> Option<f64> {
        let read = |reading: &Reading| reading.read(values, minutes.clone()).map(|it| it as f64);
        match self {
            Self::Alone(reading) => read(reading),
            Self::Difference([left, right]) => Some(read(left)? - read(right)?),
            Self::Share { least, of: [part, whole] } => {
                let (part, whole) = (read(part)?, read(whole)?);
                Some(if part >= *least as f64 { 100.0 * part / whole } else { 0.0 })
            }
        }
    }
}

impl Reading {
    fn read(&self, values: &Values, minutes: Range<usize>) -> Option<i64> {
        let values = values[&self.metric][minutes].iter().copied().flatten();
        match self.statistic {
            Statistic::Sum => values.reduce(|sum, value| sum + value),
            Statistic::Maximum => values.max(),
            Statistic::Minimum => values.min(),
        }
    }
}
