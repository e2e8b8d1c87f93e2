//! Encodings of files that declare none: what is UTF-8 is read as that, the rest in the code page that makes the best text
//! of its bytes. Line by line where files are glued of several sources, else one page per file.

use std::borrow::Cow;
use std::sync::LazyLock;

use encoding_rs::{ISO_8859_2, WINDOWS_1250, WINDOWS_1252};

/// How the bytes of a text file become characters.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Charset {
    /// UTF-8, of which ASCII is a part.
    Utf8,
    /// Windows-1252, of which printable Latin-1 is a part.
    Windows1252,
    /// Windows-1250: the languages of Central Europe.
    Windows1250,
    /// ISO-8859-2: the same languages.
    Latin2,
    /// MS-DOS code page 850: `Ñ` is byte 165 (Cuaderno 43, annex 1).
    Cp850,
    /// MS-DOS code page 852: Central Europe.
    Cp852,
}

/// Bytes 128 to 255 of the code pages of MS-DOS, as Unicode's mapping tables (VENDORS/MICSFT/PC) have them.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
                     ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤\
                     đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

/// A code page by its bytes from 128 on.
type Table = Vec<char>;
static TABLE_850: LazyLock<Table> = LazyLock::new(|| CP850.chars().collect());
static TABLE_852: LazyLock<Table> = LazyLock::new(|| CP852.chars().collect());

/// What bytes of an unknown page may be in Western Europe; the last where all do equally well.
pub(super) const WESTERN: [Charset; 2] = [Charset::Cp850, Charset::Windows1252];
/// The same for languages that Windows-1252 cannot write.
pub(super) const CENTRAL: [Charset; 3] = [Charset::Cp852, Charset::Latin2, Charset::Windows1250];

impl Charset {
    /// The name as IANA has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1252 => "windows-1252",
            Self::Windows1250 => "windows-1250",
            Self::Latin2 => "ISO-8859-2",
            Self::Cp850 => "IBM850",
            Self::Cp852 => "IBM852",
        }
    }

    /// The encoding that a person names in a setting.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => Some(Self::Utf8),
            "windows-1252" | "cp1252" | "latin-1" | "latin1" | "iso-8859-1" => Some(Self::Windows1252),
            "windows-1250" | "cp1250" => Some(Self::Windows1250),
            "latin-2" | "latin2" | "iso-8859-2" => Some(Self::Latin2),
            "ibm850" | "cp850" | "850" => Some(Self::Cp850),
            "ibm852" | "cp852" | "852" => Some(Self::Cp852),
            _ => None,
        }
    }

    /// The names of the settings, for people.
    pub(crate) const NAMES: &str = "utf-8, windows-1252, windows-1250, iso-8859-2, cp850 or cp852";

    pub(super) fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        let (encoding, table) = match self {
            // What is not UTF-8 in a file that should be is most often Windows-1252, and loses nothing in it.
            Self::Utf8 | Self::Windows1252 => (WINDOWS_1252, None),
            Self::Windows1250 => (WINDOWS_1250, None),
            Self::Latin2 => (ISO_8859_2, None),
            Self::Cp850 => (WINDOWS_1252, Some(&TABLE_850)),
            Self::Cp852 => (WINDOWS_1252, Some(&TABLE_852)),
        };
        let Some(table) = table else {
            return encoding.decode_without_bom_handling(bytes).0;
        };
        let letter = |byte: &u8| match byte.checked_sub(128) {
            Some(high) => *table.get(usize::from(high)).unwrap_or(&char::REPLACEMENT_CHARACTER),
            None => char::from(*byte),
        };
        Cow::Owned(bytes.iter().map(letter).collect())
    }

    /// How well these bytes read in this page: letters inside words speak for it, signs there and capitals behind small
    /// letters against it.
    fn score(self, bytes: &[u8]) -> i64 {
        let text = self.decode(bytes);
        let mut score = 0;
        let mut before = ' ';
        let mut letters = text.chars().peekable();
        while let Some(letter) = letters.next() {
            let after = letters.peek().copied().unwrap_or(' ');
            let in_word = before.is_alphabetic() || after.is_alphabetic();
            if !letter.is_ascii() && in_word {
                let odd = !letter.is_alphabetic() || (before.is_lowercase() && letter.is_uppercase());
                score += if odd { -1 } else { 1 };
            }
            before = letter;
        }
        score
    }

    /// The page among these that makes the best text of these bytes, which are not UTF-8.
    fn best(pages: &[Self], bytes: &[u8]) -> Self {
        let best = pages.iter().max_by_key(|page| page.score(bytes));
        best.copied().unwrap_or(Self::Windows1252)
    }
}

/// The text of these bytes; `page` is set where it is needed for the first time, and kept.
pub(super) fn text<'a>(bytes: &'a [u8], page: &mut Option<Charset>, pages: &[Charset]) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => page.get_or_insert_with(|| Charset::best(pages, bytes)).decode(bytes),
    }
}

/// Turns lines into text, one after the other: files that are glued mix encodings.
#[derive(Clone, Debug, Default)]
pub(super) struct Decoder {
    /// As configured: used for every line that is not UTF-8.
    fixed: Option<Charset>,
    /// Of all lines before.
    scores: [i64; WESTERN.len()],
    /// What the first line that is not UTF-8 was read as.
    assumed: Option<Charset>,
}

