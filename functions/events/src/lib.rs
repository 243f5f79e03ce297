//! `GET /events` and `GET /events/{event_id}`: what happened to the tenant's purchases, accounts and
//! deferred requests, for 30 days.
//!
//! Reads `events`, writes `limits` and `disclosures`.

use shared::domain::disclosure::Shown;
use shared::domain::event::{Event, EventType};
use shared::domain::ids::EventId;
use shared::domain::time::{from_iso, to_iso};
use shared::lambda::disclosing::DisclosureLog;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::HttpFunction;
use shared::lambda::page::{PageQuery, page};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::{Clock, Environment};
use shared::store::{Calls, Events, Wanted};

/// The function's dependencies.
#[derive(Debug)]
pub struct EventsFunction {
    events: Events,
    calls: Calls,
    public_base_url: Option<String>,
    disclosures: DisclosureLog,
    clock: Clock,
}

impl HttpFunction for EventsFunction {
    const NAME: &'static str = "events";

    fn new(vars: &Vars, environment: &Environment) -> Result<Self, ConfigError> {
        let dynamodb = shared::platform::aws::dynamodb(vars, environment)?;
        Ok(Self {
            events: Events::from_vars(vars, &dynamodb)?,
            calls: Calls::from_vars(vars, environment, &dynamodb)?,
            public_base_url: vars.base_url("PUBLIC_BASE_URL")?,
            disclosures: DisclosureLog::from_vars(vars, environment, &dynamodb)?,
            clock: environment.clock.clone(),
        })
    }

    fn disclosures(&self) -> Option<&DisclosureLog> {
        Some(&self.disclosures)
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        // Neither needs the other's answer.
        let count = self.calls.count(request.tenant()?);
        let (counted, reply) = tokio::join!(count, self.read(request));
        counted?;
        reply
    }
}

impl EventsFunction {
    async fn read(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        match request.route.as_str() {
            "GET /events" => self.list(request).await,
            "GET /events/{event_id}" => self.one(request).await,
            _ => Err(ApiError::not_found()),
        }
    }

    async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let (wanted, query) = (wanted(request)?, PageQuery::parse(request)?);
        let (limit, after, now) = (query.limit, query.after.as_deref(), self.clock.now());
        let found = self.events.list(tenant, &wanted, limit, after, now).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let kind = wanted.kind.map(|kind| kind.to_string());
        let filters = [("type", kind), ("since", wanted.since.map(to_iso))];
        let next = found.next.map(|listed| query.link(&format!("{base}/events"), filters, &listed));
        let reply = page(found.events.iter().map(Event::view), next)?;
        Ok(reply.shows(found.events.iter().filter_map(Event::purchase_id).collect::<Shown>()))
    }

    async fn one(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let id = request.path_id("event_id", EventId::parse)?;
        let event = self.events.get(tenant, &id, self.clock.now()).await?;
        let event = event.ok_or_else(ApiError::not_found)?;
        Ok(Reply::successful(event.view())?.shows(Shown::from_iter(event.purchase_id())))
    }
}

/// Which events are asked for.
fn wanted(request: &ApiRequest) -> Result<Wanted, ApiError> {
    let kind = request.query_value("type").map(|name| {
        EventType::named(&name).ok_or_else(|| {
            ApiError::invalid(format!("type must be one of: {}.", EventType::names().join(", ")))
        })
    });
    let since = request.query_value("since").map(|text| {
        from_iso(text).ok_or_else(|| {
            ApiError::invalid("since must be a time such as 2026-11-22T10:00:00.000Z.")
        })
    });
    Ok(Wanted { kind: kind.transpose()?, since: since.transpose()? })
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn a_list_is_asked_for_by_a_known_type_and_a_readable_time() {
        fuzz(|choices| {
            let words = [
                "type=purchase.delivered",
                "type=Other",
                "since=2026-11-22T10:00:00Z",
                "since=9999-12-31T23:59:59-01:00",
                "since=",
                "type=",
            ];
            let query: Vec<_> = (0..2).map(|_| choices.text(&words)).collect();
            let query: String = query.join("&").chars().filter(char::is_ascii_graphic).collect();
            let query = query.replace(['"', '<', '>', '#', '`', '{', '}', '\\', '^', '|'], "");
            let asked = Asked { query: &query, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                let read = wanted(request)?;
                let kind = request.query_value("type");
                assert_eq!(read.kind.map(|kind| kind.to_string()), kind);
                assert_eq!(read.since.is_some(), request.query_value("since").is_some());
                if let Some(since) = read.since {
                    assert_eq!(to_iso(since).len(), 24);
                }
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
        });
    }
}
