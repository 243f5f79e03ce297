//! What the operator is told of the float: that it is low, once a day while it is, and that it is enough
//! again.

use serde::{Deserialize, Serialize};
use serde_json::json;
use time::{Duration, OffsetDateTime};

use super::float::{FloatLimits, Runway};
use super::wallet::Balance;
use crate::domain::event::{EventType, Owed};
use crate::domain::ids::TenantId;
use crate::domain::money::Kobo;
use crate::domain::time::{epoch_ms, to_iso};

/// After so long the operator is told again that the float is low.
const AGAIN: Duration = Duration::DAY;
/// How many lines are kept at most.
const KEPT: usize = 50;

/// What the operator was told of the float, oldest first, as it is stored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatTold {
    /// The last lines, 50 at most.
    #[serde(default)]
    pub lines: Vec<FloatLine>,
}

/// One thing that the operator was told of the float.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FloatLine {
    /// When the balance was read.
    #[serde(rename = "at_ms", with = "epoch_ms")]
    pub at: OffsetDateTime,
    /// Whether the float is low; otherwise it is enough again.
    pub is_low: bool,
    /// What the wallet held.
    pub balance_kobo: Kobo,
    /// For how many hours that is enough; absent where it is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours_left: Option<u64>,
}

impl FloatLine {
    /// Its event.
    pub fn event(&self) -> EventType {
        if self.is_low { EventType::FloatLow } else { EventType::FloatRestored }
    }
}

impl FloatTold {
    /// What is to be told of a reading, if anything.
    pub fn to_tell(
        &self,
        reading: &Balance,
        runway: &Runway,
        limits: &FloatLimits,
    ) -> Option<FloatLine> {
        let low_since = self.lines.last().filter(|line| line.is_low).map(|line| line.at);
        let is_low = match low_since {
            None => limits.is_low(reading, runway).then_some(true),
            Some(_) if limits.is_enough_again(reading, runway) => Some(false),
            Some(told) => {
                let is_due = reading.at - told >= AGAIN && limits.is_low(reading, runway);
                is_due.then_some(true)
            }
        };
        Some(FloatLine {
            at: reading.at,
            is_low: is_low?,
            balance_kobo: reading.balance_kobo,
            hours_left: runway.hours(),
        })
    }

    /// The same with one more line.
    #[must_use]
    pub fn with(&self, line: FloatLine) -> Self {
        let mut lines = self.lines.clone();
        lines.push(line);
        lines.drain(..lines.len().saturating_sub(KEPT));
        Self { lines }
    }

    /// An event for each line.
    pub fn owed(&self) -> Vec<Owed> {
        let owed = self.lines.iter().map(|line| Owed {
            tenant: TenantId::operator(),
            kind: line.event(),
            about: "vtpass".to_owned(),
            at: line.at,
            data: json!({
                "balance_kobo": line.balance_kobo,
                "hours_left": line.hours_left,
                "read_at": to_iso(line.at),
            }),
        });
        owed.collect()
    }
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;
    use crate::domain::event::Event;

    const START: OffsetDateTime = datetime!(2026-11-28 10:00 UTC);
    const QUARTER: Duration = Duration::minutes(15);
    const LIMITS: FloatLimits = FloatLimits { hours: 0, kobo: 1_000, difference_kobo: 0 };

    /// What is told of readings that are so long apart: the number of the reading, and whether the float
    /// was low.
    fn told(apart: Duration, balances: &[u64]) -> (Vec<(usize, bool)>, FloatTold) {
        let (mut told, mut seen) = (FloatTold::default(), Vec::new());
        for (index, kobo) in balances.iter().enumerate() {
            let at = START + apart * i32::try_from(index).unwrap();
            let reading = Balance { at, balance_kobo: Kobo::new(*kobo).unwrap() };
            if let Some(line) = told.to_tell(&reading, &Runway::of(&[reading]), &LIMITS) {
                seen.push((index, line.is_low));
                told = told.with(line);
            }
        }
        (seen, told)
    }

    #[test]
    fn a_low_float_is_told_once_and_again_after_a_day() {
        let balances = [vec![5_000, 999], vec![900; 192]].concat();
        assert_eq!(told(QUARTER, &balances).0, [(1, true), (97, true), (193, true)]);
    }

    #[test]
    fn a_float_at_its_limit_is_not_told_again_and_again() {
        let balances = [999, 1_000, 999, 1_001, 999, 1_249, 999, 1_250, 999];
        assert_eq!(told(QUARTER, &balances).0, [(0, true), (7, false), (8, true)]);
        let between = [[999].as_slice(), &[1_100; 200]].concat();
        assert_eq!(told(QUARTER, &between).0, [(0, true)], "it is not low any more");
    }

    #[test]
    fn nothing_is_told_of_a_float_that_was_never_low() {
        assert!(told(QUARTER, &[1_000, 5_000, 1_000]).0.is_empty());
    }

    #[test]
    fn each_line_owes_an_event_to_the_operator_and_few_lines_are_kept() {
        let (_, all) = told(Duration::DAY, &[900; 60]);
        let owed = all.owed();
        assert_eq!(owed.len(), KEPT);
        assert!(owed.iter().all(|it| it.tenant.is_operator()));
        let data = json!({ "balance_kobo": 900, "hours_left": null,
                           "read_at": "2026-12-08T10:00:00.000Z" });
        assert_eq!((owed[0].kind.to_string(), &owed[0].data), ("float.low".to_owned(), &data));
        let id = |owed: &Owed| Event::new(owed, START).event_id;
        assert_ne!(id(&owed[0]), id(&owed[1]));
    }
}
