//! Configuration: the environment variables of a function, read once at start.

use std::collections::BTreeMap;

use url::{Host, Url};

/// The variables a function was started with.
///
/// A map and not the process environment, so that the sandbox can give each function in one process
/// the variables that the template gives it. Has no `Debug`, because it holds secrets.
#[derive(Clone, Default)]
pub struct Vars(BTreeMap<String, String>);

/// Why a function does not start. Names the variable, never its value.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ConfigError {
    /// The variable is not set, or is empty.
    #[error("missing environment variable {0}")]
    Missing(String),
    /// Some variables of a provider are set and this one is not.
    #[error("{set} is set, so {missing} must be set too (or neither, to switch the provider off)")]
    PartlySet {
        /// A variable of the provider that is set.
        set: String,
        /// The one that is not.
        missing: String,
    },
    /// The variable is set to something that cannot be used.
    #[error("environment variable {name} {problem}")]
    Invalid {
        /// The variable.
        name: String,
        /// What is wrong with it, without its value.
        problem: &'static str,
    },
}

impl ConfigError {
    /// The variable `name` cannot be used because of `problem`.
    pub fn invalid(name: &str, problem: &'static str) -> Self {
        Self::Invalid { name: name.to_owned(), problem }
    }
}

impl Vars {
    /// The environment of this process.
    pub fn from_process() -> Self {
        std::env::vars().collect()
    }

    /// These variables, and those of `others` that are not set here.
    pub fn with_missing(&self, others: impl IntoIterator<Item = (String, String)>) -> Self {
        let mut vars = self.clone();
        for (name, value) in others {
            if vars.optional(&name).is_none() {
                vars.0.insert(name, value);
            }
        }
        vars
    }

    /// The names of the variables, also of empty ones.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// The value of an optional variable. An empty one counts as unset, because an empty template
    /// parameter becomes an empty variable.
    pub fn optional(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// The value of a required variable.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] with the variable's name.
    pub fn required(&self, name: &str) -> Result<&str, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// The variables of one provider: all of them, or `None` when none is set.
    ///
    /// # Errors
    /// [`ConfigError::PartlySet`] when only some are set.
    pub fn provider<const N: usize>(
        &self,
        names: [&str; N],
    ) -> Result<Option<[&str; N]>, ConfigError> {
        let Some(set) = names.iter().find(|name| self.optional(name).is_some()) else {
            return Ok(None);
        };
        if let Some(missing) = names.iter().find(|name| self.optional(name).is_none()) {
            return Err(ConfigError::PartlySet {
                set: (*set).to_owned(),
                missing: (*missing).to_owned(),
            });
        }
        Ok(Some(names.map(|name| self.optional(name).unwrap_or_default())))
    }

    /// An optional variable that must be an absolute http or https URL. Without trailing slash.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] when it is set to anything else.
    pub fn base_url(&self, name: &str) -> Result<Option<String>, ConfigError> {
        self.optional(name).map(|value| parse_base_url(name, value)).transpose()
    }
}

/// Checks the base URL of a provider and strips its trailing slash. What a live deployment sends there
/// holds credentials and personal data, so there it is https. Only this machine may be reached by http.
///
/// # Errors
/// [`ConfigError::Invalid`] unless it is such an absolute URL without a query.
pub fn parse_provider_url(vars: &Vars, name: &str, value: &str) -> Result<String, ConfigError> {
    let base_url = parse_base_url(name, value)?;
    let is_live = vars.optional("DEPLOYMENT_KIND") == Some("live");
    let is_safe =
        Url::parse(&base_url).is_ok_and(|it| it.scheme() == "https" || is_this_machine(&it));
    match is_safe || !is_live {
        true => Ok(base_url),
        false => Err(ConfigError::invalid(name, "must be https in a live deployment")),
    }
}

/// Whether a URL leads to the machine on which this runs.
pub fn is_this_machine(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

/// Checks a base URL and strips its trailing slash.
///
/// # Errors
/// [`ConfigError::Invalid`] unless it is an absolute http or https URL without a query.
pub fn parse_base_url(name: &str, value: &str) -> Result<String, ConfigError> {
    let usable = Url::parse(value).is_ok_and(|url| {
        matches!(url.scheme(), "http" | "https") && url.has_host() && url.query().is_none()
    });
    if !usable {
        return Err(ConfigError::invalid(name, "must be an absolute http(s) URL"));
    }
    Ok(value.trim_end_matches('/').to_owned())
}

impl FromIterator<(String, String)> for Vars {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(vars: I) -> Self {
        Self(vars.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vars(pairs: &[(&str, &str)]) -> Vars {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn a_missing_or_empty_variable_is_named() {
        let error = vars(&[("A_TABLE", "")]).required("A_TABLE").unwrap_err();
        assert_eq!(error.to_string(), "missing environment variable A_TABLE");
    }

    #[test]
    fn a_provider_is_on_off_or_partly_set() {
        let names = ["MONO_BASE_URL", "MONO_SECRET_KEY"];
        assert_eq!(vars(&[]).provider(names), Ok(None));
        let both = [("MONO_BASE_URL", "u"), ("MONO_SECRET_KEY", "k")];
        assert_eq!(vars(&both).provider(names), Ok(Some(["u", "k"])));
        let error = vars(&both[..1]).provider(names).unwrap_err();
        assert!(error.to_string().contains("MONO_SECRET_KEY must be set"), "{error}");
    }

    #[test]
    fn a_base_url_is_absolute_and_has_no_trailing_slash() {
        let read = |value| vars(&[("U", value)]).base_url("U");
        assert_eq!(
            read("https://api.example.com/v1/"),
            Ok(Some("https://api.example.com/v1".into()))
        );
        assert_eq!(read(""), Ok(None));
        for bad in ["example.com", "/x", "ftp://x", "https://x/?a=b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_providers_url_in_a_live_deployment_is_https_except_on_this_machine() {
        let vars = |kind: &str| Vars::from_iter([("DEPLOYMENT_KIND".to_owned(), kind.to_owned())]);
        let read = |value| parse_provider_url(&vars("live"), "U", value);
        assert_eq!(read("https://api.example.com/"), Ok("https://api.example.com".to_owned()));
        for here in ["http://127.0.0.1:9000/api", "http://[::1]:1", "http://localhost:8080"] {
            assert_eq!(read(here), Ok(here.to_owned()));
        }
        for bad in [
            "http://api.example.com",
            "HTTP://api.example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost@example.com",
            "http://[::ffff:8.8.8.8]",
        ] {
            assert!(read(bad).unwrap_err().to_string().contains("U must be https"), "{bad}");
            assert!(parse_provider_url(&vars("test"), "U", bad).is_ok(), "{bad}");
        }
    }
}
