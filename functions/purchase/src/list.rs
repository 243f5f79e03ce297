//! `GET /purchases`: the tenant's own purchases, newest first.

use shared::domain::purchase::{Purchase, State};
use shared::lambda::error::ApiError;
use shared::lambda::page::{PageQuery, page};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use strum::IntoEnumIterator;

use crate::PurchaseFunction;

impl PurchaseFunction {
    pub(crate) async fn list(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let (state, query) = (state(request)?, PageQuery::parse(request)?);
        let (limit, after) = (query.limit, query.after.as_deref());
        let found = self.purchases.list(tenant, state, limit, after).await?;
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let (list, filters) =
            (format!("{base}/purchases"), [("state", state.map(|it| it.name().to_owned()))]);
        let next = found.next.map(|listed| query.link(&list, filters, &listed));
        page(found.purchases.iter().map(Purchase::view), next)
    }
}

/// The state that is asked for.
fn state(request: &ApiRequest) -> Result<Option<State>, ApiError> {
    let state = request.query_value("state").map(|name| {
        name.parse().map_err(|_| {
            let names: Vec<_> = State::iter().map(State::name).collect();
            ApiError::invalid(format!("state must be one of: {}.", names.join(", ")))
        })
    });
    state.transpose()
}

#[cfg(test)]
mod tests {
    use fuzzing::{Asked, ask, fuzz};

    use super::*;

    #[test]
    fn a_state_that_is_asked_for_is_one_of_a_purchase() {
        fuzz(|choices| {
            let words = ["state=pending", "state=Pending", "state=", "state=needs_review"];
            let query: String =
                choices.text(&words).chars().filter(char::is_ascii_graphic).collect();
            let query = query.replace(['"', '<', '>', '#', '`', '{', '}', '\\', '^', '|'], "");
            let asked = Asked { query: &query, ..Asked::default() };
            let (status, answer) = ask(asked, |request| {
                let read = state(request)?.map(State::name);
                assert_eq!(read, request.query_value("state").as_deref());
                Ok(())
            });
            assert!(matches!(status, 200 | 400), "{status} {answer}");
        });
    }
}
