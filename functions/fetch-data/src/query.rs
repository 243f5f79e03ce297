//! Reads what a tenant asks of MTN. Unknown and invalid parameters are refused, so that a mistyped
//! range is not answered with other data.

use shared::domain::date::Date;
use shared::domain::deferred::Question;
use shared::domain::msisdn::Msisdn;
use shared::lambda::error::ApiError;
use shared::lambda::request::ApiRequest;
use shared::platform::crypto::SecretString;
use shared::provider::mtn::{PlanKind, PlansQuery, PremiumRequest};

/// The most entries on a page.
const MAX_LIMIT: u32 = 100;
/// The longest free text that is passed on, in characters.
const MAX_TEXT: usize = 40;

/// The question of a route that may be answered later.
pub(crate) fn question(request: &ApiRequest) -> Result<Question, ApiError> {
    let query = Query(request);
    match request.route.as_str() {
        "GET /accounts/{id}/mtn/balance" => {
            query.only(&[])?;
            Ok(Question::Balance)
        }
        "GET /accounts/{id}/mtn/recharges" => {
            query.only(&["start", "end", "page", "limit"])?;
            let ((start, end), (page, limit)) = (query.range()?, query.page()?);
            Ok(Question::Recharges { start, end, page, limit })
        }
        "GET /accounts/{id}/mtn/recharges/summary" => {
            query.only(&["start", "end", "page", "limit"])?;
            let ((start, end), (page, limit)) = (query.range()?, query.page()?);
            Ok(Question::RechargeSummary { start, end, page, limit })
        }
        "GET /accounts/{id}/mtn/usage" => {
            query.only(&["start", "end", "page", "type", "sort"])?;
            let (start, end) = query.range()?;
            let start = start.ok_or_else(|| ApiError::invalid("start is missing: YYYY-MM-DD."))?;
            let page = query.number("page", u32::MAX)?;
            let (kind, sort) = (query.plain_text("type")?, query.plain_text("sort")?);
            Ok(Question::Usage { start, end, kind, page, sort })
        }
        "GET /accounts/{id}/mtn/usage/summary" => {
            query.only(&["start", "end", "type"])?;
            let (start, end) = query.range()?;
            Ok(Question::UsageSummary { start, end, kind: query.plain_text("type")? })
        }
        _ => Err(ApiError::not_found()),
    }
}

/// What is asked about plans. Only the account's own line may be asked about.
pub(crate) fn plans(request: &ApiRequest, own: &Msisdn) -> Result<PlansQuery, ApiError> {
    let query = Query(request);
    query.only(&["plan", "momo", "includeReservations", "quoteid", "fixedLine"])?;
    let plan = query.value("plan").map(|plan| match plan.to_ascii_uppercase().as_str() {
        "VOICE" => Ok(PlanKind::Voice),
        "DATA" => Ok(PlanKind::Data),
        "SMS" => Ok(PlanKind::Sms),
        _ => Err(ApiError::invalid("plan must be VOICE, DATA or SMS.")),
    });
    let fixed_line = query.value("fixedLine").map(|line| match Msisdn::parse(&line) {
        Ok(line) if line == *own => Ok(line),
        _ => Err(ApiError::invalid(
            "fixedLine must be the account's own number: nobody consented for another.",
        )),
    });
    Ok(PlansQuery {
        plan: plan.transpose()?,
        momo: query.flag("momo")?,
        include_reservations: query.flag("includeReservations")?,
        quote_id: query.plain_text("quoteid")?,
        fixed_line: fixed_line.transpose()?,
    })
}

