//! What protects a place or an account from being cut or pressed.

use std::collections::BTreeSet;

use contracts::{ProtectionDeclared, ProtectionLifted};
use kernel::{AccountId, BusinessDate, CreditorId, PlaceId};

use super::event::Event;
use super::findings::Findings;

/// A protection as the ERP states it: kind, first day, last day, evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Protection {
    /// `life_support`, `vulnerable_class`, `public_body` or another; an unknown kind protects too.
    pub kind: String,
    /// First day.
    pub valid_from_on: BusinessDate,
    /// Last day; open-ended where none.
    pub valid_to_on: Option<BusinessDate>,
    /// SHA-256 of the document that proves it, 64 hexadecimal digits in lower case.
    pub evidence_sha256: Option<String>,
}

/// What is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Protected {
    /// The creditor.
    pub creditor_id: CreditorId,
    /// The account whose stream tells it.
    pub account_id: AccountId,
    /// The place; the whole account where none.
    pub place_id: Option<PlaceId>,
}

impl Protected {
    /// The same declaration always has the same id: account, place, kind and first day, as `kernel::ids` derives ids.
    fn id(&self, protection: &Protection) -> String {
        let account = self.account_id.to_string();
        let place = self.place_id.map(|place| place.to_string()).unwrap_or_default();
        let from = protection.valid_from_on.to_string();
        // A task id and a protection id are never compared; the first part keeps the names apart all the same.
        kernel::TaskId::derive(&["protection", &account, &place, &protection.kind, &from]).to_string()
    }

    fn declared(&self, protection: &Protection) -> Event {
        Event::ProtectionDeclared(ProtectionDeclared {
            protection_id: self.id(protection),
            place_id: self.place_id,
            account_id: self.account_id,
            creditor_id: self.creditor_id,
            kind: protection.kind.clone(),
            valid_from_on: protection.valid_from_on,
            valid_to_on: protection.valid_to_on,
            evidence_sha256: protection.evidence_sha256.clone(),
        })
    }

    /// Events that lead from the protections `before` to those `now`; what is no longer stated is lifted on `today`.
    #[must_use]
    pub fn events(&self, before: &[Protection], now: &[Protection], today: BusinessDate) -> Vec<Event> {
        let kept: BTreeSet<String> = now.iter().map(|protection| self.id(protection)).collect();
        let lifted = before
            .iter()
            .map(|protection| self.id(protection))
            .filter(|id| !kept.contains(id));
        let lifted = lifted.map(|protection_id| {
            let reason = "withdrawn".to_owned();
            Event::ProtectionLifted(ProtectionLifted {
                protection_id,
                account_id: self.account_id,
                lifted_on: today,
                reason,
            })
        });
        let declared = now.iter().filter(|protection| !before.contains(protection));
        lifted
            .chain(declared.map(|protection| self.declared(protection)))
            .collect()
    }
}

/// Rules of a list of protections under the field `/protections`.
pub fn check(protections: &[Protection], findings: &mut Findings) {
    let mut seen = BTreeSet::new();
    for (n, protection) in protections.iter().enumerate() {
        let ends_in_time = protection.valid_to_on.is_none_or(|to| to >= protection.valid_from_on);
        let pointer = format!("/protections/{n}/valid_to_on");
        findings.require(ends_in_time, pointer, "order", "the last day is before the first");
        let new = seen.insert((protection.kind.as_str(), protection.valid_from_on));
        findings.require(
            new,
            format!("/protections/{n}"),
            "unique",
            "kind and first day are those of another protection",
        );
    }
}
