//! What becomes of each invoice: paid well, badly, twice, too late, by somebody else, or not at all.

use kernel::BusinessDate;

use super::books::{Books, january};
use super::model::{Change, Effect, Movement};
use super::payu::Attempt;
use super::rng::Rng;

/// First order number of PayU: ten digits, so that it is no account's or invoice's.
const FIRST_ORDER: u64 = 1_400_000_000;

/// Makes up what debtors do.
pub struct Fates<'a> {
    books: &'a mut Books,
    rng: Rng,
    strangers: usize,
}

impl<'a> Fates<'a> {
    /// For one creditor.
    pub fn new(books: &'a mut Books, rng: Rng) -> Self {
        Self {
            books,
            rng,
            strangers: 0,
        }
    }

    /// What becomes of one invoice. The Colombian publisher is mostly paid through PayU.
    pub fn decide(&mut self, invoice: usize) {
        let Some(found) = self.books.invoices.get(invoice) else {
            return;
        };
        let (account, total, number, rf) = (found.account, found.total_minor, found.number.clone(), found.rf.clone());
        let from = found.issued_on.max(january(4)).plus_days(self.rng.between(1, 13));
        if self.rng.chance(165) {
            return;
        }
        if self.books.firm.merchant.is_some() && self.rng.chance(780) {
            return self.by_payu(account, &number, total, from);
        }
        let Some(on) = self.books.banking_day(from, 0) else {
            return;
        };
        let exact = self.wording(&number, on);
        match self.rng.between(0, 999) {
            0..=689 => self.exact(account, on, total, exact),
            690..=789 => self.structured(account, on, total, rf),
            790..=829 => {
                let text = format!(
                    "contract {}",
                    self.books
                        .accounts
                        .get(account)
                        .map(|a| a.number.clone())
                        .unwrap_or_default()
                );
                self.exact(account, on, total, text);
            }
            830..=869 => self.partial(account, on, total, exact),
            870..=889 => {
                let tip = self.rng.between(1, 50).saturating_mul(100);
                self.exact(account, on, total.saturating_add(tip), exact);
            }
            890..=904 => self.wrong_reference(account, on, total),
            905..=924 => self.nameless(account, on, total),
            925..=939 => self.reversed(account, on, total, exact),
            940..=949 => self.twice(account, on, total, &exact),
            950..=979 => self.pending_first(account, on, total, exact),
            _ => self.stranger(account, on, total),
        }
    }

    /// The invoice's number as people write it.
    fn wording(&mut self, number: &str, on: BusinessDate) -> String {
        let compact: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
        let spaced = format!(
            "{} {}",
            number.get(..2).unwrap_or_default(),
            number.get(2..).unwrap_or_default().replace('-', " ")
        );
        let date = format!("{:02}.{:02}.{}", on.day(), on.month(), on.year());
        if self.books.firm.jurisdiction == "RO" {
            match self.rng.between(0, 4) {
                0 => format!("Plata factura {number}"),
                1 => format!("c/v fact. {compact}, mulțumesc"),
                2 => format!("FACT {spaced}"),
                3 => format!("Factura nr. {number} din data de {date}"),
                _ => number.to_owned(),
            }
        } else {
            match self.rng.between(0, 3) {
                0 => format!("Pago factura {number}"),
                1 => format!("Consignación {compact} suscripción"),
                2 => format!("FACTURA {spaced}"),
                _ => number.to_owned(),
            }
        }
    }

    fn book(&mut self, movement: Movement) {
        self.books.movements.push(movement);
    }

    fn exact(&mut self, account: usize, on: BusinessDate, amount: i64, text: String) {
        let mut movement = self.books.credit(account, on, amount, text);
        if self.rng.chance(300) {
            movement.end_to_end = Some(self.end_to_end());
        }
        self.book(movement);
    }

    fn end_to_end(&self) -> String {
        format!("E2E-{}-{:08}", self.books.firm.jurisdiction, self.books.movements.len())
    }

    fn structured(&mut self, account: usize, on: BusinessDate, amount: i64, rf: String) {
        let mut movement = self.books.credit(account, on, amount, String::new());
        movement.structured = Some(rf);
        self.book(movement);
    }

    fn partial(&mut self, account: usize, on: BusinessDate, total: i64, text: String) {
        let first = total.saturating_mul(self.rng.between(30, 80)) / 100;
        self.exact(account, on, first.max(1), text.clone());
        if self.rng.chance(500)
            && let Some(later) = self.books.banking_day(on, 4)
        {
            self.exact(
                account,
                later,
                total.saturating_sub(first.max(1)).max(1),
                format!("rest {text}"),
            );
        }
    }

    /// A number of last year that nobody issued, from the debtor's own bank account or from somebody else's.
    fn wrong_reference(&mut self, account: usize, on: BusinessDate, total: i64) {
        let digits = self.books.firm.digits;
        let text = format!(
            "{}2025-{:0digits$}",
            self.books.firm.series,
            self.rng.between(1, 99_999)
        );
        if self.rng.chance(500) {
            let mut movement = self.books.credit(account, on, total, text);
            movement.effect = Effect::Nameless(account);
            self.book(movement);
        } else {
            self.strangers_credit(account, on, total, text);
        }
    }

