use std::ops::AddAssign;

use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use time::Duration;
use time::macros::datetime;

use super::*;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Answer, Attempt, Source, State, samples};
use crate::domain::service::MTN_REFILL;

const MADE: OffsetDateTime = datetime!(2026-11-28 10:00 UTC);

fn day(text: &str) -> Date {
    Date::parse(text).unwrap()
}

/// An order of 100 naira that cost 96, and what became of it, so long after it was made.
fn order(changes: &[(State, Duration)]) -> Purchase {
    let state = changes.last().map_or(State::Pending, |(state, _)| *state);
    let line = |(state, after): &(State, Duration)| Attempt {
        at: MADE + *after,
        source: Source::Requery,
        code: "000".to_owned(),
        concluded: Some(*state),
        note: String::new(),
        answer: None,
    };
    Purchase {
        cost: Kobo::new(9_600).ok(),
        commission: Kobo::new(400).ok(),
        amount: Kobo::new(10_000).ok(),
        history: changes.iter().map(line).collect(),
        ..samples::purchase(state, MADE)
    }
}

fn report(date: &str, purchases: &[Purchase]) -> Tally {
    let mut report = Report::of_nothing(day(date));
    purchases.iter().for_each(|purchase| report.add(purchase));
    report.total()
}

#[test]
fn an_order_that_is_delivered_at_once_stands_in_its_day_with_its_cost() {
    let orders = [order(&[(State::Delivered, Duration::seconds(2))])];
    let expected = Tally {
        orders: 1,
        face_kobo: 10_000,
        delivered: 1,
        delivered_kobo: 10_000,
        cost_kobo: 9_600,
        commission_kobo: 400,
        answered: 1,
        answered_in_30_s: 1,
        answered_in_24_h: 1,
        longest_answer_ms: 2_000,
        ..Tally::default()
    };
    assert_eq!(report("2026-11-28", &orders), expected);
    assert_eq!(report("2026-11-29", &orders), Tally::default());
    assert_eq!(report("2026-11-27", &orders), Tally::default());
}

#[test]
fn a_later_reversal_stands_in_the_day_it_came_with_the_day_of_its_order() {
    let two_days = Duration::days(2);
    let orders = [order(&[(State::Delivered, Duration::ZERO), (State::Reversed, two_days)])];
    let first = report("2026-11-28", &orders);
    assert_eq!((first.delivered, first.reversed, first.cost_kobo), (1, 0, 9_600));
    let later = report("2026-11-30", &orders);
    let earlier = Earlier { reversed: 1, refundable_kobo: 10_000, ..Earlier::default() };
    let expected = Tally {
        reversed: 1,
        reversed_cost_kobo: 9_600,
        refundable_kobo: 10_000,
        earlier: [("2026-11-28".to_owned(), earlier)].into(),
        ..Tally::default()
    };
    assert_eq!(later, expected, "and it is not answered again");
}

#[test]
fn what_is_open_at_the_days_end_is_open_in_its_report_for_ever() {
    let orders = [order(&[(State::Failed, Duration::hours(20))]), order(&[])];
    let first = report("2026-11-28", &orders);
    assert_eq!((first.open, first.open_kobo, first.answered), (2, 20_000, 0));
    assert_eq!(first.oldest_open_at, Some(MADE));
    let next = report("2026-11-29", &orders);
    assert_eq!((next.orders, next.open, next.failed, next.refundable_kobo), (0, 0, 1, 10_000));
    assert_eq!((next.answered, next.answered_in_30_s, next.answered_in_24_h), (1, 0, 1));
    assert_eq!(next.longest_answer_ms, 72_000_000);
}

#[test]
fn an_unknown_cost_is_counted_and_not_taken_for_zero() {
    let mut order = order(&[(State::Delivered, Duration::ZERO)]);
    (order.cost, order.commission) = (None, None);
    let tally = report("2026-11-28", &[order]);
    assert_eq!((tally.delivered, tally.cost_kobo, tally.cost_unknown), (1, 0, 1));
}

