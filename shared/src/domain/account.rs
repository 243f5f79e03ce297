//! An account: a consented line at Mono, held by one tenant.

use serde::{Deserialize, Serialize};
use strum::{EnumString, IntoStaticStr};
use time::OffsetDateTime;

use super::consent::{ConsentTerms, Scope};
use super::deferred::{About, DeferredRequest};
use super::ids::{AccountId, TenantId};
use super::msisdn::Msisdn;
use super::network::Network;
use super::time::{CLOCK_DIFFERENCE, epoch_ms, iso};

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
    /// The name of an [`AccountChange`], or one that a newer version wrote.
    pub event: String,
    /// What stays of what was agreed, when linked. Older versions kept the texts, too.
    #[serde(flatten)]
    pub terms: ConsentTerms,
    /// SHA-256 of the id of the OTP session, when linked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<String>,
    /// Why the consent came to its end, where its own end was not the reason: [`DORMANT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Nobody read the data for as long as the deployment allows.
pub const DORMANT: &str = "dormant";

impl AccountEvent {
    /// Whether it tells that a consent came to its end.
    fn is_an_end(&self) -> bool {
        let change = AccountChange::named(&self.event);
        change.is_some_and(|change| change != AccountChange::Linked)
    }

    /// Without free text.
    #[must_use]
    pub fn erased(mut self) -> Self {
        self.terms = self.terms.erased(self.session.as_deref().unwrap_or_default());
        self
    }
}

/// What a line of an account's history tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumString, IntoStaticStr)]
#[strum(serialize_all = "lowercase")]
pub enum AccountChange {
    /// The customer consented.
    Linked,
    /// The consent was withdrawn, and erased here.
    Unlinking,
    /// The consent came to its end, and was erased here.
    Expired,
    /// It is erased everywhere.
    Unlinked,
}

impl AccountChange {
    /// The name in answers and in the store.
    pub fn name(self) -> &'static str {
        self.into()
    }

    /// The change with a name; none where only a newer version knows it.
    pub fn named(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

/// The state of an account for one tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, IntoStaticStr)]
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
    /// Whether its data may be read: it is linked, by a consent that is not past its end.
    pub fn is_open(&self, now: OffsetDateTime) -> bool {
        let consent = self.consent.as_ref();
        self.state == AccountState::Linked
            && consent.is_some_and(|consent| !consent.terms.has_ended(now))
    }

    /// What a request that is made now is about.
    pub fn about(&self) -> About<'_> {
        let session = self.consent.as_ref().map(|consent| consent.session.as_str());
        About { tenant: &self.tenant, account_id: &self.account_id, session }
    }

    /// Whether an answer to this request may be asked for, kept and read. A consent may be narrower now than
    /// when the question was asked.
    pub fn is_open_to(&self, request: &DeferredRequest, now: OffsetDateTime) -> bool {
        self.is_open(now) && self.still_holds(request) && self.covers(request.question.scope())
    }

    /// Whether no consent of this account came to its end since the request was made. What was asked before a
    /// withdrawal is not for the tenant after it, whoever consented again.
    pub fn still_holds(&self, request: &DeferredRequest) -> bool {
        let Some(session) = &request.session else { return true };
        let since = self.history.iter().rev();
        let mut consents = since.take_while(|line| !line.is_an_end());
        consents.any(|line| line.session.as_ref() == Some(session))
    }

    /// Whether its consent covers this data.
    pub fn covers(&self, scope: Scope) -> bool {
        self.consent.as_ref().is_some_and(|consent| consent.terms.covers(scope))
    }

    /// Whether its consent is past its end and not erased yet.
    pub fn has_expired(&self, now: OffsetDateTime) -> bool {
        let consent = self.consent.as_ref();
        self.state == AccountState::Linked
            && consent.is_some_and(|consent| consent.terms.has_ended(now))
    }

    /// Whether its history holds free text, as older versions left it.
    pub fn keeps_text(&self) -> bool {
        self.history.iter().any(|line| line.terms.has_text())
    }

    /// The account as its tenant may see it at `now`. What is no longer open is shown as erased, also
    /// while it is not; the history of a consent in force shows its texts.
    #[must_use]
    pub fn shown(mut self, now: OffsetDateTime) -> Self {
        let consent = if self.is_open(now) { self.consent.take() } else { None };
        let Some(consent) = consent else {
            if self.state == AccountState::Linked {
                self.state = AccountState::Unlinking;
            }
            let history = self.history.into_iter().map(AccountEvent::erased).collect();
            return Self { msisdn: None, consent: None, history, ..self };
        };
        let is_proof = |line: &AccountEvent| line.session.as_ref() == Some(&consent.session);
        if let Some(line) = self.history.iter_mut().rev().find(|line| is_proof(line)) {
            let customer_ip = None;
            line.terms = ConsentTerms { customer_ip, ..consent.terms.clone() };
        }
        Self { consent: Some(consent), ..self }
    }

    /// Whether a later step of its unlink job is on its way, so that no other has to ask at `now` or be
    /// sent.
    pub fn unlink_comes_later(&self, now: OffsetDateTime) -> bool {
        self.unlink_again_at.is_some_and(|due| due > now + CLOCK_DIFFERENCE)
    }
}
