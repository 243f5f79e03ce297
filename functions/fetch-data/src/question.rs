//! What the caller wants to know of MTN: strict, so that a mistyped range is refused and not
//! silently answered with something else.

use shared::error::ApiError;
use shared::http_function::ApiRequest;
use shared::mtn::{Date, PlanKind, PlansQuery, PremiumRequest, Query};
use shared::phone::Msisdn;
use shared::secret::SecretString;

/// The most entries of a page.
const MAX_LIMIT: u32 = 100;
/// The longest free word passed on, in characters.
const MAX_WORD: usize = 40;

/// The question of a route that may be answered later.
pub(crate) fn query(request: &ApiRequest) -> Result<Query, ApiError> {
    let asked = Asked(request);
    match request.route.as_str() {
        "GET /accounts/{id}/mtn/balance" => {
            asked.only(&[])?;
            Ok(Query::Balance)
        }
        "GET /accounts/{id}/mtn/recharges" => {
            asked.only(&["start", "end", "page", "limit"])?;
            let ((start, end), (page, limit)) = (asked.range()?, asked.page()?);
            Ok(Query::Recharges { start, end, page, limit })
        }
        "GET /accounts/{id}/mtn/recharges/summary" => {
            asked.only(&["start", "end", "page", "limit"])?;
            let ((start, end), (page, limit)) = (asked.range()?, asked.page()?);
            Ok(Query::RechargeSummary { start, end, page, limit })
        }
        "GET /accounts/{id}/mtn/usage" => {
            asked.only(&["start", "end", "page", "type", "sort"])?;
            let (start, end) = asked.range()?;
            let start = start.ok_or_else(|| ApiError::invalid("start is missing: YYYY-MM-DD."))?;
            let page = asked.number("page", u32::MAX)?;
            let (kind, sort) = (asked.word("type")?, asked.word("sort")?);
            Ok(Query::Usage { start, end, kind, page, sort })
        }
        "GET /accounts/{id}/mtn/usage/summary" => {
            asked.only(&["start", "end", "type"])?;
            let (start, end) = asked.range()?;
            Ok(Query::UsageSummary { start, end, kind: asked.word("type")? })
        }
        _ => Err(ApiError::not_found()),
    }
}

/// What is asked about plans. Another line than the account's own is nobody's to ask about here.
pub(crate) fn plans(request: &ApiRequest, own: &Msisdn) -> Result<PlansQuery, ApiError> {
    let asked = Asked(request);
    asked.only(&["plan", "momo", "includeReservations", "quoteid", "fixedLine"])?;
    let plan = asked.value("plan").map(|plan| match plan.to_ascii_uppercase().as_str() {
        "VOICE" => Ok(PlanKind::Voice),
        "DATA" => Ok(PlanKind::Data),
        "SMS" => Ok(PlanKind::Sms),
        _ => Err(ApiError::invalid("plan must be VOICE, DATA or SMS.")),
    });
    let fixed_line = asked.value("fixedLine").map(|line| match Msisdn::parse(&line) {
        Ok(line) if line == *own => Ok(line),
        _ => Err(ApiError::invalid(
            "fixedLine must be the account's own number: nobody consented for another.",
        )),
    });
    Ok(PlansQuery {
        plan: plan.transpose()?,
        momo: asked.flag("momo")?,
        include_reservations: asked.flag("includeReservations")?,
        quote_id: asked.word("quoteid")?,
        fixed_line: fixed_line.transpose()?,
    })
}

/// What a premium is asked for. Without another beneficiary it is the account's own line.
pub(crate) fn premium(request: &ApiRequest, own: &Msisdn) -> Result<PremiumRequest, ApiError> {
    Asked(request).only(&[])?;
    let mut premium: PremiumRequest = request.json(
        "product, transactionType and amount (value, type and unit as strings), and optionally \
         receivingCustomerId, accountHolderId, quoteId and message",
    )?;
    let required = [&premium.product, &premium.transaction_type, &premium.amount.value];
    let optional = [&premium.account_holder_id, &premium.quote_id, &premium.message];
    if required.into_iter().chain(optional.into_iter().flatten()).any(String::is_empty) {
        return Err(ApiError::invalid("Nothing of the body may be an empty text."));
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

/// The caller's credentials at MTN's wallet: passed on, never kept.
pub(crate) fn x_authorization(request: &ApiRequest) -> Result<Option<SecretString>, ApiError> {
    let Some(value) = request.headers.get("x-authorization") else { return Ok(None) };
    match value.to_str() {
        Ok(value) if !value.is_empty() => Ok(Some(SecretString::from(value))),
        _ => Err(ApiError::invalid("x-authorization must be visible ASCII.")),
    }
}

/// The query of a request.
struct Asked<'a>(&'a ApiRequest);

impl Asked<'_> {
    /// Refuses what would otherwise be ignored.
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

    /// A word whose meaning is MTN's: passed on if it is short and plain.
    fn word(&self, name: &str) -> Result<Option<String>, ApiError> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.,:".contains(&b);
        match self.value(name) {
            Some(word) if word.len() <= MAX_WORD && word.bytes().all(plain) => Ok(Some(word)),
            Some(_) => Err(ApiError::invalid(format!(
                "{name} must be at most {MAX_WORD} letters, digits, '-', '_', '.', ',' or ':'."
            ))),
            None => Ok(None),
        }
    }
}
