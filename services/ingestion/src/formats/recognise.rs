//! Which format a file is in, by its content alone: names of files mean nothing.
//!
//! The first 64 KiB decide. What is no bank file is named as what it seems to be.

use std::io::{self, Read};

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::problem::{Place, Refusal, RefusalReason};
use super::source::{Sniffed, sniff_text, sniff_xml};

/// As much of a file's beginning is looked at.
pub(crate) const HEAD: usize = 64 * 1024;
/// Lines of it that are compared with what a format begins with.
const LINES: usize = 200;

/// What a file looks like.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(crate) enum Shape {
    /// XML: camt, pain.002, or something else that its root tells.
    Xml,
    /// MT940 or MT942, in envelopes or without.
    Swift,
    /// Spain: Cuaderno 43.
    Norma43,
    /// Colombia: 98/2001, or 1998.
    Asobancaria,
    /// Italy: CBI `RH`.
    CbiRh,
    /// An archive, or a workbook.
    Zip,
    /// Text of no known format: a table, if there is a map for it.
    Text,
}

/// A file whose shape and encoding are known.
#[derive(Clone, Debug)]
pub(crate) struct Recognised {
    pub(crate) shape: Shape,
    /// Of a [`Shape::Zip`] it means nothing.
    pub(crate) sniffed: Sniffed,
}

/// Looks at a file from its beginning: only at that where the encoding is declared, else at everything once.
///
/// # Errors
/// Of the input; inside, the refusal of what is no bank file, or is in an unknown encoding.
pub(crate) fn recognise(input: &mut impl Read) -> io::Result<Result<Recognised, Refusal>> {
    let mut head = Vec::new();
    input
        .by_ref()
        .take(u64::try_from(HEAD).unwrap_or(u64::MAX))
        .read_to_end(&mut head)?;
    let shape = match shape_of(&head, head.len() < HEAD) {
        Ok(shape) => shape,
        Err(reason) => return Ok(Err(first_line(reason))),
    };
    let sniffed = match shape {
        Shape::Xml => match sniff_xml(head, input)? {
            Ok(sniffed) => sniffed,
            Err(reason) => return Ok(Err(first_line(reason))),
        },
        Shape::Zip => Sniffed::utf8(),
        _ => sniff_text(head, input)?,
    };
    Ok(Ok(Recognised { shape, sniffed }))
}

fn first_line(reason: RefusalReason) -> Refusal {
    let at = Place::on_line(1);
    Refusal {
        at,
        reason,
        format: None,
    }
}

/// The shape by the first bytes; `whole` if they are all.
pub(crate) fn shape_of(head: &[u8], whole: bool) -> Result<Shape, RefusalReason> {
    let text = decoded(head);
    let start = text.trim_start_matches(|letter: char| letter.is_whitespace() || letter.is_control());
    let looks = |prefix: &str| start.starts_with(prefix);
    if start.is_empty() && whole {
        return Err(RefusalReason::Empty);
    }
    if head.starts_with(b"PK\x03\x04") || head.starts_with(b"PK\x05\x06") {
        return Ok(Shape::Zip);
    }
    if looks("<") || start.is_empty() {
        return Ok(Shape::Xml);
    }
    let what = if head.starts_with(b"\x1f\x8b") {
        "a gzip archive (unpack it first)"
    } else if head.starts_with(b"\xD0\xCF\x11\xE0") {
        "an old Excel or Word file (save it as XLSX or CSV)"
    } else if head.starts_with(b"7z\xBC\xAF") || head.starts_with(b"Rar!") {
        "an archive that is no ZIP (unpack it first)"
    } else if looks("%PDF") {
        "a PDF"
    } else if is_swift(&text) {
        return Ok(Shape::Swift);
    } else if is_norma43(&text) {
        return Ok(Shape::Norma43);
    } else if is_cbi(&text) {
        return Ok(Shape::CbiRh);
    } else if is_asobancaria(&text) {
        return Ok(Shape::Asobancaria);
    } else if looks("{") || looks("[") {
        "JSON"
    } else if text.chars().any(|letter| letter == '\0') {
        "binary data"
    } else {
        return Ok(Shape::Text);
    };
    Err(RefusalReason::NotABankFile(what))
}

/// The head as text: only what is ASCII in it matters.
fn decoded(head: &[u8]) -> String {
    let (encoding, skip) = Encoding::for_bom(head).unwrap_or(match head {
        [b'<', 0, second, 0, ..] if *second != 0 => (UTF_16LE, 0),
        [0, b'<', 0, second, ..] if *second != 0 => (UTF_16BE, 0),
        _ => (encoding_rs::WINDOWS_1252, 0),
    });
    let body = head.get(skip..).unwrap_or_default();
    encoding.decode_without_bom_handling(body).0.into_owned()
}

fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', '\r'])
        .map(|line| line.trim_matches(|letter: char| letter.is_whitespace() || letter.is_control()))
        .filter(|line| !line.is_empty())
        .take(LINES)
}

fn digits(line: &str, from: usize, to: usize) -> bool {
    line.get(from..to)
        .is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Tags with which lines of MT940 and MT942 begin.
const TAGS: [&str; 18] = [
    "20", "25", "25P", "28", "28C", "60F", "60M", "61", "62F", "62M", "64", "65", "86", "34F", "13", "13D", "90D",
    "90C",
];

/// What older programs of German banks write where a line of MT940 ends.
pub(crate) const SIGNS_FOR_LINE_END: &str = "@@";

/// A tag of a statement at the beginning of a line, or after the `{4:` of an envelope; or the envelope itself.
fn is_swift(text: &str) -> bool {
    let tagged = |line: &str| {
        let line = line.rsplit_once("{4:").map_or(line, |(_, inner)| inner.trim_start());
        line.strip_prefix(':')
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(name, _)| TAGS.contains(&name))
    };
    let envelope = ["{2:O940", "{2:I940", "{2:O942", "{2:I942"];
    let lines_of_signs = || text.split(SIGNS_FOR_LINE_END).take(LINES).any(tagged);
    envelope.iter().any(|mark| text.contains(mark)) || lines(text).any(tagged) || lines_of_signs()
}

