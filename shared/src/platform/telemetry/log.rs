//! The log: one JSON object a line on standard error, with ids and durations only.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::platform::telemetry::metrics::Metrics;

/// Starts logging to standard error, with the metrics of the namespace that `METRICS_NAMESPACE`
/// names.
///
/// `packages` are logged from `INFO` on, and so is this crate. Other libraries are logged from
/// `WARN` on, because HTTP and SDK crates may log addresses and headers below that. A panic is
/// logged with its place, not with its message, which may quote secrets. Does nothing when a
/// subscriber is already there.
pub fn init<P: AsRef<str>>(packages: impl IntoIterator<Item = P>) {
    let namespace = std::env::var("METRICS_NAMESPACE").unwrap_or_default();
    let lines = tracing_subscriber::registry().with(json_lines(std::io::stderr, packages));
    // Without a namespace no metrics are written, so that a laptop's log stays readable.
    let metrics = (!namespace.is_empty()).then(|| Metrics::new(namespace, std::io::stderr));
    if lines.with(metrics).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "panic");
        }));
    }
}

/// The layer that writes JSON lines to `writer`, see [`init`].
pub fn json_lines<S, W, P>(writer: W, packages: impl IntoIterator<Item = P>) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
    P: AsRef<str>,
{
    let ours = packages.into_iter().map(|package| package.as_ref().replace('-', "_"));
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        // The embedded DynamoDB warns of every refused condition; those are normal here.
        .with_target("dynoxide", LevelFilter::ERROR)
        .with_target("shared", LevelFilter::INFO)
        .with_targets(ours.map(|name| (name, LevelFilter::INFO)));
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(targets)
}
