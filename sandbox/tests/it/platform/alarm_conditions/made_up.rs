//! Whether the alarms ring on made-up days: what the sandbox cannot drive, and rates.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::template::stack::{ScheduleTarget, Stack};
use sandbox::template::{SandboxDeployment, Template};

use super::alarm::Alarm;
use super::math::{Kind, Math, Values};

/// The minutes of a day.
const DAY: usize = 24 * 60;

fn template() -> Template {
    Template::load(sandbox::TEMPLATE, &BTreeMap::new()).unwrap()
}

fn alarm(name: &str) -> Alarm {
    Alarm::all(&template()).unwrap().into_iter().find(|it| it.name == name).expect(name)
}

/// In which minute of two days the alarm rings first. The time before was as their first hour.
fn first_ring(alarm: &Alarm, value: impl Fn(Kind, usize) -> Option<i64>) -> Option<usize> {
    let before = alarm.minutes();
    let at = |kind, at: usize| match at.checked_sub(before) {
        Some(minute) => value(kind, minute),
        None => value(kind, at % 60),
    };
    (0..=2 * DAY).find(|minute| {
        let seen = |kind| (*minute..minute + before).map(|it| at(kind, it)).collect();
        let readings = alarm.math.readings().iter();
        let values: Values = readings.map(|it| (it.metric.clone(), seen(it.metric.kind))).collect();
        alarm.rings(&values) == Some(true)
    })
}

/// So many requests in each quarter of an hour from the first minute on, and so many of them answered
/// with an error.
fn quarters(requests: i64, errors: i64) -> impl Fn(Kind, usize) -> Option<i64> {
    move |kind, minute| match (minute % 15, kind) {
        (1, Kind::Requests) => Some(requests).filter(|it| *it > 0),
        (1, _) => Some(errors).filter(|_| requests > 0),
        _ => None,
    }
}

#[test]
fn the_total_failure_of_a_small_deployment_rings_and_single_errors_do_not() {
    let server_errors = alarm("ServerErrorAlarm");
    for (requests, errors, rings) in [
        (10, 10, true),
        (5, 5, true),
        (4, 4, false),
        (100, 5, true),
        (1_000, 20, false),
        (1_000, 50, true),
        (1_000_000, 10_000, false),
        (10, 1, false),
        (0, 0, false),
    ] {
        let ring = first_ring(&server_errors, quarters(requests, errors));
        assert_eq!(ring.is_some(), rings, "{errors} of {requests}: {ring:?}");
    }
    // Ten requests, one every 90 seconds, of which all fail from noon on.
    let slow = |kind, minute: usize| match (minute % 3, kind) {
        (2, _) => None,
        (_, Kind::Requests) => Some(1),
        _ => Some(i64::from(minute >= DAY / 2)),
    };
    let ring = first_ring(&server_errors, slow).expect("it rings");
    assert!((DAY / 2..=DAY / 2 + 15).contains(&ring), "{ring}");
}

#[test]
fn an_integrator_whose_every_call_is_refused_rings_and_usual_mistakes_do_not() {
    let client_errors = alarm("ClientErrorAlarm");
    for (requests, errors, rings) in [
        (30, 30, true),
        (100, 30, true),
        (20, 20, false),
        (1_000, 100, false),
        (1_000, 250, true),
        (0, 0, false),
    ] {
        let ring = first_ring(&client_errors, quarters(requests, errors));
        assert_eq!(ring.is_some(), rings, "{errors} of {requests}: {ring:?}");
    }
}

#[test]
fn a_run_that_does_not_succeed_for_an_hour_rings() {
    for name in ["ReconcileSilentAlarm", "BooksSilentAlarm"] {
        let silent = alarm(name);
        // A run every 15 minutes. Those from the tenth hour on succeed, fail, or are not started.
        let day = |late_runs: Option<i64>, late_failures: i64| {
            move |kind, minute: usize| match (minute % 15, minute >= 600, kind) {
                (1, true, Kind::Errors) => late_runs.map(|_| late_failures),
                (1, true, _) => late_runs,
                (1, false, kind) => Some(i64::from(kind == Kind::Invocations)),
                _ => None,
            }
        };
        assert_eq!(first_ring(&silent, day(Some(1), 0)), None, "{name}: all succeed");
        let failing = first_ring(&silent, day(Some(1), 1)).expect(name);
        let stopped = first_ring(&silent, day(None, 0)).expect(name);
        assert!((600..=660).contains(&failing), "{name}: {failing}");
        assert!((600..=660).contains(&stopped), "{name}: {stopped}");
    }
}

