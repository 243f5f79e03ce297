//! The answer to `pay` and `requery` on the wire.
//!
//! Source: VTpass documentation, *9mobile Data* and *Re-query services*, and its webhooks. Every
//! field is read separately, so that an unexpected one does not hide the rest. A key that occurs
//! twice makes the answer unreadable, because nobody knows which value is meant.

use serde::Deserialize;
use serde_json::value::RawValue;
use strum::EnumString;

use super::codes::ResponseCode;
use super::field::{Field, code, naira, text};
use crate::domain::money::Kobo;
use crate::domain::purchase::Charge;
use crate::provider::json::{Unreadable, object};

/// The longest id of a transaction that is kept.
const MAX_ID_LENGTH: usize = 64;

/// The answer to `pay` or `requery`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OrderAnswer {
    pub(super) code: &'static ResponseCode,
    /// The text of the code for logs and history.
    pub(super) code_text: String,
    pub(super) request_id: Field<String>,
    pub(super) transaction: Option<Transaction>,
}

/// `content.transactions`: its status, the parts that are compared with the order, and what it cost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Transaction {
    pub(super) status: Option<TransactionStatus>,
    /// The number bought for. (`phone` beside it belongs to VTpass's customer, which is us.)
    pub(super) recipient: Field<String>,
    /// The face value.
    pub(super) amount: Field<Kobo>,
    /// VTpass's own id of the transaction.
    pub(super) id: Field<String>,
    /// What is taken from our wallet: the face value less the commission.
    pub(super) total_amount: Field<Kobo>,
    pub(super) commission: Field<Kobo>,
}

/// The status of a transaction, in any case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString)]
#[strum(serialize_all = "lowercase", ascii_case_insensitive)]
pub(super) enum TransactionStatus {
    Initiated,
    Pending,
    Delivered,
    Failed,
    Reversed,
    Resolved,
    /// A word that VTpass does not list.
    Unknown,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct OrderEnvelope<'a> {
    code: Option<&'a RawValue>,
    #[serde(rename = "requestId")]
    request_id: Option<&'a RawValue>,
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct OrderContent<'a> {
    transactions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct TransactionFields<'a> {
    status: Option<&'a RawValue>,
    unique_element: Option<&'a RawValue>,
    amount: Option<&'a RawValue>,
    #[serde(rename = "transactionId")]
    transaction_id: Option<&'a RawValue>,
    total_amount: Option<&'a RawValue>,
    commission: Option<&'a RawValue>,
}

impl OrderAnswer {
    /// Reads a body. A body without a code is not an answer.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let body: &RawValue = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let envelope: OrderEnvelope<'_> = object(Some(body))?.ok_or(Unreadable)?;
        let (code, code_text) = code(envelope.code).ok_or(Unreadable)?;
        let content: Option<OrderContent<'_>> = object(envelope.content)?;
        let transaction = object(content.and_then(|content| content.transactions))?;
        let transaction = transaction.map(|fields| Transaction::of(&fields));
        Ok(Self { code, code_text, request_id: text(envelope.request_id), transaction })
    }
}

impl Transaction {
    fn of(fields: &TransactionFields<'_>) -> Self {
        let status = match text(fields.status) {
            Field::Absent => None,
            Field::Value(word) => Some(word.parse().unwrap_or(TransactionStatus::Unknown)),
            Field::Invalid => Some(TransactionStatus::Unknown),
        };
        Self {
            status,
            recipient: text(fields.unique_element),
            amount: naira(fields.amount),
            id: text(fields.transaction_id),
            total_amount: naira(fields.total_amount),
            commission: naira(fields.commission),
        }
    }

