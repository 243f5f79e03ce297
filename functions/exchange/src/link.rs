//! `POST /account/auth`: a code becomes a permanent account id.

use serde::{Deserialize, Serialize};
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::mono::MonoError;
use shared::store::{Claim, ClaimRefused, Link};

use crate::Exchange;

#[derive(Deserialize)]
struct ExchangeRequest {
    code: String,
}

#[derive(Serialize)]
struct AccountId<'a> {
    id: &'a str,
}

impl Exchange {
    pub(crate) async fn link(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let ExchangeRequest { code } = request.json("code as a string")?;
        if !(1..=512).contains(&code.len()) {
            return Err(ApiError::invalid("code must have 1 to 512 characters."));
        }
        let mono = self.mono()?;

        let claim = match self.sessions.claim(tenant, &code, &self.world).await {
            Ok(claim) => claim,
            Err(refused) => return self.unclaimed(refused).await,
        };
        let answer = match mono.exchange(&code).await {
            Ok(answer) => answer,
            Err(error) => {
                let asked = claim.code.asked || error.is_unclear();
                self.sessions.release(&claim, asked).await;
                return Err(not_exchanged(error, &claim));
            }
        };
        let now = self.world.clock.now();
        match self.accounts.link(&self.sessions, &claim, &answer.account_id, now).await? {
            Link::Linked => Ok(Reply::json_text(answer.body)),
            Link::ClaimLost => Err(in_progress()),
        }
    }

    /// A code exchanged before answers the same id again.
    async fn unclaimed(&self, refused: ClaimRefused) -> Result<Reply, ApiError> {
        match refused {
            ClaimRefused::Exchanged(id) => Reply::json(&AccountId { id: &id }),
            ClaimRefused::NoCode => Err(ApiError::code_expired()),
            ClaimRefused::InProgress(rest) => Err(in_progress().retry_after(rest)),
            ClaimRefused::Store(error) => Err(error.into()),
        }
    }
}

fn in_progress() -> ApiError {
    let message = "This code is being exchanged. Ask again in a moment.";
    ApiError::new(shared::error::Code::InProgress, message)
}

/// Mono refusing a code that we had sent before means that our first try used it up and its answer
/// was lost: the account exists at Mono and nobody here knows its id.
fn not_exchanged(error: MonoError, claim: &Claim) -> ApiError {
    match error {
        MonoError::Rejected(status) if claim.code.asked => {
            let (tenant, status) = (claim.code.tenant.as_str(), status.as_u16());
            tracing::error!(alarm = "code_lost", tenant, status, "a code was used up unanswered");
            ApiError::code_expired().detail(error.to_string())
        }
        other => other.into(),
    }
}
