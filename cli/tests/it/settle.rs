//! `purchase settle`.

use serde_json::Value;
use shared::domain::purchase::State;

use crate::support::{DELIVERED, Gateway, PHONE, id, run};

fn last(purchase: &Value) -> &Value {
    purchase["history"].as_array().and_then(|lines| lines.last()).expect("a history")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_settled_purchase_is_what_the_tenant_reads_and_stays_settled() {
    let gateway = Gateway::start().await;
    for (to, safe) in [("delivered", false), ("failed", true), ("reversed", true)] {
        let purchase = gateway.needs_review(to).await;
        let id = id(&purchase);
        let reason = "  ticket 12: seen in the books ";
        let settle = ["--json", "purchase", "settle", id, "--to", to, "--reason", reason];
        let ended = gateway.run(&settle).await;
        assert_eq!(ended.stderr.contains("safe_to_refund: true"), safe, "{ended:?}");
        let settled = ended.json();
        assert_eq!((&settled["state"], &settled["safe_to_refund"]), (&to.into(), &safe.into()));

        let line = last(&settled);
        assert_eq!((&line["call"], &line["code"]), (&"operator".into(), &"settled".into()));
        assert_eq!(line["concluded"], to);
        assert_eq!(line["note"], "by ada: ticket 12: seen in the books");
        assert_eq!(line["at"], settled["updated_at"]);
        assert_eq!(settled["history"].as_array().unwrap().len(), 2, "{settled}");
        assert_eq!(gateway.show(id).await, settled);

        let api = gateway.api(id).await;
        assert_eq!((&api["state"], &api["safe_to_refund"]), (&to.into(), &safe.into()), "{api}");
        // A repeat under the same key shows the same, without the history.
        let repeated = gateway.buy(to, PHONE).await;
        for (field, value) in repeated.as_object().unwrap() {
            assert_eq!(api[field], *value, "{field}");
        }
        assert!(!api.to_string().contains("\"ada\""), "{api}");
        // Once settled, it stays settled, unless it was delivered and is reversed.
        let others = ["delivered", "failed", "reversed"];
        for again in others.into_iter().filter(|it| (to, *it) != ("delivered", "reversed")) {
            let message = gateway.settle(id, again).await.refused(1);
            assert!(message.contains(&format!("is {to}")), "{message}");
        }
        assert_eq!(gateway.show(id).await, settled);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reversal_that_no_answer_proves_is_recorded_by_a_person() {
    let gateway = Gateway::start().await;
    let bought = gateway.buy("delivered", DELIVERED).await;
    gateway.settle(id(&bought), "reversed").await.ok();
    let reversed = gateway.show(id(&bought)).await;
    assert_eq!(
        (&reversed["state"], &last(&reversed)["call"]),
        (&"reversed".into(), &"operator".into())
    );
    let api = gateway.api(id(&bought)).await;
    assert_eq!(
        (&api["state"], &api["safe_to_refund"]),
        (&"reversed".into(), &true.into()),
        "{api}"
    );
    let message = gateway.settle(id(&bought), "delivered").await.refused(1);
    assert!(message.contains("is reversed"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_needs_review_purchase_is_settled() {
    let gateway = Gateway::start().await;
    let bought = gateway.buy("delivered", DELIVERED).await;
    assert_eq!(bought["state"], "delivered", "{bought}");
    let before = gateway.show(id(&bought)).await;
    let message = gateway.settle(id(&bought), "failed").await.refused(1);
    assert!(message.contains("is delivered") && message.contains("nothing was written"));
    assert_eq!(gateway.show(id(&bought)).await, before);

    let pending = gateway.buy_scripted("pending", "099").await;
    let message = gateway.settle(id(&pending), "delivered").await.refused(1);
    assert!(message.contains("is pending"), "{message}");
    assert_eq!(gateway.api(id(&pending)).await["state"], "pending");

    let message = gateway.settle(&"0".repeat(32), "failed").await.refused(1);
    assert!(message.contains("no purchase"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_settlements_at_once_one_succeeds() {
    let (gateway, purchase) = Gateway::with_review().await;
    let id = id(&purchase);
    let (delivered, failed, again) = tokio::join!(
        gateway.settle(id, "delivered"),
        gateway.settle(id, "failed"),
        gateway.settle(id, "failed"),
    );
    let mut codes = [delivered.code, failed.code, again.code];
    codes.sort_unstable();
    assert_eq!(codes, [0, 1, 1]);
    let shown = gateway.show(id).await;
    assert_eq!(shown["history"].as_array().unwrap().len(), 2, "{shown}");
    assert_eq!(shown["state"], last(&shown)["concluded"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn settle_requires_a_reason_and_a_name_within_bounds() {
    let (gateway, purchase) = Gateway::with_review().await;
    let id = id(&purchase);
    let before = gateway.show(id).await;
    let settle = ["purchase", "settle", id, "--to", "failed"];
    let (long_reason, long_name) = ("a".repeat(501), "a".repeat(65));
    let refused = [
        (vec!["--reason", ""], "1 to 500 characters"),
        (vec!["--reason", " \t "], "1 to 500 characters"),
        (vec!["--reason", &long_reason], "1 to 500 characters"),
        (vec!["--reason", "two\nlines"], "control characters"),
        (vec!["--reason", "r", "--by", ""], "1 to 64 characters"),
        (vec!["--reason", "r", "--by", &long_name], "1 to 64 characters"),
        (vec!["--reason", "r", "--by", "a\u{7}b"], "control characters"),
        (vec![], "--reason"),
    ];
    for (arguments, message) in refused {
        let ended = gateway.run(&[&settle[..], &arguments].concat()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{ended:?}");
        assert!(ended.stderr.contains(message), "{ended:?}");
    }
    for state in State::OPEN {
        let to = ["purchase", "settle", id, "--reason", "r", "--to", state.name()];
        assert_eq!(gateway.run(&to).await.code, 2, "only a final state is settled for");
    }
    // Without --by, the operator's name is that of the environment.
    let arguments = [&settle[..], &["--reason", "r"]].concat();
    let ended = run(&arguments, &[("TELCO_GATEWAY_SANDBOX", gateway.url())]).await;
    assert_eq!(ended.code, 2, "{ended:?}");
    assert!(ended.stderr.contains("--by"), "{ended:?}");
    assert_eq!(gateway.show(id).await, before);

    // The longest reason, by the other id, under a given name.
    let (request_id, longest) = (purchase["request_id"].as_str().unwrap(), "é".repeat(500));
    let settle = ["purchase", "settle", request_id, "--to", "failed", "--by", "Chidi O."];
    let page = gateway.run(&[&settle[..], &["--reason", &longest]].concat()).await.ok();
    let line = page.lines().last().unwrap();
    for word in ["operator", "settled", "failed", &format!("by Chidi O.: {longest}")] {
        assert!(line.contains(word), "{page}");
    }
}
