//! Public samples of others, read from where `INCASSO_SAMPLES` points (they are not part of this repository).

use std::path::PathBuf;

use ingestion::formats::inspection::Outcome;

use crate::build::inspected;

const NOTHING: &str =
    "the file has tags of MT940, but no balance (:60F:, :62F:) and no entry (:61:): it holds no statement";

/// A file, its outcome, the proofs of its statements (`h`olds, `f`ails, `a`bsent), its entries, the sum of their amounts in
/// minor units, and the reason why it is not read, or what quarantines it first.
type Row = (&'static str, Outcome, &'static str, usize, i64, &'static str);

/// Every MT940 among the samples. Those that fail were edited by their authors and do not add up.
#[rustfmt::skip]
const EXPECTED: &[Row] = &[
    ("a-fas__mt940js__test_test-with-NS.mt940x", Outcome::Read, "hh", 4, -53_207, ""),
    ("a-fas__mt940js__test_test1.mt940", Outcome::Read, "hh", 3, -176_000, ""),
    ("a-fas__mt940js__test_test2.mt940x", Outcome::Read, "hh", 4, -53_207, ""),
    ("a-fas__mt940js__test_testX.mt940", Outcome::Read, "hh", 3, -176_000, ""),
    ("betterplace__mt940_parser__test_fixtures_amount_formats.txt", Outcome::Quarantined, "aaaaaa", 0, 0, "no account (:25:) before the entries"),
    ("betterplace__mt940_parser__test_fixtures_colon_in_descriptor.txt", Outcome::Refused, "", 0, 0, NOTHING),
    ("betterplace__mt940_parser__test_fixtures_empty_86.txt", Outcome::Refused, "", 0, 0, NOTHING),
    ("betterplace__mt940_parser__test_fixtures_empty_entry_date.txt", Outcome::Quarantined, "a", 1, 0, "no account (:25:) before the entries"),
    ("betterplace__mt940_parser__test_fixtures_empty_line.txt", Outcome::Refused, "", 0, 0, NOTHING),
    ("betterplace__mt940_parser__test_fixtures_missing_crlf_at_end.txt", Outcome::Quarantined, "a", 0, 0, "no account (:25:) before the entries"),
    ("betterplace__mt940_parser__test_fixtures_sepa_mt9401.txt", Outcome::Read, "hhhhhhhhhhhhhhhhhhhhhhhhhh", 97, -926_913_590, ""),
    ("betterplace__mt940_parser__test_fixtures_sepa_snippet.txt", Outcome::Quarantined, "hf", 11, -214_332_339, "the balance proof fails: opening -1970431.87 + booked -2501917.30 = -4472349.17, but the closing balance is -4472049.09 EUR"),
    ("betterplace__mt940_parser__test_fixtures_sepa_snippet_broken.txt", Outcome::Quarantined, "f", 1, 5_099_005, ":25: stands after entries of its statement or a second time"),
    ("sandermarechal__jejik-mt940__Fixture_document_K4262927_20200905-080000-952.txt", Outcome::Quarantined, "a", 1, 23_000, "no closing balance (:62F: or :62M:): the message is cut off or not whole"),
    ("sandermarechal__jejik-mt940__Fixture_document_abnamro.txt", Outcome::Quarantined, "ff", 10, -34_593, "the balance proof fails: opening 3236.28 + booked -321.44 = 2914.84, but the closing balance is 876.84 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_bug-core-5401.txt", Outcome::Quarantined, "f", 1, 5_000, "the balance proof fails: opening 0.00 + booked 50.00 = 50.00, but the closing balance is 0.00 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_commerzbank.txt", Outcome::Quarantined, "f", 1, -1_235, "the balance proof fails: opening 0.00 + booked -12.35 = -12.35, but the closing balance is 0.00 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_deutschebank.txt", Outcome::Quarantined, "f", 1, -1_235, "the balance proof fails: opening 0.00 + booked -12.35 = -12.35, but the closing balance is 0.00 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_generic.txt", Outcome::Read, "hh", 2, -2_000, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_ing-dos.txt", Outcome::Quarantined, "f", 7, -4_559, "the balance proof fails: opening 0.00 + booked -45.59 = -45.59, but the closing balance is 3.47 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_knab.txt", Outcome::Quarantined, "hf", 3, -626_000, "the balance proof fails: opening 3058.98 + booked -6760.00 = -3701.02, but the closing balance is 798.98 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_lbbw.txt", Outcome::Read, "h", 2, 0, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_oldenburgischelandesbank.txt", Outcome::Quarantined, "f", 1, 10_450, "the balance proof fails: opening 0.00 + booked 104.50 = 104.50, but the closing balance is 0.00 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_oldenburgischelandesbank2.txt", Outcome::Quarantined, "a", 1, 23_000, "no closing balance (:62F: or :62M:): the message is cut off or not whole"),
    ("sandermarechal__jejik-mt940__Fixture_document_oldenburgischelandesbankmitbindestrich.txt", Outcome::Quarantined, "f", 1, 172_700, "the balance proof fails: opening 279998.57 + booked 1727.00 = 281725.57, but the closing balance is 0.00 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_postfinance.txt", Outcome::Quarantined, "hf", 4, 15_940, "the balance proof fails: opening 229.20 + booked -69.80 = 159.40, but the closing balance is 159.60 CHF"),
    ("sandermarechal__jejik-mt940__Fixture_document_rabobank-iban.txt", Outcome::Read, "hh", 4, -7_000, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_rabobank.txt", Outcome::Quarantined, "fhfh", 5, -158_909, "the balance proof fails: opening 473.17 + booked -1213.28 = -740.11, but the closing balance is 395.82 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_sns.txt", Outcome::Read, "hh", 2, -2_500, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_sparkasse.txt", Outcome::Read, "hh", 2, -4_000, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_sparkasse2.txt", Outcome::Quarantined, "f", 1, 102_725, "the balance proof fails: opening 931052.29 + booked 1027.25 = 932079.54, but the closing balance is 931304.50 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_sparkasse3.txt", Outcome::Quarantined, "f", 1, -102_725, "the balance proof fails: opening 931052.29 + booked -1027.25 = 930025.04, but the closing balance is 931304.50 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_sparkasse_interim_balance.txt", Outcome::Read, "hhh", 2, -4_000, ""),
    ("sandermarechal__jejik-mt940__Fixture_document_triodos.txt", Outcome::Quarantined, "f", 2, -71_570, "the balance proof fails: opening 4975.09 + booked -715.70 = 4259.39, but the closing balance is 4370.79 EUR"),
    ("sandermarechal__jejik-mt940__Fixture_document_volksbankenraiffeisenbanken.txt", Outcome::Read, "hhhhhhhh", 12, 74_500, ""),
    ("svenstaro__mt940-rs__full_abnamro_mt940.sta", Outcome::Quarantined, "ff", 4, -2_299, "the balance proof fails: opening 1111.10 + booked -14.74 = 1096.36, but the closing balance is 2222.20 EUR"),
    ("svenstaro__mt940-rs__full_betterplace_sepa_mt9401.sta", Outcome::Read, "hhhhhhhhhhhhhhhhhhhhhhhhhh", 97, -926_913_590, ""),
    ("svenstaro__mt940-rs__full_bugs_issue-51.sta", Outcome::Quarantined, "f", 3, -14_104, "the balance proof fails: opening 13564.13 + booked -141.04 = 13423.09, but the closing balance is 13523.09 EUR"),
    ("svenstaro__mt940-rs__full_cmxl_mt940_1.sta", Outcome::Read, "h", 2, 220_000, ""),
    ("svenstaro__mt940-rs__full_cmxl_mt940_2.sta", Outcome::Read, "h", 3, 1_004_000, ""),
    ("svenstaro__mt940-rs__full_danskebank_MT940_DK_Example.sta", Outcome::Read, "hhhhhhhhhhhhhhh", 89, 137_245_277, ""),
    ("svenstaro__mt940-rs__full_danskebank_MT940_FI_Example.sta", Outcome::Read, "h", 6, -135_710, ""),
    ("svenstaro__mt940-rs__full_danskebank_MT940_NO_Example.sta", Outcome::Read, "hhhhhhhhhhhhh", 24, 238_264_902, ""),
    ("svenstaro__mt940-rs__full_danskebank_MT940_SE_Example.sta", Outcome::Read, "hhhhhhhhhhhh", 103, 1_052_839_560, ""),
    ("svenstaro__mt940-rs__full_jejik_abnamro.sta", Outcome::Quarantined, "ff", 10, -34_593, "the balance proof fails: opening 3236.28 + booked -321.44 = 2914.84, but the closing balance is 876.84 EUR"),
    ("svenstaro__mt940-rs__full_jejik_knab.sta", Outcome::Quarantined, "hf", 3, -626_000, "the balance proof fails: opening 3058.98 + booked -6760.00 = -3701.02, but the closing balance is 798.98 EUR"),
    ("svenstaro__mt940-rs__full_jejik_rabobank-iban.sta", Outcome::Read, "hh", 4, -7_000, ""),
    ("svenstaro__mt940-rs__full_jejik_rabobank.sta", Outcome::Quarantined, "fhfh", 5, -158_909, "the balance proof fails: opening 473.17 + booked -1213.28 = -740.11, but the closing balance is 395.82 EUR"),
    ("svenstaro__mt940-rs__full_jejik_sns.sta", Outcome::Read, "hh", 2, -2_500, ""),
    ("svenstaro__mt940-rs__full_mBank_mt942.sta", Outcome::Read, "h", 11, 8_730, ""),
    ("svenstaro__mt940-rs__full_sparkasse_buxtehude.sta", Outcome::Quarantined, "f", 3, -14_104, "the balance proof fails: opening 13564.13 + booked -141.04 = 13423.09, but the closing balance is 13523.09 EUR"),
    ("svenstaro__mt940-rs__mt940_special-cases_overly_long_details.sta", Outcome::Quarantined, "f", 1, -23_315, "the balance proof fails: opening 12345.12 + booked -233.15 = 12111.97, but the closing balance is 12345.98 EUR"),
    ("svenstaro__mt940-rs__mt940_special-cases_unexpected_tag.sta", Outcome::Quarantined, "h", 1, -600, "no account (:25:) before the entries"),
    ("svenstaro__mt940-rs__mt940_special-cases_unknown_tag.sta", Outcome::Read, "h", 1, -600, ""),
    ("tryton__mt940__mt940_MT940-optional.txt", Outcome::Quarantined, "a", 3, 0, "no opening balance (:60F: or :60M:) before the entries"),
    ("tryton__mt940__mt940_MT940.txt", Outcome::Read, "hh", 6, 100_002, ""),
    ("webschik__mt940-js____tests___cases_abn-amro-1.STA", Outcome::Quarantined, "f", 1, 541, "the balance proof fails: opening 3148.49 + booked 5.41 = 3153.90, but the closing balance is 2940.39 EUR"),
];

#[test]
fn samples_of_others() {
    let Some(folder) = std::env::var_os("INCASSO_SAMPLES").map(PathBuf::from) else {
        println!("skipped: INCASSO_SAMPLES does not name the folder of the samples");
        return;
    };
    let folder = if folder.join("mt940").is_dir() {
        folder.join("mt940")
    } else {
        folder
    };
    let mut files = 0;
    for file in std::fs::read_dir(&folder).unwrap() {
        let path = file.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if name == "SOURCES.md" {
            continue;
        }
        files += 1;
        let row = EXPECTED.iter().find(|row| row.0 == name);
        let (_, outcome, proofs, entries, sum, why) = row.unwrap_or_else(|| panic!("{name} is not in the table"));
        let found = inspected(&std::fs::read(&path).unwrap());
        assert_eq!(found.outcome, *outcome, "{name}: {:?}", found.problems);
        let told: String = found
            .statements
            .iter()
            .filter_map(|statement| statement.balance_proof.chars().next())
            .collect();
        assert_eq!(told, *proofs, "{name}: {:?}", found.problems);
        let all = found.statements.iter().flat_map(|statement| &statement.entries);
        let amounts: Vec<i64> = all.map(|entry| entry.amount_minor.unwrap_or_default()).collect();
        assert_eq!((amounts.len(), amounts.iter().sum::<i64>()), (*entries, *sum), "{name}");
        let said = found.problems.iter().any(|problem| problem.what == *why);
        assert!(said || why.is_empty(), "{name}: {:?}", found.problems);
    }
    assert_eq!(files, EXPECTED.len(), "a sample of the table is missing");
}
