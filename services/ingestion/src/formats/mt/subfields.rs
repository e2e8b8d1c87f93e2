//! `:86:` in subfields: three digits of the business transaction code, a separator, then two digits and a text each.
//! German banks separate with `?`, others with `~`, `^`, `+`, `>`, `<`, `§`: the character behind the code is it.

use super::details::{Details, Form, account, is_iban_shaped, join, some};
use super::dialect::Dialect;
use super::sepa;

/// Characters of a full subfield.
const FULL: usize = 27;

/// The subfields of one `:86:`.
#[derive(Debug, Eq, PartialEq)]
pub(super) struct Subfields<'a> {
    code: Option<&'a str>,
    pub(super) separator: char,
    fields: Vec<(u8, &'a str)>,
}

/// Takes the text apart, where it is in subfields.
pub(super) fn parse(raw: &str) -> Option<Subfields<'_>> {
    let text = raw.trim_start();
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (code, rest) = match text.split_at_checked(3) {
        Some((code, rest)) if digits(code) => (Some(code), rest.trim_start()),
        _ => (None, text),
    };
    let separator = rest.chars().next()?;
    let usual = matches!(
        separator,
        '?' | '~' | '^' | '+' | '>' | '<' | '§' | '|' | '!' | '#' | '$' | '@'
    );
    let plausible = match code {
        Some(_) => {
            usual || !separator.is_alphanumeric() && !separator.is_whitespace() && !"/-.,:;()'*".contains(separator)
        }
        // Without a code only what no free text begins with.
        None => matches!(separator, '?' | '~' | '^' | '>' | '<' | '§'),
    };
    if !plausible || number(rest, separator).is_none() {
        return None;
    }
    let mut fields = Vec::new();
    let mut rest = rest;
    while let Some(field) = number(rest, separator) {
        let body = rest.get(separator.len_utf8() + 2..).unwrap_or_default();
        let end = body
            .char_indices()
            .find(|(at, letter)| {
                *letter == separator && number(body.get(*at..).unwrap_or_default(), separator).is_some()
            })
            .map_or(body.len(), |(at, _)| at);
        let (value, next) = body.split_at_checked(end)?;
        fields.push((field, value));
        rest = next;
    }
    if let Some((_, last)) = fields.last_mut() {
        *last = last.strip_suffix(separator).unwrap_or(last);
    }
    Some(Subfields {
        code,
        separator,
        fields,
    })
}

/// The number of the subfield that begins here. Behind `+` stand telephone numbers too.
fn number(text: &str, separator: char) -> Option<u8> {
    let rest = text.strip_prefix(separator)?;
    let two = rest
        .get(..2)
        .filter(|two| two.bytes().all(|byte| byte.is_ascii_digit()))?;
    let number: u8 = two.parse().ok()?;
    let known = matches!(number, 0 | 10 | 20..=38 | 60..=63);
    (known || (separator != '+' && number < 80)).then_some(number)
}

/// What the subfields say.
pub(super) fn read(fields: &Subfields<'_>, dialect: Option<Dialect>) -> Details {
    let all = |wanted: fn(u8) -> bool| fields.fields.iter().filter(move |(number, _)| wanted(*number));
    let join = |wanted: fn(u8) -> bool| join(all(wanted).map(|(_, text)| (*text, true)), false).0;
    // Blank padding is no part of the text, and a blank subfield says nothing.
    let purpose: Vec<(&str, bool)> = all(|number| matches!(number, 20..=29 | 60..=63))
        .filter(|(_, text)| !text.trim().is_empty())
        .map(|(_, text)| {
            (
                *text,
                text.trim_end().chars().count() >= FULL || text.chars().count() == FULL,
            )
        })
        .collect();
    let mut details = sepa::read(&purpose);
    details.form = Form::Subfields(fields.separator);
    details.code = fields.code.map(str::to_owned);
    details.booking_text = join(|number| number == 0);
    party(&mut details, fields, dialect);
    let reason = join(|number| number == 34);
    if let Some(code) = return_code(&reason) {
        details.reasons.push(code.to_owned());
    }
    details
}

