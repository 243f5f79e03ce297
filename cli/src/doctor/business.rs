//! What waits in the tables: suspended services, a low wallet, purchases that wait for a person.

use shared::domain::guard::Sale;
use shared::domain::purchase::State;
use shared::domain::report::{FloatLimits, Runway};
use shared::domain::service::Service;
use shared::domain::time::to_iso;
use shared::platform::config::Vars;
use shared::store::{Books, Filters, Guards, Purchases};
use time::Duration;

use super::finding::{Finding, Severity};
use crate::context::Context;
use crate::failure::Failure;
use crate::purchase::list::{of_tenants, tenants};
use crate::target::Table;

/// How long a purchase may wait for a person before it is a finding.
const LONG: Duration = Duration::DAY;
/// How many purchases that wait are read of each tenant at most.
const MOST: usize = 1000;

/// Looks at the guards (dynamodb:GetItem on the table of limits).
pub async fn guards(context: &Context) -> Vec<Finding> {
    found("the guards of services", look_at_guards(context).await)
}

/// Looks at the wallet (dynamodb:Query on the table of the books). `books` are the variables of its function.
pub async fn wallet(context: &Context, books: &Vars) -> Vec<Finding> {
    found("the wallet at VTpass", look_at_wallet(context, books).await)
}

/// Looks at purchases that wait for a person (dynamodb:Scan on the tenants, Query and BatchGetItem on the
/// purchases).
pub async fn reviews(context: &Context) -> Vec<Finding> {
    found("the purchases that wait for a person", look_at_reviews(context).await)
}

fn found(about: &str, looked: Result<Vec<Finding>, Failure>) -> Vec<Finding> {
    looked.unwrap_or_else(|failure| vec![Finding::unchecked(about, &failure.line())])
}

async fn look_at_guards(context: &Context) -> Result<Vec<Finding>, Failure> {
    let variable = "LIMITS_TABLE";
    let table = Table { function: "purchase", variable, given: None, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let guards = Guards::from_vars(&vars, &context.environment, &dynamodb)?;
    let now = context.environment.clock.now();
    let mut findings = Vec::new();
    for service in Service::all() {
        let state = guards.get(service.id).await?.state;
        let Sale::Suspended { since, reason } = state.sale(now) else { continue };
        let by =
            if state.word_in_force(now).is_some() { "by an operator" } else { "by its outcomes" };
        let problem = format!("is not sold since {}, {by}: {reason}", to_iso(since));
        let found =
            Finding::warning("service_suspended", &format!("the service {}", service.id), problem);
        let advice = format!("telco-gateway guard show {}", service.id);
        findings.push(found.advice(advice, "A provider is out"));
    }
    Ok(findings)
}

async fn look_at_wallet(context: &Context, books: &Vars) -> Result<Vec<Finding>, Failure> {
    let table = Table { function: "books", variable: "BOOKS_TABLE", given: None, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let limits = FloatLimits::from_vars(books)?;
    let now = context.environment.clock.now();
    let readings = Books::from_vars(&vars, &dynamodb)?.balances(now - Duration::DAY, now).await?;
    let about = "the wallet at VTpass";
    let section = "A wallet is low, or credentials are refused";
    let Some(last) = readings.last() else {
        let problem = "was not read within a day";
        let found = Finding::new(Severity::Look, "wallet_unread", about, problem);
        let advice = "nothing where VTpass is switched off; else see the books function";
        return Ok(vec![found.advice(advice, "The books")]);
    };
    let runway = Runway::of(&readings);
    if !limits.is_low(last, &runway) {
        return Ok(Vec::new());
    }
    let hours = runway.hours().map(|hours| format!(", enough for {hours} hours"));
    let kobo = last.balance_kobo.kobo();
    let problem = format!("is low: {kobo} kobo{}", hours.unwrap_or_default());
    let found = Finding::warning("wallet_low", about, problem);
    Ok(vec![found.advice("top it up, then `telco-gateway wallet top-up`", section)])
}

async fn look_at_reviews(context: &Context) -> Result<Vec<Finding>, Failure> {
    let variable = "PURCHASES_TABLE";
    let table = Table { function: "purchase", variable, given: None, also: &[] };
    let (vars, dynamodb) = context.open(&table).await?;
    let purchases = Purchases::from_vars(&vars, &dynamodb)?;
    let waiting = Filters { state: Some(State::NeedsReview), ..Filters::default() };
    let tenants = tenants(None, context).await?;
    let found = of_tenants(&purchases, &tenants, &waiting, MOST).await?;
    let since = context.environment.clock.now() - LONG;
    let long = found.purchases.iter().filter(|purchase| purchase.updated_at < since);
    let long: Vec<_> = long.collect();
    let Some(oldest) = long.iter().min_by_key(|purchase| purchase.updated_at) else {
        return Ok(Vec::new());
    };
    let (id, at) = (&oldest.purchase_id, to_iso(oldest.updated_at));
    let more = if found.has_more { " or more" } else { "" };
    let count = long.len();
    let problem =
        format!("wait for a person for more than a day: {count}{more}, among them {id} since {at}");
    let found = Finding::warning("reviews_wait", "purchases", problem);
    let advice =
        "telco-gateway purchase list --state needs_review; ask the provider and settle them";
    Ok(vec![found.advice(advice, "Settle what needs review")])
}
