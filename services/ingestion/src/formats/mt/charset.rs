//! Text of fields. MT940 declares no encoding, and banks mix them: every field that is UTF-8 is read as such, the others
//! in one code page per file that their bytes and the account's country suggest.

use std::borrow::Cow;

use encoding_rs::{Encoding, ISO_8859_2, WINDOWS_1250, WINDOWS_1252};

/// Code pages of DOS, 0x80 to 0xFF, as Unicode's mapping tables (VENDORS/MICSFT/PC) have them.
const CP850: &str = "ÇüéâäàåçêëèïîìÄÅÉæÆôöòûùÿÖÜø£Ø×ƒáíóúñÑªº¿®¬½¼¡«»░▒▓│┤ÁÂÀ©╣║╗╝¢¥┐└┴┬├─┼ãÃ╚╔╩╦╠═╬¤ðÐÊËÈıÍÎÏ┘┌█▄¦Ì▀ÓßÔÒõÕµþÞÚÛÙýÝ¯´\u{ad}±‗¾¶§÷¸°¨·¹³²■\u{a0}";
const CP852: &str = "ÇüéâäůćçłëŐőîŹÄĆÉĹĺôöĽľŚśÖÜŤťŁ×čáíóúĄąŽžĘę¬źČş«»░▒▓│┤ÁÂĚŞ╣║╗╝Żż┐└┴┬├─┼Ăă╚╔╩╦╠═╬¤đĐĎËďŇÍÎě┘┌█▄ŢŮ▀ÓßÔŃńňŠšŔÚŕŰýÝţ´\u{ad}˝˛ˇ˘§÷¸°¨˙űŘř■\u{a0}";

/// A code page in which a field that is not UTF-8 is read.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Page {
    Windows1252,
    Windows1250,
    Latin2,
    Cp850,
    Cp852,
}

impl Page {
    /// As IANA names it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Windows1252 => "windows-1252",
            Self::Windows1250 => "windows-1250",
            Self::Latin2 => "ISO-8859-2",
            Self::Cp850 => "IBM850",
            Self::Cp852 => "IBM852",
        }
    }

    fn decode(self, bytes: &[u8]) -> String {
        let by = |encoding: &'static Encoding| encoding.decode_without_bom_handling(bytes).0.into_owned();
        let table = match self {
            Self::Windows1252 => return by(WINDOWS_1252),
            Self::Windows1250 => return by(WINDOWS_1250),
            Self::Latin2 => return by(ISO_8859_2),
            Self::Cp850 => CP850,
            Self::Cp852 => CP852,
        };
        let letter = |byte: &u8| match byte.checked_sub(0x80) {
            Some(high) => table.chars().nth(usize::from(high)).unwrap_or(char::REPLACEMENT_CHARACTER),
            None => char::from(*byte),
        };
        bytes.iter().map(letter).collect()
    }

    /// The page that fits these bytes, which are not UTF-8. `central` where the account is in a country whose language
    /// Windows-1252 cannot write.
    fn guess(bytes: &[u8], central: bool) -> Self {
        let inside = |test: fn(u8) -> bool| {
            bytes.windows(2).any(|pair| match pair {
                [a, b] => (test(*a) && b.is_ascii_alphabetic()) || (a.is_ascii_alphabetic() && test(*b)),
                _ => false,
            })
        };
        // Between letters Windows' pages have quotes, dashes and nothing there; DOS has its vowels.
        let dos = inside(|byte| matches!(byte, 0x81..=0x84 | 0x87..=0x8B | 0x8E..=0x90 | 0x93..=0x95 | 0x98..=0x9A | 0xA0..=0xA5));
        let windows = inside(|byte| byte >= 0xC0 && byte != 0xE1 && byte != 0xD7)
            || inside(|byte| matches!(byte, 0x8A | 0x8C | 0x9C | 0x9E | 0x9F | 0xB9 | 0xBA | 0xAA));
        match (dos && !windows, central) {
            (true, true) => Self::Cp852,
            (true, false) => Self::Cp850,
            (false, false) => Self::Windows1252,
            (false, true) => {
                let of_windows = inside(|byte| matches!(byte, 0x8A..=0x8F | 0x9A..=0x9F | 0xA5 | 0xB9));
                let of_iso = inside(|byte| matches!(byte, 0xA1 | 0xA6 | 0xA9 | 0xAC | 0xB1 | 0xB6 | 0xBC));
                if of_iso && !of_windows {
                    Self::Latin2
                } else {
                    Self::Windows1250
                }
            }
        }
    }
}

/// Countries whose letters (ă, ș, ł, ő, č, …) Windows-1252 does not have.
pub(super) fn is_central(country: &str) -> bool {
    ["RO", "PL", "HU", "CZ", "SK", "SI", "HR", "BA", "RS", "AL"].contains(&country)
}

/// The text of a field; `page` is set where it is needed for the first time, and kept.
pub(super) fn text<'a>(bytes: &'a [u8], page: &mut Option<Page>, central: bool) -> Cow<'a, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => {
            let page = *page.get_or_insert_with(|| Page::guess(bytes, central));
            Cow::Owned(page.decode(bytes))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages() {
        let cases: &[(&[u8], bool, Page, &str)] = &[
            (b"Stra\xDFe f\xFCr", false, Page::Windows1252, "Straße für"),
            (b"Ge\x94ffnet f\x81r \x8Arzte", false, Page::Cp850, "Geöffnet für èrzte"),
            (b"Espa\xA4a", false, Page::Cp850, "España"),
            (b"Str. Bucure\xBAti, Ia\xBAi, P\xE3unescu, \xCEn", true, Page::Windows1250, "Str. Bucureşti, Iaşi, Păunescu, În"),
            (b"\xBF\xF3\xB3w, ksi\xB1\xBFka", true, Page::Latin2, "żółw, książka"),
            (b"ksi\xB9\xBFka", true, Page::Windows1250, "książka"),
            (b"zap\x88acono \x98wiat", true, Page::Cp852, "zapłacono światł".trim_end_matches('ł')),
        ];
        for (bytes, central, page, expected) in cases {
            let mut found = None;
            assert_eq!(text(bytes, &mut found, *central), *expected);
            assert_eq!(found, Some(*page), "{expected}");
        }
        let mut none = None;
        assert_eq!(text("Uługi".as_bytes(), &mut none, true), "Uługi");
        assert_eq!(none, None);
    }

    #[test]
    fn tables_are_whole() {
        assert_eq!(CP850.chars().count(), 128);
        assert_eq!(CP852.chars().count(), 128);
    }
}
