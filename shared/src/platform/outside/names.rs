//! Names of hosts, and the addresses that they have now.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;

use crate::platform::names;

/// Resolves names to addresses.
pub trait Names: Send + Sync {
    /// The addresses of a name, as they are now.
    fn resolve(&self, name: String) -> Resolved;
}

/// The addresses of a name, on their way.
pub type Resolved = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// The names that the system knows.
pub(super) struct SystemNames;

impl Names for SystemNames {
    fn resolve(&self, name: String) -> Resolved {
        Box::pin(names::addresses(name))
    }
}
