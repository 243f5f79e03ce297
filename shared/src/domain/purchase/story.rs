//! The story of a purchase: its history as its tenant reads it, in a closed set of words.
//!
//! A tenant reads no code or note of a provider, no operator's name or reason, and nothing about our own
//! wallet or configuration.

use serde::Serialize;
use serde_json::{Value, json};
use strum::{EnumIter, IntoStaticStr};
use time::OffsetDateTime;

use super::{Answer, Attempt, Purchase, Source, State};
use crate::domain::time::to_iso;

/// What was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Action {
    /// The order was recorded.
    Recorded,
    /// The order was sent to the provider, or the gateway tried to.
    Sent,
    /// The provider was asked on the schedule what became of the order.
    Asked,
    /// The same because the provider gave notice of news.
    AskedAfterNotice,
    /// The same a day or more after the order.
    AskedLater,
    /// Nobody was asked: no proof came in time, so the order was handed to a person.
    HandedOver,
    /// A person settled it from the provider's records.
    Settled,
    /// Something that this version does not know: a newer version wrote it.
    Other,
}

/// What the answer meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, IntoStaticStr)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Meaning {
    /// Nothing was sent yet.
    NotSentYet,
    /// The customer has the value.
    Delivered,
    /// Not delivered and not charged.
    Failed,
    /// It was charged, and the provider gave the money back.
    Reversed,
    /// The provider is working on it.
    InProgress,
    /// There was no answer, or none that proves anything.
    Unclear,
    /// The provider does not know the order, or not yet. Alone it proves nothing.
    UnknownToProvider,
    /// A person must look.
    NeedsReview,
    /// The answer contradicts the final state. The state holds, and a person looks into it.
    Contradiction,
    /// The answer proved nothing. A line of an older version does not say more.
    NoProof,
}

/// A line of the story.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Line {
    at: String,
    action: Action,
    meaning: Meaning,
    /// The state from then on; none where it stayed as it was.
    state: Option<State>,
}

impl Purchase {
    /// What the tenant sees of it alone, as JSON: [`view`](Self::view), the story, and when the provider
    /// is asked next.
    pub fn view_with_history(&self, now: OffsetDateTime) -> Value {
        let mut view = self.view();
        view["history"] = json!(self.story());
        view["next_check_at"] = json!(self.next_check_at(now).map(to_iso));
        view
    }

    fn story(&self) -> Vec<Line> {
        let recorded = Line {
            at: to_iso(self.created_at),
            action: Action::Recorded,
            meaning: Meaning::NotSentYet,
            state: Some(State::Submitted),
        };
        let mut lines = vec![recorded];
        lines.extend(self.history_with_states().map(|(attempt, before)| Line {
            at: to_iso(attempt.at),
            action: self.action(&attempt.source),
            meaning: meaning(attempt, before),
            state: attempt.concluded,
        }));
        lines
    }

    /// Each line of the history with the state that the purchase was in before it.
    pub(crate) fn history_with_states(&self) -> impl Iterator<Item = (&Attempt, State)> {
        self.history.iter().scan(State::Submitted, |state, line| {
            let before = *state;
            *state = line.concluded.unwrap_or(before);
            Some((line, before))
        })
    }

    fn action(&self, source: &Source) -> Action {
        match source {
            Source::Pay | Source::Refill => Action::Sent,
            // Nobody can be asked about a refill.
            Source::Requery | Source::Hint | Source::LookBack if self.is_refill() => {
                Action::HandedOver
            }
            Source::Requery => Action::Asked,
            Source::Hint => Action::AskedAfterNotice,
            Source::LookBack => Action::AskedLater,
            Source::Deadline => Action::HandedOver,
            Source::Operator => Action::Settled,
            Source::Other(_) => Action::Other,
        }
    }
}

