//! What the runs met, what they never met, and which calls should go wrong more often.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use strum::IntoEnumIterator;

use crate::record::{Change, Met, Record};
use crate::schedule::FaultKind;

/// A call that can go wrong: who calls, and what.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Site {
    /// A function, a provider or `people`.
    pub caller: String,
    /// The call.
    pub call: String,
    /// How often it is chosen, relative to the others.
    pub weight: u32,
}

/// The calls that can go wrong.
#[derive(Debug, Clone)]
pub struct Sites {
    sites: Vec<Site>,
    total: u64,
}

/// What many runs met.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Situations, and how often.
    pub met: BTreeMap<Met, u64>,
    /// Changes of purchases, and how often.
    pub changes: BTreeMap<Change, u64>,
    /// How many calls were made.
    pub calls: u64,
}

impl Sites {
    /// The sites that the repository knows.
    ///
    /// # Panics
    /// When the list is not JSON.
    pub fn known() -> Self {
        let sites = include_str!("../sites.json");
        Self::of(serde_json::from_str(sites).expect("the list of sites is JSON"))
    }

    fn of(sites: Vec<Site>) -> Self {
        let total = sites.iter().map(|it| u64::from(it.weight)).sum();
        Self { sites, total }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Those of some callers; all of them if these callers have none.
    #[must_use]
    pub fn of_callers(&self, callers: &BTreeSet<&str>) -> Self {
        let sites = self.sites.iter().filter(|it| callers.contains(it.caller.as_str()));
        let some = Self::of(sites.cloned().collect());
        if some.is_empty() { self.clone() } else { some }
    }

    /// All of them.
    pub fn all(&self) -> &[Site] {
        &self.sites
    }

    /// The site at a share of all weights, from 0 to 1.
    pub fn pick(&self, share: f64) -> &Site {
        let mut sum = 0.0;
        for site in &self.sites {
            sum +=
                f64::from(site.weight) / f64::from(u32::try_from(self.total).unwrap_or(u32::MAX));
            if share < sum {
                return site;
            }
        }
        &self.sites[self.sites.len() - 1]
    }
}

impl Coverage {
    /// Adds what a run met.
    pub fn add(&mut self, record: &Record) {
        self.calls += record.calls;
        for (met, count) in &record.met {
            match self.met.get_mut(met) {
                Some(all) => *all += count,
                None => {
                    self.met.insert(met.clone(), *count);
                }
            }
        }
        for (change, count) in &record.changes {
            *self.changes.entry(change.clone()).or_default() += count;
        }
    }

    /// Adds what other runs met.
    pub fn merge(&mut self, other: Self) {
        self.calls += other.calls;
        for (met, count) in other.met {
            *self.met.entry(met).or_default() += count;
        }
        for (change, count) in other.changes {
            *self.changes.entry(change).or_default() += count;
        }
    }

    /// The sites that were met, weighted so that those that seldom went wrong are chosen more often.
    pub fn sites(&self) -> Vec<Site> {
        let mut hits: BTreeMap<(String, String), u64> = BTreeMap::new();
        for (met, count) in &self.met {
            let hit = hits.entry((met.caller.clone(), met.call.clone())).or_default();
            *hit += if met.fault.is_some() { *count } else { 0 };
        }
        let most = hits.values().copied().max().unwrap_or(1).max(1);
        let weight = |hit: u64| match most / hit.max(1) {
            0..4 => 1,
            4..20 => 2,
            20..100 => 4,
            _ => 8,
        };
        hits.into_iter()
            .map(|((caller, call), hit)| Site { caller, call, weight: weight(hit) })
            .collect()
    }

    /// The faults that can happen at a known site and never did.
    pub fn never(&self, sites: &Sites) -> Vec<(String, String, FaultKind)> {
        let met: BTreeSet<(&str, &str, FaultKind)> = self
            .met
            .keys()
            .filter_map(|it| Some((it.caller.as_str(), it.call.as_str(), it.fault?)))
            .collect();
        let possible = sites.all().iter().flat_map(|site| {
            let kinds = FaultKind::iter().filter(|it| it.is_possible(&site.caller, &site.call));
            kinds.map(move |kind| (site.caller.clone(), site.call.clone(), kind))
        });
        possible.filter(|(caller, call, kind)| !met.contains(&(caller, call, *kind))).collect()
    }
}
