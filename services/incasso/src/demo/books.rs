//! One creditor's month while it is made up.

use std::collections::BTreeMap;

use kernel::{BusinessDate, HolidayCalendar, Iso11649, Jurisdiction};

use super::model::{Account, Change, Effect, Firm, Invoice, Movement};
use super::payu::Attempt;
use super::people;
use super::rng::Rng;

/// Everything of one creditor.
#[derive(Clone, Debug)]
pub struct Books {
    /// The creditor.
    pub firm: Firm,
    /// Its accounts.
    pub accounts: Vec<Account>,
    /// Its invoices.
    pub invoices: Vec<Invoice>,
    /// Later lines to billing, by day.
    pub changes: BTreeMap<BusinessDate, Vec<Change>>,
    /// Movements on its bank account, in no order of days.
    pub movements: Vec<Movement>,
    /// Attempts to pay through PayU.
    pub attempts: Vec<Attempt>,
    /// Banking days of the month.
    pub banking: Vec<BusinessDate>,
}

/// A day of the month.
pub fn january(day: u32) -> BusinessDate {
    BusinessDate::from_ymd(2026, 1, day).unwrap_or_else(|_| first())
}

/// The first day of the month.
#[expect(clippy::expect_used, reason = "a constant day that exists; a test reads it")]
pub fn first() -> BusinessDate {
    BusinessDate::from_ymd(2026, 1, 1).expect("a day")
}

/// Days of the month.
pub const DAYS: u32 = 31;

/// Banking days of the month, by the holidays of the law.
pub fn banking_days(jurisdiction: &str) -> anyhow::Result<Vec<BusinessDate>> {
    let holidays = HolidayCalendar::of(Jurisdiction::parse(jurisdiction)?, None)?;
    // The statement of the last day of the month would come in February.
    Ok((1..DAYS)
        .map(january)
        .filter(|day| holidays.is_business_day(*day))
        .collect())
}

impl Books {
    /// A creditor with its accounts and without invoices.
    ///
    /// # Errors
    /// Unknown holidays.
    pub fn open(firm: Firm, accounts: usize, rng: &mut Rng) -> anyhow::Result<Self> {
        let banking = banking_days(firm.jurisdiction)?;
        let romanian = firm.jurisdiction == "RO";
        let account = |index: usize| {
            let business = rng.chance(80);
            let (name, iban) = if romanian {
                (
                    people::romanian(rng),
                    people::romanian_iban(rng, firm.first_account.saturating_add(index)),
                )
            } else {
                (
                    people::colombian(rng),
                    format!("{:011}", 20_000_000_000_usize.saturating_add(index.saturating_mul(37))),
                )
            };
            let suffix = if romanian { "SRL" } else { "SAS" };
            Account {
                number: firm.first_account.saturating_add(index).to_string(),
                name: if business { format!("{name} {suffix}") } else { name },
                iban,
                firm: business,
            }
        };
        let accounts = (0..accounts).map(account).collect();
        Ok(Self {
            firm,
            accounts,
            invoices: Vec::new(),
            changes: BTreeMap::new(),
            movements: Vec::new(),
            attempts: Vec::new(),
            banking,
        })
    }

    /// One more invoice.
    ///
    /// # Errors
    /// Never: its number makes a creditor reference.
    pub fn invoice(&mut self, account: usize, issued_on: BusinessDate, total_minor: i64) -> anyhow::Result<usize> {
        let index = self.invoices.len();
        let (series, digits) = (self.firm.series, self.firm.digits);
        let number = format!("{series}2026-{:0digits$}", index.saturating_add(1));
        let own: String = number.chars().filter(char::is_ascii_alphanumeric).collect();
        self.invoices.push(Invoice {
            rf: Iso11649::generate(&own)?.as_str().to_owned(),
            number,
            account,
            issued_on,
            sent_on: issued_on.max(first()),
            due_on: issued_on.plus_days(15),
            total_minor,
        });
        Ok(index)
    }

    /// A later line to billing.
    pub fn change(&mut self, on: BusinessDate, change: Change) {
        self.changes.entry(on).or_default().push(change);
    }

    /// The banking day `steps` after the first one on or after `day`; `None` beyond the month.
    pub fn banking_day(&self, day: BusinessDate, steps: usize) -> Option<BusinessDate> {
        self.banking
            .iter()
            .copied()
            .filter(|banking| *banking >= day)
            .nth(steps)
    }

    /// A plain credit from an account's own bank account; callers change what is special.
    pub fn credit(&self, account: usize, on: BusinessDate, amount_minor: i64, text: String) -> Movement {
        let payer = self.accounts.get(account);
        let serial = self.movements.len().saturating_add(1);
        Movement {
            on,
            amount_minor,
            reversal: false,
            servicer: Some(format!(
                "{}{}{serial:07}",
                self.firm.jurisdiction,
                on.to_string().replace('-', "")
            )),
            end_to_end: None,
            party: payer.map(|payer| payer.name.clone()).unwrap_or_default(),
            party_account: payer.map(|payer| payer.iban.clone()).unwrap_or_default(),
            text,
            structured: None,
            pending_before: false,
            effect: Effect::Paid(vec![(account, amount_minor)]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn banking_days_follow_the_holidays() {
        assert_eq!(first().to_string(), "2026-01-01");
        let romanian = banking_days("RO").unwrap();
        assert_eq!(romanian.first().unwrap().to_string(), "2026-01-05");
        assert!(!romanian.contains(&january(6)) && !romanian.contains(&january(7)));
        assert_eq!(romanian.len(), 18);
        let colombian = banking_days("CO").unwrap();
        assert!(colombian.contains(&january(2)) && !colombian.contains(&january(12)));
        assert_eq!(colombian.len(), 20);
    }
}
