//! Which addresses may be reached.

use std::net::IpAddr;

use super::ranges;

/// Which addresses may be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Public ones only.
    Public,
    /// Public ones and this machine: for the sandbox.
    Loopback,
}

/// Why a URL is refused. The text is for the tenant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Forbidden(pub &'static str);

/// For an address that is not public.
pub(super) const NOT_PUBLIC: Forbidden = Forbidden("The url must lead to public addresses only.");

impl Reach {
    /// Whether an address may be reached.
    pub(super) fn check(self, address: IpAddr) -> Result<(), Forbidden> {
        let is_allowed =
            ranges::is_public(address) || (self == Self::Loopback && address.is_loopback());
        if is_allowed { Ok(()) } else { Err(NOT_PUBLIC) }
    }
}
