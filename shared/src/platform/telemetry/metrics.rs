//! Metrics in CloudWatch's embedded metric format: lines of the log that CloudWatch counts.
//!
//! An event that is logged with a field `alarm` or `metric` counts one under that name. The namespace
//! is the deployment's; there are no dimensions.

use std::fmt::Debug;
use std::io::Write;

use serde_json::json;
use time::OffsetDateTime;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::Context;

/// Writes a metric line for each event that names one.
pub struct Metrics<W> {
    namespace: String,
    writer: W,
}

impl<W> Metrics<W> {
    /// Metrics of `namespace`, written to `writer`.
    pub fn new(namespace: impl Into<String>, writer: W) -> Self {
        Self { namespace: namespace.into(), writer }
    }
}

impl<S, W> Layer<S> for Metrics<W>
where
    S: Subscriber,
    W: for<'a> MakeWriter<'a> + 'static,
{
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut named = Named::default();
        event.record(&mut named);
        for name in named.0 {
            let line = line(&self.namespace, &name, OffsetDateTime::now_utc());
            let _ = self.writer.make_writer().write_all(line.as_bytes());
        }
    }
}

/// The names of metrics in an event.
#[derive(Default)]
struct Named(Vec<String>);

impl Visit for Named {
    fn record_str(&mut self, field: &Field, value: &str) {
        if matches!(field.name(), "alarm" | "metric") {
            self.0.push(value.to_owned());
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn Debug) {}
}

fn line(namespace: &str, name: &str, now: OffsetDateTime) -> String {
    let metric = json!({ "Name": name, "Unit": "Count" });
    let group = json!({ "Namespace": namespace, "Dimensions": [[]], "Metrics": [metric] });
    let ms = i64::try_from(now.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX);
    let document = json!({
        "_aws": { "Timestamp": ms, "CloudWatchMetrics": [group] },
        name: 1,
    });
    format!("{document}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_in_the_embedded_metric_format() {
        let now = time::macros::datetime!(2026-11-22 10:00 UTC);
        let expected = concat!(
            r#"{"_aws":{"Timestamp":1795341600000,"CloudWatchMetrics":[{"Namespace":"stack","#,
            r#""Dimensions":[[]],"Metrics":[{"Name":"needs_review","Unit":"Count"}]}]},"#,
            r#""needs_review":1}"#,
            "\n"
        );
        assert_eq!(line("stack", "needs_review", now), expected);
    }
}
