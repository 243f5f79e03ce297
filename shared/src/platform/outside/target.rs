//! A URL that a tenant chose. It is checked before it is stored and before each use.

use std::net::IpAddr;

use url::{Host, Url};

use super::reach::{Forbidden, Reach};

/// The longest URL that is taken, in bytes.
const LONGEST: usize = 2_048;

/// A URL that may be called, as far as its text can tell. Where it names a host, the addresses of that
/// name are checked when the connection is made.
#[derive(Debug, Clone)]
pub struct Target {
    pub(super) url: Url,
}

impl Target {
    /// Reads a URL and checks what its text tells.
    ///
    /// # Errors
    /// [`Forbidden`].
    pub fn parse(text: &str, reach: Reach) -> Result<Self, Forbidden> {
        if text.len() > LONGEST {
            return Err(Forbidden("The url must not be longer than 2048 bytes."));
        }
        // A browser repairs such a text, so what was seen is not what is called.
        if text.bytes().any(|byte| byte <= b' ' || byte == b'\\' || byte == 0x7f) {
            return Err(Forbidden(
                "The url must not have spaces, backslashes or control characters.",
            ));
        }
        let url = Url::parse(text).map_err(|_| Forbidden("The url is not a complete URL."))?;
        let authority = authority(text).ok_or(Forbidden("The url must name a host."))?;
        // An empty user name leaves no trace in the parsed URL.
        if authority.contains('@') {
            return Err(Forbidden("The url must not hold a user name or a password."));
        }
        if url.fragment().is_some() {
            return Err(Forbidden("The url must not hold a fragment."));
        }
        let (host, port) = match (url.host(), url.port_or_known_default()) {
            (Some(host), Some(port)) => (host, port),
            _ => return Err(Forbidden("The url must name a host.")),
        };
        let allowed = match host {
            Host::Ipv4(address) => reach.check(IpAddr::V4(address)),
            Host::Ipv6(address) => reach.check(IpAddr::V6(address)),
            Host::Domain(_) => Ok(()),
        };
        allowed?;
        if port != 443 && port <= 1_023 {
            return Err(Forbidden("The url's port must be 443 or above 1023."));
        }
        match url.scheme() {
            "https" => Ok(Self { url }),
            "http" if reach == Reach::Loopback && is_loopback(&host) => Ok(Self { url }),
            _ => Err(Forbidden("The url must begin with https://.")),
        }
    }

    /// The host, where it is a name that must be resolved.
    pub(super) fn name(&self) -> Option<&str> {
        self.url.domain()
    }
}

/// The host as it is written, with the port and whatever stands before it. The parser would take
/// `https:a` and `https:///a` for `https://a/`.
fn authority(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("://")?;
    rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost",
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    /// URLs that must never be called, whatever their names resolve to.
    const HOSTILE: [&str; 63] = [
        "",
        "hooks",
        "//a.example/",
        "http://a.example/",
        "ftp://a.example/",
        "file:///etc/passwd",
        "gopher://a.example/",
        "javascript:alert(1)",
        "data:text/plain,x",
        "https://",
        "https:///a.example/",
        "https:a.example/",
        "https://?x",
        "https://:443/",
        "https://a.example:0/",
        "https://a.example:22/",
        "https://a.example:25/",
        "https://a.example:80/",
        "https://a.example:1023/",
        "https://a.example:65536/",
        "https://user@a.example/",
        "https://user:pass@a.example/",
        "https://@a.example/",
        "https://:@a.example/",
        "https://a.example@127.0.0.1/",
        "https://a.example#@127.0.0.1/",
        "https://a.example/#fragment",
        "https://a.example\\@127.0.0.1/",
        "https://a .example/",
        " https://a.example/",
        "https://a.example/\n",
        "https://a.example/\u{7f}",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0.1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://0x7f.0.0.1/",
        "https://0177.0.0.1/",
        "https://017700000001/",
        "https://127.0.0.1./",
        "https://%31%32%37.0.0.1/",
        "https://１２７.0.0.1/",
        "https://127。0。0。1/",
        "https://0/",
        "https://0.0.0.0/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.170.2/v2/credentials",
        "https://2852039166/",
        "https://192.0.0.192/",
        "https://168.63.129.16/",
        "https://255.255.255.255/",
        "https://[::]/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::127.0.0.1]/",
        "https://[64:ff9b::127.0.0.1]/",
        "https://[fd00:ec2::254]/",
        "https://[fe80::1]/",
    ];

    #[test]
    fn a_hostile_url_is_refused_by_its_text() {
        for text in HOSTILE {
            assert!(Target::parse(text, Reach::Public).is_err(), "{text}");
        }
        let long = format!("https://a.example/{}", "a".repeat(LONGEST));
        assert!(Target::parse(&long, Reach::Public).is_err());
    }

    #[test]
    fn a_public_url_is_taken() {
        for text in [
            "https://a.example",
            "https://a.example:443/hooks?x=1@2",
            "https://a.example:1024/",
            "https://a.example:65535/@hooks",
            "https://8.8.8.8/",
            "https://[2606:4700::1111]/",
        ] {
            assert!(Target::parse(text, Reach::Public).is_ok(), "{text}");
        }
    }

    #[test]
    fn the_sandbox_takes_loopback_too_and_nothing_else() {
        for text in ["http://localhost:3000/hooks", "http://127.0.0.1:3000", "https://[::1]:3000/"]
        {
            assert!(Target::parse(text, Reach::Loopback).is_ok(), "{text}");
            assert!(
                Target::parse(text, Reach::Public).is_err() || text.contains("[::1]"),
                "{text}"
            );
        }
        for text in [
            "http://a.example:3000/",
            "http://8.8.8.8:3000/",
            "https://10.0.0.1/",
            "http://localhost:80/",
            "http://localhost.:3000/",
        ] {
            assert!(Target::parse(text, Reach::Loopback).is_err(), "{text}");
        }
    }

    #[test]
    fn a_url_that_is_taken_has_the_form_that_is_allowed() {
        fuzz(|choices| {
            let text = choices.text(&HOSTILE);
            let Ok(target) = Target::parse(&text, Reach::Public) else { return };
            let url = target.url;
            assert_eq!((url.scheme(), url.username(), url.password()), ("https", "", None));
            let port = url.port_or_known_default().unwrap();
            assert!(port == 443 || port > 1_023, "{text}");
            let address: Option<IpAddr> = match url.host().unwrap() {
                Host::Ipv4(address) => Some(address.into()),
                Host::Ipv6(address) => Some(address.into()),
                Host::Domain(_) => None,
            };
            assert!(address.is_none_or(super::super::ranges::is_public), "{text}");
        });
    }
}