    /// What it says that the order cost. An id of an unexpected form is not kept: it may be a number.
    pub(super) fn charge(self) -> Charge {
        let is_id = |id: &String| {
            id.len() <= MAX_ID_LENGTH && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        Charge {
            transaction_id: self.id.value().filter(is_id),
            cost: self.total_amount.value(),
            commission: self.commission.value(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const UNLISTED: &str = "";

    fn read(body: &str) -> OrderAnswer {
        OrderAnswer::read(body.as_bytes()).unwrap()
    }

    #[test]
    fn code_may_be_a_text_or_a_number() {
        let cases = [
            (r#""000""#, "000", "000"),
            ("0", "000", "000"),
            (r#""0""#, "000", "000"),
            ("16", "016", "016"),
            (r#"" 099 ""#, "099", "099"),
            ("1", "001", "001"),
            ("16.0", UNLISTED, "unrecognised"),
            ("-16", UNLISTED, "-16"),
            ("0016", UNLISTED, ""),
            (r#""0016""#, UNLISTED, "0016"),
            (r#""٠٠٠""#, UNLISTED, "unrecognised"),
            (r#""08031234567""#, UNLISTED, "unrecognised"),
            ("true", UNLISTED, "unrecognised"),
            ("[\"016\"]", UNLISTED, "unrecognised"),
        ];
        for (json, number, shown) in cases {
            let body = format!(r#"{{"code":{json}}}"#);
            match OrderAnswer::read(body.as_bytes()) {
                Ok(answer) => {
                    assert_eq!((answer.code.number, answer.code_text.as_str()), (number, shown));
                }
                Err(Unreadable) => assert_eq!(shown, "", "{json}"),
            }
        }
    }

    #[test]
    fn body_without_a_code_is_not_an_answer() {
        for body in [
            "",
            " ",
            "{}",
            "null",
            "7",
            "<html>016</html>",
            r#""016""#,
            r#"["016"]"#,
            r#"{"code":null}"#,
            r#"{"code":""}"#,
            r#"{"code":"016""#,
            r#"{"code":"016"} trailing"#,
            r#"{"response_description":"000","content":{}}"#,
        ] {
            assert_eq!(OrderAnswer::read(body.as_bytes()), Err(Unreadable), "{body}");
        }
        assert_eq!(OrderAnswer::read(&[b'{', 0xff, b'}']), Err(Unreadable));
    }

    #[test]
    fn key_that_occurs_twice_makes_the_answer_unreadable() {
        for body in [
            r#"{"code":"000","code":"016"}"#,
            r#"{"code":"000","requestId":"a","requestId":"b"}"#,
            r#"{"code":"000","content":{"transactions":{"status":"failed","status":"delivered"}}}"#,
            r#"{"code":"000","content":{"transactions":{},"transactions":{"status":"failed"}}}"#,
        ] {
            assert_eq!(OrderAnswer::read(body.as_bytes()), Err(Unreadable), "{body}");
        }
        // A key that is not read may occur twice.
        assert_eq!(read(r#"{"code":"000","x":1,"x":2}"#).code.number, "000");
    }

    #[test]
    fn unexpected_content_does_not_hide_the_code() {
        for content in
            ["null", "[]", r#""text""#, "{}", "3", r#"{"transactions":null}"#, r#"{"errors":"x"}"#]
        {
            let body = format!(r#"{{"code":"016","content":{content},"transaction_date":null}}"#);
            let answer = read(&body);
            assert_eq!((answer.code.number, answer.transaction), ("016", None), "{content}");
        }
        // A list is not a transaction, even if its order fits.
        let list = r#"{"code":"000","content":{"transactions":["delivered","0803","5"]}}"#;
        assert_eq!(read(list).transaction, None);
        assert_eq!(read(r#"{"code":"000","content":[{"status":"failed"}]}"#).transaction, None);
    }

    #[test]
    fn transaction_is_read_field_by_field() {
        let transaction = |fields: &str| {
            let body = format!(r#"{{"code":0,"content":{{"transactions":{{{fields}}}}}}}"#);
            read(&body).transaction.unwrap()
        };
        let typical = transaction(
            r#""status":" Delivered ","unique_element":8031234567,"amount":"50.00","extras":[{}]"#,
        );
        assert_eq!(typical.status, Some(TransactionStatus::Delivered));
        assert_eq!(typical.recipient, Field::Value("8031234567".to_owned()));
        assert_eq!(typical.amount, Field::Value(Kobo::new(5_000).unwrap()));
        let empty = transaction(r#""status":null,"unique_element":"","amount":null"#);
        let absent = Transaction {
            status: None,
            recipient: Field::Absent,
            amount: Field::Absent,
            id: Field::Absent,
            total_amount: Field::Absent,
            commission: Field::Absent,
        };
        assert_eq!(empty, absent);
        let odd = transaction(r#""status":7,"unique_element":{},"amount":"1,000""#);
        let expected = Transaction {
            status: Some(TransactionStatus::Unknown),
            recipient: Field::Invalid,
            amount: Field::Invalid,
            ..empty
        };
        assert_eq!(odd, expected);
    }

    #[test]
    fn what_an_order_cost_is_read_and_what_cannot_be_read_is_not_known() {
        let charge = |fields: &str| {
            let body = format!(r#"{{"code":0,"content":{{"transactions":{{{fields}}}}}}}"#);
            read(&body).transaction.unwrap().charge()
        };
        let known = Charge {
            transaction_id: Some("1582290782154".to_owned()),
            cost: Kobo::new(9_600).ok(),
            commission: Kobo::new(400).ok(),
        };
        for fields in [
            r#""transactionId":"1582290782154","total_amount":96,"commission":4"#,
            r#""transactionId":1582290782154,"total_amount":"96.00","commission":"4.0""#,
        ] {
            assert_eq!(charge(fields), known, "{fields}");
        }
        let free = charge(r#""total_amount":0,"commission":0"#);
        assert_eq!((free.cost, free.commission), (Kobo::new(0).ok(), Kobo::new(0).ok()));
        for fields in [
            r#""transactionId":null,"total_amount":null,"commission":null"#,
            r#""transactionId":"","total_amount":"","commission":" ""#,
            r#""transactionId":{},"total_amount":[],"commission":true"#,
            r#""transactionId":"0803 123","total_amount":"-1","commission":"1,000""#,
            r#""transactionId":"ünder","total_amount":"x","commission":-4"#,
        ] {
            assert_eq!(charge(fields), Charge::default(), "{fields}");
        }
    }

    proptest! {
        #[test]
        fn reading_any_body_does_not_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = OrderAnswer::read(&body);
        }

        #[test]
        fn reading_any_value_does_not_panic(
            code in r#"("[0-9a-z\\"]{0,5}"|-?[0-9]{1,20}(\.[0-9]{1,4})?|null|\[\]|\{\})"#,
            inner in r#"("\PC{0,8}"|-?[0-9]{1,20}(e[0-9]{1,3})?|null|\[\]|\{\}|true)"#,
        ) {
            let body = format!(
                r#"{{"code":{code},"requestId":{inner},"content":{{"transactions":
                {{"status":{inner},"amount":{inner},"unique_element":{inner}}}}}}}"#,
            );
            let _ = OrderAnswer::read(body.as_bytes());
        }
    }
}
