//! One row, read by the map.

use kernel::{BusinessDate, Currency, Money};

use super::Row;
use super::map::{DebitSign, Map, Order, Sign, as_account};
use super::statement::{Open, Places, Step};
use super::value::{amount, date};
use crate::formats::model::{Entry, Party, Reference, ReferenceKind};
use crate::formats::problem::Problem;
use crate::formats::records::problem::RecordProblem;
use crate::formats::records::record::short;
use crate::formats::records::statement::problem;

pub(super) fn text(row: &Row, at: Option<usize>) -> Option<String> {
    let cell = row.cells.get(at?)?;
    Some(cell.text()).filter(|text| !text.is_empty())
}

pub(super) fn column_path(at: Option<usize>, header: &[String]) -> String {
    let Some(at) = at else { return String::new() };
    match header.get(at).filter(|name| !name.is_empty()) {
        Some(name) => format!("column {} ({})", at.saturating_add(1), short(name)),
        None => format!("column {}", at.saturating_add(1)),
    }
}

/// One row, read by the map.
pub(super) struct Reading<'a> {
    pub(super) row: &'a Row,
    pub(super) places: &'a Places,
    pub(super) map: &'a Map,
    pub(super) header: &'a [String],
    pub(super) problems: &'a mut Vec<Problem>,
}

