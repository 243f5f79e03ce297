//! A backlog of open purchases. Each is recorded by the store, its order was paid at the simulated VTpass,
//! whose answer was lost, and its chain is at the longest wait.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use sandbox::simulators::vtpass::{ApiCall, OrderState, Script};
use serde_json::json;
use shared::domain::ids::{ChainId, ProviderReference, TenantId};
use shared::domain::job::{Chain, Job, Step};
use shared::domain::money::Kobo;
use shared::domain::purchase::{PhoneKey, Purchase, Recipient, STEP_GRACE, State};
use shared::domain::schedule::Schedule;
use shared::domain::time::to_iso;
use shared::platform::aws;
use shared::platform::crypto::KeyedHash;
use shared::platform::queue::Queue;
use shared::store::{Purchases, Recorded};
use time::OffsetDateTime;

use super::{Backlog, Drained, Measured, under_the_turned_clock};
use crate::world::{Blueprint, CLIENT_TIMEOUT, Service, Traffic, World, tenant_id, vars_of};

/// When the outage begins: before the first step of a chain is due.
const OUTAGE_FROM: Duration = Duration::from_secs(600);
/// The step of each chain: from here on its waits are the longest.
const STEP: u32 = 5;
/// The price of each order.
const PRICE_KOBO: u64 = 10_000;

/// Drains a backlog of purchases that are asked about.
///
/// # Panics
/// When the world cannot be built.
pub fn requeries(blueprint: &Blueprint, backlog: Backlog) -> Drained {
    under_the_turned_clock(async {
        let of = backlog.outage.away(Service::Vtpass, "requery");
        let mut measured = Measured::begin(blueprint, &backlog, of, OUTAGE_FROM).await;
        let world = measured.world.clone();
        world.vtpass.set_wallet(PRICE_KOBO * backlog.size);
        let seller = Seller::of(&world, blueprint);
        measured.measure(backlog.answer);
        let mut placed = Vec::new();
        for numbers in backlog.parts() {
            placed.extend(join_all(numbers.map(|number| seller.place(number))).await);
        }
        assert!(world.now_ms() < measured.outage.start, "the backlog is written before the outage");
        // What was paid is no part of the drain.
        world.traffic.get().into_iter().for_each(Traffic::forget);
        let is_drained = measured.drained().await;
        let mut ends = BTreeMap::new();
        for (number, purchase) in (0..).zip(&placed) {
            *ends.entry(seller.end(number, purchase).await).or_default() += 1;
        }
        Drained::of(&measured, &backlog, Service::Vtpass, is_drained, ends)
    })
}

/// Sells as the purchase function does, until the answer to `pay` is lost.
struct Seller {
    world: Arc<World>,
    purchases: Purchases,
    queue: Queue,
    schedule: Schedule,
    hash: KeyedHash,
}

impl Seller {
    fn of(world: &Arc<World>, blueprint: &Blueprint) -> Self {
        const COMPLETE: &str = "the variables are complete";
        let key = ("LIMITS_HMAC_KEY".to_owned(), world.random.id());
        let vars = vars_of("requery", blueprint).with_missing([key]);
        let dynamodb = aws::dynamodb(&vars, &world.outside).expect(COMPLETE);
        let queue = Queue::from_vars(&vars, &world.outside, "REQUERY_QUEUE_URL");
        Self {
            world: world.clone(),
            purchases: Purchases::from_vars(&vars, &dynamodb).expect(COMPLETE),
            queue: queue.expect(COMPLETE),
            schedule: Schedule::from_vars(&vars).expect(COMPLETE),
            hash: KeyedHash::from_vars(&vars).expect(COMPLETE),
        }
    }

    /// Sends the chain's job, records the purchase and pays for it, in this order.
    async fn place(&self, number: u64) -> Purchase {
        let (now, random) = (self.world.clock.now(), &self.world.random);
        let mut purchase = self.draft(number, now - Duration::from_secs(1_200));
        let wait = self.schedule.wait(STEP, Duration::MAX, random);
        let about = Chain {
            tenant: purchase.tenant.clone(),
            purchase_id: purchase.purchase_id.clone(),
            chain: purchase.chain.clone(),
        };
        let job = Job::Purchase(Step { about, step: STEP });
        self.queue.send(&job, wait).await.expect("nothing goes wrong");
        purchase.reconcile_at = Some(now + wait + STEP_GRACE);
        let recorded = self.purchases.record(&purchase).await.expect("nothing goes wrong");
        assert!(matches!(recorded, Recorded::New), "each key is new");
        self.pay(number, &purchase).await;
        purchase
    }

