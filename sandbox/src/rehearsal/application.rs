//! The tenant's application: where its receiver listens, and how it is made to buy and to say what it
//! refunded.

use std::io;
use std::pin::Pin;
use std::process::Stdio;
use std::sync::Arc;

use tokio::process::Command;

/// What happens later.
type Later<T> = Pin<Box<dyn Future<Output = io::Result<T>> + Send>>;
/// Makes the application buy an order.
pub type Buy = Arc<dyn Fn(Order) -> Later<()> + Send + Sync>;
/// Asks the application for the purchases that it refunded: one id for each refund.
pub type Refunds = Arc<dyn Fn() -> Later<Vec<String>> + Send + Sync>;

/// The tenant's application.
#[derive(Clone)]
pub struct Application {
    /// The URL of its receiver.
    pub target: String,
    /// How it buys; without it the rehearsal buys by itself.
    pub buy: Option<Buy>,
    /// How it says what it refunded; without it refunds are not judged.
    pub refunds: Option<Refunds>,
}

/// An order that the application is to buy.
#[derive(Debug, Clone)]
pub struct Order {
    /// Its id. It fits as an idempotency key.
    pub id: String,
    /// Where the gateway is.
    pub gateway_url: String,
    /// The API key.
    pub gateway_key: String,
}

/// The number that every order is for.
pub const PHONE: &str = "08031234567";
/// What is bought.
pub const SERVICE: &str = "mtn";
/// For how much, in kobo.
pub const AMOUNT_KOBO: u64 = 10_000;

/// A command of the shell that buys. It finds the order in its environment variables.
pub fn buy_by(command: String) -> Buy {
    Arc::new(move |order| {
        let mut shell = shell(&command);
        shell
            .env("ORDER_ID", order.id)
            .env("GATEWAY_URL", order.gateway_url)
            .env("GATEWAY_KEY", order.gateway_key)
            .env("SERVICE_ID", SERVICE)
            .env("PHONE", PHONE)
            .env("AMOUNT_KOBO", AMOUNT_KOBO.to_string());
        Box::pin(async move { output(shell).await.map(|_| ()) })
    })
}

/// A command of the shell that prints the id of a purchase for each refund, one on a line.
pub fn refunds_by(command: String) -> Refunds {
    Arc::new(move || {
        let shell = shell(&command);
        Box::pin(async move {
            let lines = output(shell).await?;
            let ids = lines.lines().map(str::trim).filter(|line| !line.is_empty());
            Ok(ids.map(str::to_owned).collect())
        })
    })
}

fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::null()).stderr(Stdio::inherit());
    shell
}

async fn output(mut shell: Command) -> io::Result<String> {
    let output = shell.output().await?;
    if !output.status.success() {
        return Err(io::Error::other(format!("it ended with {}", output.status)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
