//! Whether the day's equation holds: per creditor's bank account or merchant and currency,
//! received − reversed = assigned + unidentified + returned. Providers' payouts, money seen again, outgoing and pending stand
//! beside it.

use std::collections::BTreeMap;

use contracts::CertifiedSum;

/// Names of the sums on the right side, and the sign of those on the left.
const SIGNS: [(&str, i128); 5] = [
    ("received", 1),
    ("reversed", -1),
    ("assigned", -1),
    ("unidentified", -1),
    ("returned", -1),
];

/// One sentence per creditor, scope and currency whose equation does not hold.
#[must_use]
pub fn judge(sums: &[CertifiedSum]) -> Vec<String> {
    let mut differences: BTreeMap<(String, &str, &str), i128> = BTreeMap::new();
    for sum in sums {
        let sign = SIGNS
            .iter()
            .find(|(name, _)| *name == sum.name)
            .map_or(0, |(_, sign)| *sign);
        let creditor = sum.creditor_id.map(|creditor| creditor.to_string()).unwrap_or_default();
        *differences
            .entry((creditor, &sum.scope, sum.currency.code()))
            .or_default() += sign * i128::from(sum.amount_minor);
    }
    differences
        .into_iter()
        .filter(|(_, difference)| *difference != 0)
        .map(|((creditor, scope, currency), difference)| {
            format!(
                "received − reversed − assigned − unidentified − returned is {difference} minor units of {currency}, not 0, \
                 for creditor {creditor} at {scope}"
            )
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use kernel::{CreditorId, Currency};

    use super::*;

    fn sum(scope: &str, partition: Option<i32>, name: &str, amount_minor: i64) -> CertifiedSum {
        CertifiedSum {
            creditor_id: Some(CreditorId::derive("C")),
            scope: scope.into(),
            partition,
            currency: Currency::RON,
            name: name.into(),
            amount_minor,
            count: 1,
        }
    }

    #[test]
    fn the_equation_is_judged_per_scope() {
        let mut sums = vec![
            sum("A", None, "received", 100),
            sum("A", None, "reversed", 30),
            sum("A", Some(0), "assigned", 50),
            sum("A", Some(1), "assigned", -10),
            sum("A", None, "unidentified", 30),
            sum("A", None, "seen_again", 999),
            sum("A", None, "settlement", 70),
            sum("A", None, "outgoing", 7),
            sum("A", None, "pending", 5),
        ];
        assert!(judge(&sums).is_empty());
        // A cent too many here and too few there is not right, though the total is.
        sums.push(sum("A", None, "received", 1));
        sums.push(sum("B", None, "reversed", 1));
        let problems = judge(&sums);
        assert_eq!(problems.len(), 2);
        assert!(problems.first().unwrap().contains("is 1 minor units of RON"));
        assert!(problems.last().unwrap().contains("is -1 minor units of RON"));
    }
}
