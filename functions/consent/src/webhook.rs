//! `POST /callbacks/mono`: Mono's webhook reports an event of an account.
//!
//! Wire contract: Mono documentation, *Webhooks* and *Unlink*. Only `account_unlinked` has an effect.
//! It is believed only once Mono, asked, no longer knows the account. The requery asks, so that Mono
//! gets its answer at once, and is asked again while it is down.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use shared::domain::ids::AccountId;
use shared::domain::job::{Job, ReportedAccount, Step};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::crypto::{ExposeSecret, same};

use crate::ConsentFunction;

const UNLINKED: &str = "mono.events.account_unlinked";

#[derive(Deserialize)]
struct Webhook {
    #[serde(default)]
    event: String,
    #[serde(default)]
    data: Value,
}

impl ConsentFunction {
    /// Without the secret in the configuration the route does not exist.
    pub(crate) async fn webhook(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let given = request.header("mono-webhook-secret").unwrap_or_default();
        let secret = self.webhook_secret.as_ref();
        if !secret.is_some_and(|secret| same(secret.expose_secret(), given)) {
            // The secret may have been rotated: the next call fetches it again.
            self.environment.credential_refusals.mark();
            return Err(ApiError::not_found());
        }
        if let Some(account_id) = withdrawn(request)? {
            let about = ReportedAccount { account_id, once: false, reported: true };
            let job = Job::Withdrawal(Step::first(about));
            self.jobs.send(&job, Duration::ZERO).await?;
        }
        Reply::successful(())
    }
}

/// The account whose customer withdrew at Mono; `None` for any other event.
fn withdrawn(request: &ApiRequest) -> Result<Option<AccountId>, ApiError> {
    let Webhook { event, data } = request.json("a Mono webhook")?;
    if !matches!(data, Value::Object(_) | Value::Array(_) | Value::Null) {
        return Err(ApiError::invalid("The field data must be an object."));
    }
    Ok(if event == UNLINKED { account_id(&data) } else { None })
}

/// The account's id. Its place and its spelling differ from event to event.
fn account_id(data: &Value) -> Option<AccountId> {
    let objects = [&data["account"], data];
    let mut ids = objects.iter().flat_map(|object| [&object["id"], &object["_id"]]);
    ids.find_map(|id| match id {
        Value::String(text) => AccountId::parse(text),
        Value::Number(number) => AccountId::parse(&number.to_string()),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn the_id_is_read_at_each_place_in_each_spelling() {
        for data in [
            r#"{"id":"7"}"#,
            r#"{"_id":"7"}"#,
            r#"{"id":7}"#,
            r#"{"id":"7","_id":"7"}"#,
            r#"{"account":{"id":"7","_id":"7"}}"#,
            r#"{"account":{"_id":"7"},"id":"customer"}"#,
            r#"{"account":null,"id":"7"}"#,
        ] {
            let id = account_id(&serde_json::from_str(data).unwrap());
            assert_eq!(id, AccountId::parse("7"), "{data}");
        }
        for data in ["[7]", "{}", r#"{"id":null}"#, r#"{"id":["7"]}"#, r#"{"id":"a/b"}"#] {
            assert_eq!(account_id(&serde_json::from_str(data).unwrap()), None, "{data}");
        }
    }

    #[test]
    fn any_body_is_a_webhook_or_invalid_and_only_an_unlink_withdraws() {
        const SAMPLES: [&str; 3] = [
            r#"{"event":"mono.events.account_unlinked","data":{"account":{"_id":"c4nary"}}}"#,
            r#"{"event":"mono.events.account_connected","data":{"id":7}}"#,
            r#"{"event":"mono.events.account_unlinked","data":"c4nary"}"#,
        ];
        let words = ["event", "data", "id", "_id", "account", UNLINKED, "a/b", "c4nary"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let names_it = String::from_utf8_lossy(&body).contains("account_unlinked");
            let (status, answer) = ask(Asked { body, ..Asked::default() }, move |request| {
                let id = withdrawn(request)?;
                assert!(id.is_none() || names_it);
                assert!(id.is_none_or(|id| AccountId::parse(id.as_str()).is_some()));
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }
}
