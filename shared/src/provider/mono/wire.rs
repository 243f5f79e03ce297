//! Mono's answers on the wire, as in Mono's *Telco integration guide*.
//!
//! Mono uses two envelopes: that of the guide (accounts and exchange come without one) and that of
//! v2, `{status, message, timestamp, data, meta}`. Both are read, and unknown fields are kept.

use http::StatusCode;
use indexmap::IndexMap;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::MonoError;
use crate::domain::ids::AccountId;
use crate::platform::http::{Answer, NoAnswer};
use crate::provider::answer::retry_after;
use crate::provider::json::object;

/// A JSON object that keeps the order of its fields and the text of its values.
pub(super) type Object = IndexMap<String, Box<RawValue>>;

/// The answer to auth, passed on whole.
#[derive(Debug)]
pub struct AuthAnswer {
    /// Mono's JSON, for the tenant.
    pub body: String,
    /// The id of the OTP session.
    pub session_id: String,
    /// The shortest and the longest OTP by Mono's form; six where the form does not say.
    pub otp_length: (u32, u32),
}

/// The answer to verify, passed on whole.
#[derive(Debug)]
pub struct VerifyAnswer {
    /// Mono's JSON, for the tenant.
    pub body: String,
    /// The one-time code.
    pub code: String,
}

/// The answer to exchange.
#[derive(Debug)]
pub struct ExchangeAnswer {
    /// The guide's `{id}` and Mono's other fields.
    pub body: String,
    /// The permanent account id.
    pub account_id: AccountId,
}

#[derive(Deserialize)]
struct AuthData {
    session_id: String,
    #[serde(default)]
    result: Option<Box<RawValue>>,
}

#[derive(Deserialize)]
struct CodeData {
    code: String,
}

#[derive(Deserialize)]
struct IdData {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "_id")]
    old_id: Option<String>,
}

/// The OTP length where Mono's form does not say.
const USUAL_OTP_LENGTH: u32 = 6;

/// Accepts a successful answer. Every other result is an error, sorted by what the caller does
/// next.
pub(super) fn accept(result: Result<Answer, NoAnswer>) -> Result<Answer, MonoError> {
    let answer = result?;
    let status = answer.status;
    match status.as_u16() {
        200..=299 => check_not_failed(&answer.body).map(|()| answer),
        401 | 403 => Err(MonoError::CredentialsRefused(status)),
        429 => Err(MonoError::RateLimited(retry_after(&answer.headers))),
        // Mono refuses in JSON. An HTML page comes from a proxy and proves no refusal.
        400..=499 if status != StatusCode::REQUEST_TIMEOUT && is_json(&answer.body) => {
            Err(MonoError::Rejected(status))
        }
        _ => Err(MonoError::Unavailable(format!("it answered {status}"))),
    }
}

pub(super) fn auth_answer(body: &[u8]) -> Result<AuthAnswer, String> {
    let body = text(body)?;
    let data: AuthData = data_of(&body)?;
    // The OTP was sent, so nothing but a missing session id may refuse the answer.
    let otp = data.result.and_then(|result| otp_field(&result)).unwrap_or_default();
    let (least, most) = (length(&otp, "minLength"), length(&otp, "maxLength"));
    let least = least.unwrap_or_else(|| USUAL_OTP_LENGTH.min(most.unwrap_or(USUAL_OTP_LENGTH)));
    // A form that contradicts itself must not leave the session without a possible OTP.
    let most = most.unwrap_or(USUAL_OTP_LENGTH).max(least);
    Ok(AuthAnswer { session_id: header_safe(data.session_id)?, otp_length: (least, most), body })
}

/// The field of the OTP in Mono's form; none where the form has another shape.
fn otp_field(result: &RawValue) -> Option<Object> {
    let form = if_shaped::<Object>(result)?;
    let fields: Vec<Box<RawValue>> = if_shaped(form.get("form")?)?;
    let name = |field: &Object| if_shaped::<String>(field.get("name")?);
    let mut fields = fields.iter().filter_map(|field| if_shaped::<Object>(field));
    fields.find(|field| name(field).is_some_and(|name| name == "otp"))
}

