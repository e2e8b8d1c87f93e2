//! `:86:` in slash tags, as banks of the Netherlands and many international ones write it:
//! `/TRTP/SEPA OVERBOEKING/IBAN/…/NAME/…/REMI/…/EREF/…`.

use super::details::{Details, Form, Text, account, some};
use crate::formats::model::{Party, ReferenceKind};

/// Tags that are taken out of the text. `/ROC/` and `/RFB/` stay in it: the payer wrote them.
const TAGS: [&str; 41] = [
    "TRTP", "IBAN", "BIC", "NAME", "REMI", "EREF", "KREF", "MREF", "SVWZ", "MARF", "CSID", "RTRN", "ORDP", "BENM",
    "ADDR", "ISDT", "PREF", "CNTP", "PURP", "SVCL", "UDTR", "UCRD", "ULTD", "ULTB", "OCMT", "EXCH", "CHGS", "RTYP",
    "ID", "TRCD", "INST", "ACCW", "ABWA", "ABWE", "CREF", "IREF", "OAMT", "COAM", "CRED", "DEBT", "SUM",
];

/// Whose name and account the tags that follow tell.
#[derive(Copy, Clone)]
enum Side {
    Other,
    Debtor,
    Creditor,
    UltimateDebtor,
    UltimateCreditor,
}

/// Whether the text is in tags: it begins with one, or holds the remittance in one.
pub(super) fn is_structured(raw: &str) -> bool {
    let text = raw.trim_start();
    matches!(next_tag(text), Some((0, _))) || text.contains("/REMI/") || text.contains("/SVWZ/")
}

/// The first tag with both its slashes, and where it begins.
fn next_tag(text: &str) -> Option<(usize, &'static str)> {
    text.match_indices('/').find_map(|(at, _)| {
        let rest = text.get(at + 1..)?;
        let tag = TAGS
            .into_iter()
            .find(|tag| rest.strip_prefix(tag).is_some_and(|rest| rest.starts_with('/')))?;
        Some((at, tag))
    })
}

/// Reads the tags in their order.
pub(super) fn read(raw: &str) -> Details {
    let mut details = Details {
        form: Form::Slash,
        ..Details::default()
    };
    let mut side = Side::Other;
    let mut rest = raw;
    let mut next = next_tag(rest);
    if let Some((at, _)) = next {
        details.add_extra(rest.get(..at).unwrap_or_default());
    }
    while let Some((at, tag)) = next {
        rest = rest.get(at + tag.len() + 2..).unwrap_or_default();
        next = next_tag(rest);
        let end = next.map_or(rest.len(), |(at, _)| at);
        let value = rest.get(..end).unwrap_or_default();
        take(&mut details, &mut side, tag, value);
    }
    details
}

fn take(details: &mut Details, side: &mut Side, tag: &str, value: &str) {
    // A tag may be closed by a slash of its own: `/EREF/E-77//MARF/M-1//`.
    let reference = value.trim_end().trim_end_matches('/');
    match tag {
        "REMI" | "SVWZ" => remittance(details, value),
        "EREF" => details.refer(ReferenceKind::EndToEnd, reference, None),
        "KREF" | "PREF" | "CREF" | "IREF" => details.refer(ReferenceKind::Customer, reference, None),
        "MREF" | "MARF" => details.refer(ReferenceKind::Mandate, reference, None),
        "TRTP" => details.booking_text = value.trim().to_owned(),
        "RTRN" => details.reasons.extend(some(value.trim_matches('/'))),
        "ORDP" => enter(details, side, Side::Debtor, value),
        "BENM" => enter(details, side, Side::Creditor, value),
        "ULTD" | "UDTR" | "ABWA" => enter(details, side, Side::UltimateDebtor, value),
        "ULTB" | "UCRD" | "ABWE" => enter(details, side, Side::UltimateCreditor, value),
        "CNTP" => counterparty(details, value),
        "NAME" => name(details, *side, value),
        "IBAN" => {
            if let Some(party) = party(details, *side) {
                let found = account(value.trim_matches('/'));
                party.iban = found.iban;
                party.other_account = found.other_account;
            }
        }
        "CSID" | "CRED" | "DEBT" | "OAMT" | "COAM" | "OCMT" => details.add_extra(&format!("/{tag}/{}", value.trim())),
        _ => {}
    }
}

