//! From rows to statements and entries.

use kernel::{BusinessDate, Currency, Money};

use super::map::{Column, Map, Order, as_account};
use super::reading::{Reading, column_path, text};
use super::value::Cell;
use super::{Cells, Row};
use crate::formats::format::Format;
use crate::formats::model::{Balance, Event, StatementHeader, WrittenTime};
use crate::formats::problem::{Place, Problem, ReadError, Refusal, RefusalReason};
use crate::formats::records::problem::RecordProblem;
use crate::formats::records::record::short;
use crate::formats::records::statement::{Building, Out, problem};

/// Positions of the map's columns in a row, from 0.
#[derive(Default)]
pub(super) struct Places {
    pub(super) booked_on: Option<usize>,
    pub(super) value_on: Option<usize>,
    pub(super) amount: Option<usize>,
    pub(super) debit: Option<usize>,
    pub(super) credit: Option<usize>,
    pub(super) direction: Option<usize>,
    pub(super) currency: Option<usize>,
    pub(super) account: Option<usize>,
    pub(super) balance: Option<usize>,
    pub(super) name: Option<usize>,
    pub(super) iban: Option<usize>,
    pub(super) end_to_end: Option<usize>,
    pub(super) bank_reference: Option<usize>,
    pub(super) references: Vec<usize>,
    pub(super) remittance: Vec<usize>,
}

/// A row's balance and amount, in minor units.
#[derive(Copy, Clone)]
pub(super) struct Step {
    pub(super) balance: i128,
    pub(super) amount: i128,
}

pub(super) struct Open {
    pub(super) building: Building,
    /// As the account column writes it.
    written: String,
    pub(super) first: Option<Step>,
    pub(super) last: Option<Step>,
    pub(super) from: Option<BusinessDate>,
    pub(super) to: Option<BusinessDate>,
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
        let at = Place::on_line(line);
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
        self.out.tell_all(&mut open.building, problems)
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
        let kind = RecordProblem::BadAccount(String::new());
        let problems = nameless.then(|| problem(line, "", kind));
        let building = self.out.begin(header, problems.into_iter().collect())?;
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
