//! A request for the parser of an HTTP function. It takes the way of a real one, from the event of
//! API Gateway to the answer.

use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Request};
use lambda_http::aws_lambda_events::apigw::{
    ApiGatewayRequestAuthorizer, ApiGatewayV2httpRequestContext,
};
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};
use shared::domain::disclosure::Shown;
use shared::lambda::error::ApiError;
use shared::lambda::http_function::{HttpFunction, serve};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;

/// What is asked. An empty header is not sent.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    /// The route, such as `POST /purchases`; one that is open to every key unless it matters.
    pub route: &'a str,
    /// The query string. It must be one that a URI may hold.
    pub query: &'a str,
    /// One header: its name and value.
    pub header: (&'a str, &'a [u8]),
    /// The body.
    pub body: Vec<u8>,
}

/// A function that only parses.
struct Parses<P>(P);

impl<P: Fn(&ApiRequest) -> Result<(), ApiError> + Send + Sync + 'static> HttpFunction
    for Parses<P>
{
    const NAME: &'static str = "parses";

    fn new(_: &Vars, _: &Environment) -> Result<Self, ConfigError> {
        Err(ConfigError::Missing(String::new()))
    }

    async fn handle(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        (self.0)(request).map(|()| Reply::json_text("{}").shows(Shown::Nobody))
    }
}

/// Gives a request to a parser, and the status and body of the answer. The answer to a refused
/// request is the one that its sender would get.
///
/// # Panics
/// When the query cannot stand in a URI, or the parser waits for something.
pub fn ask(
    asked: Asked<'_>,
    parse: impl Fn(&ApiRequest) -> Result<(), ApiError> + Send + Sync + 'static,
) -> (u16, String) {
    let mut request = Request::builder().uri(format!("/x?{}", asked.query));
    if let (Ok(name), Ok(value)) =
        (HeaderName::try_from(asked.header.0), HeaderValue::from_bytes(asked.header.1))
    {
        request = request.header(name, value);
    }
    let mut context = ApiGatewayV2httpRequestContext::default();
    // A route that is open to every key.
    let route = if asked.route.is_empty() { "GET /providers" } else { asked.route };
    context.route_key = Some(route.to_owned());
    let mut authorizer = ApiGatewayRequestAuthorizer::default();
    authorizer.fields.insert("tenant".to_owned(), "acme".into());
    context.authorizer = Some(authorizer);
    let request = request.body(Body::Binary(asked.body)).expect("a query for a URI");
    let request = request.with_request_context(RequestContext::ApiGatewayV2(context));
    let answer = serve(&Parses(parse), request, false).now_or_never().expect("an answer at once");
    let Ok(answer) = answer;
    let (status, body) = (answer.status().as_u16(), answer.into_body());
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use shared::lambda::page::{MAX_LIMIT, PageQuery};

    use crate::fuzz;

    use super::*;

    #[test]
    fn any_header_states_a_wait_in_whole_seconds_or_none() {
        fuzz(|choices| {
            let words = ["wait=5", "respond-async, Wait=\"10\"", "wait=-1", "wait=1e3", "wait"];
            let value = choices.text(&words).into_bytes();
            let asked = Asked { header: ("prefer", &value), ..Asked::default() };
            let text = String::from_utf8_lossy(&value).to_lowercase();
            let (status, _) = ask(asked, move |request| {
                let wait = request.preferred_wait();
                assert_eq!(wait.subsec_nanos(), 0);
                assert!(
                    wait.is_zero()
                        || text.contains("wait") && text.contains(&wait.as_secs().to_string())
                );
                Ok(())
            });
            assert_eq!(status, 200);
        });
    }

    #[test]
    fn a_query_value_is_the_last_one_of_its_name() {
        fuzz(|choices| {
            let pairs = ["a=1", "a=2", "b=3", "a=%zz", "a", "=4", "a=%F0%9F"];
            let query: Vec<_> = (0..choices.byte() % 5).map(|_| *choices.pick(&pairs)).collect();
            let last = query.iter().rev().find(|pair| pair.split('=').next() == Some("a")).copied();
            let (status, _) =
                ask(Asked { query: &query.join("&"), ..Asked::default() }, move |request| {
                    let value = request.query_value("a");
                    assert_eq!(value.is_some(), last.is_some());
                    let plain = last.and_then(|it| it.split_once('=')).map(|(_, value)| value);
                    if let Some(plain) = plain.filter(|it| !it.contains('%')) {
                        assert_eq!(value.as_deref(), Some(plain));
                    }
                    Ok(())
                });
            assert_eq!(status, 200);
        });
    }

    #[test]
    fn a_body_is_an_object_or_is_refused_without_being_shown() {
        fuzz(|choices| {
            let samples = [r#"{"a":"c4nary","b":[1]}"#, r#"["c4nary"]"#, r#""c4nary""#];
            let body = choices.body(&samples, &["a", "c4nary"]);
            let object = serde_json::from_slice::<Value>(&body).is_ok_and(|it| it.is_object());
            let (status, answer) = ask(Asked { body, ..Asked::default() }, |request| {
                request.json::<Value>("an object").map(drop)
            });
            assert_eq!(status, if object { 200 } else { 400 });
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }

    #[test]
    fn a_page_that_is_asked_for_is_within_the_limits() {
        fuzz(|choices| {
            let words = ["limit=100", "limit=0", "limit=%2B5", "cursor=ff", "limit=", "cursor="];
            let query: Vec<_> = (0..2).map(|_| choices.text(&words)).collect();
            let query: String = query.join("&").chars().filter(char::is_ascii_graphic).collect();
            let query = query.replace(['"', '<', '>', '#', '`', '{', '}', '\\', '^', '|'], "");
            let asked = Asked { query: &query, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                let read = PageQuery::parse(request)?;
                assert!((1..=MAX_LIMIT).contains(&read.limit));
                if let Some(limit) = request.query_value("limit") {
                    assert_eq!(limit.trim_start_matches('0'), read.limit.to_string(), "{limit}");
                }
                assert_eq!(read.after.is_some(), request.query_value("cursor").is_some());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
        });
    }
}
