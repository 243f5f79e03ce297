//! What a rehearsal found, in plain words, as JSON and as JUnit XML.

use std::fmt::Write;

use quick_junit::{NonSuccessKind, Report as Junit, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

/// What a rehearsal found.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The first seed.
    pub from: u64,
    /// How many schedules were run.
    pub schedules: u64,
    /// What was wrong, in the order in which it was found.
    pub findings: Vec<Finding>,
    /// Why the rehearsal ended early, if it did: its own gateway failed, or it was interrupted. It is no
    /// mistake of the application.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stopped: Option<String>,
}

/// Something that the tenant's application did wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The schedule in which it did that.
    pub seed: u64,
    /// What kind of mistake it is.
    pub kind: Kind,
    /// What was seen.
    pub detail: String,
}

/// A kind of mistake.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Serialize,
    strum::EnumIter,
    strum::IntoStaticStr,
)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Kind {
    /// It refunded an order more than once.
    RefundedTwice,
    /// It refunded an order while `safe_to_refund` was false.
    RefundedTooEarly,
    /// It did not refund an order that failed or was reversed.
    RefundMissed,
    /// It answered 2xx to a webhook that did not come from the gateway.
    ForgedAccepted,
    /// It did not answer 2xx to a true webhook.
    TrueRefused,
    /// It took more than 15 seconds to answer.
    TooSlow,
    /// It bought twice for one order.
    BoughtTwice,
    /// It bought nothing for an order, or elsewhere.
    NotBought,
    /// Its command could not be run, or failed.
    CommandFailed,
}

impl Kind {
    fn explained(self) -> &'static str {
        match self {
            Self::RefundedTwice => "A refund was given twice. Refund each purchase_id once.",
            Self::RefundedTooEarly => {
                "A refund was given while safe_to_refund was false. Ask GET /purchases/{id} first."
            }
            Self::RefundMissed => "An order failed or was reversed and was not refunded.",
            Self::ForgedAccepted => {
                "A forged webhook was answered with 2xx. Verify signature and time first."
            }
            Self::TrueRefused => "A true webhook was never answered with 2xx.",
            Self::TooSlow => "A webhook was not answered within 15 seconds. Answer, then work.",
            Self::BoughtTwice => {
                "One order was bought twice. Repeat a request under the same Idempotency-Key."
            }
            Self::NotBought => {
                "An order was not bought at the gateway that it was given, GATEWAY_URL."
            }
            Self::CommandFailed => "A command of the application failed.",
        }
    }

    fn name(self) -> &'static str {
        self.into()
    }
}

impl Report {
    /// Whether every schedule was run and nothing was wrong.
    pub fn is_clean(&self) -> bool {
        self.findings.is_empty() && self.stopped.is_none()
    }

    /// In plain words, with the command that replays the first schedule of each kind.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for kind in <Kind as strum::IntoEnumIterator>::iter() {
            let found: Vec<_> = self.findings.iter().filter(|it| it.kind == kind).collect();
            let Some(first) = found.first() else { continue };
            let (seed, detail) = (first.seed, &first.detail);
            let _ = writeln!(text, "{} ({} of {})", kind.explained(), found.len(), self.schedules);
            let _ = writeln!(text, "    seed {seed}: {detail}");
            let _ = writeln!(text, "    replay it with: --from {seed} --schedules 1");
        }
        let _ = match self.findings.len() {
            0 => writeln!(text, "{} schedules, nothing was wrong", self.schedules),
            count => writeln!(text, "{} schedules, {count} mistakes", self.schedules),
        };
        if let Some(stopped) = &self.stopped {
            let _ = writeln!(text, "It ended early: {stopped}");
        }
        text
    }

    /// As JSON.
    ///
    /// # Errors
    /// Should it not serialise.
    pub fn json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// As JUnit XML: one test for each kind of mistake.
    ///
    /// # Errors
    /// Should it not serialise.
    pub fn junit(&self) -> Result<String, quick_junit::SerializeError> {
        let mut suite = TestSuite::new("rehearsal");
        for kind in <Kind as strum::IntoEnumIterator>::iter() {
            let found: Vec<_> = self.findings.iter().filter(|it| it.kind == kind).collect();
            let status = match found.first() {
                None => TestCaseStatus::success(),
                Some(first) => {
                    let mut failed = TestCaseStatus::non_success(NonSuccessKind::Failure);
                    failed.set_message(format!("seed {}: {}", first.seed, first.detail));
                    failed.set_description(kind.explained());
                    failed
                }
            };
            suite.add_test_case(TestCase::new(kind.name(), status));
        }
        if let Some(stopped) = &self.stopped {
            let mut error = TestCaseStatus::non_success(NonSuccessKind::Error);
            error.set_message(stopped.as_str());
            suite.add_test_case(TestCase::new("rehearsal", error));
        }
        let mut report = Junit::new("telco gateway");
        report.add_test_suite(suite);
        report.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let finding = |seed, kind| Finding { seed, kind, detail: "order <1> & more".to_owned() };
        let findings = vec![finding(7, Kind::RefundedTwice), finding(9, Kind::RefundedTwice)];
        Report { from: 1, schedules: 200, findings, stopped: None }
    }

    #[test]
    fn a_mistake_is_told_once_with_the_seed_that_replays_it() {
        let text = report().text();
        assert!(
            text.contains("A refund was given twice. Refund each purchase_id once. (2 of 200)")
        );
        assert!(text.contains("replay it with: --from 7 --schedules 1"));
        assert!(!text.contains("--from 9"));
        assert!(text.ends_with("200 schedules, 2 mistakes\n"));
        let clean = Report { from: 1, schedules: 3, ..Report::default() };
        assert_eq!(clean.text(), "3 schedules, nothing was wrong\n");
    }

    #[test]
    fn the_same_is_told_as_json_and_as_junit() {
        let json: serde_json::Value = serde_json::from_str(&report().json().unwrap()).unwrap();
        assert_eq!(json["findings"][0]["kind"], "refunded_twice");
        let junit = report().junit().unwrap();
        assert!(junit.contains(r#"tests="9""#) && junit.contains(r#"failures="1""#), "{junit}");
        assert!(junit.contains("order &lt;1&gt; &amp; more"), "{junit}");
    }

    #[test]
    fn a_rehearsal_that_stops_keeps_what_it_found_and_is_not_clean() {
        let stopped = || Some("seed 9: no answer".to_owned());
        let report = Report { stopped: stopped(), ..report() };
        let text = report.text();
        assert!(text.contains("A refund was given twice."), "{text}");
        assert!(text.ends_with("It ended early: seed 9: no answer\n"), "{text}");
        let json: serde_json::Value = serde_json::from_str(&report.json().unwrap()).unwrap();
        assert_eq!(json["stopped"], "seed 9: no answer");
        let junit = report.junit().unwrap();
        assert!(junit.contains(r#"failures="1""#) && junit.contains(r#"errors="1""#), "{junit}");
        assert!(!Report { stopped: stopped(), ..Report::default() }.is_clean());
    }
}