/// What a line means to its tenant; `before` is the state that the purchase was in.
fn meaning(attempt: &Attempt, before: State) -> Meaning {
    match (attempt.answer, attempt.concluded) {
        // A tenant must not take it for a proof, and refund.
        _ if attempt.contradicts(before) == Some(true) => Meaning::Contradiction,
        (Some(Answer::Delivered), _) | (None, Some(State::Delivered)) => Meaning::Delivered,
        (Some(Answer::Failed), _) | (None, Some(State::Failed)) => Meaning::Failed,
        (Some(Answer::Reversed), _) | (None, Some(State::Reversed)) => Meaning::Reversed,
        (Some(Answer::NeedsReview), _) | (None, Some(State::NeedsReview)) => Meaning::NeedsReview,
        (Some(Answer::Pending), _) => Meaning::InProgress,
        (Some(Answer::Unclear), _) => Meaning::Unclear,
        (Some(Answer::UnknownReference), _) => Meaning::UnknownToProvider,
        (None, Some(State::Submitted | State::Pending) | None) => Meaning::NoProof,
    }
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;
    use time::macros::datetime;

    use super::*;
    use crate::domain::purchase::samples;
    use crate::domain::service::MTN_REFILL;

    const START: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    fn line(source: Source, answer: Option<Answer>, concluded: Option<State>) -> Attempt {
        let (code, note) = ("018".to_owned(), "our wallet at VTpass is low".to_owned());
        Attempt { at: START, source, code, concluded, answer, note }
    }

    fn story(history: Vec<Attempt>) -> Vec<(Action, Meaning, Option<State>)> {
        let purchase = Purchase { history, ..samples::purchase(State::Pending, START) };
        purchase.story().into_iter().map(|it| (it.action, it.meaning, it.state)).collect()
    }

    #[test]
    fn the_story_begins_with_the_order_and_shows_no_words_of_the_provider() {
        let settled = Attempt {
            note: "by ada: the shop asked".to_owned(),
            ..line(Source::Operator, Some(Answer::Failed), Some(State::Failed))
        };
        let history = vec![
            line(Source::Pay, Some(Answer::Unclear), Some(State::Pending)),
            line(Source::Other("wallet_check".to_owned()), None, None),
            settled,
        ];
        let purchase = Purchase { history, ..samples::purchase(State::Failed, START) };
        let view = purchase.view_with_history(START);
        let at = "2026-11-22T10:00:00.000Z";
        let expected = json!([
            { "at": at, "action": "recorded", "meaning": "not_sent_yet", "state": "submitted" },
            { "at": at, "action": "sent", "meaning": "unclear", "state": "pending" },
            { "at": at, "action": "other", "meaning": "no_proof", "state": null },
            { "at": at, "action": "settled", "meaning": "failed", "state": "failed" },
        ]);
        assert_eq!(view["history"], expected);
        let text = view.to_string();
        assert!(["018", "ada", "wallet"].iter().all(|word| !text.contains(word)), "{text}");
    }

    #[test]
    fn each_source_is_an_action_and_nobody_is_asked_about_a_refill() {
        let airtime = samples::purchase(State::Pending, START);
        let refill = Purchase { service_id: MTN_REFILL.to_owned(), ..airtime.clone() };
        for (source, action, of_refill) in [
            (Source::Pay, Action::Sent, Action::Sent),
            (Source::Refill, Action::Sent, Action::Sent),
            (Source::Requery, Action::Asked, Action::HandedOver),
            (Source::Hint, Action::AskedAfterNotice, Action::HandedOver),
            (Source::LookBack, Action::AskedLater, Action::HandedOver),
            (Source::Deadline, Action::HandedOver, Action::HandedOver),
            (Source::Operator, Action::Settled, Action::Settled),
            (Source::Other("x".to_owned()), Action::Other, Action::Other),
        ] {
            assert_eq!((airtime.action(&source), refill.action(&source)), (action, of_refill));
        }
    }

    #[test]
    fn each_answer_has_a_meaning_and_an_old_line_has_that_of_its_state() {
        let expected = [
            (Answer::Delivered, Meaning::Delivered),
            (Answer::Failed, Meaning::Failed),
            (Answer::Reversed, Meaning::Reversed),
            (Answer::NeedsReview, Meaning::NeedsReview),
            (Answer::Pending, Meaning::InProgress),
            (Answer::Unclear, Meaning::Unclear),
            (Answer::UnknownReference, Meaning::UnknownToProvider),
        ];
        assert_eq!(expected.len(), Answer::iter().len());
        for (answer, meaning) in expected {
            let story = story(vec![line(Source::Requery, Some(answer), None)]);
            assert_eq!(story[1], (Action::Asked, meaning, None));
        }
        for state in State::iter() {
            let meaning = story(vec![line(Source::Requery, None, Some(state))])[1].1;
            let name: &str = meaning.into();
            let expected = if state.is_final() || state == State::NeedsReview {
                state.name()
            } else {
                "no_proof"
            };
            assert_eq!(name, expected);
        }
        assert_eq!(story(vec![line(Source::Pay, None, None)])[1].1, Meaning::NoProof);
    }

    #[test]
    fn an_answer_that_contradicts_a_final_state_is_not_shown_as_a_proof() {
        let delivered = line(Source::Pay, Some(Answer::Delivered), Some(State::Delivered));
        let again = line(Source::Hint, Some(Answer::Delivered), None);
        let failed = line(Source::Hint, Some(Answer::Failed), None);
        let reversed = line(Source::LookBack, Some(Answer::Reversed), Some(State::Reversed));
        let story = story(vec![delivered, again, failed, reversed]);
        let shown: Vec<_> =
            story[1..].iter().map(|(_, meaning, state)| (*meaning, *state)).collect();
        let expected = [
            (Meaning::Delivered, Some(State::Delivered)),
            (Meaning::Delivered, None),
            (Meaning::Contradiction, None),
            (Meaning::Reversed, Some(State::Reversed)),
        ];
        assert_eq!(shown, expected);
    }

    #[test]
    fn the_words_of_a_story_are_those_of_the_contract() {
        let contract = include_str!("../../../../openapi.yaml");
        let (_, schema) = contract.split_once("    PurchaseHistoryLine:\n").expect("the schema");
        let words = |field: &str| {
            let (_, rest) = schema.split_once(&format!("        {field}:\n")).expect("the field");
            let (_, rest) = rest.split_once("enum:\n").expect("its words");
            let lines = rest.lines().map(str::trim).map_while(|line| line.strip_prefix("- "));
            lines.map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(words("action"), Action::iter().map(<&str>::from).collect::<Vec<_>>());
        assert_eq!(words("meaning"), Meaning::iter().map(<&str>::from).collect::<Vec<_>>());
    }
}
