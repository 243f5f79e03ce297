//! A deployment as a fake AWS describes it.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

/// A deployment on AWS as its services describe it.
#[derive(Default)]
pub struct Deployment {
    /// The physical names of the stack's resources.
    pub resources: BTreeMap<String, String>,
    /// The stack's status.
    pub status: String,
    /// What GetFunction answers, by the name in the template.
    pub functions: BTreeMap<String, Value>,
    /// The states of the mappings from queues.
    pub mappings: BTreeMap<String, String>,
    /// The text of each secret.
    pub secrets: BTreeMap<String, String>,
    /// The subscriptions of the topic of alarms.
    pub subscriptions: Vec<String>,
    /// Alarms that are not OK: their names in the template.
    pub ringing: Vec<String>,
    /// What GetSchedule answers, by the name in the template.
    pub schedules: BTreeMap<String, Value>,
    /// Functions that no schedule has run lately.
    pub silent: BTreeSet<String>,
    /// Tables without the feature: `ttl`, `recovery`, `protection`.
    pub tables_without: BTreeSet<(String, &'static str)>,
    /// Queues without a redrive.
    pub queues_without_redrive: BTreeSet<String>,
    /// What the next looks at a redrive see. While there are any, none is really begun.
    pub moves: VecDeque<Option<Value>>,
    /// Actions that the credentials may not do.
    pub forbidden: BTreeSet<&'static str>,
    /// Each call: the service, the access key, the region.
    pub calls: Vec<(String, String, String)>,
    /// Answers 503 to so many of the next calls.
    pub fails: usize,
}

/// The fields of a form.
pub fn fields(body: &[u8]) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body).into_owned().collect()
}

/// The name in the template of a function.
pub fn function_name(package: &str) -> String {
    let words = package.split('-').map(|word| {
        let (first, rest) = word.split_at(1);
        format!("{}{rest}", first.to_ascii_uppercase())
    });
    words.collect::<String>() + "Function"
}

/// What AWS answers where there is no such thing.
pub fn no_such(kind: &str) -> Response {
    let body = json!({ "__type": kind, "Message": "there is no such thing" });
    (StatusCode::BAD_REQUEST, body.to_string()).into_response()
}
