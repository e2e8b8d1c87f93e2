//! Pages of one statement: each by itself, or all of them together.

use std::io::Cursor;

use ingestion::formats::inspection::{Outcome, write_json};
use serde_json::Value;

use crate::build::{ACCOUNT, balance, entry, inspected};

/// A `Stmt` with its page, balances (opening, closing) and one entry.
fn page(id: &str, number: u32, last: bool, (opening, closing): (&str, &str), amount: &str) -> String {
    let balance = |code: &str, amount: &str| {
        if amount.is_empty() {
            String::new()
        } else {
            balance(code, amount, "CRDT")
        }
    };
    format!(
        "<Stmt><Id>{id}</Id><StmtPgntn><PgNb>{number}</PgNb><LastPgInd>{last}</LastPgInd></StmtPgntn>{ACCOUNT}{}{}{}</Stmt>",
        balance("OPBD", opening),
        balance("CLBD", closing),
        entry(amount, "CRDT", "")
    )
}

fn file(header: &str, statements: &[String]) -> String {
    format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>{header}</GrpHdr>{}\
         </BkToCstmrStmt></Document>",
        statements.concat()
    )
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn what_inspect_says_of_pages() {
    let whole = ("5", "35");
    let message = |number: u32| format!("<MsgPgntn><PgNb>{number}</PgNb><LastPgInd>false</LastPgInd></MsgPgntn>");
    let unpaged = |id: &str, amount: &str| page(id, 1, true, whole, amount);
    // name, file, verdicts, outcome, a word of the problem
    type Case = (&'static str, String, &'static [&'static str], Outcome, &'static str);
    let cases: Vec<Case> = vec![
        (
            "whole balances on each page",
            file(
                "",
                &[
                    page("S", 1, false, whole, "10"),
                    page("S", 2, false, whole, "15"),
                    page("S", 3, true, whole, "5"),
                ],
            ),
            &["holds", "holds", "holds"],
            Outcome::Read,
            "",
        ),
        (
            "another statement between the pages",
            file(
                "",
                &[
                    page("S", 1, false, whole, "10"),
                    page("T", 1, true, ("1", "3"), "2"),
                    page("S", 2, true, whole, "20"),
                ],
            ),
            &["holds", "holds", "holds"],
            Outcome::Read,
            "",
        ),
        (
            "two statements of the same lazy id",
            file(
                "",
                &[
                    page("S", 1, false, whole, "10"),
                    page("S", 2, true, whole, "20"),
                    page("S", 1, false, ("35", "40"), "2"),
                    page("S", 2, true, ("35", "40"), "3"),
                ],
            ),
            &["holds", "holds", "holds", "holds"],
            Outcome::Read,
            "",
        ),
        (
            "opening on the first page, closing on the last",
            file(
                "",
                &[
                    page("S", 1, false, ("5", ""), "10"),
                    page("S", 2, true, ("", "35"), "20"),
                ],
            ),
            &["holds", "holds"],
            Outcome::Read,
            "",
        ),
        (
            "balances per page",
            file(
                "",
                &[
                    page("S", 1, false, ("5", "15"), "10"),
                    page("S", 2, true, ("15", "35"), "20"),
                ],
            ),
            &["holds", "holds"],
            Outcome::Read,
            "",
        ),
        (
            "all pages and a wrong sum",
            file(
                "",
                &[page("S", 1, false, whole, "10"), page("S", 2, true, whole, "20.01")],
            ),
            &["fails", "fails"],
            Outcome::Quarantined,
            "5.00 + booked 30.01 = 35.01, but the closing balance is 35.00 RON (over all pages)",
        ),
        (
            "one page alone is neither right nor wrong",
            file("", &[page("S", 2, true, whole, "20")]),
            &["absent"],
            Outcome::Read,
            "page 2 of several whose balances are of the whole statement, and page 1 is not here",
        ),
        (
            "a page of a message that is cut over files",
            file(&message(1), &[page("S", 1, true, whole, "10")]),
            &["absent"],
            Outcome::Read,
            "page 1 of several",
        ),
        (
            "one page that is the only one has no excuse",
            file("", &[unpaged("S", "10")]),
            &["fails"],
            Outcome::Quarantined,
            "but the closing balance is",
        ),
        (
            "a page with an error of its own is quarantined, and proves nothing for the others",
            file(
                "",
                &[
                    page("S", 1, false, whole, "10"),
                    page("S", 2, true, whole, "20").replace("CRDT</CdtDbtInd><Sts>", "X</CdtDbtInd><Sts>"),
                ],
            ),
            &["absent", "fails"],
            Outcome::Quarantined,
            "not CRDT or DBIT",
        ),
    ];
    for (case, text, verdicts, outcome, word) in cases {
        let found = inspected(text.as_bytes());
        let said: Vec<&str> = found
            .statements
            .iter()
            .map(|statement| statement.balance_proof)
            .collect();
        assert_eq!(said, verdicts, "{case}: {:?}", found.problems);
        assert_eq!(found.outcome, outcome, "{case}");
        if word.is_empty() {
            assert!(found.problems.is_empty(), "{case}: {:?}", found.problems);
        } else {
            assert!(
                found.problems.iter().any(|problem| problem.what.contains(word)),
                "{case}: {:?}",
                found.problems
            );
        }
        let mut streamed = Vec::new();
        assert_eq!(
            write_json(Cursor::new(text.as_bytes()), &mut streamed).unwrap(),
            outcome,
            "{case}"
        );
        let streamed: Value = serde_json::from_slice(&streamed).unwrap();
        assert_eq!(streamed, serde_json::to_value(&found).unwrap(), "{case}");
    }
}
