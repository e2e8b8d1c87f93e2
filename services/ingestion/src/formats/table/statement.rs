//! From rows to statements and entries.

use kernel::{BusinessDate, Currency, Money};

use super::map::{Column, DebitSign, Map, Order, Sign, as_account};
use super::value::{Cell, amount, date};
use super::{Cells, Row};
use crate::formats::format::Format;
use crate::formats::model::{Balance, Entry, Event, Party, Reference, ReferenceKind, StatementHeader, WrittenTime};
use crate::formats::problem::{Place, Problem, ReadError, Refusal, RefusalReason};
use crate::formats::records::problem::RecordProblem;
use crate::formats::records::record::short;
use crate::formats::records::statement::{Building, Out, problem};

/// Positions of the map's columns in a row, from 0.
#[derive(Default)]
struct Places {
    booked_on: Option<usize>,
    value_on: Option<usize>,
    amount: Option<usize>,
    debit: Option<usize>,
    credit: Option<usize>,
    direction: Option<usize>,
    currency: Option<usize>,
    account: Option<usize>,
    balance: Option<usize>,
    name: Option<usize>,
    iban: Option<usize>,
    end_to_end: Option<usize>,
    bank_reference: Option<usize>,
    references: Vec<usize>,
    remittance: Vec<usize>,
}

/// A row's balance and amount, in minor units.
#[derive(Copy, Clone)]
struct Step {
    balance: i128,
    amount: i128,
}

struct Open {
    building: Building,
    /// As the account column writes it.
    written: String,
    first: Option<Step>,
    last: Option<Step>,
    from: Option<BusinessDate>,
    to: Option<BusinessDate>,
}

/// A table while its rows pass by.
pub(super) struct Table<'s, 'm, E> {
    out: Out<'s, E>,
    map: &'m Map,
    format: Format,
    header: Vec<String>,
    places: Option<Places>,
    open: Option<Open>,
    passed_over: bool,
}

impl<E> Cells<E> for Table<'_, '_, E> {
    fn row(&mut self, row: &Row) -> Result<(), ReadError<E>> {
        if usize::try_from(row.line).unwrap_or(usize::MAX) <= self.map.header_rows {
            self.header = row.cells.iter().map(Cell::text).collect();
            return Ok(());
        }
        if self.places.is_none() {
            let places = self.find_places().map_err(|column| self.no_column(&column, row.line))?;
            self.places = Some(places);
        }
        let skipped = |cell: &Cell| {
            let text = cell.text();
            self.map.skip_rows_with.iter().any(|start| text.starts_with(start))
        };
        if row.cells.iter().all(Cell::is_blank) || row.cells.iter().any(skipped) {
            return Ok(());
        }
        let places = self.places.take().unwrap_or_default();
        let done = self.data(row, &places);
        self.places = Some(places);
        done
    }

    fn note(&mut self, problem: Problem) -> Result<(), ReadError<E>> {
        self.out.note(problem)
    }
}

impl<'s, 'm, E> Table<'s, 'm, E> {
    pub(super) fn new(map: &'m Map, format: Format, sink: &'s mut dyn FnMut(Event) -> Result<(), E>) -> Self {
        Self {
            out: Out::new(sink),
            map,
            format,
            header: Vec::new(),
            places: None,
            open: None,
            passed_over: false,
        }
    }

    fn no_column(&self, column: &Column, line: u64) -> ReadError<E> {
        let what = format!(
            "the column {column} of the map {:?} is not there; the header has: {}",
            self.map.name,
            self.header.join(" | ").chars().take(400).collect::<String>()
        );
        let at = Place {
            line,
            path: String::new(),
        };
        ReadError::Refused(Box::new(Refusal {
            at,
            reason: RefusalReason::OfFormat {
                what,
                remedy: "Correct the map (header_rows, columns, separator), or send a file with this column.",
            },
            format: Some(self.format.to_string()),
        }))
    }

    fn find_places(&self) -> Result<Places, Column> {
        let find = |column: &Column| match column {
            Column::Number(number) => number.checked_sub(1).ok_or_else(|| column.clone()),
            Column::Name(name) => {
                let wanted = name.trim().to_lowercase();
                let found = self.header.iter().position(|text| text.trim().to_lowercase() == wanted);
                found.ok_or_else(|| column.clone())
            }
        };
        let one = |column: &Option<Column>| column.as_ref().map(find).transpose();
        let many = |columns: &[Column]| columns.iter().map(find).collect::<Result<Vec<usize>, Column>>();
        let columns = &self.map.columns;
        Ok(Places {
            booked_on: one(&columns.booked_on)?,
            value_on: one(&columns.value_on)?,
            amount: one(&columns.amount)?,
            debit: one(&columns.debit)?,
            credit: one(&columns.credit)?,
            direction: one(&columns.direction)?,
            currency: one(&columns.currency)?,
            account: one(&columns.account)?,
            balance: one(&columns.balance)?,
            name: one(&columns.name)?,
            iban: one(&columns.iban)?,
            end_to_end: one(&columns.end_to_end)?,
            bank_reference: one(&columns.bank_reference)?,
            references: many(&columns.references)?,
            remittance: many(&columns.remittance)?,
        })
    }

