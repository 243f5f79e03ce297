//! Serves `/_sandbox/...`: what a person or a test may see of the sandbox and do with it, and the page
//! that shows it.

mod about;
mod activity;
mod answer;
mod clock;
pub mod docs;
mod orders;
mod origin;
mod page;
mod queues;
mod receiver;
mod routes;

pub(crate) use self::activity::Feed;
pub(crate) use self::clock::Turner;
pub(crate) use self::orders::Orders;
pub(crate) use self::receiver::Receiver;
pub(crate) use self::routes::{Console, router};
