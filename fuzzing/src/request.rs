//! A request for the parser of an HTTP function. It takes the way of a real one, from the event of
//! API Gateway to the answer.

use futures_util::FutureExt;
use http::{HeaderName, HeaderValue, Request};
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::{Body, RequestExt};
use shared::lambda::error::ApiError;
use shared::lambda::http_function::{HttpFunction, serve};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;

/// What is asked. An empty header is not sent.
#[derive(Debug, Default)]
pub struct Asked<'a> {
    /// The route, such as `POST /purchases`.
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
        (self.0)(request).map(|()| Reply::json_text("{}"))
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
    context.route_key = Some(asked.route.to_owned());
    let request = request.body(Body::Binary(asked.body)).expect("a query for a URI");
    let request = request.with_request_context(RequestContext::ApiGatewayV2(context));
    let answer = serve(&Parses(parse), request, false).now_or_never().expect("an answer at once");
    let Ok(answer) = answer;
    let (status, body) = (answer.status().as_u16(), answer.into_body());
    (status, String::from_utf8_lossy(&body).into_owned())
}