    fn draft(&self, number: u64, at: OffsetDateTime) -> Purchase {
        let tenant = tenant_of(number);
        let id = Purchase::id(&tenant, &format!("backlog-{number}"));
        let recipient = Recipient::parse(&phone(number), false).expect("a number of Nigeria");
        Purchase {
            reference: ProviderReference::for_vtpass(at, &id),
            listed: format!("{}#{id}", to_iso(at)),
            phone_key: PhoneKey::of(&self.hash, &tenant, &recipient),
            fingerprint: self.hash.of(&format!("mtn {PRICE_KOBO}")),
            purchase_id: id,
            tenant,
            state: State::Submitted,
            service_id: "mtn".to_owned(),
            variation_code: None,
            recipient,
            amount: Kobo::new(PRICE_KOBO).ok(),
            transaction_id: None,
            cost: None,
            commission: None,
            refill: None,
            chain: ChainId::random(&self.world.random),
            step: STEP,
            created_at: at,
            updated_at: at,
            acknowledged: false,
            unknown_references: 0,
            hinted_at: OffsetDateTime::UNIX_EPOCH,
            hint_again_at: None,
            reconcile_at: None,
            reconciled_at: None,
            history: Vec::new(),
        }
    }

    /// VTpass takes the order and has it as pending.
    async fn pay(&self, number: u64, purchase: &Purchase) {
        let (end, asks) = fate(number);
        let phone = purchase.recipient.text();
        self.world.vtpass.script(Script {
            call: ApiCall::Pay,
            phone: Some(phone.clone()),
            code: Some("099".to_owned()),
            resolves_to: Some(end),
            asks: Some(asks),
            ..Script::default()
        });
        let body = json!({
            "request_id": purchase.reference, "serviceID": "mtn", "phone": phone,
            "amount": PRICE_KOBO / 100,
        });
        let keys = self.world.vtpass.credentials();
        let request = axum::http::Request::post("https://vtpass.sim/api/pay")
            .header("content-type", "application/json")
            .header("api-key", keys.api_key)
            .header("secret-key", keys.secret_key)
            .body(body.to_string().into_bytes())
            .expect("a valid request");
        let request = reqwest::Request::try_from(request).expect("a valid request");
        let paid = self.world.outside.http.send(request, CLIENT_TIMEOUT).await;
        assert!(paid.is_ok_and(|answer| answer.status.is_success()), "VTpass takes the order");
    }

    /// How a purchase ended: its state, or what is wrong with it.
    async fn end(&self, number: u64, placed: &Purchase) -> String {
        let stored = self.purchases.by_id(&placed.purchase_id).await.expect("nothing goes wrong");
        let Some(stored) = stored else { return "lost".to_owned() };
        let Some(order) = self.world.vtpass.order(placed.reference.as_str()) else {
            return "unknown to VTpass".to_owned();
        };
        let agrees = match stored.state {
            State::Delivered => order.state == OrderState::Delivered,
            State::Failed | State::Reversed => order.state != OrderState::Delivered,
            State::Submitted | State::Pending | State::NeedsReview => false,
        };
        match agrees && order.pay_calls == 1 && order.state == fate(number).0 {
            true => stored.state.name().to_owned(),
            false => format!("{} but {:?} at VTpass", stored.state.name(), order.state),
        }
    }
}

/// What VTpass does with an order, and after how many questions: of ten one takes two, and of fifty one
/// fails.
fn fate(number: u64) -> (OrderState, u32) {
    let end = if number % 50 == 49 { OrderState::Failed } else { OrderState::Delivered };
    (end, if number % 10 == 3 { 2 } else { 1 })
}

fn tenant_of(number: u64) -> TenantId {
    tenant_id(usize::from(number % 2 == 1))
}

fn phone(number: u64) -> String {
    format!("0803{number:07}")
}
