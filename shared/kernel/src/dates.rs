//! Dates of business and instants. Neither knows the time of day it is now: that is the runtime's `Clock`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, NaiveDate, SecondsFormat, TimeDelta, Utc, Weekday};
use chrono_tz::Tz;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A calendar date in the account's jurisdiction, 0001-01-01 to 9999-12-31; names of fields end in `_on`.
///
/// Serde form: ISO 8601 text (`2026-01-31`) where the format is for people, else days since 1970-01-01 as `i32`
/// (Avro's logical type `date`).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct BusinessDate(NaiveDate);

/// Why something is not a date.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum DateError {
    /// Not of the form `2026-01-31`, or no such day.
    #[error("not a date of the form 2026-01-31")]
    Malformed,
    /// Not within the years 1 to 9999.
    #[error("a date outside the years 1 to 9999")]
    OutOfRange,
}

/// An instant in UTC, in whole microseconds, in the years 0 to 9999; names of fields end in `_at`.
///
/// Serde form: RFC 3339 with six decimals and `Z` where the format is for people, else microseconds since
/// 1970-01-01T00:00:00Z as `i64` (Avro's logical type `timestamp-micros`).
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Timestamp(DateTime<Utc>);

/// Why something is not an instant.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum TimestampError {
    /// Not RFC 3339, such as `2026-01-31T17:00:00Z`; the offset must be there.
    #[error("not an instant of the form 2026-01-31T17:00:00Z (RFC 3339, with its offset)")]
    Malformed,
    /// Not within the years 0 to 9999.
    #[error("an instant outside the years 0 to 9999")]
    OutOfRange,
}

impl BusinessDate {
    /// 0001-01-01.
    pub const MIN: Self = Self(match NaiveDate::from_ymd_opt(1, 1, 1) {
        Some(date) => date,
        None => NaiveDate::MIN,
    });
    /// 9999-12-31.
    pub const MAX: Self = Self(match NaiveDate::from_ymd_opt(9999, 12, 31) {
        Some(date) => date,
        None => NaiveDate::MAX,
    });

    /// The date of a year, month and day.
    ///
    /// # Errors
    /// [`DateError::Malformed`] where there is no such day, [`DateError::OutOfRange`] outside the years 1 to 9999.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Result<Self, DateError> {
        Self::from_naive(NaiveDate::from_ymd_opt(year, month, day).ok_or(DateError::Malformed)?)
    }

    /// The date of chrono's.
    ///
    /// # Errors
    /// [`DateError::OutOfRange`] outside the years 1 to 9999.
    pub fn from_naive(date: NaiveDate) -> Result<Self, DateError> {
        if (Self::MIN.0..=Self::MAX.0).contains(&date) {
            Ok(Self(date))
        } else {
            Err(DateError::OutOfRange)
        }
    }

    /// The date so many days after 1970-01-01 (before it where negative).
    ///
    /// # Errors
    /// [`DateError::OutOfRange`] outside the years 1 to 9999.
    pub fn from_epoch_days(days: i32) -> Result<Self, DateError> {
        Self::from_naive(NaiveDate::from_epoch_days(days).ok_or(DateError::OutOfRange)?)
    }

    /// Days since 1970-01-01.
    #[must_use]
    pub fn epoch_days(&self) -> i32 {
        self.0.to_epoch_days()
    }

    /// Reads exactly `2026-01-31`.
    ///
    /// # Errors
    /// [`DateError`].
    pub fn parse(text: &str) -> Result<Self, DateError> {
        let shape = text.len() == 10
            && text.bytes().enumerate().all(|(at, byte)| match at {
                4 | 7 => byte == b'-',
                _ => byte.is_ascii_digit(),
            });
        if !shape {
            return Err(DateError::Malformed);
        }
        Self::from_naive(NaiveDate::parse_from_str(text, "%Y-%m-%d").map_err(|_| DateError::Malformed)?)
    }

    /// chrono's date, for a table or a computation that is not here.
    #[must_use]
    pub const fn naive(&self) -> NaiveDate {
        self.0
    }

    /// The next day (9999-12-31 has none and stays).
    #[must_use]
    pub fn succ(self) -> Self {
        self.plus_days(1)
    }

    /// The day before (0001-01-01 has none and stays).
    #[must_use]
    pub fn pred(self) -> Self {
        self.plus_days(-1)
    }

    /// So many calendar days later, earlier where negative; stops at [`Self::MIN`] and [`Self::MAX`].
    #[must_use]
    pub fn plus_days(self, days: i64) -> Self {
        let limit = if days < 0 { Self::MIN } else { Self::MAX };
        TimeDelta::try_days(days)
            .and_then(|delta| self.0.checked_add_signed(delta))
            .and_then(|date| Self::from_naive(date).ok())
            .unwrap_or(limit)
    }

    /// Calendar days from this date to `later`: 1 for tomorrow, negative where `later` is earlier.
    #[must_use]
    pub fn days_until(self, later: Self) -> i64 {
        later.0.signed_duration_since(self.0).num_days()
    }

    /// Year, 1 to 9999.
    #[must_use]
    pub fn year(&self) -> i32 {
        self.0.year()
    }

    /// Month, 1 to 12.
    #[must_use]
    pub fn month(&self) -> u32 {
        self.0.month()
    }

    /// Day of the month, 1 to 31.
    #[must_use]
    pub fn day(&self) -> u32 {
        self.0.day()
    }

    /// Day of the week.
    #[must_use]
    pub fn weekday(&self) -> Weekday {
        self.0.weekday()
    }
}

