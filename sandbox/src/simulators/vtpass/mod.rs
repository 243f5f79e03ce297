//! A simulated VTpass: catalogue, pay, requery, test numbers and webhooks.
//!
//! The behaviour follows VTpass's documentation (*Authentication*, *Buying services*, *MTN
//! airtime*, *Response codes*, *Re-query services*). Where it is silent, the simulator takes the
//! harder case for the client: an order without an answer was taken, and one that timed out was
//! not. `/_sandbox/vtpass/...` scripts failures and shows the orders.

mod catalogue;
mod control;
mod order;
mod orders;
mod routes;
mod sales;
mod script;
mod simulator;
mod webhooks;

pub use self::control::control_router;
pub use self::order::{ApiCall, Order, OrderState};
pub use self::routes::router;
pub use self::script::Script;
pub use self::simulator::{Credentials, VtpassSimulator};
pub use self::webhooks::{Delivery, deliveries};
