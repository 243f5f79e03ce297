//! Whole runs. The long ones are for `.ci/simulation`.

use simulation::campaign::Campaign;
use simulation::coverage::{Coverage, Sites};
use simulation::record::Telling;
use simulation::schedule::{Density, generate};
use simulation::world::Blueprint;

fn campaign() -> Campaign {
    campaign_of(Density::Usual)
}

fn campaign_of(density: Density) -> Campaign {
    Campaign { blueprint: Blueprint::new().unwrap(), sites: Sites::known(), density }
}

#[test]
fn the_same_seed_gives_the_same_run_line_by_line() {
    let campaign = campaign();
    for seed in 1..=12 {
        let [first, second] = [(), ()].map(|()| campaign.run_seed(seed, Telling::Trace).lines);
        assert!(!first.is_empty());
        assert_eq!(first, second, "seed {seed}");
    }
}

#[test]
fn the_first_schedules_keep_all_invariants() {
    let campaign = campaign();
    let (coverage, failures) = campaign.batch(1..41, 2, &|| {});
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(coverage.calls > 2_000, "{}", coverage.calls);
    assert!(coverage.met.keys().any(|met| met.fault.is_some()), "no fault was met");
}

#[test]
fn the_first_dense_schedules_keep_all_invariants_and_hold_more_than_usual() {
    let (coverage, failures) = campaign_of(Density::Dense).batch(1..21, 2, &|| {});
    assert!(failures.is_empty(), "{failures:#?}");
    let (usual, _) = campaign().batch(1..21, 2, &|| {});
    assert!(coverage.calls > usual.calls * 3 / 2, "{} and {}", coverage.calls, usual.calls);
    let went_wrong = |coverage: &Coverage| -> u64 {
        coverage.met.iter().filter(|(met, _)| met.fault.is_some()).map(|(_, count)| count).sum()
    };
    assert!(went_wrong(&coverage) > 2 * went_wrong(&usual));
}

#[test]
fn a_call_that_nobody_knows_is_found() {
    // A new call of a function must get into sites.json, or no fault ever meets it.
    let campaign = campaign();
    let (coverage, _) = campaign.batch(1..41, 2, &|| {});
    let known = campaign.sites.all();
    let unknown: Vec<_> = coverage
        .met
        .keys()
        .filter(|met| !known.iter().any(|it| it.caller == met.caller && it.call == met.call))
        .collect();
    assert!(unknown.is_empty(), "write sites.json again, see docs/proof.md: {unknown:#?}");
}

#[test]
fn a_schedule_reads_as_it_was_written() {
    for seed in 1..=50 {
        let schedule = generate(seed, Density::Usual, &Sites::known());
        let text = serde_json::to_string(&schedule).unwrap();
        assert_eq!(
            serde_json::from_str::<simulation::schedule::Schedule>(&text).unwrap(),
            schedule
        );
    }
}
