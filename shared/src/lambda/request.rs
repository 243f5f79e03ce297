//! The request that an HTTP function reads.

use std::time::Duration;

use http::HeaderMap;
use lambda_http::aws_lambda_events::apigw::ApiGatewayV2httpRequestContext;
use lambda_http::request::RequestContext;
use lambda_http::{Request, RequestExt};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Deserializer};
use tokio::time::Instant;

use super::error::ApiError;
use crate::domain::access::Scopes;
use crate::domain::ids::{KeyId, TenantId};
use crate::domain::money::Kobo;
use crate::domain::spending::OwnMoneyLimits;
use crate::platform::telemetry::alarm::Alarm;

/// The longest time that a tenant can ask to wait: API Gateway gives up after 30 seconds.
const LONGEST_WAIT: Duration = Duration::from_secs(20);

/// A request as the functions see it.
///
/// Decide by [`route`](Self::route) and [`path`](Self::path), never by the URI. API Gateway
/// normalises the path, so the URI may name another route than the one that was authorised.
pub struct ApiRequest {
    /// API Gateway's id of the request.
    pub id: String,
    /// When it arrived here. The time left to answer counts from it.
    pub arrived: Instant,
    /// The route that matched, such as `GET /accounts/{id}`, without a leading `/v2`.
    pub route: String,
    /// The headers.
    pub headers: HeaderMap,
    /// The query string as it came, without the question mark.
    pub query: String,
    /// The address the request came from, as API Gateway saw it.
    pub source_ip: String,
    /// The base URL of this API as API Gateway states it, never as the `Host` header does.
    pub base_url: String,
    pub(super) tenant: Option<TenantId>,
    pub(super) key_id: Option<KeyId>,
    /// None where the authorizer's word cannot be read.
    money_limits: Option<OwnMoneyLimits>,
    /// None where the authorizer's word cannot be read.
    scopes: Option<Scopes>,
    path: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl ApiRequest {
    pub(super) fn from_event(event: Request) -> Self {
        let path = match event.path_parameters_ref() {
            Some(map) => map.iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
            None => Vec::new(),
        };
        let context = match event.request_context_ref() {
            Some(RequestContext::ApiGatewayV2(context)) => context.clone(),
            // Another kind of event has no tenant: it is refused.
            _ => ApiGatewayV2httpRequestContext::default(),
        };
        let context_value = |name| context.authorizer.as_ref()?.fields.get(name)?.as_str();
        let tenant = context_value("tenant").and_then(TenantId::parse);
        let key_id = context_value("key_id").map(KeyId::new);
        let money_limits = own_money_limits(&context);
        let scopes = scopes(&context);
        let stage = context.stage.as_deref().filter(|stage| *stage != "$default");
        let domain = context.domain_name.unwrap_or_default();
        let (parts, body) = event.into_parts();
        Self {
            id: context.request_id.unwrap_or_default(),
            arrived: Instant::now(),
            route: unversioned(&context.route_key.unwrap_or_default()),
            headers: parts.headers,
            query: parts.uri.query().unwrap_or_default().to_owned(),
            source_ip: context.http.source_ip.unwrap_or_default(),
            base_url: stage.iter().fold(format!("https://{domain}"), |url, s| format!("{url}/{s}")),
            tenant,
            key_id,
            money_limits,
            scopes,
            path,
            body: body.to_vec(),
        }
    }

    /// The tenant behind the key.
    ///
    /// # Errors
    /// `unavailable` when the route was deployed without its authorizer.
    pub fn tenant(&self) -> Result<&TenantId, ApiError> {
        self.tenant.as_ref().ok_or_else(|| {
            let alarm = Alarm::NoAuthorizer.name();
            tracing::error!(alarm, route = self.route, "the route has no authorizer");
            ApiError::unavailable("the route has no authorizer")
        })
    }

    /// The id of the key.
    ///
    /// # Errors
    /// `unavailable` when the authorizer does not state it.
    pub fn key_id(&self) -> Result<&KeyId, ApiError> {
        self.key_id.as_ref().ok_or_else(|| ApiError::unavailable("the authorizer states no key"))
    }

    /// The money limits that the tenant has of its own, by the authorizer's word.
    ///
    /// # Errors
    /// `unavailable` when it cannot be read: a limit must not be missed.
    pub fn own_money_limits(&self) -> Result<&OwnMoneyLimits, ApiError> {
        let unreadable = || ApiError::unavailable("the money limits of the key cannot be read");
        self.money_limits.as_ref().ok_or_else(unreadable)
    }

    /// What the key may do, by the authorizer's word.
    pub(super) fn scopes(&self) -> Result<&Scopes, ApiError> {
        let unreadable = || ApiError::unavailable("the scopes of the key cannot be read");
        self.scopes.as_ref().ok_or_else(unreadable)
    }

    /// A path parameter, decoded.
    pub fn path(&self, name: &str) -> &str {
        self.path.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
    }

    /// An id in the path.
    ///
    /// # Errors
    /// `not_found` when the text cannot be such an id.
    pub fn path_id<T>(&self, name: &str, parse: fn(&str) -> Option<T>) -> Result<T, ApiError> {
        parse(self.path(name)).ok_or_else(ApiError::not_found)
    }

    /// A header, if it is readable text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// A query parameter, decoded; the last one where it is repeated.
    pub fn query_value(&self, name: &str) -> Option<String> {
        let pairs = url::form_urlencoded::parse(self.query.as_bytes());
        pairs.filter(|(key, _)| key == name).last().map(|(_, value)| value.into_owned())
    }

    /// The body as it came, if it is JSON that our parser reads.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn json_text(&self, expected: &'static str) -> Result<&str, ApiError> {
        self.parsed::<serde_json::Value>(expected)?;
        let not_text =
            |_| ApiError::invalid(format!("The body is not text; it must hold {expected}."));
        std::str::from_utf8(&self.body).map_err(not_text)
    }

