//! The console: the page at `/_sandbox`, and what it shows and does.

mod about;
mod clock;
mod faults;
mod orders;
mod origin;
mod page;
mod queues;
mod receiver;

use serde_json::Value;

use crate::support::{Caller, Reply};

impl Caller {
    /// A request to the console, without a key.
    pub async fn to_console(&self, method: &str, path: &str, body: &str) -> Reply {
        self.send_bare(method, &format!("/_sandbox/{path}"), &[], body.into()).await
    }

    /// Turns the sandbox's own clock.
    async fn turn_on(&self, seconds: u64) -> Value {
        let body = serde_json::json!({ "advance_seconds": seconds });
        self.console("POST", "clock", &body).await
    }

    /// The console refuses a body with this status, and says why.
    #[track_caller]
    fn says(reply: &Reply, status: u16, why: &str) {
        let message = reply.json()["message"].as_str().unwrap().to_owned();
        assert_eq!(reply.status, status, "{}: {message}", reply.asked);
        assert!(message.contains(why), "{}: {message}", reply.asked);
    }
}
