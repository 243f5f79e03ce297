//! Faults that a schedule names happen, once, where it says.

use simulation::campaign::Campaign;
use simulation::coverage::Sites;
use simulation::record::{Record, Telling};
use simulation::schedule::{
    Action, Away, Deed, Density, End, Fate, Fault, FaultKind, Outage, PayAnswer, Schedule, Settings,
};
use simulation::world::Blueprint;

/// One order that VTpass delivers at once, and these faults.
fn schedule(faults: Vec<Fault>, outages: Vec<Outage>) -> Schedule {
    let fate =
        Fate { pay: PayAnswer::Plain, requeries: vec![], end: End::Delivered, asks: Some(0) };
    let deed = Deed::Buy { tenant: 0, order: 0, bundle: false, fate, tries: 2 };
    Schedule {
        seed: 7,
        starts_at: 1_795_600_800,
        settings: Settings::default(),
        actions: vec![Action { at_ms: 1_000, deed }],
        faults,
        outages,
        calm_after_ms: 900_000,
    }
}

fn run(schedule: Schedule) -> Record {
    let campaign = Campaign {
        blueprint: Blueprint::new().unwrap(),
        sites: Sites::known(),
        density: Density::Usual,
    };
    let record = campaign.run(schedule, Telling::Story);
    assert!(record.violations.is_empty(), "{:#?}\n{}", record.violations, record.lines.join("\n"));
    record
}

fn fault(call: &str, kind: FaultKind) -> Fault {
    let caller = "purchase".to_owned();
    Fault { caller, call: call.to_owned(), nth: 0, times: 1, kind }
}

fn count(record: &Record, part: &str) -> usize {
    record.lines.iter().filter(|line| line.contains(part)).count()
}

/// How often `pay` was called while things could go wrong. Afterwards a new order may be tried.
fn pays(record: &Record) -> usize {
    let is_before = |line: &&String| !line.contains("from now on nothing goes wrong");
    let before = record.lines.iter().take_while(is_before);
    before.filter(|line| line.contains("vtpass POST /api/pay")).count()
}

/// How often the order came to a state. Another order is tried afterwards, with a fate of its own.
fn comes_to(record: &Record, state: &str) -> usize {
    let made = record.lines.iter().find(|line| line.ends_with("is submitted")).expect("an order");
    let order = made.trim_end_matches("is submitted").split_once("purchase ").expect("its id").1;
    count(record, &format!("purchase {order}is {state}"))
}

#[test]
fn without_a_fault_an_order_is_delivered_at_once() {
    let record = run(schedule(vec![], vec![]));
    assert_eq!(count(&record, "buys order 0: 201 delivered"), 1);
    assert_eq!(pays(&record), 1);
}

#[test]
fn a_lost_answer_of_pay_is_found_out_by_asking() {
    let fault = fault("vtpass POST /api/pay", FaultKind::LostAfter);
    let record = run(schedule(vec![fault], vec![]));
    assert_eq!(count(&record, "[lost_after]"), 1);
    assert_eq!(count(&record, "buys order 0: 202 pending"), 1);
    assert_eq!(pays(&record), 1);
    assert_eq!(comes_to(&record, "delivered"), 1);
}

#[test]
fn an_instance_that_dies_answers_nothing_more() {
    let fault = fault("dynamodb PutItem PurchasesTable", FaultKind::KillAfter);
    let record = run(schedule(vec![fault], vec![]));
    assert_eq!(count(&record, "buys order 0: 500"), 1);
    assert_eq!(count(&record, "instance purchase#2 starts"), 1);
    // The record is there, so the repeat pays nothing; VTpass never heard of it.
    assert_eq!(pays(&record), 0);
    assert_eq!(comes_to(&record, "failed"), 1);
}

#[test]
fn a_function_that_is_missing_is_made_up_for() {
    let of = Away::Function("requery".to_owned());
    let away = Outage { of, from_ms: 0, for_ms: 800_000 };
    let fault = fault("vtpass POST /api/pay", FaultKind::SilentAfter);
    let record = run(schedule(vec![fault], vec![away]));
    assert!(count(&record, "a batch of 1 in RequeryQueue failed") >= 1);
    assert_eq!(comes_to(&record, "delivered"), 1);
}

#[test]
fn a_deployment_gives_every_function_new_instances_with_its_parameter() {
    let mut schedule = schedule(vec![], vec![]);
    let before = schedule.actions[0].clone();
    let mut after = Action { at_ms: 4_000, ..before.clone() };
    if let Deed::Buy { order, .. } = &mut after.deed {
        *order = 1;
    }
    let deploy = Action { at_ms: 2_000, deed: Deed::Deploy { look_back_s: 3_600 } };
    schedule.actions = vec![before, deploy, after];
    let start_ms = schedule.starts_at * 1_000;
    let record = run(schedule);
    assert_eq!(count(&record, "instance purchase#2 starts"), 1);
    let looked = record.purchases.values().map(|it| it.reconciled_ms.expect("a look back"));
    let mut hours: Vec<i64> = looked.map(|at| (at - start_ms) / 3_600_000).collect();
    hours.sort_unstable();
    // The order from before the deployment keeps its day. One more may be tried when all is calm.
    assert!(matches!(hours[..], [1, 24] | [1, 1, 24]), "{hours:?}");
}
