//! Files made at random say the same after reading as before writing; cut at every byte they are never sound.

use ingestion::formats::inspection::{Inspection, Outcome};
use ingestion::formats::{Charset, RecordSettings};
use proptest::prelude::*;

use crate::build::{inspected, n43_account, n43_ends, n43_movement_of, records, with};

#[derive(Clone, Debug)]
struct Made {
    minor: i64,
    day: u32,
    concept: &'static str,
    reference: String,
    texts: Vec<String>,
}

fn made() -> impl Strategy<Value = Made> {
    let text = "[A-Z0-9ÑÁÉ /,]{0,76}";
    (
        -10_000_000_i64..10_000_000,
        1_u32..31,
        prop::sample::select(vec!["01", "04", "14", "17", "98", "99"]),
        "[A-Z0-9]{0,16}",
        prop::collection::vec(text, 0..6),
    )
        .prop_map(|(minor, day, concept, reference, mut texts)| {
            texts.truncate(5);
            Made {
                minor,
                day,
                concept,
                reference,
                texts,
            }
        })
}

fn written(opening: i64, made: &[Made]) -> String {
    let mut lines = vec![n43_account(opening, "978")];
    for movement in made {
        lines.push(n43_movement_of(
            movement.concept,
            movement.day,
            movement.minor,
            "",
            "",
            &movement.reference,
        ));
        let texts = (1..).zip(&movement.texts);
        lines.extend(texts.map(|(number, text)| format!("23{number:02}{text}").trim_end().to_owned()));
    }
    let amounts: Vec<i64> = made.iter().map(|movement| movement.minor).collect();
    let records = lines.len() + 1;
    lines.extend(n43_ends(opening, &amounts, records, "978"));
    lines.join("\r\n")
}

fn encoded(text: &str, charset: Charset) -> Vec<u8> {
    let byte = |letter: char| match (charset, letter) {
        (Charset::Cp850, 'Ñ') => 165,
        (Charset::Cp850, 'Á') => 0xB5,
        (Charset::Cp850, 'É') => 0x90,
        (_, letter) => u8::try_from(letter).unwrap(),
    };
    match charset {
        Charset::Utf8 => text.as_bytes().to_vec(),
        _ => text.chars().map(byte).collect(),
    }
}

/// Each column without the blanks around it.
fn columns(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let (first, second) = letters.split_at(letters.len().min(38));
    let trimmed = |part: &[char]| part.iter().collect::<String>().trim().to_owned();
    trimmed(first) + &trimmed(second)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_is_read(
        opening in -1_000_000_000_i64..1_000_000_000,
        made in prop::collection::vec(made(), 0..8),
        charset in prop::sample::select(vec![Charset::Utf8, Charset::Windows1252, Charset::Cp850]),
    ) {
        let settings = records(RecordSettings { charset: Some(charset), ..RecordSettings::default() });
        let found = with(encoded(&written(opening, &made), charset), &settings);
        prop_assert_eq!(found.outcome, Outcome::Read, "{:?}", found.problems);
        prop_assert_eq!(found.statements[0].balance_proof, "holds");
        prop_assert_eq!(found.statements[0].entries.len(), made.len());
        for (entry, made) in found.statements[0].entries.iter().zip(&made) {
            prop_assert_eq!(entry.amount_minor, Some(made.minor));
            prop_assert_eq!(entry.booked_on.clone(), Some(format!("2026-11-{:02}", made.day)));
            let texts: String = made.texts.iter().map(|text| columns(text)).collect();
            prop_assert_eq!(&entry.remittance, &texts);
            let named = made.reference.bytes().any(|byte| byte != b'0');
            prop_assert_eq!(entry.references.clone(), if named { vec![made.reference.clone()] } else { vec![] });
        }
    }

    #[test]
    fn no_bytes_are_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head in 0_usize..4) {
        let begin = [n43_account(0, "978"), "01090012345620261103007".into(), " RH0310031999021126\n 61".into(), String::new()];
        let mut file = begin[head].clone().into_bytes();
        file.push(b'\n');
        file.extend(bytes);
        let _ = inspected(&file);
    }
}

