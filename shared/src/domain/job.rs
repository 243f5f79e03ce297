//! A job: a message of ours on a queue, as JSON. Jobs are stored contracts: newer code reads what
//! older code sent.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::ids::{AccountId, ChainId, DeferredRequestId, PurchaseId, TenantId};

/// A job. Purchases' chains are on the requery queue, all others on the follow-up queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Job {
    /// A step of a purchase's requery chain: ask the provider; unless the answer settles the
    /// purchase, send the next step.
    Purchase(Step<Chain>),
    /// A hint: a provider's unsigned webhook says that a purchase has news. Ask the provider; while
    /// its answer proves nothing, send the next step.
    Hint(Step<HintedPurchase>),
    /// Reconcile looks back: ask the provider whether a settled purchase stays settled, or whether
    /// it knows more of one that waits for a person. Reconcile repeats it, no step does.
    LookBack(HintedPurchase),
    /// A tenant withdrew a consent here: tell Mono; unless it confirms, send the next step.
    Unlink(Step<HeldAccount>),
    /// Mono reports that a customer withdrew there, or a link may have met an unlink: ask Mono; unless
    /// it answers, send the next step.
    Withdrawal(Step<ReportedAccount>),
    /// MTN had time to answer a deferred request: unless it did, ask again and send the next step.
    #[serde(rename = "mtn_request")]
    DeferredRequest(Step<AskedRequest>),
    /// Mask the numbers of old purchases in one part of the table. Older versions sent these; now
    /// reconcile masks.
    Masking {
        /// The purchase that the part begins after; absent for the first part.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<PurchaseId>,
    },
}

/// From this step of a withdrawal on, about 20 minutes after Mono's webhook, Mono is believed that it
/// knows the account.
pub const BELIEVED_STEP: u32 = 5;

/// When an unlink job is done that is sent before its withdrawal is written, by whoever may take minutes for
/// that: a job that finds the account linked does nothing.
pub const AFTER_THE_WRITE: Duration = Duration::from_secs(240);

/// One step of a job that is repeated until it is done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step<T> {
    /// What the job is about.
    #[serde(flatten)]
    pub about: T,
    /// The number of earlier steps. Older versions sent hints without it.
    #[serde(default)]
    pub step: u32,
}

impl<T: Clone> Step<T> {
    /// The first step.
    pub fn first(about: T) -> Self {
        Self { about, step: 0 }
    }

    /// The step after this one.
    #[must_use]
    pub fn next(&self) -> Self {
        Self { about: self.about.clone(), step: self.step.saturating_add(1) }
    }
}

/// A purchase and its requery chain. A step of another chain is dropped, and so is a step behind the
/// purchase's own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Whose purchase it is.
    pub tenant: TenantId,
    /// The purchase.
    pub purchase_id: PurchaseId,
    /// The chain.
    pub chain: ChainId,
}

/// A purchase that a hint is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HintedPurchase {
    /// Whose purchase it is.
    pub tenant: TenantId,
    /// The purchase.
    pub purchase_id: PurchaseId,
}

/// An account of one tenant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldAccount {
    /// Whose consent it was.
    pub tenant: TenantId,
    /// The account.
    pub account_id: AccountId,
}

/// An account that Mono may no longer know, whichever tenants hold it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedAccount {
    /// The account.
    pub account_id: AccountId,
    /// Whether it need not be asked about again where too many are unknown, because another read will meet it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub once: bool,
    /// Whether Mono's webhook reported it, so that a wrong key is not the only witness.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub reported: bool,
}

/// A deferred request of one tenant. A step behind the request's own is dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedRequest {
    /// Who asked.
    pub tenant: TenantId,
    /// The request.
    pub request_id: DeferredRequestId,
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn a_job_reads_as_it_is_written() {
        for text in [
            r#"{"kind":"purchase","tenant":"t","purchase_id":"p","chain":"c","step":0}"#,
            r#"{"kind":"hint","tenant":"t","purchase_id":"p","step":0}"#,
            r#"{"kind":"look_back","tenant":"t","purchase_id":"p"}"#,
            r#"{"kind":"unlink","tenant":"t","account_id":"a","step":1}"#,
            r#"{"kind":"withdrawal","account_id":"a","step":2}"#,
            r#"{"kind":"mtn_request","tenant":"t","request_id":"r","step":3}"#,
            r#"{"kind":"masking"}"#,
            r#"{"kind":"masking","after":"p"}"#,
        ] {
            let job: Job = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&job).unwrap(), text);
        }
    }

    #[test]
    fn a_hint_of_an_older_version_is_a_first_step() {
        let text = r#"{"kind":"hint","tenant":"t","purchase_id":"p"}"#;
        let job: Job = serde_json::from_str(text).unwrap();
        assert!(matches!(job, Job::Hint(Step { step: 0, .. })));
    }

    #[test]
    fn anything_else_is_not_a_job() {
        for text in ["", "{}", r#"{"kind":"other"}"#, r#"{"kind":"hint"}"#] {
            assert!(serde_json::from_str::<Job>(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_job_that_is_read_is_written_and_read_as_the_same_job() {
        const SAMPLES: [&str; 5] = [
            r#"{"kind":"purchase","tenant":"t","purchase_id":"p","chain":"c","step":0}"#,
            r#"{"kind":"look_back","tenant":"t","purchase_id":"p"}"#,
            r#"{"kind":"withdrawal","account_id":"a","step":2}"#,
            r#"{"kind":"mtn_request","tenant":"t","request_id":"r","step":3}"#,
            r#"{"kind":"masking","after":"p"}"#,
        ];
        let words =
            ["kind", "hint", "unlink", "masking", "purchase", "step", "tenant", "account_id"];
        fuzz(move |choices| {
            let body = choices.body(&SAMPLES, &words);
            let Ok(job) = serde_json::from_slice::<Job>(&body) else { return };
            let written = serde_json::to_string(&job).unwrap();
            assert_eq!(serde_json::from_str::<Job>(&written).unwrap(), job, "{written}");
            // One job is sent as one text.
            let kinds = written.matches(r#""kind":"#).count();
            assert_eq!(kinds, 1, "{written}");
        });
    }
}
