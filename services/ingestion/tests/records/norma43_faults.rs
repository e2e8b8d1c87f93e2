//! Norma 43: files that are wrong are read in full, kept from being booked, and the reason is named.

use ingestion::formats::inspection::Outcome;

use crate::build::{
    assert_read, inspected, n43_account, n43_end, n43_ends, n43_file, n43_file_end, n43_movement, n43_movement_of,
    quarantined, told,
};

/// The lines of a sound file of two movements, for one to be spoilt.
fn lines() -> Vec<String> {
    n43_file(1_000, &[500, -200]).lines().map(str::to_owned).collect()
}

fn spoilt(line: usize, from: usize, by: &str) -> String {
    let mut lines = lines();
    lines[line - 1].replace_range(from - 1..from - 1 + by.len(), by);
    lines.join("\n")
}

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn every_field_that_is_checked() {
    assert_read(&inspected(lines().join("\n")));
    let cases = [
        (
            1,
            21,
            "261301",
            "line 1, record 11, positions 21-26 (first day): \"261301\" is not a date",
        ),
        (
            1,
            33,
            "3",
            "line 1, record 11, positions 33-33 (debit or credit): the debit or credit code is \"3\"",
        ),
        (
            1,
            34,
            "0000000000100X",
            "line 1, record 11, positions 34-47 (balance): \"0000000000100X\" is not an amount",
        ),
        (
            1,
            48,
            "000",
            "line 1, record 11, positions 48-50 (currency): \"000\" is not a currency",
        ),
        (
            2,
            11,
            "260230",
            "line 2, record 22, positions 11-16 (operation date): \"260230\" is not a date",
        ),
        (
            2,
            17,
            "261131",
            "line 2, record 22, positions 17-22 (value date): \"261131\" is not a date",
        ),
        (
            2,
            28,
            "0",
            "line 2, record 22, positions 28-28 (debit or credit): the debit or credit code is \"0\"",
        ),
        (
            2,
            29,
            "-0000000000500",
            "line 2, record 22, positions 29-42 (amount): \"-0000000000500\" is not an amount",
        ),
        (
            4,
            3,
            "0050",
            "line 4, record 33, positions 3-20 (account): the account is",
        ),
        (
            4,
            21,
            "00002",
            "line 4, record 33, positions 21-25 (number of debits): number of debits: 2 stated, 1 found",
        ),
        (
            4,
            26,
            "00000000000300",
            "positions 26-39 (total of debits): total of debits: 3.00 stated, 2.00 found, difference -1.00",
        ),
        (
            4,
            40,
            "0000A",
            "line 4, record 33, positions 40-44 (number of credits): \"0000A\" is not a number",
        ),
        (
            4,
            45,
            "00000000000501",
            "(total of credits): total of credits: 5.01 stated, 5.00 found, difference -0.01",
        ),
        (
            4,
            60,
            "00000000001301",
            "opening 10.00 + booked 3.00 = 13.00, but the closing balance is 13.01",
        ),
        (
            4,
            74,
            "840",
            "line 4, record 33, positions 74-76 (currency): the currency is USD here, but EUR",
        ),
        (
            4,
            74,
            "001",
            "line 4, record 33, positions 74-76 (currency): \"001\" is not a currency",
        ),
        (
            5,
            21,
            "000005",
            "line 5, record 88, positions 21-26 (number of records): number of records: 5 stated, 4 found",
        ),
        (
            5,
            21,
            "00000 ",
            "line 5, record 88, positions 21-26 (number of records): \"00000\" is not a number",
        ),
    ];
    for (line, from, by, expected) in cases {
        let found = inspected(spoilt(line, from, by));
        quarantined(&found, expected);
        assert_eq!(found.statements[0].entries.len(), 2, "{expected}");
    }
}

#[test]
fn codes_that_are_not_known_are_kept_and_told_once() {
    let mut lines = lines();
    for line in [1, 2] {
        lines[line].replace_range(22..24, "77");
    }
    lines.insert(3, "55SOMETHING".into());
    lines.insert(4, "55SOMETHING".into());
    lines.insert(3, format!("2301{:<76}{}", "X", "BEHIND THE END"));
    lines[0].replace_range(50..51, "9");
    let last = lines.len() - 1;
    lines[last] = n43_file_end(last);
    let found = inspected(lines.join("\n"));
    assert_read(&found);
    assert_eq!(
        told(&found),
        [
            "line 1, record 11, positions 51-51 (information mode): the information mode \"9\" is unknown and was kept as it is",
            "line 2, record 22, positions 23-24 (common concept): the common concept \"77\" is unknown and was kept as it is",
            "line 4, record 23: the record has 94 characters, the format has 80: what is behind them was passed over",
            "line 5: record \"55\" is unknown and was passed over",
        ]
    );
}

