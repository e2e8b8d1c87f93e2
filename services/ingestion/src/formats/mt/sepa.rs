//! SEPA tags inside the purpose: `EREF+…KREF+…SVWZ+…`. A tag stands at the beginning of a part, or behind a blank; text
//! runs on into the next part, of the short ones only where the part was full (payment-feeds.md 5).

use super::details::{Details, Text, account, join};
use crate::formats::model::ReferenceKind;

/// Tags, without their `+`.
const TAGS: [&str; 13] = [
    "EREF", "KREF", "MREF", "CRED", "DEBT", "COAM", "OAMT", "SVWZ", "ABWA", "ABWE", "PURP", "IBAN", "BIC",
];

/// Those whose text may go on for any length.
fn is_long(tag: &str) -> bool {
    matches!(tag, "SVWZ" | "ABWA" | "ABWE")
}

/// A tag (empty for text before any) and its parts.
type Piece<'a> = (&'static str, Vec<(&'a str, bool)>);

/// Whether a text without subfields is written in tags.
pub(super) fn is_tagged(text: &str) -> bool {
    text.split('\n')
        .any(|line| matches!(next_tag(line, true), Some((_, tag)) if tag != "BIC" && tag != "IBAN"))
}

/// The first tag in a part and where it begins.
fn next_tag(part: &str, at_start: bool) -> Option<(usize, &'static str)> {
    let mut previous = if at_start { ' ' } else { 'x' };
    for (at, letter) in part.char_indices() {
        if previous.is_whitespace() && letter.is_ascii_uppercase() {
            let rest = part.get(at..).unwrap_or_default();
            // Three or four letters, then the sign.
            if rest.bytes().skip(3).take(2).any(|byte| byte == b'+') {
                let found = TAGS
                    .into_iter()
                    .find(|tag| rest.strip_prefix(tag).is_some_and(|rest| rest.starts_with('+')));
                if let Some(tag) = found {
                    return Some((at, tag));
                }
            }
        }
        previous = letter;
    }
    None
}

fn pieces<'a>(parts: &[(&'a str, bool)]) -> Vec<Piece<'a>> {
    let mut found: Vec<Piece<'a>> = Vec::new();
    let mut full = true;
    for (part, is_full) in parts {
        let mut rest = *part;
        let mut at_start = true;
        loop {
            let tag = next_tag(rest, at_start);
            let (head, tail) = match tag {
                Some((at, _)) => rest.split_at_checked(at).unwrap_or((rest, "")),
                None => (rest, ""),
            };
            if !head.trim().is_empty() || (!at_start && tag.is_none()) {
                add(&mut found, head, *is_full && tag.is_none(), at_start && !full);
            }
            let Some((_, tag)) = tag else { break };
            found.push((tag, Vec::new()));
            rest = tail.get(tag.len() + 1..).unwrap_or_default();
            at_start = false;
        }
        full = *is_full;
    }
    found
}

/// Text of the tag before it; of none where the part before was not full and the tag is a short one.
fn add<'a>(found: &mut Vec<Piece<'a>>, text: &'a str, full: bool, apart: bool) {
    match found.last_mut() {
        Some((tag, parts)) if !apart || tag.is_empty() || is_long(tag) => parts.push((text, full)),
        _ => found.push(("", vec![(text, full)])),
    }
}

/// Reads the parts of a purpose.
pub(super) fn read(parts: &[(&str, bool)]) -> Details {
    let mut details = Details::default();
    let pieces = pieces(parts);
    let remittance = pieces.iter().filter(|(tag, _)| matches!(*tag, "" | "SVWZ"));
    details.remittance = Text::of(remittance.flat_map(|(_, parts)| parts.iter().copied()));
    for (tag, parts) in &pieces {
        if matches!(*tag, "" | "SVWZ") {
            continue;
        }
        let text = join(parts.iter().copied(), false).0;
        match *tag {
            "EREF" => details.refer(ReferenceKind::EndToEnd, &text, None),
            "KREF" => details.refer(ReferenceKind::Customer, &text, None),
            "MREF" => details.refer(ReferenceKind::Mandate, &text, None),
            "ABWA" => details.ultimate_debtor = super::details::some(&text),
            "ABWE" => details.ultimate_creditor = super::details::some(&text),
            "IBAN" => details.other = account(&text),
            "CRED" | "DEBT" | "COAM" | "OAMT" | "PURP" => details.add_extra(&format!("{tag}+{text}")),
            _ => {}
        }
    }
    details
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(parts: &[&str]) -> (String, Vec<String>) {
        let parts: Vec<(&str, bool)> = parts.iter().map(|part| (*part, part.chars().count() >= 27)).collect();
        let found = read(&parts);
        let references = found.references.into_iter().map(|reference| reference.text).collect();
        (found.remittance.joined, references)
    }

    #[test]
    fn purposes() {
        let cases: &[(&[&str], &str, &[&str])] = &[
            (&["Miete November"], "Miete November", &[]),
            (&["EREF+NOTPROVIDED", "SVWZ+Rg. 77 K", "d. 88"], "Rg. 77 Kd. 88", &[]),
            // A full part goes on in the next one.
            (
                &["EREF+EndToEndId TFNR 22 004", " 00001", "SVWZ+Verw CTSc-01"],
                "Verw CTSc-01",
                &["EndToEndId TFNR 22 004 00001"],
            ),
            // One that was not full does not.
            (
                &["EREF+TFNR 40005 00005", "MTLG:Grund nicht"],
                "MTLG:Grund nicht",
                &["TFNR 40005 00005"],
            ),
            (
                &[
                    "EREF+A1.77",
                    "KREF+SEPA-DA20 MREF+0852HW CRED+DE41 OAMT+11,85 SVWZ+",
                    "SONSTIGE",
                ],
                "SONSTIGE",
                &["A1.77", "SEPA-DA20", "0852HW"],
            ),
            (&["FIRMA GMBH", "EREF+NOTPROVIDED", "SVWZ+EWE"], "FIRMA GMBHEWE", &[]),
            (&["SVWZ+a EREF: 7 IBAN: DE1"], "a EREF: 7 IBAN: DE1", &[]),
            (&["xEREF+7"], "xEREF+7", &[]),
        ];
        for (parts, remittance, references) in cases {
            let found = told(parts);
            assert_eq!(found.0, *remittance, "{parts:?}");
            assert_eq!(found.1, *references, "{parts:?}");
        }
    }

    #[test]
    fn tagged_or_not() {
        assert!(is_tagged("EREF+7 SVWZ+x"));
        assert!(is_tagged("Text\nSVWZ+x"));
        assert!(!is_tagged("Text mit EREF: 7"));
        assert!(!is_tagged("a+b"));
    }
}
