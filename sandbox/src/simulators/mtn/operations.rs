//! The operations of MTN's token endpoint and its two APIs (MTN Customer Plans v2.1, MTN
//! Consumption v2), with the contract of each.

use serde::{Deserialize, Serialize};

use super::rules::{COMPACT_DAY, DASHED_DAY, Field, Rule, may, must};

/// An operation of MTN's APIs.
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
    /// Refills a customer's airtime.
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

/// What a client must send to prove who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// The credentials in the form.
    Form,
    /// The API key.
    Key,
    /// The API key, and a token or the client's id and secret.
    KeyAndClient,
}

/// What a body must be.
pub(super) enum BodyRule {
    Nothing,
    Form(&'static [Field]),
    Json(&'static [Field]),
}

/// A field, one of its values, and the other fields that the body must have with this value.
pub(super) type Condition = (&'static str, &'static str, &'static [&'static str]);

/// What one operation accepts.
pub(super) struct Contract {
    pub(super) operation: Operation,
    pub(super) access: Access,
    pub(super) method: &'static str,
    /// A segment `{name}` is one of `parameters`.
    pub(super) path: &'static str,
    pub(super) parameters: &'static [Field],
    pub(super) headers: &'static [Field],
    pub(super) query: &'static [Field],
    pub(super) body: BodyRule,
    pub(super) conditions: &'static [Condition],
}

const CUSTOMER: Field = must("customerId", Rule::Msisdn);
const MSISDN: Field = must("msisdn", Rule::Msisdn);
const CURRENCY_TYPES: Rule = Rule::OneOf(&["CURRENCY", "DATA", "MINUTES", "SMS"]);
const FLAG: Rule = Rule::OneOf(&["true", "false"]);
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
        access: Access::KeyAndClient,
        method,
        path,
        parameters: &[],
        headers: &[],
        query: &[],
        body: BodyRule::Nothing,
        conditions: &[],
    }
}

const fn consumption(
    operation: Operation,
    path: &'static str,
    fields: &'static [Field],
) -> Contract {
    let (method, body) = ("POST", BodyRule::Json(fields));
    Contract { headers: TRACING, body, ..contract(operation, method, path) }
}

/// The contracts of all operations.
pub(super) static CONTRACTS: [Contract; 10] = [
    Contract {
        access: Access::Form,
        query: &[must("grant_type", Rule::OneOf(&["client_credentials"]))],
        body: BodyRule::Form(&[must("client_id", Rule::Text), must("client_secret", Rule::Text)]),
        ..contract(Operation::Token, "POST", "/v1/oauth/access_token")
    },
    Contract {
        parameters: &[CUSTOMER],
        headers: &[may("x-authorization", Rule::Text)],
        query: &[
            may("fixedLine", Rule::Text),
            may("plan", Rule::OneOf(&["VOICE", "DATA", "SMS"])),
            may("momo", FLAG),
            may("includeReservations", FLAG),
            may("quoteid", Rule::Text),
        ],
        ..contract(Operation::Plans, "GET", "/v2/customers/{customerId}/plans")
    },
    Contract {
        parameters: &[CUSTOMER],
        body: BodyRule::Json(&[
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
        body: BodyRule::Json(&[
            must("refillType", Rule::OneOf(&["voucher", "voucherless"])),
            may("voucherActivationCode", Rule::Text),
            may("refillProfileId", Rule::Text),
            may("transactionAmount", Rule::WholeNaira),
        ]),
        conditions: &[
            ("refillType", "voucher", &["voucherActivationCode"]),
            ("refillType", "voucherless", &["refillProfileId", "transactionAmount"]),
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
