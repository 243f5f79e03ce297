//! Records what happens in the sandbox, so that a person can watch it: requests, messages, writes, and
//! calls to the providers. It holds ids, statuses and sizes of time, never bodies, keys or numbers.

mod calls;
mod entry;
mod ids;
mod log;
mod queue;
mod write;

pub(crate) use self::calls::{Places, watched};
pub use self::entry::{Entry, Kind};
pub use self::ids::ids;
pub use self::log::{Activity, Started};
pub(crate) use self::queue::received;
