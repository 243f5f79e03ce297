//! The commands `telco-gateway dead-letters list`, `show` and `redrive`: jobs that failed for days.

mod queue;
mod redrive;

use clap::{Args, Subcommand};
use serde_json::Value;

use self::queue::{QueueName, Queues};
use crate::context::Context;
use crate::failure::Failure;
use crate::table::{columns, document};

/// The arguments of `dead-letters`.
#[derive(Args)]
#[command(after_long_help = crate::help::DEAD_LETTERS)]
pub struct DeadLettersArguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Count the dead letters of each queue (sqs:GetQueueAttributes)
    List,
    /// Show dead letters: what they are about, never their text (sqs:ReceiveMessage, sqs:ChangeMessageVisibility)
    Show {
        /// The queue whose dead letters are shown
        queue: QueueName,
        /// How many at most, 1 to 1000
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=1000))]
        limit: u16,
    },
    /// Move the dead letters back to their queue, and wait until they are moved
    ///
    /// Find the cause first: a redrive into the same fault comes back after four days. Needs sqs:StartMessageMoveTask,
    /// ListMessageMoveTasks, ReceiveMessage, DeleteMessage and GetQueueAttributes on the dead-letter queue and
    /// sqs:SendMessage on the queue. If the tool stops, the redrive goes on; run it again to follow it.
    Redrive {
        /// The queue whose dead letters are moved
        queue: QueueName,
        /// How many a second, 1 to 500: the rate spares the providers
        #[arg(long, value_name = "COUNT", default_value_t = 5, value_parser = clap::value_parser!(i32).range(1..=500))]
        rate: i32,
    },
}

/// Runs a command and gives what to print.
///
/// # Errors
/// [`Failure`].
pub async fn run(arguments: DeadLettersArguments, context: &Context) -> Result<String, Failure> {
    match arguments.command {
        Command::List => list(context).await,
        Command::Show { queue, limit } => {
            let queues = Queues::open(queue, context).await?;
            let letters = queues.letters(usize::from(limit)).await?;
            Ok(if context.json { document(&Value::Array(letters)) } else { page(&letters) })
        }
        Command::Redrive { queue, rate } => {
            let queues = Queues::open(queue, context).await?;
            queues.redrive(rate, context.json).await
        }
    }
}

async fn list(context: &Context) -> Result<String, Failure> {
    let mut counted = Vec::new();
    for name in QueueName::ALL {
        counted.push(Queues::open(name, context).await?.counts().await?);
    }
    if context.json {
        return Ok(document(&Value::Array(counted)));
    }
    let names = ["queue", "dead_letters", "hidden", "waiting", "delayed", "in_flight"];
    let head = names.map(|name| name.replace('_', " ").to_uppercase());
    let row = |it: &Value| {
        names.map(|name| it[name].as_str().map_or_else(|| it[name].to_string(), str::to_owned))
    };
    let rows: Vec<_> = std::iter::once(head).chain(counted.iter().map(row)).collect();
    Ok(columns(&rows))
}

fn page(letters: &[Value]) -> String {
    let head = ["KIND", "ABOUT", "SENT", "EXPIRES", "MESSAGE"].map(str::to_owned);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let row = |it: &Value| {
        let kind = if it["readable"] == true { text(&it["kind"]) } else { "unreadable".to_owned() };
        let about = it["about"].as_object().into_iter().flatten().map(|(name, value)| {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            format!("{name}={value}")
        });
        let about = about.collect::<Vec<_>>().join(" ");
        [kind, about, text(&it["sent_at"]), text(&it["expires_at"]), text(&it["message_id"])]
    };
    let rows: Vec<_> = std::iter::once(head).chain(letters.iter().map(row)).collect();
    columns(&rows)
}