impl Decoder {
    pub(super) fn new(fixed: Option<Charset>) -> Self {
        Self {
            fixed,
            ..Self::default()
        }
    }

    /// The text of a line, and, the first time it had to be assumed, its encoding.
    pub(super) fn decode<'a>(&mut self, bytes: &'a [u8]) -> (Cow<'a, str>, Option<Charset>) {
        if let Ok(text) = std::str::from_utf8(bytes) {
            return (Cow::Borrowed(text), None);
        }
        let charset = self.fixed.unwrap_or_else(|| self.vote(bytes));
        let first = self.assumed.is_none();
        self.assumed = self.assumed.or(Some(charset));
        (
            charset.decode(bytes),
            (first && self.fixed.is_none()).then_some(charset),
        )
    }

    /// Name of the encoding that the file was read in so far.
    pub(super) fn name(&self) -> &'static str {
        self.assumed.unwrap_or(Charset::Utf8).name()
    }

    /// By the letters of this line; where it is undecided, of all lines before.
    fn vote(&mut self, bytes: &[u8]) -> Charset {
        let here = WESTERN.map(|page| page.score(bytes));
        for (sum, score) in self.scores.iter_mut().zip(here) {
            *sum = sum.saturating_add(score);
        }
        let undecided = here.iter().min() == here.iter().max();
        let decisive = if undecided { self.scores } else { here };
        let best = WESTERN.into_iter().zip(decisive).max_by_key(|(_, score)| *score);
        best.map_or(Charset::Windows1252, |(page, _)| page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_whole() {
        assert_eq!((TABLE_850.len(), TABLE_852.len()), (128, 128));
        for (byte, letter) in [
            (165, "Ñ"),
            (164, "ñ"),
            (160, "á"),
            (0xB5, "Á"),
            (0xE0, "Ó"),
            (0xFF, "\u{a0}"),
            (65, "A"),
        ] {
            assert_eq!(Charset::Cp850.decode(&[byte]), letter, "{byte}");
        }
    }

    #[test]
    fn one_page_for_a_file() {
        let cases: &[(&[u8], &[Charset], Charset, &str)] = &[
            (b"Stra\xDFe f\xFCr", &WESTERN, Charset::Windows1252, "Straße für"),
            (
                b"Ge\x94ffnet f\x81r \x8Arzte",
                &WESTERN,
                Charset::Cp850,
                "Geöffnet für èrzte",
            ),
            (b"Espa\xA4a", &WESTERN, Charset::Cp850, "España"),
            (
                b"Str. Bucure\xBAti, Ia\xBAi, P\xE3unescu, \xCEn",
                &CENTRAL,
                Charset::Windows1250,
                "Str. Bucureşti, Iaşi, Păunescu, În",
            ),
            (
                b"\xBF\xF3\xB3w, ksi\xB1\xBFka",
                &CENTRAL,
                Charset::Latin2,
                "żółw, książka",
            ),
            (b"ksi\xB9\xBFka", &CENTRAL, Charset::Windows1250, "książka"),
            (b"zap\x88acono \x98wiat", &CENTRAL, Charset::Cp852, "zapłacono świat"),
            (b"plat\xC7 G\x83lea", &CENTRAL, Charset::Cp852, "plată Gâlea"),
        ];
        for (bytes, pages, page, expected) in cases {
            let mut found = None;
            assert_eq!(text(bytes, &mut found, pages), *expected);
            assert_eq!(found, Some(*page), "{expected}");
        }
        let mut none = None;
        assert_eq!(text("Uługi".as_bytes(), &mut none, &CENTRAL), "Uługi");
        assert_eq!(none, None);
    }

    #[test]
    fn encodings_are_found_line_by_line() {
        let lines: [(&[u8], &str, Option<Charset>); 6] = [
            (b"2301MUNOZ", "2301MUNOZ", None),
            ("MUÑOZ".as_bytes(), "MUÑOZ", None),
            (b"MU\xA5OZ", "MUÑOZ", Some(Charset::Cp850)),
            // A letter in both: as the lines before.
            (b"\x80", "Ç", None),
            (b"MU\xD1OZ GARC\xCDA", "MUÑOZ GARCÍA", None),
            (b"100 \x80", "100 €", None),
        ];
        let mut decoder = Decoder::default();
        for (bytes, text, told) in lines {
            assert_eq!(decoder.decode(bytes), (Cow::Borrowed(text), told), "{bytes:?}");
        }
        assert_eq!(decoder.name(), "IBM850");
        let mut fixed = Decoder::new(Some(Charset::Cp850));
        assert_eq!(fixed.decode(b"\xA5").0, "Ñ");
        assert_eq!(Decoder::new(None).name(), "UTF-8");
    }

    #[test]
    fn settings_name_encodings_as_people_do() {
        assert_eq!(Charset::named("CP850"), Some(Charset::Cp850));
        assert_eq!(Charset::named("ISO-8859-1"), Some(Charset::Windows1252));
        assert_eq!(Charset::named("iso-8859-2"), Some(Charset::Latin2));
        assert_eq!(Charset::named("EBCDIC"), None);
        for name in Charset::NAMES.replace(" or ", ", ").split(", ") {
            assert!(Charset::named(name).is_some(), "{name}");
        }
    }
}
