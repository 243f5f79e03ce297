//! What each function does, one module a function.

mod auth;
mod authorizer;
mod books;
pub mod consent;
mod disclosures;
mod events;
mod exchange;
mod fetch_data;
mod mtn_callback;
mod notify;
mod operator;
pub mod purchase;
mod reconcile;
mod requery;
mod verify;
pub mod vtpass_callback;
pub mod webhooks;
