//! The history of a purchase: a line for each attempt to buy it or to find out what became of it.

use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoStaticStr};
use time::OffsetDateTime;

use super::State;
use crate::domain::time::iso;

/// Where an outcome came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, Display)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Source {
    /// The answer to `pay` at VTpass.
    Pay,
    /// The answer to a refill at MTN.
    Refill,
    /// The answer to a step of the requery chain.
    Requery,
    /// The answer to a requery that a hint caused.
    Hint,
    /// The answer to a requery by which reconcile looked back.
    LookBack,
    /// The deadline, which passed without a proof.
    Deadline,
    /// An operator, who settled the purchase.
    Operator,
    /// A source that this version does not know: a newer version wrote it.
    #[serde(untagged)]
    #[strum(to_string = "{0}")]
    Other(String),
}

/// One line of a purchase's history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// When.
    #[serde(with = "iso")]
    pub at: OffsetDateTime,
    /// Where the outcome came from.
    #[serde(rename = "call")]
    pub source: Source,
    /// The provider's code, or a word of ours where there is none.
    pub code: String,
    /// The state that was concluded; none when nothing was.
    #[serde(with = "concluded")]
    pub concluded: Option<State>,
    /// What the answer meant; none on a line of an older version.
    #[serde(default, with = "answer", skip_serializing_if = "Option::is_none")]
    pub answer: Option<Answer>,
    /// Why, in words; an operator's reason.
    pub note: String,
}

/// What an answer meant by itself, whatever was concluded from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, EnumString, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Answer {
    /// The customer has the value.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// Charged, and the money is back.
    Reversed,
    /// A person must look.
    NeedsReview,
    /// The provider is working on it.
    Pending,
    /// It proved nothing, or there was no answer.
    Unclear,
    /// The provider does not know the reference.
    UnknownReference,
}

impl Answer {
    /// The final state that it proves, if it proves one.
    pub fn proves(self) -> Option<State> {
        match self {
            Self::Delivered => Some(State::Delivered),
            Self::Failed => Some(State::Failed),
            Self::Reversed => Some(State::Reversed),
            Self::NeedsReview | Self::Pending | Self::Unclear | Self::UnknownReference => None,
        }
    }
}

impl Attempt {
    /// Whether nothing was concluded because the answer contradicts `before`, the final state that the
    /// purchase was in. None where a line of an older version does not say what the answer meant.
    pub(crate) fn contradicts(&self, before: State) -> Option<bool> {
        if self.concluded.is_some() || !before.is_final() {
            return Some(false);
        }
        let answer = self.answer?;
        Some(answer.proves().is_some_and(|proof| proof != before))
    }

    /// Whether it says nothing that the line before it did not.
    pub fn repeats(&self, before: Option<&Self>) -> bool {
        before.is_some_and(|before| Self { at: self.at, ..before.clone() } == *self)
    }

    /// Whether it says nothing that some line before it did not.
    pub fn repeats_any(&self, history: &[Self]) -> bool {
        history.iter().any(|line| self.repeats(Some(line)))
    }

    /// What was concluded, as it is stored: a state, or `nothing`.
    pub fn concluded_name(&self) -> &'static str {
        self.concluded.map_or(concluded::NOTHING, State::name)
    }
}

/// A state, or `nothing`. A word that this version does not know is read as `nothing`.
mod concluded {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::State;

    pub(super) const NOTHING: &str = "nothing";

    pub(super) fn serialize<S: Serializer>(to: &Option<State>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(to.map_or(NOTHING, State::name))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<State>, D::Error> {
        Ok(String::deserialize(d)?.parse().ok())
    }
}

/// An answer. A word that this version does not know is read as none.
mod answer {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Answer;

    #[expect(clippy::ref_option, reason = "serde calls it with a reference")]
    pub(super) fn serialize<S: Serializer>(it: &Option<Answer>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(it.map_or("", <&str>::from))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Answer>, D::Error> {
        Ok(String::deserialize(d)?.parse().ok())
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;
    use time::macros::datetime;

    use super::*;

    #[test]
    fn only_the_time_may_differ_in_a_line_that_repeats_another() {
        let line = Attempt {
            at: datetime!(2026-11-22 10:00 UTC),
            source: Source::Requery,
            code: "099".to_owned(),
            concluded: Some(State::Pending),
            answer: Some(Answer::Pending),
            note: "n".to_owned(),
        };
        let later = Attempt { at: datetime!(2026-11-22 11:00 UTC), ..line.clone() };
        let others = [
            Attempt { source: Source::Hint, ..line.clone() },
            Attempt { code: "000".to_owned(), ..line.clone() },
            Attempt { concluded: None, ..line.clone() },
            Attempt { answer: Some(Answer::Unclear), ..line.clone() },
            Attempt { note: String::new(), ..line.clone() },
        ];
        assert!(later.repeats(Some(&line)) && !later.repeats(None));
        assert!(others.iter().all(|other| !later.repeats(Some(other))));
        assert!(!later.repeats_any(&others) && !later.repeats_any(&[]));
        assert!(later.repeats_any(&[&[line], &others[..]].concat()));
    }

    #[test]
    fn a_line_reads_as_it_is_written() {
        for text in [
            r#"{"at":"2026-11-22T10:00:00.000Z","call":"pay","code":"000","concluded":"delivered","note":"n"}"#,
            r#"{"at":"2026-11-22T10:00:00.001Z","call":"requery","code":"099","concluded":"nothing","note":""}"#,
            r#"{"at":"2026-11-22T10:00:00.001Z","call":"of_tomorrow","code":"x","concluded":"nothing","note":""}"#,
        ] {
            let attempt: Attempt = serde_json::from_str(text).unwrap();
            assert_eq!(serde_json::to_string(&attempt).unwrap(), text);
            let concluded = format!("\"concluded\":\"{}\"", attempt.concluded_name());
            assert!(text.contains(&concluded), "{text}");
        }
        for answer in Answer::iter() {
            let text = format!(
                r#"{{"at":"2026-11-22T10:00:00.000Z","call":"pay","code":"0","concluded":"nothing","answer":"{}","note":""}}"#,
                <&str>::from(answer)
            );
            let attempt: Attempt = serde_json::from_str(&text).unwrap();
            assert_eq!(attempt.answer, Some(answer));
            assert_eq!(serde_json::to_string(&attempt).unwrap(), text);
            let of_tomorrow = text.replace(<&str>::from(answer), "of_tomorrow");
            let attempt: Attempt = serde_json::from_str(&of_tomorrow).unwrap();
            assert_eq!(attempt.answer, None);
        }
        assert_eq!(Source::Operator.to_string(), "operator");
        assert_eq!(Source::Other("of_tomorrow".to_owned()).to_string(), "of_tomorrow");
    }
}
