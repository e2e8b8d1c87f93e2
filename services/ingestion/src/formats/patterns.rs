//! Patterns of the creditor's own references, to cut them out of free texts: `F-####/######`.

use super::model::{Event, Reference, ReferenceKind};

/// Wildcards that a pattern needs at least: a shorter one finds amounts and dates everywhere.
const LEAST: usize = 4;

/// One pattern: `#` is a digit, `@` a letter, `*` either, everything else itself (case does not count).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Pattern {
    slots: Vec<Slot>,
}

#[derive(Copy, Clone, Debug, Eq, PartialEq)]
enum Slot {
    Digit,
    Letter,
    Either,
    Itself(char),
}

impl Slot {
    fn fits(self, letter: char) -> bool {
        match self {
            Self::Digit => letter.is_ascii_digit(),
            Self::Letter => letter.is_alphabetic(),
            Self::Either => letter.is_alphanumeric(),
            Self::Itself(own) => own == letter || own.to_uppercase().eq(letter.to_uppercase()),
        }
    }
}

impl Pattern {
    /// The pattern as a person writes it; nothing where it has fewer than four wildcards.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let slots: Vec<Slot> = text
            .chars()
            .map(|letter| match letter {
                '#' => Slot::Digit,
                '@' => Slot::Letter,
                '*' => Slot::Either,
                own => Slot::Itself(own),
            })
            .collect();
        let wild = slots.iter().filter(|slot| !matches!(slot, Slot::Itself(_))).count();
        (wild >= LEAST).then_some(Self { slots })
    }

    /// All that fits, where neither a letter nor a digit stands on either side.
    fn find(&self, letters: &[char], found: &mut Vec<String>) {
        let beside = |letter: Option<&char>| letter.is_some_and(|letter| letter.is_alphanumeric());
        for (from, window) in letters.windows(self.slots.len()).enumerate() {
            let fits = self.slots.iter().zip(window).all(|(slot, letter)| slot.fits(*letter));
            let before = from.checked_sub(1).and_then(|at| letters.get(at));
            if fits && !beside(before) && !beside(letters.get(from.saturating_add(self.slots.len()))) {
                found.push(window.iter().collect());
            }
        }
    }
}

/// The same event; an entry with the references that the patterns find in its texts.
pub(crate) fn mark(patterns: &[Pattern], mut event: Event) -> Event {
    if let Event::Entry(entry) = &mut event {
        let mut found = Vec::new();
        for text in [&entry.remittance, &entry.entry_text, &entry.detail_text] {
            let letters: Vec<char> = if patterns.is_empty() {
                Vec::new()
            } else {
                text.chars().collect()
            };
            for pattern in patterns {
                pattern.find(&letters, &mut found);
            }
        }
        for text in found {
            if !entry.references.iter().any(|known| known.text == text) {
                entry.references.push(Reference {
                    kind: ReferenceKind::Creditor,
                    text,
                    scheme: Some("pattern".to_owned()),
                });
            }
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_cut_out_of_texts() {
        let cases: [(&str, &str, &[&str]); 6] = [
            (
                "F-####/######",
                "pago F-2026/000001 y f-2026/000002.",
                &["F-2026/000001", "f-2026/000002"],
            ),
            ("F-####/######", "XF-2026/000001", &[]),
            ("F-####/######", "F-2026/0000012", &[]),
            ("@@####", "AB1234 ÑÑ1234", &["AB1234", "ÑÑ1234"]),
            ("****", "a1b2", &["a1b2"]),
            ("####", "", &[]),
        ];
        for (pattern, text, expected) in cases {
            let mut found = Vec::new();
            let letters: Vec<char> = text.chars().collect();
            Pattern::parse(pattern).unwrap().find(&letters, &mut found);
            assert_eq!(found, expected, "{pattern} in {text}");
        }
        assert_eq!(Pattern::parse("F-###"), None);
    }
}
