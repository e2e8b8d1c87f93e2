//! Balance proofs, currencies and everything that quarantines a statement.

use ingestion::formats::inspection::Outcome;
use serde_json::{Value, json as value};

use crate::build::{ACCOUNT, balance, document, entry, inspected, json};

/// (`opening_minor`, `closing_minor`, `balance_proof`) and what the problems say.
fn proof(statement: &str) -> (Value, Vec<String>) {
    let found = json(document(statement).as_bytes());
    let view = &found["statements"][0];
    let problems = found["problems"].as_array().unwrap();
    let what = problems
        .iter()
        .map(|problem| problem["what"].as_str().unwrap().to_owned())
        .collect();
    (
        value!([view["opening_minor"], view["closing_minor"], view["balance_proof"]]),
        what,
    )
}

fn interim(code: &str, amount: &str) -> String {
    balance(code, amount, "CRDT").replace("</CdOrPrtry>", "</CdOrPrtry><SubTp><Cd>INTM</Cd></SubTp>")
}

fn dated(code: &str, amount: &str, day: &str) -> String {
    balance(code, amount, "CRDT").replace("2026-01-15", day)
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn proofs_that_hold() {
    let credit = entry("10", "CRDT", "");
    let debit = entry("30", "DBIT", "");
    let cases = [
        // The plain pair; PRCD in its place; OPBD before PRCD.
        (
            balance("OPBD", "5", "CRDT") + &balance("CLBD", "15", "CRDT") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        (
            balance("PRCD", "5", "CRDT") + &balance("CLBD", "15", "CRDT") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        (
            balance("PRCD", "7", "CRDT") + &balance("OPBD", "5", "CRDT") + &balance("CLBD", "15", "CRDT") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        // No direction is a credit; or, as only the arithmetic can say, a debit.
        (
            balance("OPBD", "5", "") + &balance("CLBD", "15", "") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        (
            balance("OPBD", "5", "") + &balance("CLBD", "25", "") + &debit,
            value!([500, -2500, "holds"]),
            1,
        ),
        (
            balance("OPBD", "5", "") + &balance("CLBD", "5", "CRDT") + &credit,
            value!([-500, 500, "holds"]),
            1,
        ),
        // An empty day.
        (
            balance("OPBD", "5", "DBIT") + &balance("CLBD", "5", "DBIT"),
            value!([-500, -500, "holds"]),
            0,
        ),
        // Pages: interim balances on one side, and beside the statement's own ones.
        (
            interim("OPBD", "5") + &balance("CLBD", "15", "CRDT") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        (
            balance("OPBD", "1", "CRDT") + &interim("OPBD", "5") + &balance("CLBD", "15", "CRDT") + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        // Several days in one statement: the first opening, the last closing.
        (
            dated("OPBD", "6", "2026-01-16")
                + &dated("OPBD", "5", "2026-01-15")
                + &dated("CLBD", "15", "2026-01-17")
                + &dated("CLBD", "6", "2026-01-15")
                + &credit,
            value!([500, 1500, "holds"]),
            0,
        ),
        // Pending and informational entries are no part of it; a missing status is booked.
        (
            balance("OPBD", "5", "CRDT")
                + &balance("CLBD", "15", "CRDT")
                + &credit.replace("<Sts>BOOK</Sts>", "")
                + &credit.replace("BOOK", "PDNG")
                + &credit.replace("BOOK", "INFO"),
            value!([500, 1500, "holds"]),
            0,
        ),
        // Balances after the entries.
        (
            credit.clone() + &balance("CLBD", "15", "CRDT") + &balance("OPBD", "5", "CRDT"),
            value!([500, 1500, "holds"]),
            0,
        ),
    ];
    for (content, expected, notes) in cases {
        let statement = format!("{ACCOUNT}{content}");
        let (found, problems) = proof(&statement);
        assert_eq!((&found, problems.len()), (&expected, notes), "{content}\n{problems:?}");
        assert_eq!(
            inspected(document(&statement).as_bytes()).outcome,
            Outcome::Read,
            "{content}"
        );
    }
}

#[test]
fn proofs_that_fail_or_are_absent() {
    let pair = balance("OPBD", "5", "CRDT") + &balance("CLBD", "15", "CRDT");
    let wrong = format!("{ACCOUNT}{pair}{}", entry("11", "CRDT", ""));
    let (found, problems) = proof(&wrong);
    assert_eq!(found, value!([500, 1500, "fails"]));
    assert_eq!(
        problems,
        ["the balance proof fails: opening 5.00 + booked 11.00 = 16.00, but the closing balance is 15.00 RON"]
    );
    assert_eq!(inspected(document(&wrong).as_bytes()).outcome, Outcome::Quarantined);

    for absent in [
        String::new(),
        balance("OPBD", "5", "CRDT"),
        balance("CLBD", "5", "CRDT"),
        balance("ITBD", "5", "CRDT"),
    ] {
        let statement = format!("{ACCOUNT}{absent}{}", entry("11", "CRDT", ""));
        let (found, problems) = proof(&statement);
        assert_eq!(found[2], "absent", "{absent}");
        assert!(problems.is_empty(), "{problems:?}");
        assert_eq!(inspected(document(&statement).as_bytes()).outcome, Outcome::Read);
    }
}

#[test]
fn a_bank_that_writes_reversals_the_other_way_round_is_told() {
    let pair = balance("OPBD", "50", "CRDT") + &balance("CLBD", "30", "CRDT");
    let statement = format!("{ACCOUNT}{pair}{}", entry("20", "CRDT", "<RvslInd>true</RvslInd>"));
    let found = json(document(&statement).as_bytes());
    assert_eq!(found["statements"][0]["balance_proof"], "fails");
    assert_eq!(found["statements"][0]["entries"][0]["amount_minor"], 2000);
    assert!(
        found["problems"][0]["remedy"]
            .as_str()
            .unwrap()
            .starts_with("It would hold if reversals")
    );
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_quarantines() {
    let pair = balance("OPBD", "5", "CRDT") + &balance("CLBD", "5", "CRDT");
    let cases: [(&str, String, &str); 14] = [
        (
            "foreign entry",
            entry("1", "CRDT", "").replace("RON", "EUR"),
            "the entry is in EUR, the account in RON",
        ),
        (
            "too precise",
            entry("1.001", "CRDT", ""),
            "\"1.001\" has more decimal places than RON and they are not zero",
        ),
        ("comma", entry("1,00", "CRDT", ""), "\"1,00\" is not an amount"),
        ("sign", entry("-1.00", "CRDT", ""), "\"-1.00\" is not an amount"),
        ("exponent", entry("1e2", "CRDT", ""), "\"1e2\" is not an amount"),
        (
            "too large",
            entry("99999999999999999999", "CRDT", ""),
            "\"99999999999999999999\" is not an amount",
        ),
        ("empty", entry("", "CRDT", ""), "there is no amount"),
        (
            "no amount",
            "<Ntry><CdtDbtInd>CRDT</CdtDbtInd></Ntry>".to_owned(),
            "there is no amount",
        ),
        (
            "currency",
            entry("1", "CRDT", "").replace("RON", "LEI"),
            "\"LEI\" is not a currency code",
        ),
        (
            "direction",
            entry("1", "CREDIT", ""),
            "the direction (CdtDbtInd) is \"CREDIT\"",
        ),
        (
            "status",
            entry("1", "CRDT", "").replace("BOOK", "DONE"),
            "the status (Sts) is \"DONE\"",
        ),
        (
            "reversal",
            entry("1", "CRDT", "<RvslInd>yes</RvslInd>"),
            "the reversal indicator (RvslInd) is \"yes\"",
        ),
        (
            "date",
            entry("1", "CRDT", "<BookgDt><Dt>2026-02-30</Dt></BookgDt>"),
            "\"2026-02-30\" is not a date",
        ),
        (
            "date form",
            entry("1", "CRDT", "<ValDt><Dt>15.01.2026</Dt></ValDt>"),
            "\"15.01.2026\" is not a date",
        ),
    ];
    for (name, content, expected) in cases {
        // Without balances nothing but the entry itself can quarantine.
        let statement = format!("{ACCOUNT}{content}");
        let found = inspected(document(&statement).as_bytes());
        assert_eq!(found.outcome, Outcome::Quarantined, "{name}");
        assert_eq!(found.problems.len(), 1, "{name}: {:?}", found.problems);
        assert!(
            found.problems[0].what.starts_with(expected),
            "{name}: {}",
            found.problems[0].what
        );
        assert!(
            found.problems[0]
                .place
                .contains("Document/BkToCstmrStmt/Stmt[1]/Ntry[1]"),
            "{name}"
        );
        assert_eq!(found.statements[0].entries.len(), 1, "{name}");
        // With balances a booked entry that cannot be counted fails the proof, even where the rest holds.
        let (proof, _) = proof(&format!("{ACCOUNT}{pair}{content}"));
        let counted = ["direction", "reversal", "date", "date form"].contains(&name);
        if !counted && name != "status" {
            assert_eq!(proof[2], "fails", "{name}");
        }
    }
}

#[test]
fn other_statements_of_the_file_are_not_touched() {
    let good = format!("{ACCOUNT}{}", entry("1", "CRDT", ""));
    let bad = format!("{ACCOUNT}{}", entry("1.001", "CRDT", ""));
    let found = inspected(document(&format!("{bad}</Stmt><Stmt>{good}")).as_bytes());
    assert_eq!(found.outcome, Outcome::Quarantined);
    assert_eq!(found.statements[1].entries[0].amount_minor, Some(100));
}

#[test]
fn account_and_its_currency() {
    let no_currency = ACCOUNT.replace("<Ccy>RON</Ccy>", "");
    let (found, problems) = proof(&format!("{no_currency}{}", balance("OPBD", "5", "CRDT")));
    assert_eq!((found, problems.len()), (value!([500, null, "absent"]), 1));
    assert_eq!(problems, ["the account names no currency: RON taken from the balances"]);
    let (_, problems) = proof(&format!("{no_currency}{}", entry("1", "CRDT", "")));
    assert_eq!(
        problems,
        ["the account names no currency: RON taken from the first entry"]
    );
    let (_, problems) = proof(&format!(
        "{no_currency}{}<Acct><Ccy>EUR</Ccy></Acct>",
        entry("1", "CRDT", "")
    ));
    assert_eq!(
        problems[1],
        "the account's currency is EUR, but entries before it were read in RON"
    );

    let foreign = balance("OPBD", "5", "CRDT") + &balance("CLBD", "5", "CRDT").replace("RON", "EUR");
    let (found, problems) = proof(&format!("{ACCOUNT}{foreign}"));
    // The numbers hold, their names do not.
    assert_eq!(found, value!([500, 500, "holds"]));
    assert_eq!(problems, ["the balance CLBD is in EUR, the account in RON"]);
    let (found, problems) = proof(&format!("{ACCOUNT}{}", foreign.replacen("EUR\">5", "EUR\">6", 1)));
    assert_eq!(found, value!([500, 600, "fails"]));
    assert_eq!(
        problems,
        [
            "the balance CLBD is in EUR, the account in RON",
            "the balance proof fails: opening 5.00 + booked 0.00 = 5.00, but the closing balance is 6.00 EUR"
        ]
    );
    // An available balance in another currency decides nothing.
    let available = balance("OPBD", "5", "CRDT") + &balance("CLBD", "5", "CRDT") + &balance("CLAV", "x", "CRDT");
    assert_eq!(
        proof(&format!("{ACCOUNT}{available}")),
        (value!([500, 500, "holds"]), Vec::new())
    );

    let (_, problems) = proof(&entry("1", "CRDT", ""));
    assert_eq!(
        problems[0],
        "the statement names no account (Acct/Id) before its entries"
    );
    let unknown = ACCOUNT.replace("RON", "LEI");
    let (_, problems) = proof(&format!("{unknown}{}", entry("1", "CRDT", "")));
    assert_eq!(problems, ["\"LEI\" is not a currency code of ISO 4217"]);
}

#[test]
fn a_detail_in_fractions_of_a_cent_quarantines() {
    let details = "<NtryDtls><TxDtls><Amt Ccy=\"RON\">0.505</Amt></TxDtls><TxDtls><Amt Ccy=\"RON\">0.495</Amt></TxDtls></NtryDtls>";
    let found = inspected(document(&format!("{ACCOUNT}{}", entry("1.00", "CRDT", details))).as_bytes());
    assert_eq!(found.outcome, Outcome::Quarantined);
    assert_eq!(
        found.problems[0].place,
        "line 2, Document/BkToCstmrStmt/Stmt[1]/Ntry[1]/NtryDtls/TxDtls[1]/Amt"
    );
    assert_eq!(found.statements[0].entries.len(), 1);
}

/// A code of ISO 20022 that a bank writes as its own is that code; any other of its own decides nothing.
#[test]
fn balances_by_codes_of_the_bank() {
    let own = |text: &str| text.replace("<Cd>", "<Prtry>").replace("</Cd>", "</Prtry>");
    let both = own(&(balance("OPBD", "5", "CRDT") + &balance("CLBD", "6", "CRDT")));
    let one = entry("1", "CRDT", "");
    assert_eq!(proof(&format!("{ACCOUNT}{both}{one}")).0, value!([500, 600, "holds"]));
    let other = both.replace("CLBD", "SALDO");
    assert_eq!(
        proof(&format!("{ACCOUNT}{other}{one}")).0,
        value!([500, null, "absent"])
    );
}
