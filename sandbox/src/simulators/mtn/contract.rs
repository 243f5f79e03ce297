//! What MTN's token endpoint and its two APIs take (MTN Customer Plans v2.1, MTN Consumption v2):
//! a table that every request is held against before anything else happens.

use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::form_urlencoded;

use super::rules::{COMPACT_DAY, DASHED_DAY, Field, Rule, check, may, must, printable};

/// What can be asked of MTN.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A token by client credentials.
    Token,
    /// A customer's plans.
    Plans,
    /// What a product costs a customer.
    Premium,
    /// A customer's plans for one product.
    ProductPlans,
    /// Airtime for a customer.
    Refill,
    /// Airtime and bundles.
    Balance,
    /// The history of recharges.
    Recharges,
    /// The sum of recharges.
    RechargeSummary,
    /// The history of usage.
    Usage,
    /// The sum of usage.
    UsageSummary,
}

/// How a caller must show who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// By what the form holds.
    Form,
    /// By the API key.
    Key,
    /// By the API key and a token or the client's id and secret.
    KeyAndCaller,
}

enum Body {
    Nothing,
    Form(&'static [Field]),
    Json(&'static [Field]),
}

/// Where `field` is `value`, the body must have `also`.
struct When {
    field: &'static str,
    value: &'static str,
    also: &'static [&'static str],
}

/// What one operation takes.
pub(super) struct Contract {
    pub(super) operation: Operation,
    pub(super) access: Access,
    method: &'static str,
    /// With `{name}` for a segment that is one of `parameters`.
    path: &'static str,
    parameters: &'static [Field],
    headers: &'static [Field],
    query: &'static [Field],
    body: Body,
    conditions: &'static [When],
}

const CUSTOMER: Field = must("customerId", Rule::Msisdn);
const MSISDN: Field = must("msisdn", Rule::Msisdn);
const CURRENCY_TYPES: Rule = Rule::OneOf(&["CURRENCY", "DATA", "MINUTES", "SMS"]);
const UNITS: Rule = Rule::OneOf(&["ZAR", "NGN", "GB", "MB", "MINUTES", "SMS", "FCFA"]);
const AMOUNT: Rule =
    Rule::Object(&[must("value", Rule::Text), must("type", CURRENCY_TYPES), must("unit", UNITS)]);
const TRACING: &[Field] = &[
    may("transactionId", Rule::TransactionId),
    must("traceId", Rule::Text),
    must("channelName", Rule::Text),
];
const RECHARGES: &[Field] = &[
    MSISDN,
    must("callBackUrl", Rule::CallbackUrl),
    may("startDate", Rule::Day(COMPACT_DAY)),
    may("endDate", Rule::Day(COMPACT_DAY)),
    may("pageNumber", Rule::Whole { min: 1, max: i64::MAX }),
    may("pageSize", Rule::Whole { min: 1, max: 100 }),
];

const fn contract(operation: Operation, method: &'static str, path: &'static str) -> Contract {
    Contract {
        operation,
        access: Access::KeyAndCaller,
        method,
        path,
        parameters: &[],
        headers: &[],
        query: &[],
        body: Body::Nothing,
        conditions: &[],
    }
}

const fn consumption(
    operation: Operation,
    path: &'static str,
    fields: &'static [Field],
) -> Contract {
    let (method, body) = ("POST", Body::Json(fields));
    Contract { headers: TRACING, body, ..contract(operation, method, path) }
}

static CONTRACTS: [Contract; 10] = [
    Contract {
        access: Access::Form,
        query: &[must("grant_type", Rule::OneOf(&["client_credentials"]))],
        body: Body::Form(&[must("client_id", Rule::Text), must("client_secret", Rule::Text)]),
        ..contract(Operation::Token, "POST", "/v1/oauth/access_token")
    },
    Contract {
        parameters: &[CUSTOMER],
        headers: &[may("x-authorization", Rule::Text)],
        query: &[
            may("fixedLine", Rule::Text),
            may("plan", Rule::OneOf(&["VOICE", "DATA", "SMS"])),
            may("momo", Rule::Flag),
            may("includeReservations", Rule::Flag),
            may("quoteid", Rule::Text),
        ],
        ..contract(Operation::Plans, "GET", "/v2/customers/{customerId}/plans")
    },
    Contract {
        parameters: &[CUSTOMER],
        body: Body::Json(&[
            must("receivingCustomerId", Rule::Text),
            must("transactionId", Rule::Text),
            must("product", Rule::Text),
            must("amount", AMOUNT),
            must("transactionType", Rule::Text),
            may("accountHolderId", Rule::Text),
            may("quoteId", Rule::Text),
            may("message", Rule::Text),
        ]),
        ..contract(Operation::Premium, "POST", "/v2/customers/{customerId}/plans")
    },
    Contract {
        access: Access::Key,
        parameters: &[CUSTOMER, must("productCode", Rule::Text)],
        ..contract(Operation::ProductPlans, "GET", "/v2/customers/{customerId}/plans/{productCode}")
    },
    Contract {
        access: Access::Key,
        parameters: &[CUSTOMER],
        headers: &[may("transactionId", Rule::TransactionId), may("sourceSystemId", Rule::Text)],
        body: Body::Json(&[
            must("refillType", Rule::OneOf(&["voucher", "voucherless"])),
            may("voucherActivationCode", Rule::Text),
            may("refillProfileId", Rule::Text),
            may("transactionAmount", Rule::WholeNaira),
        ]),
        conditions: &[
            When { field: "refillType", value: "voucher", also: &["voucherActivationCode"] },
            When {
                field: "refillType",
                value: "voucherless",
                also: &["refillProfileId", "transactionAmount"],
            },
        ],
        ..contract(Operation::Refill, "PATCH", "/v2/customers/{customerId}/plans/refill")
    },
    consumption(
        Operation::Balance,
        "/v2/consumption/balance",
        &[MSISDN, may("callBackUrl", Rule::CallbackUrl)],
    ),
    consumption(Operation::Recharges, "/v2/consumption/recharge/history", RECHARGES),
    consumption(
        Operation::RechargeSummary,
        "/v2/consumption/recharge/airtime/summation",
        RECHARGES,
    ),
    consumption(
        Operation::Usage,
        "/v2/consumption/usageHistory",
        &[
            MSISDN,
            may("callBackUrl", Rule::CallbackUrl),
            may("usageType", Rule::Text),
            must("startDate", Rule::Day(DASHED_DAY)),
            may("endDate", Rule::Day(DASHED_DAY)),
            may("pageNumber", Rule::Whole { min: i64::MIN, max: i64::MAX }),
            may("sort", Rule::Text),
        ],
    ),
    consumption(
        Operation::UsageSummary,
        "/v2/consumption/usageSummation",
        &[
            MSISDN,
            may("usageType", Rule::Text),
            may("startDate", Rule::Day(DASHED_DAY)),
            may("endDate", Rule::Day(DASHED_DAY)),
        ],
    ),
];

/// A request that keeps its contract, in parts. Each holds declared fields only.
pub(super) struct Call {
    pub(super) operation: Operation,
    parameters: Map<String, Value>,
    headers: Map<String, Value>,
    query: Map<String, Value>,
    pub(super) body: Map<String, Value>,
}

impl Contract {
    /// The contract of a method and a path.
    pub(super) fn of(method: &Method, path: &str) -> Result<&'static Self, String> {
        let mut at_path = CONTRACTS.iter().filter(|it| it.segments(path).is_some()).peekable();
        if at_path.peek().is_none() {
            return Err("path: is unknown".to_owned());
        }
        let found = at_path.find(|it| it.method == method.as_str());
        found.ok_or_else(|| format!("method: {} is not allowed here", printable(method.as_str())))
    }

