//! When reconcile comes back to a purchase, and what it does then.
//!
//! Every open purchase has a time at which it is overdue. Each step of its chain moves that time on,
//! so only a purchase whose chain is lost or late is found. A settled purchase is looked back on once;
//! what settles it says when.

use std::time::Duration;

use time::OffsetDateTime;

use super::{Purchase, State};
use crate::platform::config::{ConfigError, Vars};
use crate::platform::queue::MAX_DELAY;

/// How late a step may be before its chain counts as lost: longer than SQS needs to deliver a failed
/// message again, several times.
pub const STEP_GRACE: Duration = Duration::from_secs(30 * 60);
/// The time between two restarts of a chain. While the requery function is down, the queue gets one
/// more message for the purchase in this time.
const RESTART_PAUSE: Duration = Duration::from_secs(3 * 3_600);
/// The time between two questions about a purchase that waits for a person.
const REVIEW_PAUSE: Duration = Duration::from_secs(86_400);
/// The shortest and the longest time between two look backs while VTpass gives no clear answer.
const LOOK_BACK_PAUSES: (Duration, Duration) =
    (Duration::from_secs(3_600), Duration::from_secs(86_400));
/// The age of a purchase at which reconcile stops asking: a day to settle and two weeks.
const LAST_AGE: Duration = Duration::from_secs(15 * 86_400);

/// What reconcile does about a purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Send the current step of its chain again.
    RestartChain,
    /// Ask the provider whether what was concluded still holds, or whether it knows more by now.
    LookBack,
    /// Nothing now.
    Wait,
    /// Nothing, now or later.
    Finish,
    /// The same, and a person must know that the look back had no answer.
    GiveUp,
}

/// What reconcile does about a purchase, and when it comes back; `None` is never.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plan {
    /// What it does now.
    pub task: Task,
    /// When it comes back.
    pub next: Option<OffsetDateTime>,
}

/// The age at which reconcile looks back on a settled purchase; none where it is switched off.
#[derive(Debug, Clone, Copy)]
pub struct ReconcileAfter(Option<Duration>);

impl Default for ReconcileAfter {
    /// A day.
    fn default() -> Self {
        Self(Some(Duration::from_secs(86_400)))
    }
}

impl ReconcileAfter {
    /// A day, unless `RECONCILE_AFTER_SECONDS` says otherwise; 0 switches the look back off.
    ///
    /// # Errors
    /// [`ConfigError`] for anything but whole seconds up to two weeks.
    pub fn from_vars(vars: &Vars) -> Result<Self, ConfigError> {
        const NAME: &str = "RECONCILE_AFTER_SECONDS";
        let Some(seconds) = vars.optional(NAME) else { return Ok(Self::default()) };
        let seconds = seconds.parse().ok().filter(|seconds| *seconds <= 1_209_600);
        let problem = "must be whole seconds, at most 1209600";
        let seconds: u64 = seconds.ok_or(ConfigError::invalid(NAME, problem))?;
        Ok(Self((seconds > 0).then(|| Duration::from_secs(seconds))))
    }

    /// When reconcile looks back on a purchase that was settled at `settled_at`. None where that is switched
    /// off, where the purchase is too old by then, and for a refill: MTN cannot be asked about it.
    pub(super) fn look_back_at(
        self,
        purchase: &Purchase,
        settled_at: OffsetDateTime,
    ) -> Option<OffsetDateTime> {
        let after = self.0.filter(|_| !purchase.is_refill())?;
        // An order that was settled late is given a quarter more, or it would be asked about at once.
        let due = (purchase.created_at + after).max(settled_at + after / 4);
        Some(due).filter(|due| !is_old(purchase, *due))
    }
}

impl Plan {
    /// The plan for a purchase as it is stored.
    pub fn of(purchase: &Purchase, after: ReconcileAfter, now: OffsetDateTime) -> Self {
        match purchase.reconcile_at {
            Some(due) if due > now => return Self::wait_until(due),
            Some(_) => {}
            None => return Self::finish(),
        }
        match purchase.state {
            State::Submitted | State::Pending => Self::new(Task::RestartChain, now + RESTART_PAUSE),
            State::NeedsReview if purchase.is_refill() || is_old(purchase, now) => Self::finish(),
            State::NeedsReview => Self::new(Task::LookBack, now + REVIEW_PAUSE),
            State::Delivered | State::Failed | State::Reversed => {
                Self::of_settled(purchase, after, now)
            }
        }
    }

    fn of_settled(purchase: &Purchase, after: ReconcileAfter, now: OffsetDateTime) -> Self {
        let due = after.look_back_at(purchase, settled_at(purchase));
        let Some(due) = due.filter(|_| purchase.reconciled_at.is_none()) else {
            return Self::finish();
        };
        if due > now {
            Self::wait_until(due)
        } else if is_old(purchase, now) {
            Self { task: Task::GiveUp, next: None }
        } else {
            Self::new(Task::LookBack, now + look_back_pause(now - due))
        }
    }

