//! From `:61:` and what follows it to an entry.

use kernel::{BusinessDate, Currency, Money};

use super::details::{self, Details, Form};
use super::dialect::Dialect;
use super::line61::{self, EntryLine, is_reference};
use super::problem::MtProblem;
use super::tags::Tag;
use super::values::{amount, entry_date, value_date};
use crate::formats::model::{BankCode, Entry, Party, Reference, ReferenceKind, Return, Status};

/// One entry as it stands in the file.
#[derive(Debug, Default)]
pub(super) struct RawEntry {
    /// Line of `:61:`.
    pub(super) line: u64,
    /// Its running number in the statement.
    pub(super) number: u64,
    /// It stands behind the closing balance.
    pub(super) late: bool,
    /// `:61:` with its supplementary lines.
    pub(super) text: String,
    /// `:86:`, several one after the other.
    pub(super) details: String,
    /// `:NS:`
    pub(super) non_swift: String,
    /// Fields of which more was written than is kept.
    pub(super) overfull: Option<Tag>,
}

impl RawEntry {
    /// What it takes of memory, about.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.text.len() + self.details.len() + self.non_swift.len()
    }

    /// Adds a field that follows `:61:`.
    pub(super) fn add(&mut self, tag: Tag, text: &str) {
        let target = match tag {
            Tag::NonSwift => &mut self.non_swift,
            _ => &mut self.details,
        };
        if !target.is_empty() {
            target.push('\n');
        }
        target.push_str(text);
    }
}

/// What an entry is read with.
pub(super) struct Context {
    pub(super) statement: u32,
    pub(super) currency: Option<Currency>,
    pub(super) opening_on: Option<BusinessDate>,
    /// Of an interim report: nothing in it is booked.
    pub(super) interim: bool,
    pub(super) dialect: Option<Dialect>,
}

/// An entry, read.
pub(super) struct ReadEntry {
    pub(super) entry: Entry,
    /// Where debits and credits are counted by what they were before a reversal.
    pub(super) credit_letter: bool,
    pub(super) form: Form,
    pub(super) problems: Vec<MtProblem>,
}

/// Reads one entry.
pub(super) fn read(raw: &RawEntry, context: &Context) -> ReadEntry {
    let mut problems = Vec::new();
    if let Some(tag) = raw.overfull {
        let limit = super::tags::MAX_FIELD;
        problems.push(MtProblem::FieldTooLong { tag: tag.name(), limit });
    }
    let mut lines = raw.text.split('\n');
    let first = lines.next().unwrap_or_default();
    let supplement: Vec<&str> = lines
        .map(str::trim_end)
        .filter(|line| !line.trim().is_empty())
        .collect();
    let mut details = details::read(&raw.details, context.dialect);
    let mut entry = Entry::new(context.statement, raw.number, raw.line, context.currency);
    if context.interim {
        entry.status = Status::Pending;
    }
    let line = match line61::parse(first) {
        Ok(line) => Some(line),
        Err(problem) => {
            problems.push(problem);
            None
        }
    };
    if let Some(line) = &line {
        dates(&mut entry, line, context, &mut problems);
        money(&mut entry, line, context, &mut problems);
        references(&mut entry, line);
        if details.other.name.is_none() {
            details.other.name = details::some(line.name);
        }
    }
    let form = details.form;
    supplementary(&mut entry, &mut details, &supplement, context.dialect);
    non_swift(&mut entry, &mut details, &raw.non_swift);
    texts(&mut entry, details, line.as_ref().map_or("", |line| line.code));
    ReadEntry {
        credit_letter: line.is_some_and(|line| line.mark.is_credit() != line.mark.is_reversal()),
        entry,
        form,
        problems,
    }
}

/// The entry date is optional: without it the value date is the day of the booking.
fn dates(entry: &mut Entry, line: &EntryLine<'_>, context: &Context, problems: &mut Vec<MtProblem>) {
    let (value_on, problem) = value_date(line.value_date);
    problems.extend(problem);
    entry.value_on = value_on;
    entry.booked_on = match line.entry_date {
        None => value_on,
        Some(text) => entry_date(text, value_on, context.opening_on)
            .map_err(|problem| problems.push(problem))
            .ok(),
    };
}

fn money(entry: &mut Entry, line: &EntryLine<'_>, context: &Context, problems: &mut Vec<MtProblem>) {
    entry.credit = line.mark.is_credit();
    entry.reversal = line.mark.is_reversal();
    if line.mark.is_expected() {
        entry.status = Status::Pending;
    }
    let Some(currency) = context.currency else { return };
    let (money, problem) = amount(line.amount, currency);
    problems.extend(problem);
    // What stands in the file has no sign, so that the opposite always exists.
    entry.amount = money.and_then(|money: Money| {
        if entry.credit {
            Some(money)
        } else {
            money.checked_neg().ok()
        }
    });
}

