//! The simulated providers, with their documented behaviour and with failures that a test scripts.

pub(crate) mod fault;
mod http;
pub mod mono;
pub mod mtn;
mod response;
pub mod vtpass;

use std::sync::Arc;

use self::fault::Fault;
use self::mono::MonoSimulator;
use self::mtn::MtnSimulator;
use self::vtpass::VtpassSimulator;

/// The simulators that run; none for a provider that is real.
#[derive(Clone, Default)]
pub struct Simulators {
    /// The simulated Mono.
    pub mono: Option<Arc<MonoSimulator>>,
    /// The simulated VTpass.
    pub vtpass: Option<Arc<VtpassSimulator>>,
    /// The simulated MTN.
    pub mtn: Option<Arc<MtnSimulator>>,
    /// The fault of each.
    pub faults: Faults,
}

impl Simulators {
    /// The names of the simulated providers.
    pub fn names(&self) -> Vec<&'static str> {
        let all = [
            ("mono", self.mono.is_some()),
            ("vtpass", self.vtpass.is_some()),
            ("mtn", self.mtn.is_some()),
        ];
        all.into_iter().filter(|(_, simulated)| *simulated).map(|(name, _)| name).collect()
    }

    /// Whether no provider is real.
    pub(crate) fn are_all(&self) -> bool {
        self.mono.is_some() && self.vtpass.is_some() && self.mtn.is_some()
    }
}

/// The faults of the simulated providers.
#[derive(Clone, Default)]
pub struct Faults {
    /// Of Mono.
    pub mono: Fault,
    /// Of VTpass.
    pub vtpass: Fault,
    /// Of MTN.
    pub mtn: Fault,
}
