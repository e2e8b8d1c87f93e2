//! The allocation policy: data, dated, with the law that each rule follows.

use std::collections::BTreeMap;

use kernel::Jurisdiction;
use serde::Deserialize;

use super::explain::RULES;

/// A policy, as read from `policies/default.toml`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Policy {
    /// In force from this day; stands in every explanation.
    pub version: String,
    /// Rules by id.
    pub rules: BTreeMap<String, Rule>,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// What it does, in one sentence.
    pub text: String,
    /// The law that it follows, by country; a house rule has none.
    #[serde(default)]
    pub law: BTreeMap<String, Law>,
}

/// Where the law says so.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Law {
    /// As cited in explanations.
    pub citation: String,
    /// `V`: read in the primary source; `U`: not verified there.
    pub read: String,
    /// What was relied on, where it was not the primary source.
    #[serde(default)]
    pub relied_on: Option<String>,
}

/// A policy that lacks a rule, or names one that no code applies.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A rule that rows may name is not described.
    #[error("the policy does not describe rule {0}")]
    Missing(&'static str),
    /// A rule that no row can name.
    #[error("no code applies rule {0}")]
    Unknown(String),
}

impl Policy {
    /// Checks that the policy describes exactly the rules that the code applies.
    ///
    /// # Errors
    /// [`PolicyError`].
    pub fn check(&self) -> Result<(), PolicyError> {
        if let Some(missing) = RULES.into_iter().find(|rule| !self.rules.contains_key(*rule)) {
            return Err(PolicyError::Missing(missing));
        }
        match self.rules.keys().find(|rule| !RULES.contains(&rule.as_str())) {
            Some(unknown) => Err(PolicyError::Unknown(unknown.clone())),
            None => Ok(()),
        }
    }

    /// The law behind a rule in a country.
    #[must_use]
    pub fn citation(&self, rule: &str, jurisdiction: Jurisdiction) -> Option<String> {
        Some(self.rules.get(rule)?.law.get(jurisdiction.code())?.citation.clone())
    }
}
