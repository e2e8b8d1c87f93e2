//! A consumption place's body.

use contracts::PlaceTaken;
use kernel::{AccountId, BusinessDate, PlaceId};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::account::ProtectionBody;
use super::fields::{ExternalId, Kilowatts, Kind, Sentence, Version, Word};
use super::{Body, Owner};
use crate::domain::{Place, Protection};

/// A consumption place and the account it is supplied under. Under another account in a newer version: it moves.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PlaceBody {
    /// The ERP's version of this place.
    pub version: Version,
    /// External id of its account, which must have been sent before.
    pub account: ExternalId,
    /// Where it is; personal data, it goes into no event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<AddressBody>,
    /// Region: ISO 3166-2 or the grid's own name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Word>,
    /// What is supplied: `electricity`, `gas`, `water` …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub product: Option<Kind>,
    /// Number of the meter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub meter_id: Option<Word>,
    /// True when supply can be cut and restored from afar; null when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remote_cut_possible: Option<bool>,
    /// Voltage level as the grid names it: `LV`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voltage: Option<Word>,
    /// Contracted power.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_kw: Option<Kilowatts>,
    /// True when somebody lives there; null when unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub habitual_dwelling: Option<bool>,
    /// Code of the grid operator that cuts and restores.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grid_operator: Option<Word>,
    /// Day from which it is supplied under this account.
    #[schema(value_type = String, format = Date)]
    pub taken_on: BusinessDate,
    /// First day on which it is not supplied under this account any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, format = Date)]
    pub left_on: Option<BusinessDate>,
    /// What protects the place.
    #[serde(
        default,
        deserialize_with = "super::fields::few_of",
        skip_serializing_if = "Vec::is_empty"
    )]
    #[schema(max_items = 100)]
    pub protections: Vec<ProtectionBody>,
}

/// A street address.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AddressBody {
    /// Street, number, staircase, flat … as on an envelope.
    #[serde(deserialize_with = "super::fields::some_of")]
    #[schema(min_items = 1, max_items = 100)]
    pub lines: Vec<Sentence>,
    /// Postal code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postal_code: Option<Word>,
    /// Town.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub city: Option<Word>,
    /// Country, as on an envelope.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<Word>,
}

impl Body for PlaceBody {
    const KIND: super::Kind = super::Kind::Place;
    type State = Place;

    fn version(&mut self) -> &mut Version {
        &mut self.version
    }

    fn state(self, external_id: &str, owner: Owner<'_>) -> Place {
        Place {
            state: PlaceTaken {
                place_id: PlaceId::derive(owner.creditor_id, external_id),
                account_id: AccountId::derive(owner.creditor_id, self.account.as_str()),
                creditor_id: owner.creditor_id,
                external_id: external_id.to_owned(),
                version: self.version.get(),
                region: self.region.map(String::from),
                product: self.product.map(String::from),
                meter_id: self.meter_id.map(String::from),
                remote_cut_possible: self.remote_cut_possible,
                voltage: self.voltage.map(String::from),
                power_kw: self.power_kw.map(String::from),
                habitual_dwelling: self.habitual_dwelling,
                grid_operator: self.grid_operator.map(String::from),
                taken_on: self.taken_on,
            },
            left_on: self.left_on,
            protections: self.protections.into_iter().map(Protection::from).collect(),
        }
    }
}
