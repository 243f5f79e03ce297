//! Makes a failing schedule smaller, as long as it fails.

use super::{Deed, PayAnswer, Schedule, Settings};

/// How often a schedule is tried at most.
const MOST_TRIES: usize = 600;

/// The smallest schedule found that still fails. `fails` runs a schedule.
pub fn shrink(schedule: &Schedule, mut fails: impl FnMut(&Schedule) -> bool) -> Schedule {
    let mut best = schedule.clone();
    let mut tries = 0;
    let mut attempt = |best: &mut Schedule, smaller: Schedule| {
        if tries >= MOST_TRIES || smaller == *best {
            return false;
        }
        tries += 1;
        let is_failing = fails(&smaller);
        if is_failing {
            *best = smaller;
        }
        is_failing
    };
    loop {
        let before = best.clone();
        shorten(&mut best, |it| &mut it.actions, &mut attempt);
        shorten(&mut best, |it| &mut it.faults, &mut attempt);
        shorten(&mut best, |it| &mut it.outages, &mut attempt);
        plainer(&mut best, &mut attempt);
        if best == before {
            return best;
        }
    }
}

/// Leaves out parts of a list: halves first, single ones at last.
fn shorten<T: Clone>(
    best: &mut Schedule,
    list: impl Fn(&mut Schedule) -> &mut Vec<T>,
    attempt: &mut impl FnMut(&mut Schedule, Schedule) -> bool,
) {
    let mut size = list(best).len();
    while size > 0 {
        let mut from = 0;
        while from < list(best).len() {
            let mut smaller = best.clone();
            let items = list(&mut smaller);
            let to = (from + size).min(items.len());
            items.drain(from..to);
            if !attempt(best, smaller) {
                from += size;
            }
        }
        size /= 2;
    }
}

/// Makes the settings and the fates plainer.
fn plainer(best: &mut Schedule, attempt: &mut impl FnMut(&mut Schedule, Schedule) -> bool) {
    let plain = Settings::default();
    let changes: [fn(&mut Settings, &Settings); 7] = [
        |to, plain| *to = plain.clone(),
        |to, plain| to.spread_percent = plain.spread_percent,
        |to, plain| to.skew_ms = plain.skew_ms,
        |to, plain| to.duplicates = plain.duplicates,
        |to, plain| to.reorder = plain.reorder,
        |to, plain| to.late_delivery_ms = plain.late_delivery_ms,
        |to, plain| to.index_lag_ms = plain.index_lag_ms,
    ];
    for change in changes {
        let mut smaller = best.clone();
        change(&mut smaller.settings, &plain);
        attempt(best, smaller);
    }
    for index in 0..best.faults.len() {
        let mut smaller = best.clone();
        smaller.faults[index].times = 1;
        attempt(best, smaller);
    }
    for index in 0..best.actions.len() {
        let mut smaller = best.clone();
        if let Deed::Buy { fate, tries, .. } = &mut smaller.actions[index].deed {
            (fate.requeries, *tries) = (Vec::new(), 1);
            attempt(best, smaller);
        }
        let mut smaller = best.clone();
        if let Deed::Buy { fate, .. } = &mut smaller.actions[index].deed {
            (fate.pay, fate.asks) = (PayAnswer::Plain, Some(0));
            attempt(best, smaller);
        }
    }
}
