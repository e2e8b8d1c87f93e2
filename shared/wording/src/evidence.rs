//! Why money was assigned to an account.

use contracts::Evidence;

use crate::bundle::{say, say_of};

/// One reason, without a full stop: `invoice number “F-1001” stands in the payment`.
#[must_use]
pub fn evidence(evidence: &Evidence) -> String {
    let reference = if evidence.reference.is_empty() {
        "none"
    } else {
        &evidence.reference
    };
    let reason = say_of(
        "evidence",
        &evidence.rule,
        &[("reference", reference), ("rule", &evidence.rule)],
    );
    if evidence.strength == "inferred" {
        format!("{reason} ({})", say("strength-inferred", &[]))
    } else {
        reason
    }
}

/// All reasons in one sentence; empty where there are none.
#[must_use]
pub fn assigned(reasons: &[Evidence]) -> String {
    if reasons.is_empty() {
        return String::new();
    }
    let joined = reasons.iter().map(evidence).collect::<Vec<_>>().join("; ");
    say("assigned", &[("evidence", &joined)])
}
