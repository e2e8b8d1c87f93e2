//! From lines to fields: tags, envelopes, ends of messages. Knows nothing of what the fields say.
//!
//! A tag counts only at the beginning of a line and only if it is one of those that MT940 and MT942 have: free text
//! may begin a line with `:12:` or with `-` (payment-feeds.md 5).

/// Bytes of one field that are kept; SWIFT allows a few hundred.
pub(super) const MAX_FIELD: usize = 32 * 1024;

/// The fields of MT940 and MT942.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Tag {
    /// `:20:` reference of the message.
    Reference,
    /// `:21:` related reference.
    Related,
    /// `:25:`, `:25P:` account.
    Account,
    /// `:28:`, `:28C:` number of the statement and of its page.
    Number,
    /// `:60F:`, `:60M:` opening balance; `M` between pages.
    Opening { interim: bool },
    /// `:61:` entry.
    Entry,
    /// `:86:` details of an entry, or of the statement.
    Details,
    /// `:NS:` details as some banks write them beside or instead of `:86:`.
    NonSwift,
    /// `:62F:`, `:62M:` closing balance.
    Closing { interim: bool },
    /// `:64:` available balance.
    Available,
    /// `:65:` available balance of a later day.
    Forward,
    /// `:34F:` floor limit (MT942).
    FloorLimit,
    /// `:13:`, `:13D:` time of the report (MT942).
    Time,
    /// `:90D:` or `:90C:` number and sum of the entries (MT942).
    Sum { credit: bool },
}

impl Tag {
    fn of(name: &[u8]) -> Option<Self> {
        let upper = [0, 1, 2].map(|at| name.get(at).copied().unwrap_or_default().to_ascii_uppercase());
        Some(match upper.get(..name.len())? {
            b"20" => Self::Reference,
            b"21" => Self::Related,
            b"25" | b"25P" => Self::Account,
            b"28" | b"28C" => Self::Number,
            b"60" | b"60F" => Self::Opening { interim: false },
            b"60M" => Self::Opening { interim: true },
            b"61" => Self::Entry,
            b"86" => Self::Details,
            b"NS" => Self::NonSwift,
            b"62" | b"62F" => Self::Closing { interim: false },
            b"62M" => Self::Closing { interim: true },
            b"64" => Self::Available,
            b"65" | b"65F" => Self::Forward,
            b"34F" => Self::FloorLimit,
            b"13" | b"13D" => Self::Time,
            b"90D" => Self::Sum { credit: false },
            b"90C" => Self::Sum { credit: true },
            _ => return None,
        })
    }

    /// As the standard writes it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Reference => ":20:",
            Self::Related => ":21:",
            Self::Account => ":25:",
            Self::Number => ":28C:",
            Self::Opening { interim: false } => ":60F:",
            Self::Opening { interim: true } => ":60M:",
            Self::Entry => ":61:",
            Self::Details => ":86:",
            Self::NonSwift => ":NS:",
            Self::Closing { interim: false } => ":62F:",
            Self::Closing { interim: true } => ":62M:",
            Self::Available => ":64:",
            Self::Forward => ":65:",
            Self::FloorLimit => ":34F:",
            Self::Time => ":13D:",
            Self::Sum { credit: false } => ":90D:",
            Self::Sum { credit: true } => ":90C:",
        }
    }

    /// Lines that follow belong to it. The others have one line; what follows them is nothing of theirs.
    fn continues(self) -> bool {
        matches!(self, Self::Entry | Self::Details | Self::NonSwift)
    }
}

