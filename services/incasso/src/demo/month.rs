//! Puts the month together, and says what it must come to.

use std::collections::{BTreeMap, BTreeSet};

use kernel::{BusinessDate, Currency};

use super::books::{Books, first, january};
use super::fates::Fates;
use super::model::{Change, DayInputs, Effect, Expected, Firm, Invoice, Month, Movement, Shown, Size, Sums};
use super::rng::Rng;
use super::{erp, payu, people, statements};

/// The seed of the demo.
pub const SEED: u64 = 202_601;

/// Accounts of one property manager.
const BLOCK: usize = 15;

fn utility() -> Firm {
    Firm {
        code: "RO-ENERGIE",
        name: "Energie Carpați SA",
        currency: Currency::RON,
        jurisdiction: "RO",
        zone: "Europe/Bucharest",
        bank_account: people::iban("RO", "BTRL0000000012345678"),
        bank: "Banca Transilvania",
        merchant: None,
        series: "FE",
        digits: 7,
        first_account: 40_000_001,
        camt: "02",
    }
}

fn publisher() -> Firm {
    Firm {
        code: "CO-EDITORIAL",
        name: "Editorial Andina SAS",
        currency: Currency::COP,
        jurisdiction: "CO",
        zone: "America/Bogota",
        bank_account: "03112345678".to_owned(),
        bank: "Bancolombia",
        merchant: Some("980001"),
        series: "EA",
        digits: 6,
        first_account: 7_000_001,
        camt: "08",
    }
}

/// Makes up the month: the same for the same size and seed, on every machine.
///
/// # Errors
/// Unknown holidays: never for RO and CO.
pub fn month(size: Size, seed: u64) -> anyhow::Result<Month> {
    let mut days: BTreeMap<BusinessDate, DayInputs> = (1..=super::books::DAYS)
        .map(|day| (january(day), DayInputs::default()))
        .collect();
    let mut expected = Expected::default();
    let (mut firms, mut accounts, mut invoices, mut shown) = (Vec::new(), 0, 0, Vec::new());
    for (firm, count) in [(utility(), size.romanian), (publisher(), size.colombian)] {
        let books = keep(firm, count, seed)?;
        let files = statements::files(&books);
        let mut sums = sums(&books);
        sums.seen_again_minor += files.seen_again_minor;
        expected.currencies.insert(books.firm.currency.code().to_owned(), sums);
        expected.quarantined += files.quarantined;
        expected.files_sent_again += files.sent_again;
        for (on, lines) in erp::lines(&books) {
            days.entry(on).or_default().erp.insert(books.firm.code, lines);
        }
        for (on, files) in files.by_day {
            days.entry(on).or_default().files.extend(files);
        }
        notices(&books, &mut days, &mut expected);
        shown.extend(worth_showing(&books));
        accounts += books.accounts.len();
        invoices += books.invoices.len();
        firms.push(books.firm);
    }
    shown.truncate(3);
    Ok(Month {
        firms,
        days,
        accounts,
        invoices,
        expected,
        shown,
    })
}

/// Invoices and what becomes of them.
fn keep(firm: Firm, count: usize, seed: u64) -> anyhow::Result<Books> {
    let code = firm.code;
    let romanian = firm.jurisdiction == "RO";
    let mut rng = Rng::new(seed, code);
    let mut books = Books::open(firm, count, &mut rng)?;
    let blocked = if romanian {
        (count / 50).next_multiple_of(BLOCK).min(count / 2)
    } else {
        0
    };
    let alone = count.saturating_sub(blocked);
    let amount = |rng: &mut Rng| {
        if romanian {
            rng.between(3_000, 90_000)
        } else {
            rng.between(150, 2_500) * 10_000
        }
    };
    // December's invoices of half of the accounts come with the first load.
    for account in 0..count / 2 {
        let issued_on = first().plus_days(-rng.between(8, 22));
        books.invoice(account, issued_on, amount(&mut rng))?;
    }
    for account in 0..alone {
        let day = 5 + u32::try_from(account % 12).unwrap_or(0);
        books.invoice(account, january(day), amount(&mut rng))?;
    }
    let alone_invoices = books.invoices.len();
    let mut blocks: Vec<Vec<usize>> = Vec::new();
    for account in alone..count {
        if (account - alone) % BLOCK == 0 {
            blocks.push(Vec::new());
        }
        let invoice = books.invoice(account, january(14), amount(&mut rng))?;
        if let Some(block) = blocks.last_mut() {
            block.push(invoice);
        }
    }
    let mut fates = Fates::new(&mut books, Rng::new(seed, &format!("{code}/fates")));
    for invoice in 0..alone_invoices {
        fates.decide(invoice);
    }
    fates.blocks(&blocks);
    fates.changes(alone_invoices);
    fates.bank_and_provider();
    Ok(books)
}

fn notices(books: &Books, days: &mut BTreeMap<BusinessDate, DayInputs>, expected: &mut Expected) {
    let Some(merchant) = books.firm.merchant else { return };
    for attempt in &books.attempts {
        let made = payu::notice(merchant, attempt);
        if let Some(again) = attempt.again_on {
            days.entry(again).or_default().notices.push(made.clone());
            expected.notices_sent_again += 1;
        }
        expected.wrongly_signed += i64::from(attempt.forged);
        days.entry(attempt.sent_on).or_default().notices.push(made);
    }
}

