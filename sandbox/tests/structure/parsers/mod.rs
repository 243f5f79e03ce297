//! Every parser with the property that a test holds over many inputs, or with the reason why it needs
//! none. A new parser without a line fails the test.

mod scan;

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::workspace;

/// A test as `file.rs#test` or a reason, and the parsers that it is about.
const LINES: &[(&str, &[&str])] = &[
    (
        "functions/auth/src/lib.rs#any_body_is_a_request_for_an_otp_or_invalid_and_is_not_shown",
        &[
            "functions/auth/src/lib.rs#parse",
            "functions/auth/src/consent.rs#address",
            "shared/src/domain/consent.rs#names_in",
            "shared/src/domain/network.rs#parse",
        ],
    ),
    (
        "functions/consent/src/export.rs#a_cursor_that_is_read_is_one_that_a_page_holds",
        &["functions/consent/src/export.rs#parse"],
    ),
    (
        "functions/consent/src/webhook.rs#any_body_is_a_webhook_or_invalid_and_only_an_unlink_withdraws",
        &["functions/consent/src/webhook.rs#withdrawn"],
    ),
    (
        "functions/exchange/src/lib.rs#any_body_holds_a_code_or_is_invalid_and_is_not_shown",
        &["functions/exchange/src/lib.rs#code"],
    ),
    (
        "functions/fetch-data/src/query.rs#a_query_that_is_read_holds_only_what_the_route_takes",
        &["functions/fetch-data/src/query.rs#number", "functions/fetch-data/src/query.rs#only"],
    ),
    (
        "functions/fetch-data/src/query.rs#a_premium_is_asked_for_a_mobile_number_and_shows_nobody",
        &["functions/fetch-data/src/query.rs#premium"],
    ),
    (
        "functions/mtn-callback/src/lib.rs#any_body_is_json_as_it_came_or_invalid",
        &["functions/mtn-callback/src/lib.rs#handle"],
    ),
    (
        "functions/purchase/src/list.rs#what_is_asked_for_is_known_and_a_link_asks_for_the_same",
        &["functions/purchase/src/list.rs#parse", "functions/purchase/src/list.rs#state"],
    ),
    (
        "shared/src/domain/guard/thresholds.rs#thresholds_that_are_read_are_within_their_bounds_and_read_again_as_written",
        &["shared/src/domain/guard/thresholds.rs#parse"],
    ),
    (
        "shared/src/lambda/page.rs#a_cursor_that_is_read_is_one_that_a_link_holds",
        &["shared/src/lambda/page.rs#decoded"],
    ),
    (
        "fuzzing/src/request.rs#a_page_that_is_asked_for_is_within_the_limits",
        &["shared/src/lambda/page.rs#limit", "shared/src/lambda/page.rs#parse"],
    ),
    (
        "functions/purchase/src/order.rs#an_order_that_is_read_is_one_that_can_be_sold",
        &["functions/purchase/src/order.rs#parse"],
    ),
    (
        "functions/purchase/src/order.rs#an_amount_in_kobo_is_the_same_with_and_without_a_fraction_of_zeros",
        &["functions/purchase/src/order.rs#whole_kobo"],
    ),
    (
        "functions/requery/src/lib.rs#why_a_message_is_no_job_does_not_show_the_message",
        &["functions/requery/src/lib.rs#handle"],
    ),
    (
        "shared/src/domain/event/announcement.rs#a_job_that_is_read_is_written_and_read_as_the_same_job",
        &["functions/notify/src/lib.rs#handle"],
    ),
    (
        "shared/src/domain/webhook/job.rs#a_job_that_is_read_is_written_and_read_as_the_same_job",
        &["functions/send-webhook/src/lib.rs#handle"],
    ),
    (
        "functions/webhook-endpoints/src/body.rs#any_body_is_read_strictly_or_is_invalid_and_is_not_shown",
        &[
            "functions/webhook-endpoints/src/body.rs#changed",
            "functions/webhook-endpoints/src/body.rs#made",
            "functions/webhook-endpoints/src/body.rs#present",
            "functions/webhook-endpoints/src/body.rs#since",
        ],
    ),
    (
        "shared/src/platform/outside/target.rs#a_url_that_is_taken_has_the_form_that_is_allowed",
        &["shared/src/platform/outside/target.rs#parse"],
    ),
    (
        "shared/src/domain/webhook/mod.rs#a_payload_holds_the_data_as_it_is_stored",
        &["shared/src/domain/webhook/mod.rs#payload"],
    ),
    (
        "shared/src/domain/event/owed.rs#an_account_owes_an_event_for_each_link_and_each_end_of_a_consent",
        &["shared/src/domain/account.rs#named"],
    ),
    (
        "functions/verify/src/lib.rs#any_body_holds_an_otp_or_is_invalid_and_is_not_shown",
        &["functions/verify/src/lib.rs#otp"],
    ),
    (
        "functions/vtpass-callback/src/lib.rs#any_body_is_a_webhook_or_invalid_and_names_two_references_at_most",
        &["functions/vtpass-callback/src/lib.rs#parse"],
    ),
    (
        "shared/src/domain/api_key.rs#a_deployment_is_live_or_test_and_nothing_else",
        &["shared/src/domain/api_key.rs#of_deployment"],
    ),
    (
        "shared/src/domain/date.rs#a_date_that_is_read_is_written_as_it_came",
        &["shared/src/domain/date.rs#deserialize", "shared/src/domain/date.rs#parse"],
    ),
    (
        "shared/src/domain/deferred/mod.rs#the_answer_time_is_within_the_longest_sqs_delay",
        &["shared/src/domain/deferred/mod.rs#from_vars"],
    ),
    (
        "shared/src/domain/ids.rs#an_id_of_any_text_is_refused_or_stays_that_text_and_is_safe_in_a_path",
        &["shared/src/domain/ids.rs#parse"],
    ),
    (
        "shared/src/domain/limit.rs#a_limit_that_is_read_has_two_windows_of_which_one_holds_the_other",
        &["shared/src/domain/limit.rs#parse"],
    ),
    (
        "shared/src/domain/report/float.rs#a_limit_that_is_read_is_the_number_that_was_written",
        &["shared/src/domain/report/float.rs#from_vars"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#a_balance_that_is_read_is_an_amount_and_what_is_refused_shows_nothing",
        &["shared/src/provider/vtpass/balance.rs#balance"],
    ),
    (
        "shared/src/domain/spending.rs#a_largest_order_that_is_read_is_an_amount_that_can_be_bought",
        &["shared/src/domain/spending.rs#from_vars"],
    ),
    (
        "shared/src/domain/spending.rs#a_limit_on_spending_that_is_read_is_written_and_read_as_the_same_limit",
        &["shared/src/domain/spending.rs#try_from"],
    ),
    (
        "shared/src/lambda/request.rs#money_limits_that_are_read_are_the_ones_that_the_authorizer_wrote",
        &["shared/src/lambda/request.rs#own_money_limits"],
    ),
    (
        "shared/src/lambda/request.rs#scopes_are_those_that_the_authorizer_wrote_or_all_where_it_wrote_none",
        &["shared/src/lambda/request.rs#scopes"],
    ),
    (
        "shared/src/domain/access.rs#any_text_is_what_it_says_or_is_refused",
        &[
            "shared/src/domain/access.rs#from_str",
            "shared/src/domain/access.rs#try_from",
            "shared/src/domain/access.rs#network",
        ],
    ),
    (
        "shared/src/domain/access.rs#an_address_is_in_a_network_in_every_form_that_it_may_have",
        &["shared/src/domain/access.rs#contain"],
    ),
    (
        "shared/src/domain/money.rs#an_amount_is_the_same_as_text_integer_and_decimal",
        &["shared/src/domain/money.rs#deserialize"],
    ),
    (
        "shared/src/domain/money.rs#an_amount_that_is_read_is_within_bounds_and_is_read_back",
        &["shared/src/domain/money.rs#from_naira"],
    ),
    (
        "shared/src/domain/msisdn.rs#a_number_is_ten_national_digits_and_its_masks_hide_four",
        &["shared/src/domain/msisdn.rs#deserialize", "shared/src/domain/msisdn.rs#parse"],
    ),
    (
        "shared/src/domain/purchase/recipient.rs#a_recipient_that_is_read_is_a_number_and_is_read_back",
        &[
            "shared/src/domain/purchase/recipient.rs#deserialize",
            "shared/src/domain/purchase/recipient.rs#parse",
        ],
    ),
    (
        "shared/src/domain/purchase/reconcile.rs#nobody_can_be_asked_about_a_refill_and_a_look_back_can_be_switched_off",
        &["shared/src/domain/purchase/reconcile.rs#from_vars"],
    ),
    (
        "shared/src/domain/retention.rs#numbers_are_kept_for_at_least_30_days",
        &["shared/src/domain/retention.rs#from_vars"],
    ),
    (
        "shared/src/domain/dormancy.rs#the_limit_is_off_or_not_longer_than_reads_are_known",
        &["shared/src/domain/dormancy.rs#from_vars"],
    ),
    (
        "shared/src/domain/disclosure.rs#a_record_is_kept_for_90_days_to_ten_years",
        &["shared/src/domain/disclosure.rs#from_vars"],
    ),
    (
        "shared/src/domain/schedule.rs#a_schedule_and_a_patience_that_are_read_are_within_their_bounds",
        &["shared/src/domain/schedule.rs#from_vars"],
    ),
    (
        "shared/src/domain/service.rs#a_service_that_is_read_is_one_that_is_sold",
        &["shared/src/domain/service.rs#parse"],
    ),
    (
        "shared/src/domain/time.rs#a_time_that_is_read_can_be_written_and_is_read_back",
        &["shared/src/domain/time.rs#deserialize"],
    ),
    (
        "fuzzing/src/request.rs#any_header_states_a_wait_in_whole_seconds_or_none",
        &["shared/src/lambda/request.rs#preferred_wait"],
    ),
    (
        "fuzzing/src/request.rs#a_query_value_is_the_last_one_of_its_name",
        &["shared/src/lambda/request.rs#query_value"],
    ),
    (
        "fuzzing/src/request.rs#a_body_is_an_object_or_is_refused_without_being_shown",
        &["shared/src/lambda/request.rs#parsed"],
    ),
    (
        "functions/auth/src/lib.rs#any_body_is_a_request_for_an_otp_or_invalid_and_is_not_shown",
        &["shared/src/lambda/request.rs#object"],
    ),
    (
        "shared/src/platform/breaker.rs#a_retry_after_is_honoured_but_not_for_ever",
        &["shared/src/platform/breaker.rs#retry_after"],
    ),
    (
        "shared/src/platform/aws/secrets_manager.rs#any_answer_is_read_or_is_a_failure",
        &["shared/src/platform/aws/secrets_manager.rs#read"],
    ),
    (
        "shared/src/platform/secrets.rs#a_secret_sets_only_its_own_variables",
        &["shared/src/platform/secrets.rs#fields"],
    ),
    (
        "shared/src/platform/telemetry/trace.rs#a_header_that_is_read_is_written_short_and_plain_and_is_read_back",
        &["shared/src/platform/telemetry/trace.rs#parse"],
    ),
    (
        "shared/src/provider/mono/fuzz_tests.rs#rewritten_links_lead_to_the_gateway_and_nothing_else_changes",
        &[
            "shared/src/provider/mono/paging.rs#rewritten",
            "shared/src/provider/mono/paging.rs#rewritten_link",
        ],
    ),
    (
        "shared/src/provider/mono/fuzz_tests.rs#only_json_under_a_success_that_is_not_failed_is_accepted",
        &[
            "shared/src/provider/mono/wire.rs#check_not_failed",
            "shared/src/provider/mono/wire.rs#is_json",
        ],
    ),
    (
        "shared/src/provider/mono/fuzz_tests.rs#a_code_is_taken_only_from_an_object_that_names_it",
        &["shared/src/provider/mono/wire.rs#data_of", "shared/src/provider/mono/wire.rs#payload"],
    ),
    (
        "shared/src/provider/mtn/fuzz_tests.rs#an_envelope_is_one_object_whose_fields_are_those_of_the_document",
        &["shared/src/provider/mtn/codes.rs#read", "shared/src/provider/mtn/envelope.rs#read"],
    ),
    (
        "shared/src/provider/mtn/fuzz_tests.rs#a_refill_is_settled_only_by_a_documented_proof",
        &["shared/src/provider/mtn/envelope.rs#says_failure", "shared/src/provider/json.rs#object"],
    ),
    (
        "shared/src/provider/mtn/token.rs#a_token_lives_a_day_at_most_and_is_not_shown",
        &[
            "shared/src/provider/mtn/token.rs#read",
            "shared/src/provider/mtn/token.rs#refusal_code",
            "shared/src/provider/mtn/token.rs#seconds",
        ],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#a_catalogue_sells_each_code_once_and_at_a_price",
        &["shared/src/provider/vtpass/catalogue.rs#list"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#a_refused_read_shows_nothing_of_its_body",
        &["shared/src/provider/vtpass/read.rs#parse"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#an_amount_is_the_same_as_a_text_and_as_a_number",
        &["shared/src/provider/vtpass/field.rs#text"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#an_unlisted_status_never_settles",
        &["shared/src/provider/vtpass/order_answer.rs#of"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#an_answer_settles_an_order_only_by_a_documented_proof",
        &["shared/src/provider/vtpass/codes.rs#parse"],
    ),
    (
        "shared/src/provider/vtpass/fuzz_tests.rs#an_answer_is_read_only_as_one_object_with_a_code",
        &["shared/src/provider/vtpass/order_answer.rs#read"],
    ),
    (
        "shared/src/store/fuzz_tests.rs#a_purchase_that_is_read_keeps_its_state_and_can_be_shown",
        &[
            "shared/src/domain/purchase/attempt.rs#deserialize",
            "shared/src/domain/purchase/mod.rs#deserialize",
            "shared/src/store/purchases/change.rs#change",
            "shared/src/store/purchases/list.rs#readable",
            "shared/src/store/purchases/mod.rs#by_id",
            "shared/src/store/purchases/mod.rs#record",
            "shared/src/store/purchases/mod.rs#refill_by_reference",
        ],
    ),
    (
        "shared/src/store/fuzz_tests.rs#a_key_that_is_read_has_a_tenant_and_nothing_that_restricts_it_is_lost",
        &[
            "shared/src/domain/api_key.rs#tenant",
            "shared/src/domain/api_key.rs#stated",
            "shared/src/store/tenants.rs#readable",
        ],
    ),
    (
        "shared/src/store/fuzz_tests.rs#a_guard_that_is_read_decides_on_orders_as_it_shows",
        &["shared/src/store/guard.rs#guard", "shared/src/store/guard.rs#whole"],
    ),
    (
        "shared/src/store/fuzz_tests.rs#other_items_that_are_read_are_read_back",
        &[
            "shared/src/domain/event/mod.rs#purchase_id",
            "shared/src/store/accounts/ending.rs#ended_consents",
            "shared/src/store/accounts/mod.rs#get",
            "shared/src/store/conditional.rs#read",
            "shared/src/store/deliveries.rs#get",
            "shared/src/store/deliveries.rs#list",
            "shared/src/store/disclosures.rs#each",
            "shared/src/store/endpoints.rs#get",
            "shared/src/store/endpoints.rs#of",
            "shared/src/store/events.rs#get",
            "shared/src/store/events.rs#readable",
            "shared/src/store/float.rs#told",
            "shared/src/store/requests.rs#batch",
            "shared/src/store/requests.rs#by_id",
            "shared/src/store/sessions/codes.rs#claim",
            "shared/src/store/sessions/mod.rs#count_try",
        ],
    ),
    (
        "A part of a purchase, an account or the books, or a place in a table. Only this version writes it, and what cannot be read is left out or read anew.",
        &[
            "shared/src/store/accounts/mod.rs#in_states",
            "shared/src/store/accounts/pass.rs#readable",
            "shared/src/store/books.rs#between",
            "shared/src/store/books.rs#close",
            "shared/src/store/books.rs#day",
            "shared/src/store/catalogues.rs#get",
            "shared/src/store/purchases/masking.rs#masking_pass",
            "shared/src/store/purchases/masking.rs#passed",
        ],
    ),
    (
        "A count of our own, in a number of DynamoDB; anything else counts as none.",
        &["shared/src/store/limits.rs#long_count"],
    ),
    (
        "Only for the log: the kind of a message and how often it was delivered.",
        &["shared/src/lambda/queue_function.rs#handle"],
    ),
    (
        "A URL of the configuration; a wrong one opens no connection.",
        &["shared/src/platform/http.rs#warm"],
    ),
];

#[test]
fn every_parser_has_a_property_or_a_reason() {
    let sources = workspace();
    let found = scan::parsers(&sources);
    assert!(found.len() > 50, "only {} parsers were found", found.len());
    let all: Vec<&str> = LINES.iter().flat_map(|(_, parsers)| parsers.iter().copied()).collect();
    let listed: BTreeSet<String> = all.iter().map(|it| (*it).to_owned()).collect();
    assert_eq!(listed.len(), all.len(), "a parser has two lines");
    let missing: Vec<_> = found.difference(&listed).collect();
    assert!(missing.is_empty(), "these parsers have no property: {missing:?}");
    let gone: Vec<_> = listed.difference(&found).collect();
    assert!(gone.is_empty(), "these lines name no parser: {gone:?}");
}

#[test]
fn every_property_of_a_parser_is_a_test() {
    let sources: BTreeMap<_, _> = workspace();
    for (by, parsers) in LINES {
        let Some((file, test)) = by.split_once('#') else { continue };
        let text = sources.get(file).map(String::as_str).unwrap_or_default();
        assert!(text.contains(&format!("fn {test}(")), "{parsers:?}: {by} is no test");
    }
}
