//! An alarm of the template, and whether it rings.

use std::collections::BTreeMap;

use sandbox::template::{SandboxDeployment, Template};
use serde_json::{Value, json};

use super::math::{Kind, Math, Metric, Reading, Statistic, Values};

/// Each metric of AWS by its namespace, name and dimension.
const KINDS: [(&str, &str, &str, Kind); 8] = [
    ("AWS/Lambda", "Invocations", "FunctionName", Kind::Invocations),
    ("AWS/Lambda", "Errors", "FunctionName", Kind::Errors),
    ("AWS/Lambda", "Throttles", "FunctionName", Kind::Throttles),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", Kind::Visible),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", Kind::Age),
    ("AWS/ApiGateway", "5xx", "ApiId", Kind::ServerErrors),
    ("AWS/ApiGateway", "4xx", "ApiId", Kind::ClientErrors),
    ("AWS/ApiGateway", "Count", "ApiId", Kind::Requests),
];

/// The namespace of our metrics: the stack's name.
const OUR_NAMESPACE: &str = "sandbox";

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
    pub math: Math,
    pub threshold: i64,
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
    pub fn of_aws(template: &Template) -> Result<Vec<Self>, String> {
        let mut alarms = Self::all(template)?;
        alarms.retain(|alarm| alarm.metric().kind != Kind::Own);
        Ok(alarms)
    }

    /// All alarms of the template.
    pub fn all(template: &Template) -> Result<Vec<Self>, String> {
        let here = SandboxDeployment { sqs_url: String::new() };
        let names = template.resources("AWS::CloudWatch::Alarm").map_err(|it| it.to_string())?;
        let mut alarms = Vec::new();
        for name in names {
            let get = |property: &str| template.property(name, property, &here).unwrap();
            let alarm = Self::read(name, &get).map_err(|problem| format!("{name}: {problem}"));
            alarms.push(alarm?);
        }
        Ok(alarms)
    }

    fn read(name: &str, get: &impl Fn(&str) -> Value) -> Result<Self, String> {
        let word = |property: &str| get(property).as_str().unwrap_or_default().to_owned();
        let size = |property: &str, default| size(property, &get(property), default);
        let periods = size("EvaluationPeriods", None)?;
        let (math, period) = match get("Metrics") {
            Value::Null => {
                let of = json!({ "Namespace": get("Namespace"), "MetricName": get("MetricName"),
                                 "Dimensions": get("Dimensions") });
                (Math::Alone(reading(&of, &word("Statistic"))?), size("Period", None)?)
            }
            metrics => math(&metrics)?,
        };
        if period == 0 || period % 60 != 0 {
            return Err("its period is not of whole minutes".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            math,
            threshold: whole("Threshold", &get("Threshold"), None)?,
            comparison: comparison(&word("ComparisonOperator"))?,
            period: period / 60,
            periods,
            datapoints: size("DatapointsToAlarm", Some(periods))?,
            missing_breaches: missing_breaches(&word("TreatMissingData"))?,
        })
    }

    /// What it is about.
    pub fn metric(&self) -> &Metric {
        &self.math.readings()[0].metric
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
    pub fn rings(&self, values: &Values) -> Option<bool> {
        let begin = values[self.metric()].len().checked_sub(self.minutes())?;
        let periods = (0..self.periods).map(|period| begin + period * self.period);
        let breaching =
            periods.filter(|at| self.breaches(self.math.value(values, *at..at + self.period)));
        Some(breaching.count() >= self.datapoints)
    }

    fn breaches(&self, value: Option<f64>) -> bool {
        let Some(value) = value else { return self.missing_breaches };
        #[expect(clippy::cast_precision_loss, reason = "thresholds are small")]
        let threshold = self.threshold as f64;
        match self.comparison {
            Comparison::Greater => value > threshold,
            Comparison::GreaterOrEqual => value >= threshold,
            Comparison::Less => value < threshold,
            Comparison::LessOrEqual => value <= threshold,
        }
    }
}

/// The expression over metrics, and their period in seconds.
fn math(metrics: &Value) -> Result<(Math, usize), String> {
    let (mut expression, mut readings, mut periods) = (None, BTreeMap::new(), Vec::new());
    for metric in metrics.as_array().ok_or("its Metrics are no list")? {
        let id = metric["Id"].as_str().unwrap_or_default().to_owned();
        let stat = &metric["MetricStat"];
        if let Some(text) = metric["Expression"].as_str() {
            if metric["ReturnData"] == false || expression.replace(text).is_some() {
                return Err("it needs one expression that it judges".to_owned());
            }
        } else if metric["ReturnData"] == false {
            let name = stat["Stat"].as_str().unwrap_or_default();
            readings.insert(id, reading(&stat["Metric"], name)?);
            periods.push(size("Period", &stat["Period"], None)?);
        } else {
            return Err(format!("it judges {id} and its expression"));
        }
    }
    let period = periods.first().copied().unwrap_or_default();
    if periods.iter().any(|it| *it != period) {
        return Err("its metrics have several periods".to_owned());
    }
    Ok((Math::parse(expression.unwrap_or_default(), &readings)?, period))
}

fn reading(metric: &Value, stat: &str) -> Result<Reading, String> {
    let text = |name: &str| metric[name].as_str().unwrap_or_default();
    let (namespace, name, dimensions) =
        (text("Namespace"), text("MetricName"), &metric["Dimensions"]);
    let (kind, resource) = if namespace == OUR_NAMESPACE && dimensions.is_null() {
        (Kind::Own, name)
    } else {
        let dimension = &dimensions[0];
        let known =
            KINDS.iter().find(|it| it.0 == namespace && it.1 == name && dimension["Name"] == it.2);
        let (.., kind) = known.ok_or(format!("no way to make {namespace} {name} ring"))?;
        (*kind, dimension["Value"].as_str().unwrap_or_default())
    };
    let metric = Metric { kind, resource: resource.to_owned() };
    Ok(Reading { metric, statistic: statistic(stat, kind)? })
}

fn whole(name: &str, value: &Value, default: Option<i64>) -> Result<i64, String> {
    let value = if value.is_null() { default } else { value.as_i64() };
    value.ok_or(format!("{name} is not a whole number"))
}

fn size(name: &str, value: &Value, default: Option<usize>) -> Result<usize, String> {
    let default = default.and_then(|it| i64::try_from(it).ok());
    usize::try_from(whole(name, value, default)?).map_err(|error| error.to_string())
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
