//! A simulated Mono: the routes, shapes and lifetimes of its guide to the telco API.
//!
//! [`CUSTOMERS`] are the people that it knows. `POST /_sandbox/mono/withdraw` lets one of them
//! withdraw at Mono.

mod customers;
mod routes;
mod simulator;

pub use self::customers::{CUSTOMERS, Customer};
pub use self::routes::{control_router, router};
pub use self::simulator::{MonoSimulator, SMS, Sms};
