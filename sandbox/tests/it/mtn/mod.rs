//! MTN direct: reads that are answered now or later, and refills.

mod answers;
mod crash;
mod operations;
mod refill;
pub mod rig;
mod strangers;
