//! `rehearse`: tries a tenant's own application before production does.
//!
//! The gateway is a sandbox whose clock is turned. Orders fail, are pending for long, are reversed and
//! wait for a person; their webhooks come again, late, out of order and forged. What the application
//! then refunds is compared with the truth.

pub mod application;
mod courier;
mod front;
pub mod report;
mod stage;
mod story;

use std::ops::ControlFlow;

use reqwest::Method;
use serde_json::json;
use shared::platform::environment::Random;

use self::application::{AMOUNT_KOBO, Application, Order, PHONE, SERVICE};
use self::courier::{Courier, Seen, Webhook};
pub use self::courier::{CourierError, known_secret};
use self::front::Front;
use self::report::{Finding, Kind, Report};
pub use self::stage::StageError;
use self::stage::{KEY, Stage};
use self::story::{Outage, Story};

/// What is rehearsed.
#[derive(Clone)]
pub struct Plan {
    /// The tenant's application.
    pub application: Application,
    /// The secret with which its webhooks are signed, `whsec_…`.
    pub secret: String,
    /// The port of the gateway; 0 takes a free one.
    pub port: u16,
    /// The first seed.
    pub from: u64,
    /// How many schedules.
    pub schedules: u64,
}

/// Why a rehearsal did not begin.
#[derive(Debug, thiserror::Error)]
pub enum RehearsalError {
    /// What was asked for is not valid.
    #[error(transparent)]
    Courier(#[from] CourierError),
    /// The gateway of the rehearsal does not start.
    #[error(transparent)]
    Stage(#[from] StageError),
}

/// Runs all schedules, or those until the gateway of the rehearsal fails. `done` is called after each, with
/// their number, and may end it.
///
/// # Errors
/// [`RehearsalError`].
pub async fn rehearse(
    plan: &Plan,
    mut done: impl FnMut(u64) -> ControlFlow<()>,
) -> Result<Report, RehearsalError> {
    let courier = Courier::new(&plan.application.target, &plan.secret)?;
    let stage = Stage::start(plan.port).await?;
    let front = Front::start(&stage.sandbox.base_url).await.map_err(StageError::from)?;
    // The application may remember the orders of an earlier rehearsal.
    let (application, name) = (&plan.application, Random::system().id());
    let rehearsal = Rehearsal { application, courier, stage, front, name };
    let mut report = Report { from: plan.from, ..Report::default() };
    let mut is_bought = false;
    for seed in plan.from..plan.from.saturating_add(plan.schedules) {
        let seen = match rehearsal.play(&Story::of(seed)).await {
            Ok(seen) => seen,
            Err(error) => {
                report.stopped = Some(format!("seed {seed}: {error}"));
                break;
            }
        };
        let finding = |(kind, detail)| Finding { seed, kind, detail };
        report.findings.extend(seen.into_iter().map(finding));
        is_bought |= !rehearsal.front.bought().is_empty();
        report.schedules += 1;
        let is_last = report.schedules == plan.schedules;
        if done(report.schedules).is_break() && !is_last {
            report.stopped = Some("it was interrupted".to_owned());
            break;
        }
    }
    rehearsal.stage.sandbox.stop().await;
    // An application may give up after an outage, but one that never bought has shown nothing.
    if application.buy.is_some() && !is_bought && report.schedules > 0 && report.is_clean() {
        let detail = "no purchase was made in any schedule".to_owned();
        report.findings.push(Finding { seed: plan.from, kind: Kind::NotBought, detail });
    }
    Ok(report)
}

/// A running rehearsal.
struct Rehearsal<'a> {
    application: &'a Application,
    courier: Courier,
    stage: Stage,
    front: Front,
    /// Tells its orders from those of other rehearsals.
    name: String,
}

impl Rehearsal<'_> {
    /// Plays one schedule. Gives what the application did wrong.
    async fn play(&self, story: &Story) -> Result<Vec<Seen>, StageError> {
        self.stage.begin();
        self.front.begin(story.outage);
        self.stage.script(story.course.script()).await?;
        let mut seen = Vec::new();
        let id = match self.bought(story).await? {
            Bought::One(id) => id,
            Bought::Not(found) => return Ok(found.into_iter().collect()),
        };
        let (told, mut held) = (story.course.told(), Vec::new());
        for (place, state) in told.iter().enumerate() {
            if place > 0
                && let Some(state) = story.course.resolved()
            {
                let purchase = self.stage.purchase(&id).await?;
                let request_id = purchase["request_id"].as_str().unwrap_or_default();
                self.stage.resolve(request_id, state).await?;
            }
            let webhook = self.stage.told(&id, state).await?;
            // It may be refunded from the moment it comes to its end, and not before.
            let is_refundable = story.course.is_refunded() && place + 1 == told.len();
            if !is_refundable {
                seen.extend(self.courier.forge(story, &webhook).await);
            }
            match story.held {
                true => held.push(webhook),
                false => seen.extend(self.courier.bring(story, &webhook).await),
            }
            if !is_refundable {
                seen.extend(self.early(&id, state).await);
            }
        }
        seen.extend(self.bring_held(story, held).await);
        seen.extend(self.judged(story, &id).await);
        Ok(seen)
    }

