//! The services that this gateway sells: data bundles and airtime of the Nigerian networks from
//! VTpass, and refills from MTN itself.
//!
//! Source: VTpass documentation, *Service IDs*; MTN Customer Plans v2.1.

/// What kind of thing a service sells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServiceKind {
    /// Bundles at the catalogue's price.
    Data,
    /// Any amount.
    Airtime,
    /// Airtime at MTN, by a voucher or for an amount.
    Refill,
}

/// A service that can be bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Service {
    /// VTpass's id, or ours for a refill.
    pub id: &'static str,
    /// What it sells.
    pub kind: ServiceKind,
}

const fn data(id: &'static str) -> Service {
    Service { id, kind: ServiceKind::Data }
}

const fn airtime(id: &'static str) -> Service {
    Service { id, kind: ServiceKind::Airtime }
}

/// The service of a refill at MTN.
pub const MTN_REFILL: &str = "mtn-refill";

const SERVICES: [Service; 11] = [
    data("mtn-data"),
    data("airtel-data"),
    data("glo-data"),
    data("glo-sme-data"),
    data("etisalat-data"),
    data("9mobile-sme-data"),
    airtime("mtn"),
    airtime("airtel"),
    airtime("glo"),
    airtime("etisalat"),
    Service { id: MTN_REFILL, kind: ServiceKind::Refill },
];

/// The network that was Etisalat, then 9mobile, is T2 now; VTpass keeps the first name.
const ALIASES: [(&str, &str); 4] = [
    ("9mobile", "etisalat"),
    ("t2", "etisalat"),
    ("9mobile-data", "etisalat-data"),
    ("t2-data", "etisalat-data"),
];

impl Service {
    /// The service of an id or an alias, in any case.
    pub fn parse(id: &str) -> Option<Self> {
        let alias = ALIASES.into_iter().find(|(alias, _)| alias.eq_ignore_ascii_case(id));
        let id = alias.map_or(id, |(_, id)| id);
        SERVICES.into_iter().find(|service| service.id.eq_ignore_ascii_case(id))
    }

    /// All services.
    pub fn all() -> [Self; 11] {
        SERVICES
    }

    /// All ids, for error messages.
    pub fn supported() -> String {
        SERVICES.map(|service| service.id).join(", ")
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    #[test]
    fn a_service_is_found_by_id_alias_and_case() {
        let id = |text| Service::parse(text).map(|service| service.id);
        assert_eq!(id("etisalat-data"), Some("etisalat-data"));
        assert_eq!(id("GLO-sme-data"), Some("glo-sme-data"));
        assert_eq!(id("9mobile"), Some("etisalat"));
        assert_eq!(id("T2-data"), Some("etisalat-data"));
        assert_eq!(id("dstv"), None);
        assert_eq!(id(""), None);
    }

    #[test]
    fn a_service_that_is_read_is_one_that_is_sold() {
        fuzz(|choices| {
            let text = choices.text(&["mtn", "T2-data", "GLO", "mtn-refill", "dstv"]);
            let Some(service) = Service::parse(&text) else { return };
            assert!(SERVICES.contains(&service));
            assert_eq!(Service::parse(service.id), Some(service));
        });
    }
}
