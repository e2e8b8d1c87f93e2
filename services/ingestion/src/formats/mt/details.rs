//! What a `:86:` tells, in whichever of its structures: German subfields, SEPA tags, Dutch slash tags, Romanian texts.

use kernel::Iban;

use super::dialect::Dialect;
use super::{romania, sepa, slash, subfields};
use crate::formats::model::{Party, Reference, ReferenceKind};

/// Characters of a full line of `:86:`.
const LINE: usize = 65;

/// How a `:86:` is structured.
#[derive(Copy, Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum Form {
    /// Free text.
    #[default]
    Plain,
    /// Three digits, then subfields of two digits behind this separator: `166?00…?20…`.
    Subfields(char),
    /// `EREF+…SVWZ+…` without subfields.
    Sepa,
    /// `/TRTP/…/REMI/…`
    Slash,
    /// Banca Comercială Română: `Referinta …-Platitor …-Beneficiar …-Detalii …`.
    Bcr,
    /// Alpha Bank Romania: `… PLATITOR … DETALII INCASARE …`.
    Alpha,
    /// Knab and others: `REK: …/NAAM: …`.
    AccountAndName,
}

/// One `:86:`, or several of one entry.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Details {
    pub(super) form: Form,
    /// Business transaction code of German banks: `166`.
    pub(super) code: Option<String>,
    /// What kind of entry it is, in the bank's words: `?00`, `/TRTP/`.
    pub(super) booking_text: String,
    pub(super) remittance: Text,
    /// The other side.
    pub(super) other: Party,
    /// Where the text names both sides.
    pub(super) debtor: Party,
    pub(super) creditor: Party,
    pub(super) ultimate_debtor: Option<String>,
    pub(super) ultimate_creditor: Option<String>,
    /// In the order of the text.
    pub(super) references: Vec<Reference>,
    /// ISO codes of why money came back.
    pub(super) reasons: Vec<String>,
    /// What is left: creditor identifier, original amount.
    pub(super) extra: String,
}

impl Details {
    pub(super) fn refer(&mut self, kind: ReferenceKind, text: &str, scheme: Option<&str>) {
        let text = text.trim();
        if super::line61::is_reference(text) {
            self.references.push(Reference {
                kind,
                text: text.to_owned(),
                scheme: scheme.map(str::to_owned),
            });
        }
    }

    /// What the payer marked as references in the remittance.
    pub(super) fn refer_payers(&mut self) {
        for (kind, value) in roc_rfb(&self.remittance.joined) {
            self.refer(ReferenceKind::Proprietary, &value, Some(kind));
        }
    }

    pub(super) fn add_extra(&mut self, text: &str) {
        if !text.trim().is_empty() {
            if !self.extra.is_empty() {
                self.extra.push(' ');
            }
            self.extra.push_str(text.trim());
        }
    }
}

/// A text that the bank cut into parts.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Text {
    /// Joined without separator: banks cut inside words.
    pub(super) joined: String,
    /// The same with blanks behind parts that were not full; empty where that is no other text.
    pub(super) spaced: String,
}

impl Text {
    /// Joins parts; each with whether it was full. Two blanks or more at the end of a part are padding for one.
    pub(super) fn of<'a>(parts: impl Iterator<Item = (&'a str, bool)> + Clone) -> Self {
        let (joined, gaps) = join(parts.clone(), false);
        let spaced = if gaps { join(parts, true).0 } else { String::new() };
        Self { joined, spaced }
    }

    pub(super) fn plain(text: &str) -> Self {
        Self {
            joined: text.trim().to_owned(),
            spaced: String::new(),
        }
    }
}

