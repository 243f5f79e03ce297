use std::time::Duration;

use futures_util::future::join_all;

use super::rig::{IDS, Reply, Rig, Seen, msisdn, ok, token};
use super::*;
use crate::money::Kobo;

const LIMIT: Duration = Duration::from_secs(10);
const VOUCHERLESS: Refill<'static> = Refill::Voucherless { profile_id: "p", amount: Kobo::MAX };

async fn read(rig: &Rig) -> Result<Data, MtnError> {
    rig.mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await
}

async fn refill(rig: &Rig) -> Refilled {
    rig.mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await
}

fn bearers(calls: &[Seen]) -> Vec<&str> {
    calls.iter().map(|call| call.header("authorization").unwrap_or("none")).collect()
}

/// Takes only the token with this number.
fn takes_only(number: usize) -> impl Fn(&Seen) -> Reply {
    let good = format!("Bearer t{number}");
    move |seen| match seen.header("authorization") == Some(&good) {
        true => ok(r#"{"data":1}"#),
        false => Some((401, r#"{"statusCode":"4000","statusMessage":"m"}"#.to_owned())),
    }
}

/// An MTN whose tokens live so long.
async fn living(expires_in: &'static str) -> Rig {
    Rig::new(&[], move |seen, tokens| match seen.is_token() {
        true => token(tokens, expires_in),
        false => ok(r#"{"data":1}"#),
    })
    .await
}

#[tokio::test]
async fn the_token_is_asked_for_as_mtn_wants_it() {
    let rig = Rig::with_tokens(|_| ok(r#"{"data":1}"#)).await;
    read(&rig).await.unwrap();
    let seen = &rig.all()[0];
    assert_eq!(seen.line, "POST /v1/oauth/access_token?grant_type=client_credentials");
    assert_eq!(seen.header("content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(seen.body, "client_id=client%261&client_secret=s3cr%3Dt");
    assert_eq!(seen.header("authorization"), None);
    assert_eq!(bearers(&rig.calls()), ["Bearer t1"]);
}

#[tokio::test]
async fn a_token_is_used_until_shortly_before_it_expires() {
    let rig = living(r#""3599""#).await;
    for (turn, tokens) in [(0, 1), (3_569, 1), (1, 2), (3_569, 2), (1, 3)] {
        rig.turn_clock(turn);
        read(&rig).await.unwrap();
        assert_eq!(rig.tokens(), tokens, "after {turn} s more");
    }
}

#[tokio::test]
async fn a_refill_wants_a_token_with_a_minute_left() {
    let rig = living(r#""3599""#).await;
    read(&rig).await.unwrap();
    rig.turn_clock(3_539);
    refill(&rig).await;
    assert_eq!(rig.tokens(), 1);
    rig.turn_clock(1);
    read(&rig).await.unwrap();
    assert_eq!(rig.tokens(), 1, "good enough for a read");
    refill(&rig).await;
    assert_eq!(rig.tokens(), 2, "not for a refill");
    assert_eq!(bearers(&rig.calls()).last(), Some(&"Bearer t2"));
}

#[tokio::test]
async fn the_lifetime_is_a_text_or_a_number_and_else_a_minute() {
    for (written, seconds) in [
        ("3599", 3_569),
        (r#""3599""#, 3_569),
        (r#"" 100 ""#, 70),
        ("null", 30),
        (r#""soon""#, 30),
        ("-5", 30),
        ("1.5", 30),
        ("[]", 30),
        ("99999999999999999999", 30),
        ("9999999999", 86_370),
    ] {
        let rig = living(written).await;
        assert_eq!(refill(&rig).await.verdict, RefillVerdict::Delivered, "{written}");
        rig.turn_clock(seconds);
        read(&rig).await.unwrap();
        assert_eq!(rig.tokens(), 1, "{written}");
        rig.turn_clock(1);
        read(&rig).await.unwrap();
        assert_eq!(rig.tokens(), 2, "{written}");
    }
}

#[tokio::test]
async fn a_token_that_is_born_old_serves_a_read_and_no_refill() {
    let rig = living(r#""59""#).await;
    let refilled = refill(&rig).await;
    assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Failed, "no_token"));
    assert!(rig.calls().is_empty(), "no refill was sent");
    let rig = living("1").await;
    read(&rig).await.unwrap();
}

#[tokio::test]
async fn many_reads_share_one_token() {
    let rig = Rig::with_tokens(|_| ok(r#"{"data":1}"#)).await;
    let read = |mtn: Mtn| async move {
        mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap();
    };
    join_all((0..20).map(|_| read(rig.mtn.clone()))).await;
    assert_eq!((rig.tokens(), rig.calls().len()), (1, 20));
}

#[tokio::test]
async fn a_refused_token_costs_one_more_and_one_repeat() {
    let rig = Rig::with_tokens(takes_only(2)).await;
    read(&rig).await.unwrap();
    assert_eq!(bearers(&rig.calls()), ["Bearer t1", "Bearer t2"]);
    read(&rig).await.unwrap();
    assert_eq!((rig.tokens(), rig.calls().len()), (2, 3));
}

#[tokio::test]
async fn a_read_that_is_refused_twice_is_not_repeated_again() {
    let rig = Rig::with_tokens(takes_only(9)).await;
    let error = read(&rig).await.unwrap_err();
    assert!(matches!(error, MtnError::CredentialsRefused(code) if code == "4000"));
    assert_eq!((rig.tokens(), rig.calls().len()), (2, 2));
}

#[tokio::test]
async fn reads_that_meet_the_same_refused_token_share_the_next_one() {
    let rig = Rig::with_tokens(takes_only(2)).await;
    let reads = join_all((0..10).map(|_| read(&rig))).await;
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(rig.tokens(), 2);
}

#[tokio::test]
async fn only_the_refused_token_is_dropped() {
    let rig = living("3599").await;
    read(&rig).await.unwrap();
    let Way::OAuth(tokens) = &rig.mtn.plans else { panic!("tokens are the default") };
    let bearer = |refused: &'static str| {
        let refused = HeaderValue::from_static(refused);
        let deadline = Deadline::after(LIMIT);
        async move { tokens.bearer(Need::Read, deadline, Some(&refused)).await.unwrap() }
    };
    assert_eq!(bearer("Bearer t0").await, "Bearer t1");
    assert_eq!(bearer("Bearer t1").await, "Bearer t2");
    assert_eq!(bearer("Bearer t1").await, "Bearer t2");
    assert_eq!(rig.tokens(), 2);
}

#[tokio::test]
async fn other_errors_than_401_are_not_repeated() {
    for status in [400, 403, 404, 408, 429, 500, 502, 503, 504] {
        let rig = Rig::with_tokens(move |_| Some((status, r#"{"data":null}"#.to_owned()))).await;
        read(&rig).await.unwrap_err();
        assert_eq!((rig.tokens(), rig.calls().len()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn a_refill_is_never_repeated_and_drops_the_refused_token() {
    let rig = Rig::with_tokens(takes_only(2)).await;
    let first = refill(&rig).await;
    assert_eq!((first.verdict, first.code.as_str()), (RefillVerdict::Failed, "4000"));
    assert_eq!(first.alarm, Some("mtn_refuses_credentials"));
    assert_eq!((rig.tokens(), rig.calls().len()), (1, 1));
    let second = refill(&rig).await;
    assert_eq!(second.verdict, RefillVerdict::Delivered);
    assert_eq!(bearers(&rig.calls()), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn without_a_token_nothing_is_asked_or_sent() {
    let refused = (RefillVerdict::Failed, "token_refused", Some("mtn_refuses_credentials"));
    let none = (RefillVerdict::Failed, "no_token", None);
    for (status, body, expected, error) in [
        (400, "{}", refused, "MTN refuses our credentials with http_400"),
        (401, "<html>", refused, "MTN refuses our credentials with http_401"),
        (403, r#"{"statusCode":"4000"}"#, refused, "MTN refuses our credentials with 4000"),
        (429, "", none, "MTN limits our rate"),
        (404, "{}", none, "MTN is unavailable: no token: it answered 404"),
        (500, "{}", none, "MTN is unavailable: no token: it answered 500"),
        (302, "", none, "MTN is unavailable: no token: it answered 302"),
        (200, "<html>", none, "MTN is unavailable: no token: its answer could not be understood"),
        (200, "{}", none, "MTN is unavailable: no token: its answer could not be understood"),
        (
            200,
            r#"{"access_token":""}"#,
            none,
            "MTN is unavailable: no token: its answer could not be understood",
        ),
        (
            200,
            r#"{"access_token":"a\nb"}"#,
            none,
            "MTN is unavailable: no token: its answer could not be understood",
        ),
    ] {
        let rig = Rig::new(&[], move |_, _| Some((status, body.to_owned()))).await;
        let refilled = refill(&rig).await;
        let shown = (refilled.verdict, refilled.code.as_str(), refilled.alarm);
        assert_eq!(shown, expected, "{status} {body}");
        let read = read(&rig).await.unwrap_err();
        assert_eq!(read.to_string(), error, "{status} {body}");
        assert!(!read.may_answer_later(), "nothing was asked: {status} {body}");
        assert!(rig.calls().is_empty(), "{status} {body}");
    }
}

#[tokio::test]
async fn a_token_that_does_not_come_in_time_is_none() {
    let rig = Rig::new(&[], |_, _| None).await;
    let limit = Duration::from_millis(50);
    let refilled = rig.mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, limit).await;
    assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Failed, "no_token"));
    assert!(rig.calls().is_empty());
}

#[tokio::test]
async fn an_mtn_out_of_reach_was_asked_nothing() {
    // Port 1 of this machine has no listener.
    let now = std::sync::Arc::default();
    let url = "http://127.0.0.1:1";
    let mtn = super::rig::client(url, &[], &now);
    let read = mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
    assert!(matches!(&read, MtnError::Unavailable(_)) && !read.may_answer_later());
    let refilled = mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await;
    assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Failed, "no_token"));
    // Without a token to fetch it is the refill itself that finds nobody.
    let mtn = super::rig::client(url, &[("MTN_PLANS_AUTH", "key")], &now);
    let refilled = mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await;
    let shown = (refilled.verdict, refilled.code.as_str());
    assert_eq!(shown, (RefillVerdict::Unclear, "no_connection"));
}
