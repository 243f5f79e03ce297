//! Which events the guard of a service owes to the tenants and the operator.

use serde_json::json;
use time::OffsetDateTime;

use super::state::Change;
use super::stored::Guard;
use crate::domain::event::{EventType, Owed};
use crate::domain::ids::TenantId;
use crate::domain::time::to_iso;

impl Change {
    /// The event of this change; none where nothing changed for tenants.
    pub fn event(&self) -> Option<EventType> {
        self.told.is_some().then_some(match self.on_sale {
            true => EventType::ServiceResumed,
            false => EventType::ServiceSuspended,
        })
    }
}

impl Guard {
    /// What each of `owners` is owed for the changes since a time. Older ones had announcements of their
    /// own.
    pub fn owed(&self, owners: &[TenantId], since: OffsetDateTime) -> Vec<Owed> {
        let changes = self.state.changes.iter().filter(|change| change.at >= since);
        let owed = changes.filter_map(|change| Some((change, change.event()?)));
        let owed = owed.flat_map(|(change, kind)| {
            owners.iter().map(move |owner| Owed {
                tenant: owner.clone(),
                kind: kind.clone(),
                about: self.service_id.clone(),
                at: change.at,
                data: json!({
                    "service_id": self.service_id,
                    "on_sale": change.on_sale,
                    "at": to_iso(change.at),
                    "reason": change.told,
                }),
            })
        });
        owed.collect()
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;
    use time::macros::datetime;

    use super::*;
    use crate::domain::event::Event;
    use crate::domain::guard::{State, Word};

    const NOW: OffsetDateTime = datetime!(2026-11-22 10:00 UTC);

    #[test]
    fn each_tenant_is_owed_the_changes_since_the_announcement_and_each_once() {
        let word = |on_sale, since| Word { on_sale, since, until: None, because: "b".to_owned() };
        let (first, second) = (NOW + Duration::minutes(1), NOW + Duration::minutes(2));
        let state = State::default().close("10 of 12", NOW).unwrap();
        let state = state.say(word(false, first), "ada").say(word(true, second), "ada");
        let guard = Guard { state, ..Guard::new("mtn") };
        let tenants = ["a", "b"].map(|id| TenantId::parse(id).unwrap());
        let owed = guard.owed(&tenants, first);
        let seen: Vec<_> =
            owed.iter().map(|it| (it.tenant.as_str(), it.kind.to_string())).collect();
        let resumed = "service.resumed".to_owned();
        assert_eq!(seen, [("a", resumed.clone()), ("b", resumed)]);
        let all = guard.owed(&tenants, NOW);
        assert_eq!((all.len(), &all[0].data["on_sale"]), (4, &json!(false)));
        let told = all[0].data["reason"].as_str().unwrap();
        assert!(!told.contains(char::is_numeric), "{told}");
        let id = |owed: &Owed| Event::new(owed, second).event_id;
        assert_eq!(id(&all[2]), id(&owed[0]));
        assert_ne!(id(&owed[0]), id(&owed[1]));
    }
}
