//! Which events a purchase, a deferred request, an account or a key owes to its tenant, by what is stored,
//! and of which of them the operator is told, too.

use serde_json::{Value, json};
use time::OffsetDateTime;

use super::announcement::{Announcement, Subject};
use super::kind::EventType;
use crate::domain::account::{Account, AccountChange, AccountState};
use crate::domain::api_key::ApiKey;
use crate::domain::deferred::{DeferredRequest, DeferredState};
use crate::domain::ids::TenantId;
use crate::domain::purchase::{Purchase, State};
use crate::domain::time::{to_iso, to_ms};

/// An event that is owed: what it will say.
#[derive(Debug, Clone, PartialEq)]
pub struct Owed {
    /// To whom.
    pub tenant: TenantId,
    /// What happened.
    pub kind: EventType,
    /// What it happened to. It tells this event from all others of its type.
    pub about: String,
    /// When it happened.
    pub at: OffsetDateTime,
    /// What the tenant is told.
    pub data: Value,
}

impl Owed {
    /// Whether this is what was announced: it happened then or later. An account is linked more than once,
    /// and each of its changes carries the very time of its announcement.
    pub fn is_announced(&self, announcement: &Announcement) -> bool {
        let is_then = match announcement.subject {
            Subject::Account { .. } => to_ms(self.at) == to_ms(announcement.at),
            _ => self.at >= announcement.at,
        };
        self.kind == announcement.event && is_then
    }

    /// With the same for the operator, who is told whose it is. What is the operator's own is told once.
    pub(in crate::domain) fn with_operators(self) -> impl Iterator<Item = Self> {
        let copy = (!self.tenant.is_operator()).then(|| {
            let mut copy = Self { tenant: TenantId::operator(), ..self.clone() };
            copy.data["tenant"] = json!(self.tenant);
            copy
        });
        std::iter::once(self).chain(copy)
    }
}

impl EventType {
    /// The event of a purchase that comes to `state`; none while its provider works on it.
    pub fn of_purchase(state: State) -> Option<Self> {
        match state {
            State::Submitted | State::Pending => None,
            State::Delivered => Some(Self::PurchaseDelivered),
            State::Failed => Some(Self::PurchaseFailed),
            State::Reversed => Some(Self::PurchaseReversed),
            State::NeedsReview => Some(Self::PurchaseNeedsReview),
        }
    }

    /// The event of a deferred request that comes to `state`; none while it waits.
    pub fn of_request(state: DeferredState) -> Option<Self> {
        match state {
            DeferredState::Waiting => None,
            DeferredState::Available => Some(Self::RequestAvailable),
            DeferredState::TimedOut => Some(Self::RequestTimedOut),
        }
    }

    /// The event of a change of an account. An unlink is told when it begins, because from then on the
    /// data is closed.
    pub fn of_account(change: AccountChange) -> Option<Self> {
        match change {
            AccountChange::Linked => Some(Self::AccountLinked),
            AccountChange::Unlinking => Some(Self::AccountUnlinked),
            AccountChange::Expired => Some(Self::AccountConsentExpired),
            AccountChange::Unlinked => None,
        }
    }
}

impl Purchase {
    /// One event for each state that it came to, as it was then. Older versions could write twice that
    /// it waits for a person; that is told once.
    pub fn owed(&self) -> Vec<Owed> {
        let mut told = Vec::new();
        let changes = self.history.iter().filter_map(|line| Some((line.concluded?, line.at)));
        let changes = changes.filter(|(state, _)| {
            let is_new = !told.contains(state);
            told.push(*state);
            is_new
        });
        let owed = changes.filter_map(|(state, at)| {
            let then = Self { state, updated_at: at, ..self.clone() };
            Some(Owed {
                tenant: self.tenant.clone(),
                kind: EventType::of_purchase(state)?,
                about: self.purchase_id.to_string(),
                at,
                data: then.view(),
            })
        });
        owed.collect()
    }
}

impl DeferredRequest {
    /// One event for each state that it came to: it times out, and becomes available by a late answer. The
    /// answer itself is not told: it is personal data, and is read at its own route.
    pub fn owed(&self) -> Vec<Owed> {
        let timed_out = self.timed_out_at.map(|at| (DeferredState::TimedOut, at));
        let is_listed = timed_out.is_some() && self.state == DeferredState::TimedOut;
        let current = (!is_listed).then_some((self.state, self.updated_at));
        let states = timed_out.into_iter().chain(current);
        states.filter_map(|(state, at)| self.owed_in(state, at)).collect()
    }