impl FromStr for BusinessDate {
    type Err = DateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// `2026-01-31`.
impl fmt::Display for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.format("%Y-%m-%d"), f)
    }
}

impl fmt::Debug for BusinessDate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for BusinessDate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i32(self.epoch_days())
        }
    }
}

impl<'de> Deserialize<'de> for BusinessDate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_epoch_days(i32::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(DateTime::UNIX_EPOCH);

    /// The instant so many microseconds after 1970-01-01T00:00:00Z (before it where negative).
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self, TimestampError> {
        let at = DateTime::from_timestamp_micros(micros).ok_or(TimestampError::OutOfRange)?;
        if (0..=9999).contains(&at.year()) {
            Ok(Self(at))
        } else {
            Err(TimestampError::OutOfRange)
        }
    }

    /// The instant of chrono's, cut to whole microseconds (towards the past), as PostgreSQL keeps it.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0 to 9999.
    pub fn from_utc(at: DateTime<Utc>) -> Result<Self, TimestampError> {
        Self::from_micros(at.timestamp_micros())
    }

    /// Reads RFC 3339; the offset must be there and is converted to UTC; beyond microseconds is cut.
    ///
    /// # Errors
    /// [`TimestampError`].
    pub fn parse(text: &str) -> Result<Self, TimestampError> {
        let at = DateTime::parse_from_rfc3339(text).map_err(|_| TimestampError::Malformed)?;
        Self::from_utc(at.with_timezone(&Utc))
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn micros(&self) -> i64 {
        self.0.timestamp_micros()
    }

    /// chrono's instant, for a table or a computation that is not here.
    #[must_use]
    pub const fn utc(&self) -> DateTime<Utc> {
        self.0
    }

    /// The date on a wall calendar in the zone `tz` at this instant.
    #[must_use]
    pub fn date_in(&self, tz: Tz) -> BusinessDate {
        let date = self.0.with_timezone(&tz).date_naive();
        let limit = if date < BusinessDate::MIN.0 {
            BusinessDate::MIN
        } else {
            BusinessDate::MAX
        };
        BusinessDate::from_naive(date).unwrap_or(limit)
    }

    /// The instant `span` later, earlier where negative.
    ///
    /// # Errors
    /// [`TimestampError::OutOfRange`] outside the years 0 to 9999.
    pub fn plus(self, span: TimeDelta) -> Result<Self, TimestampError> {
        Self::from_utc(self.0.checked_add_signed(span).ok_or(TimestampError::OutOfRange)?)
    }

    /// The time from `earlier` to this instant; negative where `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> TimeDelta {
        self.0.signed_duration_since(earlier.0)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

/// `2026-01-31T17:00:00.000000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            serializer.serialize_i64(self.micros())
        }
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
        } else {
            Self::from_micros(i64::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}

#[cfg(test)]
mod tests;
