//! `GET /reports/{date}`: what happened to the tenant's purchases on one day.

use std::time::Duration;

use http::header::ACCEPT;
use shared::domain::date::Date;
use shared::domain::report::Report;
use shared::domain::time::to_iso;
use shared::lambda::error::ApiError;
use shared::lambda::reply::Reply;
use shared::lambda::request::ApiRequest;
use shared::store::{Visit, Whose};
use time::OffsetDateTime;

use crate::PurchaseFunction;

/// How long a day that is not closed may be counted, from the request's arrival.
const COUNTING: Duration = Duration::from_secs(22);

impl PurchaseFunction {
    pub(crate) async fn report(&self, request: &ApiRequest) -> Result<Reply, ApiError> {
        let tenant = request.tenant()?;
        let date = Date::parse(request.path("date"))
            .map_err(|_| ApiError::invalid("The date must be a day in Lagos, like 2026-11-29."))?;
        let now = self.environment.clock.now();
        if date.begins() > now {
            return Err(ApiError::not_found());
        }
        match self.books.day(Whose::Tenant(tenant), date).await? {
            Some(day) => reply(request, &day.report, Some(day.closed_at)),
            None => reply(request, &self.count(request, date).await?, None),
        }
    }

    /// Counts a day that is not closed yet.
    async fn count(&self, request: &ApiRequest, date: Date) -> Result<Report, ApiError> {
        let visit = Visit {
            tenant: request.tenant()?,
            // Orders of the day before are looked back on during this one.
            from: date.previous().begins(),
            to: date.ends(),
            late_from: date.begins(),
            until: request.arrived + COUNTING,
        };
        let mut report = Report::of_nothing(date);
        let visited = self.purchases.visit(visit, |purchase| report.add(purchase)).await?;
        if let Some(unreadable) = visited {
            report.unreadable = unreadable;
            return Ok(report);
        }
        let message = "There are too many orders to count on request. Ask again after the day is \
                       closed, an hour after its end.";
        Err(ApiError::unavailable("a day is too large to be counted").with_message(message))
    }
}

fn reply(
    request: &ApiRequest,
    report: &Report,
    closed_at: Option<OffsetDateTime>,
) -> Result<Reply, ApiError> {
    let wanted = request.headers.get(ACCEPT).and_then(|it| it.to_str().ok());
    if wanted.is_some_and(|it| it.contains("text/csv")) {
        return Ok(Reply::csv(report.csv()));
    }
    let mut view = report.view();
    view["closed_at"] = closed_at.map(to_iso).into();
    Reply::successful(view)
}
