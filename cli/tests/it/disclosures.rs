//! `disclosures`: after a leak the people whose data a key has read are named, all of them and nobody else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::disclosure::DISCLOSING;
use shared::platform::config::Vars;
use time::OffsetDateTime;

use crate::support::{Ended, Gateway};

/// How many people each tenant has.
const PEOPLE: usize = 8;
const DAY: u64 = 86_400;

/// Mono and MTN in one: they know every person by a number from 000 to 999, and note whose data they gave.
#[derive(Clone, Default)]
struct Providers(Arc<Mutex<Notes>>);

#[derive(Default)]
struct Notes {
    /// Whose data was given, in order.
    given: Vec<String>,
    /// How many sessions were begun.
    sessions: usize,
    /// Refuses the next request for data.
    refuses: bool,
    /// Answers the next question of MTN's later.
    is_late: bool,
    /// Where MTN is to answer later.
    callback: String,
}

fn account(person: usize) -> String {
    format!("account-{person:03}")
}

fn number(person: usize) -> String {
    format!("0803123{:04}", person)
}

impl Providers {
    async fn start() -> (Self, String) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let providers = Self::default();
        let app = Router::new().fallback(answer).with_state(providers.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        (providers, url)
    }

    fn notes(&self) -> std::sync::MutexGuard<'_, Notes> {
        self.0.lock().unwrap()
    }

    /// Whose data was given since this was asked last.
    fn take_given(&self) -> Vec<String> {
        std::mem::take(&mut self.notes().given)
    }
}

async fn answer(State(providers): State<Providers>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let sent: Value = serde_json::from_slice(&body).unwrap_or_default();
    let text = |name: &str| sent[name].as_str().unwrap_or_default().to_owned();
    let path = parts.uri.path();
    let header = |name: &str| parts.headers.get(name).map_or("", |it| it.to_str().unwrap());
    let known = match path {
        "/v1/oauth/access_token" => json!({ "access_token": "t", "expires_in": "3599" }),
        "/v2/telecom/auth" => {
            let mut notes = providers.notes();
            notes.sessions += 1;
            let session = format!("{}-{}", text("phone"), notes.sessions);
            json!({ "status": "successful", "data": { "session_id": session } })
        }
        "/v2/telecom/verify" => {
            json!({ "status": "successful", "data": { "code": header("x-session-id") } })
        }
        "/account/auth" => json!({ "id": format!("account-{}", &text("code")[8..11]) }),
        _ => return data(&mut providers.notes(), path, &sent),
    };
    Json(known).into_response()
}

/// Gives a person's data, or not.
fn data(notes: &mut Notes, path: &str, sent: &Value) -> Response {
    // A path of Mono's holds the account, one of MTN's the number, and a question has it in its body.
    let named = [path, sent["msisdn"].as_str().unwrap_or_default()].join(" ");
    let end = ["account-", "2348031230"].iter().find_map(|start| named.split_once(start));
    let person = account(end.unwrap().1[..3].parse().unwrap());
    if std::mem::take(&mut notes.refuses) {
        let refusal = json!({ "statusCode": "5000", "statusMessage": person });
        return (StatusCode::BAD_REQUEST, Json(refusal)).into_response();
    }
    if std::mem::take(&mut notes.is_late) {
        notes.callback = sent["callBackUrl"].as_str().unwrap().to_owned();
        return Json(json!({ "statusCode": "0000", "statusMessage": "m", "data": null }))
            .into_response();
    }
    notes.given.push(person.clone());
    let lists = json!({ "usage": [], "summary": [], "bundles": [], "name": person });
    Json(json!({ "statusCode": "0000", "statusMessage": "m", "data": lists })).into_response()
}

/// A gateway with these providers, several tenants, and keys of each.
struct Leak {
    gateway: Gateway,
    providers: Providers,
    /// What each key was shown: the account and the route, in order.
    shown: BTreeMap<String, Vec<(String, String)>>,
}

/// A key, its id, and the first of its tenant's people.
struct Key {
    secret: String,
    id: String,
    first: usize,
}

