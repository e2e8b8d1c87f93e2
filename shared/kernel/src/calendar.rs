//! Whose law applies, and when its business day ends.

use std::fmt;
use std::str::FromStr;

use chrono::{NaiveDateTime, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

use crate::dates::{BusinessDate, Timestamp};
use crate::text::serde_as_text;

/// A country whose law applies, by its two capital letters of ISO 3166-1. Serde form: the letters.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Jurisdiction([u8; 2]);

/// A text that is no country code.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("no country code of ISO 3166-1 (two capital letters)")]
pub struct JurisdictionError;

impl Jurisdiction {
    /// Romania.
    pub const RO: Self = Self(*b"RO");
    /// Colombia.
    pub const CO: Self = Self(*b"CO");
    /// Mexico.
    pub const MX: Self = Self(*b"MX");
    /// Italy.
    pub const IT: Self = Self(*b"IT");
    /// Spain.
    pub const ES: Self = Self(*b"ES");

    /// The country of a code of ISO 3166-1, written in capitals. Whether its holidays are known is another question:
    /// [`crate::HolidayCalendar::of`].
    ///
    /// # Errors
    /// [`JurisdictionError`].
    pub fn parse(text: &str) -> Result<Self, JurisdictionError> {
        let letters: [u8; 2] = text.as_bytes().try_into().map_err(|_| JurisdictionError)?;
        text.parse::<iso_currency::Country>().map_err(|_| JurisdictionError)?;
        Ok(Self(letters))
    }

    /// The two letters.
    #[must_use]
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl FromStr for Jurisdiction {
    type Err = JurisdictionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Jurisdiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

serde_as_text!(Jurisdiction, "a country code of ISO 3166-1");

/// The calendar by which a business day is closed: jurisdiction, cut-off on the wall clock, time zone.
///
/// Text and serde form: `RO@17:00@Europe/Bucharest`. Creditors with the same three share a calendar and its days.
#[derive(Clone)]
pub struct CalendarId {
    text: String,
    jurisdiction: Jurisdiction,
    cut_off: NaiveTime,
    tz: Tz,
}

/// Why a text is not a calendar.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CalendarIdError {
    /// Not three parts held together by `@`.
    #[error("not of the form RO@17:00@Europe/Bucharest")]
    Malformed,
    /// The first part is no country.
    #[error(transparent)]
    Jurisdiction(#[from] JurisdictionError),
    /// The second part is no time of day from 00:00 to 23:59.
    #[error("the cut-off is not a time of day of the form 17:00")]
    CutOff,
    /// The third part is no zone of the IANA time zone database.
    #[error("the time zone is not one of the IANA database, such as Europe/Bucharest")]
    Zone,
}

impl CalendarId {
    /// The calendar of these three; seconds of `cut_off` are dropped.
    #[must_use]
    pub fn new(jurisdiction: Jurisdiction, cut_off: NaiveTime, tz: Tz) -> Self {
        let minutes = cut_off.format("%H:%M");
        let text = format!("{jurisdiction}@{minutes}@{}", tz.name());
        let cut_off = NaiveTime::parse_from_str(&minutes.to_string(), "%H:%M").unwrap_or(cut_off);
        Self {
            text,
            jurisdiction,
            cut_off,
            tz,
        }
    }

    /// Reads `RO@17:00@Europe/Bucharest`.
    ///
    /// # Errors
    /// [`CalendarIdError`].
    pub fn parse(text: &str) -> Result<Self, CalendarIdError> {
        let mut parts = text.split('@');
        let (Some(jurisdiction), Some(cut_off), Some(zone), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(CalendarIdError::Malformed);
        };
        let jurisdiction = Jurisdiction::parse(jurisdiction)?;
        let cut_off = parse_cut_off(cut_off)?;
        let tz = zone.parse().map_err(|_| CalendarIdError::Zone)?;
        Ok(Self::new(jurisdiction, cut_off, tz))
    }

    /// The text form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Jurisdiction, cut-off and time zone.
    #[must_use]
    pub const fn parts(&self) -> (Jurisdiction, NaiveTime, Tz) {
        (self.jurisdiction, self.cut_off, self.tz)
    }

    /// The jurisdiction.
    #[must_use]
    pub const fn jurisdiction(&self) -> Jurisdiction {
        self.jurisdiction
    }

    /// The time zone.
    #[must_use]
    pub const fn tz(&self) -> Tz {
        self.tz
    }

    /// The instant at which the business day `date` ends: what is received before it belongs to `date` or earlier.
    ///
    /// Where clocks go back over the cut-off, the second time counts (money that came in between is still in time);
    /// where they jump over it, the first minute after the jump.
    #[must_use]
    pub fn cut_off_at(&self, date: BusinessDate) -> Timestamp {
        let local = date.naive().and_time(self.cut_off);
        // A zone once skipped a whole day (Pacific/Apia, 2011-12-30); nothing jumps further.
        let at = (0..=48 * 60)
            .find_map(|minutes| self.tz.from_local_datetime(&after(local, minutes)).latest())
            .map_or_else(|| Utc.from_utc_datetime(&local), |at| at.with_timezone(&Utc));
        Timestamp::from_utc(at).unwrap_or(Timestamp::EPOCH)
    }

    /// The business day that an instant belongs to: the first whose cut-off lies after it.
    #[must_use]
    pub fn day_of(&self, at: Timestamp) -> BusinessDate {
        let wall = at.date_in(self.tz);
        let days = [wall.pred(), wall, wall.succ()];
        days.into_iter()
            .find(|day| at < self.cut_off_at(*day))
            .unwrap_or_else(|| wall.plus_days(2))
    }
}

fn after(local: NaiveDateTime, minutes: i64) -> NaiveDateTime {
    TimeDelta::try_minutes(minutes)
        .and_then(|delta| local.checked_add_signed(delta))
        .unwrap_or(local)
}

fn parse_cut_off(text: &str) -> Result<NaiveTime, CalendarIdError> {
    let shape = text.len() == 5
        && text
            .bytes()
            .enumerate()
            .all(|(at, byte)| if at == 2 { byte == b':' } else { byte.is_ascii_digit() });
    match NaiveTime::parse_from_str(text, "%H:%M") {
        Ok(time) if shape => Ok(time),
        _ => Err(CalendarIdError::CutOff),
    }
}

impl PartialEq for CalendarId {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CalendarId {}

impl PartialOrd for CalendarId {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CalendarId {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.text.cmp(&other.text)
    }
}

impl std::hash::Hash for CalendarId {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.text.hash(state);
    }
}

impl FromStr for CalendarId {
    type Err = CalendarIdError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl fmt::Debug for CalendarId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

serde_as_text!(CalendarId, "a calendar such as RO@17:00@Europe/Bucharest");

#[cfg(test)]
mod tests;
