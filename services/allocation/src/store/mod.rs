//! The only SQL of this service.
//!
//! | room | what it holds |
//! |---|---|
//! | `load` | accounts in key order, locked; what a decision needs of them |
//! | `save` | what a batch of decisions writes, one statement per table |
//! | `registry` | creditors, accounts, impediments |
//! | `day` | the day's touched accounts, and the sums and digest of its rows |
//! | `proof` | whether current-state tables are what the append-only rows add up to |
//! | `read` | what the API shows |

pub(crate) mod day;
pub(crate) mod load;
pub(crate) mod packed;
pub(crate) mod proof;
pub(crate) mod read;
pub(crate) mod registry;
pub(crate) mod save;

use kernel::{AccountId, CalendarId, CreditorId, Currency};
use sqlx::postgres::PgRow;
use sqlx::{FromRow, Row};

/// An account, locked.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub account_id: AccountId,
    pub partition: i32,
    pub creditor_id: CreditorId,
    pub version: i64,
    pub calendar: CalendarId,
    pub currency: Currency,
    pub credit_minor: i64,
    /// How many facts and rows of the allocations it has.
    pub facts: i64,
    pub allocations: i64,
    /// The open day when it was last touched, and how many it had of both before.
    pub day: i64,
    pub day_facts: i64,
    pub day_allocations: i64,
}

impl Account {
    /// Whether a fact of this open day is already in the tables.
    pub fn touched_in(&self, day: i64) -> bool {
        self.day == day
    }
}

impl FromRow<'_, PgRow> for Account {
    fn from_row(row: &PgRow) -> sqlx::Result<Self> {
        Ok(Self {
            account_id: AccountId::from_uuid(row.try_get("account_id")?),
            partition: row.try_get("partition")?,
            creditor_id: CreditorId::from_uuid(row.try_get("creditor_id")?),
            version: row.try_get("version")?,
            calendar: parsed(row, "calendar")?,
            currency: parsed(row, "currency")?,
            credit_minor: row.try_get("credit_minor")?,
            facts: row.try_get("facts")?,
            allocations: row.try_get("allocations")?,
            day: row.try_get("day")?,
            day_facts: row.try_get("day_facts")?,
            day_allocations: row.try_get("day_allocations")?,
        })
    }
}

/// A column of text as the kernel's type.
pub(crate) fn parsed<T>(row: &PgRow, column: &str) -> sqlx::Result<T>
where
    T: std::str::FromStr<Err: std::error::Error + Send + Sync + 'static>,
{
    let text: &str = row.try_get(column)?;
    text.parse().map_err(|error| decode(column, error))
}

/// A column that does not hold what it must.
pub(crate) fn decode(column: &str, error: impl std::error::Error + Send + Sync + 'static) -> sqlx::Error {
    sqlx::Error::ColumnDecode {
        index: column.to_owned(),
        source: Box::new(error),
    }
}
