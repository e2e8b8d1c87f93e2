//! From an `Ntry` as it stands in the file to entries with amounts: signs, dates, references, and whether its details
//! or its total count.

use std::collections::HashSet;

use kernel::{BusinessDate, Currency, Money};

use super::fields::{direction, read_amount, read_currency, short, signed, word, written_date};
use super::raw::{Field, MAX_ENTRY, RawDetail, RawEntry, RawReference};
use crate::formats::model::{BankCode, Entry, Part, Reference, Status};
use crate::formats::problem::{Place, Problem, ProblemKind};
use crate::formats::settings::Reversals;

/// What all parts of one `Ntry` share.
struct Common {
    booked_on: Option<BusinessDate>,
    value_on: Option<BusinessDate>,
    status: Status,
    reversal: bool,
    credit: bool,
}

/// One `Ntry`, read.
pub(super) struct ReadEntry {
    /// Its signed amount; `None` where it could not be read.
    pub(super) amount: Option<Money>,
    pub(super) status: Status,
    pub(super) reversal: bool,
    pub(super) credit: bool,
    /// The entry, or its details in the order of the file.
    pub(super) parts: Parts,
    pub(super) problems: Vec<Problem>,
}

/// The entry, or one detail of it after the other: made as they are asked for, because a batch may have thousands.
pub(super) struct Parts {
    /// All of the entry but details: each part begins as its copy.
    common: Entry,
    raw: RawEntry,
    whole: Option<Entry>,
    details: std::iter::Zip<std::vec::IntoIter<RawDetail>, std::vec::IntoIter<(Money, bool)>>,
    index: u32,
    count: u32,
}

impl Parts {
    /// How many are left.
    pub(super) fn left(&self) -> usize {
        self.details.len().saturating_add(usize::from(self.whole.is_some()))
    }
}

impl Iterator for Parts {
    type Item = Entry;

    fn next(&mut self) -> Option<Entry> {
        if let Some(whole) = self.whole.take() {
            return Some(whole);
        }
        let (mut detail, (money, credit)) = self.details.next()?;
        let mut entry = self.common.clone();
        let own = std::mem::take(&mut detail.references);
        entry.references = references(&self.raw, Some(detail.block), own);
        entry.part = Part::Detail {
            index: self.index,
            count: self.count,
        };
        entry.line = detail.line;
        entry.amount = Some(money);
        entry.credit = credit;
        take_detail(&mut entry, detail);
        self.index = self.index.saturating_add(1);
        Some(entry)
    }
}

/// Reads entries of one account.
pub(super) struct EntryReader {
    /// Running number of the statement.
    pub(super) statement: u32,
    /// Currency of the account, where known.
    pub(super) currency: Option<Currency>,
    /// Path of the statement, for problems: `Document/BkToCstmrStmt/Stmt[1]`.
    pub(super) path: String,
    /// What the direction of a reversal is.
    pub(super) reversals: Reversals,
}

impl EntryReader {
    pub(super) fn read(&self, raw: RawEntry) -> ReadEntry {
        let mut problems = Vec::new();
        let mut tell = |line: u64, element: &str, kind: ProblemKind| {
            let path = format!(
                "{}/Ntry[{}]{}{}",
                self.path,
                raw.number,
                if element.is_empty() { "" } else { "/" },
                element
            );
            problems.push(Problem {
                at: Place { line, path },
                kind,
            });
        };
        if raw.overfull {
            tell(
                raw.line,
                "",
                ProblemKind::EntryTooLarge {
                    limit: MAX_ENTRY / (1024 * 1024),
                },
            );
        }
        let mut common = read_common(&raw, &mut tell);
        if self.reversals == Reversals::OfTheOriginal && common.reversal {
            common.credit = !common.credit;
        }
        let amount = self.read_amount(&raw, common.credit, &mut tell);
        let split = self.split(&raw, amount, common.credit, &mut tell);
        let (status, reversal, credit) = (common.status, common.reversal, common.credit);
        let parts = self.parts(raw, &common, amount, split);
        ReadEntry {
            amount,
            status,
            reversal,
            credit,
            parts,
            problems,
        }
    }

    fn read_amount(
        &self,
        raw: &RawEntry,
        credit: bool,
        tell: &mut impl FnMut(u64, &str, ProblemKind),
    ) -> Option<Money> {
        let Some(written) = &raw.amount else {
            tell(raw.line, "Amt", ProblemKind::NoAmount);
            return None;
        };
        match read_amount(written, self.currency) {
            Ok(money) => {
                let mut credit = credit;
                if money.is_negative() {
                    // Below zero is a debit, however often it is said; so the proof can be made, but a person must look.
                    credit = true;
                    tell(written.line, "Amt", ProblemKind::BadAmount(short(&written.text)));
                }
                if let Some(account) = self.currency.filter(|account| *account != money.currency()) {
                    tell(
                        written.line,
                        "Amt",
                        ProblemKind::ForeignEntry {
                            entry: money.currency(),
                            account,
                        },
                    );
                }
                Some(signed(money, credit))
            }
            Err(kind) => {
                tell(written.line, "Amt", kind);
                None
            }
        }
    }

