//! The selling guard: a service whose orders mostly fail or stay unclear is not sold, until one order
//! shows that it works again.
//!
//! Each service has a guard of its own. It holds what its outcomes of the last minutes were, whether it is
//! suspended, and the word of an operator, which stands above what the outcomes say.

mod counts;
mod lately;
mod owed;
mod sign;
mod state;
mod stored;
mod thresholds;

pub use self::counts::{Counted, Counts};
pub use self::lately::Lately;
pub use self::sign::{Sign, waits_for_requery};
pub use self::state::{Change, Closed, Gate, Probe, Sale, State, Word};
pub use self::stored::Guard;
pub use self::thresholds::Thresholds;
