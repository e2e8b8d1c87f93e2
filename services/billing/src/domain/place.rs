//! Consumption places.

use contracts::{PlaceLeft, PlaceTaken};
use kernel::BusinessDate;

use super::event::Event;
use super::findings::Findings;
use super::protection::{self, Protected, Protection};

/// A place's state. Its street address is personal data, told by no event: it stays in the table.
#[derive(Clone, PartialEq)]
pub struct Place {
    /// What everybody may know.
    pub state: PlaceTaken,
    /// First day on which it is not supplied under the account.
    pub left_on: Option<BusinessDate>,
    /// What protects the place.
    pub protections: Vec<Protection>,
}

impl Place {
    /// Rules that concern more than one field.
    pub fn check(&self, findings: &mut Findings) {
        let in_order = self.left_on.is_none_or(|left_on| left_on >= self.state.taken_on);
        findings.require(in_order, "/left_on", "order", "the place is left before it is taken");
        protection::check(&self.protections, findings);
    }

    fn protected(&self) -> Protected {
        let PlaceTaken {
            creditor_id,
            account_id,
            place_id,
            ..
        } = self.state;
        Protected {
            creditor_id,
            account_id,
            place_id: Some(place_id),
        }
    }

    fn left(&self, left_on: BusinessDate, version: i64) -> Event {
        let PlaceTaken {
            place_id, account_id, ..
        } = self.state;
        Event::PlaceLeft(PlaceLeft {
            place_id,
            account_id,
            version,
            left_on,
        })
    }

    /// The events that lead from `before` to this state. A place that goes to another account leaves the old one on the
    /// day the new one takes it, and its protections there are lifted: they were declared for who lived there.
    #[must_use]
    pub fn events(&self, before: Option<&Self>, today: BusinessDate) -> Vec<Event> {
        let mut events = Vec::new();
        let mut old: &[Protection] = &[];
        if let Some(before) = before {
            if before.state.account_id == self.state.account_id {
                old = &before.protections;
            } else {
                events.extend(before.protected().events(&before.protections, &[], today));
                if before.left_on.is_none() {
                    events.push(before.left(self.state.taken_on, self.state.version));
                }
            }
        }
        events.push(Event::PlaceTaken(self.state.clone()));
        events.extend(self.protected().events(old, &self.protections, today));
        events.extend(self.left_on.map(|left_on| self.left(left_on, self.state.version)));
        events
    }
}
