//! Calendar dates, of which MTN has two renderings.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::Month;

/// A calendar date between 2000 and 2100, written `2024-07-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(time::Date);

/// The text is no date of the form `2024-07-17`. Carries nothing of it.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a date of the form YYYY-MM-DD between the years 2000 and 2100")]
pub struct InvalidDate;

impl Date {
    /// Reads `YYYY-MM-DD`, exactly that.
    ///
    /// # Errors
    /// [`InvalidDate`] for another form, a day that is not in the calendar, or another century.
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *text.as_bytes() else {
            return Err(InvalidDate);
        };
        let number = |digits: &[u8]| {
            digits.iter().try_fold(0_u16, |number, digit| {
                digit.is_ascii_digit().then(|| number * 10 + u16::from(digit - b'0'))
            })
        };
        let parts = (number(&[y1, y2, y3, y4]), number(&[m1, m2]), number(&[d1, d2]));
        let (Some(year @ 2000..=2100), Some(month), Some(day)) = parts else {
            return Err(InvalidDate);
        };
        let month = u8::try_from(month).ok().and_then(|month| Month::try_from(month).ok());
        let day = u8::try_from(day).map_err(|_| InvalidDate)?;
        time::Date::from_calendar_date(year.into(), month.ok_or(InvalidDate)?, day)
            .map(Self)
            .map_err(|_| InvalidDate)
    }

    /// `20240717`: what MTN's recharges take.
    pub(super) fn compact(self) -> String {
        let (year, month, day) = self.0.to_calendar_date();
        format!("{year:04}{:02}{day:02}", u8::from(month))
    }

    /// `17-07-2024`: what MTN's usage takes.
    pub(super) fn day_first(self) -> String {
        let (year, month, day) = self.0.to_calendar_date();
        format!("{day:02}-{:02}-{year:04}", u8::from(month))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.0.to_calendar_date();
        write!(f, "{year:04}-{:02}-{day:02}", u8::from(month))
    }
}

impl Serialize for Date {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Cow::<str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_date_is_exactly_ten_characters_of_the_calendar() {
        for text in ["2000-01-01", "2024-02-29", "2100-12-31"] {
            assert_eq!(Date::parse(text).unwrap().to_string(), text);
        }
        for text in [
            "",
            "2024-7-17",
            "2024-07-17 ",
            " 2024-07-17",
            "2024-07-17T00:00",
            "20240717",
            "17-07-2024",
            "2024/07/17",
            "2023-02-29",
            "2100-02-29",
            "2024-13-01",
            "2024-00-01",
            "2024-01-00",
            "2024-04-31",
            "1999-12-31",
            "2101-01-01",
            "+024-01-01",
            "2024-+1-01",
            "2024-01--1",
            "٢٠٢٤-٠٧",
        ] {
            assert_eq!(Date::parse(text), Err(InvalidDate), "{text}");
        }
    }

    #[test]
    fn mtn_has_two_renderings_and_serde_ours() {
        let date = Date::parse("2024-07-05").unwrap();
        assert_eq!(
            (date.compact().as_str(), date.day_first().as_str()),
            ("20240705", "05-07-2024")
        );
        assert_eq!(serde_json::to_string(&date).unwrap(), r#""2024-07-05""#);
        assert_eq!(serde_json::from_str::<Date>(r#""2024-07-05""#).unwrap(), date);
        assert!(serde_json::from_str::<Date>(r#""2024-07-32""#).is_err());
        assert!(serde_json::from_str::<Date>("20240705").is_err());
    }

    #[test]
    fn dates_are_ordered_by_the_calendar() {
        let [a, b, c] =
            ["2023-12-31", "2024-01-02", "2024-02-01"].map(|text| Date::parse(text).unwrap());
        assert!(a < b && b < c);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}") {
            let _ = Date::parse(&text);
        }
    }
}
