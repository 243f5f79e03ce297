//! `GET /accounts/{id}/export`: everything held about the account, in pages: what MTN was asked and answered,
//! then the purchases for its number.

use serde::Serialize;
use serde_json::Value;
use shared::domain::account::Account;
use shared::domain::deferred::{DeferredRequest, DeferredView};
use shared::domain::ids::{DeferredRequestId, PurchaseId};
use shared::domain::purchase::{PhoneKey, Purchase, Recipient};
use shared::lambda::error::ApiError;
use shared::lambda::page::{MAX_LIMIT, limit};
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::store::Filters;

use crate::ConsentFunction;

#[derive(Serialize)]
struct Export<'a> {
    #[serde(flatten)]
    account: &'a Account,
    /// What MTN was asked about the account, and answered.
    requests: Vec<DeferredView<'a>>,
    /// What was bought for the account's number.
    purchases: Vec<Value>,
}

#[derive(Serialize)]
struct ExportReply<'a> {
    status: &'static str,
    data: Export<'a>,
    paging: Paging,
}

#[derive(Serialize)]
struct Paging {
    next: Option<String>,
}

/// Where a page begins.
#[derive(Debug, Clone, PartialEq)]
enum Place {
    /// With the requests after this one; with the first if there is none.
    Requests(Option<DeferredRequestId>),
    /// With the purchases after this place in their list; with the first if there is none.
    Purchases(Option<String>),
}

impl ConsentFunction {
    pub(crate) async fn export(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let (limit, place) = (limit(request, MAX_LIMIT)?, place(request)?);
        let now = self.environment.clock.now();
        let account = self.account(request).await?.shown(now);
        let is_open = account.is_open(now);
        let (mut requests, mut purchases, mut next) = (Vec::new(), Vec::new(), None);
        let mut after = place;
        // What is not open is erased, or will be in a moment.
        if is_open && let Place::Requests(from) = &after {
            let (tenant, id) = (&account.tenant, &account.account_id);
            let page = self.requests.of_account(tenant, id, limit, from.as_ref(), now).await?;
            requests = page.requests;
            next = page.next.map(|id| Place::Requests(Some(id)));
            after = Place::Purchases(None);
        }
        let left = limit.saturating_sub(requests.len());
        if is_open
            && next.is_none()
            && let Place::Purchases(from) = &after
        {
            (purchases, next) = self.purchases_for(&account, left, from.as_deref()).await?;
        }
        let base = self.public_base_url.as_deref().unwrap_or(&request.base_url);
        let list = format!("{base}/accounts/{}/export", account.account_id);
        let next = next.map(|next| format!("{list}?limit={limit}&cursor={}", next.cursor()));
        // A withdrawal, or a consent that became narrower, closes what was answered before.
        let covered = requests.iter().filter(|it| account.is_open_to(it, now));
        let requests = covered.map(DeferredRequest::view).collect();
        let purchases = purchases.iter().map(Purchase::view).collect();
        let data = Export { account: &account, requests, purchases };
        let reply = ExportReply { status: "successful", data, paging: Paging { next } };
        Ok(Reply::json(&reply)?.shows(&account))
    }

    /// A page of the tenant's purchases for the account's number, and where the next one begins.
    async fn purchases_for(
        &self,
        account: &Account,
        limit: usize,
        after: Option<&str>,
    ) -> Result<(Vec<Purchase>, Option<Place>), ApiError> {
        let number = account.msisdn.clone().map(Recipient::Number);
        let phone = number.and_then(|it| PhoneKey::of(&self.keyed_hash, &account.tenant, &it));
        if phone.is_none() {
            return Ok((Vec::new(), None));
        }
        if limit == 0 {
            return Ok((Vec::new(), Some(Place::Purchases(None))));
        }
        let filters = Filters { phone, ..Filters::default() };
        let page = self.purchases.list(&account.tenant, &filters, limit, after).await?;
        Ok((page.purchases, page.next.map(|listed| Place::Purchases(Some(listed)))))
    }
}

impl Place {
    fn cursor(&self) -> String {
        match self {
            Self::Requests(after) => format!("r{}", after.as_ref().map_or("", |id| id.as_str())),
            Self::Purchases(after) => {
                let listed = after.as_deref().unwrap_or_default();
                // The time and the id, as a query takes them.
                format!("p{}", listed.replace('#', "_"))
            }
        }
    }

    fn parse(cursor: &str) -> Option<Self> {
        if let Some(id) = cursor.strip_prefix('r') {
            return DeferredRequestId::parse(id).map(|id| Self::Requests(Some(id)));
        }
        let listed = cursor.strip_prefix('p')?;
        if listed.is_empty() {
            return Some(Self::Purchases(None));
        }
        let (time, id) = listed.split_once('_')?;
        let plain = |c: u8| c.is_ascii_alphanumeric() || b"-:.".contains(&c);
        let is_place = time.len() == 24 && time.bytes().all(plain);
        let id = PurchaseId::parse(id).filter(|_| is_place)?;
        Some(Self::Purchases(Some(format!("{time}#{id}"))))
    }
}

/// Where the page begins that is asked for.
fn place(request: &ApiRequest) -> Result<Place, ApiError> {
    let Some(cursor) = request.query_value("cursor") else { return Ok(Place::Requests(None)) };
    Place::parse(&cursor).ok_or_else(|| ApiError::invalid("cursor is not one of this API."))
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    const LISTED: &str = "p2026-11-22T10:00:00.000Z_0123456789abcdef0123456789abcdef";

    #[test]
    fn a_cursor_that_is_read_is_one_that_a_page_holds() {
        fuzz(|choices| {
            let request = "r0123456789abcdef0123456789abcdef";
            let cursor = choices.text(&[LISTED, &LISTED[1..], request, "p", "r", "_"]);
            let Some(place) = Place::parse(&cursor) else { return };
            assert_eq!(place.cursor(), cursor);
            assert_eq!(Place::parse(&cursor), Some(place));
        });
        assert!(Place::parse(LISTED).is_some() && Place::parse("p").is_some());
    }
}
