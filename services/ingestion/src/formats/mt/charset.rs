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
            Some(high) => table
                .chars()
                .nth(usize::from(high))
                .unwrap_or(char::REPLACEMENT_CHARACTER),
            None => char::from(*byte),
        };
        bytes.iter().map(letter).collect()
    }

    /// The page that makes the best text of these bytes, which are not UTF-8. `central` where the account is in a country
    /// whose language Windows-1252 cannot write. Where several do equally well, Windows'.
    fn guess(bytes: &[u8], central: bool) -> Self {
        let pages: &[Self] = if central {
            &[Self::Cp852, Self::Latin2, Self::Windows1250]
        } else {
            &[Self::Cp850, Self::Windows1252]
        };
        let best = pages.iter().max_by_key(|page| page.score(bytes));
        best.copied().unwrap_or(Self::Windows1252)
    }

    /// Letters inside words count for the page, signs there and capitals behind small letters against it.
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
            (
                b"Str. Bucure\xBAti, Ia\xBAi, P\xE3unescu, \xCEn",
                true,
                Page::Windows1250,
                "Str. Bucureşti, Iaşi, Păunescu, În",
            ),
            (b"\xBF\xF3\xB3w, ksi\xB1\xBFka", true, Page::Latin2, "żółw, książka"),
            (b"ksi\xB9\xBFka", true, Page::Windows1250, "książka"),
            (b"zap\x88acono \x98wiat", true, Page::Cp852, "zapłacono świat"),
            (b"plat\xC7 G\x83lea", true, Page::Cp852, "plată Gâlea"),
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