    fn new(task: Task, next: OffsetDateTime) -> Self {
        Self { task, next: Some(next) }
    }

    fn wait_until(due: OffsetDateTime) -> Self {
        Self::new(Task::Wait, due)
    }

    fn finish() -> Self {
        Self { task: Task::Finish, next: None }
    }
}

impl Purchase {
    /// When the provider is asked next; none where that is not known, it is being asked, or nobody
    /// will be asked.
    pub fn next_check_at(&self, now: OffsetDateTime) -> Option<OffsetDateTime> {
        let reconcile_at = self.reconcile_at.filter(|_| !self.is_refill())?;
        let next = match self.state {
            // A chain that was restarted has not moved this time yet: when its step comes is not known.
            State::Submitted | State::Pending
                if reconcile_at - self.updated_at > MAX_DELAY + STEP_GRACE =>
            {
                return None;
            }
            State::Submitted | State::Pending => reconcile_at - STEP_GRACE,
            State::NeedsReview if is_old(self, reconcile_at) => return None,
            State::NeedsReview => reconcile_at,
            State::Delivered | State::Failed | State::Reversed => return None,
        };
        (next > now).then_some(next)
    }
}

/// Until the next look back, where the first was due so long ago. An outage is over in hours; an answer
/// that stays unclear for days rings at each look back, and a person has seen it.
fn look_back_pause(waited: time::Duration) -> Duration {
    let (shortest, longest) = LOOK_BACK_PAUSES;
    (waited.unsigned_abs() / 8).clamp(shortest, longest)
}

fn is_old(purchase: &Purchase, now: OffsetDateTime) -> bool {
    now - purchase.created_at >= LAST_AGE
}

fn settled_at(purchase: &Purchase) -> OffsetDateTime {
    let settled = |state: Option<State>| state.is_some_and(State::is_final);
    let last = purchase.history.iter().rfind(|line| settled(line.concluded));
    last.map_or(purchase.updated_at, |line| line.at)
}

#[cfg(test)]
mod tests {
    use strum::IntoEnumIterator;
    use time::macros::datetime;

    use super::*;
    use crate::domain::purchase::samples::purchase;
    use crate::domain::purchase::{Attempt, Source};
    use crate::domain::service::MTN_REFILL;

    const START: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const HOUR: Duration = Duration::from_secs(3_600);

    fn after(seconds: &str) -> Result<ReconcileAfter, ConfigError> {
        let vars = [("RECONCILE_AFTER_SECONDS".to_owned(), seconds.to_owned())];
        ReconcileAfter::from_vars(&vars.into_iter().collect())
    }

    /// A purchase made at the start, which is due.
    fn due(state: State) -> Purchase {
        Purchase { reconcile_at: Some(START), ..purchase(state, START) }
    }

    fn settled(state: State, age: Duration) -> Purchase {
        let line = Attempt {
            at: START + age,
            source: Source::Requery,
            code: "000".to_owned(),
            concluded: Some(state),
            answer: None,
            note: String::new(),
        };
        Purchase { history: vec![line], ..due(state) }
    }

    fn plan(purchase: &Purchase, age: Duration) -> (Task, Option<Duration>) {
        let Plan { task, next } = Plan::of(purchase, after("").unwrap(), START + age);
        (task, next.map(|next| (next - START).unsigned_abs()))
    }

    #[test]
    fn an_overdue_chain_is_restarted_and_a_timely_one_is_left() {
        for state in [State::Submitted, State::Pending] {
            assert_eq!(plan(&due(state), Duration::ZERO).0, Task::RestartChain, "it is due");
            assert_eq!(plan(&due(state), HOUR), (Task::RestartChain, Some(4 * HOUR)));
            let timely = Purchase { reconcile_at: Some(START + 2 * HOUR), ..due(state) };
            assert_eq!(plan(&timely, HOUR), (Task::Wait, Some(2 * HOUR)));
        }
        let refill = Purchase { service_id: MTN_REFILL.to_owned(), ..due(State::Submitted) };
        assert_eq!(plan(&refill, HOUR).0, Task::RestartChain);
    }

    #[test]
    fn a_chain_counts_as_lost_only_after_its_message_came_again_several_times() {
        // The visibility timeout of the requery queue in template.yaml.
        const CAME_AGAIN: Duration = Duration::from_secs(360);
        assert!(STEP_GRACE >= 3 * CAME_AGAIN);
    }