    /// Brings what was held back, newest first.
    async fn bring_held(&self, story: &Story, held: Vec<Webhook>) -> Vec<Seen> {
        let mut seen = Vec::new();
        for webhook in held.iter().rev() {
            seen.extend(self.courier.bring(story, webhook).await);
        }
        seen
    }

    /// Lets the application buy, or buys for it.
    async fn bought(&self, story: &Story) -> Result<Bought, StageError> {
        let order_id = format!("{}-{}", self.name, story.seed);
        let Some(buy) = &self.application.buy else {
            return Ok(Bought::One(self.buy(&order_id).await?));
        };
        let gateway_url = self.front.url.clone();
        let not_bought = format!("order {order_id}: no purchase was made at {gateway_url}");
        let order = Order { id: order_id, gateway_url, gateway_key: KEY.to_owned() };
        if let Err(error) = buy(order).await {
            return Ok(Bought::Not(Some((Kind::CommandFailed, format!("buy: {error}")))));
        }
        Ok(match &self.front.bought()[..] {
            // The gateway refused its first request, and it gave up.
            [] if story.outage == Outage::Refused => Bought::Not(None),
            [] => Bought::Not(Some((Kind::NotBought, not_bought))),
            [id] => Bought::One(id.clone()),
            more => {
                Bought::Not(Some((Kind::BoughtTwice, format!("purchases {}", more.join(", ")))))
            }
        })
    }

    async fn buy(&self, order: &str) -> Result<String, StageError> {
        let body = json!({ "service_id": SERVICE, "phone": PHONE, "amount_kobo": AMOUNT_KOBO });
        let headers = [("idempotency-key", order)];
        let answer = self.stage.call_with(Method::POST, "/purchases", &body, &headers).await?;
        let id = answer["data"]["purchase_id"].as_str().map(str::to_owned);
        id.ok_or_else(|| StageError::Gateway(format!("no purchase in {answer}")))
    }

    /// A refund of what must not be refunded yet.
    async fn early(&self, id: &str, state: &str) -> Option<Seen> {
        match self.refunds(id).await? {
            Ok(0) => None,
            Ok(count) => {
                let detail = format!("purchase {id} had {count} refunds while it was {state}");
                Some((Kind::RefundedTooEarly, detail))
            }
            Err(seen) => Some(seen),
        }
    }

    /// The refunds at the end: one, or none.
    async fn judged(&self, story: &Story, id: &str) -> Option<Seen> {
        let refunds = match self.refunds(id).await? {
            Ok(refunds) => refunds,
            Err(seen) => return Some(seen),
        };
        let course = story.course;
        match (course.is_refunded(), refunds) {
            (true, 1) | (false, 0) => None,
            // Without its own orders the application may not know what there is to refund.
            (true, 0) if self.application.buy.is_none() => None,
            (true, 0) => Some((Kind::RefundMissed, format!("purchase {id}: {course:?}"))),
            (true, count) => {
                Some((Kind::RefundedTwice, format!("purchase {id} had {count} refunds")))
            }
            (false, _) => Some((Kind::RefundedTooEarly, format!("purchase {id}: {course:?}"))),
        }
    }

    /// How often the application refunded a purchase; none if it does not say.
    async fn refunds(&self, id: &str) -> Option<Result<usize, Seen>> {
        let refunds = self.application.refunds.as_ref()?;
        let all = refunds().await;
        let all = all.map_err(|error| (Kind::CommandFailed, format!("refunds: {error}")));
        Some(all.map(|all| all.iter().filter(|refunded| *refunded == id).count()))
    }
}

/// What came of an order.
enum Bought {
    /// This purchase.
    One(String),
    /// None, or too many.
    Not(Option<Seen>),
}
