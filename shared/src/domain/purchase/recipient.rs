//! The number that a purchase is for.

use std::fmt;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::domain::msisdn::{Msisdn, masked};

/// VTpass's test number for success. It is a Nigerian mobile number, too.
pub const TEST_SUCCESS: &str = "08011111111";
/// VTpass's test number for an order that stays pending for a while.
pub const TEST_PENDING: &str = "201000000000";
/// VTpass's test number for an answer that VTpass does not document.
pub const TEST_UNEXPECTED: &str = "500000000000";
/// VTpass's test number for an order that gets no answer.
pub const TEST_NO_RESPONSE: &str = "400000000000";
/// VTpass's test number for an order that runs into the timeout.
pub const TEST_TIMEOUT: &str = "300000000000";
/// The test numbers that are not Nigerian mobile numbers.
const TEST_NUMBERS: [&str; 4] = [TEST_PENDING, TEST_UNEXPECTED, TEST_NO_RESPONSE, TEST_TIMEOUT];

/// The recipient of a purchase. Stored and shown as the text of its number. `Debug` is masked.
#[derive(Clone, PartialEq, Eq)]
pub enum Recipient {
    /// A Nigerian mobile number, `0803…`.
    Number(Msisdn),
    /// One of VTpass's test numbers that are not Nigerian mobile numbers.
    TestNumber(&'static str),
    /// What is left of the number of an old purchase: `0803****567`.
    Masked(String),
}

impl Recipient {
    /// Reads a number to buy for. Test numbers are taken only where `test_numbers` says so.
    pub fn parse(text: &str, test_numbers: bool) -> Option<Self> {
        match test_number(text.trim()) {
            Some(number) if test_numbers => Some(Self::TestNumber(number)),
            _ => Msisdn::parse(text).ok().map(Self::Number),
        }
    }

    /// The number as it is stored and shown: `0803…`, a test number, or a masked number.
    pub fn text(&self) -> String {
        match self {
            Self::Number(number) => number.local(),
            Self::TestNumber(number) => (*number).to_owned(),
            Self::Masked(number) => number.clone(),
        }
    }

    /// The mobile number, unless it is a test number or masked.
    pub fn msisdn(&self) -> Option<&Msisdn> {
        match self {
            Self::Number(number) => Some(number),
            Self::TestNumber(_) | Self::Masked(_) => None,
        }
    }

    /// The recipient with its number masked.
    #[must_use]
    pub fn to_masked(&self) -> Self {
        match self {
            Self::Number(number) => Self::Masked(number.masked()),
            Self::TestNumber(number) => Self::Masked(masked(number)),
            Self::Masked(number) => Self::Masked(number.clone()),
        }
    }

    /// Whether two recipients may be the same: equal, or alike where one is masked.
    pub fn matches(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Masked(_), _) | (_, Self::Masked(_)) => self.to_masked() == other.to_masked(),
            _ => self == other,
        }
    }

    /// Whether a number that a provider names may be this one.
    pub fn is_named_by(&self, text: &str) -> bool {
        match self {
            Self::Number(number) => Msisdn::parse(text).is_ok_and(|named| named == *number),
            Self::TestNumber(number) => text == *number,
            Self::Masked(number) => masked(text) == *number,
        }
    }
}

fn test_number(text: &str) -> Option<&'static str> {
    TEST_NUMBERS.into_iter().find(|number| *number == text)
}

impl Serialize for Recipient {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text())
    }
}

impl<'de> Deserialize<'de> for Recipient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text.contains('*') {
            return Ok(Self::Masked(text));
        }
        Self::parse(&text, true).ok_or_else(|| D::Error::custom("not a number to buy for"))
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_masked().text())
    }
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;

    use super::*;

    fn read(text: &str) -> Recipient {
        serde_json::from_str(&format!("{text:?}")).unwrap()
    }

    #[test]
    fn a_recipient_reads_as_it_is_written() {
        for text in ["08031234567", "201000000000", "0803****567", "*********000"] {
            assert_eq!(read(text).text(), text);
            assert_eq!(serde_json::to_value(read(text)).unwrap(), text);
        }
        assert!(serde_json::from_str::<Recipient>(r#""12""#).is_err());
    }

    #[test]
    fn only_a_whole_mobile_number_is_an_msisdn() {
        assert_eq!(read("08031234567").msisdn(), Msisdn::parse("08031234567").ok().as_ref());
        for text in ["201000000000", "0803****567"] {
            assert_eq!(read(text).msisdn(), None, "{text}");
        }
    }

    #[test]
    fn a_masked_number_matches_what_it_may_have_been() {
        let (number, masked) = (read("08031234567"), read("0803****567"));
        assert!(number.matches(&masked) && masked.matches(&number) && number.matches(&number));
        assert_eq!(number.to_masked(), masked);
        assert!(!number.matches(&read("08031234568")) && !masked.matches(&read("08031234568")));
        assert!(read("201000000000").matches(&read("*********000")));
        assert!(masked.is_named_by("2348039999567") && !masked.is_named_by("08031234568"));
        assert!(number.is_named_by("+2348031234567") && !number.is_named_by("x"));
    }

    #[test]
    fn test_numbers_are_taken_only_where_they_are_allowed() {
        for number in TEST_NUMBERS {
            assert_eq!(Recipient::parse(number, true), Some(Recipient::TestNumber(number)));
            assert_eq!(Recipient::parse(number, false), None);
        }
        assert!(Recipient::parse(TEST_SUCCESS, false).is_some());
    }

    #[test]
    fn a_recipient_that_is_read_is_a_number_and_is_read_back() {
        fuzz(|choices| {
            let words = ["08031234567", "2348031234567", TEST_PENDING, "0803****567", "*", "12"];
            let (text, test_numbers) = (choices.text(&words), choices.once_in(2));
            if let Some(recipient) = Recipient::parse(&text, test_numbers) {
                let written = recipient.text();
                assert!(written.bytes().all(|b| b.is_ascii_digit()), "{written}");
                assert!(test_numbers || recipient.msisdn().is_some(), "{written}");
                assert_eq!(Recipient::parse(&written, test_numbers), Some(recipient.clone()));
                assert!(
                    recipient.is_named_by(&written) && !format!("{recipient:?}").contains(&written)
                );
                assert!(recipient.matches(&recipient.to_masked()));
            }
            let stored = serde_json::to_string(&text).unwrap();
            if let Ok(recipient) = serde_json::from_str::<Recipient>(&stored) {
                let written = serde_json::to_string(&recipient).unwrap();
                assert_eq!(serde_json::from_str::<Recipient>(&written).unwrap(), recipient);
            }
        });
    }
}
