//! Purchases: paid for at most once, whatever happens, and always with an answer.

mod buying;
mod callback;
mod chain;
mod crash;
mod listing;
mod load;
mod masking;
pub mod rig;
pub mod tap;
