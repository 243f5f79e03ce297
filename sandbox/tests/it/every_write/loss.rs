//! A run of a function in which the answer of one write is lost, or not.

use sandbox::aws::lambda::Entry;
use serde_json::{Value, json};

use crate::support::tap::Tap;
use crate::support::{KEY, event};

/// A write, how its request is recognised, and whether its answer is lost.
#[derive(Clone, Copy)]
pub struct Loss {
    pub operation: &'static str,
    pub holds: &'static str,
    pub before: usize,
    pub is_lost: bool,
}

impl Loss {
    /// From now on the answer is lost, in the run that loses it.
    pub fn begin(self, tap: &Tap) {
        if self.is_lost {
            tap.lose_answer_of(self.operation, self.holds, self.before);
        }
    }

    /// Asserts that it was lost and the write repeated.
    pub fn end(self, tap: &Tap) {
        if self.is_lost {
            tap.assert_repeated();
        }
    }

    /// Runs a function once, and gives its answer.
    pub async fn run(self, tap: &Tap, function: &Entry, event: String) -> Value {
        self.begin(tap);
        let answer = function(event, crate::support::tap::context()).await.unwrap();
        self.end(tap);
        answer
    }
}

/// The event of a request of the first tenant, with one more header.
pub fn event_with(route: &str, header: (&str, &str), body: &Value) -> String {
    let mut event: Value =
        serde_json::from_str(&event(KEY, route, &[], &body.to_string())).unwrap();
    event["headers"][header.0] = json!(header.1);
    event.to_string()
}
