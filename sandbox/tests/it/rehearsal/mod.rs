//! A rehearsal passes a careful application and finds the mistakes of careless ones.

mod shop;

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use sandbox::rehearsal::application::{Application, buy_by};
use sandbox::rehearsal::report::{Kind, Report};
use sandbox::rehearsal::{Plan, known_secret, rehearse};

use self::shop::{Mistakes, Shop};

async fn rehearsed(application: Application, from: u64, schedules: u64) -> Report {
    let plan = Plan { application, secret: known_secret(), port: 0, from, schedules };
    let mut counted = 0;
    let count = |done| {
        counted = done;
        ControlFlow::Continue(())
    };
    let report = rehearse(&plan, count).await.unwrap();
    assert_eq!((counted, report.schedules), (schedules, schedules));
    report
}

fn kinds(report: &Report) -> BTreeSet<Kind> {
    report.findings.iter().map(|it| it.kind).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_careful_application_passes() {
    let application = Shop::start(Mistakes::default()).await;
    // Twice, because it remembers what it refunded.
    for from in [1, 1, 41] {
        let report = rehearsed(application.clone(), from, 20).await;
        assert!(report.is_clean(), "{}", report.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_mistake_of_a_careless_application_is_found() {
    let none = Mistakes::default();
    for (mistakes, expected) in [
        (
            Mistakes { believes_everything: true, ..none },
            &[Kind::ForgedAccepted, Kind::RefundedTooEarly][..],
        ),
        (Mistakes { forgets_refunds: true, ..none }, &[Kind::RefundedTwice]),
        (Mistakes { refunds_reviews: true, ..none }, &[Kind::RefundedTooEarly]),
        (Mistakes { ignores_reversals: true, ..none }, &[Kind::RefundMissed]),
        (Mistakes { buys_again: true, ..none }, &[Kind::BoughtTwice]),
    ] {
        let application = Shop::start(mistakes).await;
        let report = rehearsed(application.clone(), 1, 40).await;
        let found = kinds(&report);
        for kind in expected {
            assert!(found.contains(kind), "{mistakes:?} {kind:?}: {}", report.text());
        }
        // The seed of a mistake shows it again, also to the same application.
        let first = &report.findings[0];
        let again = rehearsed(application, first.seed, 1).await;
        assert!(kinds(&again).contains(&first.kind), "{}", again.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_refuses_and_a_command_that_fails_are_found() {
    let refuses = Mistakes { refuses_everything: true, ..Mistakes::default() };
    let application = Application { buy: None, refunds: None, ..Shop::start(refuses).await };
    assert_eq!(kinds(&rehearsed(application, 1, 1).await), [Kind::TrueRefused].into());
    let commands = Application {
        buy: Some(buy_by("exit 3".to_owned())),
        ..Shop::start(Mistakes::default()).await
    };
    assert_eq!(kinds(&rehearsed(commands, 1, 1).await), [Kind::CommandFailed].into());
    let echo = sandbox::rehearsal::application::refunds_by("printf 'a\\n\\n b \\n'".to_owned());
    assert_eq!(echo().await.unwrap(), ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_that_buys_nothing_at_the_gateway_does_not_pass() {
    let shop = Shop::start(Mistakes::default()).await;
    let idle = Application { buy: Some(buy_by("true".to_owned())), ..shop };
    let report = rehearsed(idle.clone(), 1, 40).await;
    assert_eq!(kinds(&report), [Kind::NotBought].into(), "{}", report.text());
    // The gateway refused the orders of the other seeds: one may give them up, but not all of them.
    let found: BTreeSet<u64> = report.findings.iter().map(|it| it.seed).collect();
    let refused = (1..=40).find(|seed| !found.contains(seed)).expect("an outage");
    let only = rehearsed(idle, refused, 1).await;
    assert_eq!(kinds(&only), [Kind::NotBought].into(), "{}", only.text());
    let gives_up = Shop::start(Mistakes { gives_up: true, ..Mistakes::default() }).await;
    let report = rehearsed(gives_up, 1, 40).await;
    assert!(report.is_clean(), "{}", report.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_rehearsal_reports_what_it_found_until_then() {
    let mistakes = Mistakes { believes_everything: true, ..Mistakes::default() };
    let application = Shop::start(mistakes).await;
    let plan = Plan { application, secret: known_secret(), port: 0, from: 1, schedules: 40 };
    let report = rehearse(&plan, |done| match done {
        3 => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    });
    let report = report.await.unwrap();
    assert_eq!(report.schedules, 3);
    assert!(report.text().contains("It ended early: it was interrupted"), "{}", report.text());
    assert!(kinds(&report).contains(&Kind::ForgedAccepted), "{}", report.text());
}
