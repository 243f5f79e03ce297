use time::Duration;
use time::macros::datetime;

use super::*;
use crate::domain::money::Kobo;
use crate::domain::purchase::{Answer, Attempt, Source, State, samples};

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
    assert_eq!(contradicted(said(Duration::SECOND, Source::Requery)), 0, "it was open then");
    assert_eq!(contradicted(said(Duration::minutes(2), Source::Operator)), 0);
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