/// A length of a field, as a number or as the text of one.
fn length(field: &Object, name: &str) -> Option<u32> {
    let length = field.get(name)?;
    let text = if_shaped::<String>(length);
    text.as_deref().unwrap_or(length.get()).parse().ok()
}

/// The value, if it has this shape.
fn if_shaped<T: serde::de::DeserializeOwned>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

pub(super) fn verify_answer(body: &[u8]) -> Result<VerifyAnswer, String> {
    let body = text(body)?;
    let CodeData { code } = data_of(&body)?;
    Ok(VerifyAnswer { code, body })
}

pub(super) fn exchange_answer(body: &[u8]) -> Result<ExchangeAnswer, String> {
    let body = text(body)?;
    let IdData { id, old_id } = data_of(&body)?;
    let is_named = id.is_some();
    let id = id.or(old_id).ok_or("the account has no id")?;
    let account_id = AccountId::parse(&id).ok_or("the account id has an unexpected form")?;
    let mut object = payload(&body)?;
    if !is_named {
        let value = serde_json::value::to_raw_value(&id).map_err(|error| error.to_string())?;
        object.insert("id".to_owned(), value);
    }
    let body = serde_json::to_string(&object).map_err(|error| error.to_string())?;
    Ok(ExchangeAnswer { account_id, body })
}

/// A 2xx with `"status": "failed"` is a refusal. A body that is not JSON is not an answer.
fn check_not_failed(body: &[u8]) -> Result<(), MonoError> {
    #[derive(Deserialize)]
    struct Status<'a> {
        #[serde(default, borrow)]
        status: Option<&'a RawValue>,
    }
    let Ok(body) = serde_json::from_slice(body) else {
        return Err(MonoError::Unavailable("its answer is not JSON".to_owned()));
    };
    // An array, or an object of another form, does not report a failure.
    let status = object(Some(body)).ok().flatten().and_then(|it: Status<'_>| it.status);
    match status {
        Some(status) if status.get().eq_ignore_ascii_case("\"failed\"") => {
            Err(MonoError::Rejected(StatusCode::OK))
        }
        _ => Ok(()),
    }
}

/// Whether a body is one whole JSON value.
fn is_json(body: &[u8]) -> bool {
    serde_json::from_slice::<&RawValue>(body).is_ok()
}

/// The object that carries the values: the envelope's `data`, or the whole body.
fn payload(body: &str) -> Result<Object, String> {
    let whole: Object = serde_json::from_str(body).map_err(place)?;
    match whole.get("data") {
        Some(data) => serde_json::from_str(data.get()).map_err(place),
        None => Ok(whole),
    }
}

fn data_of<T: serde::de::DeserializeOwned>(body: &str) -> Result<T, String> {
    let object = payload(body)?;
    let object = serde_json::to_string(&object).map_err(place)?;
    serde_json::from_str(&object).map_err(place)
}

/// The place of a JSON error, without the values around it.
fn place(error: serde_json::Error) -> String {
    format!("unexpected JSON at line {} column {}", error.line(), error.column())
}

pub(super) fn text(body: &[u8]) -> Result<String, String> {
    String::from_utf8(body.to_vec()).map_err(|_| "its answer is not UTF-8".to_owned())
}

