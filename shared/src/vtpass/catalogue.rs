//! The catalogue of a service: what can be bought and at what price.
//!
//! Shape: VTpass documentation, *9mobile Data* (Get variation codes). The list is spelt `varations`
//! on some pages, `variations` on others, and both may be there.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::VtpassError;
use super::codes::ReadRuling;
use super::wire::{Seen, code, naira, object, text};
use crate::money::Kobo;

/// What a service offers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Catalogue {
    /// The service's name, as VTpass writes it.
    pub service_name: String,
    /// The service, as it was asked for.
    pub service_id: String,
    /// What can be bought, in VTpass's order.
    pub variations: Vec<Variation>,
}

/// One thing a service offers, such as a data bundle.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variation {
    /// The code to order it by. Compared as it is: codes differ in nothing but case at times.
    pub variation_code: String,
    /// Its name, as VTpass writes it.
    pub name: String,
    /// The price, in kobo. Zero only where the price is not fixed.
    #[serde(rename = "amount_kobo")]
    pub amount: Kobo,
    /// Whether the price is fixed; otherwise the buyer names it.
    pub fixed_price: bool,
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow, default)]
    code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    response_description: Option<&'a RawValue>,
    #[serde(borrow, default)]
    content: Option<&'a RawValue>,
    #[serde(borrow, default)]
    contents: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow, default, rename = "ServiceName")]
    service_name: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "serviceID")]
    service_id: Option<&'a RawValue>,
    #[serde(borrow, default)]
    variations: Option<&'a RawValue>,
    #[serde(borrow, default)]
    varations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Line<'a> {
    #[serde(borrow, default)]
    variation_code: Option<&'a RawValue>,
    #[serde(borrow, default)]
    name: Option<&'a RawValue>,
    #[serde(borrow, default)]
    variation_amount: Option<&'a RawValue>,
    #[serde(borrow, default, rename = "fixedPrice")]
    fixed_price: Option<&'a RawValue>,
}

#[derive(Deserialize)]
struct Contents<'a> {
    #[serde(borrow, default)]
    balance: Option<&'a RawValue>,
}

/// Reads the answer to `service-variations`.
pub(super) fn catalogue(body: &[u8], service_id: &str) -> Result<Catalogue, VtpassError> {
    let envelope = envelope(body)?;
    if let Some(refusal) = envelope.refusal() {
        return Err(refusal);
    }
    let content: Option<Content<'_>> = object(envelope.content).map_err(|_| unreadable())?;
    let content = content.ok_or_else(unreadable)?;
    let about_another = match text(content.service_id) {
        Seen::Absent => false,
        Seen::Is(id) => !id.eq_ignore_ascii_case(service_id),
        Seen::Odd => true,
    };
    if about_another {
        return Err(VtpassError::Unavailable("its catalogue is another service's".to_owned()));
    }
    let lists = [content.variations, content.varations].map(list);
    let lines = lists.into_iter().flatten().max_by_key(Vec::len).ok_or_else(unreadable)?;
    let service_name = match text(content.service_name) {
        Seen::Is(name) => name,
        Seen::Absent | Seen::Odd => service_id.to_owned(),
    };
    let variations = unambiguous(lines.into_iter().filter_map(variation).collect());
    Ok(Catalogue { service_name, service_id: service_id.to_owned(), variations })
}

/// Reads the answer to `balance`.
pub(super) fn balance(body: &[u8]) -> Result<Kobo, VtpassError> {
    let envelope = envelope(body)?;
    if let Some(refusal) = envelope.refusal() {
        return Err(refusal);
    }
    let contents: Option<Contents<'_>> = object(envelope.contents).map_err(|_| unreadable())?;
    match contents.map(|it| naira(it.balance)) {
        Some(Seen::Is(balance)) => Ok(balance),
        Some(Seen::Absent | Seen::Odd) | None => Err(unreadable()),
    }
}

/// What a refused read says in its body, if that is VTpass's.
pub(super) fn refusal(body: &[u8]) -> Option<VtpassError> {
    envelope(body).ok()?.refusal()
}

