//! Makes the plan: who owes and who pays.

use kernel::{AccountId, BusinessDate, Currency};

use super::{DayPlan, Expected, Fate, Firm, MERCHANTS, PUBLISHER, Plan, RACER, UTILITY, Unit};
use crate::paper::{self, Entry, Told};
use crate::rng::Rng;

/// Days from today to the earliest first compared day: ahead of the machine's clock, so that whatever is acknowledged before a
/// close was received before the cut-off, however clocks jump; near enough that billing takes it for a first day.
const AHEAD: u64 = 60;
/// The first day of the third creditor's calendar: long past, so that its close does not wait for what comes in.
const PAST: (i32, u32, u32) = (2025, 1, 1);
/// An account of a firm.
pub(super) struct Account {
    pub number: String,
    pub pays_from: String,
    pub opened: usize,
    /// Whether a payment that names it came from its own bank account, and on which day.
    pub known_since: Option<usize>,
}

/// An invoice.
pub(super) struct Invoice {
    pub number: String,
    pub account: usize,
    pub day: usize,
    pub total_minor: i64,
    pub due_on: BusinessDate,
    /// Named in a payment already.
    pub taken: bool,
}

/// A bank payment that may be taken back later.
pub(super) struct Returnable {
    day: usize,
    amount_minor: i64,
    end_to_end: String,
    pays_from: String,
}

/// The books of one firm while the plan is made.
#[derive(Default)]
pub(super) struct Books {
    pub accounts: Vec<Account>,
    pub invoices: Vec<Invoice>,
    pub returnable: Vec<Returnable>,
    pub entries: Vec<Vec<Entry>>,
    pub balance_minor: i64,
    pub statements: usize,
}

pub(super) struct Maker {
    pub rng: Rng,
    pub firms: Vec<Firm>,
    pub books: Vec<Books>,
    pub days: Vec<DayPlan>,
    pub payments: Vec<Expected>,
    pub refused: Vec<String>,
    pub serial: usize,
}

fn date((year, month, day): (i32, u32, u32)) -> anyhow::Result<BusinessDate> {
    Ok(BusinessDate::from_ymd(year, month, day)?)
}

/// The first compared day where nobody names one: a Monday, so that a seed tells the same weeks whenever it is run.
///
/// # Errors
/// The clock stands beyond all dates.
pub fn first_on() -> anyhow::Result<BusinessDate> {
    let days = std::time::SystemTime::UNIX_EPOCH.elapsed()?.as_secs() / 86_400 + AHEAD;
    let on = date((1970, 1, 1))?.plus_days(i64::try_from(days)?);
    let to_monday = 7 - i64::from(on.weekday().num_days_from_monday());
    Ok(on.plus_days(to_monday))
}

fn firms(first_on: BusinessDate) -> anyhow::Result<Vec<Firm>> {
    let past = date(PAST)?;
    let utility = Firm {
        code: "RO-APA",
        jurisdiction: "RO",
        zone: "Europe/Bucharest",
        cut_off: "17:00",
        currency: Currency::RON,
        bank_account: "RO49AAAA1B31007593840000",
        merchant: "",
        first_on,
    };
    let publisher = Firm {
        code: "CO-EDITORIAL",
        jurisdiction: "CO",
        zone: "America/Bogota",
        currency: Currency::COP,
        bank_account: "04800012345",
        merchant: MERCHANTS[0],
        ..utility.clone()
    };
    let racer = Firm {
        code: "RO-GAZ",
        cut_off: "12:00",
        bank_account: "",
        merchant: MERCHANTS[1],
        first_on: past,
        ..utility.clone()
    };
    Ok(vec![utility, publisher, racer])
}

/// Makes a plan of so many payments over so many compared days.
///
/// # Errors
/// Never with the constants of this module.
pub fn make(seed: u64, payments: usize, compared: usize, first_on: BusinessDate) -> anyhow::Result<Plan> {
    let firms = firms(first_on)?;
    let books = firms
        .iter()
        .map(|_| Books {
            entries: (0..compared).map(|_| Vec::new()).collect(),
            ..Books::default()
        })
        .collect();
    let mut maker = Maker {
        rng: Rng::new(seed, "plan"),
        firms,
        books,
        days: (0..=compared).map(|_| DayPlan::default()).collect(),
        payments: Vec::with_capacity(payments),
        refused: Vec::new(),
        serial: 0,
    };
    let racing = payments / 10;
    maker.open_accounts(payments, compared);
    for n in 0..payments.saturating_sub(racing) {
        let day = n
            .saturating_mul(compared)
            .checked_div(payments.saturating_sub(racing))
            .unwrap_or(0);
        if maker.rng.chance(610) {
            maker.by_bank(UTILITY, day, compared);
        } else if maker.rng.chance(150) {
            maker.by_bank(PUBLISHER, day, compared);
        } else {
            maker.by_payu(PUBLISHER, day);
        }
    }
    for _ in 0..racing {
        maker.by_payu(RACER, compared);
    }
    maker.finish(compared)
}

