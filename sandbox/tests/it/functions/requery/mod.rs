//! The queue worker that settles purchases and masks old numbers.

mod chain;
mod crash;
mod hints;
mod masking;