impl Leak {
    async fn start() -> Self {
        let (providers, url) = Providers::start().await;
        let url = url.as_str();
        let vars = [
            ("MONO_BASE_URL", url),
            ("MONO_SECRET_KEY", "k"),
            ("MTN_BASE_URL", url),
            ("MTN_API_KEY", "k"),
            ("MTN_CLIENT_ID", "i"),
            ("MTN_CLIENT_SECRET", "s"),
            ("MTN_CHANNEL_NAME", "c"),
        ];
        let vars: Vars =
            vars.map(|(name, value)| (name.to_owned(), value.to_owned())).into_iter().collect();
        Self { gateway: Gateway::start_with(vars).await, providers, shown: BTreeMap::new() }
    }

    async fn key(&self, tenant: &str, first: usize) -> Key {
        let create = ["tenant", "create", tenant, "--kind", "test", "--another", "--json"];
        let made = self.gateway.run(&create).await.json();
        let text = |name: &str| made[name].as_str().unwrap().to_owned();
        Key { secret: text("key"), id: text("key_id"), first }
    }

    async fn ask(&self, key: &Key, method: &str, path: &str, body: Value) -> (u16, Value) {
        let url = format!("{}{path}", self.gateway.url());
        let request = http::Request::builder().method(method).uri(url);
        let request = request.header("content-type", "application/json");
        let request = request.header("x-session-id", body["session"].as_str().unwrap_or_default());
        self.gateway.answer(request.header("mono-sec-key", &key.secret), body).await
    }

    async fn link(&self, key: &Key, person: usize) {
        let consent = json!({ "purpose": "a loan" });
        let body = json!({ "phone": number(person), "provider": "mtn", "consent": consent });
        let session =
            self.ask(key, "POST", "/telecom/auth", body).await.1["data"]["session_id"].take();
        let body = json!({ "otp": "123456", "session": session });
        let code = self.ask(key, "POST", "/telecom/verify", body).await.1["data"].take();
        let linked = self.ask(key, "POST", "/account/auth", code).await;
        assert_eq!(linked.1["id"], account(person), "{linked:?}");
    }

    /// Asks along one route, and notes whose data the providers gave, or for an answer of the gateway's own
    /// store, whose it holds.
    async fn read(&mut self, key: &Key, route: &str, person: usize, request_id: &str) -> u16 {
        let (method, path) = route.split_once(' ').unwrap();
        let path = path.replace("{id}", &account(person)).replace("{productCode}", "p");
        let path = path.replace("{request_id}", request_id);
        let dates = "?start=2026-01-01&end=2026-02-28";
        let query = if path.contains("/mtn/usage") { dates } else { "" };
        let amount = json!({ "value": "1000", "type": "CURRENCY", "unit": "NGN" });
        let premium = json!({ "product": "p", "transactionType": "TRANSFER", "amount": amount });
        let body = if method == "POST" { premium } else { Value::Null };
        let (status, answer) = self.ask(key, method, &format!("{path}{query}"), body).await;
        let mut given = self.providers.take_given();
        let is_own = route.ends_with("/consent") || route.ends_with("/export");
        if (is_own || route.starts_with("GET /requests")) && status == 200 {
            given.push(answer["data"]["account_id"].as_str().unwrap().to_owned());
        }
        assert_eq!(status == 200, !given.is_empty(), "{route}: {answer}");
        let shown = self.shown.entry(key.id.clone()).or_default();
        shown.extend(given.into_iter().map(|person| (person, route.to_owned())));
        status
    }

    async fn disclosures(&self, arguments: &[&str]) -> Ended {
        self.gateway.run(&[&["disclosures"], arguments].concat()).await
    }

    /// `disclosures ... --json`.
    async fn json(&self, arguments: &[&str]) -> Value {
        self.disclosures(&[arguments, &["--json"]].concat()).await.json()
    }

    /// Who was shown to these keys, and how often.
    fn people(&self, keys: &[&Key]) -> BTreeMap<String, usize> {
        let mut people = BTreeMap::new();
        for (person, _) in keys.iter().filter_map(|key| self.shown.get(&key.id)).flatten() {
            *people.entry(person.clone()).or_default() += 1;
        }
        people
    }

