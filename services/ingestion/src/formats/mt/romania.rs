//! Texts of Romanian banks that are in no tags, but always in the same words (payment-feeds.md 5).

use super::details::{Details, Form, Text, is_iban_form, some};
use crate::formats::model::{Party, ReferenceKind};

/// Banca Comercială Română: `Referinta R, data valutei D, Decontare -Platitor  NAME  IBAN  CODFISC N-Beneficiar  NAME
/// IBAN  CODFISC N-Detalii  TEXT`.
pub(super) fn bcr(raw: &str) -> Option<Details> {
    let (head, rest) = raw.split_once("-Platitor")?;
    let (payer, rest) = rest.split_once("-Beneficiar")?;
    let (payee, text) = rest.split_once("-Detalii")?;
    let mut details = Details {
        form: Form::Bcr,
        remittance: Text::plain(text),
        debtor: party(payer),
        creditor: party(payee),
        ..Details::default()
    };
    if let Some((_, rest)) = head.split_once("Referinta ") {
        let reference = rest.split(',').next().unwrap_or_default();
        details.refer(ReferenceKind::Proprietary, reference, Some("Referinta"));
    }
    Some(details)
}

/// `NAME  IBAN  CODFISC N`
fn party(text: &str) -> Party {
    let text = text.split("CODFISC").next().unwrap_or_default();
    let mut party = Party::default();
    let mut name = text;
    for word in text.split_whitespace() {
        if is_iban_form(word) {
            party.iban = Some(word.to_owned());
            name = text.split_once(word).map_or(text, |(before, _)| before);
            break;
        }
    }
    party.name = some(name);
    party
}

/// Alpha Bank Romania: `Incasare … PLATITOR  NAME BIC IBAN DETALII INCASARE  TEXT END TO END ID  E CUST REFERENCE  R`,
/// the BIC before or behind the IBAN.
pub(super) fn alpha(raw: &str) -> Option<Details> {
    let (head, rest) = raw.split_once("PLATITOR")?;
    let (payer, rest) = rest.split_once("DETALII INCASARE")?;
    let (text, ids) = rest.split_once("END TO END ID").unwrap_or((rest, ""));
    let (end_to_end, customer) = ids.split_once("CUST REFERENCE").unwrap_or((ids, ""));
    let mut details = Details {
        form: Form::Alpha,
        booking_text: head.trim().to_owned(),
        remittance: Text::plain(text),
        ..Details::default()
    };
    let mut name: Vec<&str> = Vec::new();
    let mut named = true;
    for word in payer.split_whitespace() {
        if is_iban_form(word) {
            details.debtor.iban = Some(word.to_owned());
            named = false;
        } else if is_bic(word) {
            named = false;
        } else if named {
            name.push(word);
        }
    }
    details.debtor.name = some(&name.join(" "));
    details.refer_payers();
    details.refer(ReferenceKind::EndToEnd, end_to_end, None);
    let customer = customer.split_whitespace().next().unwrap_or_default();
    details.refer(ReferenceKind::Customer, customer, None);
    Some(details)
}

/// Eight or eleven capitals and digits with a country at five: `BUCUROBU`. A long word of a name may look so too; it
/// stands before the account, so that only what is in Romania is taken.
fn is_bic(word: &str) -> bool {
    let bytes = word.as_bytes();
    matches!(bytes.len(), 8 | 11)
        && bytes.iter().take(6).all(u8::is_ascii_uppercase)
        && bytes
            .iter()
            .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
        && word.get(4..6) == Some("RO")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_bcr() {
        let found = bcr(
            "Referinta 221031S02, data valutei 31-10-2022, Decontare -Platitor  Ion Pop SRL  RO24BREL0002002472400100  \
             CODFISC 0-Beneficiar  FIRMA SRL  RO48RNCB0090000506460001  CODFISC RO39-Detalii  /ROC/AB 7/RFB/31/2022",
        )
        .unwrap();
        assert_eq!(found.debtor.name.as_deref(), Some("Ion Pop SRL"));
        assert_eq!(found.debtor.iban.as_deref(), Some("RO24BREL0002002472400100"));
        assert_eq!(found.creditor.name.as_deref(), Some("FIRMA SRL"));
        assert_eq!(found.creditor.iban.as_deref(), Some("RO48RNCB0090000506460001"));
        assert_eq!(found.remittance.joined, "/ROC/AB 7/RFB/31/2022");
        assert_eq!(found.references[0].text, "221031S02");
        assert_eq!(bcr("Operatiuni fara numerar"), None);
    }

    #[test]
    fn of_alpha() {
        let found = alpha(
            "Incasare interbancara PLATITOR  FIRMA SRL RO88BTRLRONCRT0301398801 BTRLRO22 DETALII INCASARE  .ROC.rata mai\
             ..RFB.22 NOTPROVIDED   END TO END ID  NOTPROVIDED CUST REFERENCE   032EPOH22",
        )
        .unwrap();
        assert_eq!(found.debtor.name.as_deref(), Some("FIRMA SRL"));
        assert_eq!(found.debtor.iban.as_deref(), Some("RO88BTRLRONCRT0301398801"));
        assert_eq!(found.remittance.joined, ".ROC.rata mai..RFB.22 NOTPROVIDED");
        let references: Vec<&str> = found
            .references
            .iter()
            .map(|reference| reference.text.as_str())
            .collect();
        assert_eq!(references, ["rata mai", "22", "032EPOH22"]);
        let found = alpha(
            "Incasare intrabancara PLATITOR  Ana Pop BUCUROBU RO39BUCU2481304266464RON DETALII INCASARE  FN 38 0",
        );
        let found = found.unwrap();
        assert_eq!(found.debtor.name.as_deref(), Some("Ana Pop"));
        assert_eq!(found.debtor.iban.as_deref(), Some("RO39BUCU2481304266464RON"));
        assert_eq!(found.remittance.joined, "FN 38 0");
        assert_eq!(alpha("Comision depunere numerar"), None);
    }
}
