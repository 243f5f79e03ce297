//! Mono's data about an account, passed on as Mono gave it.

use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::provider::mono::{Resource, point_links_at};

use crate::FetchData;

impl FetchData {
    pub(crate) async fn read_mono(
        &self,
        request: &ApiRequest,
        resource: Resource,
    ) -> Result<Reply, ApiError> {
        let account = self.account_of(request).await?;
        let mono = self.mono.as_ref().ok_or_else(|| ApiError::provider_off("Mono"))?;
        let id = &account.account_id;
        let page = mono.read(resource, id, &request.query, &request.headers).await?;
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
}
