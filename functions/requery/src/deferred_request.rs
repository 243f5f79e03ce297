//! The deferred request job: MTN had time to answer. Unless it did, it is asked again with a new
//! callback URL; the old ones stay valid. The questions are reads, so asking twice does no harm.

use aws_sdk_dynamodb::Client;
use shared::domain::account::Account;
use shared::domain::deferred::{
    AnswerTime, CallbackToken, DeferredRequest, DeferredState, KeptAnswer, MOST_ASKS,
};
use shared::domain::job::{AskedRequest, Job, Step};
use shared::lambda::queue_function::Retry;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::mtn::{Asked, Ids, Mtn, MtnError};
use shared::store::{Accounts, MAX_KEPT, Outbox, Requests, StoreError};

/// About a day and a half of steps. A request that is not settled by then has expired.
const LAST_STEP: u32 = 1_000;

/// The worker for deferred request jobs.
#[derive(Debug)]
pub(crate) struct DeferredRequestJobs {
    mtn: Option<Mtn>,
    accounts: Accounts,
    requests: Requests,
    outbox: Outbox,
    jobs: Queue,
    answer_time: AnswerTime,
    environment: Environment,
}

/// What a step has to do.
enum Task {
    /// Nothing: the request is answered, given up, gone, or another step's.
    Nothing,
    /// Ask again, about this account.
    Ask(Box<(DeferredRequest, Account)>),
}

impl DeferredRequestJobs {
    pub(crate) fn new(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
        outbox: &Outbox,
        jobs: &Queue,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            mtn: Mtn::from_vars(vars, environment)?,
            accounts: Accounts::from_vars(vars, dynamodb)?,
            requests: Requests::from_vars(vars, dynamodb)?,
            outbox: outbox.clone(),
            jobs: jobs.clone(),
            answer_time: AnswerTime::from_vars(vars)?,
            environment: environment.clone(),
        })
    }

    /// Whatever fails, the next step is sent. Only if that fails too, the message goes back to the
    /// queue.
    pub(crate) async fn step(&self, step: Step<AskedRequest>) -> Result<(), Retry> {
        match self.task(&step).await {
            Ok(Task::Nothing) => Ok(()),
            // While MTN is down no ask is used up.
            Ok(Task::Ask(_)) if self.mtn.as_ref().is_some_and(|mtn| mtn.check().is_err()) => {
                self.next_step(&step).await
            }
            Ok(Task::Ask(asked)) => {
                let (request, account) = *asked;
                // Sent before the ask is recorded: a crash between the two asks once more.
                self.next_step(&step).await?;
                self.ask_again(&step, &request, &account).await;
                Ok(())
            }
            Err(error) => {
                not_settled(&step, &error);
                self.next_step(&step).await
            }
        }
    }

    /// A request whose account is no longer open is deleted, answered or not, because its unlink
    /// may not have seen it. So is one that was asked by a consent that ended, or that a narrower consent does not cover.
    async fn task(&self, step: &Step<AskedRequest>) -> Result<Task, StoreError> {
        let AskedRequest { tenant, request_id } = &step.about;
        let now = self.environment.clock.now();
        let Some(request) = self.requests.get(tenant, request_id, now).await? else {
            return Ok(Task::Nothing);
        };
        let account = self.accounts.get(tenant, &request.account_id).await?;
        let Some(account) = account.filter(|it| it.is_open_to(&request, now)) else {
            self.requests.forget(request_id).await?;
            return Ok(Task::Nothing);
        };
        if request.state != DeferredState::Waiting || step.step < request.step {
            return Ok(Task::Nothing);
        }
        if request.asks >= MOST_ASKS {
            self.requests.time_out(&self.outbox, request_id, now).await?;
            return Ok(Task::Nothing);
        }
        Ok(Task::Ask(Box::new((request, account))))
    }

    async fn ask_again(
        &self,
        step: &Step<AskedRequest>,
        request: &DeferredRequest,
        account: &Account,
    ) {
        let now = self.environment.clock.now();
        let token = CallbackToken::new(&self.environment.random);
        match self.requests.ask_again(request, step.next().step, token.hash(now), now).await {
            Ok(true) => {}
            // Another delivery of this step was faster, or the answer came.
            Ok(false) => return,
            Err(error) => return not_settled(step, &error),
        }
        let (Some(mtn), Some(msisdn)) = (&self.mtn, &account.msisdn) else { return };
        let id = request.request_id.as_str();
        let transaction = request.transaction_id(request.asks + 1);
        let ids = Ids { transaction_id: &transaction, trace_id: id };
        let url = token.url(&request.base_url, &request.request_id);
        match mtn.ask(&ids, msisdn, &request.question, &url).await {
            Ok(Asked::Answered(data)) if data.json.get().len() <= MAX_KEPT => {
                let (kept, now) = (KeptAnswer::from(&data), self.environment.clock.now());
                if let Err(error) =
                    self.requests.finish(&self.outbox, &request.request_id, &kept, now).await
                {
                    not_settled(step, &error);
                }
            }
            Ok(Asked::Answered(_)) | Err(MtnError::TooLarge) => {
                let alarm = Alarm::AnswerTooLarge.name();
                tracing::error!(alarm, id, "an answer is too large to be stored");
            }
            Ok(Asked::Later) => {}
            Err(error) => tracing::warn!(id, reason = %error, "MTN does not answer a request"),
        }
    }

    async fn next_step(&self, step: &Step<AskedRequest>) -> Result<(), Retry> {
        if step.step >= LAST_STEP {
            let id = step.about.request_id.as_str();
            tracing::warn!(id, "a request is given up, because it has expired");
            return Ok(());
        }
        let next = Job::DeferredRequest(step.next());
        Ok(self.jobs.send(&next, self.answer_time.duration()).await?)
    }
}

fn not_settled(step: &Step<AskedRequest>, error: &StoreError) {
    let id = step.about.request_id.as_str();
    tracing::warn!(id, reason = %error, "a request is not settled");
}