fn refer(entry: &mut Entry, reference: Reference) {
    let known = entry.references.iter().any(|other| other.text == reference.text);
    if !known && is_reference(&reference.text) {
        entry.references.push(reference);
    }
}

fn references(entry: &mut Entry, line: &EntryLine<'_>) {
    for (kind, text) in [
        (ReferenceKind::Customer, line.customer),
        (ReferenceKind::Servicer, line.bank),
    ] {
        let text = text.to_owned();
        let scheme = None;
        refer(entry, Reference { kind, text, scheme });
    }
    entry.servicer_reference = Some(line.bank.to_owned()).filter(|bank| is_reference(bank));
}

/// The lines behind `:61:`: Rabobank's account, BCR's name; where there is no `:86:` the text of the entry.
fn supplementary(entry: &mut Entry, details: &mut Details, lines: &[&str], dialect: Option<Dialect>) {
    let text = lines.concat();
    if text.is_empty() {
        return;
    }
    let word = text.trim();
    if details.other.iban.is_none() && details::is_iban_shaped(word) {
        details.other.iban = Some(word.to_owned());
    } else if details.other.name.is_none() && dialect == Some(Dialect::Bcr) && details.form == Form::Plain {
        details.other.name = Some(word.to_owned());
    }
    let amounts = word.starts_with("/OCMT/") || word.starts_with("/CHGS/") || word.starts_with("/EXCH/");
    if details.form == Form::Plain && details.remittance.joined.is_empty() && !amounts {
        details.remittance = details::Text::plain(word);
    } else if word != details.remittance.joined {
        push_text(&mut entry.detail_text, word);
    }
}

/// `:NS:` has two digits in front of each line: 01 to 14 text, 15 and 16 the name, 17 the kind of entry.
fn non_swift(entry: &mut Entry, details: &mut Details, text: &str) {
    let of = |from: u32, to: u32| {
        let lines = text.split('\n').filter_map(|line| {
            let (number, rest) = line.split_at_checked(2)?;
            let number: u32 = number.parse().ok()?;
            (from..=to).contains(&number).then_some((rest, false))
        });
        details::Text::of(lines)
    };
    if text.is_empty() {
        return;
    }
    let remittance = of(1, 14);
    if details.form == Form::Plain && details.remittance.joined.is_empty() {
        details.remittance = remittance;
    } else {
        let text = if remittance.spaced.is_empty() {
            &remittance.joined
        } else {
            &remittance.spaced
        };
        push_text(&mut entry.detail_text, text);
    }
    if details.other.name.is_none() {
        details.other.name = details::some(&of(15, 16).joined);
    }
    if details.booking_text.is_empty() {
        details.booking_text = of(17, 17).joined;
    }
}

fn push_text(target: &mut String, text: &str) {
    let text = text.trim();
    if !text.is_empty() {
        if !target.is_empty() {
            target.push(' ');
        }
        target.push_str(text);
    }
}

fn texts(entry: &mut Entry, details: Details, code: &str) {
    for reference in details.references {
        refer(entry, reference);
    }
    let counterparty = if entry.credit != entry.reversal {
        (details.other, details.debtor, Party::default(), details.creditor)
    } else {
        (Party::default(), details.debtor, details.other, details.creditor)
    };
    entry.debtor = merged(counterparty.1, counterparty.0);
    entry.creditor = merged(counterparty.3, counterparty.2);
    entry.ultimate_debtor = details.ultimate_debtor;
    entry.ultimate_creditor = details.ultimate_creditor;
    entry.remittance = details.remittance.joined;
    entry.entry_text = details.booking_text;
    let mut detail_text = details.remittance.spaced;
    push_text(&mut detail_text, &details.extra);
    push_text(&mut detail_text, &std::mem::take(&mut entry.detail_text));
    entry.detail_text = detail_text;
    let proprietary = match (code, details.code) {
        ("", None) => None,
        ("", Some(business)) => Some(business),
        (code, None) => Some(code.to_owned()),
        (code, Some(business)) => Some(format!("{code}+{business}")),
    };
    entry.code = BankCode {
        proprietary,
        ..BankCode::default()
    };
    if !details.reasons.is_empty() {
        entry.returned = Some(Return {
            reasons: details.reasons,
            text: String::new(),
        });
    }
}

/// What is told of a party by its side, else by being the other one.
fn merged(by_side: Party, other: Party) -> Party {
    Party {
        name: by_side.name.or(other.name),
        iban: by_side.iban.or(other.iban),
        other_account: by_side.other_account.or(other.other_account),
    }
}