#[test]
fn each_function_has_alarms_for_errors_and_throttles_and_each_schedule_one_for_silence() {
    let (template, here) = (template(), SandboxDeployment { sqs_url: String::new() });
    let alarms = Alarm::all(&template).unwrap();
    let watched = |kind| -> BTreeSet<&str> {
        let alone = alarms.iter().filter(|it| matches!(it.math, Math::Alone(_)));
        let metrics = alone.map(Alarm::metric).filter(|it| it.kind == kind);
        metrics.map(|it| it.resource.as_str()).collect()
    };
    let functions: BTreeSet<_> =
        template.resources("AWS::Serverless::Function").unwrap().into_iter().collect();
    assert!(functions.len() >= 16);
    assert_eq!(watched(Kind::Errors), functions);
    assert_eq!(watched(Kind::Throttles), functions);

    let beating: BTreeSet<String> = alarms
        .iter()
        .filter_map(|it| match &it.math {
            Math::Difference([runs, failed])
                if it.is_for_silence()
                    && runs.metric.kind == Kind::Invocations
                    && failed.metric.kind == Kind::Errors
                    && runs.metric.resource == failed.metric.resource =>
            {
                let uri = template.property(&runs.metric.resource, "CodeUri", &here).unwrap();
                Some(uri.as_str()?.trim_end_matches('/').rsplit('/').next()?.to_owned())
            }
            _ => None,
        })
        .collect();
    let schedules = Stack::read(&template, &here).unwrap().schedules;
    let scheduled: BTreeSet<String> = schedules
        .into_iter()
        .filter_map(|it| match it.target {
            ScheduleTarget::Function(name) => Some(name),
            ScheduleTarget::Queue(_) => None,
        })
        .collect();
    assert_eq!(beating, scheduled);
}

#[test]
fn each_alarm_on_a_metric_of_ours_rings_for_its_case_only() {
    let mut alarms = Alarm::all(&template()).unwrap();
    alarms.retain(|alarm| alarm.metric().kind == Kind::Own);
    assert!(alarms.len() > 25, "{}", alarms.len());
    for alarm in alarms {
        let quarterly = |_, minute: usize| (minute % 15 == 1).then_some(1);
        let threshold = alarm.threshold;
        if alarm.is_for_silence() {
            assert_eq!(first_ring(&alarm, quarterly), None, "{}", alarm.name);
            let stopping = |_, minute: usize| (minute % 15 == 1 && minute < 60).then_some(1);
            let ring = first_ring(&alarm, stopping);
            assert_eq!(ring, Some(47 + alarm.minutes()), "{}", alarm.name);
        } else {
            assert_eq!(first_ring(&alarm, |_, _| None), None, "{}", alarm.name);
            let burst = |_, minute: usize| (minute == 99).then_some(threshold + 1);
            let ring = first_ring(&alarm, burst);
            assert_eq!(ring, Some(100), "{}", alarm.name);
        }
    }
}

#[test]
fn a_few_mistyped_keys_do_not_ring_and_a_client_with_a_wrong_key_does() {
    let refused = alarm("KeysRefusedAlarm");
    let one_in_five = |_, minute: usize| minute.is_multiple_of(5).then_some(1);
    assert_eq!(first_ring(&refused, one_in_five), None);
    // A client that calls all the time: its key is judged once a minute.
    let from_noon = |_, minute: usize| (minute >= DAY / 2).then_some(1);
    assert_eq!(first_ring(&refused, from_noon), Some(DAY / 2 + 10));
}