impl Maker {
    fn open_accounts(&mut self, payments: usize, compared: usize) {
        for (firm, first, share) in [
            (UTILITY, 4_000_000, 9),
            (PUBLISHER, 7_000_000, 16),
            (RACER, 5_000_000, 40),
        ] {
            for n in 0..(payments / share).max(12) {
                let opened = match firm {
                    RACER => compared,
                    _ if n < 10 || self.rng.chance(700) => 0,
                    _ => self.rng.index(compared),
                };
                let pays_from = match firm {
                    PUBLISHER => format!("{:011}", 20_000_000_000_usize + n),
                    _ => paper::romanian_iban(n + first),
                };
                self.books[firm].accounts.push(Account {
                    number: (first + n).to_string(),
                    pays_from,
                    opened,
                    known_since: None,
                });
            }
        }
    }

    /// The date of a compared day; the racing is on the day after.
    pub(super) fn on(&self, day: usize) -> BusinessDate {
        let ahead = i64::try_from(day).unwrap_or(0);
        self.firms[UTILITY].first_on.plus_days(ahead)
    }

    fn some_account(&mut self, firm: usize, day: usize) -> usize {
        loop {
            let at = self.rng.index(self.books[firm].accounts.len());
            if self.books[firm].accounts[at].opened <= day {
                return at;
            }
        }
    }

    /// An invoice that is sent on `day`.
    fn invoice(&mut self, firm: usize, account: usize, day: usize, taken: bool) -> usize {
        let serial = self.books[firm].invoices.len();
        let series = ["FE", "EA", "FG"][firm];
        let many = if firm == PUBLISHER { 100_000 } else { 100 };
        let due_on = self.on(day).plus_days(self.rng.minor(5, 60));
        let total_minor = self.rng.minor(20, 900).saturating_mul(many);
        self.books[firm].invoices.push(Invoice {
            number: format!("{series}2031-{:06}", serial + 1),
            account,
            day,
            total_minor,
            due_on,
            taken,
        });
        serial
    }

    fn account_id(&self, firm: usize, account: usize) -> AccountId {
        let number = &self.books[firm].accounts[account].number;
        AccountId::derive(self.firms[firm].id(), &format!("C-{number}"))
    }

    fn expect(&mut self, name: String, firm: usize, day: usize, amount_minor: i64, account: Option<usize>) {
        let account = account.map(|account| self.account_id(firm, account));
        self.payments.push(Expected {
            name,
            firm,
            day,
            amount_minor,
            account,
        });
    }

    /// A line on the bank account: its name.
    fn credit(&mut self, firm: usize, day: usize, amount_minor: i64, party: &str, text: &str) -> String {
        self.serial += 1;
        let name = format!("E2E-{}-{:08}", self.firms[firm].jurisdiction, self.serial);
        self.books[firm].entries[day].push(Entry {
            amount_minor,
            reversal: false,
            bank_reference: format!("BR{:010}", self.serial),
            end_to_end: name.clone(),
            party_account: party.to_owned(),
            text: text.to_owned(),
        });
        name
    }

    fn by_bank(&mut self, firm: usize, day: usize, compared: usize) {
        match self.rng.between(0, 999) {
            0..=139 => self.for_account(firm, day),
            140..=199 => self.nameless(firm, day),
            200..=229 => self.of_a_stranger(firm, day),
            230..=269 => self.for_two(firm, day),
            270..=299 if day + 1 < compared => self.before_its_invoice(firm, day),
            _ => self.for_invoice(firm, day),
        }
        if self.rng.chance(20) {
            self.take_back(firm, day);
        }
    }

    /// The invoice was sent on some day until this one; now and then too little or too much is paid.
    fn for_invoice(&mut self, firm: usize, day: usize) {
        let account = self.some_account(firm, day);
        let opened = self.books[firm].accounts[account].opened;
        let sent = opened + self.rng.index(day - opened + 1);
        let invoice = self.invoice(firm, account, sent, true);
        let found = &self.books[firm].invoices[invoice];
        let (total, text) = (found.total_minor, format!("Plata factura {}", found.number));
        let amount = match self.rng.between(0, 99) {
            0..=7 => total / 2,
            8..=13 => total + 700,
            _ => total,
        };
        let party = self.books[firm].accounts[account].pays_from.clone();
        let name = self.credit(firm, day, amount, &party, &text);
        self.books[firm].accounts[account].known_since.get_or_insert(day);
        self.books[firm].returnable.push(Returnable {
            day,
            amount_minor: amount,
            end_to_end: name.clone(),
            pays_from: party,
        });
        self.expect(name, firm, day, amount, Some(account));
    }

    /// Names the account alone: settles what is due first, whatever came first.
    fn for_account(&mut self, firm: usize, day: usize) {
        let account = self.some_account(firm, day);
        for _ in 0..2 {
            let opened = self.books[firm].accounts[account].opened;
            let sent = opened + self.rng.index(day - opened + 1);
            self.invoice(firm, account, sent, false);
        }
        let many = if firm == PUBLISHER { 100_000 } else { 100 };
        let amount = self.rng.minor(10, 1_200).saturating_mul(many);
        let found = &self.books[firm].accounts[account];
        let (party, text) = (found.pays_from.clone(), format!("contract {}", found.number));
        let name = self.credit(firm, day, amount, &party, &text);
        self.expect(name, firm, day, amount, Some(account));
    }

