//! The day's marker.

use kernel::{BusinessDate, CalendarId, CreditorId, Timestamp};
use serde::{Deserialize, Serialize};

/// How far the bank feed of one account of a creditor reaches at the close.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankCoverage {
    /// The legal entity that is owed, UUIDv5 of its code.
    pub creditor_id: CreditorId,
    /// Number of the creditor's own bank account: IBAN without blanks, or the local number.
    pub bank_account: String,
    /// Last day up to which statements cover the account without a gap; null when none has come yet.
    #[serde(default)]
    pub through_on: Option<BusinessDate>,
    /// True when `through_on` reaches `due_on`; false stops harsher steps, unless a person released the day (`released_at`).
    pub complete: bool,
    /// Banking day through which statements must cover the account at this close, by its banking calendar and lag; null where
    /// none is due yet, and from writers before version 2.
    #[serde(default)]
    pub due_on: Option<BusinessDate>,
    /// Instant at which a person released this day although the account is not covered; null when nobody did.
    #[serde(default)]
    pub released_at: Option<Timestamp>,
    /// Subject of the token of the person who released it; null when nobody did.
    #[serde(default)]
    pub released_by: Option<String>,
    /// Why, in that person's words; null when nobody did.
    #[serde(default)]
    pub released_reason: Option<String>,
}

/// Marker: the writer's day of this calendar is closed on this partition; nothing of that day follows it. The
/// record's key is the bytes `day`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayClosed {
    /// Calendar whose business day this falls in: jurisdiction, cut-off and time zone, e.g.
    /// `RO@17:00@Europe/Bucharest`.
    pub calendar: CalendarId,
    /// The calendar's day that this marker closes.
    pub closed_on: BusinessDate,
    /// Number of the close over all calendars; every service closes n before n + 1.
    pub sequence: i64,
    /// True when the writer's certificate does not hold: money keeps flowing, nobody takes a step.
    pub held: bool,
    /// What did not hold, in words for an operator; null unless `held`.
    #[serde(default)]
    pub held_reason: Option<String>,
    /// Number of message ids on this topic partition since the marker before this one.
    pub message_count: i64,
    /// Wrapping 64-bit sum of the checksums of those message ids; the reader compares it with its own.
    pub message_checksum: i64,
    /// The calendar's day that is open from now on.
    pub next_on: BusinessDate,
    /// How far each bank account's feed reaches, for creditors of this calendar; empty where the writer knows no
    /// banks.
    #[serde(default)]
    pub coverage: Vec<BankCoverage>,
}

impl crate::Message for DayClosed {
    const TYPE: &'static str = "DayClosed";

    /// A marker belongs to its partition, not to a key; its record's key is [`DAY_KEY`].
    fn key(&self) -> crate::MessageKey {
        crate::MessageKey::NIL
    }
}

/// The key of a marker's record.
pub const DAY_KEY: &[u8] = b"day";
