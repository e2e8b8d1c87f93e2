//! Encodings of text files that declare none: UTF-8 where a line is that, else Windows-1252 or code page 850, whichever
//! makes more letters of its bytes. Line by line, because files glued of several sources mix encodings.

use std::borrow::Cow;

use encoding_rs::WINDOWS_1252;

/// How the bytes of a text file become characters.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub enum Charset {
    /// UTF-8, of which ASCII is a part.
    Utf8,
    /// Windows-1252, of which printable Latin-1 is a part.
    Windows1252,
    /// MS-DOS code page 850: `Ñ` is byte 165 (Cuaderno 43, annex 1).
    Cp850,
}

impl Charset {
    /// The name as IANA has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Utf8 => "UTF-8",
            Self::Windows1252 => "windows-1252",
            Self::Cp850 => "IBM850",
        }
    }

    /// The encoding that a person names in a setting.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name.trim().to_ascii_lowercase().as_str() {
            "utf-8" | "utf8" | "ascii" | "us-ascii" => Some(Self::Utf8),
            "windows-1252" | "cp1252" | "latin-1" | "latin1" | "iso-8859-1" => Some(Self::Windows1252),
            "ibm850" | "cp850" | "850" => Some(Self::Cp850),
            _ => None,
        }
    }

    fn decode(self, bytes: &[u8]) -> Cow<'_, str> {
        match self {
            Self::Cp850 => Cow::Owned(bytes.iter().map(|byte| cp850(*byte)).collect()),
            // What is not UTF-8 in a file that should be is most often this, and loses nothing.
            Self::Utf8 | Self::Windows1252 => WINDOWS_1252.decode_without_bom_handling(bytes).0,
        }
    }
}

/// Turns lines into text, one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Decoder {
    /// As configured: used for every line that is not UTF-8.
    fixed: Option<Charset>,
    windows1252: u64,
    cp850: u64,
    /// What the first line that is not UTF-8 was read as.
    assumed: Option<Charset>,
}

impl Decoder {
    pub(crate) fn new(fixed: Option<Charset>) -> Self {
        Self {
            fixed,
            ..Self::default()
        }
    }

    /// The text of a line, and, the first time it had to be assumed, its encoding.
    pub(crate) fn decode<'a>(&mut self, bytes: &'a [u8]) -> (Cow<'a, str>, Option<Charset>) {
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
    pub(crate) fn name(&self) -> &'static str {
        self.assumed.unwrap_or(Charset::Utf8).name()
    }

    /// By the letters of this line; where it is undecided, of all lines before.
    fn vote(&mut self, bytes: &[u8]) -> Charset {
        let (mut windows1252_here, mut cp850_here) = (0_u64, 0_u64);
        for byte in bytes.iter().filter(|byte| !byte.is_ascii()) {
            match (is_letter(windows1252(*byte)), is_letter(cp850(*byte))) {
                (true, false) => windows1252_here += 1,
                (false, true) => cp850_here += 1,
                _ => {}
            }
        }
        self.windows1252 += windows1252_here;
        self.cp850 += cp850_here;
        let (ours, theirs) = match windows1252_here == cp850_here {
            true => (self.cp850, self.windows1252),
            false => (cp850_here, windows1252_here),
        };
        if ours > theirs {
            Charset::Cp850
        } else {
            Charset::Windows1252
        }
    }
}

/// Letters (and º, ª, ¿, ¡, ·, €) of Spanish, Italian and Catalan.
fn is_letter(letter: char) -> bool {
    "ÁÉÍÓÚÜÑÇÀÈÌÒÙÏáéíóúüñçàèìòùïºª¿¡·€".contains(letter)
}

fn windows1252(byte: u8) -> char {
    let one = [byte];
    let (text, _) = WINDOWS_1252.decode_without_bom_handling(&one);
    text.chars().next().unwrap_or_default()
}

/// Bytes 128 to 255 of code page 850.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤\
                     ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";

fn cp850(byte: u8) -> char {
    match byte.checked_sub(128) {
        None => char::from(byte),
        Some(high) => CP850
            .chars()
            .nth(usize::from(high))
            .unwrap_or(char::REPLACEMENT_CHARACTER),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_page_is_whole() {
        assert_eq!(CP850.chars().count(), 128);
        for (byte, letter) in [
            (165, 'Ñ'),
            (164, 'ñ'),
            (160, 'á'),
            (0xB5, 'Á'),
            (0xE0, 'Ó'),
            (0xFF, '\u{a0}'),
            (65, 'A'),
        ] {
            assert_eq!(cp850(byte), letter, "{byte}");
        }
    }

    #[test]
    fn encodings_are_found_by_their_letters() {
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
        assert_eq!(Charset::named("EBCDIC"), None);
    }
}