    fn nameless(&mut self, account: usize, on: BusinessDate, total: i64) {
        let mut movement = self.books.credit(account, on, total, "plata, va multumesc".to_owned());
        movement.effect = Effect::Nameless(account);
        self.book(movement);
    }

    fn stranger(&mut self, account: usize, on: BusinessDate, total: i64) {
        let text = self.rng.pick(&[
            "transfer",
            "conform intelegerii",
            "abono",
            "plata luna ianuarie",
            "pago",
        ]);
        self.strangers_credit(account, on, total, text.to_owned());
    }

    fn strangers_credit(&mut self, account: usize, on: BusinessDate, total: i64, text: String) {
        self.strangers = self.strangers.saturating_add(1);
        let romanian = self.books.firm.jurisdiction == "RO";
        let mut movement = self.books.credit(account, on, total, text);
        movement.party = if romanian {
            super::people::romanian(&mut self.rng)
        } else {
            super::people::colombian(&mut self.rng)
        };
        movement.party_account = if romanian {
            super::people::romanian_iban(&mut self.rng, 900_000_000_usize.saturating_add(self.strangers))
        } else {
            format!("{:011}", 90_000_000_000_usize.saturating_add(self.strangers))
        };
        movement.effect = Effect::Paid(Vec::new());
        self.book(movement);
    }

    /// Comes in, is taken back some banking days later, and in half of the cases comes again.
    fn reversed(&mut self, account: usize, on: BusinessDate, total: i64, text: String) {
        let mut movement = self.books.credit(account, on, total, text.clone());
        let name = self.end_to_end();
        movement.end_to_end = Some(name.clone());
        self.book(movement);
        let steps = usize::try_from(self.rng.between(2, 4)).unwrap_or(2);
        let Some(back_on) = self.books.banking_day(on, steps) else {
            return;
        };
        let mut back = self
            .books
            .credit(account, back_on, total.saturating_neg(), "storno".to_owned());
        back.end_to_end = Some(name);
        back.reversal = true;
        back.effect = Effect::Reversal(account);
        self.book(back);
        if self.rng.chance(500)
            && let Some(again_on) = self.books.banking_day(back_on, 2)
        {
            self.exact(account, again_on, total, text);
        }
    }

    /// The same cash payment twice on one day, without any reference of the bank: both are money.
    fn twice(&mut self, account: usize, on: BusinessDate, total: i64, text: &str) {
        for _ in 0..2 {
            let mut movement = self.books.credit(account, on, total, text.to_owned());
            movement.servicer = None;
            self.book(movement);
        }
    }

    fn pending_first(&mut self, account: usize, on: BusinessDate, total: i64, text: String) {
        let mut movement = self.books.credit(account, on, total, text);
        movement.pending_before = self.books.banking.first().is_some_and(|first| *first < on);
        self.book(movement);
    }

    fn by_payu(&mut self, account: usize, number: &str, total: i64, on: BusinessDate) {
        if on > january(30) {
            return;
        }
        let mut tries = 1;
        while tries < 3 && self.rng.chance(80) {
            tries += 1;
            let state = if self.rng.chance(800) { "6" } else { "5" };
            let declined = self.attempt(account, number.to_owned(), total, on, state);
            self.books.attempts.push(declined);
        }
        let mut approved = self.attempt(account, number.to_owned(), total, on, "4");
        if self.rng.chance(6) {
            approved.reference = format!("{}2025-{:06}", self.books.firm.series, self.rng.between(1, 99_999));
            approved.known = false;
        }
        if self.rng.chance(50) {
            approved.again_on = Some(if self.rng.chance(500) { on } else { on.succ() });
        }
        if approved.known && self.rng.chance(40) {
            self.also_by_bank(&mut approved);
        }
        if self.rng.chance(2) {
            let mut forged = self.attempt(account, number.to_owned(), total.saturating_mul(2), on, "4");
            forged.forged = true;
            self.books.attempts.push(forged);
        }
        self.books.attempts.push(approved);
    }

    /// The bank tells of the same money, naming PayU's order; in a quarter of the cases before PayU does.
    fn also_by_bank(&mut self, approved: &mut Attempt) {
        let Some(on) = self.books.banking_day(approved.on, 0) else {
            return;
        };
        let mut movement = self.books.credit(
            approved.account,
            on,
            approved.amount_minor,
            format!("ABONO PSE ORDEN {}", approved.order),
        );
        movement.party = "RECAUDO PSE BANCOLOMBIA".to_owned();
        movement.party_account = "99900000001".to_owned();
        movement.effect = Effect::Twin;
        if self.rng.chance(250) && on < january(28) {
            approved.sent_on = on.plus_days(2);
            approved.again_on = None;
        }
        self.book(movement);
    }