/// `11` with bank, branch and two dates in digits; some banks put a file header `00` before it.
fn is_norma43(text: &str) -> bool {
    let mut lines = lines(text);
    // The account itself may hold letters: it is told then.
    let account = |line: &str| line.starts_with("11") && digits(line, 2, 10) && digits(line, 20, 32);
    match lines.next() {
        Some(first) if account(first) => true,
        Some(first) => first.starts_with("00") && first.len() <= 80 && lines.next().is_some_and(account),
        None => false,
    }
}

/// ` RH` header, then movements `61` to `65` or the trailer `EF`.
fn is_cbi(text: &str) -> bool {
    let mut lines = lines(text);
    let Some(first) = lines.next() else { return false };
    // Without line ends: records of 120 one after the other, of which the first blank is cut off.
    let next = lines.next().or_else(|| first.get(119..)).unwrap_or_default();
    first.starts_with("RH")
        && first.get(2..12).is_some_and(|part| part.is_ascii())
        && ["61", "62", "64", "EF"]
            .iter()
            .any(|record| next.trim_start().starts_with(record))
}

/// `01` with the collecting company and a date, then the batch header `05`, or (1998) a detail `02`.
fn is_asobancaria(text: &str) -> bool {
    let date = |line: &str, from: usize| {
        digits(line, from, from + 8)
            && line
                .get(from..from + 2)
                .is_some_and(|century| matches!(century, "19" | "20"))
    };
    let mut lines = lines(text);
    let Some(first) = lines.next() else { return false };
    // Without line ends: records of 162 one after the other.
    let next = lines.next().or_else(|| first.get(162..));
    let next = next.and_then(|next| next.get(..2)).unwrap_or_default();
    let of_2001 = digits(first, 2, 12) && date(first, 12) && matches!(next, "05" | "06" | "09");
    let of_1998 = digits(first, 2, 15) && date(first, 15) && matches!(next, "02" | "09");
    first.starts_with("01") && (of_2001 || of_1998)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The beginning of a file, and its shape or what it seems to be.
    const TABLE: &[(&str, Result<Shape, &str>)] = &[
        ("<?xml version=\"1.0\"?><Document>", Ok(Shape::Xml)),
        ("\u{feff}  \n<a/>", Ok(Shape::Xml)),
        (":20:STARTUMS\r\n:25:12345678/1234\r\n:28C:1\r\n", Ok(Shape::Swift)),
        (
            "{1:F01AAAAROBUAXXX0000000000}{2:O9401200}{4:\r\n:20:1\r\n",
            Ok(Shape::Swift),
        ),
        (
            "\u{1}{1:F01X}{4:\n:20:A\n:25:/RO1\n:60F:C230101RON1,\n",
            Ok(Shape::Swift),
        ),
        ("BANKNL2A\n940\nBANKNL2A\n:20:X\n:25:12\n:28C:1\n", Ok(Shape::Swift)),
        (
            ":20:X\n:25:12\n:28C:1\n:34F:EUR0,\n:13D:2301011200+0100\n",
            Ok(Shape::Swift),
        ),
        ("11000100020000000003230101230131200000000010000978", Ok(Shape::Norma43)),
        (
            "00999923010100\r\n110001000200000000032301012301312000000000100009783EMPRESA",
            Ok(Shape::Norma43),
        ),
        ("@@:20:STARTUMS@@:25:12345678/1234@@:28C:0@@", Ok(Shape::Swift)),
        (
            "1100491500ES2345678A230101230131200000000000010000978",
            Ok(Shape::Norma43),
        ),
        (" RH0310031999010124FILE\n 61000000193001\n", Ok(Shape::CbiRh)),
        (
            "01090012345620240115007000000000123456782024011512\n05770999888848700010001\n",
            Ok(Shape::Asobancaria),
        ),
        ("010000900123456200105150070000\n02000\n", Ok(Shape::Asobancaria)),
        ("Data;Suma;Detalii\n01.02.2024;10,00;X\n", Ok(Shape::Text)),
        ("11;22;33\n", Ok(Shape::Text)),
        ("PK\u{3}\u{4}....", Ok(Shape::Zip)),
        ("%PDF-1.7", Err("a PDF")),
        ("{\"a\": 1}", Err("JSON")),
        ("a\u{0}b", Err("binary data")),
        (
            "\u{d0}\u{cf}\u{11}\u{e0}",
            Err("an old Excel or Word file (save it as XLSX or CSV)"),
        ),
    ];

    #[test]
    fn by_content() {
        for (text, expected) in TABLE {
            // Characters up to U+00FF stand for bytes.
            let bytes: Vec<u8> = match text.starts_with('\u{feff}') {
                true => text.as_bytes().to_vec(),
                false => text.chars().map(|letter| u8::try_from(letter).unwrap()).collect(),
            };
            let expected = expected.map_err(RefusalReason::NotABankFile);
            assert_eq!(shape_of(&bytes, true), expected, "{text:?}");
        }
        assert_eq!(shape_of(b" \r\n", true), Err(RefusalReason::Empty));
    }

    #[test]
    fn in_utf16() {
        let text: Vec<u8> = "\u{feff}Data;Suma\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(shape_of(&text, true), Ok(Shape::Text));
        let xml: Vec<u8> = "<?xml".encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(shape_of(&xml, true), Ok(Shape::Xml));
    }
}
