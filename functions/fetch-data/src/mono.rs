//! Mono's data about an account, passed on as Mono gave it.

use std::time::Duration;

use http::StatusCode;
use shared::domain::account::Account;
use shared::domain::ids::AccountId;
use shared::domain::job::{BELIEVED_STEP, Job, ReportedAccount, Step};
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::provider::mono::{MonoError, Resource, point_links_at};

use crate::FetchData;

impl FetchData {
    pub(crate) async fn read_mono(
        &self,
        request: &ApiRequest,
        account: &Account,
        resource: Resource,
    ) -> Result<Reply, ApiError> {
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;
        let id = &account.account_id;
        let page = match mono.read(resource, id, &request.query, &request.headers).await {
            Ok(page) => page,
            Err(error) => {
                self.check_withdrawal(&error, id).await;
                return Err(error.into());
            }
        };
        let body = match resource {
            Resource::Transactions => {
                let url = format!("{}{}", self.base_url(request), resource.path(id));
                point_links_at(&url, &request.query, page.body)
            }
            Resource::Account | Resource::Balances | Resource::Identity => page.body,
        };
        let reply = Reply::json_text(body);
        Ok(page.headers.into_iter().fold(reply, |reply, (name, value)| reply.header(name, value)))
    }

    /// If Mono does not know the account, the customer may have withdrawn there: the requery asks
    /// Mono, once, because Mono may just not have this part of the account's data. If the job cannot be
    /// sent, the next read sends it.
    async fn check_withdrawal(&self, error: &MonoError, account_id: &AccountId) {
        if let MonoError::Rejected(StatusCode::NOT_FOUND | StatusCode::GONE) = error {
            let id = account_id.clone();
            let about = ReportedAccount { account_id: id, once: true, reported: false };
            let job = Job::Withdrawal(Step { about, step: BELIEVED_STEP });
            if let Err(error) = self.jobs.send(&job, Duration::ZERO).await {
                let account_id = account_id.as_str();
                tracing::warn!(account_id, reason = %error, "a withdrawal cannot be checked");
            }
        }
    }
}
