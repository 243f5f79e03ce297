//! Schedules: what they hold, and how they are made smaller.

use simulation::coverage::Sites;
use simulation::schedule::{
    Deed, Density, End, Fate, PayAnswer, RequeryAnswer, Schedule, Shape, generate, shrink,
};

fn schedules() -> impl Iterator<Item = Schedule> {
    (1..=400).map(|seed| generate(seed, Density::Usual, &Sites::known()))
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
fn vtpass_never_denies_three_times_in_a_row_what_it_took_and_never_acknowledged() {
    let acknowledges = |pay: PayAnswer| {
        use PayAnswer::{Contradictory, Odd, Pending, Review, Used};
        match pay {
            Odd(odd) => odd.shape != Shape::CodeOnly,
            pay => matches!(pay, Contradictory | Pending | Review | Used),
        }
    };
    let (mut taken, mut denied) = (0, 0);
    for schedule in schedules() {
        let is_calm = schedule.faults.is_empty() && schedule.outages.is_empty();
        for action in schedule.actions {
            let Deed::Buy { fate, .. } = action.deed else { continue };
            // Where an answer may be lost on its way, the gateway may not have seen an acknowledgement,
            // nor what came between two denials.
            if !fate.pay.is_taken() || (is_calm && acknowledges(fate.pay)) {
                continue;
            }
            taken += 1;
            let is_denial = |answer: &RequeryAnswer| *answer == RequeryAnswer::Unknown;
            let most = match is_calm {
                true => fate
                    .requeries
                    .chunk_by(|a, b| is_denial(a) && is_denial(b))
                    .map(<[_]>::len)
                    .max(),
                false => Some(fate.requeries.iter().filter(|it| is_denial(it)).count()),
            };
            denied += usize::from(fate.requeries.iter().any(is_denial));
            assert!(most.is_none_or(|most| most < 3), "{fate:?}");
        }
    }
    assert!(taken > 100 && denied > 20, "{taken} {denied}");
}

#[test]
fn a_pending_order_comes_to_its_end_unless_its_fate_says_never() {
    // To the simulated VTpass no asks at all mean that the order stays pending for ever.
    for (asks, told) in [(Some(0), Some(1)), (Some(3), Some(3)), (None, Some(u32::MAX))] {
        let (pay, end) = (PayAnswer::Pending, End::Delivered);
        let fate = Fate { pay, requeries: vec![], end, asks };
        assert_eq!(fate.scripts("08031000000")[0].asks, told, "{asks:?}");
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
