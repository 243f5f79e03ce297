//! What an API key may do, and from where: its scopes and its source networks.
//!
//! Both are kept with the key as text, its parts separated by commas. A key that has none of them may do
//! everything, from everywhere.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use strum::{Display, EnumIter, EnumString, IntoEnumIterator};

/// The most source networks that a key may have.
const MAX_NETWORKS: usize = 32;

/// One thing that a key may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Display, EnumIter, EnumString)]
#[strum(serialize_all = "lowercase")]
pub enum Scope {
    /// Everything about accounts and MTN's answers: link, read, export, unlink.
    Data,
    /// Buy, and look at what was bought and at the catalogue.
    Purchase,
    /// Read purchases, events and reports.
    Read,
    /// Choose where events are sent.
    Webhooks,
}

/// The scopes of a key, at least one, such as `data,read`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Scopes(BTreeSet<Scope>);

impl Scopes {
    /// Every scope.
    pub fn all() -> Self {
        Self(Scope::iter().collect())
    }

    /// Whether one of `wanted` is among them.
    pub fn have_one_of(&self, wanted: &[Scope]) -> bool {
        wanted.iter().any(|scope| self.0.contains(scope))
    }
}

impl FromStr for Scopes {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scopes: Result<_, _> = text.split(',').map(Scope::from_str).collect();
        scopes.map(Self).map_err(|_| "must be one or more of data, purchase, read, webhooks")
    }
}

impl TryFrom<String> for Scopes {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Scopes> for String {
    fn from(scopes: Scopes) -> Self {
        scopes.to_string()
    }
}

impl fmt::Display for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(Scope::to_string).collect();
        f.write_str(&names.join(","))
    }
}

/// The networks from which a key may be used, at least one, such as `192.0.2.0/24,2001:db8::1/128`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Networks(Vec<IpNet>);

impl Networks {
    /// Whether the address, as text, is in one of them. What is no address is in none.
    pub fn contain(&self, address: &str) -> bool {
        let Ok(address) = address.parse::<IpAddr>() else { return false };
        let address = address.to_canonical();
        self.0.iter().any(|network| network.contains(&address))
    }
}

impl FromStr for Networks {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let networks: Option<Vec<IpNet>> = text.split(',').map(network).collect();
        let networks = networks.filter(|all| all.len() <= MAX_NETWORKS);
        networks.map(Self).ok_or("must be addresses or networks like 192.0.2.0/24, at most 32")
    }
}

/// A network, or one address. The bits that name a host in a network must be zero: otherwise it is not
/// clear which of the two was meant.
fn network(text: &str) -> Option<IpNet> {
    let network = match text.parse::<IpAddr>() {
        Ok(address) => IpNet::from(address.to_canonical()),
        Err(_) => text.parse().ok()?,
    };
    (network.trunc() == network).then_some(network)
}

impl TryFrom<String> for Networks {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Networks> for String {
    fn from(networks: Networks) -> Self {
        networks.to_string()
    }
}

impl fmt::Display for Networks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.0.iter().map(IpNet::to_string).collect();
        f.write_str(&names.join(","))
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn scopes_are_read_as_they_were_written_and_nothing_else_is_a_scope() {
        for text in ["data", "data,read", "data,purchase,read,webhooks"] {
            assert_eq!(text.parse::<Scopes>().unwrap().to_string(), text);
        }
        assert_eq!("read,data,read".parse::<Scopes>().unwrap().to_string(), "data,read");
        assert_eq!(Scopes::all().to_string(), "data,purchase,read,webhooks");
        for wrong in ["", ",", "data,", "Data", "all", "data read", "data,admin"] {
            assert!(wrong.parse::<Scopes>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_is_in_a_network_in_every_form_that_it_may_have() {
        let networks: Networks = "192.0.2.0/24,198.51.100.7,2001:db8::/32".parse().unwrap();
        assert_eq!(networks.to_string(), "192.0.2.0/24,198.51.100.7/32,2001:db8::/32");
        for inside in
            ["192.0.2.0", "192.0.2.255", "::ffff:192.0.2.9", "198.51.100.7", "2001:db8::1"]
        {
            assert!(networks.contain(inside), "{inside}");
        }
        for outside in
            ["192.0.3.0", "198.51.100.8", "2001:db9::1", "", "192.0.2", "192.0.2.1:80", "localhost"]
        {
            assert!(!networks.contain(outside), "{outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        let many = vec!["192.0.2.1"; MAX_NETWORKS + 1].join(",");
        for wrong in ["", "192.0.2.1/24", "192.0.2.0/33", "10.0.0.0/8,", "office", &*many] {
            assert!(wrong.parse::<Networks>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn any_text_is_what_it_says_or_is_refused() {
        fuzz(|choices| {
            let words = ["data,read", "192.0.2.0/24,2001:db8::/32", "::/0,", "read,"];
            let text = choices.text(&words);
            if let Ok(scopes) = text.parse::<Scopes>() {
                assert_eq!(scopes.to_string().parse::<Scopes>().unwrap(), scopes);
                assert!(scopes.have_one_of(&Scope::iter().collect::<Vec<_>>()));
            }
            if let Ok(networks) = text.parse::<Networks>() {
                assert_eq!(networks.to_string().parse::<Networks>().unwrap(), networks);
                assert!(networks.contain(&networks.0[0].network().to_string()));
            }
        });
    }
}