/// The month's sums, from what was made up and not from what was written to files.
fn sums(books: &Books) -> Sums {
    let mut sums = Sums::default();
    let mut owed: BTreeMap<usize, i64> = BTreeMap::new();
    let mut paid: BTreeMap<usize, i64> = BTreeMap::new();
    for invoice in &books.invoices {
        *owed.entry(invoice.account).or_default() += invoice.total_minor;
    }
    for change in books.changes.values().flatten() {
        let (invoice, less) = match change {
            Change::Corrected { invoice, total_minor } => (
                invoice,
                books.invoices.get(*invoice).map_or(0, |i| i.total_minor - total_minor),
            ),
            Change::Cancelled { invoice } => (invoice, books.invoices.get(*invoice).map_or(0, |i| i.total_minor)),
            Change::Credited { invoice, amount_minor } => (invoice, *amount_minor),
            Change::Again { .. } | Change::Stray => continue,
        };
        if let Some(invoice) = books.invoices.get(*invoice) {
            *owed.entry(invoice.account).or_default() -= less;
        }
    }
    from_bank(books, &mut sums, &mut paid);
    for attempt in books
        .attempts
        .iter()
        .filter(|attempt| attempt.state == "4" && !attempt.forged)
    {
        sums.received_minor += attempt.amount_minor;
        sums.payments += 1;
        if attempt.known {
            *paid.entry(attempt.account).or_default() += attempt.amount_minor;
        }
    }
    sums.assigned_minor = paid.values().sum();
    sums.unidentified_minor = sums.received_minor - sums.reversed_minor - sums.assigned_minor;
    sums.allocated_minor = paid
        .iter()
        .map(|(account, paid)| owed.get(account).copied().unwrap_or(0).min(*paid))
        .sum();
    sums.credit_minor = sums.assigned_minor - sums.allocated_minor;
    sums
}

fn from_bank(books: &Books, sums: &mut Sums, paid: &mut BTreeMap<usize, i64>) {
    let own = |movement: &super::model::Movement, account: usize| {
        books
            .accounts
            .get(account)
            .is_some_and(|known| known.iban == movement.party_account)
    };
    // Whoever once paid one account alone by an exact reference is known from then on.
    let known: BTreeSet<usize> = books
        .movements
        .iter()
        .filter_map(|movement| match &movement.effect {
            Effect::Paid(shares) => match shares.as_slice() {
                [(account, _)] if own(movement, *account) => Some(*account),
                _ => None,
            },
            _ => None,
        })
        .collect();
    for movement in &books.movements {
        let amount = movement.amount_minor;
        match &movement.effect {
            Effect::Paid(shares) => {
                for (account, share) in shares {
                    *paid.entry(*account).or_default() += share;
                }
            }
            Effect::Nameless(account) if known.contains(account) => *paid.entry(*account).or_default() += amount,
            Effect::Nameless(_) => {}
            Effect::Twin => {
                sums.seen_again_minor += amount;
                continue;
            }
            Effect::Settlement => {
                sums.settlement_minor += amount;
                continue;
            }
            Effect::Reversal(account) => {
                *paid.entry(*account).or_default() += amount;
                sums.reversed_minor -= amount;
                continue;
            }
            Effect::Outgoing => {
                sums.outgoing_minor -= amount;
                continue;
            }
        }
        sums.received_minor += amount;
        sums.payments += 1;
    }
}

/// A case of each kind that is there, the most telling first.
fn worth_showing(books: &Books) -> Vec<Shown> {
    let case = |what: &'static str, found: Option<&Invoice>| {
        Some(Shown {
            creditor: books.firm.code,
            invoice: found?.number.clone(),
            what,
        })
    };
    let many = books.movements.iter().find_map(|movement| match &movement.effect {
        Effect::Paid(shares) if shares.len() > 2 => shares.first().map(|(account, _)| *account),
        _ => None,
    });
    let many = many.and_then(|account| books.invoices.iter().rev().find(|invoice| invoice.account == account));
    let reversed = books.movements.iter().find_map(|back| taken_back(books, back));
    let twin = books.movements.iter().find_map(|movement| confirmed(books, movement));
    let cases = if books.firm.merchant.is_some() {
        vec![case("confirmed by PayU and seen again at the bank", twin)]
    } else {
        vec![
            case("one transfer of a property manager for many invoices", many),
            case("a transfer that the bank took back", reversed),
        ]
    };
    cases.into_iter().flatten().collect()
}

/// The invoice that a payment named before this movement took it back.
fn taken_back<'b>(books: &'b Books, back: &Movement) -> Option<&'b Invoice> {
    let Effect::Reversal(account) = back.effect else {
        return None;
    };
    let is_it = |paid: &&Movement| !paid.reversal && paid.end_to_end.is_some() && paid.end_to_end == back.end_to_end;
    let paid = books.movements.iter().find(is_it)?;
    let named = |invoice: &&Invoice| invoice.account == account && paid.text.contains(&invoice.number);
    books.invoices.iter().find(named)
}

/// The invoice that was paid by the provider's order which this movement names again.
fn confirmed<'b>(books: &'b Books, movement: &Movement) -> Option<&'b Invoice> {
    let order = movement
        .text
        .rsplit(' ')
        .next()
        .filter(|_| statements::is_twin(movement))?;
    let attempt = books
        .attempts
        .iter()
        .find(|attempt| attempt.order.to_string() == order)?;
    books
        .invoices
        .iter()
        .find(|invoice| invoice.number == attempt.reference)
}

#[cfg(test)]
mod tests;
