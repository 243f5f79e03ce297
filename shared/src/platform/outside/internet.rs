//! What is outside of the gateway.

use std::fmt;
use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use super::names::{Names, SystemNames};
use super::reach::{Forbidden, Reach};
use super::target::Target;
use crate::platform::http::Transport;

/// What is outside: which addresses may be reached, and who knows the names.
#[derive(Clone)]
pub struct Outside {
    /// Which addresses may be reached.
    pub reach: Reach,
    names: Arc<dyn Names>,
    pub(super) transport: Option<Arc<dyn Transport>>,
}

impl Outside {
    /// The internet.
    pub fn public() -> Self {
        Self::with_names(Reach::Public, Arc::new(SystemNames))
    }

    /// The internet and this machine: for the sandbox.
    pub fn with_loopback() -> Self {
        Self { reach: Reach::Loopback, ..Self::public() }
    }

    /// The same with names of the caller's.
    pub fn with_names(reach: Reach, names: Arc<dyn Names>) -> Self {
        Self { reach, names, transport: None }
    }

    /// Requests are answered by `transport` and never leave the process. No name is resolved.
    pub fn in_process(transport: Arc<dyn Transport>) -> Self {
        Self { transport: Some(transport), ..Self::public() }
    }

    /// Checks a URL and, where it names a host, the addresses of that name now.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub async fn check(&self, url: &str) -> Result<(), Forbidden> {
        let target = Target::parse(url, self.reach)?;
        if let (Some(name), None) = (target.name(), &self.transport) {
            let unknown = Forbidden("The url's host has no address.");
            self.allowed(name).await.map_err(|_| unknown)??;
        }
        Ok(())
    }

    /// The addresses of a name, if all of them may be reached.
    pub(super) async fn allowed(&self, name: &str) -> io::Result<Result<Vec<IpAddr>, Forbidden>> {
        let addresses = self.names.resolve(name.to_owned()).await?;
        if addresses.is_empty() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let refused = addresses.iter().find_map(|address| self.reach.check(*address).err());
        Ok(refused.map_or(Ok(addresses), Err))
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Outside({:?})", self.reach)
    }
}
