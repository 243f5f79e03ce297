//! The way to addresses that tenants chose. They are strangers': nothing inside may be reached, and
//! nothing is told or kept but the status of the answer.

mod client;
mod internet;
mod names;
mod ranges;
mod reach;
mod target;

pub use self::client::{OutsideAnswer, OutsideClient, OutsideError};
pub use self::internet::Outside;
pub use self::names::{Names, Resolved};
pub use self::reach::{Forbidden, Reach};
