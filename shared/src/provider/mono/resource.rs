//! The kinds of data that Mono has about an account.

use crate::domain::ids::AccountId;

/// One kind of data about an account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// `GET /accounts/{id}`
    Account,
    /// `GET /accounts/{id}/balances`
    Balances,
    /// `GET /accounts/{id}/transactions`
    Transactions,
    /// `GET /accounts/{id}/identity`
    Identity,
}

impl Resource {
    /// The path below the base URL. It is the same at Mono and at this gateway.
    pub fn path(self, account_id: &AccountId) -> String {
        let tail = match self {
            Self::Account => "",
            Self::Balances => "/balances",
            Self::Transactions => "/transactions",
            Self::Identity => "/identity",
        };
        format!("/accounts/{account_id}{tail}")
    }
}
