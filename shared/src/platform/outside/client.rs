//! The HTTP client for addresses that tenants chose.
//!
//! A name is resolved once for each connection, its addresses are checked, and the connection is made
//! to one of those: a name that resolves differently at a second look changes nothing.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderMap, StatusCode};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Method, Request};

use super::internet::Outside;
use super::reach::Forbidden;
use super::target::Target;
use crate::platform::breaker::retry_after;
use crate::platform::http::{self as network, NoAnswer, Transport};

/// How long one call may take.
pub const LIMIT: Duration = Duration::from_secs(15);
/// How long opening the connection may take of that.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that is not used is kept. An address is checked again after that.
const IDLE: Duration = Duration::from_secs(20);

/// Calls addresses that tenants chose.
#[derive(Debug, Clone)]
pub struct OutsideClient {
    outside: Outside,
    client: reqwest::Client,
}

/// What is kept of an answer. Its body is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutsideAnswer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The time to wait that `Retry-After` asks for, in seconds; a date is not read.
    pub retry_after: Option<Duration>,
}

/// Why there is no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutsideError {
    /// The address may not be reached. Nothing was sent.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// There is no answer for another reason.
    #[error(transparent)]
    NoAnswer(#[from] NoAnswer),
}

impl OutsideClient {
    /// Builds the client: no redirects, no proxy, no repeats, no cookies.
    ///
    /// # Panics
    /// At start only, should the compiled-in TLS configuration not be usable.
    pub fn new(outside: &Outside) -> Self {
        let client = reqwest::Client::builder()
            .tls_backend_preconfigured(network::tls())
            .connect_timeout(CONNECT_TIMEOUT)
            .pool_idle_timeout(IDLE)
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .no_proxy()
            .dns_resolver(Arc::new(CheckedNames(outside.clone())))
            .build()
            .expect("the HTTP client's settings are valid");
        Self { outside: outside.clone(), client }
    }

    /// Posts a body, once.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub async fn post(
        &self,
        url: &str,
        headers: HeaderMap,
        body: String,
    ) -> Result<OutsideAnswer, OutsideError> {
        let target = Target::parse(url, self.outside.reach)?;
        let mut request = Request::new(Method::POST, target.url);
        (*request.headers_mut(), *request.body_mut()) = (headers, Some(body.into()));
        let answer = tokio::time::timeout(LIMIT, self.exchange(request)).await;
        answer.unwrap_or(Err(NoAnswer::Timeout.into()))
    }

    async fn exchange(&self, request: Request) -> Result<OutsideAnswer, OutsideError> {
        let (status, headers) = match &self.outside.transport {
            Some(transport) => head(transport, request).await?,
            None => {
                let answer = self.client.execute(request).await.map_err(no_answer)?;
                (answer.status(), answer.headers().clone())
            }
        };
        Ok(OutsideAnswer { status, retry_after: retry_after(&headers) })
    }
}

async fn head(
    transport: &Arc<dyn Transport>,
    request: Request,
) -> Result<(StatusCode, HeaderMap), NoAnswer> {
    let answer = transport.exchange(request).await?;
    Ok((answer.status, answer.headers))
}

