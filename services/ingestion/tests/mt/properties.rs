//! Statements made at random say the same after reading as before writing; cut anywhere, they are never booked with less.

use ingestion::formats::{Entry, Verdict};
use proptest::prelude::*;

use crate::build::{Gathered, gather, message, statement};
use crate::fixtures::FIXTURES;

#[derive(Clone, Debug)]
struct Made {
    minor: i64,
    mark: &'static str,
    customer: String,
    bank: String,
    name: String,
    text: String,
}

fn made() -> impl Strategy<Value = Made> {
    (
        1_i64..10_000_000,
        prop::sample::select(vec!["C", "D", "RC", "RD", "CN", "DN", "RCN", "EC"]),
        "[A-Z0-9]{0,10}X",
        "[A-Z0-9]{1,16}",
        "[A-Z][A-Za-z]{0,20}( [A-Z][a-z]{1,20})?",
        // Two blanks together are padding where a part ends.
        "[A-Za-z0-9]([A-Za-z0-9./,]| [A-Za-z0-9]){0,60}",
    )
        .prop_map(|(minor, mark, customer, bank, name, text)| Made {
            minor,
            mark,
            customer,
            bank,
            name,
            text,
        })
}

fn decimal(minor: i64) -> String {
    format!("{},{:02}", minor.abs() / 100, minor.abs() % 100)
}

/// In German subfields, lines cut at 65 wherever that falls.
fn written(made: &Made) -> String {
    let cut = |text: &str, at: usize| -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        letters.chunks(at).map(|part| part.iter().collect()).collect()
    };
    let mut details = String::from("166?00BUCHUNG");
    for (number, part) in (21..).zip(cut(&format!("SVWZ+{}", made.text), 27)) {
        details += &format!("?{number}{part}");
    }
    for (number, part) in (32..).zip(cut(&made.name, 27)) {
        details += &format!("?{number}{part}");
    }
    format!(
        ":61:2601020102{}{}NTRF{}//{}\n:86:{}\n",
        made.mark,
        decimal(made.minor),
        made.customer,
        made.bank,
        cut(&details, 65).join("\n")
    )
}

fn signed(made: &Made) -> i64 {
    match made.mark {
        "C" | "CN" | "RD" | "EC" => made.minor,
        _ => -made.minor,
    }
}

fn file(all: &[Made], opening: i64) -> String {
    let booked: i64 = all.iter().filter(|made| made.mark != "EC").map(signed).sum();
    let closing = opening + booked;
    let sign = if closing < 0 { "D" } else { "C" };
    let entries: String = all.iter().map(written).collect();
    message(&format!(
        ":60F:C260101RON{}\n{entries}:62F:{sign}260102RON{}\n-\n",
        decimal(opening),
        decimal(closing)
    ))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_is_read(all in prop::collection::vec(made(), 0..20), opening in 0_i64..1_000_000) {
        let found = gather(file(&all, opening).as_bytes()).unwrap();
        prop_assert_eq!(found.ends[0].proof.verdict, Verdict::Holds);
        prop_assert!(!found.ends[0].quarantined);
        prop_assert_eq!(found.entries.len(), all.len());
        for (entry, made) in found.entries.iter().zip(&all) {
            prop_assert_eq!(entry.amount.unwrap().minor(), signed(made));
            prop_assert_eq!(entry.reversal, made.mark.starts_with('R'));
            prop_assert_eq!(&entry.remittance, &made.text);
            prop_assert_eq!(entry.counterparty().name.as_deref(), Some(made.name.as_str()));
            let references: Vec<&str> = entry.references.iter().map(|reference| reference.text.as_str()).collect();
            let expected = if made.customer == made.bank { vec![made.customer.as_str()] } else { vec![made.customer.as_str(), made.bank.as_str()] };
            prop_assert_eq!(references, expected);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = gather(&bytes);
        let _ = gather(&[b":20:X\n:60F:C260101RON1,\n:61:".as_slice(), &bytes].concat());
        let _ = gather(&[b":20:X\n:60F:C260101RON1,\n:61:260101C1,NTRF\n:86:".as_slice(), &bytes].concat());
    }

    #[test]
    fn mangled_files_never_panic(at in 0_usize..4000, byte in any::<u8>(), which in 0_usize..5) {
        let mut bytes = FIXTURES[which].1.to_vec();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = gather(&bytes);
        bytes.remove(at);
        let _ = gather(&bytes);
    }
}

/// Entries of each statement, and whether it may be booked.
fn by_statement(found: &Gathered) -> Vec<(Vec<&Entry>, bool)> {
    let of = |index: u32| found.entries.iter().filter(|entry| entry.statement == index).collect();
    let ends = found.ends.iter();
    ends.map(|end| (of(end.header.index), !end.quarantined)).collect()
}

/// A final statement that may be booked is whole: the same entries as in the file that is not cut.
#[test]
fn cut_at_every_byte() {
    let random = file(
        &[Made {
            minor: 12_345,
            mark: "C",
            customer: "REF".into(),
            bank: "BANK".into(),
            name: "Ana Pop".into(),
            text: "factura 417".into(),
        }],
        100,
    );
    let several = format!("{}{}", random, statement(":61:260102C1,NTRF\n", "11,00"));
    let signs = several.replace('\n', "@@");
    let files =
        FIXTURES
            .iter()
            .map(|(_, bytes, _)| bytes.to_vec())
            .chain([random.into(), several.into(), signs.into()]);
    for bytes in files {
        let whole = gather(&bytes).unwrap();
        let expected = by_statement(&whole);
        for cut in 0..bytes.len() {
            let Ok(found) = gather(&bytes[..cut]) else { continue };
            let holds = found.ends.iter().map(|end| end.proof.verdict == Verdict::Holds);
            for ((at, (entries, bookable)), holds) in by_statement(&found).iter().enumerate().zip(holds) {
                if holds && *bookable {
                    assert_eq!(entries, &expected[at].0, "cut at {cut}");
                }
            }
            // What is cut inside a final statement is never read without a word.
            let is_final = found.ends.iter().all(|end| end.header.kind.is_final());
            if is_final && found.ends.len() < whole.ends.len() {
                assert!(expected.len() > found.ends.len());
            }
        }
    }
}
