//! `GET /purchases`: the tenant's own purchases, newest first.

use shared::domain::date::Date;
use shared::domain::disclosure::Shown;
use shared::domain::purchase::{PhoneKey, Purchase, Recipient, State};
use shared::domain::service::Service;
use shared::domain::time::{from_iso, to_iso, up_to_ms};
use shared::lambda::error::ApiError;
use shared::lambda::page::{PageQuery, page};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::provider::vtpass::Vtpass;
use shared::store::Filters;
use strum::IntoEnumIterator;
use time::OffsetDateTime;

use crate::PurchaseFunction;

impl PurchaseFunction {
    pub(crate) async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let test_numbers = self.vtpass.as_ref().is_some_and(Vtpass::takes_test_numbers);
        let (asked, query) = (Asked::parse(request, test_numbers)?, PageQuery::parse(request)?);
        let filters = Filters {
            state: asked.state,
            service_id: asked.service.map(|service| service.id),
            phone: asked.phone.as_ref().and_then(|it| PhoneKey::of(&self.keyed_hash, tenant, it)),
            from: asked.from,
            to: asked.to,
        };
        let (limit, after) = (query.limit, query.after.as_deref());
        let found = self.purchases.list(tenant, &filters, limit, after).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let list = format!("{base}/purchases");
        let next = found.next.map(|listed| query.link(&list, asked.again(), &listed));
        let reply = page(found.purchases.iter().map(Purchase::view), next)?;
        Ok(reply.shows(found.purchases.into_iter().map(|it| it.purchase_id).collect::<Shown>()))
    }
}

/// What is asked for.
struct Asked {
    state: Option<State>,
    service: Option<Service>,
    phone: Option<Recipient>,
    from: Option<OffsetDateTime>,
    to: Option<OffsetDateTime>,
}

impl Asked {
    fn parse(request: &ApiRequest, test_numbers: bool) -> Result<Self, ApiError> {
        let service = request.query_value("service_id").map(|id| {
            let unknown = || format!("service_id must be one of: {}.", Service::supported());
            Service::parse(&id).ok_or_else(|| ApiError::invalid(unknown()))
        });
        let phone = request.query_value("phone").map(|text| {
            let invalid = || ApiError::invalid("phone must be a Nigerian mobile number.");
            Recipient::parse(&text, test_numbers).ok_or_else(invalid)
        });
        let from = bound(request, "from", Date::begins)?;
        let to = bound(request, "to", Date::ends)?;
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            return Err(ApiError::invalid("from must be before to."));
        }
        let (service, phone) = (service.transpose()?, phone.transpose()?);
        Ok(Self { state: state(request)?, service, phone, from, to })
    }

    /// The same as query parameters, for the link to the next page.
    fn again(&self) -> [(&'static str, Option<String>); 5] {
        [
            ("state", self.state.map(|state| state.name().to_owned())),
            ("service_id", self.service.map(|service| service.id.to_owned())),
            ("phone", self.phone.as_ref().map(Recipient::text)),
            ("from", self.from.map(to_iso)),
            ("to", self.to.map(to_iso)),
        ]
    }
}

/// A bound of the time, in whole milliseconds as purchases have it: an instant, or a day in Lagos.
fn bound(
    request: &ApiRequest,
    name: &str,
    of_day: fn(Date) -> OffsetDateTime,
) -> Result<Option<OffsetDateTime>, ApiError> {
    let Some(text) = request.query_value(name) else { return Ok(None) };
    let bound = match Date::parse(&text) {
        Ok(day) => Some(of_day(day)),
        Err(_) => from_iso(text).and_then(up_to_ms),
    };
    let example = "a time such as 2026-11-22T10:00:00.000Z, or a day such as 2026-11-22";
    bound.map(Some).ok_or_else(|| ApiError::invalid(format!("{name} must be {example}.")))
}

/// The state that is asked for.
fn state(request: &ApiRequest) -> Result<Option<State>, ApiError> {
    let state = request.query_value("state").map(|name| {
        name.parse().map_err(|_| {
            let names: Vec<_> = State::iter().map(State::name).collect();
            ApiError::invalid(format!("state must be one of: {}.", names.join(", ")))
        })
    });
    state.transpose()
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked as Request, ask, fuzz};

    use super::*;

    const NUMBER: &str = "08039998877";

    #[test]
    fn what_is_asked_for_is_known_and_a_link_asks_for_the_same() {
        fuzz(|choices| {
            let words = [
                "state=pending",
                "state=Pending",
                "state=",
                "state=needs_review",
                "service_id=t2-data",
                "service_id=x",
                "phone=%2B234+803+999+8877",
                "phone=08039998877",
                "phone=201000000000",
                "from=2026-11-22",
                "from=2026-11-22T10:00:00.0001%2B01:00",
                "to=2026-11-22",
                "to=9999-12-31T23:59:59.9999Z",
                "to=2026-11-21T22:59:59Z",
            ];
            let query: Vec<_> = (0..3).map(|_| choices.text(&words)).collect();
            let query: String = query.join("&").chars().filter(char::is_ascii_graphic).collect();
            let query = query.replace(['"', '<', '>', '#', '`', '{', '}', '\\', '^', '|'], "");
            let test_numbers = choices.once_in(2);
            let asked = Request { query: &query, ..Request::default() };
            let (status, answer) = ask(asked, move |request| {
                let asked = Asked::parse(request, test_numbers)?;
                let again = asked.again();
                for (name, value) in &again {
                    assert_eq!(request.query_value(name).is_some(), value.is_some(), "{name}");
                }
                assert!(asked.from.zip(asked.to).is_none_or(|(from, to)| from < to));
                let query = PageQuery { limit: 1, after: None };
                let link = query.link("/x", again.clone(), "");
                let (_, query) = link.split_once('?').expect("a query");
                let (status, answer) =
                    ask(Request { query, ..Request::default() }, move |request| {
                        assert_eq!(Asked::parse(request, true)?.again(), again);
                        Ok(())
                    });
                assert_eq!(status, 200, "{answer}");
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
            assert!(!answer.contains(&NUMBER[1..]), "{answer}");
        });
    }

    fn bounds(query: &'static str) -> (u16, String) {
        ask(Request { query, ..Request::default() }, |request| {
            let asked = Asked::parse(request, false)?;
            let shown = [asked.from, asked.to].map(|it| it.map(to_iso).unwrap_or_default());
            Err(ApiError::invalid(shown.join(" ")))
        })
    }

    #[test]
    fn a_day_is_that_of_lagos_and_whole_and_an_instant_is_rounded_up_to_milliseconds() {
        for (query, expected) in [
            ("from=2026-11-22&to=2026-11-22", "2026-11-21T23:00:00.000Z 2026-11-22T23:00:00.000Z"),
            ("from=2026-11-22T10:00:00.0001Z", "2026-11-22T10:00:00.001Z "),
            ("to=2026-11-22T10:00:00.001%2B01:00", " 2026-11-22T09:00:00.001Z"),
            ("from=2026-11-22T10:00:00Z&to=2026-11-22T10:00:00Z", "from must be before to."),
            ("from=2026-11-23&to=2026-11-22", "from must be before to."),
            ("to=2026-11-31", "to must be a time such as"),
            ("to=9999-12-31T23:59:59.9999Z", "to must be a time such as"),
            ("from=2026-11-22T10:00:00", "from must be a time such as"),
        ] {
            let (_, answer) = bounds(query);
            assert!(answer.contains(expected), "{query}: {answer}");
        }
    }
}
