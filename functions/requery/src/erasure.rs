//! The jobs that end a consent. An unlink tells Mono of a withdrawal here until Mono confirms. A
//! withdrawal at Mono, reported by its webhook, is confirmed by asking Mono and then done here.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use http::StatusCode;
use shared::domain::account::AccountState;
use shared::domain::ids::AccountId;
use shared::domain::job::{BELIEVED_STEP, HeldAccount, Job, ReportedAccount, Step};
use shared::domain::schedule::Schedule;
use shared::lambda::queue_function::Retry;
use shared::platform::config::{ConfigError, Vars};
use shared::platform::environment::Environment;
use shared::platform::queue::Queue;
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::mono::{Mono, MonoError, Resource};
use shared::store::{Accounts, Holder, Outbox, OverLimit, Requests, StoreError, Withdrawals};

/// After about a day of steps a person should find out why Mono does not answer.
const OVERDUE_STEP: u32 = 100;

/// The worker for unlink and withdrawal jobs.
#[derive(Debug)]
pub(crate) struct ErasureJobs {
    mono: Option<Mono>,
    accounts: Accounts,
    requests: Requests,
    withdrawals: Withdrawals,
    outbox: Outbox,
    jobs: Queue,
    schedule: Schedule,
    environment: Environment,
}

/// The result of one step.
enum Progress {
    /// Nothing is left to do, or another job does it.
    Done,
    /// It must be tried again, for this reason.
    Later(String),
}

