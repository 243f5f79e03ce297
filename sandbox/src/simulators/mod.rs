//! The simulated providers, with their documented behaviour and with failures that a test scripts.

mod http;
pub mod mono;
pub mod mtn;
mod response;
pub mod vtpass;

use std::sync::Arc;

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
}
