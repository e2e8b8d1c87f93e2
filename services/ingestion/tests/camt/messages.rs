//! camt.052, .053 and .054 in all versions and wrappers, glued documents, quirks of banks, and the rejects of pain.002.

use ingestion::formats::inspection::{Outcome, inspect_with};
use ingestion::formats::{Event, Part, Reversals, Settings, StatementKind, Status, read};
use serde_json::json as value;

use crate::build::{ACCOUNT, balance, document, entry, gather, inspected, json};

/// The same statement as any message of any version, with a prefix or without.
fn message(name: &str, root: &str, statement: &str, version: u32, prefix: &str) -> String {
    let inner = document(&format!(
        "{ACCOUNT}{}",
        entry("1.50", "CRDT", "<AcctSvcrRef>A1</AcctSvcrRef>")
    ))
    .replace("camt.053.001.02", &format!("{name}.001.{version:02}"))
    .replace("BkToCstmrStmt", root)
    .replace("<Stmt>", &format!("<{statement}>"))
    .replace("</Stmt>", &format!("</{statement}>"));
    let inner = if version >= 7 {
        inner.replace("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>")
    } else {
        inner
    };
    if prefix.is_empty() {
        return inner;
    }
    let (declaration, body) = inner.split_once('\n').unwrap();
    let body = body.replace("</", "\u{0}").replace('<', &format!("<{prefix}:"));
    let body = body.replace('\u{0}', &format!("</{prefix}:"));
    format!("{declaration}\n{}", body.replace("xmlns=", &format!("xmlns:{prefix}=")))
}

const MESSAGES: [(&str, &str, &str, StatementKind); 3] = [
    ("camt.052", "BkToCstmrAcctRpt", "Rpt", StatementKind::Intraday),
    ("camt.053", "BkToCstmrStmt", "Stmt", StatementKind::Final),
    (
        "camt.054",
        "BkToCstmrDbtCdtNtfctn",
        "Ntfctn",
        StatementKind::Notification,
    ),
];

#[test]
fn every_message_in_every_version() {
    for (name, root, statement, kind) in MESSAGES {
        for (version, prefix) in (1..=15).flat_map(|version| ["", "ns2", "n0"].map(|prefix| (version, prefix))) {
            let text = message(name, root, statement, version, prefix);
            let found = inspected(text.as_bytes());
            assert_eq!(found.format, Some(format!("{name}.001.{version:02}")));
            assert_eq!(found.problems.len(), usize::from(version > 14), "{name} {version}");
            assert_eq!(found.statements[0].entries[0].amount_minor, Some(150));
            assert_eq!(found.statements[0].entries[0].references, ["A1"]);
            assert_eq!(found.statements[0].balance_proof, "absent");
            let (_, ends) = gather(text.as_bytes()).unwrap();
            assert_eq!(ends[0].header.kind, kind);
        }
    }
}

#[test]
fn wrapped_in_anything() {
    let plain = document(&format!("{ACCOUNT}{}", entry("1.50", "CRDT", "")));
    let (declaration, body) = plain.split_once('\n').unwrap();
    let header = "<AppHdr xmlns=\"urn:iso:std:iso:20022:tech:xsd:head.001.001.02\"><Fr><FIId/></Fr><MsgDefIdr>camt.053.001.08\
                  </MsgDefIdr></AppHdr>";
    for (before, after) in [
        (format!("<BizMsgEnvlp xmlns=\"urn:x\">{header}"), "</BizMsgEnvlp>"),
        (
            "<soap:Envelope xmlns:soap=\"urn:s\"><soap:Header/><soap:Body><r:Response xmlns:r=\"urn:r\">".to_owned(),
            "</r:Response></soap:Body></soap:Envelope>",
        ),
        (
            format!("<!-- made by a bank --><?note x?><message>{header}"),
            "</message>",
        ),
    ] {
        let found = inspected(format!("{declaration}\n{before}{body}{after}").as_bytes());
        assert_eq!(found.outcome, Outcome::Read, "{:?}", found.problems);
        assert_eq!(found.format.as_deref(), Some("camt.053.001.02"));
        assert_eq!(found.statements.len(), 1);
    }
    // Without a namespace the business header tells the version.
    let bare = body.replace(" xmlns=\"urn:iso:std:iso:20022:tech:xsd:camt.053.001.02\"", "");
    assert_eq!(inspected(bare.as_bytes()).format.as_deref(), Some("camt.053"));
    let found = inspected(format!("<E>{header}{bare}</E>").as_bytes());
    assert_eq!(found.format.as_deref(), Some("camt.053.001.08"));
}