    /// Compares what the program lists with what was shown to these keys.
    async fn compare(&self, arguments: &[&str], keys: &[&Key]) {
        let listed = self.json(&[arguments, &["--people"]].concat()).await;
        let one = |it: &Value| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            assert!(text("first_read") <= text("last_read"), "{it}");
            (text("account_id"), usize::try_from(it["reads"].as_u64().unwrap()).unwrap())
        };
        let people: BTreeMap<_, _> = listed["people"].as_array().unwrap().iter().map(one).collect();
        assert_eq!(people, self.people(keys), "{arguments:?}");
        assert_eq!(listed["accounts"], people.len());
        assert_eq!(listed["reads"], people.values().sum::<usize>());
    }
}

/// Two tenants with two keys each, whose people are read along all routes; and a third key that is not used.
async fn leak() -> (Leak, [Key; 5]) {
    let mut leak = Leak::start().await;
    let (acme, beta) = (0, 500);
    let keys = [
        leak.key("acme", acme).await,
        leak.key("acme", acme).await,
        leak.key("beta", beta).await,
        leak.key("beta", beta).await,
        leak.key("acme", acme).await,
    ];
    for key in [&keys[0], &keys[2]] {
        for person in key.first..key.first + PEOPLE {
            leak.link(key, person).await;
        }
    }
    // Beta's first person is acme's, too.
    leak.link(&keys[2], acme).await;
    leak.providers.take_given();
    for (number, key) in keys[..4].iter().enumerate() {
        for (step, route) in DISCLOSING.into_iter().enumerate() {
            if route == "GET /requests/{request_id}" {
                continue;
            }
            // Each key reads other people, and nobody reads the last one.
            let person = key.first + (step * (number + 1)) % (PEOPLE - 1);
            assert_eq!(leak.read(key, route, person, "").await, 200, "{route}");
            // Refused by the provider, unknown here, and another tenant's.
            let is_own = route.ends_with("/consent") || route.ends_with("/export");
            leak.providers.notes().refuses = !is_own;
            let refused = key.first + PEOPLE - 1;
            if !is_own {
                assert_eq!(leak.read(key, route, refused, "").await, 422, "{route}");
            }
            assert_eq!(leak.read(key, route, 999, "").await, 404, "{route}");
            let foreign = if key.first == acme { beta + 1 } else { acme + 1 };
            assert_eq!(leak.read(key, route, foreign, "").await, 404, "{route}");
        }
    }
    leak.read(&keys[3], "GET /accounts/{id}/identity", acme, "").await;
    answered_later(&mut leak, [&keys[0], &keys[1]]).await;
    (leak, keys)
}

