//! What is sent, byte for byte, and how it is authorized.

use super::*;
use crate::domain::date::Date;
use crate::domain::money::Kobo;
use crate::domain::purchase::Verdict;

const CALLBACK: &str = "https://gateway.example/callbacks/mtn/r/t";

async fn mock() -> MockMtn {
    MockMtn::with_tokens(json(200, r#"{"statusCode":"0000","data":{"x":1.50}}"#)).await
}

/// The only call.
async fn only(mock: &MockMtn) -> Request {
    let mut calls = mock.calls().await;
    assert_eq!(calls.len(), 1);
    calls.remove(0)
}

fn headers<'a>(request: &'a Request, names: &[&'a str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| header(request, name)).collect()
}

#[tokio::test]
async fn every_question_is_posted_in_the_form_that_mtn_requires() {
    let [start, end] = ["2024-07-01", "2024-07-31"].map(|it| Date::parse(it).ok());
    let (page, limit) = (Some(2), Some(50));
    let (kind, sort) = (Some("voice".to_owned()), Some("desc".to_owned()));
    let first = start.unwrap();
    let callback = format!(r#","callBackUrl":"{CALLBACK}""#);
    let dates = r#","startDate":"20240701","endDate":"20240731""#;
    let usage = r#","startDate":"01-07-2024","endDate":"31-07-2024""#;
    for (query, path, rest) in [
        (Question::Balance, "balance", callback.clone()),
        (
            Question::Recharges { start, end, page, limit },
            "recharge/history",
            format!(r#"{callback}{dates},"pageNumber":2,"pageSize":50"#),
        ),
        (
            Question::RechargeSummary { start, end, page, limit },
            "recharge/airtime/summation",
            format!(r#"{callback}{dates},"pageNumber":2,"pageSize":50"#),
        ),
        (
            Question::Recharges { start: None, end: None, page: None, limit: None },
            "recharge/history",
            callback.clone(),
        ),
        (
            Question::Usage { start: first, end, kind: kind.clone(), page, sort },
            "usageHistory",
            format!(r#"{callback},"usageType":"voice"{usage},"pageNumber":2,"sort":"desc""#),
        ),
        (
            Question::Usage { start: first, end: None, kind: None, page: None, sort: None },
            "usageHistory",
            format!(r#"{callback},"startDate":"01-07-2024""#),
        ),
        (
            Question::UsageSummary { start, end, kind },
            "usageSummation",
            format!(r#","usageType":"voice"{usage}"#),
        ),
        (
            Question::UsageSummary { start: None, end: None, kind: None },
            "usageSummation",
            String::new(),
        ),
    ] {
        let mock = mock().await;
        let asked = mock.mtn.ask(&IDS, &msisdn(), &query, CALLBACK).await.unwrap();
        assert!(matches!(asked, Asked::Answered(data) if data.json.get() == r#"{"x":1.50}"#));
        let request = only(&mock).await;
        assert_eq!(line(&request), format!("POST /v2/consumption/{path}"));
        assert_eq!(body(&request), format!(r#"{{"msisdn":"2348031234567"{rest}}}"#));
        let names = ["transactionid", "traceid", "channelname", "x-api-key", "authorization"];
        let values = ["tx-1", "trace-1", "gateway", "key-1", "Bearer t1"].map(Some);
        assert_eq!(headers(&request, &names), values);
        let names = ["content-type", "accept"];
        assert_eq!(headers(&request, &names), [Some("application/json"); 2]);
    }
}

#[tokio::test]
async fn plans_are_requested_with_query_and_x_authorization() {
    let mock = mock().await;
    let query = PlansQuery {
        plan: Some(PlanKind::Data),
        momo: Some(true),
        fixed_line: Some(msisdn()),
        ..PlansQuery::default()
    };
    let secret = SecretString::from("ecw-s3cret");
    let data = mock.mtn.plans(&IDS, &msisdn(), &query, Some(&secret)).await.unwrap();
    assert_eq!((data.json.get(), data.partial), (r#"{"x":1.50}"#, false));
    let request = only(&mock).await;
    let expected =
        "GET /v2/customers/2348031234567/plans?plan=DATA&momo=true&fixedLine=2348031234567";
    assert_eq!((line(&request).as_str(), body(&request)), (expected, ""));
    assert_eq!(header(&request, "x-authorization"), Some("ecw-s3cret"));
    assert_eq!(header(&request, "x-api-key"), Some("key-1"));
}

#[tokio::test]
async fn x_authorization_is_not_sent_if_absent() {
    let mock = mock().await;
    mock.mtn.product_plans(&IDS, &msisdn(), "a/b c").await.unwrap();
    let request = only(&mock).await;
    assert_eq!(line(&request), "GET /v2/customers/2348031234567/plans/a%2Fb%20c");
    assert_eq!(
        (header(&request, "x-authorization"), header(&request, "content-type")),
        (None, None)
    );
    assert_eq!(headers(&request, &["transactionid", "traceid"]), [Some("tx-1"), Some("trace-1")]);
}

#[tokio::test]
async fn product_code_that_is_not_a_path_segment_is_not_sent() {
    let mock = mock().await;
    for code in ["", ".", ".."] {
        let error = mock.mtn.product_plans(&IDS, &msisdn(), code).await.unwrap_err();
        assert!(matches!(error, MtnError::Rejected(_)), "{code}");
    }
    assert!(mock.requests().await.is_empty());
}

#[tokio::test]
async fn premium_is_requested_with_our_transaction_id() {
    let mock = mock().await;
    let json = r#"{"receivingCustomerId":"2348031234567","product":"p","transactionType":"t",
        "amount":{"value":"100","type":"CURRENCY","unit":"NGN"},"quoteId":"q","message":"m",
        "accountHolderId":"a","transactionId":"theirs"}"#;
    let request: PremiumRequest = serde_json::from_str(json).unwrap();
    mock.mtn.premium(&IDS, &msisdn(), &request).await.unwrap();
    let request = only(&mock).await;
    assert_eq!(line(&request), "POST /v2/customers/2348031234567/plans");
    let expected = concat!(
        r#"{"transactionId":"tx-1","receivingCustomerId":"2348031234567","product":"p","#,
        r#""transactionType":"t","amount":{"value":"100","type":"CURRENCY","unit":"NGN"},"#,
        r#""accountHolderId":"a","quoteId":"q","message":"m"}"#
    );
    assert_eq!(body(&request), expected);
}

#[tokio::test]
async fn refill_is_sent_with_patch() {
    let code = SecretString::from("7777");
    let amount = Kobo::new(150_000).unwrap();
    for (refill, expected) in [
        (
            Refill::Voucherless { profile_id: "pr", amount },
            r#"{"refillType":"voucherless","refillProfileId":"pr","transactionAmount":"1500"}"#,
        ),
        (
            Refill::Voucher { code: &code },
            r#"{"refillType":"voucher","voucherActivationCode":"7777"}"#,
        ),
    ] {
        let mock = mock().await;
        let outcome = mock.mtn.refill(&IDS, &msisdn(), &refill, LIMIT).await;
        assert_eq!(outcome.verdict, Verdict::Delivered);
        let request = only(&mock).await;
        assert_eq!(line(&request), "PATCH /v2/customers/2348031234567/plans/refill");
        assert_eq!(body(&request), expected);
        let names = ["transactionid", "traceid", "sourcesystemid", "x-api-key", "authorization"];
        let values = ["tx-1", "trace-1", "gateway", "key-1", "Bearer t1"].map(Some);
        assert_eq!(headers(&request, &names), values);
        assert_eq!(header(&request, "channelname"), None);
    }
}

#[tokio::test]
async fn refill_that_cannot_be_written_is_not_sent() {
    let mock = mock().await;
    let refill = |kobo, ids| {
        let amount = Kobo::new(kobo).unwrap();
        let mtn = mock.mtn.clone();
        async move {
            let refill = Refill::Voucherless { profile_id: "p", amount };
            mtn.refill(&ids, &msisdn(), &refill, LIMIT).await
        }
    };
    let bad = Ids { transaction_id: "a\nb", trace_id: "t" };
    for outcome in [refill(150, IDS).await, refill(100, bad).await] {
        assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::Failed, "not_sent"));
    }
    assert!(mock.requests().await.is_empty());
}

#[tokio::test]
async fn refill_without_an_answer_in_time_needs_review_and_is_sent_once() {
    let (never, arrived) = no_answer();
    let mock = MockMtn::new(&[("MTN_PLANS_AUTH", "key")], tokens("3599"), never).await;
    let refill = Refill::Voucherless { profile_id: "p", amount: Kobo::new(100).unwrap() };
    let msisdn = msisdn();
    let call = mock.mtn.refill(&IDS, &msisdn, &refill, LIMIT);
    let outcome = until_timeout(call, &arrived).await;
    assert_eq!((outcome.verdict, outcome.code.as_str()), (Verdict::NeedsReview, "timeout"));
    assert_eq!(mock.calls().await.len(), 1);
}

#[tokio::test]
async fn each_api_has_its_own_authorization() {
    let basic = "Basic Y2xpZW50JjE6czNjcj10";
    for (vars, plans, consumption) in [
        ([("MTN_PLANS_AUTH", "oauth"), ("MTN_CONSUMPTION_AUTH", "basic")], "Bearer t1", basic),
        ([("MTN_PLANS_AUTH", "key"), ("MTN_CONSUMPTION_AUTH", "oauth")], "none", "Bearer t1"),
        ([("MTN_PLANS_AUTH", "basic"), ("MTN_CONSUMPTION_AUTH", "key")], basic, "none"),
    ] {
        let mock = MockMtn::new(&vars, tokens("3599"), json(401, "{}")).await;
        let authorizations = async || {
            let calls = mock.calls().await;
            assert!(calls.iter().all(|call| header(call, "x-api-key") == Some("key-1")));
            let value = |call| header(call, "authorization").unwrap_or("none").to_owned();
            calls.iter().map(value).collect::<Vec<_>>()
        };
        mock.mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
        let after_plans = authorizations().await;
        assert_eq!(after_plans[0], plans);
        mock.mtn.ask(&IDS, &msisdn(), &Question::Balance, CALLBACK).await.unwrap_err();
        let all = authorizations().await;
        let repeats = |authorization: &str| if authorization.starts_with("Bearer") { 2 } else { 1 };
        assert_eq!(after_plans.len(), repeats(plans), "only a token can be replaced");
        assert_eq!(all.len() - after_plans.len(), repeats(consumption));
        assert!(all[after_plans.len()].starts_with(consumption.split(' ').next().unwrap()));
    }
}

#[test]
fn error_names_the_missing_or_wrong_variable() {
    let set = [
        ("MTN_BASE_URL", "https://api.mtn.com/"),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ];
    let read = |pairs: &[(&str, &str)]| {
        Mtn::from_vars(&vars(pairs), &Environment::real()).map_err(|error| error.to_string())
    };
    assert!(read(&[]).unwrap().is_none());
    assert!(read(&[("MTN_PLANS_AUTH", "basic")]).unwrap().is_none());
    assert_eq!(read(&set).unwrap().unwrap().base_url, "https://api.mtn.com");
    for left_out in 0..set.len() {
        let mut some = set.to_vec();
        let (name, _) = some.remove(left_out);
        assert!(read(&some).unwrap_err().contains(&format!("{name} must be set")), "{name}");
    }
    for (name, value) in [
        ("MTN_PLANS_AUTH", "Basic"),
        ("MTN_CONSUMPTION_AUTH", "none"),
        ("MTN_BASE_URL", "api.mtn.com"),
        ("MTN_API_KEY", "k\n1"),
        ("MTN_CHANNEL_NAME", "c\n1"),
    ] {
        let error = read(&[&set[..], &[(name, value)]].concat()).unwrap_err();
        assert!(error.contains(&format!("variable {name} ")) && !error.contains(value), "{error}");
    }
    let colon = [("MTN_CLIENT_ID", "a:b"), ("MTN_PLANS_AUTH", "basic")];
    assert!(read(&[&set[..], &colon].concat()).unwrap_err().contains("MTN_CLIENT_ID must not"));
}

#[test]
fn debug_does_not_print_secrets() {
    let mtn = client("https://api.mtn.com", &[("MTN_PLANS_AUTH", "basic")], &Arc::default());
    assert_eq!(format!("{mtn:?}"), "Mtn { .. }");
    let mut headers = mtn.headers.of(&IDS).unwrap();
    let secret = call::secret_header(&SecretString::from("ecw-s3cret")).unwrap();
    headers.insert("x-authorization", secret);
    let Authorization::Basic(basic) = &mtn.plans else { panic!("basic was chosen") };
    let call = HttpCall::post("x", "/p".to_owned(), headers, &"s3cret body").unwrap();
    let printed = format!("{:?}", call.to_request(&mtn.base_url, Some(basic)).unwrap());
    assert!(printed.contains("x-authorization"), "{printed}");
    for secret in ["ecw-s3cret", "key-1", "Y2xpZW", "s3cret"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