#[test]
fn several_documents_in_one_file() {
    let one = |amount: &str| document(&format!("{ACCOUNT}{}", entry(amount, "CRDT", "")));
    for between in ["", "\n", "\r\n\r\n", "\u{feff}"] {
        let found = inspected((one("1") + between + &one("2") + between + &one("3")).as_bytes());
        assert_eq!(found.outcome, Outcome::Read, "{:?}", found.problems);
        let amounts: Vec<_> = found
            .statements
            .iter()
            .map(|statement| statement.entries[0].amount_minor)
            .collect();
        assert_eq!(amounts, [Some(100), Some(200), Some(300)], "{between:?}");
    }
    let (entries, ends) = gather((one("1") + &one("2")).as_bytes()).unwrap();
    assert_eq!((entries[1].statement, ends[1].header.index), (2, 2));
    // Of several kinds: each statement knows its own.
    let report = message("camt.052", "BkToCstmrAcctRpt", "Rpt", 8, "");
    let found = inspected((one("1") + &report).as_bytes());
    assert_eq!(found.format.as_deref(), Some("several formats"));
    let (_, ends) = gather((one("1") + &report).as_bytes()).unwrap();
    assert_eq!(ends[1].header.format.to_string(), "camt.052.001.08");
    assert!(ends[0].header.kind.is_final() && !ends[1].header.kind.is_final());
}

/// What is written, and what a bank writes instead of it.
const QUIRKS: &[(&str, &str)] = &[
    (">10.00<", ">+10.00<"),
    (">10.00<", "> \n10.00\t<"),
    (">10.00<", ">10.00000<"),
    (">10.00<", ">10<"),
    (">10.00<", ">010.<"),
    (">10.00<", "><![CDATA[10.00]]><"),
    (">10.00<", ">1<!-- here -->0.0<?x y?>0<"),
    (">DBIT<", ">dbit<"),
    (">BOOK<", ">Book<"),
    ("<Sts>BOOK</Sts>", ""),
    ("<Sts>BOOK</Sts>", "<Sts><Cd>BOOK</Cd></Sts>"),
    ("A&amp;B", "A&#38;B"),
    ("A&amp;B", "<![CDATA[A&B]]>"),
    (
        "<BookgDt><Dt>2026-01-15</Dt>",
        "<BookgDt><Dt>2026-01-15T23:59:59+02:00</Dt>",
    ),
    (
        "<BookgDt><Dt>2026-01-15</Dt>",
        "<BookgDt><DtTm>2026-01-15T00:00:00.000Z</DtTm>",
    ),
    ("<BookgDt><Dt>2026-01-15</Dt>", "<BookgDt><Dt>2026-01-15+02:00</Dt>"),
    ("<BookgDt><Dt>2026-01-15</Dt>", "<BookgDt><Dt>20260115</Dt>"),
    (
        "<BookgDt><Dt>2026-01-15</Dt></BookgDt>",
        "<BookgDt>2026-01-15</BookgDt>",
    ),
    (
        "<IBAN>RO49AAAA1B31007593840000<",
        "<IBAN>RO49 AAAA 1B31 0075 9384 0000<",
    ),
    ("<IBAN>RO49AAAA1B31007593840000</IBAN>", "RO49AAAA1B31007593840000"),
    (
        "<IBAN>RO49AAAA1B31007593840000</IBAN>",
        "<Othr><Id>RO49AAAA1B31007593840000</Id></Othr>",
    ),
    ("<Ccy>RON</Ccy>", ""),
    (" Ccy=\"RON\"", " Ccy=\"ron\""),
    ("Ccy=\"RON\">10", "Note=\"x\" Ccy='RON'>10"),
    ("camt.053.001.02", "camt.053.001.99"),
    (
        "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02",
        "urn:iso:std:iso:20023:tech:xsd:camt.053.001.02",
    ),
    (
        "urn:iso:std:iso:20022:tech:xsd:camt.053.001.02",
        "ISO:camt.053.001.02:APC:STUZZA:payments:003",
    ),
    ("<Ntry>", "<NewElement><Amt>x</Amt></NewElement><Ntry>"),
    (
        "<Ntry>",
        "<Ntry><SplmtryData><Envlp><Amt Ccy=\"USD\">9</Amt></Envlp></SplmtryData>",
    ),
    ("<GrpHdr>", "\n\n<GrpHdr><AddtlInf>x</AddtlInf>"),
];