    fn attempt(
        &mut self,
        account: usize,
        reference: String,
        amount_minor: i64,
        on: BusinessDate,
        state: &'static str,
    ) -> Attempt {
        let serial = u64::try_from(self.books.attempts.len()).unwrap_or(0).saturating_mul(7);
        let order = FIRST_ORDER.saturating_add(serial).saturating_add(self.rng.next() % 7);
        let (one, two) = (self.rng.next(), self.rng.next());
        Attempt {
            on,
            sent_on: on,
            again_on: None,
            account,
            account_number: self
                .books
                .accounts
                .get(account)
                .map(|account| account.number.clone())
                .unwrap_or_default(),
            reference,
            amount_minor,
            state,
            order,
            transaction: uuid::Uuid::from_u64_pair(one, two).to_string(),
            forged: false,
            known: true,
        }
    }

    /// Property managers: one transfer for the invoices of a whole block, by numbers in the text.
    pub fn blocks(&mut self, blocks: &[Vec<usize>]) {
        for (number, block) in blocks.iter().enumerate() {
            let invoices: Vec<_> = block
                .iter()
                .filter_map(|index| self.books.invoices.get(*index))
                .cloned()
                .collect();
            let Some(on) = invoices
                .first()
                .and_then(|first| self.books.banking_day(first.issued_on, 3))
            else {
                continue;
            };
            let Some(account) = invoices.first().map(|first| first.account) else {
                continue;
            };
            let total: i64 = invoices.iter().map(|invoice| invoice.total_minor).sum();
            let numbers: Vec<&str> = invoices.iter().map(|invoice| invoice.number.as_str()).collect();
            let shares: Vec<(usize, i64)> = invoices
                .iter()
                .map(|invoice| (invoice.account, invoice.total_minor))
                .collect();
            let (amount, shares) = match number {
                // Less than the invoices come to: nobody can say whose is missing, so a person decides.
                0 => (total.saturating_sub(100), Vec::new()),
                // More: the invoices are paid, the rest stays unidentified.
                1 => (total.saturating_add(5_000), shares),
                _ => (total, shares),
            };
            let mut movement = self.books.credit(
                account,
                on,
                amount,
                format!("bloc {} fact {}", number + 1, numbers.join(", ")),
            );
            movement.party = "Administrare Imobile Carpați SRL".to_owned();
            movement.party_account = super::people::iban("RO", &format!("BTRL{:016}", 800_000_000 + number));
            movement.effect = Effect::Paid(shares);
            self.book(movement);
        }
    }

    /// Corrections, cancellations, credit notes, repeated and stray lines of the ERP; never of a block's invoices.
    pub fn changes(&mut self, invoices: usize) {
        for nth in 0..invoices / 200 {
            let invoice = self.rng.index(invoices);
            if self
                .books
                .changes
                .values()
                .flatten()
                .any(|change| concerns(change, invoice))
            {
                continue;
            }
            let Some((sent_on, total)) = self
                .books
                .invoices
                .get(invoice)
                .map(|found| (found.sent_on, found.total_minor))
            else {
                continue;
            };
            let on = sent_on.plus_days(self.rng.between(2, 9)).min(january(30));
            let change = match nth % 4 {
                0 => Change::Corrected {
                    invoice,
                    total_minor: total.saturating_mul(8) / 10,
                },
                1 => Change::Cancelled { invoice },
                2 => Change::Credited {
                    invoice,
                    amount_minor: (total / 4).max(1),
                },
                _ => Change::Again { invoice },
            };
            self.books.change(on, change);
        }
        self.books.change(january(15), Change::Stray);
    }

    /// Bank fees, and the provider's netted payouts on Fridays: what it confirmed from Friday to Thursday, less 3.49 %.
    pub fn bank_and_provider(&mut self) {
        for on in self.books.banking.clone() {
            let mut fee = self
                .books
                .credit(usize::MAX, on, -1_250, "Comision / comisión".to_owned());
            fee.party = self.books.firm.bank.to_owned();
            fee.effect = Effect::Outgoing;
            self.book(fee);
            if self.books.firm.merchant.is_none() || on.weekday() != chrono::Weekday::Fri {
                continue;
            }
            let paid = self
                .books
                .attempts
                .iter()
                .filter(|attempt| attempt.state == "4" && !attempt.forged);
            let week = paid.filter(|attempt| attempt.on < on && attempt.on >= on.plus_days(-7));
            let gross: i64 = week.map(|attempt| attempt.amount_minor).sum();
            let net = gross.saturating_sub(gross.saturating_mul(349) / 10_000);
            if net > 0 {
                let mut payout = self
                    .books
                    .credit(usize::MAX, on, net, "PAGO A COMERCIOS SEMANA".to_owned());
                payout.party = "PAYU COLOMBIA SAS".to_owned();
                payout.party_account = "83000000001".to_owned();
                payout.effect = Effect::Settlement;
                self.book(payout);
            }
        }
    }
}

fn concerns(change: &Change, wanted: usize) -> bool {
    match change {
        Change::Corrected { invoice, .. }
        | Change::Cancelled { invoice }
        | Change::Credited { invoice, .. }
        | Change::Again { invoice } => *invoice == wanted,
        Change::Stray => false,
    }
}
