//! What of an account's data the customer's consent covers.

use shared::domain::account::Account;
use shared::domain::consent::Scope;
use shared::domain::deferred::Question;
use shared::lambda::error::{ApiError, ErrorCode};

/// Refuses a route whose data the consent does not cover.
pub(crate) fn check_route(account: &Account, route: &str) -> Result<(), ApiError> {
    let path = route.split_once("/accounts/{id}").map_or("", |(_, path)| path);
    let mtn = path.strip_prefix("/mtn/").map(|path| path.split('/').next().unwrap_or_default());
    let scope = match (path, mtn) {
        ("", _) => Scope::Account,
        ("/balances", _) => Scope::Balance,
        ("/transactions", _) => Scope::Transactions,
        ("/identity", _) => Scope::Identity,
        (_, Some("plans" | "premium")) => Scope::MtnPlans,
        (_, Some("balance")) => Scope::MtnBalance,
        (_, Some("recharges")) => Scope::MtnRecharges,
        (_, Some("usage")) => Scope::MtnUsage,
        _ => return Err(ApiError::not_found()),
    };
    check(account, scope)
}

/// Refuses an answer to a question that the consent does not cover: it may be narrower now than when the
/// question was asked.
pub(crate) fn check_question(account: &Account, question: &Question) -> Result<(), ApiError> {
    check(account, question.scope())
}

fn check(account: &Account, scope: Scope) -> Result<(), ApiError> {
    match account.covers(scope) {
        true => Ok(()),
        false => {
            let name = scope.name();
            let message = format!("The customer's consent does not cover this: {name}.");
            Err(ApiError::new(ErrorCode::Forbidden, message))
        }
    }
}