    /// How long the tenant would wait for the answer, counted from the request's arrival:
    /// `Prefer: wait=N` in seconds (RFC 7240), at most 20. Zero where nothing readable is stated.
    pub fn preferred_wait(&self) -> Duration {
        let preferences = self.headers.get_all("prefer").iter().filter_map(|it| it.to_str().ok());
        let wait = preferences.flat_map(|it| it.split(',')).find_map(|preference| {
            let (name, value) = preference.split(';').next()?.split_once('=')?;
            let value = value.trim().trim_matches('"');
            name.trim().eq_ignore_ascii_case("wait").then(|| value.parse().ok())?
        });
        Duration::from_secs(wait.unwrap_or_default()).min(LONGEST_WAIT)
    }

    /// The body as a JSON object. `expected` tells the tenant what the body must hold. serde's own
    /// messages are not used, because they quote values.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn json<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, ApiError> {
        let body = self.parsed(expected)?;
        // serde would also read an array as a struct, by position.
        match self.body.trim_ascii_start().first() {
            Some(b'{') => Ok(body),
            _ => Err(ApiError::invalid(format!("The body must hold {expected}."))),
        }
    }

    /// The same for a body that may be left out.
    ///
    /// # Errors
    /// `invalid_request`.
    pub fn json_or_default<T: DeserializeOwned + Default>(
        &self,
        expected: &'static str,
    ) -> Result<T, ApiError> {
        let is_empty = self.body.iter().all(u8::is_ascii_whitespace);
        if is_empty { Ok(T::default()) } else { self.json(expected) }
    }

    fn parsed<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, ApiError> {
        if self.body.iter().all(u8::is_ascii_whitespace) {
            return Err(ApiError::invalid(format!("The body is empty; it must hold {expected}.")));
        }
        serde_json::from_slice(&self.body).map_err(|error| match error.classify() {
            serde_json::error::Category::Data => {
                ApiError::invalid(format!("The body must hold {expected}."))
            }
            _ => ApiError::invalid(format!("The body is not JSON; it must hold {expected}.")),
        })
    }
}

