//! Creditors: who is owed, and by which calendar its days close.

use std::collections::BTreeSet;

use contracts::{CreditorBankAccount, CreditorRegistered, Letterhead, ProviderMerchant};
use kernel::{BusinessDate, CalendarId, CalendarIdError, CreditorId, Currency, HolidayCalendar, Jurisdiction};

use super::findings::Findings;

/// A creditor as its source states it.
#[derive(Clone, Debug, PartialEq)]
pub struct Creditor {
    /// Code in URLs.
    pub code: String,
    /// The source's version.
    pub version: i64,
    /// Registered name.
    pub name: String,
    /// Country whose law applies.
    pub jurisdiction: Jurisdiction,
    /// Region with holidays of its own.
    pub region: Option<String>,
    /// IANA time zone.
    pub time_zone: String,
    /// `17:00`.
    pub cut_off: String,
    /// Home currency.
    pub currency: Currency,
    /// First day that counts for it, where the source says so.
    pub first_on: Option<BusinessDate>,
    /// Bank accounts.
    pub bank_accounts: Vec<CreditorBankAccount>,
    /// Merchants.
    pub merchants: Vec<ProviderMerchant>,
    /// Head of letters.
    pub letterhead: Option<Letterhead>,
}

/// What is stored of a creditor and does not change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registration {
    /// The calendar by which its days close.
    pub calendar: CalendarId,
    /// First day that counts for it.
    pub first_on: BusinessDate,
    /// Whether it has accounts: their stream names the calendar.
    pub has_accounts: bool,
}

/// A code in URLs: letters, digits, `.`, `_` and `-`, beginning with a letter or digit, at most 64.
#[must_use]
pub fn is_code(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=64).contains(&text.len()) && text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(allowed)
}

impl Creditor {
    /// Its id, derived from its code.
    #[must_use]
    pub fn id(&self) -> CreditorId {
        CreditorId::derive(&self.code)
    }

    /// Its calendar.
    ///
    /// # Errors
    /// When cut-off or time zone are none; both were checked when the body was read.
    pub fn calendar(&self) -> Result<CalendarId, CalendarIdError> {
        CalendarId::parse(&format!("{}@{}@{}", self.jurisdiction, self.cut_off, self.time_zone))
    }

    /// The names under which money comes in for it: bank accounts by number, merchants as `provider:merchant`. Each with
    /// its field; none may be another creditor's.
    #[must_use]
    pub fn collectors(&self) -> Vec<(String, String)> {
        let accounts = self.bank_accounts.iter().enumerate();
        let accounts = accounts.map(|(n, account)| (format!("/bank_accounts/{n}/number"), account.number.clone()));
        let merchants = self.merchants.iter().enumerate().map(|(n, merchant)| {
            (
                format!("/merchants/{n}/merchant_id"),
                format!("{}:{}", merchant.provider, merchant.merchant_id),
            )
        });
        accounts.chain(merchants).collect()
    }

    /// Rules that concern more than one field.
    pub fn check(&self, findings: &mut Findings) {
        findings.require(
            is_code(&self.code),
            "",
            "code",
            "the creditor's code: letters, digits, ., _ and -, at most 64",
        );
        if HolidayCalendar::of(self.jurisdiction, None).is_err() {
            let detail = format!(
                "no holidays are known for {}: they are data of Incasso, to be added first",
                self.jurisdiction
            );
            findings.add("/jurisdiction", "unknown-holidays", detail);
        } else if HolidayCalendar::of(self.jurisdiction, self.region.as_deref()).is_err() {
            findings.add(
                "/region",
                "unknown-region",
                format!("no such region of {} is known", self.jurisdiction),
            );
        }
        findings.require(
            self.calendar().is_ok(),
            "/cut_off",
            "calendar",
            "cut-off and time zone make no calendar",
        );
        let mut accounts = BTreeSet::new();
        for (n, account) in self.bank_accounts.iter().enumerate() {
            let new = accounts.insert((&account.number, account.currency));
            findings.require(
                new,
                format!("/bank_accounts/{n}/number"),
                "unique",
                "the account is there twice",
            );
            let known = account
                .banking_calendar
                .parse()
                .is_ok_and(|banking| HolidayCalendar::of(banking, None).is_ok());
            let pointer = format!("/bank_accounts/{n}/banking_calendar");
            findings.require(
                known,
                pointer,
                "unknown-holidays",
                "no holidays are known for that country",
            );
        }
        let mut merchants = BTreeSet::new();
        for (n, merchant) in self.merchants.iter().enumerate() {
            let new = merchants.insert((&merchant.provider, &merchant.merchant_id));
            findings.require(
                new,
                format!("/merchants/{n}/merchant_id"),
                "unique",
                "the merchant is there twice",
            );
        }
    }

    /// What may not change once it is registered: the days that were closed, and the calendar that its accounts name.
    pub fn check_change(&self, before: &Registration, findings: &mut Findings) {
        let same = self.calendar().is_ok_and(|calendar| calendar == before.calendar);
        let detail = format!("the creditor has accounts whose days close by {}", before.calendar);
        findings.require(same || !before.has_accounts, "/cut_off", "fixed", detail);
        let same = self.first_on.is_none_or(|first_on| first_on == before.first_on);
        findings.require(
            same,
            "/first_on",
            "fixed",
            format!("it counts from {} on", before.first_on),
        );
    }

    /// The event that says this state.
    #[must_use]
    pub fn event(&self, calendar: &CalendarId, first_on: BusinessDate) -> CreditorRegistered {
        CreditorRegistered {
            creditor_id: self.id(),
            code: self.code.clone(),
            version: self.version,
            name: self.name.clone(),
            jurisdiction: self.jurisdiction.to_string(),
            region: self.region.clone(),
            time_zone: self.time_zone.clone(),
            cut_off: self.cut_off.clone(),
            currency: self.currency,
            calendar: calendar.clone(),
            first_on,
            bank_accounts: self.bank_accounts.clone(),
            merchants: self.merchants.clone(),
            letterhead: self.letterhead.clone(),
        }
    }
}

/// Days that a new creditor's first day may lie back: each is closed, one by one, before today's.
const FIRST_DAYS_BACK: i64 = 3_660;

/// Days that it may lie ahead.
const FIRST_DAYS_AHEAD: i64 = 366;

/// Whether a new creditor's first day is one that somebody may mean: a mistyped year would close centuries of days.
pub fn check_first_day(asked: Option<BusinessDate>, today: BusinessDate, findings: &mut Findings) {
    let (from, to) = (today.plus_days(-FIRST_DAYS_BACK), today.plus_days(FIRST_DAYS_AHEAD));
    let plausible = asked.is_none_or(|asked| (from..=to).contains(&asked));
    findings.require(plausible, "/first_on", "range", format!("not between {from} and {to}"));
}

/// The first day that counts for a new creditor: what its source says, else the day that is open in its calendar.
///
/// # Errors
/// The first open day, when the source names one that is closed already.
pub fn first_day(asked: Option<BusinessDate>, open_on: BusinessDate) -> Result<BusinessDate, BusinessDate> {
    match asked {
        Some(asked) if asked < open_on => Err(open_on),
        Some(asked) => Ok(asked),
        None => Ok(open_on),
    }
}