    #[test]
    fn a_settled_purchase_is_looked_back_on_after_a_day_and_a_late_one_a_quarter_later() {
        for state in State::iter().filter(|state| state.is_final()) {
            let early = settled(state, Duration::ZERO);
            assert_eq!(plan(&early, HOUR), (Task::Wait, Some(24 * HOUR)));
            assert_eq!(plan(&early, 24 * HOUR), (Task::LookBack, Some(25 * HOUR)));
            let late = settled(state, 23 * HOUR);
            assert_eq!(plan(&late, 24 * HOUR), (Task::Wait, Some(29 * HOUR)));
            assert_eq!(plan(&late, 29 * HOUR), (Task::LookBack, Some(30 * HOUR)));
            assert_eq!(plan(&late, 24 * 15 * HOUR), (Task::GiveUp, None));
            let last = settled(state, 24 * 15 * HOUR - 6 * HOUR);
            assert_eq!(
                plan(&last, 24 * 15 * HOUR),
                (Task::Finish, None),
                "nobody looks back on it"
            );
            let done = Purchase { reconciled_at: Some(START), ..early };
            assert_eq!(plan(&done, 24 * HOUR), (Task::Finish, None));
        }
    }

    #[test]
    fn the_longer_no_clear_answer_comes_the_longer_is_the_pause_between_look_backs() {
        let early = settled(State::Delivered, Duration::ZERO);
        let (mut age, mut pauses) = (24 * HOUR, Vec::new());
        while let (Task::LookBack, Some(next)) = plan(&early, age) {
            pauses.push(next - age);
            age = next;
        }
        assert_eq!(plan(&early, age).0, Task::GiveUp);
        assert!(pauses.is_sorted(), "{pauses:?}");
        let ends = (pauses[0], pauses[pauses.len() - 1]);
        assert_eq!((ends, pauses.len()), ((HOUR, 24 * HOUR), 41), "hourly it would be 336");
    }

    #[test]
    fn a_purchase_that_waits_for_a_person_is_asked_about_daily_for_two_weeks() {
        let review = due(State::NeedsReview);
        assert_eq!(plan(&review, 24 * HOUR), (Task::LookBack, Some(48 * HOUR)));
        assert_eq!(plan(&review, 24 * 14 * HOUR).0, Task::LookBack);
        assert_eq!(plan(&review, 24 * 15 * HOUR), (Task::Finish, None));
    }

    #[test]
    fn the_next_check_is_the_next_step_of_the_chain_or_the_next_visit_of_reconcile() {
        let next = |state, reconcile_after: Duration, age: Duration| {
            let reconcile_at = Some(START + reconcile_after);
            let purchase = Purchase { reconcile_at, ..purchase(state, START) };
            purchase.next_check_at(START + age).map(|at| (at - START).unsigned_abs())
        };
        let (wait, seconds) = (Duration::from_secs(45), Duration::from_secs);
        for state in [State::Submitted, State::Pending] {
            assert_eq!(next(state, STEP_GRACE + wait, seconds(10)), Some(wait));
            assert_eq!(next(state, STEP_GRACE + MAX_DELAY, seconds(10)), Some(MAX_DELAY));
            assert_eq!(next(state, STEP_GRACE + wait, wait), None, "it is being asked");
            assert_eq!(next(state, RESTART_PAUSE, seconds(10)), None, "the chain was restarted");
        }
        assert_eq!(next(State::NeedsReview, 24 * HOUR, HOUR), Some(24 * HOUR));
        assert_eq!(next(State::NeedsReview, 24 * HOUR, 24 * HOUR), None, "it is being asked");
        assert_eq!(next(State::NeedsReview, LAST_AGE, HOUR), None, "it is given up then");
        for state in State::iter().filter(|state| state.is_final()) {
            assert_eq!(next(state, 24 * HOUR, HOUR), None, "{state:?}");
        }
        let refill =
            Purchase { service_id: MTN_REFILL.to_owned(), ..purchase(State::Pending, START) };
        let refill = Purchase { reconcile_at: Some(START + STEP_GRACE + wait), ..refill };
        assert_eq!(refill.next_check_at(START), None);
        assert_eq!(purchase(State::Pending, START).next_check_at(START), None, "an old item");
    }

    #[test]
    fn nobody_can_be_asked_about_a_refill_and_a_look_back_can_be_switched_off() {
        for state in State::iter().filter(|state| state.is_final() || *state == State::NeedsReview)
        {
            let refill = Purchase { service_id: MTN_REFILL.to_owned(), ..due(state) };
            assert_eq!(plan(&refill, 24 * HOUR), (Task::Finish, None), "{state:?}");
        }
        let off = after("0").unwrap();
        let now = START + 24 * HOUR;
        assert_eq!(Plan::of(&due(State::Delivered), off, now).task, Task::Finish);
        assert_eq!(Plan::of(&due(State::NeedsReview), off, now).task, Task::LookBack);
        for seconds in ["-1", "1209601", "x"] {
            let error = after(seconds).unwrap_err().to_string();
            assert!(error.contains("RECONCILE_AFTER_SECONDS"), "{error}");
        }
    }
}
