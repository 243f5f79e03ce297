//! What a call to one of MTN's APIs shows beside the API key.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;

use super::token::{Need, NoToken, Tokens};
use super::{Deadline, MtnError, unwritable};
use crate::config::{ConfigError, Vars};
use crate::secret::{ExposeSecret, SecretString};

/// How an API wants to be authorized. MTN's documents differ from product to product.
#[derive(Clone)]
pub(super) enum Way {
    /// By a token.
    OAuth(Arc<Tokens>),
    /// By client id and secret.
    Basic(HeaderValue),
    /// By the API key alone.
    Key,
}

impl Way {
    /// The way that the variable `name` says; `client` is id and secret.
    pub(super) fn from_vars(
        vars: &Vars,
        name: &str,
        client: (&str, &str),
        tokens: &Arc<Tokens>,
    ) -> Result<Self, ConfigError> {
        match vars.optional(name) {
            None | Some("oauth") => Ok(Self::OAuth(Arc::clone(tokens))),
            Some("basic") => basic(client).map(Self::Basic),
            Some("key") => Ok(Self::Key),
            Some(_) => Err(invalid(name, "must be oauth, basic or key")),
        }
    }

    /// The `Authorization` for a call that needs it so fresh, within `deadline`. A `refused` token
    /// is not given again.
    pub(super) async fn authorization(
        &self,
        need: Need,
        deadline: Deadline,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, NoToken> {
        match self {
            Self::OAuth(tokens) => tokens.bearer(need, deadline, refused).await.map(Some),
            Self::Basic(pair) => Ok(Some(pair.clone())),
            Self::Key => Ok(None),
        }
    }

    /// Whether another token may help where this one was refused.
    pub(super) fn has_tokens(&self) -> bool {
        match self {
            Self::OAuth(_) => true,
            Self::Basic(_) | Self::Key => false,
        }
    }

    /// Drops a token that was refused.
    pub(super) fn forget(&self, refused: Option<&HeaderValue>) {
        if let (Self::OAuth(tokens), Some(refused)) = (self, refused) {
            tokens.forget(refused);
        }
    }
}

fn basic((id, secret): (&str, &str)) -> Result<HeaderValue, ConfigError> {
    if id.contains(':') {
        return Err(invalid("MTN_CLIENT_ID", "must not contain a colon"));
    }
    let pair = STANDARD.encode(format!("{id}:{secret}"));
    let mut value = header_value("MTN_CLIENT_ID", &format!("Basic {pair}"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The value of a variable that becomes a header.
pub(super) fn header_value(name: &str, value: &str) -> Result<HeaderValue, ConfigError> {
    HeaderValue::from_str(value)
        .map_err(|_| invalid(name, "has a character that no header can carry"))
}

/// A secret as a header that does not print.
pub(super) fn sensitive(secret: &SecretString) -> Result<HeaderValue, MtnError> {
    let value = HeaderValue::from_bytes(secret.expose_secret().as_bytes());
    let mut value = value.map_err(|_| unwritable())?;
    value.set_sensitive(true);
    Ok(value)
}

fn invalid(name: &str, problem: &'static str) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), problem }
}
