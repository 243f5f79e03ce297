//! Secrets: whether each is there and can be used. No value is printed.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::{Map, Value, json};
use shared::platform::secrets::SECRETS;

use super::finding::Finding;
use super::functions::Deployed;
use crate::aws::api::{Api, SECRETS_MANAGER};

/// Words in a value that nobody got from a provider.
const PLACEHOLDERS: [&str; 9] = [
    "changeme",
    "change-me",
    "change_me",
    "placeholder",
    "replace",
    "example",
    "todo",
    "your-",
    "your_",
];
/// The least length of the key of limits.
const LIMITS_KEY: usize = 32;

/// Looks at each secret that a function names (secretsmanager:GetSecretValue, and kms:Decrypt with a key of your
/// own).
pub async fn check(api: &Api<'_>, deployed: &[Deployed]) -> Vec<Finding> {
    let mut named: BTreeMap<&str, &str> = BTreeMap::new();
    for (variable, _) in SECRETS {
        let names = deployed.iter().filter_map(|function| function.vars.optional(variable));
        named.extend(names.map(|name| (name, variable)));
    }
    let looked =
        named.iter().map(|(id, variable)| async move {
            let about = variable.trim_end_matches("_SECRET");
            let about = format!("the secret of {about} ({id})");
            match api.json(SECRETS_MANAGER, "GetSecretValue", &json!({ "SecretId": id })).await {
                Ok(secret) => judge(&about, variable, secret["SecretString"].as_str()),
                Err(refusal) if refusal.is_not_found() => {
                    let problem = "does not exist: the functions that need it do not start";
                    let found = Finding::fault("secret_missing", &about, problem);
                    Some(found.advice(
                        "create it, or correct its name in the parameter",
                        "Rotate a secret",
                    ))
                }
                Err(refusal) => Some(Finding::unchecked(&about, &refusal.reason)),
            }
        });
    join_all(looked).await.into_iter().flatten().collect()
}

/// What is wrong with the text of a secret.
fn judge(about: &str, variable: &str, text: Option<&str>) -> Option<Finding> {
    let found = |kind, problem: String| {
        let advice = "write the whole document again, then `recycle` its functions";
        Some(Finding::fault(kind, about, problem).advice(advice, "Rotate a secret"))
    };
    let fields = text.and_then(|text| serde_json::from_str::<Map<String, Value>>(text).ok());
    let Some(fields) = fields else {
        return found(
            "secret_unreadable",
            "is not a JSON object: no function that needs it starts".into(),
        );
    };
    let known = SECRETS.iter().find(|(name, _)| *name == variable).map_or(&[][..], |it| it.1);
    let value = |name: &str| fields.get(name)?.as_str().map(str::trim).filter(|it| !it.is_empty());
    let not_text = known.iter().find(|name| fields.get(**name).is_some_and(|it| !it.is_string()));
    if let Some(name) = not_text {
        return found(
            "secret_unreadable",
            format!("has a {name} that is not text, so it is not taken"),
        );
    }
    let has = |names: &[&str]| names.iter().all(|name| value(name).is_some());
    let lacks = match variable {
        "LIMITS_SECRET" if value("LIMITS_HMAC_KEY").is_some_and(|key| key.len() < LIMITS_KEY) => {
            return found(
                "secret_incomplete",
                "has a LIMITS_HMAC_KEY of less than 32 characters".into(),
            );
        }
        "LIMITS_SECRET" => (!has(&["LIMITS_HMAC_KEY"])).then_some("LIMITS_HMAC_KEY"),
        "MONO_SECRET" => (!has(&["MONO_SECRET_KEY"])).then_some("MONO_SECRET_KEY"),
        "MTN_SECRET" => {
            (!has(known)).then_some("one of MTN_API_KEY, MTN_CLIENT_ID, MTN_CLIENT_SECRET")
        }
        _ => {
            let keys = ["VTPASS_API_KEY", "VTPASS_PUBLIC_KEY", "VTPASS_SECRET_KEY"];
            let login = ["VTPASS_USERNAME", "VTPASS_PASSWORD"];
            let mixed =
                keys.iter().any(|name| has(&[name])) && login.iter().any(|name| has(&[name]));
            if mixed {
                return found(
                    "secret_incomplete",
                    "has both keys and a login: no function that needs it starts".into(),
                );
            }
            (!has(&keys) && !has(&login)).then_some("VTPASS_API_KEY, VTPASS_PUBLIC_KEY and VTPASS_SECRET_KEY, or VTPASS_USERNAME and VTPASS_PASSWORD")
        }
    };
    if let Some(lacks) = lacks {
        return found(
            "secret_incomplete",
            format!("lacks {lacks}: the functions that need it do not start"),
        );
    }
    let fake = known.iter().find(|name| value(name).is_some_and(is_placeholder));
    let problem = fake
        .map(|name| format!("has a placeholder in {name}, so the provider refuses every call"))?;
    found("secret_placeholder", problem)
}