    /// The signed amounts of the details, where every one of at least two has one in the account's currency and they
    /// sum to the entry. A detail without a direction has the entry's.
    fn split(
        &self,
        raw: &RawEntry,
        amount: Option<Money>,
        credit: bool,
        tell: &mut impl FnMut(u64, &str, ProblemKind),
    ) -> Option<Vec<(Money, bool)>> {
        let currency = self.currency?;
        let total = amount.filter(|money| money.currency() == currency)?;
        if raw.details.len() < 2 {
            return None;
        }
        let mut amounts = Vec::with_capacity(raw.details.len());
        for (index, detail) in raw.details.iter().enumerate() {
            let written = detail.amounts.iter().map(|(_, written)| written).find(|written| {
                let code = written.currency.as_deref();
                code.is_none_or(|code| code.eq_ignore_ascii_case(currency.code()))
            })?;
            let place = |element: &str| format!("NtryDtls/TxDtls[{}]/{element}", index + 1);
            let own = match direction(&detail.direction) {
                Ok(own) => own.unwrap_or(credit),
                Err(kind) => {
                    tell(written.line, &place("CdtDbtInd"), kind);
                    return None;
                }
            };
            match read_amount(written, Some(currency)) {
                Ok(money) if money.is_negative() => {
                    tell(
                        written.line,
                        &place("Amt"),
                        ProblemKind::BadAmount(short(&written.text)),
                    );
                    return None;
                }
                Ok(money) => amounts.push((signed(money, own), own)),
                Err(kind) => {
                    tell(written.line, &place("Amt"), kind);
                    return None;
                }
            }
        }
        let sum: i128 = amounts.iter().map(|(money, _)| i128::from(money.minor())).sum();
        (sum == i128::from(total.minor())).then_some(amounts)
    }

    fn entry(&self, raw: &RawEntry, common: &Common) -> Entry {
        let currency = match raw.amount.as_ref().and_then(|amount| amount.currency.as_deref()) {
            Some(code) => read_currency(code),
            None => self.currency,
        };
        Entry {
            booked_on: common.booked_on,
            value_on: common.value_on,
            credit: common.credit,
            status: common.status,
            reversal: common.reversal,
            servicer_reference: raw.servicer_reference.clone(),
            code: raw.code.clone(),
            batch: raw.batch.clone(),
            entry_text: raw.text.clone(),
            ..Entry::new(self.statement, raw.number, raw.line, currency)
        }
    }

    fn parts(
        &self,
        mut raw: RawEntry,
        common: &Common,
        amount: Option<Money>,
        split: Option<Vec<(Money, bool)>>,
    ) -> Parts {
        let mut details = std::mem::take(&mut raw.details);
        let count = u32::try_from(details.len()).unwrap_or(u32::MAX);
        let whole = match split {
            Some(_) => None,
            None => Some(self.whole(&raw, std::mem::take(&mut details), common, amount)),
        };
        Parts {
            common: self.entry(&raw, common),
            raw,
            whole,
            details: details.into_iter().zip(split.unwrap_or_default()),
            index: 0,
            count,
        }
    }

    fn whole(&self, raw: &RawEntry, mut details: Vec<RawDetail>, common: &Common, amount: Option<Money>) -> Entry {
        let count = u32::try_from(details.len()).unwrap_or(u32::MAX);
        let mut entry = self.entry(raw, common);
        entry.amount = amount;
        // A bank that repeats the batch's head at each of its payments tells of each who paid, or what for.
        let told = details.iter().any(RawDetail::tells_of_one);
        let own = details
            .iter_mut()
            .flat_map(|detail| std::mem::take(&mut detail.references))
            .collect();
        entry.references = references(raw, None, own);
        let announced = raw
            .batch
            .as_ref()
            .and_then(|batch| batch.count.as_ref())
            .and_then(|count| count.parse::<u64>().ok());
        let several = announced.is_some_and(|count| count > 1);
        entry.part = match count {
            0 | 1 if several && !told => Part::Batch { count: 0 },
            0 | 1 => Part::Whole,
            _ => Part::Batch { count },
        };
        let mut details = details.into_iter();
        if let Some(first) = details.next() {
            take_detail(&mut entry, first);
        }
        for other in details {
            add_detail(&mut entry, other);
        }
        entry
    }
}