/// What a premium is asked for. The default beneficiary is the account's own line.
pub(crate) fn premium(request: &ApiRequest, own: &Msisdn) -> Result<PremiumRequest, ApiError> {
    Query(request).only(&[])?;
    let mut premium: PremiumRequest = request.json(
        "product, transactionType and amount (value, type and unit as strings), and optionally \
         receivingCustomerId, accountHolderId, quoteId and message",
    )?;
    let required = [&premium.product, &premium.transaction_type, &premium.amount.value];
    let optional = [&premium.account_holder_id, &premium.quote_id, &premium.message];
    if required.into_iter().chain(optional.into_iter().flatten()).any(String::is_empty) {
        return Err(ApiError::invalid("String fields must not be empty."));
    }
    let beneficiary = match premium.receiving_customer_id.as_deref() {
        Some(number) => Msisdn::parse(number).map_err(|_| {
            ApiError::invalid("receivingCustomerId must be a Nigerian mobile number.")
        })?,
        None => own.clone(),
    };
    premium.receiving_customer_id = Some(beneficiary.international());
    Ok(premium)
}

/// The tenant's credentials at MTN's wallet: passed on, never stored.
pub(crate) fn x_authorization(request: &ApiRequest) -> Result<Option<SecretString>, ApiError> {
    let Some(value) = request.headers.get("x-authorization") else { return Ok(None) };
    match value.to_str() {
        Ok(value) if !value.is_empty() => Ok(Some(SecretString::from(value))),
        _ => Err(ApiError::invalid("x-authorization must be visible ASCII.")),
    }
}

/// The query of a request.
struct Query<'a>(&'a ApiRequest);

