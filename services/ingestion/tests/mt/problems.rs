//! What quarantines a statement, what is only noted, and what is refused.

use ingestion::formats::inspection::Outcome;
use ingestion::formats::{RefusalReason, Status};
use serde_json::json as value;

use crate::build::{ACCOUNT, entry, gather, json, message, statement, told};

fn line(entry: &str) -> String {
    format!(":61:{entry}\n")
}

/// A statement of one entry, what it closes with, the proof, and its problem.
#[test]
fn entries_that_quarantine() {
    for (fields, closing, proof, problem) in [
        (
            "2601320102C1,00NTRFNONREF",
            "11,00",
            "holds",
            "line 5, Stmt[1]/:61:[1]: the date \"260132\" (YYMMDD or MMDD) does not exist",
        ),
        (
            "2601020230C1,00NTRFNONREF",
            "11,00",
            "holds",
            "line 5, Stmt[1]/:61:[1]: the date \"0230\" (YYMMDD or MMDD) does not exist",
        ),
        (
            "2601020102C1,001NTRFNONREF",
            "11,00",
            "fails",
            "line 5, Stmt[1]/:61:[1]: the amount \"1,001\" has more decimal places than RON and they are not zero",
        ),
        (
            "2601020102C99999999999999999,00NTRFNONREF",
            "11,00",
            "fails",
            "line 5, Stmt[1]/:61:[1]: the amount \"99999999999999999,00\" is larger than any sum of money (64 bits of the \
             smallest unit)",
        ),
        (
            "2601020102C1.000,00NTRFNONREF",
            "1010,00",
            "fails",
            "line 5, Stmt[1]/:61:[1]: the amount \"1.000,00\" is no number with one decimal comma",
        ),
        (
            "2601020102C-1,00NTRFNONREF",
            "9,00",
            "fails",
            "line 5, Stmt[1]/:61:[1]: the entry \"2601020102C-1,00NTRFNONREF\" does not begin with a value date YYMMDD, C or \
             D, and an amount",
        ),
        (
            "2601020102X1,00NTRFNONREF",
            "11,00",
            "fails",
            "line 5, Stmt[1]/:61:[1]: the entry \"2601020102X1,00NTRFNONREF\" does not begin with a value date YYMMDD, C or \
             D, and an amount",
        ),
    ] {
        let (outcome, proofs, problems) = told(statement(&line(fields), closing).as_bytes());
        assert_eq!(outcome, Outcome::Quarantined, "{fields}");
        assert_eq!(proofs, [proof], "{fields}: {problems:?}");
        assert_eq!(problems[0], problem, "{fields}");
    }
}

#[test]
fn signs_and_reversals() {
    for (mark, minor, reversal, status, proof) in [
        ("C", 100, false, Status::Booked, "11,00"),
        ("CN", 100, false, Status::Booked, "11,00"),
        ("D", -100, false, Status::Booked, "9,00"),
        ("DR", -100, false, Status::Booked, "9,00"),
        ("RC", -100, true, Status::Booked, "9,00"),
        ("RCR", -100, true, Status::Booked, "9,00"),
        ("RD", 100, true, Status::Booked, "11,00"),
        ("RDN", 100, true, Status::Booked, "11,00"),
        ("EC", 100, false, Status::Pending, "10,00"),
        ("ED", -100, false, Status::Pending, "10,00"),
    ] {
        let fields = line(&format!("2601020102{mark}1,00NTRFNONREF")) + ":86:166?20x?32Ana Pop\n";
        let found = entry(&fields);
        assert_eq!(found.amount.unwrap().minor(), minor, "{mark}");
        assert_eq!((found.reversal, found.status), (reversal, status), "{mark}");
        // The other side is told whichever way the money goes.
        assert_eq!(found.counterparty().name.as_deref(), Some("Ana Pop"), "{mark}");
        assert_eq!(told(statement(&fields, proof).as_bytes()).1, ["holds"], "{mark}");
    }
}

#[test]
fn reversals_against_the_standard_are_told() {
    let (outcome, proofs, problems) = told(statement(&line("2601020102RC1,00NTRFNONREF"), "11,00").as_bytes());
    assert_eq!((outcome, proofs), (Outcome::Quarantined, vec!["fails"]));
    assert!(problems[1].contains("the other way round"), "{problems:?}");
}

#[test]
fn notes_that_do_not_quarantine() {
    for (fields, closing, note) in [
        (
            "2602300302C1,00NTRFNONREF",
            "11,00",
            "the date 260230 does not exist: read as 2026-02-28, the last day of its month",
        ),
        (
            "2601020102C1.50NTRFNONREF",
            "11,50",
            "the amount \"1.50\" has a decimal point where the standard has a comma",
        ),
    ] {
        let (outcome, proofs, problems) = told(statement(&line(fields), closing).as_bytes());
        assert_eq!((outcome, proofs), (Outcome::Read, vec!["holds"]), "{problems:?}");
        assert!(problems[0].ends_with(note), "{problems:?}");
    }
    // Odd, but readable: no note.
    for (fields, closing) in [
        ("2601020102C1, NTRFNONREF", "11,"),
        ("260102C000000000001NTRF", "11"),
        ("2601020102C1,00", "11,00"),
        ("2601020102C1,000NTRFNONREF", "000011,00000"),
        ("251231C1,00NTRFNONREF", "11,00"),
    ] {
        let found = told(statement(&line(fields), closing).as_bytes());
        assert_eq!(found, (Outcome::Read, vec!["holds"], vec![]), "{fields}");
    }
}

