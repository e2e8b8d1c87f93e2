//! The words every part of Incasso shares: money, identifiers, dates and calendars, account numbers, references.
//!
//! Pure values: no input, no output, no clock, no random numbers. Text and numbers from outside are checked once,
//! in `parse`, and carried as types afterwards.
//!
//! | module | holds |
//! |---|---|
//! | [`currency`], [`money`] | ISO 4217 currencies, amounts in minor units, rounding |
//! | [`ids`] | one type per thing that has an id; all derived (UUIDv5) |
//! | [`dates`] | [`BusinessDate`] and [`Timestamp`] |
//! | [`calendar`], [`holidays`], [`easter`] | jurisdictions, the day's cut-off, public holidays with their law |
//! | [`iban`], [`rf`] | IBAN (ISO 13616) and creditor reference (ISO 11649) |
//! | [`partition`] | the partition of a key, as Kafka's Java producer computes it |

pub mod calendar;
pub mod currency;
pub mod dates;
pub mod easter;
pub mod holidays;
pub mod iban;
pub mod ids;
pub mod money;
pub mod partition;
pub mod rf;
mod text;

pub use calendar::{CalendarId, CalendarIdError, Jurisdiction, JurisdictionError};
pub use chrono_tz::Tz;
pub use currency::{Currency, CurrencyError};
pub use dates::{BusinessDate, DateError, Timestamp, TimestampError};
pub use holidays::{Holiday, HolidayCalendar, HolidayError};
pub use iban::{Iban, IbanError};
pub use ids::{
    AccountId, AllocationId, CreditNoteId, CreditorId, DebtorId, DepositId, FundsId, IdError, InvoiceId, ItemId,
    MessageId, PaymentId, PlaceId, SightingId, TaskId, checksum,
};
pub use money::{Money, MoneyError, Rounding};
pub use partition::partition_of;
pub use rf::{Iso11649, Iso11649Error};
pub use rust_decimal::Decimal;
