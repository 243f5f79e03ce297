//! What happens in one schedule of a rehearsal: what becomes of the order, how the gateway answers, and
//! how its webhooks arrive. Everything is derived from the seed.

use fastrand::Rng;
use serde_json::{Value, json};

/// One schedule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    /// What it is derived from.
    pub seed: u64,
    /// What becomes of the order.
    pub course: Course,
    /// How the gateway fails the first request to buy.
    pub outage: Outage,
    /// The forged webhooks that are sent while the order must not be refunded.
    pub forgeries: Vec<Forgery>,
    /// How often each true webhook is sent.
    pub copies: usize,
    /// Whether the copies are sent at the same time.
    pub at_once: bool,
    /// Whether the true webhooks are held back until the order is settled, and sent newest first.
    pub held: bool,
    /// Whether each webhook has a second signature, by a key that the receiver does not know, first.
    pub rotating: bool,
}

/// What becomes of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter)]
pub enum Course {
    /// It is delivered at once.
    Delivered,
    /// It fails at once.
    Failed,
    /// It is pending for long and is delivered then.
    DeliveredLate,
    /// It is pending for long and fails then.
    FailedLate,
    /// It is delivered, and reversed later.
    Reversed,
    /// It waits for a person and turns out to be delivered.
    ReviewedDelivered,
    /// It waits for a person and turns out to have failed.
    ReviewedFailed,
}

/// How the gateway fails the first request to buy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    /// It does not.
    None,
    /// It answers 503 and has done nothing.
    Refused,
    /// It has done what was asked, and its answer is lost: 504.
    AnswerLost,
}

/// A webhook that did not come from the gateway.
#[derive(Debug, Clone, Copy, PartialEq, Eq, strum::EnumIter, strum::IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Forgery {
    /// It has no signature.
    Unsigned,
    /// It is signed with another secret.
    OtherSecret,
    /// A true one whose body was changed.
    Tampered,
    /// A true one that is ten minutes old.
    Replayed,
}

impl Story {
    /// The story of a seed.
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let course = pick(&mut rng, &all::<Course>());
        let outage = match rng.u8(0..10) {
            0 | 1 => Outage::Refused,
            2 | 3 => Outage::AnswerLost,
            _ => Outage::None,
        };
        let forgeries = all::<Forgery>().into_iter().filter(|_| rng.u8(0..4) == 0).collect();
        let (copies, at_once) = (rng.usize(1..4), rng.bool());
        let (held, rotating) = (rng.u8(0..3) == 0, rng.u8(0..4) == 0);
        Self { seed, course, outage, forgeries, copies, at_once, held, rotating }
    }
}

impl Course {
    /// What VTpass answers to `pay`.
    pub fn script(self) -> Value {
        match self {
            Self::Delivered | Self::Reversed => json!({ "call": "pay", "code": "000" }),
            Self::Failed => json!({ "call": "pay", "code": "016" }),
            Self::DeliveredLate => pending("delivered", 3),
            Self::FailedLate => pending("failed", 3),
            Self::ReviewedDelivered | Self::ReviewedFailed => {
                json!({ "call": "pay", "code": "044", "charge": true, "resolves_to": "pending" })
            }
        }
    }

    /// The states that it comes to and that its tenant is told of, oldest first.
    pub fn told(self) -> &'static [&'static str] {
        match self {
            Self::Delivered | Self::DeliveredLate => &["delivered"],
            Self::Failed | Self::FailedLate => &["failed"],
            Self::Reversed => &["delivered", "reversed"],
            Self::ReviewedDelivered => &["needs_review", "delivered"],
            Self::ReviewedFailed => &["needs_review", "failed"],
        }
    }

    /// What VTpass's staff makes of it after its first end, if anything.
    pub fn resolved(self) -> Option<&'static str> {
        match self {
            Self::Reversed => Some("reversed"),
            Self::ReviewedDelivered => Some("delivered"),
            Self::ReviewedFailed => Some("failed"),
            Self::Delivered | Self::Failed | Self::DeliveredLate | Self::FailedLate => None,
        }
    }

    /// Whether it is to be refunded at its end.
    pub fn is_refunded(self) -> bool {
        matches!(self.told().last(), Some(&"failed" | &"reversed"))
    }
}

fn pending(end: &str, asks: u32) -> Value {
    json!({ "call": "pay", "code": "099", "status": "pending", "resolves_to": end, "asks": asks })
}

fn all<T: strum::IntoEnumIterator>() -> Vec<T> {
    T::iter().collect()
}

fn pick<T: Copy>(rng: &mut Rng, choices: &[T]) -> T {
    choices[rng.usize(0..choices.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_has_one_story_and_a_hundred_seeds_have_all_kinds() {
        let stories: Vec<_> = (0..100).map(Story::of).collect();
        assert_eq!(stories, (0..100).map(Story::of).collect::<Vec<_>>());
        for course in all::<Course>() {
            assert!(stories.iter().any(|story| story.course == course), "{course:?}");
        }
        for forgery in all::<Forgery>() {
            assert!(stories.iter().any(|story| story.forgeries.contains(&forgery)), "{forgery:?}");
        }
        for outage in [Outage::None, Outage::Refused, Outage::AnswerLost] {
            assert!(stories.iter().any(|story| story.outage == outage), "{outage:?}");
        }
    }
}
