//! Which texts of a payment may be references.
//!
//! A reference is compared by its letters and digits alone (`F-2026/000123` is `F2026000123`). In free text banks insert
//! blanks, cut lines (35, 65, 140 characters) and glue neighbours together, so candidates are runs of neighbouring
//! atoms, joined. An atom is a word, or the letters or digits of a word such as `FACT12345`.

use std::collections::BTreeSet;

use kernel::Iso11649;

/// Longest run of atoms that is joined to one candidate.
const MAX_ATOMS: usize = 12;
/// Longest candidate; payment references have at most 35 characters in ISO 20022.
const MAX_CHARS: usize = 40;
/// No more of a free text is looked at: it is longer than all of SWIFT's and SEPA's remittance.
const MAX_TEXT_CHARS: usize = 2_000;
/// Shortest digits-only candidate in free text; joined over a blank, one more: amounts and dates stand there too.
const MIN_DIGITS: usize = 5;
/// Shortest candidate of letters and digits in free text.
const MIN_MIXED: usize = 4;
/// Shortest own part of an ISO 11649 reference that is searched without its `RF` and check digits.
const MIN_RF_OWN: usize = 4;

/// A text that may be a reference, and where it stands.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Candidate {
    /// Capital letters and digits only.
    pub token: String,
    /// Number of the field it was found in.
    pub field: usize,
    /// First atom.
    pub start: usize,
    /// One past the last atom.
    pub end: usize,
    /// Read out of a valid ISO 11649 reference.
    pub iso11649: bool,
}

impl Candidate {
    /// Whether it lies inside a longer one of the same field.
    #[must_use]
    pub fn inside(&self, other: &Self) -> bool {
        let within = self.start >= other.start && self.end <= other.end;
        let shorter = self.end - self.start < other.end - other.start || self.token.len() < other.token.len();
        self.field == other.field && within && shorter && !(self.iso11649 && other.iso11649)
    }
}

/// Letters (as capitals) and digits of a reference; all else is dropped.
#[must_use]
pub fn normalise(reference: &str) -> String {
    reference
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .map(|c| c.to_ascii_uppercase())
        .collect()
}

/// The tokens by which a registered reference is found: itself and, of an ISO 11649 reference, its own part.
#[must_use]
pub fn index_tokens(reference: &str) -> Vec<String> {
    let whole = normalise(reference);
    if whole.is_empty() {
        return Vec::new();
    }
    let own = Iso11649::parse(&whole)
        .ok()
        .map(|rf| rf.own().to_owned())
        .filter(|own| own.len() >= MIN_RF_OWN);
    std::iter::once(whole).chain(own).collect()
}

/// Runs of letters and digits with their lengths: `F2026000123` is `L1D10`. An index has few shapes; candidates of other
/// shapes need no look-up.
#[must_use]
pub fn shape(token: &str) -> String {
    let mut shape = String::new();
    let mut runs: Vec<(char, usize)> = Vec::new();
    for c in token.chars() {
        let class = if c.is_ascii_digit() { 'D' } else { 'L' };
        match runs.last_mut() {
            Some((last, length)) if *last == class => *length += 1,
            _ => runs.push((class, 1)),
        }
    }
    for (class, length) in runs {
        shape.push(class);
        shape.push_str(&length.to_string());
    }
    shape
}

/// All candidates of a payment: `structured` fields hold one reference each (also searched as free text), `free` ones text.
#[must_use]
pub fn candidates(structured: &[&str], free: &[&str]) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (field, text) in structured.iter().enumerate() {
        let whole = normalise(text);
        if !whole.is_empty() && whole.len() <= MAX_CHARS {
            let end = atoms(text).len().max(1);
            push(&mut found, whole, field, (0, end));
        }
    }
    for (field, text) in structured.iter().chain(free).enumerate() {
        runs_of(text, field, &mut found);
    }
    if !structured.is_empty() {
        // A structured field's whole text is also a run of its atoms.
        let mut seen = BTreeSet::new();
        found.retain(|candidate| {
            seen.insert((candidate.token.clone(), candidate.field, candidate.start, candidate.end))
        });
    }
    found
}