/// Joins parts, with blanks behind those that were not full where `spaced`; and whether that makes another text.
pub(super) fn join<'a>(parts: impl Iterator<Item = (&'a str, bool)>, spaced: bool) -> (String, bool) {
    let mut joined = String::new();
    let (mut gap, mut gaps) = (false, false);
    for (part, full) in parts {
        let part = if joined.is_empty() { part.trim_start() } else { part };
        let text = part.trim_end();
        if gap && !text.is_empty() && !joined.is_empty() && !joined.ends_with(' ') && !text.starts_with(' ') {
            gaps = true;
            if spaced {
                joined.push(' ');
            }
        }
        joined.push_str(text);
        if text.len() < part.len() && !joined.is_empty() && !joined.ends_with(' ') {
            joined.push(' ');
        }
        gap = !full;
    }
    joined.truncate(joined.trim_end().len());
    (joined, gaps)
}

/// Reads the lines of a `:86:`.
pub(super) fn read(text: &str, dialect: Option<Dialect>) -> Details {
    if text.trim().is_empty() {
        return Details::default();
    }
    let lines: Vec<(&str, bool)> = text
        .split('\n')
        .map(|line| (line, line.chars().count() >= LINE))
        .collect();
    let raw: String = lines.iter().map(|(line, _)| *line).collect();
    let mut details = if let Some(fields) = subfields::parse(&raw) {
        subfields::read(&fields, dialect)
    } else if slash::is_structured(&raw) {
        slash::read(&raw)
    } else if let Some(details) = romania::bcr(&raw) {
        details
    } else if let Some(details) = romania::alpha(&raw) {
        details
    } else if sepa::is_tagged(text) {
        Details {
            form: Form::Sepa,
            ..sepa::read(&lines)
        }
    } else {
        account_and_name(&raw, &lines)
    };
    details.refer_payers();
    details
}

/// Free text; `REK: NL…/NAAM: …` in it is the other side.
fn account_and_name(raw: &str, lines: &[(&str, bool)]) -> Details {
    let mut details = Details {
        remittance: Text::of(lines.iter().copied()),
        ..Details::default()
    };
    let found = raw.split_once("REK: ").and_then(|(_, rest)| rest.split_once("/NAAM: "));
    if let Some((account, name)) = found.filter(|(account, _)| is_iban_shaped(account.trim())) {
        details.form = Form::AccountAndName;
        details.other.iban = Some(account.trim().to_owned());
        details.other.name = some(name);
    }
    details
}

