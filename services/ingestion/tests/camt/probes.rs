//! The seven probes of capabilities.md 2.5, on which public readers fail.

use serde_json::{Value, json as value};

use crate::build::{ACCOUNT, balance, document, entry, json};

fn amounts(statement: &str) -> Value {
    let found = json(document(statement).as_bytes());
    found["statements"][0]["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| value!([entry["amount_minor"], entry["currency"], entry["status"]]))
        .collect()
}

fn details(details: &str) -> String {
    format!("<NtryDtls>{details}</NtryDtls>")
}

/// Probe 1, the same file twice, is `statements::the_same_file_twice…` and others of the service's tests.
#[test]
fn pending_is_not_booked() {
    let pending = entry("60.00", "CRDT", "").replace("BOOK", "PDNG");
    assert_eq!(
        amounts(&format!("{ACCOUNT}{pending}")),
        value!([[6000, "RON", "pending"]])
    );
    // As text and as code: the versions differ.
    let coded = pending.replace("<Sts>PDNG</Sts>", "<Sts><Cd>PDNG</Cd></Sts>");
    assert_eq!(
        amounts(&format!("{ACCOUNT}{coded}")),
        value!([[6000, "RON", "pending"]])
    );
}

#[test]
fn the_instructed_amount_in_another_currency_is_not_the_entrys() {
    let foreign = "<TxDtls><AmtDtls><TxAmt><Amt Ccy=\"RON\">500.00</Amt></TxAmt></AmtDtls></TxDtls>";
    let statement = format!("{ACCOUNT}{}", entry("100.00", "CRDT", &details(foreign))).replace("RON", "EUR");
    let statement = statement.replace("<TxAmt><Amt Ccy=\"EUR\">", "<TxAmt><Amt Ccy=\"RON\">");
    assert_eq!(amounts(&statement), value!([[10000, "EUR", "booked"]]));
    // Nor where there are two: they are a batch of one total.
    let two = entry("100.00", "CRDT", &details(&foreign.repeat(2)));
    assert_eq!(
        amounts(&format!("{ACCOUNT}{two}").replace("Ccy=\"RON\">500", "Ccy=\"EUR\">500")),
        value!([[10000, "RON", "booked"]])
    );
}

#[test]
fn a_detail_has_its_own_direction() {
    let detail = |amount: &str, direction: &str| {
        format!("<TxDtls><Amt Ccy=\"RON\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd></TxDtls>")
    };
    let both = details(&(detail("80.00", "CRDT") + &detail("30.00", "DBIT")));
    assert_eq!(
        amounts(&format!("{ACCOUNT}{}", entry("50.00", "CRDT", &both))),
        value!([[8000, "RON", "booked"], [-3000, "RON", "booked"]])
    );
}

#[test]
fn the_details_of_a_batch_in_version_8() {
    let detail = |amount: &str| format!("<TxDtls><Amt Ccy=\"RON\">{amount}</Amt></TxDtls>");
    let both = details(&(detail("30.00") + &detail("20.00")));
    let statement = format!("{ACCOUNT}{}", entry("50.00", "CRDT", &both));
    assert_eq!(
        amounts(&statement),
        value!([[3000, "RON", "booked"], [2000, "RON", "booked"]])
    );
}

#[test]
fn a_reversal_is_marked_and_its_sign_is_the_real_one() {
    let statement = format!(
        "{ACCOUNT}{}{}",
        balance("OPBD", "50", "CRDT") + &balance("CLBD", "30", "CRDT"),
        entry("20", "DBIT", "<RvslInd>true</RvslInd>")
    );
    let found = json(document(&statement).as_bytes());
    let entry = &found["statements"][0]["entries"][0];
    assert_eq!(
        (&entry["amount_minor"], &entry["reversal"]),
        (&value!(-2000), &value!(true))
    );
    assert_eq!(found["statements"][0]["balance_proof"], "holds");
}

#[test]
fn a_wrong_closing_balance_stops_the_import() {
    let pair = balance("OPBD", "0", "CRDT") + &balance("CLBD", "250", "CRDT");
    let statement = format!("{ACCOUNT}{pair}{}", entry("770", "CRDT", ""));
    let found = json(document(&statement).as_bytes());
    assert_eq!(found["statements"][0]["balance_proof"], "fails");
    assert_eq!(found["statements"][0]["entries"][0]["amount_minor"], 77000);
}
