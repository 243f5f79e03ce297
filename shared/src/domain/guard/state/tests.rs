use std::sync::Mutex;

use fuzzing::fuzz;
use serde_json::{Value, json};
use time::macros::datetime;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;

use super::*;
use crate::domain::guard::Guard;
use crate::platform::telemetry::log::json_lines;

const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

fn order(digit: char) -> PurchaseId {
    PurchaseId::parse(&digit.to_string().repeat(32)).unwrap()
}

fn after(seconds: u64) -> OffsetDateTime {
    NOW + Duration::from_secs(seconds)
}

fn refused(seconds: u64) -> Gate {
    Gate::Refused(Duration::from_secs(seconds))
}

fn closed() -> State {
    State::default().close("10 of 12", NOW).unwrap()
}

fn word(on_sale: bool, seconds: Option<u64>) -> Word {
    let until = seconds.map(after);
    Word { on_sale, since: NOW, until, because: "maintenance".to_owned() }
}

/// Whether each change was one for tenants, and to what.
fn told(state: &State) -> Vec<(bool, bool)> {
    state.changes.iter().map(|change| (change.told.is_some(), change.on_sale)).collect()
}

#[test]
fn a_closed_service_lets_one_order_through_after_a_pause() {
    let state = closed();
    assert_eq!(state.gate(NOW), refused(30));
    assert_eq!(state.claim(&order('a'), after(29)), None);
    assert_eq!(state.gate(after(30)), Gate::ProbeDue);
    let probed = state.claim(&order('a'), after(30)).unwrap();
    assert_eq!(probed.gate(after(31)), refused(30));
    assert_eq!(probed.claim(&order('b'), after(31)), None);
    // An order whose outcome nobody learns holds up the next one for three minutes.
    assert_eq!(probed.gate(after(209)), refused(1));
    assert!(probed.claim(&order('b'), after(210)).is_some());
    assert_eq!(told(&probed), [(true, false)]);
}

#[test]
fn a_probe_that_fails_doubles_the_pause_up_to_five_minutes() {
    let (mut state, mut now) = (closed(), after(30));
    for pause in [60, 120, 240, 300, 300] {
        state = state.claim(&order('a'), now).unwrap();
        state = state.probe_failed(&order('a'), now).unwrap();
        assert_eq!(state.gate(now), refused(pause));
        now += Duration::from_secs(pause);
    }
    assert_eq!(told(&state), [(true, false)], "a probe is no change");
}

#[test]
fn a_probe_that_is_delivered_opens_and_another_order_does_not() {
    let state = closed().claim(&order('a'), after(30)).unwrap();
    assert_eq!(state.probe_passed(&order('b'), after(31)), None);
    assert_eq!(state.probe_failed(&order('b'), after(31)), None);
    // Also when it comes after its lease, unless another order is the probe by then.
    let opened = state.probe_passed(&order('a'), after(500)).unwrap();
    assert_eq!((opened.gate(after(500)), opened.sale(after(500))), (Gate::Open, Sale::On));
    assert_eq!(told(&opened), [(true, false), (true, true)]);
    let other = state.claim(&order('b'), after(500)).unwrap();
    assert_eq!(other.probe_passed(&order('a'), after(501)), None);
}

#[test]
fn a_probe_that_was_not_sold_makes_room_at_once() {
    let state = closed().claim(&order('a'), after(30)).unwrap();
    let state = state.probe_released(&order('a')).unwrap();
    assert_eq!(state.gate(after(31)), Gate::ProbeDue);
}

#[test]
fn the_word_of_an_operator_stands_above_the_outcomes_until_it_is_taken_back() {
    let open = closed().say(word(true, None), "ada");
    assert_eq!(open.gate(NOW), Gate::Open);
    assert_eq!(open.close("10 of 12", NOW), None);
    let closed = open.say(word(false, None), "ada");
    assert_eq!((closed.gate(NOW), closed.claim(&order('a'), after(9_999))), (refused(300), None));
    let sale = Sale::Suspended { since: NOW, reason: "maintenance".to_owned() };
    assert_eq!(closed.sale(NOW), sale);
    // Said once more, it is no change for tenants.
    let again = closed.say(word(false, None), "bob").take_back("bob", "done", NOW).unwrap();
    assert_eq!(again.gate(NOW), Gate::Open);
    assert!(again.close("10 of 12", NOW).is_some());
    let expected = [(true, false), (true, true), (true, false), (false, false), (true, true)];
    assert_eq!(told(&again), expected);
    assert_eq!(again.take_back("bob", "done", NOW), None, "there is nothing to take back");
    let by: Vec<_> = again.changes.iter().map(|change| change.by.as_str()).collect();
    assert_eq!(by, ["automatic", "ada", "ada", "bob", "bob"]);
}

