//! Questions that MTN may answer later: asked so that no answer is lost, whenever it comes, and read
//! back at `GET /requests/{request_id}`.
//!
//! 1. Send the requery's message, so that an answer that does not come is asked for again.
//! 2. Record the request with the hash of its callback's token.
//! 3. Ask MTN.
//! 4. Record what it answered, or leave it waiting.

use std::time::{Duration, Instant};

use http::StatusCode;
use http::header::{HeaderName, HeaderValue, LOCATION};
use serde_json::value::RawValue;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::mtn::{Asked, Data, Ids, Query};
use shared::mtn_request::{CallbackToken, KeptAnswer, MtnRequest, RequestState};
use shared::requery::{Message, RequestStep};
use shared::store::{MAX_KEPT, Tenant};

use crate::FetchData;
use crate::mtn::{Line, answer, reply};

/// The longest that a caller may wait for, from the arrival of its request.
const MAX_WAIT: Duration = Duration::from_secs(20);
/// Between two looks whether the answer is there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

impl FetchData {
    pub(crate) async fn ask(
        &self,
        request: &ApiRequest,
        line: &Line,
        query: Query,
    ) -> Result<Reply, ApiError> {
        let mtn = self.mtn()?;
        let (question, token) = self.begin(request, line, query).await?;
        let url = token.url(&question.base_url, &question.request_id);
        let transaction = question.transaction_id(question.asks);
        let ids = Ids { transaction_id: &transaction, trace_id: &request.id };
        match mtn.ask(&ids, &line.msisdn, &question.query, &url).await {
            Ok(Asked::Answered(data)) => self.answered(&question, data).await,
            Ok(Asked::Later) => self.later(request, question).await,
            // MTN may have heard the question all the same, and call back.
            Err(error) if error.may_answer_later() && question.query.may_answer_later() => {
                self.later(request, question).await
            }
            Err(error) => self.refused(&question, error.into()).await,
        }
    }

    /// Steps 1 and 2.
    async fn begin(
        &self,
        request: &ApiRequest,
        line: &Line,
        query: Query,
    ) -> Result<(MtnRequest, CallbackToken), ApiError> {
        let tenant = request.caller()?;
        let (now, random) = (self.world.clock.now(), &self.world.random);
        let (account_id, base_url) = (&line.account.account_id, self.base_url(request));
        let (question, token) = MtnRequest::new(tenant, account_id, query, base_url, now, random);
        let (tenant, request_id) = (tenant.clone(), question.request_id.clone());
        let message = Message::MtnRequest(RequestStep { tenant, request_id, step: question.step });
        self.requeries.send(&message, self.answer_time.duration()).await?;
        self.requests.record(&question).await?;
        Ok((question, token))
    }

    /// MTN answered at once. Where a callback was faster, its answer stands.
    async fn answered(&self, question: &MtnRequest, data: Data) -> Result<Reply, ApiError> {
        let id = question.request_id.as_str();
        if data.json.get().len() > MAX_KEPT {
            self.requests.forget(id).await?;
            return answer(data);
        }
        let kept = KeptAnswer::of(&data);
        match self.requests.finish(id, &kept, self.world.clock.now()).await {
            Ok(Some(first)) => available(&first),
            // The consent was withdrawn while MTN answered.
            Ok(None) => Err(ApiError::not_found()),
            Err(error) => {
                tracing::warn!(id, reason = %error, "an answer of MTN's is not kept");
                answer(data)
            }
        }
    }

    /// MTN will not answer this one, unless it already has, by its callback.
    async fn refused(&self, question: &MtnRequest, error: ApiError) -> Result<Reply, ApiError> {
        let id = question.request_id.as_str();
        match self.requests.withdraw(id).await {
            Ok(Some(met)) if met.state == RequestState::Available => available(&met),
            Ok(_) => Err(error),
            Err(reason) => {
                tracing::warn!(id, %reason, "a refused request stays until its requery");
                Err(error)
            }
        }
    }

    /// 202, or 200 if the caller waits and the answer comes in time.
    async fn later(&self, request: &ApiRequest, question: MtnRequest) -> Result<Reply, ApiError> {
        let wait = request.preferred_wait().min(MAX_WAIT);
        let id = question.request_id.as_str();
        let met = match wait.is_zero() {
            true => question.clone(),
            false => {
                let met = self.look_until(&question.tenant, id, request.arrived + wait).await?;
                met.ok_or_else(ApiError::not_found)?
            }
        };
        if met.state == RequestState::Available {
            return Ok(applied(available(&met)?, wait));
        }
        let reply = Reply::successful(met.view())?.with_status(StatusCode::ACCEPTED);
        let place = format!("{}/requests/{id}", self.base_url(request));
        let reply = match HeaderValue::from_str(&place) {
            Ok(place) => reply.header(LOCATION, place),
            Err(_) => reply,
        };
        Ok(applied(reply, wait))
    }

    /// `GET /requests/{request_id}`. A request of an account that is no longer linked is gone.
    pub(crate) async fn request(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.caller()?;
        let (id, wait) = (request.path("request_id"), request.preferred_wait().min(MAX_WAIT));
        let until = request.arrived + wait;
        let met = self.look_until(tenant, id, until).await?.ok_or_else(ApiError::not_found)?;
        self.linked_account(tenant, &met.account_id).await?;
        Ok(applied(Reply::successful(met.view())?, wait))
    }

    /// The request once it waits no more, or as it is when the time is up.
    async fn look_until(
        &self,
        tenant: &Tenant,
        id: &str,
        until: Instant,
    ) -> Result<Option<MtnRequest>, ApiError> {
        loop {
            let met = self.requests.get(tenant, id, self.world.clock.now()).await?;
            let waits = met.as_ref().is_some_and(|it| it.state == RequestState::Waiting);
            let left = until.saturating_duration_since(Instant::now());
            if !waits || left.is_zero() {
                return Ok(met);
            }
            tokio::time::sleep(left.min(LOOK_EVERY)).await;
        }
    }
}

/// 200 with the answer that was kept.
fn available(met: &MtnRequest) -> Result<Reply, ApiError> {
    let result = met.result.clone().and_then(|text| RawValue::from_string(text).ok());
    let result = result.ok_or_else(|| ApiError::unavailable("a kept answer is no JSON"))?;
    reply(result, met.partial, met.recognised)
}

/// Says that the caller's wish was heard (RFC 7240).
fn applied(reply: Reply, wait: Duration) -> Reply {
    match HeaderValue::from_str(&format!("wait={}", wait.as_secs())) {
        Ok(value) if !wait.is_zero() => reply.header(PREFERENCE_APPLIED, value),
        _ => reply,
    }
}
