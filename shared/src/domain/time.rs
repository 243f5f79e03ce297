//! Time: one type inside (`OffsetDateTime`, UTC), and the three forms in which it is stored or
//! shown. The modules are for `#[serde(with = "…")]`.

use time::format_description::BorrowedFormatItem;
use time::format_description::well_known::Rfc3339;
use time::macros::offset;
use time::{Duration, OffsetDateTime, UtcOffset};

/// The time of day in Lagos, by which days begin. Nigeria has no summer time.
pub const LAGOS: UtcOffset = offset!(+1);

/// How much the clocks of two instances may differ.
pub const CLOCK_DIFFERENCE: Duration = Duration::seconds(10);

/// A time as ISO 8601 in UTC with milliseconds, as Mono writes it: `2024-07-17T11:16:49.632Z`.
pub fn to_iso(time: OffsetDateTime) -> String {
    const FORMAT: &[BorrowedFormatItem<'_>] = time::macros::format_description!(
        "[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:3]Z"
    );
    time.to_offset(UtcOffset::UTC).format(&FORMAT).unwrap_or_default()
}

/// Epoch seconds, rounded down. DynamoDB's TTL is in this form.
pub fn to_seconds(time: OffsetDateTime) -> i64 {
    time.unix_timestamp()
}

/// Epoch milliseconds, rounded down.
pub fn to_ms(time: OffsetDateTime) -> i64 {
    i64::try_from(time.unix_timestamp_nanos() / 1_000_000).unwrap_or(i64::MAX)
}

/// A time in ISO 8601 with any offset, in UTC; `None` for anything else.
pub fn from_iso(text: String) -> Option<OffsetDateTime> {
    let time = OffsetDateTime::parse(&text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    // In UTC it may be in a year that the form cannot write.
    (0..=9_999).contains(&time.year()).then_some(time)
}

/// A time rounded up to whole milliseconds; none where that is in a year that the form cannot write.
pub fn up_to_ms(time: OffsetDateTime) -> Option<OffsetDateTime> {
    let over = time.nanosecond() % 1_000_000;
    let rest = if over == 0 { 0 } else { 1_000_000 - over };
    let time = time.checked_add(Duration::nanoseconds(rest.into()))?;
    (time.year() <= 9_999).then_some(time)
}

fn from_seconds(seconds: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp(seconds).ok()
}

fn from_ms(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

/// Defines a module that reads and writes a time in one form.
macro_rules! form {
    ($(#[$doc:meta])* $module:ident: $form:ty, $to:expr, $from:expr) => {
        $(#[$doc])*
        pub mod $module {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serialize, Serializer};
            use time::OffsetDateTime;

            /// Writes the time.
            ///
            /// # Errors
            /// The serializer's.
            pub fn serialize<S: Serializer>(t: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
                $to(*t).serialize(to)
            }

            /// Reads the time.
            ///
            /// # Errors
            /// For anything that is not a time in this form.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<OffsetDateTime, D::Error> {
                let form = <$form>::deserialize(from)?;
                $from(form).ok_or_else(|| D::Error::custom("not a time"))
            }

            /// The same for a time that may be absent. A null is not taken for absence.
            pub mod option {
                use serde::{Deserializer, Serializer};
                use time::OffsetDateTime;

                /// Writes the time. Use with `skip_serializing_if`.
                ///
                /// # Errors
                /// The serializer's.
                pub fn serialize<S: Serializer>(
                    time: &Option<OffsetDateTime>,
                    to: S,
                ) -> Result<S::Ok, S::Error> {
                    match time {
                        Some(time) => super::serialize(time, to),
                        None => to.serialize_none(),
                    }
                }

                /// Reads the time. Use with `default`.
                ///
                /// # Errors
                /// For anything that is not a time in this form.
                pub fn deserialize<'de, D: Deserializer<'de>>(
                    from: D,
                ) -> Result<Option<OffsetDateTime>, D::Error> {
                    super::deserialize(from).map(Some)
                }
            }
        }
    };
}

form! {
    /// A time as ISO 8601 text, see [`to_iso`].
    iso: String, super::to_iso, super::from_iso
}
form! {
    /// A time as epoch milliseconds.
    epoch_ms: i64, super::to_ms, super::from_ms
}
form! {
    /// A time as epoch seconds.
    epoch_seconds: i64, super::to_seconds, super::from_seconds
}

#[cfg(test)]
mod tests {
    use fuzzing::fuzz;
    use serde::{Deserialize, Serialize};
    use time::macros::datetime;

    use super::*;

    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Times {
        #[serde(with = "iso")]
        iso: OffsetDateTime,
        #[serde(with = "epoch_ms")]
        ms: OffsetDateTime,
        #[serde(with = "epoch_seconds")]
        seconds: OffsetDateTime,
        #[serde(default, with = "iso::option", skip_serializing_if = "Option::is_none")]
        maybe: Option<OffsetDateTime>,
    }

    #[test]
    fn a_time_reads_as_it_is_written_in_each_form() {
        let time = datetime!(2024-07-17 11:16:49.632 UTC);
        let seconds = datetime!(2024-07-17 11:16:49 UTC);
        let times = Times { iso: time, ms: time, seconds, maybe: None };
        let json = r#"{"iso":"2024-07-17T11:16:49.632Z","ms":1721215009632,"seconds":1721215009}"#;
        assert_eq!(serde_json::to_string(&times).unwrap(), json);
        assert_eq!(serde_json::from_str::<Times>(json).unwrap(), times);
        let null = json.replace('}', r#","maybe":null}"#);
        assert!(serde_json::from_str::<Times>(&null).is_err());
    }

    #[test]
    fn a_time_whose_year_in_utc_has_not_four_digits_is_refused() {
        for text in ["9999-12-31T23:59:59-01:00", "0000-01-01T00:00:00+01:00"] {
            assert_eq!(from_iso(text.to_owned()), None, "{text}");
        }
        assert!(from_iso("9999-12-31T23:59:59Z".to_owned()).is_some());
    }

    #[test]
    fn a_time_that_is_read_can_be_written_and_is_read_back() {
        const SAMPLE: &str =
            r#"{"iso":"2024-07-17T11:16:49.632Z","ms":1721215009632,"seconds":1721215009}"#;
        let words = [
            "9999-12-31T23:59:59.999-01:00",
            "0000-01-01T00:00:00+23:59",
            "2024-07-17T12:16:49.6329+01:00",
            "2024-06-30T23:59:60Z",
            "2024-07-17 11:16:49Z",
            "2024-07-17t11:16:49z",
        ];
        fuzz(move |choices| {
            let json = choices.json(&[SAMPLE], &words);
            let Ok(times) = serde_json::from_str::<Times>(&json) else { return };
            let written = serde_json::to_string(&times).unwrap();
            let back: Times = serde_json::from_str(&written).unwrap();
            assert_eq!(to_iso(back.iso), to_iso(times.iso), "{written}");
            assert_eq!((back.ms, back.seconds), (times.ms, times.seconds), "{written}");
        });
    }
}