#[test]
fn statements_that_are_quarantined() {
    let entry = ":61:2601020102C5,00NTRFNONREF\n";
    let whole = statement(entry, "15,00");
    for (file, proof, problem) in [
        (
            statement(entry, "16,00"),
            "fails",
            "line 1, Stmt[1]: the balance proof fails: opening 10.00 + booked 5.00 = 15.00, but the closing balance is 16.00 RON",
        ),
        (
            whole.replace(&format!(":25:{ACCOUNT}\n"), ""),
            "holds",
            "line 1, Stmt[1]/:25:: no account (:25:) before the entries",
        ),
        (
            whole.replace(":62F:C260102RON15,00\n", ""),
            "absent",
            "line 1, Stmt[1]/:62F:: no closing balance (:62F: or :62M:): the message is cut off or not whole",
        ),
        (
            whole.replace("62F:C260102RON", "62F:C260102EUR"),
            "holds",
            "line 6, Stmt[1]: the balance CLBD is in EUR, the account in RON",
        ),
        (
            whole.replace("62F:C260102RON15,00", "62F:C26AA02RON15,00"),
            "fails",
            "line 6, Stmt[1]/:62F:: the balance :62F: is \"C26AA02RON15,00\", not C or D, date YYMMDD, currency, amount",
        ),
        (
            whole.replace("62F:C260102", "62F:C261302"),
            "holds",
            "line 6, Stmt[1]/:62F:: the date \"261302\" (YYMMDD or MMDD) does not exist",
        ),
        (
            whole
                .replace(":60F:C260101RON10,00\n:61", ":61")
                .replace(":62F", ":60F:C260101RON10,00\n:62F"),
            // By plain arithmetic, whatever the order.
            "holds",
            "line 5, Stmt[1]/:60F:: :60F: stands after entries of its statement or a second time",
        ),
        (
            format!("{}{entry}", whole.trim_end_matches("-\n")),
            "fails",
            "line 7, Stmt[1]/:61:[2]: :61: stands after entries of its statement or a second time",
        ),
        (
            whole.replace(":62F:", ":62F:C260102RON15,00\n:62F:"),
            "holds",
            "line 7, Stmt[1]/:62F:: :62F: stands after entries of its statement or a second time",
        ),
        (
            statement(&format!("{entry}:86:{}\n", "x".repeat(40_000)), "15,00"),
            "holds",
            "line 5, Stmt[1]/:61:[1]: the field :86: is longer than 32768 bytes: not all of it is read",
        ),
    ] {
        let (outcome, proofs, problems) = told(file.as_bytes());
        assert_eq!(
            (outcome, proofs),
            (Outcome::Quarantined, vec![proof]),
            "{problem}: {problems:?}"
        );
        assert_eq!(problems[0], problem);
    }
}

#[test]
fn a_message_cut_off_behind_its_header_is_told() {
    let file = format!("{}{}", statement("", "10,00"), message(""));
    let (outcome, proofs, problems) = told(file.as_bytes());
    assert_eq!(
        (outcome, proofs),
        (Outcome::Quarantined, vec!["holds", "absent"]),
        "{problems:?}"
    );
}

#[test]
fn interim_reports_are_shown_and_their_sums_checked() {
    let report = |tail: &str| {
        message(&format!(
            ":34F:RON0,\n:13D:2601021200+0200\n:61:2601020102C5,00NTRFNONREF\n:61:2601020102RC2,00NTRFNONREF\n{tail}-\n"
        ))
    };
    for (sums, outcome) in [
        ("", Outcome::Read),
        (":90D:0RON0,\n:90C:2RON7,00\n", Outcome::Read),
        (":90D:1RON2,00\n:90C:1RON5,00\n", Outcome::Read),
        (":90D:1RON2,00\n:90C:2RON5,00\n", Outcome::Quarantined),
        (":90D:1RON2,00\n:90C:1RON5,01\n", Outcome::Quarantined),
    ] {
        let found = json(report(sums).as_bytes());
        let view = &found["statements"][0];
        let balances = value!([view["opening_minor"], view["closing_minor"], view["balance_proof"]]);
        assert_eq!(balances, value!([null, null, "absent"]));
        assert_eq!(view["entries"][0]["status"], "pending");
        assert_eq!(told(report(sums).as_bytes()).0, outcome, "{sums}");
    }
    // In an envelope the end must come.
    let enveloped = format!("{{1:F01X}}{{2:O9420000}}{{4:\n{}", report("").trim_end_matches("-\n"));
    assert_eq!(told(enveloped.as_bytes()).0, Outcome::Quarantined);
    assert_eq!(told(format!("{enveloped}-}}\n").as_bytes()).0, Outcome::Read);
    // The envelope alone tells it too.
    let bare = enveloped.replace(":34F:RON0,\n:13D:2601021200+0200\n", "") + "-}\n";
    assert_eq!(json(bare.as_bytes())["format"], "MT942");
}

#[test]
fn what_is_no_statement_is_refused() {
    for file in [
        ":20:TELEREPORTING\n",
        ":86:091\n-",
        ":86:166?20Spende\n: ?70x\n",
        ":25:51210600/9223382012EUR\n",
        "{1:F01X}{2:O9401200}{4:\n-}\n",
    ] {
        let refusal = gather(file.as_bytes()).expect_err(file);
        assert!(
            matches!(refusal.reason, RefusalReason::OfFormat { .. }),
            "{file}: {refusal}"
        );
        assert_eq!(refusal.format.as_deref(), Some("MT940"), "{file}");
    }
}