/// Adds a candidate, and of a valid ISO 11649 reference its own part.
fn push(found: &mut Vec<Candidate>, token: String, field: usize, span: (usize, usize)) {
    let (start, end) = span;
    let rf = if token.starts_with("RF") {
        Iso11649::parse(&token).ok()
    } else {
        None
    };
    let iso11649 = rf.is_some();
    if let Some(own) = rf.map(|rf| rf.own().to_owned()).filter(|own| own.len() >= MIN_RF_OWN) {
        found.push(Candidate {
            token: own,
            field,
            start,
            end,
            iso11649,
        });
    }
    found.push(Candidate {
        token,
        field,
        start,
        end,
        iso11649,
    });
}

/// Joined runs of atoms of one text.
fn runs_of(text: &str, field: usize, found: &mut Vec<Candidate>) {
    let atoms = atoms(text);
    let mistyped = mistyped_rf(&atoms);
    for start in (0..atoms.len()).filter(|start| !mistyped.contains(start)) {
        let mut token = String::new();
        for (length, atom) in atoms.iter().skip(start).take(MAX_ATOMS).enumerate() {
            token.push_str(atom);
            if token.len() > MAX_CHARS {
                break;
            }
            if worth_a_look(&token, length + 1) {
                push(found, token.clone(), field, (start, start + length + 1));
            }
        }
    }
}

/// Atoms that follow an `RF` and two digits which no run from there makes a valid ISO 11649 reference: the check digits say
/// that it is mistyped, so no part of it names anything. The whole, from `RF` on, may still be somebody's own numbering.
fn mistyped_rf(atoms: &[String]) -> BTreeSet<usize> {
    let mut mistyped = BTreeSet::new();
    for (start, _) in atoms.iter().enumerate().filter(|(_, atom)| *atom == "RF") {
        let mut token = String::new();
        let mut valid = false;
        let mut end = start;
        for (at, atom) in atoms.iter().enumerate().skip(start).take(MAX_ATOMS) {
            if at > start && !atom.bytes().any(|byte| byte.is_ascii_digit()) {
                break;
            }
            token.push_str(atom);
            valid |= Iso11649::parse(&token).is_ok();
            end = at + 1;
        }
        let check_digits = token
            .get(2..4)
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        if check_digits && !valid {
            mistyped.extend(start + 1..end);
        }
    }
    mistyped
}

fn worth_a_look(token: &str, atoms: usize) -> bool {
    let digits = token.bytes().filter(u8::is_ascii_digit).count();
    if digits == token.len() {
        digits >= MIN_DIGITS + usize::from(atoms > 1)
    } else {
        digits > 0 && token.len() >= MIN_MIXED
    }
}

/// Words, and the letters and digits of words that were glued together, in order.
fn atoms(text: &str) -> Vec<String> {
    let mut atoms = Vec::new();
    let mut word = String::new();
    for c in text.chars().take(MAX_TEXT_CHARS) {
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_uppercase());
        } else {
            split_word(&mut word, &mut atoms);
        }
    }
    split_word(&mut word, &mut atoms);
    atoms
}