/// What one line is.
#[derive(Debug, Eq, PartialEq)]
pub(super) enum Line<'a> {
    /// A tag and what stands behind it.
    Tag(Tag, &'a [u8]),
    /// The same behind blanks: a file that somebody indented, or a text.
    Indented(Tag, &'a [u8], &'a [u8]),
    /// `-` or `-}`: the message ends; what follows on the line is looked at again.
    End(&'a [u8]),
    /// `{1:…}{2:…}{4:`: the kind of message where it is told, and what follows `{4:` on the line.
    Envelope { kind: Option<Kind>, body: Option<&'a [u8]> },
    /// `:xx:` that is no tag of these messages.
    Unknown(&'a [u8]),
    /// Anything else.
    Text(&'a [u8]),
}

/// Which of the two messages.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// Statement.
    Mt940,
    /// Interim report.
    Mt942,
}

/// Takes a line apart. Control characters around it (`SOH`, `ETX`, byte order mark) do not count.
pub(super) fn line_of(raw: &[u8]) -> Line<'_> {
    let line = strip_controls(raw);
    let begun = line.trim_ascii_start();
    if begun.starts_with(b"{") && matches!(begun.get(1..3), Some([b'1'..=b'5', b':'])) {
        return envelope(begun);
    }
    if let Some(rest) = line.strip_prefix(b"-}") {
        return Line::End(rest);
    }
    if line.trim_ascii_end() == b"-" {
        return Line::End(&[]);
    }
    match line.strip_prefix(b":").and_then(split_tag) {
        Some((name, value)) => match Tag::of(name) {
            Some(tag) => Line::Tag(tag, value),
            None => Line::Unknown(line),
        },
        None => match begun.strip_prefix(b":").and_then(split_tag) {
            Some((name, value)) => match Tag::of(name) {
                Some(tag) => Line::Indented(tag, value, line),
                None => Line::Text(line),
            },
            None => Line::Text(line),
        },
    }
}

/// Whether an indented line inside a text is a field nevertheless: an entry or a balance has its date there.
pub(super) fn is_surely(tag: Tag, value: &[u8]) -> bool {
    let dated = |value: &[u8]| value.get(..6).is_some_and(|date| date.iter().all(u8::is_ascii_digit));
    match tag {
        Tag::Entry => dated(value),
        Tag::Opening { .. } | Tag::Closing { .. } => {
            matches!(value.first(), Some(b'C' | b'D')) && dated(value.get(1..).unwrap_or_default())
        }
        Tag::Details => true,
        _ => false,
    }
}

fn split_tag(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = rest.iter().take(4).position(|byte| *byte == b':')?;
    let (name, value) = rest.split_at_checked(end)?;
    let plausible = end >= 2 && name.iter().all(u8::is_ascii_alphanumeric);
    plausible.then(|| (name, value.get(1..).unwrap_or_default()))
}

fn strip_controls(line: &[u8]) -> &[u8] {
    let line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
    let control = |byte: &u8| *byte < 0x20 && *byte != b'\t' || *byte == 0x7F;
    let from = line.iter().position(|byte| !control(byte)).unwrap_or(line.len());
    let to = line.iter().rposition(|byte| !control(byte)).map_or(from, |at| at + 1);
    line.get(from..to).unwrap_or_default()
}

fn envelope(line: &[u8]) -> Line<'_> {
    let find = |what: &[u8]| line.windows(what.len()).position(|window| window == what);
    let kind = find(b"{2:").and_then(|at| match line.get(at + 4..at + 7) {
        Some(b"940") => Some(Kind::Mt940),
        Some(b"942") => Some(Kind::Mt942),
        _ => None,
    });
    let body = find(b"{4:").map(|at| line.get(at + 3..).unwrap_or_default());
    Line::Envelope { kind, body }
}

/// Where a message in an envelope ends on the line of its last field: `…-}` or `…-}{5:…}`.
pub(super) fn inline_end(value: &[u8]) -> Option<usize> {
    let at = value.windows(2).position(|pair| pair == b"-}")?;
    let rest = value.get(at + 2..).unwrap_or_default().trim_ascii();
    (rest.is_empty() || rest.starts_with(b"{5:") || rest.starts_with(b"\x03")).then_some(at)
}

/// `…T16` and then `:20:37` on the next line: a time of day that the bank cut, no tag.
pub(super) fn is_cut_time(before: &[u8], line: &[u8]) -> bool {
    let two = |bytes: &[u8], below: u8| match bytes {
        [tens @ b'0'..=b'9', ones @ b'0'..=b'9'] => (tens - b'0') * 10 + (ones - b'0') < below,
        _ => false,
    };
    let hour = match before {
        [.., last, a, b] => !last.is_ascii_digit() && two(&[*a, *b], 24),
        _ => false,
    };
    let [b':', rest @ ..] = line else { return false };
    let minutes = rest.get(..2).is_some_and(|part| two(part, 60)) && rest.get(2) == Some(&b':');
    let seconds = rest.get(3..5).is_some_and(|part| two(part, 60)) && !rest.get(5).is_some_and(u8::is_ascii_digit);
    hour && minutes && seconds
}

/// One field as it stands in the file, lines joined by LF.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) tag: Tag,
    /// Line of the tag.
    pub(super) line: u64,
    pub(super) bytes: Vec<u8>,
    /// More was written than is kept.
    pub(super) overfull: bool,
}

impl Field {
    pub(super) fn new(tag: Tag, line: u64, value: &[u8]) -> Self {
        let mut field = Self {
            tag,
            line,
            bytes: Vec::new(),
            overfull: false,
        };
        field.extend(value);
        field
    }

