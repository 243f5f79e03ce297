//! Every write of the store is repeated by the SDK when its answer is lost. The outcome is the same.
//!
//! The writes are found in the source. A write without a line in the table fails the build, and so
//! does a line without a write. Each scenario runs twice: as usual, and with the answer lost.

mod books;
mod consent;
mod counts;
mod disclosures;
mod events;
mod guard;
mod keys;
mod loss;
mod purchases;
mod requests;
mod scan;
mod webhooks;

use std::collections::BTreeSet;

const PUT: &str = "PutItem";
const UPDATE: &str = "UpdateItem";
const DELETE: &str = "DeleteItem";
const TRANSACT: &str = "TransactWriteItems";

/// The tests, one for each line, and the list of the lines.
macro_rules! every_write {
    ($($write:literal, $operation:ident, $holds:literal, $before:literal => $room:ident::$scenario:ident;)*) => {
        const LINES: &[(&str, &str, &str)] =
            &[$(($write, $holds, stringify!($room::$scenario))),*];

        mod lost {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $scenario() {
                    for is_lost in [false, true] {
                        let (operation, holds, before) = (super::$operation, $holds, $before);
                        let loss = super::loss::Loss { operation, holds, before, is_lost };
                        super::$room::$scenario(loss).await;
                    }
                }
            )*
        }
    };
}

