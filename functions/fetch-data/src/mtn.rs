//! MTN's data about its line: plans, premium, and the questions that it may answer later.

use shared::domain::account::Account;
use shared::domain::msisdn::Msisdn;
use shared::domain::network::Network;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::provider::mtn::{Ids, Mtn};

use crate::FetchData;
use crate::query::{plans, premium, question, x_authorization};
use crate::reply::answer;

/// A line of MTN's, and the account that it belongs to.
pub(crate) struct Line<'a> {
    pub(crate) account: &'a Account,
    pub(crate) msisdn: Msisdn,
}

impl FetchData {
    pub(crate) async fn read_mtn(
        &self,
        request: &ApiRequest,
        account: &Account,
    ) -> Result<Reply, ApiError> {
        let line = line(account)?;
        let mtn = self.mtn()?;
        let transaction = &self.environment.random.id()[..20];
        let ids = Ids { transaction_id: transaction, trace_id: &request.id };
        let data = match request.route.as_str() {
            "GET /accounts/{id}/mtn/plans" => {
                let query = plans(request, &line.msisdn)?;
                let credentials = x_authorization(request)?;
                mtn.plans(&ids, &line.msisdn, &query, credentials.as_ref()).await?
            }
            "GET /accounts/{id}/mtn/plans/{productCode}" => {
                let code = request.path("productCode");
                mtn.product_plans(&ids, &line.msisdn, code).await?
            }
            "POST /accounts/{id}/mtn/premium" => {
                mtn.premium(&ids, &line.msisdn, &premium(request, &line.msisdn)?).await?
            }
            _ => return self.ask(request, &line, question(request)?).await,
        };
        answer(data)
    }

    pub(crate) fn mtn(&self) -> Result<&Mtn, ApiError> {
        self.mtn.as_ref().ok_or_else(|| ApiError::provider_off("MTN"))
    }
}

/// The account as a line of MTN's.
fn line(account: &Account) -> Result<Line<'_>, ApiError> {
    if account.network != Network::Mtn {
        return Err(ApiError::invalid(
            "This account was linked as a line of another network; only MTN lines can be asked \
             about at MTN.",
        ));
    }
    let msisdn = account.msisdn.clone();
    let msisdn = msisdn.ok_or_else(|| ApiError::unavailable("the account has no number"))?;
    Ok(Line { account, msisdn })
}
