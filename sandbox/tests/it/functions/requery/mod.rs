//! The queue worker that settles purchases.

mod chain;
mod crash;
mod hints;
