//! Logs: one JSON object a line on standard error, ids and durations only.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, fmt};

use crate::metrics::Metrics;

/// Starts logging to standard error, with the metrics of the namespace that `METRICS_NAMESPACE`
/// names.
///
/// Libraries speak from `WARN` on: below that, HTTP and SDK crates may name addresses and headers.
/// A panic is a line, too: its place, and not its message, which may quote what nobody may log.
/// Does nothing when a subscriber is already there.
pub fn init() {
    let namespace = std::env::var("METRICS_NAMESPACE").unwrap_or_default();
    let lines = tracing_subscriber::registry().with(json_lines(std::io::stderr));
    // Without a namespace nobody counts: a laptop's log stays readable.
    let metrics = (!namespace.is_empty()).then(|| Metrics::new(namespace, std::io::stderr));
    if lines.with(metrics).try_init().is_ok() {
        std::panic::set_hook(Box::new(|panic| {
            let place = panic.location().map(ToString::to_string);
            tracing::error!(place, "panic");
        }));
    }
}

/// The layer that writes JSON lines to `writer`.
pub fn json_lines<S, W>(writer: W) -> impl Layer<S>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
    W: for<'a> fmt::MakeWriter<'a> + Send + Sync + 'static,
{
    let ours = [
        "shared",
        "authorizer",
        "auth",
        "verify",
        "exchange",
        "fetch_data",
        "purchase",
        "requery",
        "mtn_callback",
        "vtpass_callback",
        "sandbox",
    ];
    let targets = Targets::new()
        .with_default(LevelFilter::WARN)
        // The embedded DynamoDB warns of every refused condition, which is our daily bread.
        .with_target("dynoxide", LevelFilter::ERROR)
        .with_targets(ours.map(|name| (name, LevelFilter::INFO)));
    fmt::layer()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(targets)
}