/// Whether the statements that would be booked are all there, and as in the whole file.
fn is_sound(found: &Inspection, whole: &Inspection) -> bool {
    found.statements == whole.statements
}

/// A file cut off anywhere is refused or quarantined, unless only line ends and blanks are missing.
fn cut_everywhere(file: &[u8]) {
    let whole = inspected(file);
    assert_eq!(whole.outcome, Outcome::Read, "{:?}", whole.problems);
    let needed = file.iter().rposition(|byte| !byte.is_ascii_whitespace()).unwrap() + 1;
    for at in 0..file.len() {
        let found = inspected(&file[..at]);
        if at >= needed {
            assert!(is_sound(&found, &whole), "cut at {at}");
        } else {
            assert_ne!(found.outcome, Outcome::Read, "cut at {at} of {}", file.len());
        }
    }
}

#[test]
fn cut_at_every_byte() {
    let movement = |day: u32, minor: i64, text: &str| Made {
        minor,
        day,
        concept: "04",
        reference: "FACT-1".into(),
        texts: vec![text.into()],
    };
    let one = written(1_000, &[movement(2, 5_000, "MUÑOZ"), movement(3, -20, "COMISION")]);
    cut_everywhere(one.as_bytes());
    cut_everywhere(&encoded(&one, Charset::Cp850));
    let padded: String = one.lines().map(|line| format!("{line:<80}\n")).collect();
    cut_everywhere(padded.as_bytes());
    let asobancaria = [
        format!("01{:010}20261103007{:017}202611041230A01", 900_123_456, 1_234_567_890),
        "0577099988884870001".to_owned(),
        format!("06{:048}{:014}0115{:026}", 770_001_234, 1_500_000, 2),
        format!("08{:09}{:018}0001", 1, 1_500_000),
        format!("09{:09}{:018}", 1, 1_500_000),
    ];
    cut_everywhere(format!("{}\r\n", asobancaria.join("\r\n")).as_bytes());
    let cbi = format!(
        " RH0310031999021126FILE\n 6100000010542893001{:<18}X0542811101000000123456EUR011126C000000001000,00IT60\n \
         620000001001021126031126C000000004377,9648 RIF\n 640000001EUR031126C000000005377,96\n EF0310031999021126\n",
        ""
    );
    let whole = inspected(&cbi);
    assert_eq!(whole.statements[0].balance_proof, "holds", "{:?}", whole.problems);
    // The totals of EF are not known: its mark alone says that the file is whole.
    let needed = cbi.find(" EF").unwrap() + 3;
    for at in 0..needed {
        assert_ne!(inspected(&cbi.as_bytes()[..at]).outcome, Outcome::Read, "cut at {at}");
    }
}

/// A table has no end of its own: cut between rows it is a shorter table whose rows are right, elsewhere it is told.
#[test]
fn a_table_cut_at_every_byte_books_nothing_wrong() {
    let map = "currency = \"RON\"\naccount = \"1\"\nkind = \"statement\"\ndecimal = \",\"\n\
               [columns]\nbooked_on = \"Data\"\namount = \"Suma\"\nremittance = [\"Text\"]\n";
    let settings = ingestion::formats::Settings {
        map: Some(std::sync::Arc::new(toml::from_str(map).unwrap())),
        ..ingestion::formats::Settings::default()
    };
    let text = "Data;Text;Suma\r\n2026-11-02;\"a\r\nb\";1234,56\r\n2026-11-03;ș;-7,00\r\n";
    let whole = with(text, &settings);
    assert_eq!(whole.outcome, Outcome::Read, "{:?}", whole.problems);
    for at in 0..text.len() {
        let found = with(&text.as_bytes()[..at], &settings);
        if found.outcome == Outcome::Read {
            let rows = &found.statements[0].entries;
            assert_eq!(rows[..], whole.statements[0].entries[..rows.len()], "cut at {at}");
        }
    }
}
