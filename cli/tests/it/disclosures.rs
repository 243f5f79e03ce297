//! `disclosures`: after a leak the people whose data a key has read are named, all of them and nobody else.

mod keys;

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};
use shared::domain::date::Date;
use shared::domain::disclosure::DISCLOSING;
use shared::platform::config::Vars;
use time::OffsetDateTime;

use crate::providers::{Providers, account, number};
use crate::support::{DELIVERED, Ended, Gateway};

/// How many people each tenant has.
const PEOPLE: usize = 8;
const DAY: u64 = 86_400;

/// A gateway with these providers, several tenants, and keys of each.
struct Leak {
    gateway: Gateway,
    providers: Providers,
    /// What each key was shown: the account and the route, in order.
    shown: BTreeMap<String, Vec<(String, String)>>,
    /// The purchases that each key was shown, by route.
    orders: BTreeMap<String, Vec<(String, BTreeSet<String>)>>,
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
        Self {
            gateway: Gateway::start_with(vars).await,
            providers,
            shown: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
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

    /// Buys for a number and gives the purchase's id.
    async fn buy(&self, key: &Key, idempotency_key: &str) -> String {
        let request = http::Request::post(format!("{}/purchases", self.gateway.url()))
            .header("content-type", "application/json")
            .header("idempotency-key", idempotency_key)
            .header("mono-sec-key", &key.secret);
        let body = json!({ "service_id": "mtn", "phone": DELIVERED, "amount_kobo": 10_000 });
        let bought = self.gateway.answer(request, body).await.1;
        bought["data"]["purchase_id"].as_str().unwrap().to_owned()
    }

    /// Reads purchases or events, and notes whose the answer holds.
    async fn read_orders(&mut self, key: &Key, route: &str, path: &str) {
        let (status, answer) = self.ask(key, "GET", path, Value::Null).await;
        assert_eq!(status, 200, "{answer}");
        let text = answer.to_string();
        let ids = text.split("\"purchase_id\":\"").skip(1).map(|rest| rest[..32].to_owned());
        let ids: BTreeSet<String> = ids.collect();
        if !ids.is_empty() {
            self.orders.entry(key.id.clone()).or_default().push((route.to_owned(), ids));
        }
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
        let orders: Vec<_> =
            keys.iter().filter_map(|key| self.orders.get(&key.id)).flatten().collect();
        let ids: BTreeSet<&str> =
            orders.iter().flat_map(|(_, ids)| ids).map(String::as_str).collect();
        let of_purchases = listed["people_of_purchases"].as_array().unwrap().iter();
        let of_purchases: BTreeSet<&str> =
            of_purchases.map(|it| it["purchase_id"].as_str().unwrap()).collect();
        assert_eq!(of_purchases, ids, "{arguments:?}");
        assert_eq!(listed["purchases"], ids.len());
        assert_eq!(listed["reads"], people.values().sum::<usize>() + orders.len());
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
            if !route.contains("/accounts/") {
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
    orders(&mut leak, &keys).await;
    (leak, keys)
}

/// Both tenants buy. One key lists, one reads a purchase and an event, and one is shown none.
async fn orders(leak: &mut Leak, keys: &[Key; 5]) {
    let one = leak.buy(&keys[0], "a").await;
    leak.buy(&keys[1], "b").await;
    leak.buy(&keys[2], "a").await;
    leak.read_orders(&keys[0], "GET /purchases", "/purchases?limit=1").await;
    leak.read_orders(&keys[0], "GET /purchases", "/purchases").await;
    leak.read_orders(&keys[1], "GET /purchases/{purchase_id}", &format!("/purchases/{one}")).await;
    leak.read_orders(&keys[3], "GET /purchases", "/purchases?state=failed").await;
    let foreign = leak.ask(&keys[3], "GET", &format!("/purchases/{one}"), Value::Null).await;
    assert_eq!(foreign.0, 404);
    leak.gateway.turn(5);
    leak.gateway.sandbox.until_at_rest(std::time::Duration::from_secs(10)).await;
    leak.read_orders(&keys[1], "GET /events", "/events?type=purchase.delivered").await;
    leak.read_orders(&keys[1], "GET /events", "/events?type=account.linked").await;
    assert!(leak.orders[&keys[1].id].len() == 2 && !leak.orders.contains_key(&keys[3].id));
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
        let of_purchases = |it: &&Value| it["account_id"].is_null();
        let listed = listed["disclosures"].as_array().unwrap().iter();
        let orders = listed.clone().filter(of_purchases).map(|it| {
            let ids = it["purchase_ids"].as_array().unwrap().iter();
            let ids: BTreeSet<_> = ids.map(|id| id.as_str().unwrap().to_owned()).collect();
            (it["route"].as_str().unwrap().to_owned(), ids)
        });
        let expected = leak.orders.get(&key.id).cloned().unwrap_or_default();
        assert_eq!(orders.collect::<Vec<_>>(), expected, "in order");
        let listed: Vec<_> = listed.filter(|it| !of_purchases(it)).map(one).collect();
        assert_eq!(listed, leak.shown.get(&key.id).cloned().unwrap_or_default(), "in order");
    }
    assert!(leak.people(&[&keys[0]]).len() > 5 && leak.people(&[&keys[4]]).is_empty());
    leak.compare(&["--tenant", "acme"], &[&keys[0], &keys[1], &keys[4]]).await;
    leak.compare(&["--tenant", "beta"], &[&keys[2], &keys[3]]).await;
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
