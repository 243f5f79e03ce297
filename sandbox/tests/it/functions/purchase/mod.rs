//! Purchases are paid for at most once, and every request gets an answer.

mod buying;
mod catalogue;
mod cost;
mod crash;
pub mod guard;
mod history;
mod listing;
mod load;
mod outage;
mod refill;
mod vtpass_wire;
