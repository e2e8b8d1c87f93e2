//! The line of an entry, `:61:`: value date, entry date, mark, funds letter, amount, type, references.

use super::problem::{MtProblem, short};

/// Debit or credit, and of what.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Mark {
    /// `C`: money to us.
    Credit,
    /// `D`
    Debit,
    /// `RC`: a credit is taken back, money from us.
    ReversedCredit,
    /// `RD`: a debit is taken back, money to us.
    ReversedDebit,
    /// `EC`: a credit is expected (MT942).
    ExpectedCredit,
    /// `ED`
    ExpectedDebit,
}

impl Mark {
    /// Whether money comes to us.
    pub(super) fn is_credit(self) -> bool {
        matches!(self, Self::Credit | Self::ReversedDebit | Self::ExpectedCredit)
    }

    /// Whether an earlier entry is undone.
    pub(super) fn is_reversal(self) -> bool {
        matches!(self, Self::ReversedCredit | Self::ReversedDebit)
    }

    /// Whether it is not on the books.
    pub(super) fn is_expected(self) -> bool {
        matches!(self, Self::ExpectedCredit | Self::ExpectedDebit)
    }
}

/// One `:61:` as written.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct EntryLine<'a> {
    /// `YYMMDD`.
    pub(super) value_date: &'a str,
    /// `MMDD`.
    pub(super) entry_date: Option<&'a str>,
    pub(super) mark: Mark,
    pub(super) amount: &'a str,
    /// Type, such as `NTRF`.
    pub(super) code: &'a str,
    /// Reference of the account owner, 16 characters and in the wild more.
    pub(super) customer: &'a str,
    /// What follows `//`.
    pub(super) bank: &'a str,
    /// What some banks write behind the 16 padded characters of the reference: the other side's name.
    pub(super) name: &'a str,
}

/// Takes the line apart.
pub(super) fn parse(line: &str) -> Result<EntryLine<'_>, MtProblem> {
    let bad = || MtProblem::BadEntry(short(line));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let rest = line.trim_start();
    let (value_date, rest) = rest
        .split_at_checked(6)
        .filter(|(date, _)| all_digits(date))
        .ok_or_else(bad)?;
    let (entry_date, rest) = match rest.trim_start().split_at_checked(4) {
        // Zeros are no date: the bank leaves it out so.
        Some((date, rest)) if all_digits(date) => (Some(date).filter(|date| *date != "0000"), rest),
        _ => (None, rest),
    };
    let (mark, rest) = mark(rest.trim_start()).ok_or_else(bad)?;
    // The funds letter is the third of the currency's code; banks put others there.
    let rest = rest
        .strip_prefix(|letter: char| letter.is_ascii_alphabetic())
        .unwrap_or(rest);
    let rest = rest.trim_start();
    let end = rest
        .find(|letter: char| !(letter.is_ascii_digit() || matches!(letter, ',' | '.')))
        .unwrap_or(rest.len());
    let (amount, rest) = rest.split_at_checked(end).ok_or_else(bad)?;
    if amount.is_empty() {
        return Err(bad());
    }
    let rest = rest.trim_start();
    // Some banks write no type before the bank's reference.
    let typed = if rest.starts_with("//") { 0 } else { 4 };
    let (code, references) = rest.split_at_checked(typed).unwrap_or((rest, ""));
    let (customer, bank) = references.split_once("//").unwrap_or((references, ""));
    let (customer, name) = padded(customer).filter(|_| bank.is_empty()).unwrap_or((customer, ""));
    Ok(EntryLine {
        value_date,
        entry_date,
        mark,
        amount,
        code: code.trim(),
        customer: customer.trim(),
        bank: bank.trim(),
        name: name.trim(),
    })
}

/// The longest mark first: `RDR` is `RD` with the funds letter `R`.
fn mark(rest: &str) -> Option<(Mark, &str)> {
    let marks = [
        ("RC", Mark::ReversedCredit),
        ("RD", Mark::ReversedDebit),
        ("EC", Mark::ExpectedCredit),
        ("ED", Mark::ExpectedDebit),
        ("C", Mark::Credit),
        ("D", Mark::Debit),
    ];
    marks.into_iter().find_map(|(text, mark)| {
        let (head, tail) = rest.split_at_checked(text.len())?;
        head.eq_ignore_ascii_case(text).then_some((mark, tail))
    })
}

/// `0121470966      W.P. Jansen`: a reference padded to 16, then more.
fn padded(customer: &str) -> Option<(&str, &str)> {
    let (reference, name) = customer.split_at_checked(16)?;
    (reference.ends_with("  ") && !name.trim().is_empty()).then_some((reference, name))
}