/// A refusal by [`CheckedNames`] comes back as the cause of a failed connection.
fn no_answer(error: reqwest::Error) -> OutsideError {
    let mut cause: Option<&(dyn Error + 'static)> = error.source();
    while let Some(error) = cause {
        if let Some(forbidden) = error.downcast_ref::<Forbidden>() {
            return (*forbidden).into();
        }
        cause = error.source();
    }
    network::no_answer(error).into()
}

/// Gives the addresses of a name only if all of them may be reached.
struct CheckedNames(Outside);

impl Resolve for CheckedNames {
    fn resolve(&self, name: Name) -> Resolving {
        let outside = self.0.clone();
        Box::pin(async move {
            let addresses = outside.allowed(name.as_str()).await??;
            let addresses: Addrs =
                Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;
    use std::sync::Mutex;

    use wiremock::matchers::any;
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::super::names::{Names, Resolved};
    use super::super::reach::{NOT_PUBLIC, Reach};
    use super::*;

    /// Names that resolve to the next of these addresses at each look.
    struct Scripted(Mutex<Vec<Vec<IpAddr>>>);

    impl Names for Scripted {
        fn resolve(&self, _: String) -> Resolved {
            let next = self.0.lock().unwrap().pop().unwrap_or_default();
            Box::pin(async move { Ok(next) })
        }
    }

    fn outside<const N: usize>(reach: Reach, mut looks: [&[&str]; N]) -> Outside {
        looks.reverse();
        let parse = |look: &&[&str]| look.iter().map(|it| it.parse().unwrap()).collect();
        let looks = looks.iter().map(parse).collect();
        Outside::with_names(reach, Arc::new(Scripted(Mutex::new(looks))))
    }

    async fn answering(template: ResponseTemplate) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(template).mount(&server).await;
        server
    }

    async fn post(outside: &Outside, url: &str) -> Result<OutsideAnswer, OutsideError> {
        OutsideClient::new(outside).post(url, HeaderMap::new(), "{}".to_owned()).await
    }

    const FORBIDDEN: Result<OutsideAnswer, OutsideError> = Err(OutsideError::Forbidden(NOT_PUBLIC));

    #[tokio::test]
    async fn a_name_with_one_forbidden_address_is_refused_at_making_and_at_sending() {
        let looks: [&[&str]; 2] = [&["8.8.8.8", "10.0.0.1"], &["10.0.0.1", "8.8.8.8"]];
        let outside = outside(Reach::Public, looks);
        let url = "https://a.example/hooks";
        assert_eq!(outside.check(url).await, Err(NOT_PUBLIC));
        assert_eq!(post(&outside, url).await, FORBIDDEN);
    }

    #[tokio::test]
    async fn a_name_that_changes_after_it_was_checked_is_refused_at_sending() {
        let outside = outside(Reach::Public, [&["8.8.8.8"], &["127.0.0.1"], &["169.254.169.254"]]);
        let url = "https://a.example/hooks";
        assert_eq!(outside.check(url).await, Ok(()));
        assert_eq!(post(&outside, url).await, FORBIDDEN);
        assert_eq!(post(&outside, url).await, FORBIDDEN);
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_for_a_connection() {
        let server = answering(ResponseTemplate::new(204)).await;
        // A second look would find an address that may not be reached.
        let outside = outside(Reach::Loopback, [&["127.0.0.1"], &["10.0.0.1"]]);
        let url = format!("http://localhost:{}/", server.address().port());
        assert_eq!(post(&outside, &url).await.unwrap().status, 204);
    }

    #[tokio::test]
    async fn a_name_without_an_address_is_refused_at_making_and_tried_again_at_sending() {
        let outside = outside(Reach::Public, []);
        let url = "https://a.example/hooks";
        assert!(outside.check(url).await.is_err());
        assert_eq!(post(&outside, url).await, Err(NoAnswer::NotSent.into()));
    }

    #[tokio::test]
    async fn a_redirect_is_an_answer_and_is_not_followed() {
        let inside = answering(ResponseTemplate::new(200)).await;
        let redirect = ResponseTemplate::new(307).insert_header("location", &*inside.uri());
        let server = answering(redirect).await;
        let answer = post(&Outside::with_loopback(), &server.uri()).await.unwrap();
        assert_eq!(answer.status, 307);
        assert!(inside.received_requests().await.unwrap().is_empty());
    }

    #[tokio::test]
    async fn the_wait_that_an_answer_asks_for_is_read() {
        for (value, seconds) in
            [("7", Some(7)), ("0", Some(0)), ("Wed, 21 Oct", None), ("-1", None)]
        {
            let template = ResponseTemplate::new(503).insert_header("retry-after", value);
            let server = answering(template).await;
            let answer = post(&Outside::with_loopback(), &server.uri()).await.unwrap();
            assert_eq!(answer.retry_after, seconds.map(Duration::from_secs), "{value}");
        }
    }

    #[tokio::test]
    async fn this_machine_is_not_public() {
        let server = answering(ResponseTemplate::new(200)).await;
        let url = format!("https://localhost:{}/", server.address().port());
        assert_eq!(post(&Outside::public(), &url).await, FORBIDDEN);
        assert!(server.received_requests().await.unwrap().is_empty());
    }
}