impl ErasureJobs {
    pub(crate) fn new(
        vars: &Vars,
        environment: &Environment,
        dynamodb: &Client,
        outbox: &Outbox,
        jobs: &Queue,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            mono: Mono::from_vars(vars, environment)?,
            accounts: Accounts::from_vars(vars, dynamodb)?,
            requests: Requests::from_vars(vars, dynamodb)?,
            withdrawals: Withdrawals::from_vars(vars, environment, dynamodb)?,
            outbox: outbox.clone(),
            jobs: jobs.clone(),
            schedule: Schedule::from_vars(vars)?,
            environment: environment.clone(),
        })
    }

    /// Tells Mono of a withdrawn consent. Whatever fails, the next step tries again: an erasure has
    /// no deadline. The step is sent before it is marked: a crash between the two sends one more and loses
    /// nothing.
    pub(crate) async fn unlink(&self, step: Step<HeldAccount>) -> Result<(), Retry> {
        let Progress::Later(reason) = settled(self.tell_mono(&step).await) else {
            return Ok(());
        };
        let HeldAccount { tenant, account_id } = &step.about;
        let (name, id, at) = (Some(tenant.as_str()), account_id.as_str(), step.step);
        tracing::warn!(
            tenant = name,
            account_id = id,
            reason,
            step = at,
            "not unlinked at Mono yet"
        );
        self.raise_if_overdue(at, name, id);
        let next = step.next();
        let wait = self.wait(next.step);
        self.jobs.send(&Job::Unlink(next), wait).await?;
        let due = self.environment.clock.now() + wait;
        if let Err(error) = self.accounts.mark_unlink_again(tenant, account_id, due).await {
            tracing::warn!(account_id = id, reason = %error, "the next unlink step cannot be marked");
        }
        Ok(())
    }

    /// Confirms a withdrawal that Mono reports, and does it here. Whatever fails, the next step
    /// tries again.
    pub(crate) async fn withdrawal(&self, step: Step<ReportedAccount>) -> Result<(), Retry> {
        let Progress::Later(reason) = settled(self.confirm(&step).await) else {
            return Ok(());
        };
        let account_id = step.about.account_id.as_str();
        tracing::warn!(account_id, reason, step = step.step, "a withdrawal is not confirmed yet");
        if step.about.once && step.step >= OVERDUE_STEP {
            // Another read will meet it.
            return Ok(());
        }
        self.raise_if_overdue(step.step, None, account_id);
        let next = step.next();
        let wait = self.wait(next.step);
        Ok(self.jobs.send(&Job::Withdrawal(next), wait).await?)
    }

    /// Tells Mono, unless another tenant still holds the account. An account that was linked again
    /// or is unlinked already needs nothing, and so does a copy of a step once a later one was sent.
    async fn tell_mono(&self, step: &Step<HeldAccount>) -> Result<Progress, StoreError> {
        let HeldAccount { tenant, account_id } = &step.about;
        let account = self.accounts.get(tenant, account_id).await?;
        let Some(account) = account.filter(|it| it.state != AccountState::Linked) else {
            return Ok(Progress::Done);
        };
        if account.keeps_text() {
            self.accounts.erase_texts(tenant, account_id).await?;
        }
        if account.state == AccountState::Unlinked {
            return Ok(Progress::Done);
        }
        let comes_later = account.unlink_comes_later(self.environment.clock.now());
        if step.step > 0 && comes_later {
            return Ok(Progress::Done);
        }
        self.requests.forget_account(tenant, account_id).await?;
        if !self.accounts.is_held(account_id).await? {
            let Some(mono) = &self.mono else { return Ok(mono_is_off()) };
            match mono.unlink(account_id).await {
                Ok(_) => {}
                Err(_) if comes_later => return Ok(Progress::Done),
                Err(error) => return Ok(Progress::Later(error.to_string())),
            }
        }
        self.accounts.finish_unlink(tenant, account_id, self.environment.clock.now()).await?;
        Ok(Progress::Done)
    }

    /// Asks Mono for the account. If Mono no longer knows it, the consent of every tenant that holds
    /// it is withdrawn here. If Mono still knows it after some time, the report was wrong or the
    /// customer came back.
    async fn confirm(&self, step: &Step<ReportedAccount>) -> Result<Progress, StoreError> {
        let account_id = &step.about.account_id;
        let Some(mono) = &self.mono else { return Ok(mono_is_off()) };
        // Before Mono is asked, so that a consent that is given meanwhile stays.
        let holders = self.accounts.holders(account_id).await?;
        match mono.read(Resource::Account, account_id, "", &http::HeaderMap::new()).await {
            // Mono's webhook may come before Mono's own API knows.
            Ok(_) if step.step < BELIEVED_STEP => {
                return Ok(Progress::Later("Mono still knows the account".to_owned()));
            }
            Ok(_) => {}
            Err(MonoError::Rejected(StatusCode::NOT_FOUND | StatusCode::GONE)) => {
                return self.withdraw(&step.about, &holders).await;
            }
            Err(error) => return Ok(Progress::Later(error.to_string())),
        }
        Ok(Progress::Done)
    }

    /// With a wrong key or address of Mono every account is unknown there, and what is erased does not
    /// come back. So there is a limit, unless Mono's webhook reported the withdrawal, too.
    async fn withdraw(
        &self,
        about: &ReportedAccount,
        holders: &[Holder],
    ) -> Result<Progress, StoreError> {
        let is_linked = holders.iter().any(|holder| holder.state == AccountState::Linked);
        if !about.reported && is_linked {
            match self.withdrawals.count(&about.account_id).await {
                Ok(()) => {}
                Err(OverLimit::Unknown(error)) => return Err(error),
                Err(OverLimit::Reached(_) | OverLimit::TooMuch) => return Ok(not_believed(about)),
            }
        }
        self.erase(&about.account_id, holders).await?;
        Ok(Progress::Done)
    }

    /// Erases the personal data of each holder, and leaves the tombstones.
    /// A repeat is harmless. The unlink job is sent before, so that what is begun is finished, even if
    /// the customer comes back after a crash and Mono knows the account again.
    async fn erase(&self, id: &AccountId, holders: &[Holder]) -> Result<(), StoreError> {
        for holder in holders {
            let (tenant, now) = (&holder.tenant, self.environment.clock.now());
            if holder.state == AccountState::Linked {
                let held = HeldAccount { tenant: tenant.clone(), account_id: id.clone() };
                self.jobs.send(&Job::Unlink(Step::first(held)), self.wait(0)).await?;
                if !self.accounts.begin_withdrawal(&self.outbox, holder, id, now).await? {
                    continue;
                }
            }
            self.requests.forget_account(tenant, id).await?;
            self.accounts.finish_unlink(tenant, id, now).await?;
            let (tenant, account_id) = (tenant.as_str(), id.as_str());
            tracing::info!(tenant, account_id, "withdrawn at Mono");
        }
        Ok(())
    }

    fn raise_if_overdue(&self, step: u32, tenant: Option<&str>, account_id: &str) {
        if step >= OVERDUE_STEP {
            let alarm = Alarm::UnlinkOverdue.name();
            tracing::error!(alarm, tenant, account_id, "Mono does not confirm");
        }
    }

    fn wait(&self, step: u32) -> Duration {
        self.schedule.wait(step, Duration::MAX, &self.environment.random)
    }
}

fn settled(result: Result<Progress, StoreError>) -> Progress {
    result.unwrap_or_else(|error| Progress::Later(error.to_string()))
}

/// Too many accounts are unknown to Mono. Another read will meet what a read met.
fn not_believed(about: &ReportedAccount) -> Progress {
    let (alarm, account_id) = (Alarm::ManyWithdrawals.name(), about.account_id.as_str());
    tracing::error!(alarm, account_id, "too many accounts are unknown to Mono");
    match about.once {
        true => Progress::Done,
        false => Progress::Later("too many withdrawals at once".to_owned()),
    }
}

fn mono_is_off() -> Progress {
    Progress::Later("Mono is switched off".to_owned())
}
