//! Names of invariants that more than one place checks.

/// `pay` reaches VTpass at most once for each purchase.
pub const PAID_ONCE: &str = "paid_once";
/// A refill reaches MTN at most once.
pub const REFILLED_ONCE: &str = "refilled_once";
/// What is paid or refilled is recorded.
pub const RECORDED_BEFORE_PAID: &str = "recorded_before_paid";
/// `safe_to_refund` is never true where value was or may yet be given.
pub const SAFE_TO_REFUND: &str = "safe_to_refund";
/// The job of a purchase that cannot be read waits in its queue.
pub const UNREADABLE_WAITS: &str = "unreadable_waits";
/// A final state does not change, but delivered to reversed.
pub const FINAL_STAYS: &str = "final_stays";
/// An open purchase stands in the index of reconcile.
pub const IN_THE_INDEX: &str = "in_the_index";
/// An OTP session is tried five times at most.
pub const OTP_TRIES: &str = "otp_tries";
/// What is limited is counted before it is done, and no count exceeds its limit.
pub const LIMITS_HELD: &str = "limits_held";
/// A question to MTN gets its answer, if there is one.
pub const ANSWERED: &str = "requests_are_answered";
/// An answer is one that openapi.yaml names.
pub const DOCUMENTED: &str = "documented_answer";
/// No tenant sees what is another's.
pub const OWN_ONLY: &str = "own_only";
/// A key that was revoked opens nothing, once the authorizer's decision is not kept any more.
pub const REVOKED: &str = "revoked_keys_open_nothing";
/// Repeats under one key are one purchase.
pub const ONE_PURCHASE: &str = "one_purchase_for_a_key";
/// What a tenant was told is what is stored.
pub const TOLD_THE_TRUTH: &str = "told_the_truth";
/// Every change that a tenant is owed is told once, and nothing that was not written.
pub const TOLD: &str = "every_change_is_told";
/// Every event arrives at its tenant's receiver, signed, and nothing else does.
pub const ARRIVES: &str = "every_event_arrives";
/// A consent that has ended gives nothing any more, and is erased.
pub const CONSENTS_END: &str = "consents_end";
/// A number is masked, and an account that nobody reads is unlinked, when it is old and not before.
pub const OLD_ONLY: &str = "old_only";
/// The report of a day says what was recorded, and explains how the wallet moved.
pub const ADDS_UP: &str = "books_add_up";
