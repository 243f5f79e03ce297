//! What goes out, byte for byte, and how it is authorized.

use std::sync::Arc;

use super::rig::{IDS, Rig, Seen, client, msisdn, ok};
use super::*;
use crate::money::Kobo;

const CALLBACK: &str = "https://gateway.example/callbacks/mtn/r/t";

async fn rig() -> Rig {
    Rig::with_tokens(|_| ok(r#"{"statusCode":"0000","data":{"x":1.50}}"#)).await
}

fn only(rig: &Rig) -> Seen {
    let calls = rig.calls();
    assert_eq!(calls.len(), 1);
    calls[0].clone()
}

fn shown<'a>(seen: &'a Seen, names: &[&'a str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| seen.header(name)).collect()
}

#[tokio::test]
async fn every_question_is_posted_as_mtn_wants_it() {
    let [start, end] = ["2024-07-01", "2024-07-31"].map(|it| Date::parse(it).ok());
    let (page, limit) = (Some(2), Some(50));
    let (kind, sort) = (Some("voice".to_owned()), Some("desc".to_owned()));
    let first = start.unwrap();
    let callback = format!(r#","callBackUrl":"{CALLBACK}""#);
    let dates = r#","startDate":"20240701","endDate":"20240731""#;
    let usage = r#","startDate":"01-07-2024","endDate":"31-07-2024""#;
    for (query, path, rest) in [
        (Query::Balance, "balance", callback.clone()),
        (
            Query::Recharges { start, end, page, limit },
            "recharge/history",
            format!(r#"{callback}{dates},"pageNumber":2,"pageSize":50"#),
        ),
        (
            Query::RechargeSummary { start, end, page, limit },
            "recharge/airtime/summation",
            format!(r#"{callback}{dates},"pageNumber":2,"pageSize":50"#),
        ),
        (
            Query::Recharges { start: None, end: None, page: None, limit: None },
            "recharge/history",
            callback.clone(),
        ),
        (
            Query::Usage { start: first, end, kind: kind.clone(), page, sort },
            "usageHistory",
            format!(r#"{callback},"usageType":"voice"{usage},"pageNumber":2,"sort":"desc""#),
        ),
        (
            Query::Usage { start: first, end: None, kind: None, page: None, sort: None },
            "usageHistory",
            format!(r#"{callback},"startDate":"01-07-2024""#),
        ),
        (
            Query::UsageSummary { start, end, kind },
            "usageSummation",
            format!(r#","usageType":"voice"{usage}"#),
        ),
        (
            Query::UsageSummary { start: None, end: None, kind: None },
            "usageSummation",
            String::new(),
        ),
    ] {
        let rig = rig().await;
        let asked = rig.mtn.ask(&IDS, &msisdn(), &query, CALLBACK).await.unwrap();
        assert!(matches!(asked, Asked::Answered(data) if data.json.get() == r#"{"x":1.50}"#));
        let seen = only(&rig);
        assert_eq!(seen.line, format!("POST /v2/consumption/{path}"));
        assert_eq!(seen.body, format!(r#"{{"msisdn":"2348031234567"{rest}}}"#));
        let names = ["transactionid", "traceid", "channelname", "x-api-key", "authorization"];
        let values = ["tx-1", "trace-1", "gateway", "key-1", "Bearer t1"].map(Some);
        assert_eq!(shown(&seen, &names), values);
        let names = ["content-type", "accept"];
        assert_eq!(shown(&seen, &names), [Some("application/json"); 2]);
    }
}

#[tokio::test]
async fn plans_are_asked_with_query_and_passed_on_authorization() {
    let rig = rig().await;
    let query = PlansQuery {
        plan: Some(PlanKind::Data),
        momo: Some(true),
        fixed_line: Some(msisdn()),
        ..PlansQuery::default()
    };
    let secret = SecretString::from("ecw-s3cret");
    let data = rig.mtn.plans(&IDS, &msisdn(), &query, Some(&secret)).await.unwrap();
    assert_eq!((data.json.get(), data.partial), (r#"{"x":1.50}"#, false));
    let seen = only(&rig);
    let line = "GET /v2/customers/2348031234567/plans?plan=DATA&momo=true&fixedLine=2348031234567";
    assert_eq!((seen.line.as_str(), seen.body.as_str()), (line, ""));
    assert_eq!(seen.header("x-authorization"), Some("ecw-s3cret"));
    assert_eq!(seen.header("x-api-key"), Some("key-1"));
}

#[tokio::test]
async fn without_an_x_authorization_none_is_sent() {
    let rig = rig().await;
    rig.mtn.product_plans(&IDS, &msisdn(), "a/b c").await.unwrap();
    let seen = only(&rig);
    assert_eq!(seen.line, "GET /v2/customers/2348031234567/plans/a%2Fb%20c");
    assert_eq!((seen.header("x-authorization"), seen.header("content-type")), (None, None));
    assert_eq!(shown(&seen, &["transactionid", "traceid"]), [Some("tx-1"), Some("trace-1")]);
}

#[tokio::test]
async fn a_product_code_that_is_no_segment_is_not_asked() {
    let rig = rig().await;
    for code in ["", ".", ".."] {
        let error = rig.mtn.product_plans(&IDS, &msisdn(), code).await.unwrap_err();
        assert!(matches!(error, MtnError::Rejected(_)), "{code}");
    }
    assert!(rig.all().is_empty());
}

#[tokio::test]
async fn a_premium_is_asked_with_our_transaction_id() {
    let rig = rig().await;
    let json = r#"{"receivingCustomerId":"2348031234567","product":"p","transactionType":"t",
        "amount":{"value":"100","type":"CURRENCY","unit":"NGN"},"quoteId":"q","message":"m",
        "accountHolderId":"a","transactionId":"theirs"}"#;
    let request: PremiumRequest = serde_json::from_str(json).unwrap();
    rig.mtn.premium(&IDS, &msisdn(), &request).await.unwrap();
    let seen = only(&rig);
    assert_eq!(seen.line, "POST /v2/customers/2348031234567/plans");
    let expected = concat!(
        r#"{"transactionId":"tx-1","receivingCustomerId":"2348031234567","product":"p","#,
        r#""transactionType":"t","amount":{"value":"100","type":"CURRENCY","unit":"NGN"},"#,
        r#""accountHolderId":"a","quoteId":"q","message":"m"}"#
    );
    assert_eq!(seen.body, expected);
}

#[tokio::test]
async fn a_refill_is_patched() {
    let code = SecretString::from("7777");
    let amount = Kobo::new(150_000).unwrap();
    for (refill, body) in [
        (
            Refill::Voucherless { profile_id: "pr", amount },
            r#"{"refillType":"voucherless","refillProfileId":"pr","transactionAmount":"1500"}"#,
        ),
        (
            Refill::Voucher { code: &code },
            r#"{"refillType":"voucher","voucherActivationCode":"7777"}"#,
        ),
    ] {
        let rig = rig().await;
        let refilled = rig.mtn.refill(&IDS, &msisdn(), &refill, Duration::from_secs(9)).await;
        assert_eq!(refilled.verdict, RefillVerdict::Delivered);
        let seen = only(&rig);
        assert_eq!(seen.line, "PATCH /v2/customers/2348031234567/plans/refill");
        assert_eq!(seen.body, body);
        let names = ["transactionid", "traceid", "sourcesystemid", "x-api-key", "authorization"];
        let values = ["tx-1", "trace-1", "gateway", "key-1", "Bearer t1"].map(Some);
        assert_eq!(shown(&seen, &names), values);
        assert_eq!(seen.header("channelname"), None);
    }
}

#[tokio::test]
async fn a_refill_that_cannot_be_written_is_not_sent() {
    let rig = rig().await;
    let refill = |kobo, ids| {
        let amount = Kobo::new(kobo).unwrap();
        let mtn = rig.mtn.clone();
        async move {
            let refill = Refill::Voucherless { profile_id: "p", amount };
            mtn.refill(&ids, &msisdn(), &refill, Duration::from_secs(9)).await
        }
    };
    let bad = Ids { transaction_id: "a\nb", trace_id: "t" };
    for refilled in [refill(150, IDS).await, refill(100, bad).await] {
        assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Failed, "not_sent"));
    }
    assert!(rig.all().is_empty());
}

#[tokio::test]
async fn a_refill_without_an_answer_in_its_time_is_unclear_and_sent_once() {
    let rig = Rig::new(&[("MTN_PLANS_AUTH", "key")], |_, _| None).await;
    let amount = Kobo::new(100).unwrap();
    let refill = Refill::Voucherless { profile_id: "p", amount };
    let refilled = rig.mtn.refill(&IDS, &msisdn(), &refill, Duration::from_millis(200)).await;
    assert_eq!((refilled.verdict, refilled.code.as_str()), (RefillVerdict::Unclear, "timeout"));
    assert!(rig.calls().len() <= 1);
}

#[tokio::test]
async fn each_api_has_its_way_to_authorize() {
    let basic = "Basic Y2xpZW50JjE6czNjcj10";
    for (vars, plans, consumption) in [
        ([("MTN_PLANS_AUTH", "oauth"), ("MTN_CONSUMPTION_AUTH", "basic")], "Bearer t1", basic),
        ([("MTN_PLANS_AUTH", "key"), ("MTN_CONSUMPTION_AUTH", "oauth")], "none", "Bearer t1"),
        ([("MTN_PLANS_AUTH", "basic"), ("MTN_CONSUMPTION_AUTH", "key")], basic, "none"),
    ] {
        let rig = Rig::new(&vars, |seen, tokens| match seen.is_token() {
            true => super::rig::token(tokens, "3599"),
            false => Some((401, "{}".to_owned())),
        })
        .await;
        let calls = |rig: &Rig| {
            let calls = rig.calls();
            let value = |it: &Seen| it.header("authorization").unwrap_or("none").to_owned();
            assert!(calls.iter().all(|it| it.header("x-api-key") == Some("key-1")));
            calls.iter().map(value).collect::<Vec<_>>()
        };
        rig.mtn.plans(&IDS, &msisdn(), &PlansQuery::default(), None).await.unwrap_err();
        let after_plans = calls(&rig);
        assert_eq!(after_plans[0], plans);
        rig.mtn.ask(&IDS, &msisdn(), &Query::Balance, CALLBACK).await.unwrap_err();
        let all = calls(&rig);
        let repeats = |way: &str| if way.starts_with("Bearer") { 2 } else { 1 };
        assert_eq!(after_plans.len(), repeats(plans), "only a token has a successor");
        assert_eq!(all.len() - after_plans.len(), repeats(consumption));
        assert!(all[after_plans.len()].starts_with(consumption.split(' ').next().unwrap()));
    }
}

#[test]
fn what_is_missing_or_wrong_is_named() {
    let set = [
        ("MTN_BASE_URL", "https://api.mtn.com/"),
        ("MTN_API_KEY", "k"),
        ("MTN_CLIENT_ID", "i"),
        ("MTN_CLIENT_SECRET", "s"),
        ("MTN_CHANNEL_NAME", "c"),
    ];
    let read = |pairs: &[(&str, &str)]| {
        let vars = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Mtn::from_vars(&vars, &World::real()).map_err(|error| error.to_string())
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
        let mut vars = set.to_vec();
        vars.push((name, value));
        let error = read(&vars).unwrap_err();
        assert!(error.contains(&format!("variable {name} ")) && !error.contains(value), "{error}");
    }
    let mut colon = set.to_vec();
    colon.extend([("MTN_CLIENT_ID", "a:b"), ("MTN_PLANS_AUTH", "basic")]);
    assert!(read(&colon).unwrap_err().contains("MTN_CLIENT_ID must not"));
}

#[test]
fn nothing_secret_prints() {
    let mtn = client("https://api.mtn.com", &[("MTN_PLANS_AUTH", "basic")], &Arc::default());
    assert_eq!(format!("{mtn:?}"), "Mtn { .. }");
    let mut headers = mtn.headers(&IDS).unwrap();
    let secret = way::sensitive(&SecretString::from("ecw-s3cret")).unwrap();
    headers.insert("x-authorization", secret);
    let Way::Basic(basic) = &mtn.plans else { panic!("basic was asked for") };
    let (path, body) = ("/p".to_owned(), b"s3cret body".to_vec());
    let call = Call { operation: "x", method: Method::GET, path, headers, body };
    let printed = format!("{:?}", mtn.request(&call, Some(basic)).unwrap());
    assert!(printed.contains("x-authorization"), "{printed}");
    for secret in ["ecw-s3cret", "key-1", "Y2xpZW", "s3cret"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
