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
mod purchases;
mod queues;
mod receiver;
mod routes;
mod state;
mod turner;
mod webhooks;

pub(crate) use self::activity::Feed;
pub(crate) use self::purchases::Orders;
pub(crate) use self::receiver::Receiver;
pub(crate) use self::routes::router;
pub(crate) use self::state::Console;
pub(crate) use self::turner::Turner;