impl Reading<'_> {
    fn tell(&mut self, at: Option<usize>, kind: RecordProblem) {
        let path = column_path(at, self.header);
        self.problems.push(problem(self.row.line, path, kind));
    }

    pub(super) fn entry(mut self, open: &mut Open, stated: Option<Currency>) -> Entry {
        let places = self.places;
        let mut entry = open.building.entry(self.row.line);
        entry.booked_on = self.date(places.booked_on);
        entry.value_on = self.date(places.value_on);
        if entry.booked_on.is_none() && text(self.row, places.booked_on).is_none() {
            self.tell(places.booked_on, RecordProblem::Missing("booking date"));
        }
        entry.currency = stated;
        if let (Some(stated), Some(account)) = (stated, open.building.header.currency)
            && stated != account
        {
            self.tell(places.currency, RecordProblem::ForeignAmount { stated, account });
        }
        entry.amount = stated.and_then(|currency| Some(Money::new(self.amount(currency)?, currency)));
        entry.credit = entry.amount.is_none_or(|money| !money.is_negative());
        self.texts(&mut entry);
        if let Some(on) = entry.booked_on {
            open.from = Some(open.from.map_or(on, |from| from.min(on)));
            open.to = Some(open.to.map_or(on, |to| to.max(on)));
        }
        if let (Some(money), Some(at)) = (entry.amount, places.balance) {
            self.balance(at, money, open);
        }
        entry
    }

    fn texts(&mut self, entry: &mut Entry) {
        let places = self.places;
        let party = Party {
            name: text(self.row, places.name),
            iban: text(self.row, places.iban)
                .map(|text| as_account(&text))
                .and_then(|(number, is)| is.then_some(number)),
            other_account: text(self.row, places.iban)
                .map(|text| as_account(&text))
                .and_then(|(number, is)| (!is).then_some(number)),
        };
        if entry.credit {
            entry.debtor = party;
        } else {
            entry.creditor = party;
        }
        let mut refer = |kind: ReferenceKind, at: Option<usize>| {
            let Some(text) = text(self.row, at).filter(|text| text != "NOTPROVIDED") else {
                return;
            };
            if !entry.references.iter().any(|known| known.text == text) {
                entry.references.push(Reference {
                    kind,
                    text,
                    scheme: None,
                });
            }
        };
        refer(ReferenceKind::Servicer, places.bank_reference);
        for at in &places.references {
            refer(ReferenceKind::Customer, Some(*at));
        }
        refer(ReferenceKind::EndToEnd, places.end_to_end);
        entry.servicer_reference = text(self.row, places.bank_reference);
        let parts: Vec<String> = places
            .remittance
            .iter()
            .filter_map(|at| text(self.row, Some(*at)))
            .collect();
        entry.remittance = parts.concat();
        entry.entry_text = parts.join(" ");
    }

    fn date(&mut self, at: Option<usize>) -> Option<BusinessDate> {
        let cell = self.row.cells.get(at?)?;
        date(cell, self.map).unwrap_or_else(|kind| {
            self.tell(at, kind);
            None
        })
    }

    fn one(&mut self, at: Option<usize>, currency: Currency) -> Option<i64> {
        let cell = self.row.cells.get(at?)?;
        amount(cell, self.map, currency).unwrap_or_else(|kind| {
            self.tell(at, kind);
            None
        })
    }

    /// The signed amount by the map's rule.
    fn amount(&mut self, currency: Currency) -> Option<i64> {
        let places = self.places;
        if places.amount.is_some() {
            return self.single(currency);
        }
        let told = self.problems.len();
        let (debit, credit) = (self.one(places.debit, currency), self.one(places.credit, currency));
        let written = |at: Option<usize>| text(self.row, at).unwrap_or_default();
        match (debit.filter(|minor| *minor != 0), credit.filter(|minor| *minor != 0)) {
            (Some(_), Some(_)) => {
                let kind = RecordProblem::TwoAmounts {
                    debit: short(&written(places.debit)),
                    credit: short(&written(places.credit)),
                };
                self.tell(places.debit, kind);
                None
            }
            (Some(minor), None) => match (self.map.debit_sign, minor < 0) {
                (DebitSign::Unsigned, false) => minor.checked_neg(),
                (DebitSign::Negative, true) => Some(minor),
                _ => {
                    let kind = RecordProblem::BadAmount(short(&written(places.debit)));
                    self.tell(places.debit, kind);
                    None
                }
            },
            (None, Some(minor)) if minor < 0 => {
                let kind = RecordProblem::BadAmount(short(&written(places.credit)));
                self.tell(places.credit, kind);
                None
            }
            (None, Some(minor)) => Some(minor),
            (None, None) if debit.or(credit).is_some() => Some(0),
            (None, None) => {
                if self.problems.len() == told {
                    self.tell(places.debit, RecordProblem::Missing("amount"));
                }
                None
            }
        }
    }

    /// The amount column, turned by the direction column or the sign rule.
    fn single(&mut self, currency: Currency) -> Option<i64> {
        let at = self.places.amount;
        let told = self.problems.len();
        let Some(minor) = self.one(at, currency) else {
            if self.problems.len() == told {
                self.tell(at, RecordProblem::Missing("amount"));
            }
            return None;
        };
        let turned = match (self.places.direction, self.map.sign) {
            (Some(direction), _) => {
                let word = text(self.row, Some(direction)).unwrap_or_default();
                let among = |words: &[String]| words.iter().any(|known| known.eq_ignore_ascii_case(&word));
                if minor < 0 {
                    self.tell(
                        at,
                        RecordProblem::BadAmount(short(&text(self.row, at).unwrap_or_default())),
                    );
                    return None;
                }
                if among(&self.map.credit_words) {
                    Some(minor)
                } else if among(&self.map.debit_words) {
                    minor.checked_neg()
                } else {
                    let kind = RecordProblem::BadDirection {
                        text: short(&word),
                        expected: "one of the map's credit_words or debit_words",
                    };
                    self.tell(Some(direction), kind);
                    return None;
                }
            }
            (None, Sign::AsWritten) => Some(minor),
            (None, Sign::Inverted) => minor.checked_neg(),
        };
        if turned.is_none() {
            self.tell(
                at,
                RecordProblem::Overflow(short(&text(self.row, at).unwrap_or_default())),
            );
        }
        turned
    }

    /// The balance after the row, against the row before.
    fn balance(&mut self, at: usize, money: Money, open: &mut Open) {
        let currency = money.currency();
        let Some(balance) = self.one(Some(at), currency) else {
            return;
        };
        let step = Step {
            balance: i128::from(balance),
            amount: i128::from(money.minor()),
        };
        if let Some(last) = open.last {
            let (stated, found) = match self.map.order {
                Order::OldestFirst => (step.balance, last.balance + step.amount),
                Order::NewestFirst => (step.balance, last.balance - last.amount),
            };
            if stated != found {
                self.tell(
                    Some(at),
                    RecordProblem::BalanceBreaks {
                        stated,
                        found,
                        currency,
                    },
                );
            }
        }
        open.first = open.first.or(Some(step));
        open.last = Some(step);
    }
}