    /// Holds a request against the contract.
    pub(super) fn check(&self, parts: &Parts, body: &[u8]) -> Result<Call, String> {
        let parameters = self.segments(parts.uri.path()).unwrap_or_default();
        check("path", self.parameters, &parameters)?;
        let headers = declared(self.headers, &parts.headers)?;
        check("header", self.headers, &headers)?;
        let query = pairs("query", parts.uri.query().unwrap_or_default().as_bytes())?;
        check("query", self.query, &query)?;
        let body = self.body(&parts.headers, body)?;
        Ok(Call { operation: self.operation, parameters, headers, query, body })
    }

    fn body(&self, headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, String> {
        let (fields, kind) = match self.body {
            Body::Nothing if body.is_empty() => return Ok(Map::new()),
            Body::Nothing => return Err("body: is not allowed here".to_owned()),
            Body::Form(fields) => (fields, "application/x-www-form-urlencoded"),
            Body::Json(fields) => (fields, "application/json"),
        };
        let given = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let given = given.and_then(|it| it.split(';').next()).unwrap_or_default();
        if !given.trim().eq_ignore_ascii_case(kind) {
            return Err(format!("content type: is not {kind}"));
        }
        let read = match self.body {
            Body::Form(_) => pairs("body", body)?,
            _ => serde_json::from_slice(body).map_err(|_| "body: is no JSON object".to_owned())?,
        };
        check("body", fields, &read)?;
        for When { field, value, also } in self.conditions {
            let applies = read.get(*field).is_some_and(|it| it == value);
            if let Some(missing) = also.iter().find(|it| applies && !read.contains_key(**it)) {
                return Err(format!("body: lacks {missing}, which {value} needs"));
            }
        }
        Ok(read)
    }

    /// The path's variable segments, if it is this contract's.
    fn segments(&self, path: &str) -> Option<Map<String, Value>> {
        let mut found = Map::new();
        let (mut ours, mut given) = (self.path.split('/'), path.split('/'));
        loop {
            match (ours.next(), given.next()) {
                (None, None) => return Some(found),
                (Some(name), Some(value)) if name.starts_with('{') => {
                    let value = percent_decode_str(value).decode_utf8().ok()?;
                    found.insert(name.trim_matches(['{', '}']).to_owned(), value.into());
                }
                (Some(ours), Some(given)) if ours == given => {}
                _ => return None,
            }
        }
    }
}

impl Call {
    /// The customer's number, `234…`.
    pub(super) fn msisdn(&self) -> &str {
        let found = self.parameters.get("customerId").or_else(|| self.body.get("msisdn"));
        found.and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn product_code(&self) -> &str {
        self.parameters.get("productCode").and_then(Value::as_str).unwrap_or_default()
    }

    pub(super) fn transaction_id(&self) -> Option<&str> {
        self.headers.get("transactionId").and_then(Value::as_str)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).and_then(Value::as_str)
    }

    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.body.get(name).and_then(Value::as_str)
    }

    pub(super) fn whole(&self, name: &str) -> Option<i64> {
        self.body.get(name).and_then(Value::as_i64)
    }
}

/// The headers that a contract speaks of; all others are nobody's business.
fn declared(fields: &[Field], headers: &HeaderMap) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for Field { name, .. } in fields {
        let mut values = headers.get_all(*name).iter();
        let Some(value) = values.next() else { continue };
        let text = value.to_str().map_err(|_| format!("header {name}: is no text"))?;
        if values.next().is_some() {
            return Err(format!("header {name}: is there twice"));
        }
        found.insert((*name).to_owned(), text.into());
    }
    Ok(found)
}

/// The pairs of a query or a form.
fn pairs(place: &str, encoded: &[u8]) -> Result<Map<String, Value>, String> {
    let mut found = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        if found.insert(name.to_string(), value.into()).is_some() {
            return Err(format!("{place} {}: is there twice", printable(&name)));
        }
    }
    Ok(found)
}
