//! The id under which VTpass knows an order, and the way back from it to ours.
//!
//! VTpass asks for twelve digits of local time, `YYYYMMDDHHMM` in Africa/Lagos, and then anything
//! alphanumeric (VTpass documentation, *Buying services*). What follows the time here is the
//! purchase id, so that no index is needed to find a purchase by VTpass's word for it.

use time::{Date, Month, OffsetDateTime, Time, UtcOffset, macros::offset};

/// Lagos keeps UTC+1 all year.
const LAGOS: UtcOffset = offset!(+1);
/// The digits of the time.
const TIME_DIGITS: usize = 12;
/// The longest purchase id that is read back; ours are far shorter.
const MAX_PURCHASE_ID: usize = 128;

/// The VTpass request id of a purchase: the Lagos time of `now`, then `purchase_id`, which must be
/// made of ASCII letters and digits only.
///
/// Stale at the next Lagos midnight: VTpass refuses an id that does not carry today's date.
pub fn request_id(now: OffsetDateTime, purchase_id: &str) -> String {
    let now = now.to_offset(LAGOS);
    let (year, month, day) = now.to_calendar_date();
    let (hour, minute, _) = now.to_hms();
    format!("{year:04}{:02}{day:02}{hour:02}{minute:02}{purchase_id}", u8::from(month))
}

/// The purchase id in a request id, or `None` for anything [`request_id`] cannot have written.
pub fn purchase_id_of(request_id: &str) -> Option<&str> {
    let (time, purchase_id) = request_id.split_at_checked(TIME_DIGITS)?;
    let alphanumeric = purchase_id.bytes().all(|b| b.is_ascii_alphanumeric());
    let fits = (1..=MAX_PURCHASE_ID).contains(&purchase_id.len());
    (fits && alphanumeric && is_time(time)).then_some(purchase_id)
}

/// Whether twelve characters are a minute that exists.
fn is_time(text: &str) -> bool {
    if !text.bytes().all(|b| b.is_ascii_digit()) {
        return false;
    }
    let part = |from: usize, to: usize| text[from..to].parse::<u8>().unwrap_or(u8::MAX);
    let year: i32 = text[..4].parse().unwrap_or(0);
    let date = Month::try_from(part(4, 6))
        .is_ok_and(|month| Date::from_calendar_date(year, month, part(6, 8)).is_ok());
    date && Time::from_hms(part(8, 10), part(10, 12), 0).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use time::macros::datetime;

    #[test]
    fn the_time_is_that_of_lagos() {
        assert_eq!(request_id(datetime!(2024-07-17 11:16:49 UTC), "abc1"), "202407171216abc1");
        // Half past eleven at night in London is tomorrow in Lagos.
        assert_eq!(request_id(datetime!(2024-12-31 23:30 UTC), "Z"), "202501010030Z");
        assert_eq!(request_id(datetime!(2024-02-29 02:05 +3), "Z"), "202402290005Z");
    }

    #[test]
    fn what_is_no_request_id_of_ours_is_refused() {
        let refused = [
            "",
            "202407171216",
            "20240717121",
            "20240717121xabc",
            "3476we129909djd",
            "202413171216abc",
            "202402301216abc",
            "202407172416abc",
            "202407171260abc",
            "202407171216a-b",
            "202407171216a b",
            "202407171216abc\n",
            "202407171216é",
            "20240717121é",
            "+20240717121abc",
            "٢٠٢٤٠٧abc",
        ];
        for text in refused {
            assert_eq!(purchase_id_of(text), None, "{text}");
        }
        assert_eq!(purchase_id_of(&format!("202407171216{}", "a".repeat(129))), None);
    }

    proptest! {
        #[test]
        fn the_purchase_id_is_read_back(
            seconds in 0_i64..4_102_444_800,
            id in "[0-9A-Za-z]{1,128}",
        ) {
            let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let written = request_id(now, &id);
            prop_assert_eq!(purchase_id_of(&written), Some(id.as_str()));
        }

        #[test]
        fn it_never_panics(text in "\\PC{0,30}") {
            let _ = purchase_id_of(&text);
        }
    }
}
