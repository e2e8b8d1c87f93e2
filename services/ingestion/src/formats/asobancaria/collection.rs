//! Records 06 of 2001 and 02 of 1998: one collection.

use crate::formats::format::{Family, Format};
use crate::formats::model::{Entry, Reference, ReferenceKind, Return, Status};
use crate::formats::problem::Problem;
use crate::formats::records::problem::{RecordProblem, place};
use crate::formats::records::record::{Record, signed};
use crate::formats::records::settings::RecordSettings;
use crate::formats::records::statement::{Building, problem};

/// The two editions of the format.
#[derive(Copy, Clone, Debug, Eq, PartialEq)]
pub(super) enum Layout {
    Of2001,
    Of1998,
}

/// Where things stand in record 01.
pub(super) struct HeaderAt {
    pub(super) day: usize,
    pub(super) bank: usize,
    pub(super) account: (usize, usize),
    pub(super) made: Option<usize>,
    pub(super) modifier: Option<usize>,
}

/// Where things stand in a collection.
struct CollectionAt {
    code: &'static str,
    reference: (usize, usize),
    amount: (usize, usize),
    origin: usize,
    means: Option<usize>,
    sequence: (usize, usize),
    cause: Option<(usize, usize)>,
}

impl Layout {
    /// Characters of a record of 2001.
    pub(super) const WIDTH: usize = 162;
    /// Means of payment that are known.
    pub(super) const MEANS: [&'static str; 13] = [
        "01", "02", "03", "11", "12", "13", "14", "15", "21", "22", "23", "24", "25",
    ];

    /// The edition by record 01: the day stands at position 13 or at 16.
    pub(super) fn of(record: Record<'_>) -> Self {
        let day_at = |at: usize| {
            let century = record.field(at, at + 1);
            record.long_date(at).is_ok() && matches!(century, "19" | "20")
        };
        if !day_at(13) && day_at(16) {
            Self::Of1998
        } else {
            Self::Of2001
        }
    }

    pub(super) fn width(self) -> usize {
        match self {
            Self::Of2001 => Self::WIDTH,
            Self::Of1998 => 128,
        }
    }

    pub(super) fn year(self) -> &'static str {
        match self {
            Self::Of2001 => "2001",
            Self::Of1998 => "1998",
        }
    }

    pub(super) fn format(self) -> Format {
        Format {
            family: Family::Asobancaria,
            variant: self.year().to_owned(),
        }
    }

    pub(super) fn header(self) -> HeaderAt {
        match self {
            Self::Of2001 => HeaderAt {
                day: 13,
                bank: 21,
                account: (24, 40),
                made: Some(41),
                modifier: Some(53),
            },
            Self::Of1998 => HeaderAt {
                day: 16,
                bank: 24,
                account: (27, 41),
                made: None,
                modifier: None,
            },
        }
    }

    fn collection(self) -> CollectionAt {
        match self {
            Self::Of2001 => CollectionAt {
                code: "06",
                reference: (3, 50),
                amount: (51, 64),
                origin: 65,
                means: Some(67),
                sequence: (88, 94),
                cause: Some((95, 97)),
            },
            Self::Of1998 => CollectionAt {
                code: "02",
                reference: (3, 27),
                amount: (28, 40),
                origin: 41,
                means: None,
                sequence: (43, 49),
                cause: None,
            },
        }
    }
}

/// One collection, read.
pub(super) struct Collection {
    pub(super) entry: Entry,
    /// Sequence and reference: with those of file and batch the key against duplicates.
    pub(super) key: String,
    /// The amount without sign, as totals count it.
    pub(super) written: i128,
    /// It takes an earlier collection back.
    pub(super) returned: bool,
    /// Code of the means of payment.
    pub(super) means: Option<String>,
}

impl Collection {
    pub(super) fn read(
        record: Record<'_>,
        line: u64,
        layout: Layout,
        building: &Building,
        service: &str,
        settings: &RecordSettings,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let at = layout.collection();
        let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
            problems.push(problem(line, place(at.code, from, to, what), kind));
        };
        let cause = at
            .cause
            .and_then(|(from, to)| record.reference(from, to))
            .map(str::to_owned);
        let returned = cause.is_some();
        let minor = building.header.currency.and_then(|currency| {
            let read = record.amount(at.amount.0, at.amount.1, currency);
            let minor = read
                .map_err(|kind| tell(at.amount.0, at.amount.1, "amount", kind))
                .ok()?;
            Some((minor, currency))
        });
        let written = record.word(at.reference.0, at.reference.1);
        let reference = written.trim_start_matches('0');
        let means = at.means.map(|means| record.field(means, means + 1).to_owned());
        let mut entry = building.entry(line);
        entry.booked_on = building.header.to.as_ref().map(|to| to.on);
        entry.amount = minor.map(|(minor, currency)| signed(minor, !returned, currency));
        entry.credit = !returned;
        entry.reversal = returned;
        // A cheque is money only once it is cleared.
        let conditional = means
            .as_ref()
            .is_some_and(|means| settings.conditional_means.contains(means));
        entry.status = if conditional { Status::Pending } else { Status::Booked };
        entry.references = references(record, at.reference, reference, service, settings);
        entry.entry_text = written.to_owned();
        let origin = record.word(at.origin, at.origin + 1);
        entry.code.proprietary = Some(format!("{origin}/{}", means.as_deref().unwrap_or_default()));
        if layout == Layout::Of2001 {
            entry.detail_text = detail(record);
        }
        entry.returned = cause.map(|cause| Return {
            reasons: vec![cause],
            text: String::new(),
        });
        Self {
            key: format!("{}/{written}", record.word(at.sequence.0, at.sequence.1)),
            entry,
            written: minor.map_or(0, |(minor, _)| i128::from(minor)),
            returned,
            means,
        }
    }
}

/// Operation, authorisation, and the bank and branch that took the money, where they say something.
fn detail(record: Record<'_>) -> String {
    let fields = [
        ("operación", record.reference(69, 74)),
        ("autorización", record.reference(75, 80)),
        ("banco", record.reference(81, 83)),
        ("sucursal", record.reference(84, 87)),
    ];
    let texts: Vec<String> = fields
        .iter()
        .filter_map(|(name, text)| text.map(|text| format!("{name} {text}")))
        .collect();
    texts.join(" ")
}

/// The user's reference without the zeros that fill it up, and what the agreement's slices cut out of it.
fn references(
    record: Record<'_>,
    at: (usize, usize),
    reference: &str,
    service: &str,
    settings: &RecordSettings,
) -> Vec<Reference> {
    let mut found: Vec<Reference> = Vec::new();
    let mut add = |kind: ReferenceKind, text: &str, scheme: Option<&str>| {
        if !text.is_empty() && !found.iter().any(|known| known.text == text) {
            found.push(Reference {
                kind,
                text: text.to_owned(),
                scheme: scheme.map(str::to_owned),
            });
        }
    };
    add(ReferenceKind::Customer, reference, None);
    let slices = settings
        .slices
        .iter()
        .filter(|slice| slice.agreement.as_ref().is_none_or(|agreement| agreement == service));
    for slice in slices {
        let from = at.0 + slice.from.saturating_sub(1);
        let to = (at.0 + slice.to.saturating_sub(1)).min(at.1);
        let cut = record.word(from, to);
        let text = if slice.keep_zeros {
            cut
        } else {
            cut.trim_start_matches('0')
        };
        add(ReferenceKind::Creditor, text, Some(&slice.name));
    }
    found
}
