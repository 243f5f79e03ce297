//! Secrets, fetched from AWS Secrets Manager when an instance starts, all by one call. They are not in
//! the template and not in the environment that the AWS console shows.
//!
//! A secret is a JSON object of variables. The list here says which variables a secret may set.

use serde_json::{Map, Value};

use crate::platform::aws::secrets_manager::SecretsManager;
use crate::platform::config::{ConfigError, Vars};
use crate::platform::environment::Environment;

/// The variables that name a secret, and the variables that it may hold.
pub const SECRETS: [(&str, &[&str]); 4] = [
    ("LIMITS_SECRET", &["LIMITS_HMAC_KEY"]),
    ("MONO_SECRET", &["MONO_SECRET_KEY", "MONO_WEBHOOK_SECRET"]),
    ("MTN_SECRET", &["MTN_API_KEY", "MTN_CLIENT_ID", "MTN_CLIENT_SECRET"]),
    (
        "VTPASS_SECRET",
        &[
            "VTPASS_API_KEY",
            "VTPASS_PUBLIC_KEY",
            "VTPASS_SECRET_KEY",
            "VTPASS_USERNAME",
            "VTPASS_PASSWORD",
        ],
    ),
];

/// Why a function does not start. Never holds a value.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A variable is missing or invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// Secrets Manager did not answer in time.
    #[error("the secrets could not be fetched in time")]
    TooSlow,
    /// A secret cannot be read.
    #[error("the secret that {variable} names cannot be read: {reason}")]
    Secret {
        /// The variable that names it.
        variable: &'static str,
        /// Why, without its value.
        reason: String,
    },
}

/// Whether `vars` name any secret.
pub fn are_named(vars: &Vars) -> bool {
    SECRETS.iter().any(|(variable, _)| vars.optional(variable).is_some())
}

/// `vars` and the variables of their secrets. A variable that is set in the environment is kept.
///
/// # Errors
/// [`StartError`] when a secret that is named cannot be read.
pub async fn resolved(vars: &Vars, environment: &Environment) -> Result<Vars, StartError> {
    let named: Vec<_> = SECRETS
        .iter()
        .filter_map(|(variable, holds)| Some((*variable, vars.optional(variable)?, *holds)))
        .collect();
    let Some((first, ..)) = named.first() else { return Ok(vars.clone()) };
    let failed = |variable, reason| StartError::Secret { variable, reason };
    let ids: Vec<_> = named.iter().map(|(_, id, _)| *id).collect();
    let secrets = SecretsManager::from_vars(vars, environment)?.batch_get(&ids).await;
    let secrets = secrets.map_err(|reason| failed(first, reason))?;
    let mut set = Vec::new();
    for (variable, id, holds) in named {
        let fields = secrets.text(id).map_err(str::to_owned).and_then(fields);
        set.extend(taken(fields.map_err(|reason| failed(variable, reason))?, holds));
    }
    Ok(vars.with_missing(set))
}

/// The variables in the text of a secret.
fn fields(text: &str) -> Result<Map<String, Value>, String> {
    serde_json::from_str(text).map_err(|_| "it is not a JSON object".to_owned())
}

/// The fields that a secret may set, as far as it has them.
fn taken(fields: Map<String, Value>, holds: &[&str]) -> Vec<(String, String)> {
    let known = fields.into_iter().filter(|(name, _)| holds.contains(&name.as_str()));
    known.filter_map(|(name, value)| Some((name, value.as_str()?.to_owned()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_sets_only_its_own_variables() {
        let text = r#"{ "MONO_SECRET_KEY": "k", "AWS_REGION": "x", "VTPASS_PASSWORD": "p",
                        "MONO_WEBHOOK_SECRET": 7 }"#;
        let fields = fields(text).unwrap();
        let expected = vec![("MONO_SECRET_KEY".to_owned(), "k".to_owned())];
        assert_eq!(taken(fields, SECRETS[1].1), expected);
    }

    #[tokio::test]
    async fn without_named_secrets_nothing_is_fetched() {
        let vars: Vars = [("MONO_SECRET_KEY".to_owned(), "k".to_owned())].into_iter().collect();
        let resolved = resolved(&vars, &Environment::real()).await.unwrap();
        assert_eq!(resolved.optional("MONO_SECRET_KEY"), Some("k"));
    }
}
