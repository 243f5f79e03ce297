//! What MTN knows of its line: plans, premium, and the questions that it may answer later.

use serde::Serialize;
use serde_json::value::RawValue;
use shared::error::ApiError;
use shared::http_function::{ApiRequest, Reply};
use shared::mono::Provider;
use shared::mtn::{Data, Ids, Mtn};
use shared::phone::Msisdn;
use shared::store::Account;

use crate::FetchData;
use crate::question::{plans, premium, query, x_authorization};

/// A line of MTN's, and who asks about it.
pub(crate) struct Line {
    pub(crate) account: Account,
    pub(crate) msisdn: Msisdn,
}

/// MTN's data as the caller reads it.
#[derive(Serialize)]
struct Answer {
    status: &'static str,
    /// MTN said that a part of it is missing.
    partial: bool,
    /// It has the shape that MTN documents.
    recognised: bool,
    data: Box<RawValue>,
}

impl FetchData {
    pub(crate) async fn read_mtn(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let line = self.line(request).await?;
        let mtn = self.mtn()?;
        let transaction = &self.world.random.id()[..20];
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
            _ => return self.ask(request, &line, query(request)?).await,
        };
        answer(data)
    }

    /// The caller's account as a line of MTN's.
    async fn line(&self, request: &ApiRequest) -> Result<Line, ApiError> {
        let account = self.linked_account(request.caller()?, request.path("id")).await?;
        if account.provider != Provider::Mtn {
            return Err(ApiError::invalid(
                "This account was linked as a line of another network; only MTN lines can be asked \
                 about at MTN.",
            ));
        }
        let msisdn = account.phone.as_deref().and_then(|phone| Msisdn::parse(phone).ok());
        let msisdn = msisdn.ok_or_else(|| ApiError::unavailable("the account has no number"))?;
        Ok(Line { account, msisdn })
    }

    pub(crate) fn mtn(&self) -> Result<&Mtn, ApiError> {
        self.mtn.as_ref().ok_or_else(|| ApiError::provider_off("MTN"))
    }
}

/// 200 with MTN's data.
pub(crate) fn answer(data: Data) -> Result<Reply, ApiError> {
    reply(data.json, data.partial, true)
}

/// 200 with what was kept of MTN's answer.
pub(crate) fn reply(
    data: Box<RawValue>,
    partial: bool,
    recognised: bool,
) -> Result<Reply, ApiError> {
    Reply::json(&Answer { status: "successful", partial, recognised, data })
}
