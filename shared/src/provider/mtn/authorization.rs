//! How a call to one of MTN's APIs is authorized, in addition to the API key.

use std::sync::Arc;

use http::HeaderValue;

use super::deadline::Deadline;
use super::token::{TokenError, TokenUse, Tokens};
use crate::platform::config::{ConfigError, Vars};
use crate::provider::request::basic;

/// The authorization of an API, in addition to the API key. MTN's documents differ from product to
/// product.
#[derive(Clone)]
pub(super) enum Authorization {
    /// An access token.
    OAuth(Arc<Tokens>),
    /// HTTP Basic authentication with client id and secret.
    Basic(HeaderValue),
    /// Nothing but the API key.
    Key,
}

impl Authorization {
    /// The authorization that the variable `name` chooses. `client` is id and secret.
    pub(super) fn from_vars(
        vars: &Vars,
        name: &str,
        (id, secret): (&str, &str),
        tokens: &Arc<Tokens>,
    ) -> Result<Self, ConfigError> {
        match vars.optional(name) {
            None | Some("oauth") => Ok(Self::OAuth(Arc::clone(tokens))),
            Some("basic") => basic("MTN_CLIENT_ID", id, secret).map(Self::Basic),
            Some("key") => Ok(Self::Key),
            Some(_) => Err(ConfigError::invalid(name, "must be oauth, basic or key")),
        }
    }

    /// The `Authorization` header of a call, within `deadline`. The token `refused` is not used
    /// again.
    pub(super) async fn header(
        &self,
        token_use: TokenUse,
        deadline: Deadline,
        refused: Option<&HeaderValue>,
    ) -> Result<Option<HeaderValue>, TokenError> {
        match self {
            Self::OAuth(tokens) => tokens.bearer(token_use, deadline, refused).await.map(Some),
            Self::Basic(basic) => Ok(Some(basic.clone())),
            Self::Key => Ok(None),
        }
    }

    /// Whether a refused call may succeed with a new token.
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
