//! Statements made at random say the same after reading as before writing.

use std::fmt::Write;

use ingestion::formats::{Part, Verdict};
use proptest::prelude::*;

use crate::build::{ACCOUNT, balance, document, gather};

#[derive(Clone, Debug)]
struct Made {
    minor: i64,
    credit: bool,
    status: &'static str,
    texts: Vec<String>,
    name: String,
    reference: String,
    details: Vec<i64>,
}

fn decimal(minor: i64) -> String {
    format!("{}.{:02}", minor / 100, minor % 100)
}

/// Each character by one of the ways to write it.
fn escape(text: &str, way: usize) -> String {
    let mut out = String::new();
    for (index, letter) in text.chars().enumerate() {
        match (letter, (index + way) % 3) {
            ('&', 0) => out.push_str("&amp;"),
            ('<', 0) => out.push_str("&lt;"),
            (',', 0) => out.push_str("&#44;"),
            (letter @ ('&' | '<' | ','), 1) => write!(out, "&#x{:X};", u32::from(letter)).unwrap(),
            (letter @ ('&' | '<'), _) => write!(out, "<![CDATA[{letter}]]>").unwrap(),
            (letter, _) => out.push(letter),
        }
    }
    out
}

fn made() -> impl Strategy<Value = Made> {
    let text = "[a-z0-9 &<,'\"/éșЖ漢]{0,40}";
    let word = "[A-Z0-9&<é]{1,35}";
    (
        1_i64..10_000_000,
        any::<bool>(),
        prop::sample::select(vec!["BOOK", "PDNG", "INFO"]),
        prop::collection::vec(text, 0..3),
        word,
        word,
        prop::collection::vec(1_i64..1000, 0..4),
    )
        .prop_map(|(minor, credit, status, texts, name, reference, details)| {
            let minor = if details.len() > 1 { details.iter().sum() } else { minor };
            Made {
                minor,
                credit,
                status,
                texts,
                name,
                reference,
                details,
            }
        })
}

fn written(made: &Made, way: usize) -> String {
    let direction = if made.credit { "CRDT" } else { "DBIT" };
    let party = if made.credit { "Dbtr" } else { "Cdtr" };
    let texts: String = made
        .texts
        .iter()
        .map(|text| format!("<Ustrd>{}</Ustrd>", escape(text, way)))
        .collect();
    let detail = |minor: i64| {
        format!(
            "<TxDtls><Refs><EndToEndId>{}</EndToEndId></Refs><AmtDtls><TxAmt><Amt Ccy=\"RON\">{}</Amt></TxAmt></AmtDtls>\
             <RltdPties><{party}><Nm>{}</Nm></{party}></RltdPties><RmtInf>{texts}</RmtInf></TxDtls>",
            escape(&made.reference, way),
            decimal(minor),
            escape(&made.name, way)
        )
    };
    let details: String = if made.details.len() > 1 {
        made.details.iter().map(|minor| detail(*minor)).collect()
    } else {
        detail(made.minor)
    };
    format!(
        "<Ntry><Amt Ccy=\"RON\">{}</Amt><CdtDbtInd>{direction}</CdtDbtInd><Sts>{}</Sts><NtryDtls>{details}</NtryDtls></Ntry>\n",
        decimal(made.minor),
        made.status
    )
}

fn signed(made: &Made, minor: i64) -> i64 {
    if made.credit { minor } else { -minor }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(all in prop::collection::vec(made(), 0..20), opening in 0_i64..1_000_000, way in 0_usize..3) {
        let booked: i64 = all.iter().filter(|made| made.status == "BOOK").map(|made| signed(made, made.minor)).sum();
        let closing = opening + booked;
        let direction = if closing < 0 { "DBIT" } else { "CRDT" };
        let balances = balance("OPBD", &decimal(opening), "CRDT") + &balance("CLBD", &decimal(closing.abs()), direction);
        let entries: String = all.iter().map(|made| written(made, way)).collect();
        let (found, ends) = gather(document(&format!("{ACCOUNT}{balances}{entries}")).as_bytes()).unwrap();
        prop_assert_eq!(ends[0].proof.verdict, Verdict::Holds);
        let mut expected = Vec::new();
        for (number, made) in (1_u64..).zip(&all) {
            if made.details.len() > 1 {
                expected.extend(made.details.iter().map(|minor| (number, made, signed(made, *minor), true)));
            } else {
                expected.push((number, made, signed(made, made.minor), false));
            }
        }
        prop_assert_eq!(found.len(), expected.len());
        for (entry, (number, made, minor, split)) in found.iter().zip(expected) {
            prop_assert_eq!((entry.number, entry.amount.unwrap().minor()), (number, minor));
            prop_assert_eq!(matches!(entry.part, Part::Detail { .. }), split);
            prop_assert_eq!(&entry.remittance, &made.texts.concat());
            prop_assert_eq!(entry.counterparty().name.as_deref(), Some(made.name.as_str()));
            let references: Vec<&str> = entry.references.iter().map(|reference| reference.text.as_str()).collect();
            prop_assert_eq!(references, vec![made.reference.as_str()]);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = gather(&bytes);
        let _ = gather(&[b"<Document><BkToCstmrStmt><Stmt><Ntry>".as_slice(), &bytes].concat());
    }
}
