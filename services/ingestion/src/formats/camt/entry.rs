//! From an `Ntry` as it stands in the file to entries with amounts: signs, dates, references, and whether its details
//! or its total count.

use std::collections::HashSet;

use kernel::{BusinessDate, Currency, Money, MoneyError};

use super::raw::{Field, MAX_ENTRY, RawAmount, RawDetail, RawEntry, RawReference};
use crate::formats::model::{BankCode, Entry, Part, Party, Reference, Status};
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
    /// The entry, or its details in the order of the file.
    pub(super) parts: Vec<Entry>,
    pub(super) problems: Vec<Problem>,
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
        let (status, reversal) = (common.status, common.reversal);
        let parts = match split {
            Some(amounts) => self.per_detail(raw, &common, &amounts),
            None => vec![self.whole(raw, &common, amount)],
        };
        ReadEntry {
            amount,
            status,
            reversal,
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
            let written = detail
                .amounts
                .iter()
                .flatten()
                .find(|written| written.currency.as_deref().is_none_or(|code| code == currency.code()))?;
            let place = |element: &str| format!("NtryDtls/TxDtls[{}]/{element}", index + 1);
            let own = match direction(&detail.direction) {
                Ok(own) => own.unwrap_or(credit),
                Err(kind) => {
                    tell(written.line, &place("CdtDbtInd"), kind);
                    return None;
                }
            };
            match read_amount(written, Some(currency)) {
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
        Entry {
            statement: self.statement,
            number: raw.number,
            part: Part::Whole,
            line: raw.line,
            booked_on: common.booked_on,
            value_on: common.value_on,
            amount: None,
            currency: match raw.amount.as_ref().and_then(|amount| amount.currency.as_deref()) {
                Some(code) => Currency::parse(code).ok(),
                None => self.currency,
            },
            credit: common.credit,
            status: common.status,
            reversal: common.reversal,
            references: Vec::new(),
            servicer_reference: raw.servicer_reference.clone(),
            remittance: String::new(),
            documents: Vec::new(),
            debtor: Party::default(),
            creditor: Party::default(),
            ultimate_debtor: None,
            ultimate_creditor: None,
            code: raw.code.clone(),
            batch: raw.batch.clone(),
            returned: None,
            entry_text: raw.text.clone(),
            detail_text: String::new(),
        }
    }

    fn per_detail(&self, mut raw: RawEntry, common: &Common, amounts: &[(Money, bool)]) -> Vec<Entry> {
        let details = std::mem::take(&mut raw.details);
        let count = u32::try_from(details.len()).unwrap_or(u32::MAX);
        let numbered = (0_u32..).zip(details.into_iter().zip(amounts));
        numbered
            .map(|(index, (mut detail, (money, credit)))| {
                let mut entry = self.entry(&raw, common);
                let own = std::mem::take(&mut detail.references);
                entry.references = references(&raw, Some(detail.block), own);
                entry.part = Part::Detail { index, count };
                entry.line = detail.line;
                entry.amount = Some(*money);
                entry.credit = *credit;
                take_detail(&mut entry, detail);
                entry
            })
            .collect()
    }

    fn whole(&self, mut raw: RawEntry, common: &Common, amount: Option<Money>) -> Entry {
        let mut details = std::mem::take(&mut raw.details);
        let count = u32::try_from(details.len()).unwrap_or(u32::MAX);
        let mut entry = self.entry(&raw, common);
        entry.amount = amount;
        let own = details
            .iter_mut()
            .flat_map(|detail| std::mem::take(&mut detail.references))
            .collect();
        entry.references = references(&raw, None, own);
        let announced = raw
            .batch
            .and_then(|batch| batch.count)
            .and_then(|count| count.parse::<u64>().ok());
        entry.part = match count {
            0 if announced.is_some_and(|count| count > 1) => Part::Batch { count },
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
    let reversal = match word(&raw.reversal) {
        "" | "false" | "0" => false,
        "true" | "1" => true,
        other => {
            tell(raw.line, "RvslInd", ProblemKind::BadReversal(short(other)));
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
    match word(field) {
        "" | "BOOK" => Ok(Status::Booked),
        "PDNG" | "FUTR" => Ok(Status::Pending),
        "INFO" => Ok(Status::Info),
        other => Err(ProblemKind::BadStatus(short(other))),
    }
}

fn word(field: &Field) -> &str {
    field.as_ref().map_or("", |(text, _)| text)
}

/// Foreign text goes into a problem only as long as it helps.
pub(super) fn short(text: &str) -> String {
    text.chars().take(32).collect()
}

/// `CRDT` is true, `DBIT` false, nothing written is none.
pub(super) fn direction(field: &Field) -> Result<Option<bool>, ProblemKind> {
    match word(field) {
        "CRDT" => Ok(Some(true)),
        "DBIT" => Ok(Some(false)),
        "" if field.is_none() => Ok(None),
        other => Err(ProblemKind::BadDirection(short(other))),
    }
}

/// The date of a `Dt` or `DtTm` as written, in its own offset: its first ten characters. A `Dt` may hold a `DtTm` and
/// the other way round.
pub(super) fn written_date(field: &Field) -> Result<Option<BusinessDate>, ProblemKind> {
    let text = word(field);
    if text.is_empty() {
        return Ok(None);
    }
    let bad = || ProblemKind::BadDate(short(text));
    let (date, rest) = text.split_at_checked(10).ok_or_else(bad)?;
    if !rest.is_empty() && !rest.starts_with(['T', 't', ' ', 'Z', 'z', '+', '-']) {
        return Err(bad());
    }
    BusinessDate::parse(date).map(Some).map_err(|_| bad())
}

/// The amount without sign, in its own currency or, where it names none, in the account's.
pub(super) fn read_amount(written: &RawAmount, account: Option<Currency>) -> Result<Money, ProblemKind> {
    let currency = match &written.currency {
        Some(code) => Currency::parse(code).map_err(|_| ProblemKind::UnknownCurrency(short(code)))?,
        None => account.ok_or_else(|| ProblemKind::UnknownCurrency(String::new()))?,
    };
    let text = &written.text;
    if text.is_empty() {
        return Err(ProblemKind::NoAmount);
    }
    if text.starts_with('-') {
        return Err(ProblemKind::BadAmount(short(text)));
    }
    Money::parse(text, currency).map_err(|error| match error {
        MoneyError::TooPrecise(currency) => ProblemKind::TooPrecise {
            text: short(text),
            currency,
        },
        _ => ProblemKind::BadAmount(short(text)),
    })
}

/// Amounts in the file have no sign, so that the opposite always exists.
pub(super) fn signed(money: Money, credit: bool) -> Money {
    if credit {
        money
    } else {
        money.checked_neg().unwrap_or(money)
    }
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
    if !detail.code.is_empty() {
        entry.code = detail.code;
    }
    entry.returned = detail.returned;
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
    if !detail.code.is_empty() {
        agree::<BankCode>(&mut entry.code, &detail.code);
    }
    agree(&mut entry.returned, &detail.returned);
    if !detail.text.is_empty() {
        entry.detail_text.push(' ');
        entry.detail_text.push_str(&detail.text);
    }
}
