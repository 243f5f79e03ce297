//! Schedules: what they hold, and how they are made smaller.

use simulation::coverage::Sites;
use simulation::schedule::{Deed, Fate, RequeryAnswer, Schedule, generate, shrink};

fn schedules() -> impl Iterator<Item = Schedule> {
    (1..=400).map(|seed| generate(seed, &Sites::known()))
}

#[test]
fn a_fault_can_happen_to_its_call() {
    let mut faults = 0;
    for schedule in schedules() {
        for fault in schedule.faults {
            faults += 1;
            assert!(fault.kind.is_possible(&fault.caller, &fault.call), "{fault:?}");
        }
    }
    assert!(faults > 400, "{faults}");
}

#[test]
fn vtpass_never_denies_three_times_an_order_that_it_took() {
    let fates = schedules().flat_map(|it| it.actions).filter_map(|action| match action.deed {
        Deed::Buy { fate, .. } => Some(fate),
        _ => None,
    });
    let taken: Vec<Fate> = fates.filter(|fate| fate.pay.is_taken()).collect();
    assert!(taken.len() > 100);
    for fate in taken {
        let unknown = fate.requeries.iter().filter(|it| **it == RequeryAnswer::Unknown).count();
        assert!(unknown < 3, "{fate:?}");
    }
}

#[test]
fn a_failing_schedule_shrinks_to_what_makes_it_fail() {
    let schedule = schedules()
        .find(|it| it.faults.len() >= 3 && it.actions.len() >= 4)
        .expect("some schedule is large");
    let (action, fault) = (schedule.actions[2].clone(), schedule.faults[1].clone());
    // It fails because of one action and one fault, whatever else there is.
    let is_there = |it: &Schedule| {
        it.actions.iter().any(|other| other.at_ms == action.at_ms)
            && it
                .faults
                .iter()
                .any(|other| (&other.caller, &other.call) == (&fault.caller, &fault.call))
    };
    let small = shrink(&schedule, is_there);
    assert!(is_there(&small));
    assert_eq!((small.actions.len(), small.faults.len(), small.outages.len()), (1, 1, 0));
    assert_eq!(
        small.settings,
        simulation::schedule::Settings {
            purchase_limit: small.settings.purchase_limit,
            ..Default::default()
        }
    );
}