#[test]
fn only_an_answer_after_the_end_that_no_operator_gave_contradicts_it() {
    let said = |after, source| Attempt {
        at: MADE + after,
        source,
        code: "000".to_owned(),
        concluded: None,
        note: "contradicted_final_state".to_owned(),
        answer: None,
    };
    let contradicted = |line| {
        let mut order = order(&[(State::Delivered, Duration::minutes(1))]);
        order.history.push(line);
        report("2026-11-28", &[order]).contradicted
    };
    assert_eq!(contradicted(said(Duration::minutes(2), Source::Requery)), 1);
    for before in [Duration::SECOND, Duration::minutes(1)] {
        assert_eq!(contradicted(said(before, Source::Requery)), 0, "it was open then");
    }
    assert_eq!(contradicted(said(Duration::minutes(2), Source::Operator)), 0);
}

#[test]
fn only_a_proof_of_another_state_than_the_orders_own_contradicts_it() {
    let contradicted = |answer, ends: &[(State, Duration)]| {
        let mut order = order(ends);
        let last = order.history[ends.len() - 1].clone();
        let at = MADE + Duration::minutes(5);
        order.history.push(Attempt { at, concluded: None, answer, ..last });
        report("2026-11-28", &[order]).contradicted
    };
    let delivered = [(State::Delivered, Duration::minutes(1))];
    let reversed = [delivered[0], (State::Reversed, Duration::minutes(2))];
    for (answer, of_delivered, of_reversed) in [
        (None, 1, 1),
        (Some(Answer::Delivered), 0, 1),
        (Some(Answer::Failed), 1, 1),
        (Some(Answer::Reversed), 1, 0),
        (Some(Answer::NeedsReview), 0, 0),
        (Some(Answer::Pending), 0, 0),
        (Some(Answer::Unclear), 0, 0),
        (Some(Answer::UnknownReference), 0, 0),
    ] {
        assert_eq!(contradicted(answer, &delivered), of_delivered, "{answer:?}");
        assert_eq!(contradicted(answer, &reversed), of_reversed, "{answer:?}");
    }
}

#[test]
fn reports_of_tenants_add_up_to_that_of_the_deployment() {
    let orders = [
        order(&[(State::Delivered, Duration::ZERO)]),
        order(&[(State::Failed, Duration::minutes(1))]),
        order(&[(State::NeedsReview, Duration::hours(1))]),
    ];
    let mut all = Report::of_nothing(day("2026-11-28"));
    let mut sum = all.clone();
    for order in &orders {
        all.add(order);
        let mut one = Report::of_nothing(day("2026-11-28"));
        one.add(order);
        sum.add_all(&one);
    }
    assert_eq!(sum, all);
    let stored = serde_json::to_value(&all).unwrap();
    assert_eq!(serde_json::from_value::<Report>(stored).unwrap(), all);
}

fn moved(order: &Purchase, from: Duration, to: Duration) -> (u64, u64, u64) {
    let moved = Moved::of(order, MADE + from, MADE + to);
    (moved.charged_kobo, moved.returned_kobo, moved.in_flight_kobo)
}