    /// Adds a line that follows; false where the field has but one.
    pub(super) fn push(&mut self, line: &[u8]) -> bool {
        if !self.tag.continues() {
            return false;
        }
        self.bytes.push(b'\n');
        self.extend(line);
        true
    }

    fn extend(&mut self, part: &[u8]) {
        if self.bytes.len() + part.len() > MAX_FIELD {
            self.overfull = true;
        } else {
            self.bytes.extend_from_slice(part);
        }
    }

    /// The line written last.
    pub(super) fn last_line(&self) -> &[u8] {
        self.bytes.rsplit(|byte| *byte == b'\n').next().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines() {
        let opening = Tag::Opening { interim: false };
        let cases: &[(&[u8], Line<'_>)] = &[
            (b":20:ABC", Line::Tag(Tag::Reference, b"ABC")),
            (b"\xEF\xBB\xBF:20:ABC", Line::Tag(Tag::Reference, b"ABC")),
            (b":60F:C1", Line::Tag(opening, b"C1")),
            (b":60m:C1", Line::Tag(Tag::Opening { interim: true }, b"C1")),
            (b":86: text ", Line::Tag(Tag::Details, b" text ")),
            (b":NS:22X", Line::Tag(Tag::NonSwift, b"22X")),
            (b":12:11", Line::Unknown(b":12:11")),
            (b":940:", Line::Unknown(b":940:")),
            (b": ?70x: y", Line::Text(b": ?70x: y")),
            (b"::", Line::Text(b"::")),
            (b"  :20:A", Line::Indented(Tag::Reference, b"A", b"  :20:A")),
            (b"  :12:A", Line::Text(b"  :12:A")),
            (b"-", Line::End(b"")),
            (b"- ", Line::End(b"")),
            (b"-Nr. 7", Line::Text(b"-Nr. 7")),
            (b"-}{5:{MAC:0}}\x03", Line::End(b"{5:{MAC:0}}")),
            (
                b"\x01{1:F01X}{2:I940Y}{4:",
                Line::Envelope {
                    kind: Some(Kind::Mt940),
                    body: Some(b""),
                },
            ),
            (
                b" {1:F02X}{2:O9421200}{4::20:A",
                Line::Envelope {
                    kind: Some(Kind::Mt942),
                    body: Some(b":20:A"),
                },
            ),
            (b"{1:F01X}", Line::Envelope { kind: None, body: None }),
            (b"{x}", Line::Text(b"{x}")),
        ];
        for (raw, expected) in cases {
            assert_eq!(&line_of(raw), expected, "{:?}", String::from_utf8_lossy(raw));
        }
    }

    #[test]
    fn times_that_a_line_end_cuts() {
        for (before, line, expected) in [
            ("12-09-2014T16", ":20:37 Fo", true),
            ("um 16", ":25:30", true),
            ("um 26", ":25:30", false),
            ("no 1116", ":25:30", false),
            ("text", ":20:44", false),
            ("um 16", ":20:4415", false),
            ("um 16", ":61:44", false),
            ("um 16", ":20:STARTUMS", false),
        ] {
            assert_eq!(
                is_cut_time(before.as_bytes(), line.as_bytes()),
                expected,
                "{before} {line}"
            );
        }
    }

    #[test]
    fn indented_fields_inside_a_text() {
        assert!(is_surely(Tag::Entry, b"260102C1,"));
        assert!(!is_surely(Tag::Entry, b"text"));
        assert!(is_surely(Tag::Closing { interim: false }, b"C260102RON1,"));
        assert!(!is_surely(Tag::Reference, b"44"));
    }

    #[test]
    fn ends_on_the_line() {
        assert_eq!(inline_end(b"C1EUR1,-}"), Some(7));
        assert_eq!(inline_end(b"x-}{5:{CHK:1}}"), Some(1));
        assert_eq!(inline_end(b"a-}b"), None);
        assert_eq!(inline_end(b"a-b"), None);
    }

    #[test]
    fn a_field_is_bounded() {
        let mut field = Field::new(Tag::Details, 1, b"a");
        assert!(field.push(b"b"));
        assert_eq!((field.bytes.as_slice(), field.last_line()), (&b"a\nb"[..], &b"b"[..]));
        assert!(field.push(&[b'x'; MAX_FIELD]));
        assert!(field.overfull);
        assert!(!Field::new(Tag::Available, 1, b"").push(b"x"));
    }
}