/// `USTD//text`, `STRD/type/reference`, or the text itself.
fn remittance(details: &mut Details, value: &str) {
    let value = value.trim();
    if let Some(structured) = value.strip_prefix("STRD/") {
        let (scheme, reference) = structured.split_once('/').unwrap_or(("", structured));
        let scheme = Some(scheme).filter(|scheme| !scheme.is_empty());
        details.refer(ReferenceKind::Creditor, reference.trim_matches('/'), scheme);
        return;
    }
    let text = match value.strip_prefix("USTD/") {
        Some(text) => text.trim_matches('/'),
        None => value,
    };
    details.remittance = Text::plain(text);
}

/// The tag of a party; banks that put no sub-tags behind it write the name at once.
fn enter(details: &mut Details, side: &mut Side, new: Side, value: &str) {
    *side = new;
    if !value.trim_matches('/').trim().is_empty() {
        name(details, new, value);
    }
}

fn name(details: &mut Details, side: Side, value: &str) {
    let name = some(value.trim_matches('/'));
    match side {
        Side::UltimateDebtor => details.ultimate_debtor = name,
        Side::UltimateCreditor => details.ultimate_creditor = name,
        _ => {
            if let Some(party) = party(details, side) {
                party.name = name;
            }
        }
    }
}

fn party(details: &mut Details, side: Side) -> Option<&mut Party> {
    match side {
        Side::Other => Some(&mut details.other),
        Side::Debtor => Some(&mut details.debtor),
        Side::Creditor => Some(&mut details.creditor),
        Side::UltimateDebtor | Side::UltimateCreditor => None,
    }
}

/// `account/BIC/name/city`.
fn counterparty(details: &mut Details, value: &str) {
    let mut parts = value.split('/');
    let number = parts.next().unwrap_or_default();
    details.other = account(number);
    details.other.name = parts.nth(1).and_then(some);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags() {
        let found =
            read("/TRTP/SEPA OVERBOEKING/IBAN/NL65INGB0123456789/BIC/INGBNL2A/NAME/J. DOE/REMI/FACTUUR 7/8/EREF/E-77");
        assert_eq!(found.booking_text, "SEPA OVERBOEKING");
        assert_eq!(found.other.iban.as_deref(), Some("NL65INGB0123456789"));
        assert_eq!(found.other.name.as_deref(), Some("J. DOE"));
        assert_eq!(found.remittance.joined, "FACTUUR 7/8");
        assert_eq!(found.references[0].text, "E-77");
    }

    #[test]
    fn parties() {
        let found = read("/EREF/01-01-2013 12:00/BENM//NAME/CONTRA HOLDER/REMI//ISDT/2013-07-11");
        assert_eq!(found.creditor.name.as_deref(), Some("CONTRA HOLDER"));
        assert_eq!(found.remittance.joined, "");
        let found = read(" /XXXX//100 /ORDP/BANKEN AB (PUBL) /REMI/OUR REF: 03 BIC:XX");
        assert_eq!(found.debtor.name.as_deref(), Some("BANKEN AB (PUBL)"));
        assert_eq!(found.remittance.joined, "OUR REF: 03 BIC:XX");
        let found = read("/CNTP/NL32INGB0000012345/INGBNL2A/ING BANK///REMI/USTD//TEXT/");
        assert_eq!(found.other.name.as_deref(), Some("ING BANK"));
        assert_eq!(found.other.iban.as_deref(), Some("NL32INGB0000012345"));
        assert_eq!(found.remittance.joined, "TEXT");
        let found = read("/REMI/STRD/CUR/9876543210/RTRN/MS03");
        assert_eq!(
            (found.references[0].text.as_str(), found.references[0].scheme.as_deref()),
            ("9876543210", Some("CUR"))
        );
        assert_eq!(found.reasons, ["MS03"]);
    }

    #[test]
    fn structured_or_not() {
        assert!(is_structured(" /TRTP/x"));
        assert!(is_structured("x /REMI/y"));
        assert!(!is_structured("/ROC/7/RFB/8"));
        assert!(!is_structured("REK: NL65/NAAM: X"));
        assert!(!is_structured("/NAMES/x"));
    }
}
