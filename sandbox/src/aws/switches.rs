//! The switches for what AWS may do and rarely does. All are off at the start.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize};

/// The most instances that one function can have.
pub const MAX_INSTANCES: usize = 20;
/// The longest lag of an index: one day.
const MAX_LAG_MS: u64 = 86_400_000;

/// The switches, shared by everything that they change.
#[derive(Debug, Clone, Default)]
pub struct Switches(Arc<RwLock<Positions>>);

/// How the switches are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Positions {
    /// Whether some messages are delivered once more although they were deleted.
    pub duplicates: bool,
    /// Whether the messages that are due are received in random order.
    pub reorder: bool,
    /// For how many milliseconds a global secondary index does not show a written item.
    pub index_lag_ms: u64,
    /// How many instances of each function take the invocations in turn.
    pub instances: usize,
}

/// New positions of some switches.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// [`Positions::duplicates`].
    #[serde(default, deserialize_with = "given")]
    pub duplicates: Option<bool>,
    /// [`Positions::reorder`].
    #[serde(default, deserialize_with = "given")]
    pub reorder: Option<bool>,
    /// [`Positions::index_lag_ms`].
    #[serde(default, deserialize_with = "given")]
    pub index_lag_ms: Option<u64>,
    /// [`Positions::instances`].
    #[serde(default, deserialize_with = "given")]
    pub instances: Option<usize>,
}

/// A value out of its range.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OutOfRange(String);

impl Switches {
    /// All off, and so many instances.
    ///
    /// # Errors
    /// [`OutOfRange`].
    pub fn with_instances(count: usize) -> Result<Self, OutOfRange> {
        let switches = Self::default();
        switches.set(&Change { instances: Some(count), ..Change::default() })?;
        Ok(switches)
    }

    /// How the switches are set.
    pub fn positions(&self) -> Positions {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets the named switches, and gives the positions of all.
    ///
    /// # Errors
    /// [`OutOfRange`]: then none is set.
    pub fn set(&self, change: &Change) -> Result<Positions, OutOfRange> {
        if change.instances.is_some_and(|count| !(1..=MAX_INSTANCES).contains(&count)) {
            return Err(OutOfRange(format!("instances must be 1 to {MAX_INSTANCES}")));
        }
        if change.index_lag_ms.is_some_and(|lag| lag > MAX_LAG_MS) {
            return Err(OutOfRange(format!("index_lag_ms must be 0 to {MAX_LAG_MS}")));
        }
        let mut now = self.0.write().unwrap_or_else(PoisonError::into_inner);
        *now = Positions {
            duplicates: change.duplicates.unwrap_or(now.duplicates),
            reorder: change.reorder.unwrap_or(now.reorder),
            index_lag_ms: change.index_lag_ms.unwrap_or(now.index_lag_ms),
            instances: change.instances.unwrap_or(now.instances),
        };
        Ok(*now)
    }
}

impl Positions {
    /// How long an index lags; none if it does not.
    pub(crate) fn index_lag(&self) -> Option<Duration> {
        (self.index_lag_ms > 0).then(|| Duration::from_millis(self.index_lag_ms))
    }
}

impl Default for Positions {
    fn default() -> Self {
        Self { duplicates: false, reorder: false, index_lag_ms: 0, instances: 1 }
    }
}

/// A switch that is named has a value: null is refused.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(value: D) -> Result<Option<T>, D::Error> {
    T::deserialize(value).map(Some)
}