    fn owed_in(&self, state: DeferredState, at: OffsetDateTime) -> Option<Owed> {
        let data = json!({
            "request_id": self.request_id,
            "account_id": self.account_id,
            "operation": self.question.operation(),
            "state": state,
            "created_at": to_iso(self.created_at),
            "updated_at": to_iso(at),
            "expires_at": to_iso(self.expires_at),
        });
        Some(Owed {
            tenant: self.tenant.clone(),
            kind: EventType::of_request(state)?,
            about: self.request_id.to_string(),
            at,
            data,
        })
    }
}

impl Account {
    /// One event for each link, unlink and end of a consent of its history.
    pub fn owed(&self) -> Vec<Owed> {
        let owed = self.history.iter().filter_map(|line| {
            let (change, at) = (AccountChange::named(&line.event)?, to_iso(line.at));
            let kind = EventType::of_account(change)?;
            // A tenant is answered `unlinked` as soon as an unlink begins.
            let shown = match change {
                AccountChange::Linked => AccountState::Linked,
                AccountChange::Unlinking | AccountChange::Expired | AccountChange::Unlinked => {
                    AccountState::Unlinked
                }
            };
            Some(Owed {
                tenant: self.tenant.clone(),
                kind,
                about: format!("{} {at}", self.account_id),
                at: line.at,
                data: json!({ "account_id": self.account_id, "state": shown, "at": at }),
            })
        });
        owed.collect()
    }
}

impl ApiKey {
    /// The events of its end, once it is near: its tenant's and the operator's.
    pub fn owed(&self, now: OffsetDateTime) -> Vec<Owed> {
        let near = self.warned_at().zip(self.valid_until).filter(|(at, _)| *at <= now);
        let owed = near.map(|(at, until)| {
            let until = to_iso(until);
            Owed {
                tenant: self.tenant.clone(),
                kind: EventType::KeyExpiring,
                about: format!("{} {until}", self.key_id),
                at,
                data: json!({
                    "key_id": self.key_id,
                    "kind": self.kind,
                    "label": self.label,
                    "valid_until": until,
                }),
            }
        });
        owed.into_iter().flat_map(Owed::with_operators).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use time::macros::datetime;

    use super::*;
    use crate::domain::deferred::{About, Question};
    use crate::domain::event::Event;
    use crate::domain::ids::AccountId;
    use crate::domain::network::Network;
    use crate::domain::purchase::{Attempt, Source, samples};
    use crate::platform::environment::Random;

    const START: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);
    const LATER: OffsetDateTime = datetime!(2026-11-22 11:00 UTC);

    fn line(at: OffsetDateTime, concluded: Option<State>) -> Attempt {
        Attempt {
            at,
            source: Source::Requery,
            code: "000".to_owned(),
            concluded,
            answer: None,
            note: String::new(),
        }
    }

    #[test]
    fn a_reversed_purchase_owes_both_events_each_as_it_was_then() {
        let mut purchase = samples::purchase(State::Reversed, START);
        purchase.history = vec![
            line(START, Some(State::Pending)),
            line(START, None),
            line(START, Some(State::Delivered)),
            line(LATER, Some(State::Delivered)),
            line(LATER, Some(State::Reversed)),
        ];
        let owed = purchase.owed();
        let seen: Vec<_> = owed.iter().map(|it| (it.kind.to_string(), it.at)).collect();
        let expected = [("purchase.delivered", START), ("purchase.reversed", LATER)];
        assert_eq!(seen, expected.map(|(kind, at)| (kind.to_owned(), at)));
        let told = |owed: &Owed| (owed.data["state"].clone(), owed.data["safe_to_refund"].clone());
        assert_eq!(told(&owed[0]), (json!("delivered"), json!(false)));
        assert_eq!(told(&owed[1]), (json!("reversed"), json!(true)));
        assert_eq!(owed[1].data, purchase_at(&purchase, LATER));
    }

    fn purchase_at(purchase: &Purchase, at: OffsetDateTime) -> Value {
        Purchase { updated_at: at, ..purchase.clone() }.view()
    }

    #[test]
    fn an_event_that_is_made_again_has_the_same_id_and_another_event_has_another() {
        let mut purchase = samples::purchase(State::Reversed, START);
        purchase.history =
            vec![line(START, Some(State::Delivered)), line(LATER, Some(State::Reversed))];
        let ids = |now| purchase.owed().iter().map(|it| Event::new(it, now).event_id).collect();
        let (first, again): (Vec<_>, Vec<_>) = (ids(START), ids(LATER));
        assert_eq!(first, again);
        assert_ne!(first[0], first[1]);
        let other = TenantId::parse("other").unwrap();
        let theirs = Purchase { tenant: other, ..purchase.clone() };
        assert_ne!(Event::new(&theirs.owed()[0], START).event_id, first[0]);
    }

