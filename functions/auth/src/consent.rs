//! The consent that may stand beside the number: its fields, and which of them a deployment requires.

use std::net::IpAddr;

use serde::Deserialize;
use shared::domain::consent::{ConsentTerms, Scope};
use shared::domain::time::from_iso;
use shared::lambda::error::ApiError;
use shared::platform::config::{ConfigError, Vars};
use strum::{EnumString, IntoStaticStr};
use time::{Duration, OffsetDateTime};

/// The longest text in a consent, in characters.
pub const MAX_TERM: usize = 500;
/// The longest time until a consent ends.
const LONGEST: Duration = Duration::days(5 * 366);

/// A consent as the tenant sends it.
#[derive(Debug, Default, Deserialize)]
pub struct Given {
    purpose: Option<String>,
    scope: Option<String>,
    policy_version: Option<String>,
    customer_ip: Option<String>,
    expires_at: Option<String>,
}

/// A field of a consent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
enum Field {
    Purpose,
    Scope,
    PolicyVersion,
    CustomerIp,
    ExpiresAt,
}

/// The fields without which a consent is refused.
#[derive(Debug, Clone, Default)]
pub struct Required(Vec<Field>);

impl Required {
    /// The fields named in `CONSENT_REQUIRED_FIELDS`, separated by commas; none unless set.
    ///
    /// # Errors
    /// [`ConfigError`] for the name of no field.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "CONSENT_REQUIRED_FIELDS";
        let names = vars.optional(NAME).unwrap_or_default().split(',').map(str::trim);
        let fields = names.filter(|name| !name.is_empty()).map(str::parse);
        let problem = "must name purpose, scope, policy_version, customer_ip or expires_at";
        match fields.collect() {
            Ok(fields) => Ok(Self(fields)),
            Err(_) => Err(ConfigError::invalid(NAME, problem)),
        }
    }

    fn has(&self, field: Field) -> bool {
        self.0.contains(&field)
    }
}

impl Given {
    /// The terms, once each field is valid and each required one is there. A scope of known words limits
    /// what the consent opens. Any other text opens everything, and is refused where a scope is required.
    pub fn terms(self, required: &Required, now: OffsetDateTime) -> Result<ConsentTerms, ApiError> {
        for field in &required.0 {
            if self.text(*field).is_none_or(|text| text.trim().is_empty()) {
                let name: &str = field.into();
                return Err(ApiError::invalid(format!("consent must have the field {name}.")));
            }
        }
        let texts = [&self.purpose, &self.scope, &self.policy_version];
        if texts.into_iter().flatten().any(|text| text.chars().count() > MAX_TERM) {
            let message = format!("A text in consent has at most {MAX_TERM} characters.");
            return Err(ApiError::invalid(message));
        }
        let opens = self.scope.as_deref().and_then(Scope::names_in);
        if opens.is_none() && required.has(Field::Scope) {
            let message = format!("consent.scope must hold words of: {}.", Scope::words());
            return Err(ApiError::invalid(message));
        }
        Ok(ConsentTerms {
            customer_ip: self.customer_ip.as_deref().map(address).transpose()?,
            expires_at: self.expires_at.map(|text| end(text, now)).transpose()?,
            purpose: self.purpose,
            scope: self.scope,
            policy_version: self.policy_version,
            opens,
            hashes: None,
        })
    }

    fn text(&self, field: Field) -> Option<&str> {
        let text = match field {
            Field::Purpose => &self.purpose,
            Field::Scope => &self.scope,
            Field::PolicyVersion => &self.policy_version,
            Field::CustomerIp => &self.customer_ip,
            Field::ExpiresAt => &self.expires_at,
        };
        text.as_deref()
    }
}

fn address(text: &str) -> Result<IpAddr, ApiError> {
    text.parse().map_err(|_| ApiError::invalid("consent.customer_ip must be an IP address."))
}

fn end(text: String, now: OffsetDateTime) -> Result<OffsetDateTime, ApiError> {
    let end = from_iso(text).filter(|end| (now..=now + LONGEST).contains(end) && *end > now);
    end.ok_or_else(|| {
        ApiError::invalid(
            "consent.expires_at must be a time with an offset, such as 2027-01-31T12:00:00Z, in the \
             future and within five years.",
        )
    })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    const NOW: OffsetDateTime = datetime!(2026-11-29 10:00 UTC);

    fn required(names: &str) -> Result<Required, ConfigError> {
        let vars = [("CONSENT_REQUIRED_FIELDS".to_owned(), names.to_owned())];
        Required::from_vars(&vars.into_iter().collect())
    }

    fn terms(consent: &str, names: &str) -> Result<ConsentTerms, String> {
        let given: Given = serde_json::from_str(consent).unwrap();
        let terms = given.terms(&required(names).unwrap(), NOW);
        terms.map_err(|error| error.message.into_owned())
    }

    #[test]
    fn an_end_is_in_the_future_and_within_five_years() {
        let end = |text: &str| terms(&format!(r#"{{"expires_at":"{text}"}}"#), "");
        let ends = end("2026-11-29T12:00:00+01:00").unwrap().expires_at.unwrap();
        assert_eq!(ends, datetime!(2026-11-29 11:00 UTC));
        assert!(end("2031-11-29T10:00:00Z").is_ok());
        for text in ["2026-11-29T10:00:00Z", "2031-12-31T00:00:00Z", "2027-01-01", "tomorrow", ""] {
            assert!(end(text).unwrap_err().contains("expires_at"), "{text}");
        }
    }

    #[test]
    fn a_customers_address_is_an_ip_address() {
        let address = |text: &str| terms(&format!(r#"{{"customer_ip":"{text}"}}"#), "");
        for text in ["197.210.1.2", "2c0f:f5c0::1"] {
            assert_eq!(address(text).unwrap().customer_ip.unwrap().to_string(), text);
        }
        for text in ["197.210.1", "197.210.1.2:80", "phone", ""] {
            assert!(address(text).unwrap_err().contains("customer_ip"), "{text}");
        }
    }

    #[test]
    fn required_fields_must_be_there_and_a_required_scope_must_be_known() {
        let fields = "purpose, scope,policy_version,customer_ip,expires_at";
        let whole = r#"{"purpose":"loan","scope":"identity","policy_version":"3",
            "customer_ip":"197.210.1.2","expires_at":"2027-01-01T00:00:00Z"}"#;
        assert_eq!(terms(whole, fields).unwrap().opens.unwrap(), ["identity"]);
        for name in fields.split(',').map(str::trim) {
            let mut part: serde_json::Value = serde_json::from_str(whole).unwrap();
            for empty in [serde_json::json!(null), serde_json::json!(" ")] {
                part[name] = empty;
                assert!(terms(&part.to_string(), fields).unwrap_err().contains(name), "{name}");
            }
        }
        let free = r#"{"scope":"whatever is needed"}"#;
        assert_eq!(terms(free, "").unwrap().opens, None);
        assert!(terms(free, "scope").unwrap_err().contains("mtn.usage"));
        assert!(terms("{}", "").is_ok());
    }

    #[test]
    fn the_name_of_no_field_stops_the_function() {
        assert!(required("purpose,number").unwrap_err().to_string().contains("CONSENT_REQUIRED"));
    }
}
