//! `incasso … | head -1`: a reader that leaves changes neither the exit code nor what is said on standard error.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Stdio};

const EXAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/incasso.example.toml");

/// Runs it with a standard output that nobody reads (and a standard error, where `deaf`); exit code and what it complained of.
fn unread(arguments: &[&str], deaf: bool) -> (Option<i32>, String) {
    let closed = || {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        Stdio::from(writer)
    };
    let mut command = Command::new(env!("CARGO_BIN_EXE_incasso"));
    command
        .args(arguments)
        .env("INCASSO__DATABASE__URL", "postgres://nobody@127.0.0.1:1/{service}")
        .stdin(Stdio::null())
        .stdout(closed())
        .stderr(if deaf { closed() } else { Stdio::piped() });
    let done = command.spawn().unwrap().wait_with_output().unwrap();
    (done.status.code(), String::from_utf8(done.stderr).unwrap())
}

fn statement(folder: &Path, closing: &str) -> String {
    let balance = |code: &str, amount: &str| {
        format!(
            "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">{amount}</Amt><CdtDbtInd>CRDT</CdtDbtInd>\
             <Dt><Dt>2026-01-15</Dt></Dt></Bal>"
        )
    };
    let file = folder.join(format!("{closing}.xml"));
    let text = format!(
        "<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"><BkToCstmrStmt><GrpHdr><MsgId>M</MsgId>\
         <CreDtTm>2026-01-15T18:00:00</CreDtTm></GrpHdr><Stmt><Id>S</Id><CreDtTm>2026-01-15T18:00:00</CreDtTm><Acct><Id>\
         <IBAN>RO49AAAA1B31007593840000</IBAN></Id><Ccy>RON</Ccy></Acct>{}{}</Stmt></BkToCstmrStmt></Document>",
        balance("OPBD", "1.00"),
        balance("CLBD", closing)
    );
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}

#[test]
fn a_reader_that_leaves_is_no_failure() {
    let folder = tempfile::tempdir().unwrap();
    let (right, wrong) = (statement(folder.path(), "1.00"), statement(folder.path(), "2.00"));
    let cases: [(&[&str], i32); 10] = [
        (&["topics"], 0),
        (&["topics", "--json"], 0),
        (&["inspect", &right], 0),
        (&["inspect", &wrong], 1),
        (&["inspect", &wrong, "--json"], 1),
        (&["inspect", "/nowhere/to/be/found"], 2),
        (&["run", "--check", "--config", EXAMPLE], 0),
        (&["run", "--check", "--json", "--config", EXAMPLE], 0),
        (&["run", "--check", "--json", "--config", "/nowhere.toml"], 2),
        (&["proof", "--json", "--config", "/nowhere.toml"], 2),
    ];
    for (arguments, expected) in cases {
        let (code, complaint) = unread(arguments, false);
        assert_eq!(code, Some(expected), "{arguments:?}: {complaint}");
        assert!(
            !complaint.contains("panicked") && !complaint.contains("ipe"),
            "{arguments:?}: {complaint}"
        );
        assert_eq!(
            unread(arguments, true).0,
            Some(expected),
            "{arguments:?} with both closed"
        );
    }
    assert_eq!(
        unread(&["run", "--check", "--config", "/nowhere.toml"], true).0,
        Some(2)
    );
}