#[test]
fn an_order_moves_the_wallet_once_between_two_readings() {
    let (second, minute) = (Duration::SECOND, Duration::MINUTE);
    let delivered = order(&[(State::Delivered, second * 2)]);
    assert_eq!(moved(&delivered, -minute, minute), (9_600, 0, 0));
    assert_eq!(moved(&delivered, minute, minute * 2), (0, 0, 0));
    assert_eq!(moved(&delivered, -minute * 2, -minute), (0, 0, 0));
    // The balance was read while it was charged, or about then by a clock that differs.
    for about in [-second * 9, second, second * 11] {
        assert_eq!(moved(&delivered, about, minute), (0, 0, 9_600), "{about}");
        assert_eq!(moved(&delivered, -minute, about), (0, 0, 9_600), "{about}");
    }

    let found_later = order(&[(State::Delivered, minute * 10)]);
    assert_eq!(moved(&found_later, minute * 5, minute * 20), (0, 0, 9_600), "its `pay` came late");
    assert_eq!(moved(&found_later, minute * 7, minute * 20), (0, 0, 0));

    let reversed = order(&[(State::Delivered, second), (State::Reversed, minute * 5)]);
    assert_eq!(moved(&reversed, -minute, minute * 10), (9_600, 9_600, 0));
    assert_eq!(moved(&reversed, -minute, minute), (9_600, 0, 9_600), "given back since then");
    // Nobody could ask for an hour. An answer that proves nothing does not tell whether it was given back.
    for (answer, expected) in [(Answer::Unclear, (0, 0, 9_600)), (Answer::Pending, (0, 9_600, 0))] {
        let mut late = order(&[(State::Pending, minute * 60), (State::Reversed, minute * 61)]);
        late.history[0].answer = Some(answer);
        assert_eq!(moved(&late, minute * 30, minute * 90), expected, "{answer:?}");
    }
    let open = order(&[]);
    assert_eq!(moved(&open, -minute, minute), (0, 0, 9_600));
    let failed = order(&[(State::Failed, minute)]);
    assert_eq!(moved(&failed, -minute, minute * 2), (0, 0, 0));
    for about in [-second * 9, second, second * 69] {
        let in_flight = moved(&failed, about, minute * 2);
        assert_eq!(in_flight, (0, 0, 9_600), "charged, and given back later: {about}");
    }
}

#[test]
fn what_nothing_explains_is_named_to_the_kobo() {
    let balance = |kobo: u64| Balance { at: MADE, balance_kobo: Kobo::new(kobo).unwrap() };
    let moved = Moved { charged_kobo: 9_600, returned_kobo: 100, ..Moved::default() };
    let movement =
        Movement { from: balance(50_000), to: balance(45_500), moved, top_ups_kobo: 5_000 };
    assert_eq!(movement.unexplained_kobo(), 0);
    let falsified = Movement { to: balance(45_499), ..movement.clone() };
    assert_eq!(falsified.unexplained_kobo(), -1);
    assert!(falsified.is_contradicted(0) && !falsified.is_contradicted(1));
    let in_flight = Moved { in_flight: 1, in_flight_kobo: 1, ..moved };
    let maybe = Movement { moved: in_flight, ..falsified };
    assert!(!maybe.is_contradicted(0) && !movement.is_contradicted(0));
}

/// What a value with these numbers in its fields is; each field has another one.
fn numbered<T: Serialize + DeserializeOwned>(empty: &T, from: u64) -> T {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(empty) else { panic!("no fields") };
    for (value, number) in fields.values_mut().zip(from..) {
        *value = number.into();
    }
    serde_json::from_value(Value::Object(fields)).unwrap()
}

/// Asserts that all fields of two values are added, but those that `larger` names.
fn adds<T>(larger: &str)
where
    T: Serialize + DeserializeOwned + Default + Clone + AddAssign,
{
    let (one, other): (T, T) = (numbered(&T::default(), 100), numbered(&T::default(), 7_000));
    let mut sum = one.clone();
    sum += other.clone();
    let [one, other, sum] = [one, other, sum].map(|it| serde_json::to_value(it).unwrap());
    for (name, value) in sum.as_object().unwrap() {
        let (one, other) = (one[name].as_u64().unwrap(), other[name].as_u64().unwrap());
        let expected = if name == larger { one.max(other) } else { one + other };
        assert_eq!(value.as_u64(), Some(expected), "{name}");
    }
}

#[test]
fn each_count_of_two_tallies_is_added_and_the_longest_wait_is_the_longer() {
    adds::<Tally>("longest_answer_ms");
    adds::<Earlier>("");
    adds::<Moved>("");
    let unreadable = |unreadable| Report { unreadable, ..Report::of_nothing(day("2026-11-28")) };
    let mut sum = unreadable(2);
    sum.add_all(&unreadable(3));
    assert_eq!(sum.unreadable, 5);
}