fn read_common(raw: &RawEntry, tell: &mut impl FnMut(u64, &str, ProblemKind)) -> Common {
    let mut date = |field: &Field, element: &str| match written_date(field) {
        Ok(date) => date,
        Err(kind) => {
            tell(field.as_ref().map_or(raw.line, |(_, line)| *line), element, kind);
            None
        }
    };
    let booked_on = date(&raw.booked, "BookgDt");
    let value_on = date(&raw.value, "ValDt");
    let credit = match direction(&raw.direction) {
        Ok(Some(credit)) => credit,
        // Some banks write it at the details alone.
        Ok(None) if of_details(raw).is_some() => of_details(raw).unwrap_or(true),
        Ok(None) => {
            tell(raw.line, "CdtDbtInd", ProblemKind::BadDirection(String::new()));
            true
        }
        Err(kind) => {
            tell(raw.line, "CdtDbtInd", kind);
            true
        }
    };
    let status = status(&raw.status).unwrap_or_else(|kind| {
        tell(raw.line, "Sts", kind);
        Status::Info
    });
    let reversal = match word(&raw.reversal).to_ascii_lowercase().as_str() {
        "" | "false" | "0" => false,
        "true" | "1" => true,
        _ => {
            tell(
                raw.line,
                "RvslInd",
                ProblemKind::BadReversal(short(word(&raw.reversal))),
            );
            false
        }
    };
    Common {
        booked_on,
        value_on,
        status,
        reversal,
        credit,
    }
}

fn status(field: &Field) -> Result<Status, ProblemKind> {
    match word(field).to_ascii_uppercase().as_str() {
        "" | "BOOK" | "BOOKED" => Ok(Status::Booked),
        "PDNG" | "PENDING" | "FUTR" => Ok(Status::Pending),
        "INFO" => Ok(Status::Info),
        _ => Err(ProblemKind::BadStatus(short(word(field)))),
    }
}

/// The direction that all details have.
fn of_details(raw: &RawEntry) -> Option<bool> {
    let mut all = raw
        .details
        .iter()
        .map(|detail| direction(&detail.direction).ok().flatten());
    let first = all.next().flatten()?;
    all.all(|other| other == Some(first)).then_some(first)
}

/// Distinct references in the order of the file: of the entry, of its batch (`block`, or all), and `own` of details.
fn references(raw: &RawEntry, block: Option<u32>, own: Vec<RawReference>) -> Vec<Reference> {
    let of_entry = raw.references.iter().filter(|(of, _)| match (of, block) {
        (Some(of), Some(block)) => *of == block,
        _ => true,
    });
    let mut all: Vec<RawReference> = of_entry.map(|(_, reference)| reference.clone()).chain(own).collect();
    all.sort_by_key(|reference| reference.order);
    let mut seen = HashSet::with_capacity(all.len());
    let mut distinct = Vec::with_capacity(all.len());
    for RawReference { kind, text, scheme, .. } in all {
        if !text.eq_ignore_ascii_case("NOTPROVIDED") && seen.insert(text.clone()) {
            distinct.push(Reference { kind, text, scheme });
        }
    }
    distinct
}

fn take_detail(entry: &mut Entry, detail: RawDetail) {
    entry.remittance = detail.remittance;
    entry.documents = detail.documents;
    entry.debtor = detail.debtor;
    entry.creditor = detail.creditor;
    entry.ultimate_debtor = detail.ultimate_debtor;
    entry.ultimate_creditor = detail.ultimate_creditor;
    if let Some(code) = detail.code.filter(|code| !code.is_empty()) {
        entry.code = *code;
    }
    entry.returned = detail.returned.map(|returned| *returned);
    entry.detail_text = detail.text;
}

/// A further detail of a total: texts are joined; what the details do not agree on is not told.
fn add_detail(entry: &mut Entry, detail: RawDetail) {
    fn agree<T: PartialEq + Default>(of_entry: &mut T, of_detail: &T) {
        if of_entry != of_detail {
            *of_entry = T::default();
        }
    }
    entry.remittance.push_str(&detail.remittance);
    entry.documents.extend(detail.documents);
    agree(&mut entry.debtor, &detail.debtor);
    agree(&mut entry.creditor, &detail.creditor);
    agree(&mut entry.ultimate_debtor, &detail.ultimate_debtor);
    agree(&mut entry.ultimate_creditor, &detail.ultimate_creditor);
    if let Some(code) = detail.code.filter(|code| !code.is_empty()) {
        agree::<BankCode>(&mut entry.code, &code);
    }
    agree(&mut entry.returned, &detail.returned.map(|returned| *returned));
    if !detail.text.is_empty() {
        entry.detail_text.push(' ');
        entry.detail_text.push_str(&detail.text);
    }
}