fn header_safe(session_id: String) -> Result<String, String> {
    let safe = !session_id.is_empty() && session_id.bytes().all(|b| b.is_ascii_graphic());
    if safe { Ok(session_id) } else { Err("the session id has an unexpected form".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_answer_is_read_and_passed_on_whole() {
        let body = r#"{"status":"successful","new":1.50,"data":{"session_id":"s1","result":{
            "title":"t","form":[{"name":"otp","minLength":4,"maxLength":8}]}}}"#;
        let answer = auth_answer(body.as_bytes()).unwrap();
        assert_eq!((answer.session_id.as_str(), answer.otp_length), ("s1", (4, 8)));
        assert_eq!(answer.body, body);
        let without_form = auth_answer(br#"{"data":{"session_id":"s1"}}"#).unwrap();
        assert_eq!(without_form.otp_length, (6, 6));
        for (form, lengths) in [
            (r#""minLength":8"#, (8, 8)),
            (r#""maxLength":4"#, (4, 4)),
            (r#""maxLength":8"#, (6, 8)),
            (r#""minLength":8,"maxLength":4"#, (8, 8)),
        ] {
            let body =
                format!(r#"{{"session_id":"s1","result":{{"form":[{{"name":"otp",{form}}}]}}}}"#);
            assert_eq!(auth_answer(body.as_bytes()).unwrap().otp_length, lengths, "{form}");
        }
    }

    #[test]
    fn a_form_of_another_shape_never_costs_the_session() {
        for (result, lengths) in [
            ("null", (6, 6)),
            ("[]", (6, 6)),
            (r#""x""#, (6, 6)),
            (r#"{"form":null}"#, (6, 6)),
            (r#"{"form":{"name":"otp","minLength":4}}"#, (6, 6)),
            (r#"{"form":[null,7,"otp",["otp",4,8]]}"#, (6, 6)),
            (r#"{"form":[{"name":null},{"name":"otp","minLength":4,"maxLength":8}]}"#, (4, 8)),
            (r#"{"form":[{"name":"otp","minLength":"4","maxLength":"8"}]}"#, (4, 8)),
            (r#"{"form":[{"name":"otp","minLength":"four","maxLength":null}]}"#, (6, 6)),
            (r#"{"form":[{"name":"otp","minLength":-4,"maxLength":1e999}]}"#, (6, 6)),
            (r#"{"form":[{"name":"otp","minLength":4.5,"maxLength":99999999999}]}"#, (6, 6)),
            (r#"{"form":[{"name":"otp","name":"otp","minLength":{}}],"form":1}"#, (6, 6)),
        ] {
            let body = format!(r#"{{"data":{{"session_id":"s1","result":{result}}}}}"#);
            let answer = auth_answer(body.as_bytes()).expect(result);
            assert_eq!(
                (answer.session_id.as_str(), answer.otp_length),
                ("s1", lengths),
                "{result}"
            );
            assert_eq!(answer.body, body);
        }
        for id in ["null", "7", r#""""#, r#""a b""#] {
            let body = format!(r#"{{"data":{{"session_id":{id}}}}}"#);
            assert!(auth_answer(body.as_bytes()).is_err(), "{id}");
        }
    }

    #[test]
    fn account_id_is_read_from_both_envelopes() {
        let bare = exchange_answer(br#"{"id":"a1","extra":11.10}"#).unwrap();
        assert_eq!(bare.account_id.as_str(), "a1");
        assert_eq!(bare.body, r#"{"id":"a1","extra":11.10}"#);
        let v2 = exchange_answer(br#"{"status":"successful","message":"m","data":{"id":"a2"}}"#);
        assert_eq!(v2.unwrap().body, r#"{"id":"a2"}"#);
        let old = exchange_answer(br#"{"_id":"a3"}"#).unwrap();
        assert_eq!(old.body, r#"{"_id":"a3","id":"a3"}"#);
        let both = exchange_answer(br#"{"_id":"a4","id":"a4"}"#).unwrap();
        assert_eq!(both.body, r#"{"_id":"a4","id":"a4"}"#);
        let null = exchange_answer(br#"{"id":null,"_id":"a5"}"#).unwrap();
        assert_eq!(null.body, r#"{"id":"a5","_id":"a5"}"#);
        assert!(exchange_answer(br#"{"id":null}"#).is_err());
    }

    #[test]
    fn failed_envelope_is_a_refusal_and_html_is_not_an_answer() {
        let check = |body: &str| check_not_failed(body.as_bytes());
        assert!(matches!(check(r#"{"status":"failed"}"#), Err(MonoError::Rejected(_))));
        assert!(matches!(check("<html>"), Err(MonoError::Unavailable(_))));
        assert!(matches!(check(r#"{"a":"#), Err(MonoError::Unavailable(_))));
        assert!(check(r#"{"status":"successful"}"#).is_ok());
        assert!(check(r#"[{"status":"failed"}]"#).is_ok());
        assert!(check(r#"["failed"]"#).is_ok());
        assert!(check(r#"{"status":7}"#).is_ok());
    }
}
