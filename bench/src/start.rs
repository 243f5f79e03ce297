//! Measures one start of one subject: a new process, its first answer, its warm invocations, its memory.

use std::time::{Duration, Instant};

use sandbox::aws::runtime_api::{Answer, RuntimeApi};
use serde::Serialize;
use serde_json::Value;

use crate::BenchError;
use crate::proc_files::ProcFiles;
use crate::process::Process;
use crate::statistics::percentile;
use crate::subject::Subject;

/// What one start gave.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Start {
    /// From spawning the process to its first request for an invocation, in nanoseconds.
    pub init_ns: u64,
    /// The processor time of the process at that moment, in nanoseconds.
    pub init_cpu_ns: u64,
    /// From spawning the process to its first answer, in nanoseconds. The time in which its processor
    /// time was read is left out.
    pub first_answer_ns: u64,
    /// The duration of the first invocation, in nanoseconds.
    pub first_call_ns: u64,
    /// The processor time of the first invocation, in nanoseconds.
    pub first_call_cpu_ns: u64,
    /// The median duration of a warm invocation, in nanoseconds.
    pub warm_p50_ns: u64,
    /// The duration in which 99 % of the warm invocations were answered, in nanoseconds.
    pub warm_p99_ns: u64,
    /// The processor time for each warm invocation, in nanoseconds.
    pub warm_cpu_ns: u64,
    /// The memory in RAM after the warm invocations, in bytes.
    pub resident_bytes: u64,
}

/// Starts the subject, measures it with so many warm invocations, and ends it.
///
/// # Errors
/// When the process does not start, fails an invocation or ends; with the end of its log.
pub async fn measure(subject: &Subject, warm: u32) -> Result<Start, BenchError> {
    let mut api = RuntimeApi::start(&subject.name).await?;
    let begun = Instant::now();
    let mut process = Process::start(subject, api.address())?;
    let files = process.files();
    let measured = tokio::select! {
        measured = invocations(&mut api, &files, begun, subject, warm) => measured,
        error = process.ended() => Err(error),
    };
    match measured {
        Ok(start) => process.kill().await.map(|()| start),
        Err(error) => Err(format!("{}: {error}\n{}", subject.name, process.end_of_log()).into()),
    }
}

async fn invocations(
    api: &mut RuntimeApi,
    files: &ProcFiles,
    begun: Instant,
    subject: &Subject,
    warm: u32,
) -> Result<Start, BenchError> {
    let waiting = api.waiting().await?;
    let init = waiting.since.duration_since(begun);
    files.until_asleep()?;
    let init_cpu_ns = files.cpu_ns()?;
    let first = api.invoke(waiting, subject.invocation()).await?;
    let status = status(&first)?;

    let mut waiting = api.waiting().await?;
    files.until_asleep()?;
    let cpu_before = files.cpu_ns()?;
    let mut durations = Vec::new();
    for _ in 0..warm {
        let answer = api.invoke(waiting, subject.invocation()).await?;
        if self::status(&answer)? != status {
            return Err("a warm invocation is answered with another status than the first".into());
        }
        durations.push(nanoseconds(answer.duration)?);
        waiting = api.waiting().await?;
    }
    files.until_asleep()?;
    let warm_cpu_ns = files.cpu_ns()?.saturating_sub(cpu_before) / u64::from(warm);
    let percentile =
        |percent| percentile(durations.clone(), percent).ok_or("there is no warm invocation");
    Ok(Start {
        init_ns: nanoseconds(init)?,
        init_cpu_ns,
        first_answer_ns: nanoseconds(init + first.duration)?,
        first_call_ns: nanoseconds(first.duration)?,
        first_call_cpu_ns: cpu_before.saturating_sub(init_cpu_ns),
        warm_p50_ns: percentile(50)?,
        warm_p99_ns: percentile(99)?,
        warm_cpu_ns,
        resident_bytes: files.resident_bytes()?,
    })
}

/// The HTTP status in an answer; none if the function is not for HTTP.
fn status(answer: &Answer) -> Result<Option<u64>, BenchError> {
    let body: Value = serde_json::from_slice(&answer.body)?;
    Ok(body["statusCode"].as_u64())
}

fn nanoseconds(duration: Duration) -> Result<u64, BenchError> {
    Ok(u64::try_from(duration.as_nanos())?)
}