// Write, operation, what the request holds, how many like it come before it, scenario.
every_write! {
    "limits::count_once", TRANSACT, "ADD #short :many", 0 => counts::a_withdrawn_account_is_counted_once;
    "limits::count", UPDATE, "ADD #short :many", 0 => counts::the_last_otp_of_a_limit_is_counted_once_and_sent;
    "limits::count", UPDATE, "ADD #short :many", 0 => counts::the_last_purchase_of_a_limit_is_counted_once_and_made;
    "limits::count", UPDATE, "ADD #short :many", 1 => counts::an_amount_is_counted_once_against_the_money_limit;
    "limits::give_back", TRANSACT, "ADD #short :less", 0 => counts::an_amount_is_given_back_once;
    "sessions::count_try", UPDATE, "ADD tries :one", 0 => counts::an_otp_try_is_counted_once;
    "sessions::count_try", UPDATE, "ADD tries :one", 0 => counts::the_fifth_otp_try_reaches_mono;
    "sessions::begin", PUT, "tries = :none", 0 => consent::a_session_is_recorded;
    "sessions::codes::prove", TRANSACT, "attribute_not_exists(pk) OR expires_at <= :now", 0 => consent::a_session_becomes_a_code;
    "sessions::codes::claim", UPDATE, "SET claim = :claim", 0 => consent::a_code_is_claimed;
    "sessions::codes::release", UPDATE, "SET lease_until = :none", 0 => consent::a_code_is_given_back;
    "accounts::link", TRANSACT, "SET #state = :linked", 0 => consent::an_account_is_linked_once;
    "accounts::make_room", UPDATE, "REMOVE history[1]", 0 => consent::room_is_made_in_a_full_history;
    "accounts::ending::step", UPDATE, "SET #state = :to", 0 => consent::an_unlink_is_begun_once;
    "accounts::ending::step", UPDATE, "SET #state = :to", 1 => consent::an_unlink_is_finished_once;
    "accounts::ending::step", UPDATE, "consent.#session = :session", 0 => consent::a_consent_is_ended_once;
    "accounts::ending::erase_texts_of", UPDATE, "SET history = :erased", 0 => consent::old_texts_are_erased_once;
    "accounts::ending::leave_ended", UPDATE, "ends_ms = :seen", 0 => consent::an_account_leaves_the_index_of_ended_consents;
    "accounts::mark_unlink_again", UPDATE, "SET unlink_again_ms = :due", 0 => consent::the_next_step_of_an_unlink_is_marked_and_sent_once;
    "disclosures::record", PUT, "tenant_day", 0 => disclosures::a_disclosure_is_recorded_once;
    "events::keep", PUT, "attribute_not_exists(event_id)", 0 => events::an_event_is_kept_once;
    "books::close", PUT, "attribute_not_exists(pk)", 0 => books::a_tenants_day_is_closed_once;
    "books::close", PUT, "attribute_not_exists(pk)", 1 => books::a_deployments_day_is_closed_once;
    "books::note_balance", PUT, "expires_at", 0 => books::a_balance_is_noted;
    "books::note_top_up", PUT, "top-up", 0 => books::a_top_up_is_noted;
    "float::tell", UPDATE, "attribute_not_exists(#lines)", 0 => books::a_low_float_is_noted_once;
    "guard::count", UPDATE, "ADD #count :weight", 0 => guard::an_outcome_is_counted_once;
    "guard::replace", UPDATE, "attribute_not_exists(revision)", 0 => guard::a_service_is_closed_once;
    "guard::replace", UPDATE, "revision = :before", 0 => guard::a_probe_is_let_through_once;
    "guard::replace", UPDATE, "revision = :before", 1 => guard::a_service_is_opened_once;
    "endpoints::add", PUT, "attribute_not_exists(endpoint_id)", 0 => webhooks::an_endpoint_is_added;
    "endpoints::replace", UPDATE, "revision = :before", 0 => webhooks::a_secret_is_rotated_once;
    "endpoints::remove", DELETE, "endpoint_id", 0 => webhooks::an_endpoint_is_removed;
    "deliveries::record", UPDATE, "series <> :series OR step <= :step", 0 => webhooks::an_attempt_is_recorded;
    "requests::record", PUT, "request_id", 0 => requests::a_request_is_recorded_and_mtn_asked_once;
    "requests::finish", UPDATE, "SET #state = :available", 0 => requests::an_answer_is_kept;
    "requests::note", UPDATE, "SET notice = :notice", 0 => requests::a_notice_is_kept;
    "requests::ask_again", UPDATE, "SET step = :next", 0 => requests::mtn_is_asked_again_once;
    "requests::time_out", UPDATE, "SET #state = :timed_out", 0 => requests::a_request_times_out;
    "requests::withdraw", DELETE, "attribute_not_exists(request_id) OR", 0 => requests::a_refused_request_is_withdrawn;
    "requests::forget", DELETE, "request_id", 0 => requests::a_request_is_forgotten;
    "tenants::put", PUT, "key_hash", 0 => keys::a_key_is_put;
    "tenants::add", PUT, "attribute_not_exists(key_hash)", 0 => keys::a_key_is_added;
    "tenants::revoke", UPDATE, "attribute_not_exists(revoked_at)", 0 => keys::a_key_is_revoked;
    "tenants::set", UPDATE, "spend_limit", 0 => keys::a_tenants_limits_are_set;
    "tenants::set", UPDATE, "scopes", 0 => keys::a_key_is_restricted;
    "tenants::end", UPDATE, "SET valid_until = :until", 0 => keys::a_key_gets_an_end;
    "catalogues::put", PUT, "fetched_ms", 0 => purchases::a_catalogue_is_kept;
    "catalogues::mark", UPDATE, "SET outdated = :yes", 0 => purchases::a_catalogue_is_marked;
    "purchases::record", PUT, "attribute_not_exists(purchase_id)", 0 => purchases::a_purchase_is_recorded_as_new_and_paid_once;
    "purchases::reconcile::come_back", UPDATE, "SET reconcile_ms = :next", 0 => purchases::an_overdue_chain_is_restarted_once;
    "purchases::reconcile::looked_back", UPDATE, "SET reconciled_ms = :now", 0 => purchases::a_look_back_is_recorded;
    "purchases::mark_hint", UPDATE, "SET hinted_ms = :due", 0 => purchases::a_hint_is_marked_and_sent_once;
    "purchases::mark_hint_again", UPDATE, "SET hint_again_ms = :due", 0 => purchases::the_next_step_of_a_hint_is_marked_and_sent_once;
    "purchases::acknowledge", UPDATE, "SET acknowledged = :yes", 0 => purchases::an_acknowledgement_is_recorded;
    "purchases::change::change", UPDATE, "history = list_append(history, :attempts)", 0 => purchases::a_delivery_is_recorded_once;
    "purchases::change::change", UPDATE, "history = list_append(history, :attempts)", 0 => purchases::a_wait_is_recorded_once;
    "purchases::change::change", UPDATE, "history = list_append(history, :attempts)", 0 => purchases::a_step_is_recorded_once;
    "purchases::change::change", UPDATE, "history = list_append(history, :attempts)", 0 => purchases::a_contradiction_is_recorded_once;
    "purchases::change::change", UPDATE, "history = list_append(history, :attempts)", 0 => purchases::a_purchase_is_handed_to_a_person_once;
    "purchases::by_state::place_by_state", UPDATE, "SET tenant_state = :key", 0 => purchases::an_old_purchase_is_brought_to_its_place;
    "purchases::masking::mask_number", UPDATE, "SET phone = :masked", 0 => purchases::a_number_is_masked;
}

#[test]
fn every_write_has_a_scenario_and_every_scenario_a_write() {
    let writes = scan::writes();
    let found: BTreeSet<&str> = writes.keys().map(String::as_str).collect();
    let listed: BTreeSet<&str> = LINES.iter().map(|(write, ..)| *write).collect();
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "these writes have no scenario: {missing:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "these scenarios name no write: {gone:?}");
    for (write, holds, scenario) in LINES {
        assert!(writes[*write].file.contains(holds), "{scenario}: {write} does not hold {holds}");
    }
}

#[test]
fn every_conditional_write_goes_through_the_one_place_for_them() {
    let writes = scan::writes();
    let elsewhere: Vec<_> =
        writes.iter().filter(|(_, it)| it.is_out_of_place()).map(|(name, _)| name).collect();
    assert!(elsewhere.is_empty(), "{elsewhere:?}");
    let plain: Vec<_> = writes.iter().filter(|(_, it)| it.sends).map(|(name, _)| name).collect();
    assert_eq!(
        plain,
        [
            "books::note_balance",
            "catalogues::put",
            "disclosures::record",
            "endpoints::remove",
            "requests::forget",
            "requests::record",
            "tenants::put"
        ]
    );
}
