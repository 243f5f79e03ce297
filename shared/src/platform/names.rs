//! The addresses of a host's name.
//!
//! A function reaches IPv4 addresses only, so only these are asked for. Some name servers answer a question for IPv6 with
//! an error, and musl then gives no address at all (docs/adr/0061-a-release-is-linked-with-musl.md).

use std::io;
use std::net::{IpAddr, SocketAddr};

use dns_lookup::{AddrFamily, AddrInfoHints, LookupErrorKind, SockType, getaddrinfo};
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// The names that the system knows, for the HTTP client.
pub(super) struct SystemNames;

impl Resolve for SystemNames {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found = addresses(name.as_str().to_owned()).await?;
            let found: Addrs = Box::new(found.into_iter().map(|it| SocketAddr::new(it, 0)));
            Ok(found)
        })
    }
}

/// The addresses of a name, as they are now. A name without an IPv4 address has those of every family, and so has
/// `localhost`, because a program may listen on one of its two only.
///
/// # Errors
/// When the name has none, or the name servers do not say.
pub(super) async fn addresses(name: String) -> io::Result<Vec<IpAddr>> {
    tokio::task::spawn_blocking(move || look_up(&name)).await.map_err(io::Error::other)?
}

fn look_up(name: &str) -> io::Result<Vec<IpAddr>> {
    let is_local = name == "localhost" || name.ends_with(".localhost");
    let none = match is_local {
        true => None,
        false => match of_family(name, AddrFamily::Inet.into()) {
            Ok(found) if !found.is_empty() => return Ok(found),
            // Nobody knows, so asking for others takes as long again.
            Err((LookupErrorKind::Again, error)) => return Err(error),
            Ok(_) => None,
            Err((_, error)) => Some(error),
        },
    };
    of_family(name, ANY_FAMILY).map_err(|(_, error)| none.unwrap_or(error))
}

/// IPv4 and IPv6.
const ANY_FAMILY: i32 = 0;

fn of_family(name: &str, family: i32) -> Result<Vec<IpAddr>, (LookupErrorKind, io::Error)> {
    // Of one kind of socket, or each address comes three times.
    let hints = AddrInfoHints {
        address: family,
        socktype: SockType::Stream.into(),
        ..AddrInfoHints::default()
    };
    let found = getaddrinfo(Some(name), None, Some(hints));
    let found = found.map_err(|error| (error.kind(), error.into()))?;
    Ok(found.flatten().map(|it| it.sockaddr.ip()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_name_of_this_machine_and_an_address_are_found_and_what_is_no_name_is_an_error() {
        let found = addresses("localhost".to_owned()).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        for address in ["127.0.0.1", "192.0.2.7", "::1", "2001:db8::7"] {
            let expected: IpAddr = address.parse().unwrap();
            assert_eq!(addresses(address.to_owned()).await.unwrap(), [expected], "{address}");
        }
        for wrong in ["", "no\0name"] {
            assert!(addresses(wrong.to_owned()).await.is_err(), "{wrong:?}");
        }
    }
}
