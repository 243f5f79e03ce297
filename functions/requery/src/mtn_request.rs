//! MTN had time to answer a request. Unless it did, it is asked again, with a new callback URL; the
//! old ones stay good. What it was asked are reads: asking twice does no harm.

use shared::mtn::{Asked, Ids};
use shared::mtn_request::{CallbackToken, KeptAnswer, MOST_ASKS, MtnRequest, RequestState};
use shared::phone::Msisdn;
use shared::queue_function::Retry;
use shared::requery::{Message, RequestStep};
use shared::store::{Account, AccountState, MAX_KEPT, StoreError};

use crate::Requery;

/// About a day and a half of steps: what is still not settled then is given back to the queue, and
/// with it to a person.
const LAST_STEP: u32 = 1_000;

/// What a step has to do.
enum Task {
    /// Nothing: it is answered, given up, gone, or another step's.
    Nothing,
    /// Ask again, about this account.
    Ask(Box<(MtnRequest, Account)>),
}

impl Requery {
    /// Whatever fails on the way, the next step is sent: only where that fails, too, does the
    /// message go back to the queue.
    pub(crate) async fn mtn_request(&self, step: RequestStep) -> Result<(), Retry> {
        match self.task(&step).await {
            Ok(Task::Nothing) => Ok(()),
            Ok(Task::Ask(asked)) => {
                let (request, account) = *asked;
                // Sent before the ask is noted: a crash between them asks once more, never less.
                self.next_request_step(&step).await?;
                self.ask_again(&step, &request, &account).await;
                Ok(())
            }
            Err(error) => {
                unsettled(&step, &error);
                self.next_request_step(&step).await
            }
        }
    }

    /// A request whose account is no longer linked is deleted, answered or not: its unlink may not
    /// have seen it.
    async fn task(&self, step: &RequestStep) -> Result<Task, StoreError> {
        let (id, now) = (step.request_id.as_str(), self.world.clock.now());
        let Some(request) = self.requests.get(&step.tenant, id, now).await? else {
            return Ok(Task::Nothing);
        };
        let account = self.accounts.get(&step.tenant, &request.account_id).await?;
        let Some(account) = account.filter(|it| it.state == AccountState::Linked) else {
            self.requests.forget(id).await?;
            return Ok(Task::Nothing);
        };
        if request.state != RequestState::Waiting || step.step < request.step {
            return Ok(Task::Nothing);
        }
        if request.asks >= MOST_ASKS {
            self.requests.time_out(id, now).await?;
            return Ok(Task::Nothing);
        }
        Ok(Task::Ask(Box::new((request, account))))
    }

    async fn ask_again(&self, step: &RequestStep, request: &MtnRequest, account: &Account) {
        let (now, token) = (self.world.clock.now(), CallbackToken::new(&self.world.random));
        let next = step.next().step;
        match self.requests.ask_again(request, next, token.hash(now), now).await {
            Ok(true) => {}
            // Another delivery of this step was faster, or the answer came.
            Ok(false) => return,
            Err(error) => return unsettled(step, &error),
        }
        let number = account.phone.as_deref().and_then(|phone| Msisdn::parse(phone).ok());
        let (Some(mtn), Some(msisdn)) = (&self.mtn, number) else { return };
        let id = request.request_id.as_str();
        let transaction = request.transaction_id(request.asks + 1);
        let ids = Ids { transaction_id: &transaction, trace_id: id };
        let url = token.url(&request.base_url, id);
        match mtn.ask(&ids, &msisdn, &request.query, &url).await {
            Ok(Asked::Answered(data)) if data.json.get().len() <= MAX_KEPT => {
                let kept = KeptAnswer::of(&data);
                if let Err(error) = self.requests.finish(id, &kept, self.world.clock.now()).await {
                    unsettled(step, &error);
                }
            }
            Ok(Asked::Answered(_)) => {
                tracing::error!(alarm = "answer_too_large", id, "an answer cannot be kept");
            }
            Ok(Asked::Later) => {}
            Err(error) => tracing::warn!(id, reason = %error, "MTN does not answer a request"),
        }
    }

    async fn next_request_step(&self, step: &RequestStep) -> Result<(), Retry> {
        if step.step >= LAST_STEP {
            return Err(Retry("a request is not settled after all its steps".to_owned()));
        }
        let next = Message::MtnRequest(step.next());
        let sent = self.requeries.send(&next, self.answer_time.duration()).await;
        sent.map_err(|error| Retry(error.to_string()))
    }
}

fn unsettled(step: &RequestStep, error: &StoreError) {
    let id = step.request_id.as_str();
    tracing::warn!(id, reason = %error, "a request is not settled");
}
