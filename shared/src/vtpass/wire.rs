//! VTpass's answers as they come over the wire.
//!
//! Shapes: VTpass documentation, *9mobile Data* and *Re-query services*, and its webhooks. Codes
//! and amounts come as strings or numbers, parts are missing or of another type; none of that may
//! hide the rest of the answer, so every field is read on its own. A key that is there twice makes
//! the answer unreadable: nobody knows which one is meant.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::codes::Code;
use crate::money::Kobo;

/// A field that may be missing, or be something it should not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Seen<T> {
    /// Missing, null or blank.
    Absent,
    /// Read.
    Is(T),
    /// There, but not to be understood.
    Odd,
}

/// How a transaction stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Status {
    Initiated,
    Pending,
    Delivered,
    Failed,
    Reversed,
    Resolved,
    /// A word VTpass does not list.
    Unknown,
}

/// `content.transactions`: the parts that are compared with the order.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Transaction {
    /// How it stands.
    pub(super) status: Option<Status>,
    /// The number bought for. (`phone` beside it is VTpass's customer: us.)
    pub(super) recipient: Seen<String>,
    /// The face value.
    pub(super) amount: Seen<Kobo>,
}

/// The answer to `pay` or `requery`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Reply {
    pub(super) code: Code,
    /// The code as it may be written down.
    pub(super) code_text: String,
    pub(super) request_id: Seen<String>,
    pub(super) transaction: Option<Transaction>,
}

/// A JSON number of naira, written without a float.
pub(super) struct NairaNumber(pub(super) Kobo);

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "requestId")]
    request_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default)]
    transactions: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Transactions<'a> {
    #[serde(borrow, default)]
    status: Option<&'a RawValue>,
    #[serde(borrow, default)]
    unique_element: Option<&'a RawValue>,
    #[serde(borrow, default)]
    amount: Option<&'a RawValue>,
}

/// The body is no answer of VTpass's.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unreadable;

impl Reply {
    /// Reads a body; one without a code is no answer.
    pub(super) fn read(body: &[u8]) -> Result<Self, Unreadable> {
        let body: &RawValue = serde_json::from_slice(body).map_err(|_| Unreadable)?;
        let envelope: Envelope<'_> = object(Some(body))?.ok_or(Unreadable)?;
        let (code, code_text) = code(envelope.code).ok_or(Unreadable)?;
        let content: Option<Content<'_>> = object(envelope.content)?;
        let transaction = match content {
            Some(content) => object(content.transactions)?.map(|it| Transaction::of(&it)),
            None => None,
        };
        Ok(Self { code, code_text, request_id: text(envelope.request_id), transaction })
    }
}

impl Transaction {
    fn of(wire: &Transactions<'_>) -> Self {
        let status = match text(wire.status) {
            Seen::Absent => None,
            Seen::Is(word) => Some(Status::parse(&word)),
            Seen::Odd => Some(Status::Unknown),
        };
        Self { status, recipient: text(wire.unique_element), amount: naira(wire.amount) }
    }
}

impl Status {
    fn parse(word: &str) -> Self {
        match word.to_ascii_lowercase().as_str() {
            "initiated" => Self::Initiated,
            "pending" => Self::Pending,
            "delivered" => Self::Delivered,
            "failed" => Self::Failed,
            "reversed" => Self::Reversed,
            "resolved" => Self::Resolved,
            _ => Self::Unknown,
        }
    }
}

impl Serialize for NairaNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.0.naira())
            .map_err(serde::ser::Error::custom)?
            .serialize(serializer)
    }
}

/// An object; `None` for a value that is missing or of another type. (Serde would take a list for
/// a struct, by position.)
pub(super) fn object<'a, T: Deserialize<'a>>(
    raw: Option<&'a RawValue>,
) -> Result<Option<T>, Unreadable> {
    match raw.map(RawValue::get) {
        Some(text) if text.starts_with('{') => {
            serde_json::from_str(text).map(Some).map_err(|_| Unreadable)
        }
        _ => Ok(None),
    }
}

/// A text; a number counts as its digits.
pub(super) fn text(raw: Option<&RawValue>) -> Seen<String> {
    let Some(raw) = raw.map(RawValue::get) else { return Seen::Absent };
    let text = match raw.as_bytes().first() {
        Some(b'"') => serde_json::from_str::<String>(raw).ok(),
        Some(b'0'..=b'9' | b'-') => Some(raw.to_owned()),
        Some(b'n') => return Seen::Absent,
        _ => None,
    };
    match text.as_deref().map(str::trim) {
        Some("") => Seen::Absent,
        Some(text) => Seen::Is(text.to_owned()),
        None => Seen::Odd,
    }
}

/// An amount of naira, as a number or a text.
pub(super) fn naira(raw: Option<&RawValue>) -> Seen<Kobo> {
    match text(raw) {
        Seen::Absent => Seen::Absent,
        Seen::Is(text) => Kobo::from_naira(&text).map_or(Seen::Odd, Seen::Is),
        Seen::Odd => Seen::Odd,
    }
}

