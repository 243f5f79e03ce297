//! Serves `/_sandbox/...`: what a person or a test may see of the sandbox and do with it.

mod activity;
pub mod docs;
mod routes;

pub(crate) use self::activity::Feed;
pub(crate) use self::routes::{Console, router};
