//! The catalogue of a service: what can be bought, and at what price.
//!
//! Source: VTpass documentation, *9mobile Data* (Get variation codes). The list is called
//! `varations` on some pages and `variations` on others. An answer may hold both.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::VtpassError;
use super::field::{naira, text};
use super::read::ReadEnvelope;
use crate::domain::catalogue::{Catalogue, Variation};
use crate::provider::json::object;

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct CatalogueContent<'a> {
    #[serde(rename = "ServiceName")]
    service_name: Option<&'a RawValue>,
    #[serde(rename = "serviceID")]
    service_id: Option<&'a RawValue>,
    variations: Option<&'a RawValue>,
    varations: Option<&'a RawValue>,
}

#[derive(Deserialize)]
#[serde(bound(deserialize = "'de: 'a"))]
struct VariationFields<'a> {
    variation_code: Option<&'a RawValue>,
    name: Option<&'a RawValue>,
    variation_amount: Option<&'a RawValue>,
    #[serde(rename = "fixedPrice")]
    fixed_price: Option<&'a RawValue>,
}

/// Reads the answer to `service-variations`.
pub(super) fn catalogue(body: &[u8], service_id: &str) -> Result<Catalogue, VtpassError> {
    let unreadable = VtpassError::unreadable;
    let content = object(ReadEnvelope::read(body)?.content).map_err(|_| unreadable())?;
    let content: CatalogueContent<'_> = content.ok_or_else(unreadable)?;
    if !text(content.service_id).is_absent_or(|id| id.eq_ignore_ascii_case(service_id)) {
        return Err(VtpassError::Unavailable("its catalogue is another service's".to_owned()));
    }
    let lists = [content.variations, content.varations].map(list);
    let list = lists.into_iter().flatten().max_by_key(Vec::len).ok_or_else(unreadable)?;
    let service_name = text(content.service_name).value().unwrap_or_else(|| service_id.to_owned());
    let variations = unambiguous(list.into_iter().filter_map(variation).collect());
    Ok(Catalogue { service_name, service_id: service_id.to_owned(), variations })
}

fn list(raw: Option<&RawValue>) -> Option<Vec<&RawValue>> {
    serde_json::from_str(raw?.get()).ok()
}

/// One variation; `None` if its code or price cannot be read. What has no known price is not sold.
fn variation(raw: &RawValue) -> Option<Variation> {
    let fields: VariationFields<'_> = object(Some(raw)).ok().flatten()?;
    let variation_code = text(fields.variation_code).value()?;
    let amount = naira(fields.variation_amount).value()?;
    let fixed_price = match fields.fixed_price.map(RawValue::get) {
        Some("false") => false,
        Some(word) => !word.trim_matches('"').trim().eq_ignore_ascii_case("no"),
        None => true,
    };
    if fixed_price && amount.kobo() == 0 {
        return None;
    }
    let name = text(fields.name).value().unwrap_or_else(|| variation_code.clone());
    Some(Variation { variation_code, name, amount, fixed_price })
}

/// Keeps one variation for each code. A code that is listed at two prices is not sold.
fn unambiguous(variations: Vec<Variation>) -> Vec<Variation> {
    let mut kept: Vec<Variation> = Vec::with_capacity(variations.len());
    let same_terms = |a: &Variation, b: &Variation| {
        a.variation_code != b.variation_code
            || (a.amount == b.amount && a.fixed_price == b.fixed_price)
    };
    for variation in &variations {
        let sold = variations.iter().all(|other| same_terms(variation, other));
        let repeated = kept.iter().any(|other| other.variation_code == variation.variation_code);
        if sold && !repeated {
            kept.push(variation.clone());
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn catalogue_of_the_vendor_is_read() {
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
    fn both_spellings_of_the_list_and_any_case_of_the_service_are_read() {
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
    fn variation_without_a_readable_price_is_omitted() {
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
    fn code_listed_at_two_prices_is_not_sold() {
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
}
