//! An alarm of the template on a metric of AWS, and whether it rings.

use std::collections::BTreeMap;

use sandbox::template::{SandboxDeployment, Template};
use serde_json::Value;

/// The metrics of AWS that a test can drive.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    Invocations,
    Errors,
    Throttles,
    Visible,
    Age,
    ServerErrors,
}

/// Each metric by its namespace, name and dimension.
const KINDS: [(&str, &str, &str, Kind); 6] = [
    ("AWS/Lambda", "Invocations", "FunctionName", Kind::Invocations),
    ("AWS/Lambda", "Errors", "FunctionName", Kind::Errors),
    ("AWS/Lambda", "Throttles", "FunctionName", Kind::Throttles),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", Kind::Visible),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", Kind::Age),
    ("AWS/ApiGateway", "5xx", "ApiId", Kind::ServerErrors),
];

impl Kind {
    pub fn is_of_a_queue(self) -> bool {
        matches!(self, Self::Visible | Self::Age)
    }

    /// Whether the values of a minute are one number for each event, which only a sum adds up.
    fn is_counted(self) -> bool {
        !self.is_of_a_queue()
    }
}

/// A metric of one function, queue or API.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metric {
    pub kind: Kind,
    /// The logical id.
    pub resource: String,
}

/// How the values of one period become one number.
#[derive(Debug, Clone, Copy)]
enum Statistic {
    Sum,
    Maximum,
    Minimum,
}

#[derive(Debug, Clone, Copy)]
enum Comparison {
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

/// An alarm's condition, as the template states it.
#[derive(Debug, Clone)]
pub struct Alarm {
    pub name: String,
    pub metric: Metric,
    pub threshold: i64,
    statistic: Statistic,
    comparison: Comparison,
    /// One period in minutes.
    period: usize,
    /// `EvaluationPeriods`.
    periods: usize,
    /// `DatapointsToAlarm`.
    datapoints: usize,
    missing_breaches: bool,
}

impl Alarm {
    /// All alarms on metrics of AWS. An alarm that the test cannot judge is an error that names it.
    pub fn all(template: &Template) -> Result<Vec<Self>, String> {
        let here = SandboxDeployment { sqs_url: String::new() };
        let names = template.resources("AWS::CloudWatch::Alarm").map_err(|it| it.to_string())?;
        let mut alarms = Vec::new();
        for name in names {
            let get = |property: &str| template.property(name, property, &here).unwrap();
            if get("Namespace").as_str().is_some_and(|it| it.starts_with("AWS/")) {
                let alarm = Self::read(name, &get).map_err(|problem| format!("{name}: {problem}"));
                alarms.push(alarm?);
            }
        }
        Ok(alarms)
    }

    fn read(name: &str, get: &impl Fn(&str) -> Value) -> Result<Self, String> {
        let word = |property: &str| get(property).as_str().unwrap_or_default().to_owned();
        let dimensions = get("Dimensions");
        let (dimension, namespace) = (&dimensions[0], word("Namespace"));
        let metric_name = word("MetricName");
        let known = KINDS
            .iter()
            .find(|it| it.0 == namespace && it.1 == metric_name && dimension["Name"] == it.2);
        let (.., kind) = known.ok_or(format!("no way to make {namespace} {metric_name} ring"))?;
        let whole = |property: &str, default: Option<i64>| {
            let value = get(property);
            let value = if value.is_null() { default } else { value.as_i64() };
            value.ok_or(format!("{property} is not a whole number"))
        };
        let size = |property: &str, default| {
            usize::try_from(whole(property, default)?).map_err(|error| error.to_string())
        };
        let periods = size("EvaluationPeriods", None)?;
        let seconds = size("Period", None)?;
        if seconds == 0 || seconds % 60 != 0 {
            return Err("its period is not of whole minutes".to_owned());
        }
        let resource = dimension["Value"].as_str().unwrap_or_default().to_owned();
        Ok(Self {
            name: name.to_owned(),
            metric: Metric { kind: *kind, resource },
            threshold: whole("Threshold", None)?,
            statistic: statistic(&word("Statistic"), *kind)?,
            comparison: comparison(&word("ComparisonOperator"))?,
            period: seconds / 60,
            periods,
            datapoints: size("DatapointsToAlarm", i64::try_from(periods).ok())?,
            missing_breaches: missing_breaches(&word("TreatMissingData"))?,
        })
    }

    /// Whether it rings when there is too little of something.
    pub fn is_for_silence(&self) -> bool {
        matches!(self.comparison, Comparison::Less | Comparison::LessOrEqual)
    }

    /// How many minutes one evaluation looks at.
    pub fn minutes(&self) -> usize {
        self.period * self.periods
    }

    /// Whether it rings after these minutes. `None` while there are too few.
    pub fn rings(&self, values: &BTreeMap<Metric, Vec<Option<i64>>>) -> Option<bool> {
        let values = &values[&self.metric];
        let seen = &values[values.len().checked_sub(self.minutes())?..];
        let breaching = seen.chunks(self.period).filter(|period| self.breaches(period)).count();
        Some(breaching >= self.datapoints)
    }

    fn breaches(&self, period: &[Option<i64>]) -> bool {
        let values = || period.iter().copied().flatten();
        let value = match self.statistic {
            Statistic::Sum => values().reduce(|sum, value| sum + value),
            Statistic::Maximum => values().max(),
            Statistic::Minimum => values().min(),
        };
        let Some(value) = value else { return self.missing_breaches };
        match self.comparison {
            Comparison::Greater => value > self.threshold,
            Comparison::GreaterOrEqual => value >= self.threshold,
            Comparison::Less => value < self.threshold,
            Comparison::LessOrEqual => value <= self.threshold,
        }
    }
}

fn statistic(name: &str, kind: Kind) -> Result<Statistic, String> {
    match (name, kind.is_counted()) {
        ("Sum", true) => Ok(Statistic::Sum),
        ("Maximum", false) => Ok(Statistic::Maximum),
        ("Minimum", false) => Ok(Statistic::Minimum),
        _ => Err(format!("the statistic {name} does not fit {kind:?}")),
    }
}

fn comparison(name: &str) -> Result<Comparison, String> {
    match name {
        "GreaterThanThreshold" => Ok(Comparison::Greater),
        "GreaterThanOrEqualToThreshold" => Ok(Comparison::GreaterOrEqual),
        "LessThanThreshold" => Ok(Comparison::Less),
        "LessThanOrEqualToThreshold" => Ok(Comparison::LessOrEqual),
        _ => Err(format!("the comparison {name} is not known")),
    }
}

fn missing_breaches(treatment: &str) -> Result<bool, String> {
    match treatment {
        "breaching" => Ok(true),
        "notBreaching" => Ok(false),
        _ => Err(format!("missing data is {treatment}, neither breaching nor notBreaching")),
    }
}
