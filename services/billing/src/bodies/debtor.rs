//! A debtor's body.

use contracts::{ContactPoint, DebtorRegistered, TaxId};
use kernel::DebtorId;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::fields::{Kind, Language, Lines, Sentence, Version, Word};
use super::{Body, Owner};
use crate::domain::Debtor;

/// A person or firm that owes.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DebtorBody {
    /// The ERP's version of this debtor.
    pub version: Version,
    /// Person or firm.
    pub kind: DebtorKind,
    /// Names, the one to display first.
    #[serde(deserialize_with = "super::fields::some_of")]
    #[schema(min_items = 1, max_items = 100)]
    pub names: Vec<Sentence>,
    /// Tax and identity numbers.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub tax_ids: Vec<TaxIdBody>,
    /// Language of letters.
    pub language: Language,
    /// Ways to reach the debtor, preferred first.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub contact_points: Vec<ContactPointBody>,
}

/// Person or firm.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DebtorKind {
    /// A natural person.
    Person,
    /// A firm or other legal person.
    Firm,
}

/// A tax or identity number.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TaxIdBody {
    /// What number it is: `cnp`, `cui`, `nit`, `cc`, `rfc`, `vat` …
    pub kind: Kind,
    /// The number; blanks are dropped.
    pub value: Word,
}

/// A way to reach the debtor.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ContactPointBody {
    /// `email`, `phone`, `mobile`, `post` or what the ERP says.
    pub kind: Kind,
    /// Address or number; a postal address with line breaks.
    pub value: Lines,
    /// Purposes that the debtor agreed to: `invoice`, `dunning`, `marketing` …; empty when unknown.
    #[serde(
        default,
        deserialize_with = "super::fields::some_twenty_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 20)]
    pub authorised_for: Vec<Kind>,
}

impl Body for DebtorBody {
    const KIND: super::Kind = super::Kind::Debtor;
    type State = Debtor;

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn state(self, external_id: &str, owner: Owner<'_>) -> Debtor {
        let tax_id = |tax_id: TaxIdBody| TaxId {
            kind: tax_id.kind.into(),
            value: tax_id.value.as_str().chars().filter(|c| !c.is_whitespace()).collect(),
        };
        let contact_point = |point: ContactPointBody| ContactPoint {
            kind: point.kind.into(),
            value: point.value.into(),
            authorised_for: point.authorised_for.into_iter().map(String::from).collect(),
        };
        Debtor(DebtorRegistered {
            debtor_id: DebtorId::derive(owner.creditor_id, external_id),
            creditor_id: owner.creditor_id,
            external_id: external_id.to_owned(),
            version: self.version.get(),
            kind: match self.kind {
                DebtorKind::Person => "person",
                DebtorKind::Firm => "firm",
            }
            .to_owned(),
            names: self.names.into_iter().map(String::from).collect(),
            tax_ids: self.tax_ids.into_iter().map(tax_id).collect(),
            language: self.language.into(),
            contact_points: self.contact_points.into_iter().map(contact_point).collect(),
            refund_accounts: Vec::new(),
        })
    }
}