#[test]
fn a_word_with_an_end_ends_by_itself_and_once() {
    let state = State::default().say(word(false, Some(60)), "ada");
    assert_eq!((state.gate(after(1)), state.lapse(after(59))), (refused(59), None));
    assert_eq!((state.gate(after(60)), state.sale(after(60))), (Gate::Open, Sale::On));
    let lapsed = state.lapse(after(60)).unwrap();
    assert_eq!((told(&lapsed), lapsed.lapse(after(61))), (vec![(true, false), (true, true)], None));
    // A suspension that comes before the end is noted is not ended by it.
    let closed = state.close("10 of 12", after(61)).unwrap();
    assert_eq!((&closed.word, closed.lapse(after(62))), (&None, None));
}

#[test]
fn fifty_changes_are_kept_and_the_oldest_go() {
    let mut state = State::default();
    for day in 0..60 {
        state = state.close(&format!("{day}"), NOW).unwrap().claim(&order('a'), after(30)).unwrap();
        state = state.probe_passed(&order('a'), after(30)).unwrap();
    }
    assert_eq!(state.changes.len(), 50);
    assert_eq!(state.changes[0].because, "35");
}

/// Whatever happens in whatever order: at most one probe is under way, and tenants are told in turn that
/// a service is suspended and that it is sold again.
#[test]
fn tenants_are_told_in_turn_and_one_probe_at_a_time_is_let_through() {
    fuzz(|choices| {
        let (mut state, mut now) = (State::default(), NOW);
        let mut under_way: Option<(PurchaseId, OffsetDateTime)> = None;
        let orders = [order('a'), order('b'), order('c')];
        for _ in 0..60 {
            now += Duration::from_secs(u64::from(choices.byte()));
            let about = choices.pick(&orders).clone();
            let on_sale = choices.once_in(2);
            let until = choices.once_in(2).then_some(now + Duration::from_secs(90));
            let word = Word { on_sale, since: now, until, because: "b".to_owned() };
            let next = match choices.byte() % 7 {
                0 => state.close("most", now),
                1 => {
                    let claimed = state.claim(&about, now);
                    if claimed.is_some() {
                        assert!(under_way.as_ref().is_none_or(|(_, until)| *until <= now));
                        under_way = Some((about, now + LEASE));
                    }
                    claimed
                }
                2 => state.probe_passed(&about, now),
                3 => state.probe_failed(&about, now),
                4 => Some(state.say(word, "ada")),
                5 => state.take_back("ada", "b", now),
                _ => state.lapse(now),
            };
            state = next.unwrap_or(state);
            under_way = under_way.filter(|(id, _)| state.is_probed_by(id));
            let open = matches!(state.gate(now), Gate::Open);
            assert_eq!(open, state.sale(now) == Sale::On);
            let mut told: Vec<bool> =
                state.changes.iter().filter(|it| it.told.is_some()).map(|it| it.on_sale).collect();
            told.dedup();
            let count = state.changes.iter().filter(|it| it.told.is_some()).count();
            assert_eq!(told.len(), count);
            let stored = serde_json::to_string(&state).unwrap();
            assert_eq!(serde_json::from_str::<State>(&stored).unwrap(), state);
        }
    });
}

#[test]
fn a_change_is_automatic_unless_an_operator_made_it() {
    let state = closed();
    let change = state.changes.last().unwrap();
    assert!(change.is_automatic());
    assert!(!Change { by: "ada".to_owned(), ..change.clone() }.is_automatic());
}

#[test]
fn only_a_suspension_that_no_operator_made_rings() {
    static LOG: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let automatic = closed().changes.last().unwrap().clone();
    let by_operator = Change { by: "ada".to_owned(), ..automatic.clone() };
    let resumed = Change { on_sale: true, ..automatic.clone() };
    let layer = json_lines(|| LOG.make_writer(), ["shared"]);
    let lines = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(lines, || {
        [automatic, by_operator, resumed].iter().for_each(|change| change.report("mtn"));
    });
    let log = String::from_utf8(LOG.lock().unwrap().clone()).unwrap();
    let of = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        [line["metric"].clone(), line["alarm"].clone()]
    };
    let (closed, resumed) = (json!("service_closed"), json!("service_resumed"));
    let expected = [
        [closed.clone(), Value::Null],
        [Value::Null, json!("service_suspended")],
        [closed, Value::Null],
        [resumed, Value::Null],
    ];
    assert_eq!(log.lines().map(of).collect::<Vec<_>>(), expected);
}

#[test]
fn a_guard_knows_whose_order_is_its_probe() {
    let is_probed_by = |state: &State| {
        let guard = Guard { state: state.clone(), ..Guard::new("mtn") };
        ['a', 'b'].map(|digit| guard.is_probed_by(&order(digit)))
    };
    let probed = closed().claim(&order('a'), after(30)).unwrap();
    assert_eq!(is_probed_by(&probed), [true, false]);
    assert_eq!(is_probed_by(&closed()), [false; 2]);
    assert_eq!(is_probed_by(&State::default()), [false; 2]);
}