/// 31 account, 32 and 33 name, 38 IBAN. ING Romania puts the IBAN into 33, BRD an address.
fn party(details: &mut Details, fields: &Subfields<'_>, dialect: Option<Dialect>) {
    let of = |wanted: u8| {
        let parts = fields.fields.iter().filter(move |(number, _)| *number == wanted);
        join(parts.map(|(_, text)| (*text, true)), false).0
    };
    let (first, second) = (of(32), of(33));
    let compact: String = second.chars().filter(|letter| !letter.is_whitespace()).collect();
    let iban = [of(38), of(31)]
        .into_iter()
        .map(|text| account(&text))
        .find(|party| party.iban.is_some());
    let iban_in_name = is_iban_shaped(&compact);
    let mut other = match iban {
        Some(party) => party,
        None if iban_in_name => account(&compact),
        None => account(&of(31)),
    };
    if other.iban.is_none() {
        other.iban = details.other.iban.take();
    }
    let address = dialect == Some(Dialect::Brd) || fields.separator == '+';
    let name = if iban_in_name || address {
        first
    } else {
        // Cut inside words: the parts as they stand.
        let parts = fields.fields.iter().filter(|(number, _)| matches!(number, 32 | 33));
        join(parts.map(|(_, text)| (*text, true)), false).0
    };
    other.name = some(&name);
    details.other = other;
}

/// German subfield 34 as the ISO code of a return (payment-feeds.md 13).
fn return_code(text: &str) -> Option<&'static str> {
    Some(match text.trim() {
        "901" => "AC01",
        "902" => "AC04",
        "903" => "AC06",
        "904" => "AG01",
        "905" => "AG02",
        "906" => "AM04",
        "907" => "AM05",
        "908" => "BE04",
        "914" => "MS03",
        "915" => "RC01",
        "916" => "TM01",
        "917" => "RR01",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn details(raw: &str, dialect: Option<Dialect>) -> Details {
        read(&parse(raw).unwrap(), dialect)
    }

    #[test]
    fn german() {
        let found = details(
            "166?00GUTSCHRIFT?109075/611?20EREF+E2E 7?21SVWZ+Rechnung 4711 vom ?2227.10.?30ABCDDE77XXX\
             ?31DE41292500000123456789?32Muster?33mann GmbH?34906",
            None,
        );
        assert_eq!(found.code.as_deref(), Some("166"));
        assert_eq!(found.booking_text, "GUTSCHRIFT");
        assert_eq!(found.remittance.joined, "Rechnung 4711 vom 27.10.");
        assert_eq!(found.other.name.as_deref(), Some("Mustermann GmbH"));
        assert_eq!(found.other.iban.as_deref(), Some("DE41292500000123456789"));
        assert_eq!(found.references[0].text, "E2E 7");
        assert_eq!(found.reasons, ["AM04"]);
    }

    #[test]
    fn separators() {
        let ing = details(
            "035~20AMT RCD RON 10,00          ~21                           ~32FIRMA SRL              \
             ~33RO25INGB0014000031948911   ~25CVF 2020/0060  ~60     ~",
            Some(Dialect::IngRomania),
        );
        assert_eq!(ing.remittance.joined, "AMT RCD RON 10,00 CVF 2020/0060");
        assert_eq!(ing.other.name.as_deref(), Some("FIRMA SRL"));
        assert_eq!(ing.other.iban.as_deref(), Some("RO25INGB0014000031948911"));
        let raiffeisen = details(
            "000^20F.77^24Ref.Doc 2268/X^30BANCA^31RO05RZBR0000060003144073^32FIRMA",
            None,
        );
        assert_eq!(raiffeisen.remittance.joined, "F.77Ref.Doc 2268/X");
        assert_eq!(raiffeisen.remittance.spaced, "F.77 Ref.Doc 2268/X");
        let brd = details(
            "000+20Plata  +30302+31RO89RZBR0000060003480121+32FIRMA SRL+33/+23FACT 46 +40722",
            None,
        );
        assert_eq!(brd.remittance.joined, "Plata FACT 46 +40722");
        assert_eq!(brd.other.name.as_deref(), Some("FIRMA SRL"));
        let bare = details(">20Opis>31491050195310000>32BOOKING", None);
        assert_eq!(bare.other.other_account.as_deref(), Some("491050195310000"));
        assert_eq!(bare.code, None);
    }

    #[test]
    fn what_is_not_in_subfields() {
        for text in [
            "",
            "091",
            "999PN0920SCHECK",
            "0987654321 marechal s",
            "12160475 0050001631430920",
            "/TRTP/SEPA",
            "020 text ?20",
            "166 text",
            "+40722123456",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_separator_in_the_text() {
        let fields = parse("166?20Was? 50?21Ende?").unwrap();
        assert_eq!(fields.fields, [(20, "Was? 50"), (21, "Ende")]);
    }
}
