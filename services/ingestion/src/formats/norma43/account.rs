//! Records 11 and 33: an account begins and ends.

use kernel::Currency;

use super::ccc;
use super::movement::{Side, currency, direction};
use crate::formats::model::{Balance, StatementAccount, StatementHeader, WrittenTime};
use crate::formats::problem::Problem;
use crate::formats::records::problem::{RecordProblem, place};
use crate::formats::records::record::{Record, short, signed};
use crate::formats::records::statement::problem;

/// Record 11: fills the header with account, period, opening balance and currency.
pub(super) fn begin(record: Record<'_>, header: &mut StatementHeader, problems: &mut Vec<Problem>) {
    let line = header.line;
    let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
        problems.push(problem(line, place("11", from, to, what), kind));
    };
    header.account = account(record);
    if !header.account.is_iban {
        tell(3, 20, "account", RecordProblem::BadAccount(short(record.field(3, 20))));
    }
    header.account.owner = Some(record.word(52, 77).to_owned()).filter(|name| !name.is_empty());
    header.currency = currency(record, 48).map_err(|kind| tell(48, 50, "currency", kind)).ok();
    let mut date = |from: usize, what: &str| {
        let read = record.short_date(from);
        read.map_err(|kind| tell(from, from + 5, what, kind))
            .ok()
            .map(|on| WrittenTime {
                on,
                text: on.to_string(),
            })
    };
    header.from = date(21, "first day");
    header.to = date(27, "last day");
    let on = header.from.as_ref().map(|from| from.on);
    let opening = balance(record, "OPBD", (33, 34), header.currency, &mut tell);
    header.balances.push(Balance { on, line, ..opening });
    let mode = record.field(51, 51);
    if !matches!(mode, "1" | "2" | "3") {
        let kind = RecordProblem::UnknownCode {
            what: "the information mode",
            code: short(mode),
        };
        tell(51, 51, "information mode", kind);
    }
}

/// A signed balance: direction at `at.0`, 14 digits at `at.1`.
fn balance(
    record: Record<'_>,
    code: &str,
    at: (usize, usize),
    currency: Option<Currency>,
    tell: &mut impl FnMut(usize, usize, &str, RecordProblem),
) -> Balance {
    let credit = direction(record, at.0)
        .map_err(|kind| tell(at.0, at.0, "debit or credit", kind))
        .ok();
    let money = currency.and_then(|currency| {
        let read = record.amount(at.1, at.1 + 13, currency);
        let minor = read.map_err(|kind| tell(at.1, at.1 + 13, "balance", kind)).ok()?;
        Some(signed(minor, credit.unwrap_or(true), currency))
    });
    Balance {
        code: code.to_owned(),
        subtype: None,
        money,
        // Without a direction the arithmetic decides; the statement stays quarantined by it.
        sign_stated: credit.is_some(),
        on: None,
        line: 0,
    }
}

/// The account of records 11 and 33: its IBAN, or what stands there.
fn account(record: Record<'_>) -> StatementAccount {
    let (bank, branch, number) = (record.field(3, 6), record.field(7, 10), record.field(11, 20));
    let iban = ccc::iban(bank, branch, number);
    StatementAccount {
        is_iban: iban.is_some(),
        number: iban.map_or_else(
            || record.field(3, 20).split_whitespace().collect(),
            |iban| iban.as_str().to_owned(),
        ),
        owner: None,
        bank_bic: None,
    }
}

/// Record 33: what it says against what was read; its closing balance goes into the header.
pub(super) fn end(
    record: Record<'_>,
    line: u64,
    header: &mut StatementHeader,
    (debits, credits): (Side, Side),
    problems: &mut Vec<Problem>,
) {
    let mut tell = |from: usize, to: usize, what: &str, kind: RecordProblem| {
        problems.push(problem(line, place("33", from, to, what), kind));
    };
    let stated = account(record).number;
    if stated != header.account.number {
        let account = header.account.number.clone();
        tell(3, 20, "account", RecordProblem::AccountContradicted { stated, account });
    }
    match (currency(record, 74), header.currency) {
        (Err(kind), _) => tell(74, 76, "currency", kind),
        (Ok(stated), Some(account)) if stated != account => {
            tell(
                74,
                76,
                "currency",
                RecordProblem::CurrencyContradicted { stated, account },
            );
        }
        _ => {}
    }
    for (at, side, count_of, total_of) in [
        ((21, 26), debits, "number of debits", "total of debits"),
        ((40, 45), credits, "number of credits", "total of credits"),
    ] {
        match record.number(at.0, at.0 + 4) {
            Ok(stated) if stated == side.count => {}
            Ok(stated) => {
                let kind = RecordProblem::CountDiffers {
                    what: count_of,
                    stated,
                    found: side.count,
                };
                tell(at.0, at.0 + 4, count_of, kind);
            }
            Err(kind) => tell(at.0, at.0 + 4, count_of, kind),
        }
        let Some(currency) = header.currency else { continue };
        match record.amount(at.1, at.1 + 13, currency).map(i128::from) {
            Ok(stated) if stated == side.total => {}
            Ok(stated) => {
                let kind = RecordProblem::TotalDiffers {
                    what: total_of,
                    stated,
                    found: side.total,
                    currency,
                };
                tell(at.1, at.1 + 13, total_of, kind);
            }
            Err(kind) => tell(at.1, at.1 + 13, total_of, kind),
        }
    }
    let on = header.to.as_ref().map(|to| to.on);
    let closing = balance(record, "CLBD", (59, 60), header.currency, &mut tell);
    header.balances.push(Balance { on, line, ..closing });
}
