//! Money: integer kobo, never a float.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::value::RawValue;

/// An amount in kobo (one hundredth of a naira), never negative.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Kobo(u64);

/// The text is not an amount of naira. The error does not hold the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not an amount of money")]
pub struct InvalidAmount;

impl Kobo {
    /// The largest amount: ten billion naira, far above any bundle and far below overflow.
    pub const MAX: Self = Self(1_000_000_000_000);

    /// An amount of so many kobo.
    ///
    /// # Errors
    /// [`InvalidAmount`] above [`Kobo::MAX`].
    pub fn new(kobo: u64) -> Result<Self, InvalidAmount> {
        if kobo <= Self::MAX.0 { Ok(Self(kobo)) } else { Err(InvalidAmount) }
    }

    /// The number of kobo.
    pub fn kobo(self) -> u64 {
        self.0
    }

    /// Reads naira written as a decimal: `100`, `100.00`, `48.5`, `1081.8199999998`.
    ///
    /// Digits beyond the kobo are rounded half up, which removes the float noise of providers. Signs,
    /// exponents, separators and anything else are refused.
    ///
    /// # Errors
    /// [`InvalidAmount`] when the text is not such a decimal, or above [`Kobo::MAX`].
    pub fn from_naira(text: &str) -> Result<Self, InvalidAmount> {
        let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), "0"));
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return Err(InvalidAmount);
        }
        let digit = |at: usize| fraction.as_bytes().get(at).map_or(0, |b| u64::from(b - b'0'));
        let cents = digit(0) * 10 + digit(1) + u64::from(digit(2) >= 5);
        let naira: u64 = whole.parse().map_err(|_| InvalidAmount)?;
        let kobo = naira.checked_mul(100).and_then(|k| k.checked_add(cents));
        Self::new(kobo.ok_or(InvalidAmount)?)
    }

    /// The amount in naira as a decimal: `100` or `48.50`.
    pub fn naira(self) -> String {
        match self.0 % 100 {
            0 => format!("{}", self.0 / 100),
            cents => format!("{}.{cents:02}", self.0 / 100),
        }
    }
}

impl fmt::Display for Kobo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NGN {}", self.naira())
    }
}

/// Naira on a provider's wire: a JSON number or a string, read digit by digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Naira(pub Kobo);

impl<'de> Deserialize<'de> for Naira {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <Box<RawValue>>::deserialize(deserializer)?;
        let text = raw.get().trim_matches('"');
        Kobo::from_naira(text).map(Self).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fuzzing::fuzz;
    use proptest::prelude::*;

    fn read(json: &str) -> Option<u64> {
        serde_json::from_str::<Naira>(json).ok().map(|naira| naira.0.kobo())
    }

    #[test]
    fn naira_are_read_exactly() {
        assert_eq!(read(r#""100.00""#), Some(10_000));
        assert_eq!(read("100"), Some(10_000));
        assert_eq!(read(r#""48.5""#), Some(4_850));
        assert_eq!(read("0.1"), Some(10));
        assert_eq!(read("1081.8199999998"), Some(108_182));
        assert_eq!(read("0.004999"), Some(0));
        assert_eq!(read("0.005"), Some(1));
        assert_eq!(read("10000000000"), Some(Kobo::MAX.kobo()));
    }

    #[test]
    fn anything_but_an_amount_is_refused() {
        let refused = [
            "-1",
            r#""-0.5""#,
            "1e309",
            "1e2",
            r#""NaN""#,
            r#""1,000""#,
            r#""""#,
            r#"".5""#,
            r#""5.""#,
            r#""+5""#,
            "null",
            "[]",
            "{}",
            "10000000000.01",
            "99999999999999999999",
            r#""٥""#,
        ];
        for json in refused {
            assert_eq!(read(json), None, "{json}");
        }
    }

    #[test]
    fn an_amount_is_shown_to_people_in_naira() {
        let shown = |kobo| Kobo::new(kobo).unwrap().to_string();
        assert_eq!([shown(10_000), shown(4_805)], ["NGN 100", "NGN 48.05"]);
    }

    proptest! {
        #[test]
        fn a_written_amount_is_read_back(kobo in 0..=Kobo::MAX.0) {
            let amount = Kobo::new(kobo).unwrap();
            prop_assert_eq!(Kobo::from_naira(&amount.naira()), Ok(amount));
        }
    }

    proptest! {
        #[test]
        fn an_amount_is_the_same_as_text_integer_and_decimal(naira in 0_u64..=10_000_000_000) {
            let expected = Some(naira * 100);
            for json in [
                format!("{naira}"),
                format!("{naira}.0"),
                format!("{naira}.00"),
                format!("\"{naira}\""),
                format!("\" {naira}.00 \""),
            ] {
                prop_assert_eq!(read(&json), expected, "{}", json);
            }
        }

        #[test]
        fn a_decimal_is_rounded_to_the_nearest_kobo(naira in 0_u64..1_000_000, mills in 0_u64..1_000) {
            let kobo = naira * 100 + (mills + 5) / 10;
            prop_assert_eq!(read(&format!("{naira}.{mills:03}")), Some(kobo));
        }
    }

    #[test]
    fn an_amount_that_is_read_is_within_bounds_and_is_read_back() {
        fuzz(|choices| {
            let words = ["100", "100.00", "0.005", "10000000000", "10000000000.01", "1e2", "1,000"];
            let text = choices.text(&words);
            let Ok(amount) = Kobo::from_naira(&text) else { return };
            assert!(amount <= Kobo::MAX);
            assert_eq!(Kobo::from_naira(&amount.naira()), Ok(amount));
            assert!(text.trim().bytes().all(|b| b.is_ascii_digit() || b == b'.'), "{text}");
        });
    }
}
