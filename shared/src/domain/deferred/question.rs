//! The questions to MTN that may be answered later.

use serde::{Deserialize, Serialize};
use strum::IntoStaticStr;

use crate::domain::consent::Scope;
use crate::domain::date::Date;

/// A question about a customer's consumption (MTN Consumption v2). It is stored, so that it can be
/// asked again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, IntoStaticStr)]
#[serde(tag = "operation", rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Question {
    /// What is left of airtime and bundles.
    Balance,
    /// The recharges one by one.
    Recharges {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// The page, from 1.
        page: Option<u32>,
        /// How many on a page, up to 100.
        limit: Option<u32>,
    },
    /// The recharges added up.
    RechargeSummary {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// The page, from 1.
        page: Option<u32>,
        /// How many on a page, up to 100.
        limit: Option<u32>,
    },
    /// What was used, one by one.
    Usage {
        /// The first day.
        start: Date,
        /// The last day.
        end: Option<Date>,
        /// Of what kind, such as `voice`, `data` or `sms`.
        kind: Option<String>,
        /// The page.
        page: Option<u32>,
        /// The order.
        sort: Option<String>,
    },
    /// What was used, added up. Answered at once only: it has no callback URL.
    UsageSummary {
        /// The first day.
        start: Option<Date>,
        /// The last day.
        end: Option<Date>,
        /// Of what kind, such as `voice`, `data` or `sms`.
        kind: Option<String>,
    },
}

impl Question {
    /// What of a customer's data it asks for.
    pub fn scope(&self) -> Scope {
        match self {
            Self::Balance => Scope::MtnBalance,
            Self::Recharges { .. } | Self::RechargeSummary { .. } => Scope::MtnRecharges,
            Self::Usage { .. } | Self::UsageSummary { .. } => Scope::MtnUsage,
        }
    }

    /// The name of the question.
    pub fn operation(&self) -> &'static str {
        self.into()
    }

    /// Whether MTN may answer at a callback URL.
    pub fn may_answer_later(&self) -> bool {
        match self {
            Self::Balance | Self::Recharges { .. } | Self::RechargeSummary { .. } => true,
            Self::Usage { .. } => true,
            Self::UsageSummary { .. } => false,
        }
    }
}