/// Whether a reference says anything: `NONREF`, `NOTPROVIDED` and pointers to `:86:` (`EREF`, `KREF+`) do not.
pub(super) fn is_reference(text: &str) -> bool {
    let letters = || {
        text.bytes()
            .filter(u8::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_uppercase())
    };
    let nothing = ["NONREF", "NOTPROVIDED", "NOTAVAILABLE", "EREF", "KREF", "MREF", "PREF"];
    letters().next().is_some() && !nothing.iter().any(|word| letters().eq(word.bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    type Expected<'a> = (
        &'a str,
        Option<&'a str>,
        Mark,
        &'a str,
        &'a str,
        &'a str,
        &'a str,
        &'a str,
    );

    #[test]
    #[expect(clippy::too_many_lines, reason = "one table")]
    fn entries() {
        let cases: &[(&str, Expected<'_>)] = &[
            (
                "2210311031C1000,00NTRF.//2022103180931993",
                (
                    "221031",
                    Some("1031"),
                    Mark::Credit,
                    "1000,00",
                    "NTRF",
                    ".",
                    "2022103180931993",
                    "",
                ),
            ),
            (
                "200211CN1000,00NTRFNONREF//RE20200211-7523",
                (
                    "200211",
                    None,
                    Mark::Credit,
                    "1000,00",
                    "NTRF",
                    "NONREF",
                    "RE20200211-7523",
                    "",
                ),
            ),
            (
                "2002010219RDR1027,25N068NONREF",
                (
                    "200201",
                    Some("0219"),
                    Mark::ReversedDebit,
                    "1027,25",
                    "N068",
                    "NONREF",
                    "",
                    "",
                ),
            ),
            (
                "0709040904RC204,88NRTINONREF",
                (
                    "070904",
                    Some("0904"),
                    Mark::ReversedCredit,
                    "204,88",
                    "NRTI",
                    "NONREF",
                    "",
                    "",
                ),
            ),
            (
                "0909290929DK829419,78NTRFDansken",
                (
                    "090929",
                    Some("0929"),
                    Mark::Debit,
                    "829419,78",
                    "NTRF",
                    "Dansken",
                    "",
                    "",
                ),
            ),
            (
                "2103310331C50,00 NTRFNONREF//21",
                (
                    "210331",
                    Some("0331"),
                    Mark::Credit,
                    "50,00",
                    "NTRF",
                    "NONREF",
                    "21",
                    "",
                ),
            ),
            (
                "1407290729C500NTRF29-07-2014 10:05//B4G2",
                (
                    "140729",
                    Some("0729"),
                    Mark::Credit,
                    "500",
                    "NTRF",
                    "29-07-2014 10:05",
                    "B4G2",
                    "",
                ),
            ),
            (
                "100722D1,11NGT TMG TANGO",
                ("100722", None, Mark::Debit, "1,11", "NGT", "TMG TANGO", "", ""),
            ),
            (
                "110527D000000001213,28N0440121470966      W.P. Jansen     ",
                (
                    "110527",
                    None,
                    Mark::Debit,
                    "000000001213,28",
                    "N044",
                    "0121470966",
                    "",
                    "W.P. Jansen",
                ),
            ),
            (
                "200219C65,00NMSC",
                ("200219", None, Mark::Credit, "65,00", "NMSC", "", "", ""),
            ),
            (
                "200219 0220 C65,00//B-1",
                ("200219", Some("0220"), Mark::Credit, "65,00", "", "", "B-1", ""),
            ),
            (
                "2002190000C65,00NMSC",
                ("200219", None, Mark::Credit, "65,00", "NMSC", "", "", ""),
            ),
            (
                "200219EC65,00",
                ("200219", None, Mark::ExpectedCredit, "65,00", "", "", "", ""),
            ),
            (
                "2212191220C119,NMSC341241773/1XXXXX//O/341241774",
                (
                    "221219",
                    Some("1220"),
                    Mark::Credit,
                    "119,",
                    "NMSC",
                    "341241773/1XXXXX",
                    "O/341241774",
                    "",
                ),
            ),
        ];
        for (line, expected) in cases {
            let found = parse(line).unwrap();
            let found = (
                found.value_date,
                found.entry_date,
                found.mark,
                found.amount,
                found.code,
                found.customer,
                found.bank,
                found.name,
            );
            assert_eq!(found, *expected, "{line}");
        }
        for bad in [
            "",
            "22103",
            "221031",
            "2210311031X1,00NTRF",
            "221031C",
            "221031CNTRF",
            "2210ş1C1,",
            "221031-5,",
        ] {
            assert!(matches!(parse(bad), Err(MtProblem::BadEntry(_))), "{bad}");
        }
    }

    #[test]
    fn what_is_a_reference() {
        for nothing in ["", ".", "NONREF", "notprovided", "KREF+", "EREF", "NON REF", "---"] {
            assert!(!is_reference(nothing), "{nothing}");
        }
        assert!(is_reference("0"));
        assert!(is_reference("FACT 12"));
    }
}
