//! Calendar dates, the days of Lagos, and the two forms in which MTN takes dates.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use time::format_description::BorrowedFormatItem;
use time::macros::{date, format_description};
use time::{Duration, OffsetDateTime, UtcOffset};

use super::time::LAGOS;

type Form = &'static [BorrowedFormatItem<'static>];

const ISO: Form = format_description!("[year]-[month]-[day]");
const FIRST: time::Date = date!(2000 - 01 - 01);
const LAST: time::Date = date!(2100 - 12 - 31);

/// A calendar date between 2000 and 2100, written `2024-07-17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Date(time::Date);

/// The text is not a date of the form `2024-07-17`. The error does not hold the text.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("not a date of the form YYYY-MM-DD between the years 2000 and 2100")]
pub struct InvalidDate;

impl Date {
    /// Reads `YYYY-MM-DD`.
    ///
    /// # Errors
    /// [`InvalidDate`] for another form, a day that is not in the calendar, or a year outside 2000 to 2100.
    pub fn parse(text: &str) -> Result<Self, InvalidDate> {
        // The parser of `time` would also take a sign before the year.
        if text.len() != 10 || !text.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(InvalidDate);
        }
        let date = time::Date::parse(text, ISO).map_err(|_| InvalidDate)?;
        (2000..=2100).contains(&date.year()).then_some(Self(date)).ok_or(InvalidDate)
    }

    /// The day in Lagos at this time; the first or last date there is, for a time outside of them.
    pub fn of(time: OffsetDateTime) -> Self {
        let date = time.to_offset(LAGOS).date();
        Self(date.clamp(FIRST, LAST))
    }

    /// When the day begins in Lagos.
    pub fn begins(self) -> OffsetDateTime {
        self.0.midnight().assume_offset(LAGOS).to_offset(UtcOffset::UTC)
    }

    /// When the day ends in Lagos: the beginning of the next one.
    pub fn ends(self) -> OffsetDateTime {
        self.begins() + Duration::DAY
    }

    /// The day after this one, or this one if it is the last there is.
    #[must_use]
    pub fn next(self) -> Self {
        Self::of(self.ends())
    }

    /// The day before this one, or this one if it is the first there is.
    #[must_use]
    pub fn previous(self) -> Self {
        Self::of(self.begins() - Duration::SECOND)
    }

    /// `20240717`: what MTN's recharges take.
    pub fn compact(self) -> String {
        self.written(format_description!("[year][month][day]"))
    }

    /// `17-07-2024`: what MTN's usage takes.
    pub fn day_first(self) -> String {
        self.written(format_description!("[day]-[month]-[year]"))
    }

    fn written(self, format: Form) -> String {
        self.0.format(format).unwrap_or_default()
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written(ISO))
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
    use fuzzing::fuzz;
    use proptest::prelude::*;
    use time::macros::datetime;

    #[test]
    fn a_date_has_ten_characters_and_is_in_the_calendar() {
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
    fn a_day_of_lagos_begins_an_hour_before_that_of_greenwich() {
        let day = Date::parse("2026-11-29").unwrap();
        let (begins, ends) = (datetime!(2026-11-28 23:00 UTC), datetime!(2026-11-29 23:00 UTC));
        assert_eq!((day.begins(), day.ends()), (begins, ends));
        assert_eq!((Date::of(begins), Date::of(ends)), (day, day.next()));
        assert_eq!(Date::of(begins - Duration::NANOSECOND), day.previous());
        assert_eq!(day.next().previous(), day);
        let last = Date::parse("2100-12-31").unwrap();
        assert_eq!(last.next(), last);
    }

    #[test]
    fn a_date_is_written_in_three_forms() {
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

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,12}") {
            let _ = Date::parse(&text);
        }
    }

    #[test]
    fn a_date_that_is_read_is_written_as_it_came() {
        fuzz(|choices| {
            let text = choices.text(&["2024-02-29", "2100-12-31", "1999-12-31", "2024-13-01"]);
            if let Ok(date) = Date::parse(&text) {
                assert_eq!(date.to_string(), text);
                assert_eq!((date.compact().len(), date.day_first().len()), (8, 10));
            }
        });
    }
}