/// One change each to a statement that holds: it still says the same.
#[test]
fn quirks_that_change_nothing() {
    let entry = entry(
        "10.00",
        "DBIT",
        "<BookgDt><Dt>2026-01-15</Dt></BookgDt><ValDt><Dt>2026-01-16</Dt></ValDt><NtryDtls><TxDtls><RltdPties><Cdtr><Nm>A&amp;B \
         SRL</Nm></Cdtr></RltdPties><RmtInf><Ustrd>F 1</Ustrd></RmtInf></TxDtls></NtryDtls>",
    );
    let pair = balance("OPBD", "15.00", "CRDT") + &balance("CLBD", "5.00", "CRDT");
    let plain = document(&format!("{ACCOUNT}{pair}{entry}"));
    let expected = json(plain.as_bytes())["statements"].clone();
    assert_eq!(expected[0]["balance_proof"], "holds");
    for (from, to) in QUIRKS {
        assert!(plain.contains(from), "{from}");
        let changed = plain.replace(from, to);
        let found = json(changed.as_bytes());
        assert_eq!(found["statements"], expected, "{from} -> {to}: {}", found["problems"]);
    }
}

/// The direction at the details alone, and a sign in the balances.
#[test]
fn signs_that_the_bank_writes_elsewhere() {
    let details = "<NtryDtls><TxDtls><Amt Ccy=\"RON\">4</Amt><CdtDbtInd>DBIT</CdtDbtInd></TxDtls></NtryDtls>";
    let entry = entry("4", "DBIT", details).replacen("<CdtDbtInd>DBIT</CdtDbtInd>", "", 1);
    let pair = balance("OPBD", "1", "CRDT") + &balance("CLBD", "-3", "");
    let found = json(document(&format!("{ACCOUNT}{pair}{entry}")).as_bytes());
    assert_eq!(found["statements"][0]["entries"][0]["amount_minor"], -400);
    assert_eq!(
        found["statements"][0]["balance_proof"], "holds",
        "{}",
        found["problems"]
    );
    let both = balance("OPBD", "1", "CRDT") + &balance("CLBD", "-3", "DBIT");
    let found = json(document(&format!("{ACCOUNT}{both}{entry}")).as_bytes());
    assert_eq!(
        found["statements"][0]["balance_proof"], "holds",
        "{}",
        found["problems"]
    );
}

/// The number is right, its currency is not: plain arithmetic holds, and a person must look at the name.
#[test]
fn another_currency_whose_numbers_hold() {
    let pair = balance("OPBD", "15.00", "CRDT") + &balance("CLBD", "5.00", "CRDT");
    let foreign = entry("10.00", "DBIT", "").replace("RON", "EUR");
    let found = inspected(document(&format!("{ACCOUNT}{pair}{foreign}")).as_bytes());
    assert_eq!(found.statements[0].balance_proof, "holds");
    assert_eq!(found.outcome, Outcome::Quarantined);
    // Another number of decimals is another number.
    let yen = entry("1000", "DBIT", "").replace("RON", "JPY");
    let found = inspected(document(&format!("{ACCOUNT}{pair}{yen}")).as_bytes());
    assert_eq!(found.statements[0].balance_proof, "fails");
}