/// A code and how to write it down: 0, "0" and "000" are the same. `None` where there is none.
pub(super) fn code(raw: Option<&RawValue>) -> Option<(Code, String)> {
    /// No code is longer; whatever is might be somebody's number.
    const LONGEST: usize = 6;
    let text = match text(raw) {
        Seen::Absent => return None,
        Seen::Is(text) => text,
        Seen::Odd => String::new(),
    };
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let text = if digits { format!("{text:0>3}") } else { text };
    let printable = text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let shown = printable && (1..=LONGEST).contains(&text.len());
    let code = Code::parse(&text);
    Some((code, if shown { text } else { "unrecognised".to_owned() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(body: &str) -> Reply {
        Reply::read(body.as_bytes()).unwrap()
    }

    fn kobo(kobo: u64) -> Kobo {
        Kobo::new(kobo).unwrap()
    }

    #[test]
    fn codes_are_texts_or_numbers() {
        let cases = [
            (r#""000""#, Code::Processed, "000"),
            ("0", Code::Processed, "000"),
            (r#""0""#, Code::Processed, "000"),
            ("16", Code::Failed, "016"),
            (r#"" 099 ""#, Code::Processing, "099"),
            ("1", Code::QueryResult, "001"),
            ("16.0", Code::Unknown, "unrecognised"),
            ("-16", Code::Unknown, "-16"),
            ("0016", Code::Unknown, ""),
            (r#""0016""#, Code::Unknown, "0016"),
            (r#""٠٠٠""#, Code::Unknown, "unrecognised"),
            (r#""08031234567""#, Code::Unknown, "unrecognised"),
            ("true", Code::Unknown, "unrecognised"),
            ("[\"016\"]", Code::Unknown, "unrecognised"),
        ];
        for (json, code, shown) in cases {
            let body = format!(r#"{{"code":{json}}}"#);
            match Reply::read(body.as_bytes()) {
                Ok(reply) => assert_eq!((reply.code, reply.code_text.as_str()), (code, shown)),
                Err(Unreadable) => assert_eq!(shown, "", "{json}"),
            }
        }
    }

    #[test]
    fn what_has_no_code_is_no_answer() {
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
            assert_eq!(Reply::read(body.as_bytes()), Err(Unreadable), "{body}");
        }
        assert_eq!(Reply::read(&[b'{', 0xff, b'}']), Err(Unreadable));
    }

    #[test]
    fn a_key_that_is_there_twice_makes_it_unreadable() {
        for body in [
            r#"{"code":"000","code":"016"}"#,
            r#"{"code":"000","requestId":"a","requestId":"b"}"#,
            r#"{"code":"000","content":{"transactions":{"status":"failed","status":"delivered"}}}"#,
            r#"{"code":"000","content":{"transactions":{},"transactions":{"status":"failed"}}}"#,
        ] {
            assert_eq!(Reply::read(body.as_bytes()), Err(Unreadable), "{body}");
        }
        // Of keys nobody reads it does not matter.
        assert_eq!(read(r#"{"code":"000","x":1,"x":2}"#).code, Code::Processed);
    }

    #[test]
    fn odd_content_does_not_hide_the_code() {
        for content in
            ["null", "[]", r#""text""#, "{}", "3", r#"{"transactions":null}"#, r#"{"errors":"x"}"#]
        {
            let body = format!(r#"{{"code":"016","content":{content},"transaction_date":null}}"#);
            let reply = read(&body);
            assert_eq!((reply.code, reply.transaction), (Code::Failed, None), "{content}");
        }
        // A list is no transaction, even where its order would fit.
        let list = r#"{"code":"000","content":{"transactions":["delivered","0803","5"]}}"#;
        assert_eq!(read(list).transaction, None);
        assert_eq!(read(r#"{"code":"000","content":[{"status":"failed"}]}"#).transaction, None);
    }

    #[test]
    fn a_transaction_is_read_field_by_field() {
        let transaction = |fields: &str| {
            let body = format!(r#"{{"code":0,"content":{{"transactions":{{{fields}}}}}}}"#);
            read(&body).transaction.unwrap()
        };
        let typical = transaction(
            r#""status":" Delivered ","unique_element":8031234567,"amount":"50.00","extras":[{}]"#,
        );
        assert_eq!(typical.status, Some(Status::Delivered));
        assert_eq!(typical.recipient, Seen::Is("8031234567".to_owned()));
        assert_eq!(typical.amount, Seen::Is(kobo(5_000)));
        let empty = transaction(r#""status":null,"unique_element":"","amount":null"#);
        let absent = Transaction { status: None, recipient: Seen::Absent, amount: Seen::Absent };
        assert_eq!(empty, absent);
        let odd = transaction(r#""status":7,"unique_element":{},"amount":"1,000""#);
        let expected =
            Transaction { status: Some(Status::Unknown), recipient: Seen::Odd, amount: Seen::Odd };
        assert_eq!(odd, expected);
    }

    #[test]
    fn a_number_of_naira_is_written_without_a_float() {
        let json = |it| serde_json::to_string(&NairaNumber(kobo(it))).unwrap();
        assert_eq!([json(10_000), json(4_850), json(1)], ["100", "48.50", "0.01"]);
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::read(&body);
        }

        #[test]
        fn no_value_makes_it_panic(
            code in r#"("[0-9a-z\\"]{0,5}"|-?[0-9]{1,20}(\.[0-9]{1,4})?|null|\[\]|\{\})"#,
            inner in r#"("\PC{0,8}"|-?[0-9]{1,20}(e[0-9]{1,3})?|null|\[\]|\{\}|true)"#,
        ) {
            let body = format!(
                r#"{{"code":{code},"requestId":{inner},"content":{{"transactions":
                {{"status":{inner},"amount":{inner},"unique_element":{inner}}}}}}}"#,
            );
            let _ = Reply::read(body.as_bytes());
        }
    }
}
