//! An account: a consented line at Mono, held by one tenant.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;

use super::ids::{AccountId, TenantId};
use super::msisdn::Msisdn;
use super::network::Network;
use super::time::{CLOCK_DIFFERENCE, epoch_ms, iso};

/// What the customer agreed to, in the tenant's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentTerms {
    /// What the data is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// Which data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scope: Option<String>,
    /// The version of the policy the customer saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
}

/// A consent in force. It is personal data: it is erased when the consent is withdrawn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Consent {
    /// What was agreed.
    #[serde(flatten)]
    pub terms: ConsentTerms,
    /// When the OTP session was turned into the account.
    #[serde(with = "iso")]
    pub given_at: OffsetDateTime,
    /// The address from which the OTP session was begun.
    pub source_ip: String,
    /// SHA-256 of the id of the OTP session that proves it.
    pub session: String,
}

/// One line of an account's history. It holds no personal data and stays after a withdrawal.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountEvent {
    /// When.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// The state that the account came to: `linked`, `unlinking` or `unlinked`.
    pub event: String,
    /// What was agreed, when linked.
    #[serde(flatten)]
    pub terms: ConsentTerms,
    /// SHA-256 of the id of the OTP session, when linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
}

/// The state of an account for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, EnumString, IntoStaticStr)]
#[serde(rename_all = "lowercase")]
#[strum(serialize_all = "lowercase")]
pub enum AccountState {
    /// Consented: data may be read.
    Linked,
    /// Withdrawn and erased here; Mono has not confirmed yet.
    Unlinking,
    /// Withdrawn and erased everywhere. Only the history is left.
    Unlinked,
}

impl AccountState {
    /// The name in answers and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The state with a name; none where only a newer version knows it.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// An account of one tenant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// Mono's account id.
    pub account_id: AccountId,
    /// Whose it is.
    pub tenant: TenantId,
    /// Its state.
    pub state: AccountState,
    /// The network.
    #[serde(rename = "provider")]
    pub network: Network,
    /// The number; erased when unlinked.
    #[serde(rename = "phone", default, skip_serializing_if = "Option::is_none")]
    pub msisdn: Option<Msisdn>,
    /// The consent in force; erased when unlinked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub consent: Option<Consent>,
    /// When the next step of its unlink job is or was due; none where Mono confirmed at once.
    #[serde(
        rename = "unlink_again_ms",
        with = "epoch_ms::option",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub unlink_again_at: Option<OffsetDateTime>,
    /// What happened, oldest first: the first event and at least the newest 40.
    #[serde(default)]
    pub history: Vec<AccountEvent>,
}

impl Account {
    /// Whether a later step of its unlink job is on its way, so that no other has to ask at `now` or be
    /// sent.
    pub fn unlink_comes_later(&self, now: OffsetDateTime) -> bool {
        self.unlink_again_at.is_some_and(|due| due > now + CLOCK_DIFFERENCE)
    }
}
