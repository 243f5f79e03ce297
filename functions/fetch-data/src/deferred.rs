//! Deferred requests: questions that MTN may answer later. They are asked so that no answer is lost,
//! and read back at `GET /requests/{request_id}`.
//!
//! 1. Send the requery's job, so that an answer that does not come is asked for again.
//! 2. Record the request with the hash of its callback token.
//! 3. Ask MTN.
//! 4. Record MTN's answer, or leave the request waiting.

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, LOCATION};
use shared::domain::account::Account;
use shared::domain::deferred::{
    CallbackToken, DeferredRequest, DeferredState, KeptAnswer, Question,
};
use shared::domain::disclosure::Shown;
use shared::domain::ids::{DeferredRequestId, TenantId};
use shared::domain::job::{AskedRequest, Job, Step};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::provider::mtn::{Asked, Data, Ids};
use shared::store::MAX_KEPT;
use tokio::time::Instant;

use crate::FetchData;
use crate::mtn::Line;
use crate::reply::{answer, kept_answer};
use crate::scope::check_question;

/// The time between two reads of a waiting request.
const POLL: Duration = Duration::from_millis(500);
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

impl FetchData {
    pub(crate) async fn ask(
        &self,
        request: &ApiRequest,
        line: &Line<'_>,
        question: Question,
    ) -> Result<Reply, ApiError> {
        let mtn = self.mtn()?;
        mtn.check()?;
        let (deferred, token) = self.begin(request, line, question).await?;
        let url = token.url(&deferred.base_url, &deferred.request_id);
        let transaction = deferred.transaction_id(deferred.asks);
        let ids = Ids { transaction_id: &transaction, trace_id: &request.id };
        match mtn.ask(&ids, &line.msisdn, &deferred.question, &url).await {
            Ok(Asked::Answered(data)) => self.answered(&deferred, data).await,
            Ok(Asked::Later) => self.later(request, line.account, deferred).await,
            // MTN may have received the question, and may call back.
            Err(error) if error.may_answer_later() && deferred.question.may_answer_later() => {
                self.later(request, line.account, deferred).await
            }
            Err(error) => self.refused(&deferred, error.into()).await,
        }
    }

    /// Steps 1 and 2.
    async fn begin(
        &self,
        request: &ApiRequest,
        line: &Line<'_>,
        question: Question,
    ) -> Result<(DeferredRequest, CallbackToken), ApiError> {
        let (now, random) = (self.environment.clock.now(), &self.environment.random);
        let (about, base_url) = (line.account.about(), self.base_url(request));
        let (deferred, token) = DeferredRequest::new(about, question, base_url, now, random);
        let (tenant, request_id) = (deferred.tenant.clone(), deferred.request_id.clone());
        let job = Job::DeferredRequest(Step::first(AskedRequest { tenant, request_id }));
        self.jobs.send(&job, self.answer_time.duration()).await?;
        self.requests.record(&deferred).await?;
        Ok((deferred, token))
    }

    /// MTN answered at once. If a callback came first, its answer stands.
    async fn answered(&self, deferred: &DeferredRequest, data: Data) -> Result<Reply, ApiError> {
        let id = &deferred.request_id;
        if data.json.get().len() > MAX_KEPT {
            self.requests.forget(id).await?;
            return answer(data);
        }
        let kept = KeptAnswer::from(&data);
        match self.requests.finish(&self.outbox, id, &kept, self.environment.clock.now()).await {
            Ok(Some(first)) => kept_answer(&first),
            // The consent was withdrawn while MTN answered.
            Ok(None) => Err(ApiError::not_found()),
            Err(error) => {
                let id = id.as_str();
                tracing::warn!(id, reason = %error, "an answer of MTN cannot be stored");
                answer(data)
            }
        }
    }

    /// MTN refused the question, so it will not answer, unless its callback already has.
    async fn refused(
        &self,
        deferred: &DeferredRequest,
        error: ApiError,
    ) -> Result<Reply, ApiError> {
        match self.requests.withdraw(&deferred.request_id).await {
            Ok(Some(met)) if met.state == DeferredState::Available => kept_answer(&met),
            Ok(_) => Err(error),
            Err(reason) => {
                let id = deferred.request_id.as_str();
                tracing::warn!(id, %reason, "a refused request stays until its requery");
                Err(error)
            }
        }
    }

    /// 202, or 200 if the tenant waits and the answer comes in time. What MTN sent that is no answer is
    /// in the reply, too.
    async fn later(
        &self,
        request: &ApiRequest,
        account: &Account,
        deferred: DeferredRequest,
    ) -> Result<Reply, ApiError> {
        let wait = request.preferred_wait();
        let id = deferred.request_id.clone();
        let met = match wait.is_zero() {
            true => deferred,
            false => {
                let met = self.poll_until(&deferred.tenant, &id, request.arrived + wait).await?;
                met.ok_or_else(ApiError::not_found)?
            }
        };
        if met.state == DeferredState::Available {
            return Ok(with_preference(kept_answer(&met)?, wait));
        }
        let reply = view(account, &met)?.with_status(StatusCode::ACCEPTED);
        let location = format!("{}/requests/{id}", self.base_url(request));
        let reply = match HeaderValue::from_str(&location) {
            Ok(location) => reply.header(LOCATION, location),
            Err(_) => reply,
        };
        Ok(with_preference(reply, wait))
    }

    /// `GET /requests/{request_id}`. A request that was made by a consent that ended is gone.
    pub(crate) async fn deferred_request(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let id = request.path_id("request_id", DeferredRequestId::parse)?;
        let wait = request.preferred_wait();
        let met = self.poll_until(tenant, &id, request.arrived + wait).await?;
        let met = met.ok_or_else(ApiError::not_found)?;
        let account = self.linked_account(tenant, &met.account_id).await?;
        if !account.still_holds(&met) {
            return Err(ApiError::not_found());
        }
        check_question(&account, &met.question)?;
        Ok(with_preference(view(&account, &met)?, wait))
    }

    /// The request once it no longer waits, or as it is at `until`.
    async fn poll_until(
        &self,
        tenant: &TenantId,
        id: &DeferredRequestId,
        until: Instant,
    ) -> Result<Option<DeferredRequest>, ApiError> {
        loop {
            let met = self.requests.get(tenant, id, self.environment.clock.now()).await?;
            let waits = met.as_ref().is_some_and(|it| it.state == DeferredState::Waiting);
            let left = until.saturating_duration_since(Instant::now());
            if !waits || left.is_zero() {
                return Ok(met);
            }
            tokio::time::sleep(left.min(POLL)).await;
        }
    }
}

/// The request as its tenant sees it, with what MTN sent about the account.
fn view(account: &Account, met: &DeferredRequest) -> Result<Reply, ApiError> {
    let shows_data = met.result.is_some() || met.notice.is_some();
    let shown = if shows_data { Shown::from(account) } else { Shown::Nobody };
    Ok(Reply::successful(met.view())?.shows(shown))
}

/// States the wait that was applied (RFC 7240).
fn with_preference(reply: Reply, wait: Duration) -> Reply {
    match HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        Ok(value) if !wait.is_zero() => reply.header(PREFERENCE_APPLIED, value),
        _ => reply,
    }
}
