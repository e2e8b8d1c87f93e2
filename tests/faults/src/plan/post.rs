//! Makes the plan: how it is sent.

use kernel::{BusinessDate, InvoiceId, Money};

use super::maker::{Books, Invoice, Maker};
use super::{Fate, Issued, Plan, UTILITY, Unit};
use crate::paper::{self, Entry};

/// Lines of one batch.
const BATCH: usize = 150;
/// The same while days close that are not waited for.
const SMALL_BATCH: usize = 40;

impl Maker {
    pub(super) fn finish(mut self, compared: usize) -> anyhow::Result<Plan> {
        for firm in 0..self.firms.len() {
            self.send_accounts(firm, compared);
            self.send_invoices(firm, compared);
            for day in 0..compared {
                self.send_statements(firm, day);
            }
        }
        for firm in &self.firms {
            let body = paper::creditor(firm).to_string();
            self.days[0].first.insert(0, Unit::Creditor { code: firm.code, body });
        }
        for day in &mut self.days {
            self.rng.shuffle(&mut day.rest);
        }
        let mut invoices = Vec::new();
        for (firm, books) in self.books.iter().enumerate() {
            let creditor = self.firms[firm].id();
            invoices.extend(books.invoices.iter().map(|invoice| Issued {
                invoice: InvoiceId::derive(creditor, &invoice.number),
                firm,
                day: invoice.day,
            }));
        }
        Ok(Plan {
            firms: self.firms,
            days: self.days,
            payments: self.payments,
            invoices,
            refused: self.refused,
        })
    }

    fn send_accounts(&mut self, firm: usize, compared: usize) {
        let (code, currency) = (self.firms[firm].code, self.firms[firm].currency);
        for day in 0..=compared {
            let opened = self.books[firm].accounts.iter().filter(|account| account.opened == day);
            let lines: Vec<String> = opened
                .map(|account| paper::account_lines(&account.number, currency, self.firms[UTILITY].first_on))
                .collect();
            for lines in lines.chunks(BATCH) {
                self.days[day].first.push(Unit::Batch {
                    code,
                    lines: lines.concat().into_bytes(),
                    refused: 0,
                });
            }
        }
    }

    /// The day's invoices, with lower second versions of some older ones that no payment names; one line is refused.
    fn send_invoices(&mut self, firm: usize, compared: usize) {
        let (code, currency) = (self.firms[firm].code, self.firms[firm].currency);
        for day in 0..=compared {
            let on = self.on(day);
            let line = |books: &Books, invoice: &Invoice, version, issued_on, total_minor| {
                let account = &books.accounts[invoice.account].number;
                let total = Money::new(total_minor, currency);
                paper::invoice_line(&invoice.number, account, version, (issued_on, invoice.due_on), total)
            };
            let mut lines = Vec::new();
            for (n, invoice) in self.books[firm].invoices.iter().enumerate() {
                if invoice.day == day {
                    lines.push(line(&self.books[firm], invoice, 1, on, invoice.total_minor));
                }
                if invoice.day + 1 == day && !invoice.taken && n % 10 == 0 {
                    let issued_on = self.on(invoice.day);
                    lines.push(line(&self.books[firm], invoice, 2, issued_on, invoice.total_minor / 2));
                }
            }
            let racing = day == compared;
            for (n, lines) in lines.chunks(if racing { SMALL_BATCH } else { BATCH }).enumerate() {
                let mut lines = lines.concat();
                let stray = n == 0;
                if stray {
                    let total = Money::new(100, currency);
                    lines.push_str(&paper::invoice_line("STRAY", "UNKNOWN", 1, (on, on), total));
                }
                let batch = Unit::Batch {
                    code,
                    lines: lines.into_bytes(),
                    refused: usize::from(stray),
                };
                // Half of the racing's payments find their invoice there, the others wait for it.
                if racing && n % 2 == 0 {
                    self.days[day].first.push(batch);
                } else {
                    self.days[day].rest.push(batch);
                }
            }
        }
    }

    /// The day's bank lines in files of many sizes: some by HTTP, some through the folder, one broken, one twice, one cut anew.
    fn send_statements(&mut self, firm: usize, day: usize) {
        let on = self.on(day);
        let mut entries = std::mem::take(&mut self.books[firm].entries[day]);
        let anew: Vec<Entry> = entries
            .iter()
            .rev()
            .take(10)
            .filter(|entry| !entry.reversal)
            .cloned()
            .collect();
        let mut files = Vec::new();
        while !entries.is_empty() {
            let many = usize::try_from(self.rng.between(20, 250)).unwrap_or(100);
            let rest = entries.split_off(many.min(entries.len()));
            files.push(self.file(firm, on, &entries));
            entries = rest;
        }
        if let Some((name, bytes)) = files.first() {
            let half = bytes[..bytes.len() / 2].to_vec();
            self.statement(day, format!("broken-{name}"), half, Fate::Refused);
            self.statement(day, format!("again-{name}"), bytes.clone(), Fate::Accepted);
        }
        if !anew.is_empty() {
            // Its opening balance follows no other statement's: that would prove that it tells of other money.
            let number = 900_000 + self.books[firm].statements;
            let (bytes, _) = paper::statement(&self.firms[firm], number, on, 7, &anew);
            files.push((format!("anew-{}-{number}.xml", self.firms[firm].code), bytes));
        }
        for (name, bytes) in files {
            if self.rng.chance(330) {
                self.days[day].rest.push(Unit::Dropped { name, bytes });
            } else {
                self.statement(day, name, bytes, Fate::Accepted);
            }
        }
    }

    fn statement(&mut self, day: usize, name: String, bytes: Vec<u8>, fate: Fate) {
        self.days[day].rest.push(Unit::Statement { name, bytes, fate });
    }

    fn file(&mut self, firm: usize, on: BusinessDate, entries: &[Entry]) -> (String, Vec<u8>) {
        let books = &mut self.books[firm];
        books.statements += 1;
        let (bytes, closing) = paper::statement(&self.firms[firm], books.statements, on, books.balance_minor, entries);
        books.balance_minor = closing;
        (format!("{}-{:06}.xml", self.firms[firm].code, books.statements), bytes)
    }
}