#[test]
fn totals_are_compared() {
    let totals = |count: &str, sum: &str| {
        format!(
            "<TxsSummry><TtlNtries><NbOfNtries>{count}</NbOfNtries></TtlNtries><TtlCdtNtries><NbOfNtries>{count}</NbOfNtries>\
             <Sum>{sum}</Sum></TtlCdtNtries><TtlDbtNtries><NbOfNtries>0</NbOfNtries><Sum>0</Sum></TtlDbtNtries></TxsSummry>"
        )
    };
    let two = entry("1.00", "CRDT", "") + &entry("2.00", "CRDT", "");
    let told = |totals: String, balances: &str| {
        let found = inspected(document(&format!("{ACCOUNT}{balances}{totals}{two}")).as_bytes());
        (found.outcome, found.problems.len())
    };
    assert_eq!(told(totals("2", "3.00"), ""), (Outcome::Read, 0));
    assert_eq!(told(totals("3", "3.00"), ""), (Outcome::Quarantined, 2));
    assert_eq!(told(totals("2", "3.01"), ""), (Outcome::Quarantined, 1));
    // Proven by the balances: a wrong total is only told.
    let pair = balance("OPBD", "0", "CRDT") + &balance("CLBD", "3", "CRDT");
    assert_eq!(told(totals("2", "3.01"), &pair), (Outcome::Read, 1));
}

#[test]
fn a_source_whose_reversals_have_the_direction_of_the_original() {
    let pair = balance("OPBD", "50", "CRDT") + &balance("CLBD", "30", "CRDT");
    let statement = document(&format!(
        "{ACCOUNT}{pair}{}",
        entry("20", "CRDT", "<RvslInd>true</RvslInd>")
    ));
    let settings = Settings {
        reversals: Reversals::OfTheOriginal,
        ..Settings::default()
    };
    let found = inspect_with(std::io::Cursor::new(statement.as_bytes()), &settings).unwrap();
    assert_eq!(found.outcome, Outcome::Read);
    assert_eq!(found.statements[0].entries[0].amount_minor, Some(-2000));
}

#[test]
fn returns_carry_their_reasons() {
    let details = "<NtryDtls><TxDtls><RtrInf><Rsn><Cd>AM04</Cd></Rsn><AddtlInf>no</AddtlInf><AddtlInf>funds</AddtlInf></RtrInf>\
                   </TxDtls></NtryDtls>";
    let (entries, _) = gather(document(&format!("{ACCOUNT}{}", entry("20", "DBIT", details))).as_bytes()).unwrap();
    let returned = entries[0].returned.as_ref().unwrap();
    assert_eq!(
        (returned.reasons.as_slice(), returned.text.as_str()),
        (["AM04".to_owned()].as_slice(), "no funds")
    );
}

const REJECTS: &str = r#"<?xml version="1.0"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pain.002.001.03"><CstmrPmtStsRpt><GrpHdr><MsgId>R1</MsgId>
<CreDtTm>2026-01-15T10:00:00</CreDtTm></GrpHdr>
<OrgnlGrpInfAndSts><OrgnlMsgId>M1</OrgnlMsgId><OrgnlMsgNmId>pain.008.001.02</OrgnlMsgNmId><GrpSts>PART</GrpSts></OrgnlGrpInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>P1</OrgnlPmtInfId><PmtInfSts>PART</PmtInfSts>
<TxInfAndSts><OrgnlEndToEndId>E1</OrgnlEndToEndId><TxSts>RJCT</TxSts><StsRsnInf><Rsn><Cd>AC04</Cd></Rsn><AddtlInf>closed</AddtlInf>
</StsRsnInf><OrgnlTxRef><Amt><InstdAmt Ccy="RON">12.34</InstdAmt></Amt><ReqdColltnDt>2026-01-20</ReqdColltnDt>
<MndtRltdInf><MndtId>MND1</MndtId></MndtRltdInf><RmtInf><Ustrd>Factura 7</Ustrd></RmtInf><Dbtr><Nm>Ana</Nm></Dbtr>
<DbtrAcct><Id><IBAN>RO66BACX0000001234567890</IBAN></Id></DbtrAcct><CdtrAcct><Id><IBAN>RO49AAAA1B31007593840000</IBAN></Id></CdtrAcct>
</OrgnlTxRef></TxInfAndSts>
<TxInfAndSts><OrgnlEndToEndId>E2</OrgnlEndToEndId><TxSts>ACSC</TxSts></TxInfAndSts></OrgnlPmtInfAndSts>
<OrgnlPmtInfAndSts><OrgnlPmtInfId>P2</OrgnlPmtInfId><PmtInfSts>RJCT</PmtInfSts><StsRsnInf><Rsn><Cd>DT01</Cd></Rsn></StsRsnInf>
</OrgnlPmtInfAndSts></CstmrPmtStsRpt></Document>"#;