/// `FACT12345`, `12345LEI` and `F2026000001F2026000002` fall apart; `1A2B3C` (a piece of a UUID, a key) does not.
fn split_word(word: &mut String, atoms: &mut Vec<String>) {
    if word.is_empty() {
        return;
    }
    let mut runs: Vec<String> = Vec::new();
    let mut last_digit = None;
    for c in word.chars() {
        let digit = c.is_ascii_digit();
        match runs.last_mut() {
            Some(run) if last_digit == Some(digit) => run.push(c),
            _ => runs.push(c.to_string()),
        }
        last_digit = Some(digit);
    }
    let is_digits = |run: &String| run.bytes().all(|byte| byte.is_ascii_digit());
    let digit_runs = runs.iter().filter(|run| is_digits(run)).count();
    let long_runs = runs.iter().filter(|run| is_digits(run) && run.len() >= 3).count();
    if digit_runs <= 1 || long_runs == digit_runs {
        atoms.append(&mut runs);
        word.clear();
    } else {
        atoms.push(std::mem::take(word));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn finds(structured: &[&str], free: &[&str], token: &str) -> bool {
        candidates(structured, free)
            .iter()
            .any(|candidate| candidate.token == token)
    }

    #[test]
    fn references_are_found_inside_what_banks_do_to_text() {
        for (text, token) in [
            ("plata factura F-2026/000123 multumesc", "F2026000123"),
            ("F20 26000123", "F2026000123"),
            ("f 2026 000 123", "F2026000123"),
            ("FACT1000042PLATA", "1000042"),
            ("FACT1000042PLATA", "FACT1000042"),
            ("contract 1000 042", "1000042"),
            ("RF18 5390 0754 7034", "RF18539007547034"),
            ("ref rf18 539007547034 x", "539007547034"),
            ("F2026000001F2026000002", "F2026000002"),
            ("F2026000001F2026000002", "F2026000001"),
            (
                "PAYU 52f5e22d-5f2f-4547-ab26-c566ccbb6763",
                "52F5E22D5F2F4547AB26C566CCBB6763",
            ),
            ("contr.:AB-12", "AB12"),
        ] {
            assert!(
                finds(&[], &[text], token),
                "{token} in {text}: {:?}",
                candidates(&[], &[text])
            );
        }
    }

    #[test]
    fn what_is_no_reference_is_not_looked_up() {
        for (text, token) in [
            ("RF19 5390 0754 7034", "539007547034"),
            ("apartament 12", "12"),
            ("multumesc frumos", "MULTUMESCFRUMOS"),
            ("12 345", "12345"),
            ("a1b2c3d4e5", "A1"),
        ] {
            assert!(!finds(&[], &[text], token), "{token} in {text}");
        }
        // Somebody's own numbers may begin with RF.
        assert!(finds(&[], &["plata RF-000 000"], "RF000000"));
        // A field for one reference may hold a short one.
        assert!(finds(&["12"], &[], "12"));
    }

    #[test]
    fn the_longer_of_two_nested_candidates_contains_the_shorter() {
        let all = candidates(&[], &["F 2026000123"]);
        let long = all.iter().find(|c| c.token == "F2026000123").unwrap();
        let short = all.iter().find(|c| c.token == "2026000123").unwrap();
        assert!(short.inside(long) && !long.inside(short) && !long.inside(long));
    }

    #[test]
    fn shapes_and_index_tokens() {
        assert_eq!(shape("F2026000123"), "L1D10");
        assert_eq!(shape(""), "");
        assert_eq!(
            index_tokens("RF18 5390 0754 7034"),
            ["RF18539007547034", "539007547034"]
        );
        assert_eq!(index_tokens(" ro-100001 "), ["RO100001"]);
        assert!(index_tokens("--").is_empty());
    }

    proptest! {
        /// A reference of letters and at least six digits is found whatever separators stand between or around it.
        #[test]
        fn separators_do_not_hide_a_reference(
            letters in "[A-Z]{0,3}", digits in "[0-9]{6,12}", cut in 1_usize..6,
            separator in "[ /.-]", before in "([a-z]{1,8} ){0,3}", after in "( [a-z]{1,8}){0,3}",
        ) {
            // "rf 123456" is a mistyped ISO 11649 reference.
            prop_assume!(!(letters.is_empty() && before.split(' ').rev().nth(1) == Some("rf")));
            let (left, right) = digits.split_at(cut);
            let text = format!("{before}{letters}{left}{separator}{right}{after}");
            let token = format!("{letters}{digits}");
            prop_assert!(finds(&[], &[&text], &token), "{} in {}", token, text);
            prop_assert!(finds(&[&token], &[], &token));
        }

        #[test]
        fn any_text_is_bounded(text in "\\PC{0,4000}") {
            prop_assert!(candidates(&[], &[&text]).len() <= MAX_TEXT_CHARS * MAX_ATOMS * 2);
        }
    }
}