/// Whether nobody was given this by a provider.
fn is_placeholder(value: &str) -> bool {
    let value = value.to_ascii_lowercase();
    let first = value.chars().next().unwrap_or_default();
    let is_one_character = value.len() > 1 && value.chars().all(|character| character == first);
    let is_framed = value.starts_with('<') && value.ends_with('>') || value.starts_with("${");
    is_one_character || is_framed || PLACEHOLDERS.iter().any(|word| value.contains(word))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(variable: &str, text: &str) -> &'static str {
        judge("s", variable, Some(text)).map_or("", |finding| finding.kind)
    }

    #[test]
    fn a_secret_is_judged_by_what_its_functions_need() {
        let mono = r#"{"MONO_SECRET_KEY":"live_sk_1"}"#;
        assert_eq!(kind("MONO_SECRET", mono), "");
        assert_eq!(kind("MONO_SECRET", "[]"), "secret_unreadable");
        assert_eq!(kind("MONO_SECRET", "{}"), "secret_incomplete");
        assert_eq!(kind("MONO_SECRET", r#"{"MONO_SECRET_KEY":7}"#), "secret_unreadable");
        assert_eq!(kind("MONO_SECRET", r#"{"MONO_SECRET_KEY":" "}"#), "secret_incomplete");
        assert_eq!(kind("LIMITS_SECRET", r#"{"LIMITS_HMAC_KEY":"short"}"#), "secret_incomplete");
        let login = r#"{"VTPASS_USERNAME":"u","VTPASS_PASSWORD":"p"}"#;
        assert_eq!(kind("VTPASS_SECRET", login), "");
        let both = r#"{"VTPASS_USERNAME":"u","VTPASS_PASSWORD":"p","VTPASS_API_KEY":"k"}"#;
        assert_eq!(kind("VTPASS_SECRET", both), "secret_incomplete");
        assert_eq!(kind("VTPASS_SECRET", r#"{"VTPASS_API_KEY":"k"}"#), "secret_incomplete");
        assert_eq!(kind("MTN_SECRET", r#"{"MTN_API_KEY":"k"}"#), "secret_incomplete");
    }

    #[test]
    fn a_placeholder_is_told_from_a_key_and_never_shown() {
        for fake in ["CHANGEME", "<your key>", "xxxxxxxx", "your-secret-key", "${MONO_KEY}", "TODO"]
        {
            let text = json!({ "MONO_SECRET_KEY": fake }).to_string();
            let finding = judge("s", "MONO_SECRET", Some(&text)).unwrap();
            assert_eq!(finding.kind, "secret_placeholder", "{fake}");
            assert!(!finding.text().contains(fake), "{finding:?}");
        }
        for real in ["live_sk_k2n3b4v5", "9f86d081884c7d65", "p4ssw0rd!"] {
            assert!(!is_placeholder(real), "{real}");
        }
    }
}
