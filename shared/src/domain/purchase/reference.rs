//! The provider reference: the id by which a provider knows a purchase, and the way back to ours.
//!
//! VTpass requires twelve digits of local time, `YYYYMMDDHHMM` in Africa/Lagos, and then anything
//! alphanumeric (VTpass documentation, *Buying services*). After the time stands the purchase id,
//! so that no index is needed to find a purchase by VTpass's `request_id`.

use time::format_description::BorrowedFormatItem;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use crate::domain::ids::{ProviderReference, PurchaseId};
use crate::domain::time::LAGOS;

/// The form of the time.
const TIME: &[BorrowedFormatItem<'_>] = format_description!("[year][month][day][hour][minute]");
/// The length of the time.
const TIME_DIGITS: usize = 12;
/// The length of MTN's transaction ids.
const MTN_DIGITS: usize = 20;

impl ProviderReference {
    /// The reference of a purchase at VTpass: the Lagos time of `now`, then the purchase id. It is
    /// stale at the next Lagos midnight: VTpass refuses an id that does not carry today's date.
    pub fn for_vtpass(now: OffsetDateTime, id: &PurchaseId) -> Self {
        let time = now.to_offset(LAGOS).format(TIME).unwrap_or_default();
        Self::new(format!("{time}{id}"))
    }

    /// The transaction id of a refill at MTN: the first 20 digits of the purchase id, because MTN's
    /// products require 20 characters.
    pub fn for_mtn(id: &PurchaseId) -> Self {
        Self::new(id.as_str().chars().take(MTN_DIGITS).collect::<String>())
    }

    /// The purchase id in a reference at VTpass; `None` for any other text.
    pub fn purchase_id(&self) -> Option<PurchaseId> {
        let (time, id) = self.as_str().split_at_checked(TIME_DIGITS)?;
        let digits = time.bytes().all(|b| b.is_ascii_digit());
        (digits && PrimitiveDateTime::parse(time, TIME).is_ok()).then(|| PurchaseId::parse(id))?
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use time::macros::datetime;

    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef";

    fn id() -> PurchaseId {
        PurchaseId::parse(ID).unwrap()
    }

    fn purchase_id(text: &str) -> Option<PurchaseId> {
        ProviderReference::new(text).purchase_id()
    }

    #[test]
    fn the_time_is_that_of_lagos() {
        let time = |now| ProviderReference::for_vtpass(now, &id()).as_str()[..12].to_owned();
        assert_eq!(time(datetime!(2024-07-17 11:16:49 UTC)), "202407171216");
        // Half past eleven at night in London is tomorrow in Lagos.
        assert_eq!(time(datetime!(2024-12-31 23:30 UTC)), "202501010030");
        assert_eq!(time(datetime!(2024-02-29 02:05 +3)), "202402290005");
    }

    #[test]
    fn a_reference_at_mtn_is_the_beginning_of_the_id() {
        assert_eq!(ProviderReference::for_mtn(&id()).as_str(), &ID[..20]);
    }

    #[test]
    fn only_a_reference_of_ours_has_a_purchase_id() {
        let times = [
            "20240717121x",
            "202413171216",
            "202402301216",
            "202407172416",
            "202407171260",
            "20240717121",
            "+20240717121",
            "20240717121é",
        ];
        for text in times {
            assert_eq!(purchase_id(&format!("{text}{ID}")), None, "{text}");
        }
        for text in ["", "abc", "a-b", &ID[1..], &format!("{ID}0"), &format!("{ID}\n"), "é"] {
            assert_eq!(purchase_id(&format!("202407171216{text}")), None, "{text}");
        }
        assert_eq!(purchase_id(""), None);
    }

    proptest! {
        #[test]
        fn the_purchase_id_is_read_back(seconds in 0_i64..4_102_444_800, id in "[0-9a-f]{32}") {
            let now = OffsetDateTime::from_unix_timestamp(seconds).unwrap();
            let id = PurchaseId::parse(&id).unwrap();
            prop_assert_eq!(ProviderReference::for_vtpass(now, &id).purchase_id(), Some(id));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = purchase_id(&text);
        }
    }
}
