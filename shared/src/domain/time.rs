//! Time: one type inside (`OffsetDateTime`, UTC), and the three forms in which it is stored or
//! shown. The modules are for `#[serde(with = "…")]`.

use time::format_description::BorrowedFormatItem;
use time::{OffsetDateTime, UtcOffset};

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

/// The time at so many epoch milliseconds.
fn from_ms(ms: i64) -> Option<OffsetDateTime> {
    OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000).ok()
}

/// A time as ISO 8601 text, see [`to_iso`].
pub mod iso {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};
    use time::OffsetDateTime;
    use time::format_description::well_known::Rfc3339;

    /// Writes the text.
    ///
    /// # Errors
    /// The serializer's.
    pub fn serialize<S: Serializer>(time: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::to_iso(*time))
    }

    /// Reads the text.
    ///
    /// # Errors
    /// For a text that is not a time.
    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<OffsetDateTime, D::Error> {
        let text = String::deserialize(from)?;
        OffsetDateTime::parse(&text, &Rfc3339).map_err(|_| D::Error::custom("not an ISO 8601 time"))
    }

    /// The same for a time that may be absent. A null is not taken for absence.
    pub mod option {
        use serde::{Deserializer, Serializer};
        use time::OffsetDateTime;

        /// Writes the text. Use with `skip_serializing_if`.
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

        /// Reads the text. Use with `default`.
        ///
        /// # Errors
        /// For a text that is not a time.
        pub fn deserialize<'de, D: Deserializer<'de>>(
            from: D,
        ) -> Result<Option<OffsetDateTime>, D::Error> {
            super::deserialize(from).map(Some)
        }
    }
}

/// Defines a module that reads and writes a time as a whole number since the epoch.
macro_rules! number {
    ($(#[$doc:meta])* $module:ident, $to:expr, $from:expr) => {
        $(#[$doc])*
        pub mod $module {
            use serde::de::Error;
            use serde::{Deserialize, Deserializer, Serializer};
            use time::OffsetDateTime;

            /// Writes the number.
            ///
            /// # Errors
            /// The serializer's.
            pub fn serialize<S: Serializer>(t: &OffsetDateTime, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_i64($to(*t))
            }

            /// Reads the number.
            ///
            /// # Errors
            /// For a number that is not a time.
            pub fn deserialize<'de, D: Deserializer<'de>>(
                from: D,
            ) -> Result<OffsetDateTime, D::Error> {
                let number = i64::deserialize(from)?;
                $from(number).ok_or_else(|| D::Error::custom("not a time"))
            }

            /// The same for a time that may be absent. A null is not taken for absence.
            pub mod option {
                use serde::{Deserializer, Serializer};
                use time::OffsetDateTime;

                /// Writes the number. Use with `skip_serializing_if`.
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

                /// Reads the number. Use with `default`.
                ///
                /// # Errors
                /// For a number that is not a time.
                pub fn deserialize<'de, D: Deserializer<'de>>(
                    from: D,
                ) -> Result<Option<OffsetDateTime>, D::Error> {
                    super::deserialize(from).map(Some)
                }
            }
        }
    };
}

number! {
    /// A time as epoch milliseconds.
    epoch_ms, crate::domain::time::to_ms, crate::domain::time::from_ms
}
number! {
    /// A time as epoch seconds.
    epoch_seconds, crate::domain::time::to_seconds, |seconds| {
        OffsetDateTime::from_unix_timestamp(seconds).ok()
    }
}

#[cfg(test)]
mod tests {
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
}