impl Query<'_> {
    /// Refuses all other parameters.
    fn only(&self, names: &[&str]) -> Result<(), ApiError> {
        let pairs = url::form_urlencoded::parse(self.0.query.as_bytes());
        if pairs.into_iter().all(|(name, _)| names.contains(&&*name)) {
            return Ok(());
        }
        Err(ApiError::invalid(match names {
            [] => "This route takes no query parameters.".to_owned(),
            names => format!("The query parameters are: {}.", names.join(", ")),
        }))
    }

    /// A parameter; empty is absent.
    fn value(&self, name: &str) -> Option<String> {
        self.0.query_value(name).filter(|value| !value.is_empty())
    }

    fn range(&self) -> Result<(Option<Date>, Option<Date>), ApiError> {
        let (start, end) = (self.date("start")?, self.date("end")?);
        match (&start, &end) {
            (Some(from), Some(to)) if from > to => {
                Err(ApiError::invalid("start must not be after end."))
            }
            _ => Ok((start, end)),
        }
    }

    fn date(&self, name: &str) -> Result<Option<Date>, ApiError> {
        let date = self.value(name).map(|text| Date::parse(&text)).transpose();
        date.map_err(|_| ApiError::invalid(format!("{name} must be a real date as YYYY-MM-DD.")))
    }

    fn page(&self) -> Result<(Option<u32>, Option<u32>), ApiError> {
        Ok((self.number("page", u32::MAX)?, self.number("limit", MAX_LIMIT)?))
    }

    fn number(&self, name: &str, most: u32) -> Result<Option<u32>, ApiError> {
        let Some(text) = self.value(name) else { return Ok(None) };
        let plain = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| plain && (1..=most).contains(number));
        number.map(Some).ok_or_else(|| {
            ApiError::invalid(match most {
                MAX_LIMIT => format!("{name} must be a whole number from 1 to {MAX_LIMIT}."),
                _ => format!("{name} must be a whole number above zero."),
            })
        })
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.value(name).as_deref() {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(ApiError::invalid(format!("{name} must be true or false."))),
        }
    }

    /// A text whose meaning is MTN's: passed on if it is short and plain.
    fn plain_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:".contains(&b);
        match self.value(name) {
            Some(text) if text.len() <= MAX_TEXT && text.bytes().all(plain) => Ok(Some(text)),
            Some(_) => Err(ApiError::invalid(format!(
                "{name} must be at most {MAX_TEXT} letters, digits, '-', '_', '.', ',' or ':'."
            ))),
            None => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn a_query_that_is_read_holds_only_what_the_route_takes() {
        const ROUTES: [&str; 6] = [
            "GET /accounts/{id}/mtn/usage",
            "GET /accounts/{id}/mtn/usage/summary",
            "GET /accounts/{id}/mtn/recharges",
            "GET /accounts/{id}/mtn/recharges/summary",
            "GET /accounts/{id}/mtn/balance",
            "GET /accounts/{id}/mtn/plans",
        ];
        const PAIRS: [&str; 12] = [
            "start=2024-07-01",
            "end=2024-07-31",
            "start=2024-08-01",
            "end=2023-02-29",
            "page=2",
            "limit=100",
            "limit=101",
            "page=%2B1",
            "type=DATA",
            "sort=a%00b",
            "quoteid=c4nary",
            "",
        ];
        fuzz(|choices| {
            let route = *choices.pick(&ROUTES);
            let pairs: Vec<_> = (0..choices.byte() % 5).map(|_| *choices.pick(&PAIRS)).collect();
            let query = pairs.join("&");
            let (status, answer) =
                ask(Asked { route, query: &query, ..Asked::default() }, |request| {
                    let ((start, end), (page, limit), texts) = match question(request)? {
                        Question::Balance => ((None, None), (None, None), [None, None]),
                        Question::Recharges { start, end, page, limit }
                        | Question::RechargeSummary { start, end, page, limit } => {
                            ((start, end), (page, limit), [None, None])
                        }
                        Question::Usage { start, end, kind, page, sort } => {
                            ((Some(start), end), (page, None), [kind, sort])
                        }
                        Question::UsageSummary { start, end, kind } => {
                            ((start, end), (None, None), [kind, None])
                        }
                    };
                    assert!(start.is_none() || end.is_none() || start <= end);
                    assert!(
                        page != Some(0) && limit.is_none_or(|it| (1..=MAX_LIMIT).contains(&it))
                    );
                    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:".contains(&b);
                    for text in texts.into_iter().flatten() {
                        assert!(text.len() <= MAX_TEXT && text.bytes().all(plain), "{text:?}");
                    }
                    Ok(())
                });
            assert!(matches!(status, 200 | 400 | 404), "{status}");
            assert!(!answer.contains("c4nary"), "{answer}");
        });
    }

    #[test]
    fn a_premium_is_asked_for_a_mobile_number_and_shows_nobody() {
        const SAMPLES: [&str; 1] = [r#"{"product":"p","transactionType":"t",
            "amount":{"value":"1.50","type":"CURRENCY","unit":"NGN"},
            "receivingCustomerId":"08039998877","message":"c4nary"}"#];
        let words = ["amount", "unit", "GB", "", "receivingCustomerId", "quoteId", "8039998877"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let (status, answer) = ask(Asked { body, ..Asked::default() }, |request| {
                let own = Msisdn::parse("08031234567").unwrap();
                let premium = premium(request, &own)?;
                let receiver = premium.receiving_customer_id.unwrap_or_default();
                assert!(receiver.starts_with("234") && receiver.len() == 13, "{receiver}");
                assert!(!premium.product.is_empty() && !premium.amount.value.is_empty());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("8039998877") && !answer.contains("c4nary"), "{answer}");
        });
    }

    #[test]
    fn plans_are_asked_for_the_own_line_only() {
        const PAIRS: [&str; 8] = [
            "plan=data",
            "plan=x",
            "momo=true",
            "momo=1",
            "fixedLine=08031234567",
            "fixedLine=2348039998877",
            "quoteid=q-1",
            "quoteid=a%20b",
        ];
        fuzz(|choices| {
            let pairs: Vec<_> = (0..choices.byte() % 4).map(|_| *choices.pick(&PAIRS)).collect();
            let query = pairs.join("&");
            let (status, answer) = ask(Asked { query: &query, ..Asked::default() }, |request| {
                let own = Msisdn::parse("08031234567").unwrap();
                assert!(plans(request, &own)?.fixed_line.is_none_or(|line| line == own));
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status}");
            assert!(!answer.contains("8039998877"), "{answer}");
        });
    }
}