impl Envelope<'_> {
    fn refusal(&self) -> Option<VtpassError> {
        let (code, shown) = code(self.code).or_else(|| code(self.response_description))?;
        match code.on_read() {
            ReadRuling::Fine => None,
            ReadRuling::UnknownService => Some(VtpassError::UnknownService),
            ReadRuling::ServiceOff => Some(VtpassError::ServiceOff),
            ReadRuling::Refused => Some(VtpassError::CredentialsRefused(shown)),
            ReadRuling::Unavailable => {
                Some(VtpassError::Unavailable(format!("it answered code {shown}")))
            }
        }
    }
}

fn envelope(body: &[u8]) -> Result<Envelope<'_>, VtpassError> {
    let raw: &RawValue = serde_json::from_slice(body).map_err(|_| unreadable())?;
    object(Some(raw)).ok().flatten().ok_or_else(unreadable)
}

fn unreadable() -> VtpassError {
    VtpassError::Unavailable("its answer could not be understood".to_owned())
}

fn list(raw: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw?.get()).ok()
}

/// One line, or `None` where code or price cannot be read: what has no known price is not sold.
fn variation(raw: &RawValue) -> Option<Variation> {
    let line: Line<'_> = object(Some(raw)).ok().flatten()?;
    let Seen::Is(variation_code) = text(line.variation_code) else { return None };
    let Seen::Is(amount) = naira(line.variation_amount) else { return None };
    let fixed_price = match line.fixed_price.map(RawValue::get) {
        Some("false") => false,
        Some(word) => !word.trim_matches('"').trim().eq_ignore_ascii_case("no"),
        None => true,
    };
    if fixed_price && amount.kobo() == 0 {
        return None;
    }
    let name = match text(line.name) {
        Seen::Is(name) => name,
        Seen::Absent | Seen::Odd => variation_code.clone(),
    };
    Some(Variation { variation_code, name, amount, fixed_price })
}

