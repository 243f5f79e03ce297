//! When a token is fetched, kept, renewed and refused.

use futures_util::future::join_all;

use super::*;
use crate::domain::money::Kobo;
use crate::domain::purchase::Verdict;

const VOUCHERLESS: Refill<'static> = Refill::Voucherless { profile_id: "p", amount: Kobo::MAX };

async fn read(mock: &MockMtn) -> Result<Data, MtnError> {
    mock.mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await
}

async fn refill(mock: &MockMtn) -> Outcome {
    mock.mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await
}

fn data(_: &Request) -> ResponseTemplate {
    json(200, r#"{"data":1}"#)
}

fn bearers(calls: &[Request]) -> Vec<&str> {
    calls.iter().map(|call| header(call, "authorization").unwrap_or("none")).collect()
}

/// Accepts only the token with this number.
fn accepts_only(number: usize) -> impl Respond {
    let accepted = format!("Bearer t{number}");
    move |request: &Request| match header(request, "authorization") == Some(&accepted) {
        true => data(request),
        false => json(401, r#"{"statusCode":"4000","statusMessage":"m"}"#),
    }
}

#[tokio::test]
async fn token_request_has_the_form_that_mtn_requires() {
    let mock = MockMtn::with_tokens(data).await;
    read(&mock).await.unwrap();
    let request = &mock.requests().await[0];
    assert_eq!(line(request), "POST /v1/oauth/access_token?grant_type=client_credentials");
    assert_eq!(header(request, "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(body(request), "client_id=client%261&client_secret=s3cr%3Dt");
    assert_eq!(header(request, "authorization"), None);
    assert_eq!(bearers(&mock.calls().await), ["Bearer t1"]);
}

#[tokio::test]
async fn token_is_used_until_30_s_before_it_expires() {
    let mock = MockMtn::new(&[], tokens(r#""3599""#), data).await;
    for (turn, tokens) in [(0, 1), (3_569, 1), (1, 2), (3_569, 2), (1, 3)] {
        mock.advance_clock(turn);
        read(&mock).await.unwrap();
        assert_eq!(mock.token_count().await, tokens, "after {turn} s more");
    }
}

#[tokio::test]
async fn refill_requires_a_token_with_60_s_left() {
    let mock = MockMtn::new(&[], tokens(r#""3599""#), data).await;
    read(&mock).await.unwrap();
    mock.advance_clock(3_539);
    refill(&mock).await;
    assert_eq!(mock.token_count().await, 1);
    mock.advance_clock(1);
    read(&mock).await.unwrap();
    assert_eq!(mock.token_count().await, 1, "good enough for a read");
    refill(&mock).await;
    assert_eq!(mock.token_count().await, 2, "not for a refill");
    assert_eq!(bearers(&mock.calls().await).last(), Some(&"Bearer t2"));
}

#[tokio::test]
async fn lifetime_is_a_text_or_a_number_and_60_s_otherwise() {
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
        let mock = MockMtn::new(&[], tokens(written), data).await;
        assert_eq!(refill(&mock).await.verdict, Verdict::Delivered, "{written}");
        mock.advance_clock(seconds);
        read(&mock).await.unwrap();
        assert_eq!(mock.token_count().await, 1, "{written}");
        mock.advance_clock(1);
        read(&mock).await.unwrap();
        assert_eq!(mock.token_count().await, 2, "{written}");
    }
}

#[tokio::test]
async fn new_token_with_a_short_lifetime_is_for_reads_only() {
    let mock = MockMtn::new(&[], tokens(r#""59""#), data).await;
    let outcome = refill(&mock).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "no_token"));
    assert!(mock.calls().await.is_empty(), "no refill was sent");
    let mock = MockMtn::new(&[], tokens("1"), data).await;
    read(&mock).await.unwrap();
}

#[tokio::test]
async fn refused_token_leads_to_one_new_token_and_one_repeat() {
    let mock = MockMtn::with_tokens(accepts_only(2)).await;
    read(&mock).await.unwrap();
    assert_eq!(bearers(&mock.calls().await), ["Bearer t1", "Bearer t2"]);
    read(&mock).await.unwrap();
    assert_eq!((mock.token_count().await, mock.calls().await.len()), (2, 3));
}

#[tokio::test]
async fn refill_with_a_refused_token_is_not_repeated_and_the_next_one_has_a_new_token() {
    let mock = MockMtn::with_tokens(accepts_only(2)).await;
    assert_eq!(refill(&mock).await.verdict, Verdict::Failed);
    assert_eq!(bearers(&mock.calls().await), ["Bearer t1"]);
    assert_eq!(refill(&mock).await.verdict, Verdict::Delivered);
    assert_eq!(bearers(&mock.calls().await), ["Bearer t1", "Bearer t2"]);
}

#[tokio::test]
async fn reads_with_the_same_refused_token_share_the_next_token() {
    let mock = MockMtn::with_tokens(accepts_only(2)).await;
    let reads = join_all((0..10).map(|_| read(&mock))).await;
    assert!(reads.iter().all(Result::is_ok));
    assert_eq!(mock.token_count().await, 2);
}

#[tokio::test]
async fn only_the_refused_token_is_dropped() {
    let mock = MockMtn::new(&[], tokens("3599"), data).await;
    read(&mock).await.unwrap();
    let Authorization::OAuth(tokens) = &mock.mtn.plans else { panic!("tokens are the default") };
    let bearer = |refused: &'static str| {
        let refused = HeaderValue::from_static(refused);
        let deadline = Deadline::after(LIMIT);
        async move { tokens.bearer(TokenUse::Read, deadline, Some(&refused)).await.unwrap() }
    };
    assert_eq!(bearer("Bearer t0").await, "Bearer t1");
    assert_eq!(bearer("Bearer t1").await, "Bearer t2");
    assert_eq!(bearer("Bearer t1").await, "Bearer t2");
    assert_eq!(mock.token_count().await, 2);
}

#[tokio::test]
async fn errors_other_than_401_are_not_repeated() {
    for status in [400, 403, 404, 408, 429, 500, 502, 503, 504] {
        let mock = MockMtn::with_tokens(json(status, r#"{"data":null}"#)).await;
        read(&mock).await.unwrap_err();
        assert_eq!((mock.token_count().await, mock.calls().await.len()), (1, 1), "{status}");
    }
}

#[tokio::test]
async fn without_a_token_no_call_is_made() {
    let refused = (Verdict::Failed, "token_refused", Some(Alarm::MtnRefusesCredentials));
    let none = (Verdict::Failed, "no_token", None);
    let unreadable = "MTN is unavailable: no token: its answer could not be understood";
    for (status, body, expected, error) in [
        (400, "{}", refused, "MTN refuses our credentials with http_400"),
        (401, "<html>", refused, "MTN refuses our credentials with http_401"),
        (403, r#"{"statusCode":"4000"}"#, refused, "MTN refuses our credentials with 4000"),
        (429, "", none, "MTN limits our rate"),
        (404, "{}", none, "MTN is unavailable: no token: it answered 404"),
        (500, "{}", none, "MTN is unavailable: no token: it answered 500"),
        (302, "", none, "MTN is unavailable: no token: it answered 302"),
        (200, "<html>", none, unreadable),
        (200, "{}", none, unreadable),
        (200, r#"{"access_token":""}"#, none, unreadable),
        (200, r#"{"access_token":"a\nb"}"#, none, unreadable),
    ] {
        let mock = MockMtn::new(&[], json(status, body), json(status, body)).await;
        let outcome = refill(&mock).await;
        let shown = (outcome.verdict, outcome.code.as_str(), outcome.alarm);
        assert_eq!(shown, expected, "{status} {body}");
        let refused = mock.mtn.credential_refusals.any();
        assert_eq!(refused, outcome.alarm.is_some(), "{status} {body}");
        let read = read(&mock).await.unwrap_err();
        assert_eq!(read.to_string(), error, "{status} {body}");
        assert!(!read.may_answer_later(), "nothing was asked: {status} {body}");
        assert!(mock.calls().await.is_empty(), "{status} {body}");
    }
}

#[tokio::test]
async fn token_that_does_not_come_in_time_fails_the_refill() {
    let (never, arrived) = no_answer();
    let mock = MockMtn::new(&[], never, data).await;
    let begun = tokio::time::Instant::now();
    let (msisdn, limit) = (msisdn(), Duration::from_secs(3));
    let call = mock.mtn.refill(&IDS, &msisdn, &VOUCHERLESS, limit);
    let outcome = until_timeout(call, &arrived).await;
    assert!(begun.elapsed() < Duration::from_secs(4), "the limit of the refill includes the token");
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "no_token"));
    assert!(mock.calls().await.is_empty());
}

#[tokio::test]
async fn mtn_that_gives_no_token_in_time_is_not_asked_again_and_again() {
    let (never, arrived) = no_answer();
    let mock = MockMtn::new(&[], never, data).await;
    for _ in 0..3 {
        mock.mtn.check().unwrap();
        let error = until_timeout(read(&mock), &arrived).await.unwrap_err();
        assert_eq!(error.to_string(), "MTN is unavailable: no token: no answer in time");
        tokio::time::resume();
    }
    assert!(matches!(mock.mtn.check(), Err(MtnError::Down(_))));
}

#[tokio::test]
async fn unreachable_mtn_was_not_called() {
    // Nothing listens on port 1 of this machine.
    let now = Arc::default();
    let url = "http://127.0.0.1:1";
    let mtn = client(url, &[], &now);
    let read = mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
    assert!(matches!(&read, MtnError::Unavailable(_)) && !read.may_answer_later());
    let outcome = mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "no_token"));
    // Where no token is needed, the refill itself finds no connection.
    let mtn = client(url, &[("MTN_PLANS_AUTH", "key")], &now);
    let outcome = mtn.refill(&IDS, &msisdn(), &VOUCHERLESS, LIMIT).await;
    let shown = (outcome.verdict, outcome.code.as_str());
    assert_eq!(shown, (Verdict::NeedsReview, "no_connection"));
}

#[tokio::test]
async fn mtn_that_is_down_is_not_asked() {
    // Nothing listens on port 1 of this machine.
    let mtn = client("http://127.0.0.1:1", &[], &Arc::default());
    for _ in 0..5 {
        mtn.check().unwrap();
        mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
    }
    assert!(matches!(mtn.check(), Err(MtnError::Down(_))));
    assert!(matches!(mtn.admit(), Err(MtnError::Down(_))));
    let read = mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
    assert!(matches!(read, MtnError::Down(_)) && !read.may_answer_later());
}
