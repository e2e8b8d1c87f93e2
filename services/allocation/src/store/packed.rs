//! Explanations as they lie in the table: lists instead of named fields, for a row is written with every payment.

use contracts::{Considered, Explanation, Fact};
use kernel::{BusinessDate, InvoiceId, ItemId};
use serde::{Deserialize, Serialize};

/// `{"r":"named-invoice","p":"2026-11-23","c":"…","f":[["invoice","F-1"]],"i":[["item","invoice","2026-01-15",100,true,"named"]]}`
#[derive(Serialize, Deserialize)]
struct Packed {
    r: String,
    p: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<String>,
    f: Vec<(String, String)>,
    i: Vec<(ItemId, InvoiceId, BusinessDate, i64, bool, String)>,
}

/// The explanation as it lies in the table.
pub(crate) fn pack(explanation: &Explanation) -> serde_json::Result<String> {
    let Explanation {
        rule,
        policy,
        citation,
        facts,
        considered,
    } = explanation;
    let item = |item: &Considered| {
        (
            item.item_id,
            item.invoice_id,
            item.due_on,
            item.open_minor,
            item.chosen,
            item.why.clone(),
        )
    };
    serde_json::to_string(&Packed {
        r: rule.clone(),
        p: policy.clone(),
        c: citation.clone(),
        f: facts
            .iter()
            .map(|fact| (fact.name.clone(), fact.value.clone()))
            .collect(),
        i: considered.iter().map(item).collect(),
    })
}

/// The explanation of a row.
pub(crate) fn unpack(text: &str) -> serde_json::Result<Explanation> {
    let Packed { r, p, c, f, i } = serde_json::from_str(text)?;
    Ok(Explanation {
        rule: r,
        policy: p,
        citation: c,
        facts: f.into_iter().map(|(name, value)| Fact { name, value }).collect(),
        considered: i
            .into_iter()
            .map(|(item_id, invoice_id, due_on, open_minor, chosen, why)| Considered {
                item_id,
                invoice_id,
                due_on,
                open_minor,
                chosen,
                why,
            })
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_comes_out_again() {
        let invoice_id = InvoiceId::from_uuid(uuid::Uuid::nil());
        let explanation = Explanation {
            rule: "named-invoice".into(),
            policy: "2026-11-23".into(),
            citation: None,
            facts: vec![Fact {
                name: "invoice".into(),
                value: "F-1".into(),
            }],
            considered: vec![Considered {
                item_id: ItemId::derive(invoice_id, 1),
                invoice_id,
                due_on: BusinessDate::parse("2026-01-15").unwrap(),
                open_minor: 100,
                chosen: true,
                why: "named".into(),
            }],
        };
        assert_eq!(unpack(&pack(&explanation).unwrap()).unwrap(), explanation);
    }
}