/// Keeps one line for each code; a code that is there at two prices is not sold.
fn unambiguous(lines: Vec<Variation>) -> Vec<Variation> {
    let mut kept: Vec<Variation> = Vec::with_capacity(lines.len());
    let same_terms = |a: &Variation, b: &Variation| {
        a.variation_code != b.variation_code
            || (a.amount == b.amount && a.fixed_price == b.fixed_price)
    };
    for line in &lines {
        let sold = lines.iter().all(|other| same_terms(line, other));
        let repeated = kept.iter().any(|other| other.variation_code == line.variation_code);
        if sold && !repeated {
            kept.push(line.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vtpass::codes::Code;

    fn read(content: &str) -> Result<Catalogue, VtpassError> {
        let body = format!(r#"{{"response_description":"000","content":{content}}}"#);
        catalogue(body.as_bytes(), "glo-sme-data")
    }

    fn line(code: &str, price: &str, fixed: &str) -> String {
        format!(
            r#"{{"variation_code":"{code}","name":"a bundle","variation_amount":{price},
            "fixedPrice":{fixed}}}"#
        )
    }

    fn codes(lines: &[String]) -> Vec<(String, u64, bool)> {
        let content =
            format!(r#"{{"serviceID":"glo-sme-data","varations":[{}]}}"#, lines.join(","));
        let variations = read(&content).unwrap().variations;
        let short = |it: Variation| (it.variation_code, it.amount.kobo(), it.fixed_price);
        variations.into_iter().map(short).collect()
    }

    #[test]
    fn the_vendors_catalogue_is_read() {
        let body = r#"{"response_description":"000","content":{"ServiceName":"9mobile Data",
            "serviceID":"etisalat-data","convinience_fee":"0%","varations":[
            {"variation_code":"eti-100","name":"40MB","variation_amount":"100.00",
             "fixedPrice":"Yes"}]}}"#;
        let catalogue = catalogue(body.as_bytes(), "etisalat-data").unwrap();
        assert_eq!(catalogue.service_name, "9mobile Data");
        let json = serde_json::to_string(&catalogue.variations[0]).unwrap();
        let expected =
            r#"{"variation_code":"eti-100","name":"40MB","amount_kobo":10000,"fixed_price":true}"#;
        assert_eq!(json, expected);
        let back: Catalogue =
            serde_json::from_str(&serde_json::to_string(&catalogue).unwrap()).unwrap();
        assert_eq!(back, catalogue);
    }

    #[test]
    fn both_spellings_and_any_case_of_the_service_are_taken() {
        let one = line("a", "50", r#""Yes""#);
        for content in [
            format!(r#"{{"serviceID":"GLO-sme-data","variations":[{one}]}}"#),
            format!(r#"{{"varations":[{one}]}}"#),
            format!(r#"{{"variations":[],"varations":[{one}]}}"#),
            format!(r#"{{"variations":[{one}],"varations":[]}}"#),
            format!(r#"{{"variations":null,"varations":[{one}]}}"#),
        ] {
            let catalogue = read(&content).unwrap();
            assert_eq!(catalogue.service_id, "glo-sme-data", "{content}");
            assert_eq!(catalogue.variations.len(), 1, "{content}");
        }
        assert!(read(r#"{"serviceID":"glo-data","varations":[]}"#).is_err());
        assert!(read(r#"{"serviceID":"glo-sme-data"}"#).is_err());
        assert!(read("[]").is_err());
    }

    #[test]
    fn what_has_no_readable_price_is_left_out() {
        let lines = [
            line("ok", r#""48.50""#, r#""Yes""#),
            line("number", "100", "true"),
            line("open", "0", r#""No""#),
            line("free", "0", r#""Yes""#),
            line("word", r#""N100""#, r#""Yes""#),
            line("comma", r#""1,000""#, r#""Yes""#),
            line("negative", "-5", r#""Yes""#),
            line("null", "null", r#""Yes""#),
            line("", "100", r#""Yes""#),
            r#""text""#.to_owned(),
            "null".to_owned(),
        ];
        let expected = [("ok", 4_850, true), ("number", 10_000, true), ("open", 0, false)]
            .map(|(code, kobo, fixed)| (code.to_owned(), kobo, fixed));
        assert_eq!(codes(&lines), expected);
    }

    #[test]
    fn a_code_at_two_prices_is_not_sold() {
        let lines = [
            line("a", "100", r#""Yes""#),
            line("b", "100", r#""Yes""#),
            line("a", "200", r#""Yes""#),
            line("b", "100.00", r#""Yes""#),
        ];
        assert_eq!(codes(&lines), [("b".to_owned(), 10_000, true)]);
    }

    #[test]
    fn refusals_are_sorted_by_what_to_do() {
        let read = |body: &str| catalogue(body.as_bytes(), "x").unwrap_err();
        for body in [
            r#"{"code":"012","content":{"errors":"x"}}"#,
            r#"{"response_description":"011","content":{"errors":"x"}}"#,
        ] {
            assert!(matches!(read(body), VtpassError::UnknownService), "{body}");
        }
        assert!(matches!(read(r#"{"code":"035"}"#), VtpassError::ServiceOff));
        for code in ["021", "022", "023", "024", "027", "028", "087"] {
            let error = read(&format!(r#"{{"code":"{code}"}}"#));
            assert!(matches!(error, VtpassError::CredentialsRefused(it) if it == code));
        }
        for body in ["", "<html>", "[]", r#"{"code":"083"}"#, r#"{"code":"999"}"#] {
            assert!(matches!(read(body), VtpassError::Unavailable(_)), "{body}");
        }
    }

    #[test]
    fn the_balance_loses_its_float_noise() {
        let read = |body: &str| balance(body.as_bytes()).ok().map(Kobo::kobo);
        assert_eq!(read(r#"{"code":1,"contents":{"balance":1081.8199999998}}"#), Some(108_182));
        assert_eq!(read(r#"{"code":1,"contents":{"balance":"50"}}"#), Some(5_000));
        assert_eq!(read(r#"{"code":1,"contents":{}}"#), None);
        assert_eq!(read(r#"{"code":1,"contents":{"balance":-3}}"#), None);
        assert_eq!(read(r#"{"code":"087","contents":{"balance":5}}"#), None);
    }

    #[test]
    fn only_a_body_of_vtpass_explains_a_refused_read() {
        assert!(matches!(refusal(br#"{"code":"012"}"#), Some(VtpassError::UnknownService)));
        assert!(refusal(b"<html>").is_none());
        assert!(refusal(br#"{"message":"no"}"#).is_none());
        assert!(matches!(Code::parse("000").on_read(), ReadRuling::Fine));
    }
}
