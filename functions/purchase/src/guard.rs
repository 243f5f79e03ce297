//! The selling guard, as an order meets it: a service that does not work is not sold.

use std::time::Duration;

use shared::domain::guard::{Guard, Sale, Sign};
use shared::domain::ids::PurchaseId;
use shared::lambda::error::{ApiError, ErrorCode};
use shared::store::{Admission, StoreError};

use crate::PurchaseFunction;

/// The longest time that noting an outcome may take: the tenant waits for it.
const NOTE_WITHIN: Duration = Duration::from_secs(3);
/// What a tenant is told to wait when it is not known whether the order is the probe.
const UNKNOWN: Duration = Duration::from_secs(30);

impl PurchaseFunction {
    /// The guard of a service. None where it is off or cannot be read: then the service is sold.
    pub(crate) async fn look(&self, service_id: &str) -> Option<Guard> {
        let seen = self.guards.look(service_id).await;
        let logged = |error: &StoreError| {
            tracing::warn!(service_id, reason = %error, "a guard cannot be read; its service is sold");
        };
        seen.inspect_err(logged).ok().flatten()
    }

    /// Lets a new order through, or refuses it before anything of it is counted or recorded.
    pub(crate) async fn pass(
        &self,
        seen: Option<Guard>,
        id: &PurchaseId,
    ) -> Result<Admission, ApiError> {
        let Some(seen) = seen else { return Ok(Admission::Free(None)) };
        let service_id = seen.service_id.clone();
        match self.guards.admit(&self.outbox, seen, id).await {
            Ok(Admission::Refused(wait, guard)) => Err(self.suspended(&guard, wait)),
            Ok(admission) => Ok(admission),
            Err(error) => {
                let message =
                    format!("{service_id} is suspended. Nothing was recorded. Try again.");
                let refused = ApiError::new(ErrorCode::UpstreamUnavailable, message);
                Err(refused.retry_after(UNKNOWN).detail(error.to_string()))
            }
        }
    }

    fn suspended(&self, guard: &Guard, wait: Duration) -> ApiError {
        let service_id = guard.service_id.as_str();
        let metric = "order_of_suspended_service";
        tracing::info!(metric, service_id, "an order of a suspended service is refused");
        let because = match guard.state.sale(self.environment.clock.now()) {
            Sale::Suspended { reason, .. } => format!(": {}", reason.trim_end_matches('.')),
            Sale::On => String::new(),
        };
        let message = format!("{service_id} is suspended{because}. Nothing was recorded.");
        // A part of a second is a second.
        let wait = wait + Duration::from_millis(999);
        ApiError::new(ErrorCode::UpstreamUnavailable, message).retry_after(wait)
    }

    /// Makes room for another probe if this one is not sold.
    pub(crate) async fn sold<T>(
        &self,
        pass: &Admission,
        id: &PurchaseId,
        result: Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        if let (Err(_), Admission::Probe(guard)) = (&result, pass) {
            self.release(guard, id).await;
        }
        result
    }

    /// Notes what an outcome says about the service. What cannot be noted is not: the guard is no ledger.
    pub(crate) async fn learn(
        &self,
        pass: &Admission,
        service_id: &str,
        id: &PurchaseId,
        (sign, is_our_fault): (Option<Sign>, bool),
    ) {
        let note = async {
            match (pass, sign) {
                (Admission::Free(Some(seen)) | Admission::Probe(seen), Some(sign)) => {
                    self.guards.learn(&self.outbox, seen.clone(), id, sign).await
                }
                // What could not be read may be written again. A good outcome is not counted then.
                (Admission::Free(None), Some(sign)) => {
                    self.guards.learn(&self.outbox, Guard::new(service_id), id, sign).await
                }
                (Admission::Probe(seen), None) if is_our_fault => {
                    self.guards.release(&self.outbox, seen.clone(), id).await
                }
                // The requery decides, or there is nothing to note.
                _ => Ok(()),
            }
        };
        let reason = match tokio::time::timeout(NOTE_WITHIN, note).await {
            Ok(Ok(())) => return,
            Ok(Err(error)) => error.to_string(),
            Err(_) => "it took too long".to_owned(),
        };
        tracing::warn!(service_id, reason, "an outcome cannot be noted at the guard");
    }

    async fn release(&self, guard: &Guard, id: &PurchaseId) {
        let service_id = guard.service_id.as_str();
        if let Err(error) = self.guards.release(&self.outbox, guard.clone(), id).await {
            tracing::warn!(service_id, reason = %error, "a probe that was not sold cannot be ended");
        }
    }
}
