//! The MSISDN: a Nigerian mobile number.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A Nigerian mobile number (MSISDN), held as the ten national digits without the leading zero.
/// Stored and written in its local form, `0803…`.
///
/// Accepted: `0803…`, `803…`, `234…`, `+234…`, `2340803…` and `+2340803…`, with spaces, dashes,
/// dots and parentheses. The prefix does not tell the network, because numbers are ported. `Debug`
/// and `Display` are masked; the other methods give the number.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Msisdn(String);

/// The text is not a Nigerian mobile number. The error does not hold the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a Nigerian mobile number")]
pub struct InvalidMsisdn;

impl Msisdn {
    /// Parses any of the accepted forms.
    ///
    /// # Errors
    /// [`InvalidMsisdn`] when the text is not a Nigerian mobile number.
    pub fn parse(text: &str) -> Result<Self, InvalidMsisdn> {
        let mut compact = String::with_capacity(text.len().min(32));
        for (index, character) in text.trim().chars().enumerate() {
            match character {
                '0'..='9' => compact.push(character),
                '+' if index == 0 => compact.push('+'),
                ' ' | '-' | '.' | '(' | ')' => {}
                _ => return Err(InvalidMsisdn),
            }
            if compact.len() > 15 {
                return Err(InvalidMsisdn);
            }
        }
        let national = national_digits(&compact).ok_or(InvalidMsisdn)?;
        Ok(Self(national.to_owned()))
    }

    /// `08031234567`: the form Mono and VTpass take.
    pub fn local(&self) -> String {
        format!("0{}", self.0)
    }

    /// `2348031234567`: digits only with the country code, the form MTN takes.
    pub fn international(&self) -> String {
        format!("234{}", self.0)
    }

    /// `0803****567`: the form for people and for old purchases.
    pub fn masked(&self) -> String {
        format!("0{}****{}", &self.0[..3], &self.0[7..])
    }
}

/// Masks any number: only its last three digits stay, and the prefix of a Nigerian number.
pub fn masked(phone: &str) -> String {
    if let Ok(number) = Msisdn::parse(phone) {
        return number.masked();
    }
    let length = phone.chars().count();
    let hidden = if length > 3 { length - 3 } else { length };
    "*".repeat(hidden) + &phone.chars().skip(hidden).collect::<String>()
}

/// The ten national digits: mobile numbers begin with 7, 8 or 9.
fn national_digits(compact: &str) -> Option<&str> {
    let national = if let Some(rest) = compact.strip_prefix("+234") {
        rest.strip_prefix('0').unwrap_or(rest)
    } else if compact.starts_with('+') {
        return None;
    } else if let Some(rest) = compact.strip_prefix("234").filter(|rest| rest.len() >= 10) {
        rest.strip_prefix('0').unwrap_or(rest)
    } else {
        compact.strip_prefix('0').unwrap_or(compact)
    };
    let mobile = national.len() == 10 && national.starts_with(['7', '8', '9']);
    mobile.then_some(national)
}

impl Serialize for Msisdn {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.local())
    }
}

impl<'de> Deserialize<'de> for Msisdn {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

impl fmt::Debug for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Msisdn({})", self.masked())
    }
}

impl fmt::Display for Msisdn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use fuzzing::fuzz;
    use proptest::prelude::*;

    #[test]
    fn every_accepted_form_is_the_same_number() {
        let forms = [
            "08031234567",
            "8031234567",
            "2348031234567",
            "+2348031234567",
            "23408031234567",
            "+23408031234567",
            " 0803 123 4567 ",
            "0803-123-4567",
            "+234 (0) 803.123.4567",
        ];
        for form in forms {
            assert_eq!(Msisdn::parse(form).unwrap().local(), "08031234567", "{form}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        let refused = [
            "",
            "+",
            "0",
            "0803123456",
            "080312345678",
            "06031234567",
            "01 234 5678",
            "+447911123456",
            "447911123456",
            "0803123456x",
            "0803\u{0}1234567",
            "٠٨٠٣١٢٣٤٥٦٧",
            "08031234567,08031234568",
            "8+031234567",
            "234",
            "00000000000",
            "+8031234567",
        ];
        for text in refused {
            assert_eq!(Msisdn::parse(text), Err(InvalidMsisdn), "{text}");
        }
        assert_eq!(Msisdn::parse(&"0".repeat(100_000)), Err(InvalidMsisdn));
    }

    #[test]
    fn debug_and_display_are_masked() {
        let number = Msisdn::parse("08031234567").unwrap();
        assert_eq!(format!("{number} {number:?}"), "0803****567 Msisdn(0803****567)");
    }

    #[test]
    fn any_number_can_be_masked() {
        assert_eq!(masked("08031234567"), "0803****567");
        assert_eq!(masked("2348031234567"), "0803****567");
        assert_eq!(masked("0803****567"), "********567");
        assert_eq!(masked("1234567"), "****567");
        assert_eq!(masked("123"), "***");
        assert_eq!(masked(""), "");
    }

    proptest! {
        #[test]
        fn every_form_it_writes_is_read_back(digits in "[789][0-9]{9}") {
            let number = Msisdn::parse(&digits).unwrap();
            prop_assert_eq!(&Msisdn::parse(&number.local()).unwrap(), &number);
            prop_assert_eq!(&Msisdn::parse(&number.international()).unwrap(), &number);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = Msisdn::parse(&text);
        }
    }

    #[test]
    fn a_number_is_ten_national_digits_and_its_masks_hide_four() {
        fuzz(|choices| {
            let words = ["08031234567", "+234 (0) 803.123.4567", "2348031234567", "234", "+"];
            let text = choices.text(&words);
            let digits: String = text.chars().filter(char::is_ascii_digit).collect();
            match Msisdn::parse(&text) {
                Ok(number) => {
                    let local = number.local();
                    assert!(local.len() == 11 && digits.ends_with(&local[1..]), "{text} {local}");
                    assert_eq!(Msisdn::parse(&local), Ok(number.clone()));
                    for shown in [format!("{number}"), format!("{number:?}"), masked(&text)] {
                        assert!(
                            !shown.contains(&local[4..8]) || local[1..4] == local[5..8],
                            "{shown}"
                        );
                        assert!(shown.contains("****"), "{shown}");
                    }
                }
                Err(error) => assert!(!error.to_string().contains(char::is_numeric)),
            }
            let shown = masked(&text).chars().filter(|it| *it != '*').count();
            assert!(shown <= 7, "{text}");
        });
    }
}
