//! What a Lambda function is made of: the HTTP, queue and scheduled function, the running instance
//! and the errors that a tenant reads.

/// Writes the one line in the log of an invocation: its own fields, its times and its calls.
macro_rules! log_invocation {
    ($begun:expr, $counts:expr, $cold_start:ident, { $($own:tt)* }, $($message:tt)+) => {{
        use $crate::platform::telemetry::{Trace, ms};
        let counts = $counts;
        tracing::info!(
            $($own)*
            duration_ms = ms($begun.elapsed()),
            $cold_start,
            trace_id = counts.trace.as_ref().map(Trace::id),
            aws_calls = counts.aws_calls,
            aws_retries = counts.aws_retries,
            aws_ms = ms(counts.aws),
            upstream = counts.upstream,
            upstream_calls = counts.upstream_calls,
            upstream_ms = ms(counts.upstream_time),
            $($message)+
        );
    }};
}

pub mod access;
pub mod disclosing;
pub mod error;
pub mod http_function;
pub mod instance;
pub mod page;
pub mod queue_function;
pub mod reply;
pub mod request;
pub mod scheduled_function;