    fn data(&mut self, row: &Row, places: &Places) -> Result<(), ReadError<E>> {
        let blank = |at: &Option<usize>| at.is_none_or(|at| row.cells.get(at).is_none_or(Cell::is_blank));
        if [&places.booked_on, &places.amount, &places.debit, &places.credit]
            .into_iter()
            .all(blank)
        {
            return match std::mem::replace(&mut self.passed_over, true) {
                true => Ok(()),
                false => self.out.note(problem(row.line, "", RecordProblem::PassedOver)),
            };
        }
        let account = text(row, places.account).unwrap_or_default();
        let other = self.open.as_ref().is_some_and(|open| open.written != account);
        if other {
            self.end()?;
        }
        let mut problems = Vec::new();
        let stated = self.currency(row, places, &mut problems);
        if self.open.is_none() {
            self.begin(row.line, account, stated)?;
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let entry = Reading {
            row,
            places,
            map: self.map,
            header: &self.header,
            problems: &mut problems,
        }
        .entry(open, stated);
        self.out.entry(&mut open.building, entry)?;
        for problem in problems {
            self.out.tell(&mut open.building, problem)?;
        }
        Ok(())
    }

    /// The row's currency: of its column, else of the map.
    fn currency(&self, row: &Row, places: &Places, problems: &mut Vec<Problem>) -> Option<Currency> {
        let Some(code) = text(row, places.currency) else {
            return self.map.own_currency();
        };
        let read = Currency::parse(&code.to_uppercase());
        if read.is_err() {
            let path = column_path(places.currency, &self.header);
            problems.push(problem(row.line, path, RecordProblem::UnknownCurrency(short(&code))));
        }
        read.ok()
    }

    fn begin(&mut self, line: u64, written: String, currency: Option<Currency>) -> Result<(), ReadError<E>> {
        let mut header = StatementHeader::new(self.format.clone(), self.out.next_index(), line);
        header.kind = self.map.kind.statement();
        header.currency = currency;
        let account = if written.is_empty() {
            self.map.own_account()
        } else {
            Some(as_account(&written))
        };
        if let Some((number, is_iban)) = account {
            header.account.number = number;
            header.account.is_iban = is_iban;
        }
        let nameless = header.account.number.is_empty();
        let mut building = Building::new(header);
        self.out.start(&building)?;
        if nameless {
            let kind = RecordProblem::BadAccount(String::new());
            self.out.tell(&mut building, problem(line, "", kind))?;
        }
        self.open = Some(Open {
            building,
            written,
            first: None,
            last: None,
            from: None,
            to: None,
        });
        Ok(())
    }

    /// A problem of the statement that is open, or of the file.
    pub(super) fn tell_open(&mut self, problem: Problem) -> Result<(), ReadError<E>> {
        match &mut self.open {
            Some(open) => self.out.tell(&mut open.building, problem),
            None => self.out.note(problem),
        }
    }

    /// The balances before the first and after the last booking prove what lies between them.
    fn end(&mut self) -> Result<(), ReadError<E>> {
        let Some(mut open) = self.open.take() else {
            return Ok(());
        };
        let header = &mut open.building.header;
        let written = |on: Option<BusinessDate>| {
            on.map(|on| WrittenTime {
                on,
                text: on.to_string(),
            })
        };
        header.from = written(open.from);
        header.to = written(open.to);
        let (oldest, newest) = match self.map.order {
            Order::OldestFirst => (open.first, open.last),
            Order::NewestFirst => (open.last, open.first),
        };
        if let (Some(oldest), Some(newest), Some(currency)) = (oldest, newest, header.currency) {
            let line = header.line;
            let mut add = |code: &str, minor: i128, on: Option<BusinessDate>| {
                header.balances.push(Balance {
                    code: code.to_owned(),
                    subtype: None,
                    money: i64::try_from(minor).ok().map(|minor| Money::new(minor, currency)),
                    sign_stated: true,
                    on,
                    line,
                });
            };
            add("OPBD", oldest.balance - oldest.amount, open.from);
            add("CLBD", newest.balance, open.to);
        }
        self.out.end(open.building)
    }

    /// The end of the table. One without any row is a statement of nothing, where the map says of which account.
    pub(super) fn finish(mut self) -> Result<Out<'s, E>, ReadError<E>> {
        if self.places.is_none() {
            let line = u64::try_from(self.map.header_rows).unwrap_or(u64::MAX);
            self.find_places().map_err(|column| self.no_column(&column, line))?;
        }
        if self.out.statements == 0 && self.open.is_none() {
            self.begin(1, String::new(), self.map.own_currency())?;
        }
        self.end()?;
        Ok(self.out)
    }
}

fn text(row: &Row, at: Option<usize>) -> Option<String> {
    let cell = row.cells.get(at?)?;
    Some(cell.text()).filter(|text| !text.is_empty())
}

fn column_path(at: Option<usize>, header: &[String]) -> String {
    let Some(at) = at else { return String::new() };
    match header.get(at).filter(|name| !name.is_empty()) {
        Some(name) => format!("column {} ({})", at.saturating_add(1), short(name)),
        None => format!("column {}", at.saturating_add(1)),
    }
}

/// One row, read by the map.
struct Reading<'a> {
    row: &'a Row,
    places: &'a Places,
    map: &'a Map,
    header: &'a [String],
    problems: &'a mut Vec<Problem>,
}

impl Reading<'_> {
    fn tell(&mut self, at: Option<usize>, kind: RecordProblem) {
        let path = column_path(at, self.header);
        self.problems.push(problem(self.row.line, path, kind));
    }

    fn entry(mut self, open: &mut Open, stated: Option<Currency>) -> Entry {
        let places = self.places;
        let mut entry = open.building.entry(self.row.line);
        entry.booked_on = self.date(places.booked_on);
        entry.value_on = self.date(places.value_on);
        if entry.booked_on.is_none() && text(self.row, places.booked_on).is_none() {
            self.tell(places.booked_on, RecordProblem::Missing("booking date"));
        }
        entry.currency = stated;
        if let (Some(stated), Some(account)) = (stated, open.building.header.currency) {
            if stated != account {
                self.tell(places.currency, RecordProblem::ForeignAmount { stated, account });
            }
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
