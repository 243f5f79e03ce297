//! Our credentials at VTpass: Basic authentication, or three keys of which each call sends two
//! (VTpass documentation, *Authentication*).

use http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use http::{HeaderMap, Method};

use crate::platform::config::{ConfigError, Vars};
use crate::provider::request::{basic, secret_header_value};

const BASE_URL: &str = "VTPASS_BASE_URL";
const BASIC: [&str; 2] = ["VTPASS_USERNAME", "VTPASS_PASSWORD"];
const KEYS: [&str; 3] = ["VTPASS_API_KEY", "VTPASS_PUBLIC_KEY", "VTPASS_SECRET_KEY"];

/// The credentials as header values. They are marked sensitive, so `Debug` does not print them.
#[derive(Debug, Clone)]
pub(super) enum Credentials {
    /// User name and password.
    Basic(HeaderValue),
    /// Three keys.
    Keys { api: HeaderValue, public: HeaderValue, secret: HeaderValue },
}

impl Credentials {
    /// The base URL, unchecked, and the credentials; `None` if no variable is set.
    pub(super) fn from_vars(vars: &Vars) -> Result<Option<(&str, Self)>, ConfigError> {
        let any = |names: &[&str]| names.iter().any(|name| vars.optional(name).is_some());
        if any(&BASIC) && any(&KEYS) {
            let name = KEYS.into_iter().find(|name| vars.optional(name).is_some());
            let problem = "is set together with VTPASS_USERNAME or VTPASS_PASSWORD: set one way \
                           to authenticate";
            return Err(ConfigError::invalid(name.unwrap_or(KEYS[0]), problem));
        }
        if any(&KEYS) {
            let found = vars.provider([BASE_URL, KEYS[0], KEYS[1], KEYS[2]])?;
            let Some([url, api, public, secret]) = found else { return Ok(None) };
            let keys = Self::Keys {
                api: secret_header_value(KEYS[0], api)?,
                public: secret_header_value(KEYS[1], public)?,
                secret: secret_header_value(KEYS[2], secret)?,
            };
            return Ok(Some((url, keys)));
        }
        let found = vars.provider([BASE_URL, BASIC[0], BASIC[1]])?;
        let Some([url, username, password]) = found else { return Ok(None) };
        Ok(Some((url, Self::Basic(basic(BASIC[0], username, password)?))))
    }

    /// Adds the headers that a call by `method` must carry.
    pub(super) fn add_to(&self, headers: &mut HeaderMap, method: &Method) {
        const API_KEY: HeaderName = HeaderName::from_static("api-key");
        const PUBLIC_KEY: HeaderName = HeaderName::from_static("public-key");
        const SECRET_KEY: HeaderName = HeaderName::from_static("secret-key");
        match self {
            Self::Basic(basic) => {
                headers.insert(AUTHORIZATION, basic.clone());
            }
            Self::Keys { api, public, secret } => {
                headers.insert(API_KEY, api.clone());
                if method == Method::GET {
                    headers.insert(PUBLIC_KEY, public.clone());
                } else {
                    headers.insert(SECRET_KEY, secret.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::test_support::vars;

    fn read(pairs: &[(&str, &str)]) -> Result<Option<Credentials>, String> {
        let vars = vars(pairs);
        let found = Credentials::from_vars(&vars).map_err(|error| error.to_string())?;
        Ok(found.map(|(_, credentials)| credentials))
    }

    const URL: (&str, &str) = ("VTPASS_BASE_URL", "https://sandbox.vtpass.com/api");
    const ALL_KEYS: [(&str, &str); 3] =
        [("VTPASS_API_KEY", "a1"), ("VTPASS_PUBLIC_KEY", "p1"), ("VTPASS_SECRET_KEY", "s1")];

    #[test]
    fn vtpass_is_off_if_nothing_is_set() {
        assert!(read(&[]).unwrap().is_none());
        assert!(read(&[("VTPASS_BASE_URL", ""), ("VTPASS_USERNAME", " ")]).unwrap().is_none());
    }

    #[test]
    fn debug_does_not_print_credentials() {
        let basic = [URL, ("VTPASS_USERNAME", "me@example.com"), ("VTPASS_PASSWORD", "se:cret")];
        let keys = [URL, ALL_KEYS[0], ALL_KEYS[1], ALL_KEYS[2]];
        let printed = format!("{:?} {:?}", read(&basic).unwrap(), read(&keys).unwrap());
        assert!(!["bWVA", "a1", "p1", "s1"].iter().any(|key| printed.contains(key)), "{printed}");
    }

    #[test]
    fn error_names_the_missing_or_wrong_variable() {
        let user = ("VTPASS_USERNAME", "me");
        let cases: [(&[(&str, &str)], &str); 7] = [
            (&[URL], "VTPASS_USERNAME must be set"),
            (&[URL, user], "VTPASS_PASSWORD must be set"),
            (&[user, ("VTPASS_PASSWORD", "x")], "VTPASS_BASE_URL must be set"),
            (&[URL, ALL_KEYS[0], ALL_KEYS[1]], "VTPASS_SECRET_KEY must be set"),
            (&[URL, user, ALL_KEYS[1]], "VTPASS_PUBLIC_KEY is set together"),
            (&[URL, ("VTPASS_USERNAME", "a:b"), ("VTPASS_PASSWORD", "x")], "VTPASS_USERNAME must"),
            (
                &[URL, ALL_KEYS[0], ("VTPASS_PUBLIC_KEY", "p\n1"), ALL_KEYS[2]],
                "VTPASS_PUBLIC_KEY has a character",
            ),
        ];
        for (pairs, expected) in cases {
            let error = read(pairs).unwrap_err();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("p\n1"));
        }
    }
}
