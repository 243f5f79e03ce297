//! `cargo run -- rehearse`: the command line of a rehearsal.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use sandbox::rehearsal::application::{Application, buy_by, refunds_by};
use sandbox::rehearsal::report::Report;
use sandbox::rehearsal::{Plan, known_secret, rehearse};

/// How a rehearsal is run.
#[derive(Args)]
pub struct Arguments {
    /// The URL of your webhook receiver.
    #[arg(long)]
    target: String,
    /// The secret with which your receiver verifies. The default is one that everybody knows.
    #[arg(long, default_value_t = known_secret())]
    secret: String,
    /// A command that makes your application buy: ORDER_ID, SERVICE_ID, PHONE and AMOUNT_KOBO from
    /// GATEWAY_URL with the key GATEWAY_KEY, all in its environment. Without it the rehearsal buys.
    #[arg(long)]
    buy: Option<String>,
    /// A command that prints the purchase_id of each refund that your application gave, one on a line.
    /// Without it refunds are not judged.
    #[arg(long)]
    refunds: Option<String>,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// How many schedules.
    #[arg(long, default_value_t = 200)]
    schedules: u64,
    /// The port of the rehearsal's gateway on 127.0.0.1; 0 takes a free one.
    #[arg(long, default_value_t = 9000)]
    port: u16,
    /// Writes the report as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
    /// Writes the report as JUnit XML.
    #[arg(long)]
    junit: Option<PathBuf>,
}

/// Runs a rehearsal. Exit code 0: nothing was wrong. 1: something was, or it could not be run.
pub async fn run(arguments: Arguments) -> ExitCode {
    let progress = progress(arguments.schedules);
    let application = Application {
        target: arguments.target,
        buy: arguments.buy.map(buy_by),
        refunds: arguments.refunds.map(refunds_by),
    };
    let Arguments { secret, port, from, schedules, .. } = arguments;
    let plan = Plan { application, secret, port, from, schedules };
    let is_interrupted = interrupted();
    let report = rehearse(&plan, |done| {
        progress.set_position(done);
        match is_interrupted.load(Ordering::Relaxed) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    })
    .await;
    progress.finish_and_clear();
    let written = report.map_err(|error| error.to_string()).and_then(|report| {
        print!("{}", report.text());
        write(&report, arguments.json.as_deref(), arguments.junit.as_deref())?;
        Ok(report.is_clean())
    });
    match written {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("rehearse: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether Ctrl-C was pressed. It ends the rehearsal after the schedule that runs; pressed again, it ends the
/// process.
fn interrupted() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let is_interrupted = flag.clone();
    tokio::spawn(async move {
        while tokio::signal::ctrl_c().await.is_ok() {
            if is_interrupted.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    flag
}

fn write(report: &Report, json: Option<&Path>, junit: Option<&Path>) -> Result<(), String> {
    let written = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
    };
    if let Some(path) = json {
        written(path, report.json().map_err(|error| error.to_string())?)?;
    }
    if let Some(path) = junit {
        written(path, report.junit().map_err(|error| error.to_string())?)?;
    }
    Ok(())
}

fn progress(schedules: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{pos} of {len} schedules, {eta} to go {bar:30}");
    ProgressBar::new(schedules).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