#[test]
fn rejects_before_settlement() {
    let found = json(REJECTS.as_bytes());
    assert_eq!(found["format"], "pain.002.001.03");
    assert_eq!(
        found["statements"],
        value!([{
            "account": "RO49AAAA1B31007593840000", "currency": "RON", "opening_minor": null, "closing_minor": null,
            "balance_proof": "absent",
            "entries": [{
                "booked_on": null, "value_on": "2026-01-20", "amount_minor": 1234, "currency": "RON", "status": "info",
                "reversal": false, "references": ["M1", "P1", "E1", "MND1"], "remittance": "Factura 7",
                "counterparty": {"name": "Ana", "iban": "RO66BACX0000001234567890"}
            }]
        }])
    );
    assert_eq!(found["problems"][0]["what"], "the whole batch P2 is rejected: DT01");
    let (entries, ends) = gather(REJECTS.as_bytes()).unwrap();
    assert_eq!(entries[0].returned.as_ref().unwrap().reasons, ["AC04"]);
    assert_eq!(
        (entries[0].status, ends[0].header.kind),
        (Status::Info, StatementKind::Rejects)
    );
    // Of our own transfers: the money would have gone.
    let own = REJECTS.replace("pain.008.001.02", "pain.001.001.03");
    assert_eq!(
        json(own.as_bytes())["statements"][0]["entries"][0]["amount_minor"],
        -1234
    );
}

/// Cut at every byte, each of these is refused; or, where only blanks are gone, says the same.
#[test]
fn cut_off_anywhere() {
    let report = message("camt.052", "BkToCstmrAcctRpt", "Rpt", 8, "p");
    let notification = message("camt.054", "BkToCstmrDbtCdtNtfctn", "Ntfctn", 4, "");
    for whole in [report, notification, REJECTS.to_owned()] {
        for end in 0..whole.len() {
            let found = inspected(&whole.as_bytes()[..end]);
            assert_eq!(found.outcome, Outcome::Refused, "{whole} cut at {end}");
        }
    }
    // Two documents: what is left is refused, or is exactly the first.
    let one = document(&format!("{ACCOUNT}{}", entry("1", "CRDT", "")));
    let both = one.clone() + "\n" + &one;
    for end in 0..both.len() {
        let found = inspected(&both.as_bytes()[..end]);
        let first = end == one.len() || end == one.len() + 1;
        assert_eq!(found.outcome == Outcome::Read, first, "cut at {end}");
        assert_eq!(found.statements.len(), usize::from(first));
    }
}

/// Statements of one file are numbered through, so that each has its own place in the books.
#[test]
fn numbers_run_through_the_file() {
    let one = document(&format!("{ACCOUNT}{}", entry("1", "CRDT", "")));
    let two = one.replace("</Stmt>", &format!("</Stmt><Stmt>{ACCOUNT}</Stmt>"));
    let mut numbers = Vec::new();
    read(std::io::Cursor::new(two.clone() + &two), &mut |event| {
        if let Event::StatementStart(header) = event {
            numbers.push(header.index);
        }
        Ok::<(), ()>(())
    })
    .unwrap();
    assert_eq!(numbers, [1, 2, 3, 4]);
}

/// A batch whose only detail repeats its total, and a payment at which a bank repeats the head of its batch.
#[test]
fn a_batch_with_one_detail() {
    let part = |detail: &str| {
        let details = format!(
            "<NtryDtls><Btch><NbOfTxs>418</NbOfTxs></Btch><TxDtls><Amt Ccy=\"RON\">9</Amt>{detail}</TxDtls></NtryDtls>"
        );
        let (entries, _) = gather(document(&format!("{ACCOUNT}{}", entry("9", "CRDT", &details))).as_bytes()).unwrap();
        entries[0].part
    };
    assert_eq!(part(""), Part::Batch { count: 0 });
    assert_eq!(
        part("<Refs><EndToEndId>NOTPROVIDED</EndToEndId></Refs>"),
        Part::Batch { count: 0 }
    );
    assert_eq!(part("<Refs><EndToEndId>E1</EndToEndId></Refs>"), Part::Whole);
    assert_eq!(part("<RmtInf><Ustrd>F 1</Ustrd></RmtInf>"), Part::Whole);
}