    /// From the bank account of somebody who is known since an earlier day.
    fn nameless(&mut self, firm: usize, day: usize) {
        let account = self.some_account(firm, day);
        let found = &self.books[firm].accounts[account];
        let known = found.known_since.is_some_and(|since| since < day);
        let party = found.pays_from.clone();
        let amount = self.rng.minor(10, 500).saturating_mul(100);
        let name = self.credit(firm, day, amount, &party, "plata, va multumesc");
        self.expect(name, firm, day, amount, known.then_some(account));
    }

    fn of_a_stranger(&mut self, firm: usize, day: usize) {
        let party = match firm {
            PUBLISHER => format!("{:011}", 90_000_000_000_usize + self.serial),
            _ => paper::romanian_iban(900_000_000 + self.serial),
        };
        let amount = self.rng.minor(10, 500).saturating_mul(100);
        let name = self.credit(firm, day, amount, &party, "conform intelegerii");
        self.expect(name, firm, day, amount, None);
    }

    /// One transfer for invoices of two accounts, both known since an earlier day.
    fn for_two(&mut self, firm: usize, day: usize) {
        let (mut accounts, mut numbers, mut amount) = (Vec::new(), Vec::new(), 0);
        if day > 0 {
            for _ in 0..2 {
                let account = self.some_account(firm, day - 1);
                let invoice = self.invoice(firm, account, day - 1, true);
                let found = &self.books[firm].invoices[invoice];
                accounts.push(account);
                numbers.push(found.number.clone());
                amount += found.total_minor;
            }
        }
        if accounts.len() < 2 || accounts[0] == accounts[1] {
            return self.for_invoice(firm, day);
        }
        let party = paper::romanian_iban(800_000_000 + self.serial);
        let name = self.credit(firm, day, amount, &party, &numbers.join(", "));
        self.expect(name, firm, day, amount, None);
    }

    /// The invoice comes a day later and claims the money.
    fn before_its_invoice(&mut self, firm: usize, day: usize) {
        let account = self.some_account(firm, day);
        let invoice = self.invoice(firm, account, day + 1, true);
        let found = &self.books[firm].invoices[invoice];
        let (amount, text) = (found.total_minor, found.number.clone());
        let party = paper::romanian_iban(700_000_000 + self.serial);
        let name = self.credit(firm, day, amount, &party, &text);
        self.expect(name, firm, day, amount, None);
    }

    /// The bank takes a payment of an earlier day back.
    fn take_back(&mut self, firm: usize, day: usize) {
        let at = self.books[firm].returnable.iter().position(|paid| paid.day < day);
        let Some(at) = at else { return };
        let paid = self.books[firm].returnable.swap_remove(at);
        self.serial += 1;
        self.books[firm].entries[day].push(Entry {
            amount_minor: -paid.amount_minor,
            reversal: true,
            bank_reference: format!("BR{:010}", self.serial),
            end_to_end: paid.end_to_end,
            party_account: paid.pays_from,
            text: "storno".to_owned(),
        });
    }

    /// A confirmation; sometimes twice, sometimes after a declined try, sometimes with a forged one beside it.
    fn by_payu(&mut self, firm: usize, day: usize) {
        let account = self.some_account(firm, day);
        let invoice = self.invoice(firm, account, day, true);
        let found = &self.books[firm].invoices[invoice];
        let (reference, amount) = (found.number.clone(), found.total_minor);
        if self.rng.chance(50) {
            self.notice(firm, day, &reference, amount, "6", false);
        }
        if self.rng.chance(30) {
            let name = self.notice(firm, day, &reference, amount * 2, "4", true);
            self.refused.push(name);
        }
        let name = self.notice(firm, day, &reference, amount, "4", false);
        if self.rng.chance(50)
            && let Some(again) = self.days[day].rest.last().cloned()
        {
            self.days[day].rest.push(again);
        }
        self.expect(name, firm, day, amount, Some(account));
    }

    /// Adds a notice: its transaction.
    fn notice(&mut self, firm: usize, day: usize, reference: &str, amount: i64, state: &str, forged: bool) -> String {
        self.serial += 1;
        let transaction = format!("{:08x}-0000-4000-8000-{:012x}", firm, self.serial);
        let told = Told {
            reference,
            amount_minor: amount,
            state,
            order: &(1_400_000_000 + self.serial).to_string(),
            transaction: &transaction,
            forged,
        };
        let body = paper::notice(&self.firms[firm], self.on(day), &told);
        let fate = if forged { Fate::Refused } else { Fate::Accepted };
        let merchant = self.firms[firm].merchant;
        self.days[day].rest.push(Unit::Notice { merchant, body, fate });
        transaction
    }
}