/// The money limits in the authorizer's context; `None` where they have another form.
fn own_money_limits(context: &ApiGatewayV2httpRequestContext) -> Option<OwnMoneyLimits> {
    let authorizer = context.authorizer.as_ref();
    let field = |name| authorizer.and_then(|it| it.fields.get(name));
    let spend_limit = match field("spend_limit") {
        Some(value) => Some(value.as_str()?.parse().ok()?),
        None => None,
    };
    let largest_order_kobo = match field("largest_order_kobo") {
        Some(value) => Some(Kobo::new(value.as_str()?.parse().ok()?).ok()?),
        None => None,
    };
    Some(OwnMoneyLimits { spend_limit, largest_order_kobo })
}

/// The scopes in the authorizer's context, all where it names none; `None` where they have another form.
fn scopes(context: &ApiGatewayV2httpRequestContext) -> Option<Scopes> {
    let authorizer = context.authorizer.as_ref();
    match authorizer.and_then(|it| it.fields.get("scopes")) {
        Some(value) => value.as_str()?.parse().ok(),
        None => Some(Scopes::all()),
    }
}

/// An object or nothing, for a field. serde alone would also read an array as a struct.
///
/// # Errors
/// The deserializer's.
pub fn object<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: DeserializeOwned,
{
    let object = Option::<serde_json::Map<String, serde_json::Value>>::deserialize(deserializer)?;
    object.map(T::deserialize).transpose().map_err(serde::de::Error::custom)
}

/// `/v2` is an alias: `POST /v2/accounts/auth` is `POST /accounts/auth`.
fn unversioned(route_key: &str) -> String {
    route_key.replacen(" /v2/", " /", 1)
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;

    use super::*;

    #[test]
    fn money_limits_that_are_read_are_the_ones_that_the_authorizer_wrote() {
        fuzz(|choices| {
            let texts = ["5000/600,20000/86400", "1/0,1/0", "4000", "-1", ""];
            let (spend, largest) = (choices.text(&texts), choices.text(&texts));
            let mut context = ApiGatewayV2httpRequestContext::default();
            let mut authorizer = ApiGatewayRequestAuthorizer::default();
            for (name, value) in [("spend_limit", &spend), ("largest_order_kobo", &largest)] {
                if choices.once_in(2) {
                    authorizer.fields.insert(name.to_owned(), value.as_str().into());
                }
            }
            let fields = authorizer.fields.clone();
            context.authorizer = Some(authorizer);
            let Some(read) = own_money_limits(&context) else { return };
            let stated = |name: &str| fields.contains_key(name);
            assert_eq!(read.spend_limit.is_some(), stated("spend_limit"), "{fields:?}");
            assert_eq!(read.largest_order_kobo.is_some(), stated("largest_order_kobo"));
        });
    }

    #[test]
    fn scopes_are_those_that_the_authorizer_wrote_or_all_where_it_wrote_none() {
        fuzz(|choices| {
            let mut context = ApiGatewayV2httpRequestContext::default();
            assert_eq!(scopes(&context), Some(Scopes::all()));
            let mut authorizer = ApiGatewayRequestAuthorizer::default();
            let text = choices.text(&["data", "data,read", "read", "all", "", "read,data"]);
            authorizer.fields.insert("scopes".to_owned(), text.as_str().into());
            context.authorizer = Some(authorizer);
            assert_eq!(scopes(&context), text.parse().ok());
        });
    }

    #[test]
    fn v2_is_an_alias_of_the_unversioned_route() {
        assert_eq!(unversioned("POST /v2/accounts/auth"), "POST /accounts/auth");
        assert_eq!(unversioned("GET /accounts/{id}"), "GET /accounts/{id}");
        assert_eq!(unversioned("GET /x/v2/y"), "GET /x/v2/y");
    }
}