#[test]
fn each_end_of_an_earlier_order_stands_with_the_day_of_its_order() {
    let two_days = Duration::days(2);
    let ends = [State::Delivered, State::Failed, State::Reversed];
    let orders = ends.map(|end| order(&[(end, two_days)]));
    let expected = Earlier { delivered: 2, failed: 2, reversed: 2, refundable_kobo: 40_000 };
    let all = [orders.clone(), orders].concat();
    assert_eq!(report("2026-11-30", &all).earlier["2026-11-28"], expected);
}

#[test]
fn a_wait_for_a_person_is_counted_and_an_end_at_midnight_is_of_the_next_day() {
    let hour = Duration::HOUR;
    let waited = report("2026-11-28", &[order(&[(State::NeedsReview, hour)])]);
    assert_eq!((waited.needs_review, waited.open, waited.answered), (1, 1, 0));
    let midnight = day("2026-11-28").ends() - MADE;
    let first = report("2026-11-28", &[order(&[(State::Failed, midnight)])]);
    assert_eq!((first.open, first.failed), (1, 0));
}

#[test]
fn what_was_reversed_without_a_delivery_cost_nothing() {
    let at_once = report("2026-11-28", &[order(&[(State::Reversed, Duration::SECOND)])]);
    assert_eq!((at_once.reversed, at_once.reversed_cost_kobo), (1, 0));
}

#[test]
fn a_reading_at_the_very_moment_a_window_begins_or_ends_is_in_it() {
    let (second, minute) = (Duration::SECOND, Duration::MINUTE);
    let delivered = order(&[(State::Delivered, second * 2)]);
    assert_eq!(moved(&delivered, -second * 10, minute), (9_600, 0, 0), "all of it came after");
    assert_eq!(moved(&delivered, second * 12, minute), (0, 0, 9_600));
    let failed = order(&[(State::Failed, second * 2)]);
    assert_eq!(moved(&failed, -second * 10, minute), (0, 0, 0));
    assert_eq!(moved(&failed, -second * 9, minute), (0, 0, 9_600));
    // VTpass kept the money until then at least, by its answer of that moment.
    let mut reversed = order(&[(State::Delivered, second), (State::Reversed, minute * 10)]);
    reversed.history.insert(1, Attempt { at: MADE + minute * 10, ..reversed.history[0].clone() });
    assert_eq!(moved(&reversed, minute * 5, minute * 20), (0, 0, 9_600));
    let refill = Purchase { service_id: MTN_REFILL.to_owned(), ..delivered };
    assert_eq!(moved(&refill, -minute, minute), (0, 0, 0), "another wallet pays");
}

#[test]
fn a_report_is_shown_as_json_and_as_a_table() {
    let mut report = Report::of_nothing(day("2026-11-28"));
    report.add(&order(&[(State::Delivered, Duration::SECOND)]));
    let view = report.view();
    assert_eq!((&view["date"], &view["unreadable"]), (&json!("2026-11-28"), &json!(0)));
    for shown in [&view["services"][0], &view["total"]] {
        assert_eq!((&shown["orders"], &shown["cost_kobo"]), (&json!(1), &json!(9_600)));
        assert_eq!((&shown["earlier"], &shown["oldest_open_at"]), (&json!({}), &Value::Null));
    }
    assert_eq!(view["services"][0]["service_id"], "mtn");
    let cells = ",1,10000,1,10000,9600,0,400,0,0,0,0,0,1,1,1,1000,0,0,0,0\r\n";
    let expected = "date,service_id,orders,face_kobo,delivered,delivered_kobo,cost_kobo,cost_unknown,\
        commission_kobo,failed,reversed,reversed_cost_kobo,refundable_kobo,needs_review,answered,\
        answered_in_30_s,answered_in_24_h,longest_answer_ms,open,open_kobo,reconciled,contradicted\r\n"
        .to_owned()
        + &format!("2026-11-28,mtn{cells}2026-11-28,total{cells}");
    assert_eq!(report.csv(), expected);
}
