//! How services and providers were seen lately, by what the guards counted.

use serde::Serialize;

use super::counts::Counted;

/// Fewer outcomes than this say nothing.
const FEW: u32 = 3;
/// From this share of bad outcomes on, in per cent, a service is slow.
const SLOW: u64 = 20;

/// How a service or a provider was seen lately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Lately {
    /// Most orders were delivered.
    Working,
    /// Some were delivered, and many failed or stayed unclear.
    Slow,
    /// None was delivered since the first bad outcome, or it does not answer.
    Down,
    /// Too little is known. While all goes well, nothing is counted.
    Unknown,
}

impl Counted {
    /// What these outcomes say of their service.
    pub fn lately(self) -> Lately {
        let (good, bad) = (u64::from(self.good), u64::from(self.bad));
        let all = good + bad;
        if all < u64::from(FEW) {
            Lately::Unknown
        } else if good == 0 {
            Lately::Down
        } else if bad * 100 >= all * SLOW {
            Lately::Slow
        } else {
            Lately::Working
        }
    }
}

impl Lately {
    /// What all services of a provider say of it. A service of which nothing is known may be selling well,
    /// so a provider is down only if all of them are.
    pub fn of_provider(services: impl IntoIterator<Item = Self>) -> Self {
        let (mut good, mut bad, mut unknown) = (false, false, false);
        for service in services {
            good |= matches!(service, Self::Working | Self::Slow);
            bad |= matches!(service, Self::Slow | Self::Down);
            unknown |= service == Self::Unknown;
        }
        match (good, bad) {
            (true, true) => Self::Slow,
            (true, false) => Self::Working,
            (false, true) if !unknown => Self::Down,
            (false, _) => Self::Unknown,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_outcomes_say_nothing_and_more_say_how_many_were_good() {
        for (good, bad, expected) in [
            (0, 0, Lately::Unknown),
            (2, 0, Lately::Unknown),
            (0, 2, Lately::Unknown),
            (0, 3, Lately::Down),
            (1, 2, Lately::Slow),
            (8, 2, Lately::Slow),
            (9, 2, Lately::Working),
            (3, 0, Lately::Working),
            (u32::MAX, u32::MAX, Lately::Slow),
        ] {
            assert_eq!(Counted { good, bad }.lately(), expected, "{good} good, {bad} bad");
        }
    }

    #[test]
    fn a_provider_is_down_only_if_each_of_its_services_is() {
        use Lately::{Down, Slow, Unknown, Working};
        for (services, expected) in [
            (&[][..], Unknown),
            (&[Unknown, Unknown], Unknown),
            (&[Down, Unknown], Unknown),
            (&[Down, Down], Down),
            (&[Down, Working], Slow),
            (&[Slow, Unknown], Slow),
            (&[Working, Unknown], Working),
        ] {
            assert_eq!(Lately::of_provider(services.iter().copied()), expected, "{services:?}");
        }
    }
}