    #[test]
    fn a_request_that_is_answered_after_it_timed_out_owes_both_events_each_as_it_was_then() {
        let (tenant, account) = (TenantId::parse("t").unwrap(), AccountId::parse("acc1").unwrap());
        let about = About { tenant: &tenant, account_id: &account, session: None };
        let (mut request, _) =
            DeferredRequest::new(about, Question::Balance, "https://g", START, &Random::system());
        let seen = |request: &DeferredRequest| {
            let told = |it: Owed| (it.kind.to_string(), it.data["state"].clone(), it.at);
            request.owed().into_iter().map(told).collect::<Vec<_>>()
        };
        let event = |state: &str, at| (format!("request.{state}"), json!(state), at);
        assert_eq!(seen(&request), []);
        // An older version kept no time of its own.
        request.state = DeferredState::TimedOut;
        assert_eq!(seen(&request), [event("timed_out", START)]);
        // What MTN sends that is no answer changes the request, too.
        (request.timed_out_at, request.updated_at) = (Some(START), LATER);
        assert_eq!(seen(&request), [event("timed_out", START)]);
        request.state = DeferredState::Available;
        assert_eq!(seen(&request), [event("timed_out", START), event("available", LATER)]);
        assert_eq!(request.owed()[0].data["updated_at"], to_iso(START));
        request.timed_out_at = None;
        assert_eq!(seen(&request), [event("available", LATER)]);
    }

    #[test]
    fn an_account_owes_an_event_for_each_link_and_each_end_of_a_consent() {
        let history = |state: &str, at| json!({ "at": to_iso(at), "event": state });
        let account = json!({
            "account_id": "acc1",
            "tenant": "t",
            "state": "linked",
            "provider": Network::Mtn,
            "history": [
                history("linked", START), history("unlinking", START), history("unlinked", START),
                history("linked", LATER), history("expired", LATER), history("unlinked", LATER),
                history("of_a_newer_version", LATER),
            ],
        });
        let account: Account = serde_json::from_value(account).unwrap();
        assert_eq!(account.account_id, AccountId::parse("acc1").unwrap());
        let owed = account.owed();
        let seen: Vec<_> = owed.iter().map(|it| (it.kind.to_string(), it.at)).collect();
        let expected = [
            ("account.linked", START),
            ("account.unlinked", START),
            ("account.linked", LATER),
            ("account.consent_expired", LATER),
        ];
        assert_eq!(seen, expected.map(|(kind, at)| (kind.to_owned(), at)));
        assert_eq!(owed[1].data["state"], "unlinked");
        let ids: Vec<_> = owed.iter().map(|it| Event::new(it, LATER).event_id).collect();
        assert_ne!(ids[0], ids[2]);
    }

    #[test]
    fn another_link_of_an_account_is_not_the_one_that_was_announced() {
        let tenant = TenantId::parse("acme").unwrap();
        let account_id = AccountId::parse("acc1").unwrap();
        let linked = |at| Owed {
            tenant: tenant.clone(),
            kind: EventType::AccountLinked,
            about: "acc1".to_owned(),
            at,
            data: Value::Null,
        };
        let subject = Subject::Account { tenant: tenant.clone(), account_id };
        let announced = Announcement { subject, event: EventType::AccountLinked, at: START };
        assert!(linked(START).is_announced(&announced));
        assert!(!linked(LATER).is_announced(&announced));
    }

    #[test]
    fn what_happened_before_the_announcement_is_not_what_was_announced() {
        let purchase = Purchase {
            history: vec![line(START, Some(State::Delivered))],
            ..samples::purchase(State::Delivered, START)
        };
        let owed = &purchase.owed()[0];
        let announced = |event, at| Announcement {
            subject: crate::domain::event::Subject::Purchase {
                purchase_id: purchase.purchase_id.clone(),
            },
            event,
            at,
        };
        assert!(owed.is_announced(&announced(EventType::PurchaseDelivered, START)));
        assert!(!owed.is_announced(&announced(EventType::PurchaseDelivered, LATER)));
        assert!(!owed.is_announced(&announced(EventType::PurchaseFailed, START)));
    }
}
