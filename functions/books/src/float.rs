//! The float: what the wallet holds, for how long that is enough, and what the operator is told of it.

use shared::domain::report::{Balance, Runway};
use shared::lambda::scheduled_function::Failed;
use shared::platform::telemetry::alarm::Alarm;
use shared::provider::vtpass::VtpassError;
use shared::store::StoreError;
use time::Duration;

use crate::BooksFunction;

/// The time over which the pace of spending is measured.
const PACE: Duration = Duration::days(1);
/// For how long the balance may stay unread before a person must know.
const UNREAD: Duration = Duration::hours(3);

/// Why there is no new reading.
#[derive(Debug, thiserror::Error)]
enum NotRead {
    #[error(transparent)]
    Vtpass(#[from] VtpassError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl BooksFunction {
    /// Reads and keeps the balance, and raises an alarm before it ends. Nothing is read while VTpass is
    /// switched off or down.
    pub(crate) async fn read_balance(&self) -> Result<Option<Balance>, Failed> {
        match self.balance().await {
            Ok(balance) => Ok(balance),
            Err(NotRead::Vtpass(reason)) => {
                tracing::warn!(%reason, "the balance at VTpass cannot be read");
                self.note_unread().await.map_err(|error| Failed(error.to_string()))?;
                Ok(None)
            }
            Err(NotRead::Store(reason)) => Err(Failed(reason.to_string())),
        }
    }

    /// Raises an alarm if the last reading is old: until there is one, nobody is told of an empty wallet.
    async fn note_unread(&self) -> Result<(), StoreError> {
        let now = self.environment.clock.now();
        if self.books.balances(now - UNREAD, now).await?.is_empty() {
            let alarm = Alarm::BalanceUnread.name();
            tracing::error!(alarm, "the balance at VTpass was not read for hours");
        }
        Ok(())
    }

    async fn balance(&self) -> Result<Option<Balance>, NotRead> {
        let Some(vtpass) = &self.vtpass else { return Ok(None) };
        let at = self.environment.clock.now();
        let balance = Balance { at, balance_kobo: vtpass.balance().await? };
        self.books.note_balance(&balance).await?;
        let runway = Runway::of(&self.books.balances(at - PACE, at).await?);
        let (kobo, hours) = (balance.balance_kobo.kobo(), runway.hours());
        tracing::info!(balance_kobo = kobo, runway_hours = hours, "balance at VTpass");
        if self.limits.is_low(&balance, &runway) {
            let alarm = Alarm::FloatLow.name();
            tracing::error!(alarm, balance_kobo = kobo, runway_hours = hours, "top up the wallet");
        }
        self.tell(&balance, &runway).await?;
        Ok(Some(balance))
    }

    /// Tells the operator when the float becomes low, again after a day, and when it is enough again.
    async fn tell(&self, balance: &Balance, runway: &Runway) -> Result<(), StoreError> {
        let told = self.float.told().await?;
        if let Some(line) = told.to_tell(balance, runway, &self.limits) {
            self.float.tell(&self.outbox, &told, line).await?;
        }
        Ok(())
    }
}
