//! A finding: what is wrong, in plain words, and what to do.

use serde_json::{Value, json};

use crate::aws::api::Refusal;
use crate::table::{Colour, painted};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Something does not work, or would be lost.
    Fault,
    /// Somebody should act.
    Warning,
    /// It could not be checked.
    Unchecked,
    /// It may be meant so.
    Look,
}

impl Severity {
    /// The name in the output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fault => "fault",
            Self::Warning => "warning",
            Self::Unchecked => "unchecked",
            Self::Look => "look",
        }
    }

    fn colour(self) -> Colour {
        match self {
            Self::Fault => Colour::Red,
            Self::Warning | Self::Unchecked => Colour::Yellow,
            Self::Look => Colour::Cyan,
        }
    }
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Its kind, which stays the same: for programs that read the output.
    pub kind: &'static str,
    /// The resource that it is about, as the template names it.
    pub about: String,
    /// What is wrong, as the end of a sentence about it.
    pub problem: String,
    /// What to do.
    pub advice: String,
    /// The section of docs/runbook.md that says more.
    pub section: &'static str,
}

impl Finding {
    /// A finding without its advice.
    pub fn new(
        severity: Severity,
        kind: &'static str,
        about: &str,
        problem: impl Into<String>,
    ) -> Self {
        let (about, problem) = (about.to_owned(), problem.into());
        Self { severity, kind, about, problem, advice: String::new(), section: "Alarms" }
    }

    /// Something that does not work, or would be lost.
    pub fn fault(kind: &'static str, about: &str, problem: impl Into<String>) -> Self {
        Self::new(Severity::Fault, kind, about, problem)
    }

    /// Something that somebody should do.
    pub fn warning(kind: &'static str, about: &str, problem: impl Into<String>) -> Self {
        Self::new(Severity::Warning, kind, about, problem)
    }

    /// Something that could not be checked.
    pub fn unchecked(about: &str, reason: &str) -> Self {
        let refused = Self::new(Severity::Unchecked, "not_checked", about, reason);
        refused.advice("allow the call, or mend the connection, and run this again", "Doctor")
    }

    /// A call that was refused: its own finding where there is no such thing, else that this is unchecked.
    pub fn of_refusal(about: &str, refusal: &Refusal) -> Self {
        match refusal.is_not_found() {
            true => Self::fault("missing", about, "does not exist any more, and the stack has it")
                .advice("deploy the stack again; look at who deleted it", "Deploy"),
            false => Self::unchecked(about, &refusal.reason),
        }
    }

    /// What to do, and the section of the runbook.
    #[must_use]
    pub fn advice(mut self, advice: impl Into<String>, section: &'static str) -> Self {
        self.advice = advice.into();
        self.section = section;
        self
    }

    /// As JSON.
    pub fn view(&self) -> Value {
        let Self { severity, kind, about, problem, advice, section } = self;
        json!({ "severity": severity.name(), "kind": kind, "about": about, "problem": problem,
                "advice": advice, "section": section })
    }

    /// As text: one line that says it, and one that says what to do.
    pub fn text(&self) -> String {
        let Self { severity, about, problem, advice, section, .. } = self;
        let mark = painted(&format!("{:<9}", severity.name()), severity.colour());
        let clean = |text: &str| text.replace(char::is_control, " ");
        let (about, problem) = (clean(about), clean(problem));
        format!(
            "{mark} {about} {problem}.\n          -> {}. docs/runbook.md: {section}\n",
            clean(advice)
        )
    }
}