/// References that the ordering customer put into the text: `/ROC/…` (his own) and `/RFB/…` (for the beneficiary). Some
/// banks write the slashes as points.
fn roc_rfb(text: &str) -> Vec<(&'static str, String)> {
    if !text.contains("ROC") && !text.contains("RFB") {
        return Vec::new();
    }
    let mut found: Vec<(usize, &'static str, &str)> = Vec::new();
    for (mark, kind) in [("/ROC/", "ROC"), (".ROC.", "ROC"), ("/RFB/", "RFB"), (".RFB.", "RFB")] {
        if let Some((before, after)) = text.split_once(mark) {
            found.push((before.len(), kind, after));
        }
    }
    found.sort_by_key(|(at, _, _)| *at);
    let values = found.into_iter().map(|(_, kind, after)| {
        let end = ["/ROC/", ".ROC.", "/RFB/", ".RFB.", "END TO END ID"]
            .iter()
            .filter_map(|mark| after.find(mark))
            .min()
            .unwrap_or(after.len());
        let value = after.get(..end).unwrap_or_default().trim();
        let value = value.strip_suffix("NOTPROVIDED").unwrap_or(value);
        // Points that stand alone are the bank's filling.
        let value = value.trim_matches(|letter: char| letter.is_whitespace() || letter == '.');
        (kind, value.to_owned())
    });
    values.collect()
}

/// A text without the blanks around it, if there is any.
pub(super) fn some(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// Two letters, two digits, eleven to thirty letters or digits.
pub(super) fn is_iban_shaped(text: &str) -> bool {
    let bytes = text.as_bytes();
    matches!(bytes.len(), 15..=34)
        && bytes.iter().take(2).all(u8::is_ascii_uppercase)
        && bytes.iter().skip(2).take(2).all(u8::is_ascii_digit)
        && bytes.iter().skip(4).all(u8::is_ascii_alphanumeric)
}

/// Of the form that is registered for its country, whatever its check digits: for free text, where a shape alone says
/// little, and files with invented accounts.
pub(super) fn is_iban_form(text: &str) -> bool {
    if !is_iban_shaped(text) {
        return false;
    }
    let (Some(country), Some(rest)) = (text.get(..2), text.get(4..)) else {
        return false;
    };
    let value = |letter: char| letter.to_digit(36).unwrap_or_default();
    let remainder = rest
        .chars()
        .chain(country.chars())
        .chain(['0', '0'])
        .map(value)
        .fold(0_u32, |rest, digit| match digit {
            0..=9 => (rest * 10 + digit) % 97,
            _ => (rest * 100 + digit) % 97,
        });
    Iban::parse(&format!("{country}{:02}{rest}", 98 - remainder)).is_ok()
}

/// A party by its account as written: an IBAN (blanks removed), or a number of the bank's.
pub(super) fn account(text: &str) -> Party {
    let compact: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let mut party = Party::default();
    if is_iban_shaped(&compact) {
        party.iban = Some(compact);
    } else {
        party.other_account = some(text);
    }
    party
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let full = "x".repeat(LINE);
        let text = |parts: &[(&str, bool)]| {
            let text = Text::of(parts.iter().copied());
            (text.joined, text.spaced)
        };
        let owned = |joined: &str, spaced: &str| (joined.to_owned(), spaced.to_owned());
        assert_eq!(text(&[("ab", false), ("cd", false)]), owned("abcd", "ab cd"));
        assert_eq!(text(&[(&full, true), ("cd", false)]), owned(&format!("{full}cd"), ""));
        assert_eq!(
            text(&[("ab    ", false), ("     ", false), ("cd  ", false)]),
            owned("ab cd", "")
        );
        assert_eq!(text(&[("ab ", false), ("cd", false)]), owned("ab cd", ""));
        assert_eq!(text(&[("ab", true), (" cd", false)]), owned("ab cd", ""));
        assert_eq!(text(&[]), owned("", ""));
    }

    #[test]
    fn ibans() {
        assert!(is_iban_form("RO49AAAA1B31007593840000"));
        assert!(is_iban_form("RO00AAAA1B31007593840000"));
        assert!(!is_iban_form("RO49AAAA1B3100759384000"));
        assert!(!is_iban_form("FR12345678901234"));
        assert!(is_iban_shaped("FR12345678901234"));
        assert!(!is_iban_shaped("NL****"));
        assert_eq!(
            account("DE41 2925 0000 0123 4567 89").iban.as_deref(),
            Some("DE41292500000123456789")
        );
        assert_eq!(account("1234567").other_account.as_deref(), Some("1234567"));
    }

    #[test]
    fn references_inside_the_text() {
        let of = |text: &str| {
            let found = roc_rfb(text);
            found
                .into_iter()
                .map(|(kind, value)| format!("{kind}={value}"))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            of("/ROC/SERIA AB NR 77 . . /RFB/31/20221028/20221031"),
            ["ROC=SERIA AB NR 77", "RFB=31/20221028/20221031"]
        );
        assert_eq!(of(".ROC.rata mai..RFB.22 NOTPROVIDED"), ["ROC=rata mai", "RFB=22"]);
        assert_eq!(of("x /RFB/RF18539007547034"), ["RFB=RF18539007547034"]);
        assert!(of("text").is_empty());
    }

    #[test]
    fn free_text() {
        let found = read("FACTUUR 77, 78\nREK: NL65INGB0123456789/NAAM: PICKER", None);
        assert_eq!(found.other.iban.as_deref(), Some("NL65INGB0123456789"));
        assert_eq!(found.other.name.as_deref(), Some("PICKER"));
        assert_eq!(
            found.remittance.joined,
            "FACTUUR 77, 78REK: NL65INGB0123456789/NAAM: PICKER"
        );
        assert_eq!(
            found.remittance.spaced,
            "FACTUUR 77, 78 REK: NL65INGB0123456789/NAAM: PICKER"
        );
        assert_eq!(read("", None), Details::default());
    }
}