/// One key asks MTN, which answers later; the other key reads the answer.
async fn answered_later(leak: &mut Leak, [asks, reads]: [&Key; 2]) {
    let person = asks.first + 3;
    leak.providers.notes().is_late = true;
    let path = format!("/accounts/{}/mtn/recharges", account(person));
    let (status, answer) = leak.ask(asks, "GET", &path, Value::Null).await;
    assert_eq!(status, 202, "{answer}");
    let id = answer["data"]["request_id"].as_str().unwrap().to_owned();
    let waiting = leak.ask(asks, "GET", &format!("/requests/{id}"), Value::Null).await;
    assert_eq!(waiting.1["data"]["state"], "waiting");
    let callback = leak.providers.notes().callback.clone();
    let request = http::Request::post(callback).header("content-type", "application/json");
    let body = json!({ "statusCode": "0000", "data": { "usage": [], "summary": [] } });
    assert_eq!(leak.gateway.answer(request, body).await.0, 200);
    assert_eq!(leak.read(reads, "GET /requests/{request_id}", person, &id).await, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_people_whose_data_a_key_has_read_are_named_all_and_no_others() {
    let (leak, keys) = leak().await;
    for key in &keys {
        leak.compare(&["--key", &key.id], &[key]).await;
        let listed = leak.json(&["--key", &key.id]).await;
        let one = |it: &Value| {
            let text = |name: &str| it[name].as_str().unwrap().to_owned();
            assert_eq!(text("key_id"), key.id);
            assert!(text("consented_at") < text("at"), "{it}");
            (text("account_id"), text("route"))
        };
        let listed: Vec<_> = listed["disclosures"].as_array().unwrap().iter().map(one).collect();
        assert_eq!(listed, leak.shown.get(&key.id).cloned().unwrap_or_default(), "in order");
    }
    assert!(leak.people(&[&keys[0]]).len() > 5 && leak.people(&[&keys[4]]).is_empty());
    leak.compare(&["--tenant", "acme"], &[&keys[0], &keys[1], &keys[4]]).await;
    leak.compare(&["--tenant", "beta"], &[&keys[2], &keys[3]]).await;
    // A key that was deleted from the table of tenants is still found with its tenant and a first day.
    let upper = keys[1].id.to_uppercase();
    leak.compare(&["--key", &upper, "--tenant", "acme", "--from", "2026-01-01"], &[&keys[1]]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_about_one_account_are_listed_for_all_its_tenants() {
    let (leak, keys) = leak().await;
    let (person, all) = (account(0), keys.iter().collect::<Vec<_>>());
    let reads = leak.people(&all)[&person];
    let listed = leak.json(&["--account", &person]).await;
    assert_eq!((&listed["reads"], &listed["accounts"]), (&json!(reads), &json!(1)));
    let tenants = |list: &Value| -> BTreeSet<String> {
        let all = list["disclosures"].as_array().unwrap().iter();
        all.map(|it| it["tenant"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(tenants(&listed), BTreeSet::from(["acme".to_owned(), "beta".to_owned()]));
    let of_beta = leak.json(&["--account", &person, "--tenant", "beta"]).await;
    assert_eq!(of_beta["reads"], 1);
    let of_key = leak.json(&["--account", &person, "--key", &keys[0].id]).await;
    assert_eq!(of_key["reads"], leak.people(&[&keys[0]])[&person]);
    assert_eq!(leak.json(&["--account", "nobody"]).await["reads"], 0);

    // The same as tables.
    let page = leak.disclosures(&["--account", &person]).await.ok();
    assert!(page.starts_with("TIME") && page.lines().count() == reads + 3, "{page}");
    let page = leak.disclosures(&["--account", &person, "--people"]).await.ok();
    assert!(page.starts_with("ACCOUNT") && page.contains("acme beta"), "{page}");
    assert!(page.contains(&format!("reads: {reads}, accounts: 1,")), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_days_that_are_asked_for_are_listed() {
    let mut leak = Leak::start().await;
    let key = leak.key("acme", 0).await;
    leak.link(&key, 1).await;
    let first = Date::of(OffsetDateTime::now_utc());
    for _ in 0..3 {
        leak.read(&key, "GET /accounts/{id}/identity", 1, "").await;
        leak.gateway.turn(DAY);
    }
    let (second, third) = (first.next(), first.next().next());
    let days = [first, second, third].map(|day| day.to_string());
    for whose in [["--key", &key.id], ["--tenant", "acme"], ["--account", &account(1)]] {
        for (from, to, reads) in [(0, 2, 3), (0, 1, 2), (1, 1, 1), (2, 2, 1)] {
            let range = ["--from", &days[from], "--to", &days[to]];
            let listed = leak.json(&[&whose[..], &range].concat()).await;
            assert_eq!(listed["reads"], reads, "{whose:?} {range:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_usage_and_an_unknown_key_are_refused() {
    let gateway = Gateway::start().await;
    for wrong in [
        &[][..],
        &["--key", "short"],
        &["--account", "a/b"],
        &["--tenant", "a b"],
        &["--tenant", "acme", "--from", "yesterday"],
        &["--tenant", "acme", "--from", "2026-11-02", "--to", "2026-11-01"],
    ] {
        let ended = gateway.run(&[&["disclosures"], wrong].concat()).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (2, ""), "{wrong:?}");
    }
    // What cannot be known to be complete is not shown as an empty list.
    for unknown in [["--key", "000000000000"], ["--tenant", "nobody"]] {
        let message = gateway.run(&[&["disclosures"], &unknown[..]].concat()).await.refused(1);
        assert!(message.contains("give --tenant and --from"), "{message}");
    }
}
