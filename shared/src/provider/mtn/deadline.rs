//! The time limit of a call to MTN, which includes fetching its token.

use std::time::Duration;

use tokio::time::Instant;

/// The moment at which a call must end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// The deadline at the end of `limit` from now.
    pub(super) fn after(limit: Duration) -> Self {
        Self(Instant::now() + limit)
    }

    /// The time that is left.
    pub(super) fn rest(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}
