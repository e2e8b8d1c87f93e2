//! The month is the same everywhere, its files prove themselves, and its sums are what the files say.

use std::collections::BTreeSet;
use std::io::Cursor;

use ingestion::formats::inspect;
use ingestion::formats::inspection::Outcome;

use super::*;

const SMALL: Size = Size {
    romanian: 900,
    colombian: 400,
};

#[test]
fn the_same_seed_makes_the_same_month() {
    let text = |month: &Month| format!("{:?}", month.days);
    let (one, two) = (month(SMALL, SEED).unwrap(), month(SMALL, SEED).unwrap());
    assert_eq!(text(&one), text(&two));
    assert_eq!(one.expected, two.expected);
    assert_ne!(text(&one), text(&month(SMALL, SEED + 1).unwrap()));
}

#[test]
fn the_demo_has_the_promised_size() {
    let month = month(Size::DEMO, SEED).unwrap();
    assert_eq!((month.accounts, month.invoices), (20_000, 30_000));
    let payments: i64 = month.expected.currencies.values().map(|sums| sums.payments).sum();
    assert!((23_500..=26_500).contains(&payments), "{payments}");
    assert_eq!(month.shown.len(), 3);
    let papers: Vec<String> = month
        .days
        .values()
        .flat_map(|day| &day.files)
        .map(|file| String::from_utf8_lossy(&file.bytes).into_owned())
        .collect();
    let taken_back = month
        .shown
        .iter()
        .find(|shown| shown.what.contains("took back"))
        .unwrap();
    assert!(
        papers
            .iter()
            .any(|paper| is_taken_back(paper, &papers, &taken_back.invoice))
    );
    assert!(month.expected.currencies["COP"].settlement_minor > 0);
    for sums in month.expected.currencies.values() {
        for amount in [
            sums.reversed_minor,
            sums.unidentified_minor,
            sums.credit_minor,
            sums.seen_again_minor,
            sums.allocated_minor,
        ] {
            assert!(amount > 0, "{sums:?}");
        }
        assert_eq!(
            sums.received_minor,
            sums.reversed_minor + sums.assigned_minor + sums.unidentified_minor
        );
    }
}

/// Whether a file pays this invoice with an entry whose reference some file takes back.
fn is_taken_back(paper: &str, papers: &[String], invoice: &str) -> bool {
    let reference = |entry: &str| Some(entry.split_once("<EndToEndId>")?.1.split_once('<')?.0.to_owned());
    let paid = paper.split("</Ntry>").filter(|entry| entry.contains(invoice));
    let mut references = paid.filter_map(reference);
    references.any(|paid| {
        let entries = papers.iter().flat_map(|paper| paper.split("</Ntry>"));
        let mut back = entries.filter(|entry| entry.contains("<RvslInd>true</RvslInd>"));
        back.any(|entry| reference(entry).as_ref() == Some(&paid))
    })
}

/// Every file is read as `incasso inspect` reads it: only those that are meant to fail do, and all balances hold.
#[test]
fn files_prove_themselves_but_for_those_that_are_meant_not_to() {
    let month = month(SMALL, SEED).unwrap();
    let (mut bad, mut same) = (0, BTreeSet::new());
    for file in month.days.values().flat_map(|day| &day.files) {
        let found = inspect(Cursor::new(file.bytes.as_slice())).unwrap();
        let expected = match file.name.split_once('-').unwrap().0 {
            "broken" => Outcome::Refused,
            "wrong" => Outcome::Quarantined,
            _ => Outcome::Read,
        };
        assert_eq!(found.outcome, expected, "{}: {:?}", file.name, found.problems);
        if expected == Outcome::Read {
            assert!(
                found
                    .statements
                    .iter()
                    .all(|statement| statement.balance_proof == "holds"),
                "{}",
                file.name
            );
        } else {
            bad += 1;
        }
        same.insert(file.bytes.clone());
    }
    assert_eq!(bad, month.expected.quarantined);
    let files = month.days.values().map(|day| day.files.len()).sum::<usize>();
    assert_eq!(
        i64::try_from(files - same.len()).unwrap(),
        month.expected.files_sent_again
    );
}

/// What came in by the files of a bank without provider is what was expected, each banking day once.
#[test]
fn the_files_hold_the_expected_money() {
    let month = month(SMALL, SEED).unwrap();
    let (mut received, mut again) = (0, 0);
    for file in month
        .days
        .values()
        .flat_map(|day| &day.files)
        .filter(|file| file.name.starts_with("camt053-RO"))
    {
        let own_day = file.name.get(11..21).unwrap();
        let found = inspect(Cursor::new(file.bytes.as_slice())).unwrap();
        for entry in found.statements.iter().flat_map(|statement| &statement.entries) {
            let amount = entry.amount_minor.unwrap();
            if entry.status != "booked" || amount <= 0 {
                continue;
            }
            if entry.booked_on.as_deref() == Some(own_day) {
                received += amount
            } else {
                again += amount
            }
        }
    }
    let sums = &month.expected.currencies["RON"];
    assert_eq!((received, again), (sums.received_minor, sums.seen_again_minor));
}