#[test]
fn a_value_date_may_be_left_out() {
    for blank in ["      ", "000000"] {
        let found = inspected(spoilt(2, 17, blank));
        assert_read(&found);
        assert_eq!(found.statements[0].entries[0].value_on, None);
        assert!(
            told(&found)[0].contains("(value date): there is no value date"),
            "{:?}",
            told(&found)
        );
    }
}

#[test]
fn records_in_the_wrong_order() {
    let order = |order: &[usize]| {
        let mut lines = lines();
        lines.insert(2, "2301CONCEPT".into());
        lines.insert(3, "240184000000000013580".into());
        let last = lines.len() - 1;
        lines[last] = n43_file_end(last);
        let text: Vec<String> = order.iter().map(|line| lines[line - 1].clone()).collect();
        inspected(text.join("\n"))
    };
    // 1 account, 2 movement, 3 concept, 4 equivalence, 5 movement, 6 end, 7 file end.
    assert_read(&order(&[1, 2, 3, 4, 5, 6, 7]));
    quarantined(
        &order(&[1, 3, 2, 4, 5, 6, 7]),
        "line 2, record 23: record 23 where it may not stand: it belongs to a record 22",
    );
    quarantined(
        &order(&[1, 2, 4, 4, 5, 6, 7]),
        "line 4, record 24: record 24 where it may not stand: a movement has at most one",
    );
    quarantined(
        &order(&[1, 2, 3, 4, 6, 5, 7]),
        "line 6: record 22 where it may not stand: after record 33",
    );
    quarantined(
        &order(&[1, 2, 3, 4, 5, 6, 6, 7]),
        "line 7: record 33 where it may not stand: after record 33",
    );
    quarantined(&order(&[1, 2, 3, 4, 5, 7]), "the statement ends without its record 33");
    quarantined(
        &order(&[1, 2, 3, 4, 5, 1, 6, 7]),
        "line 6: the statement ends without its record 33",
    );
    quarantined(&order(&[1, 2, 3, 4, 5, 6]), "the file ends without its record 88");
    quarantined(
        &order(&[1, 2, 3, 4, 5, 6, 7, 5]),
        "line 8: records without an account: record 11 is missing",
    );
    quarantined(
        &order(&[1, 2, 3, 3, 3, 3, 3, 3, 5, 6, 7]),
        "line 8, record 23: more than 5 records 23 of one movement",
    );
}

#[test]
fn a_wrong_count_of_the_file_keeps_every_account_of_it() {
    let lines = [
        n43_account(0, "978"),
        n43_end(&[], 0, "978"),
        n43_account(0, "978"),
        n43_end(&[], 0, "978"),
        n43_file_end(5),
    ];
    let found = inspected(lines.join("\n"));
    quarantined(
        &found,
        "line 5, record 88, positions 21-26 (number of records): number of records: 5 stated, 4 found",
    );
}

#[test]
fn amounts_that_do_not_fit() {
    // Fourteen digits with two decimals fit; as tenths of a cent they do too; yen with hundredths do not exist.
    let lines = [n43_account(0, "392"), n43_movement(1, 150)];
    let found = inspected([&lines[..], &n43_ends(0, &[150], 3, "392")[..]].concat().join("\n"));
    quarantined(
        &found,
        "line 2, record 22, positions 29-42 (amount): \"00000000000150\" has more decimal places than JPY",
    );
    assert_eq!(found.statements[0].entries[0].amount_minor, None);
    let most = 99_999_999_999_999;
    let lines = [n43_account(most, "978"), n43_movement(1, most)];
    let amounts = [&lines[..], &[n43_end(&[most], most, "978"), n43_file_end(3)][..]].concat();
    quarantined(
        &inspected(amounts.join("\n")),
        "= 1999999999999.98, but the closing balance is 999999999999.99",
    );
}

#[test]
fn another_currency_inside_a_movement_is_told_and_never_counted() {
    let lines = [
        n43_account(0, "978"),
        n43_movement_of("13", 1, 900, "", "", ""),
        "240184000000000001000".to_owned(),
        n43_movement_of("13", 1, 100, "", "", ""),
        "240199900000000001000".to_owned(),
    ];
    let found = inspected(
        [&lines[..], &n43_ends(0, &[900, 100], 6, "978")[..]]
            .concat()
            .join("\n"),
    );
    quarantined(&found, "line 5, record 24: \"999\" is not a currency");
    assert_eq!(found.statements[0].balance_proof, "holds");
}

#[test]
fn an_account_that_is_no_number() {
    let text = n43_file(0, &[]).replace("0049150012345678922", "00491500123456789X2");
    let found = inspected(&text);
    // It is a statement all the same: whose, a person must say.
    quarantined(&found, "\"00491500123456789X\" is not an account number");
    assert_eq!(found.statements[0].balance_proof, "holds");
}

#[test]
fn what_is_no_statement_is_refused() {
    for text in [
        "88999999999999999999000000",
        "2212346700040408040408040072000000000012340000000000",
    ] {
        assert_eq!(inspected(text).outcome, Outcome::Refused);
    }
}
