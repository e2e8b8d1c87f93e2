//! Small statements made in code, and short ways to look at what was read of them.

use std::io::Cursor;

use ingestion::formats::{Entry, Event, Inspection, ReadError, Refusal, RefusalReason, StatementEnd, inspect, read};
use serde_json::Value;

/// A whole camt.053.001.02 around the content of one `Stmt`.
pub fn document(statement: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Document xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\">\
         <BkToCstmrStmt><GrpHdr><MsgId>M</MsgId></GrpHdr><Stmt>{statement}</Stmt></BkToCstmrStmt></Document>"
    )
}

/// `Acct` in RON.
pub const ACCOUNT: &str = "<Acct><Id><IBAN>RO49AAAA1B31007593840000</IBAN></Id><Ccy>RON</Ccy></Acct>";

/// A balance; an empty direction is left out.
pub fn balance(code: &str, amount: &str, direction: &str) -> String {
    let direction = if direction.is_empty() {
        String::new()
    } else {
        format!("<CdtDbtInd>{direction}</CdtDbtInd>")
    };
    format!(
        "<Bal><Tp><CdOrPrtry><Cd>{code}</Cd></CdOrPrtry></Tp><Amt Ccy=\"RON\">{amount}</Amt>{direction}\
         <Dt><Dt>2026-01-15</Dt></Dt></Bal>"
    )
}

/// A booked entry in RON.
pub fn entry(amount: &str, direction: &str, more: &str) -> String {
    format!("<Ntry><Amt Ccy=\"RON\">{amount}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>BOOK</Sts>{more}</Ntry>")
}

pub fn inspected(bytes: &[u8]) -> Inspection {
    inspect(Cursor::new(bytes)).unwrap()
}

/// As `inspect --json`.
pub fn json(bytes: &[u8]) -> Value {
    serde_json::to_value(inspected(bytes)).unwrap()
}

/// All entries and statement ends, or the refusal.
pub fn gather(bytes: &[u8]) -> Result<(Vec<Entry>, Vec<StatementEnd>), Refusal> {
    let (mut entries, mut ends) = (Vec::new(), Vec::new());
    let result = read(Cursor::new(bytes), &mut |event| {
        match event {
            Event::Entry(entry) => entries.push(*entry),
            Event::StatementEnd(end) => ends.push(*end),
            Event::StatementStart(_) | Event::Problem { .. } => {}
        }
        Ok::<(), ()>(())
    });
    match result {
        Ok(_) => Ok((entries, ends)),
        Err(ReadError::Refused(refusal)) => Err(*refusal),
        Err(other) => panic!("{other:?}"),
    }
}

pub fn refusal(bytes: &[u8]) -> Refusal {
    gather(bytes).expect_err("must be refused")
}

pub fn reason(bytes: &[u8]) -> RefusalReason {
    refusal(bytes).reason
}
