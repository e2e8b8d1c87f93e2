//! Public holidays by jurisdiction, each with the law that makes it one.
//!
//! The law is data: `data/holidays/<jurisdiction>.toml`, embedded at build time. The shape of such a file:
//!
//! | field | meaning |
//! |---|---|
//! | `jurisdiction`, `law`, `read`, `note` | whose list, the law it follows, how far its text was read, remarks |
//! | `weekend` | days of the week on which no business is done, such as `["Sat", "Sun"]` |
//! | `regions` | codes of ISO 3166-2 that have holidays of their own; absent where there are none |
//! | `[[holiday]]` `name` | in the language of the law |
//! | one of `fixed`, `orthodox_easter`, `western_easter` | `"01-24"`, or days after Easter Sunday (negative before) |
//! | `move_to_monday` | true: kept on the next Monday where the date is not one |
//! | `first_year`, `last_year` | years in which it is kept; open where absent |
//! | `only_in` | the regions that keep it; absent: all |
//! | `citation`, `read` | article and law; `primary`, `secondary` or `no` |

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use chrono::Weekday;
use serde::Deserialize;

use crate::calendar::Jurisdiction;
use crate::dates::BusinessDate;
use crate::easter::{orthodox_easter, western_easter};

/// The embedded files; the one place to add a jurisdiction.
const FILES: [(Jurisdiction, &str); 2] = [
    (Jurisdiction::CO, include_str!("../data/holidays/co.toml")),
    (Jurisdiction::RO, include_str!("../data/holidays/ro.toml")),
];

static CALENDARS: LazyLock<BTreeMap<Jurisdiction, Result<HolidayCalendar, HolidayError>>> = LazyLock::new(|| {
    FILES
        .into_iter()
        .map(|(jurisdiction, text)| (jurisdiction, HolidayCalendar::read(jurisdiction, text)))
        .collect()
});

/// How far the text of the law was read by the one who entered the data.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Read {
    /// In the law's own text.
    Primary,
    /// In somebody's account of it.
    Secondary,
    /// Not: entered from memory, to be checked.
    No,
}

/// A public holiday.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Holiday {
    /// Its name in the language of the law.
    pub name: String,
    /// Article and law that make it one.
    pub citation: String,
    /// How far that law was read.
    pub read: Read,
    rule: Rule,
    move_to_monday: bool,
    first_year: i32,
    last_year: i32,
    only_in: Option<Vec<String>>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Rule {
    Fixed { month: u32, day: u32 },
    OrthodoxEaster(i64),
    WesternEaster(i64),
}

/// The business days of a jurisdiction, or of a region in it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HolidayCalendar {
    jurisdiction: Jurisdiction,
    weekend: Arc<[Weekday]>,
    regions: Arc<[String]>,
    holidays: Arc<[Holiday]>,
}

/// Why there is no holiday calendar.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum HolidayError {
    /// No data file for the jurisdiction.
    #[error("the holidays of {0} are not known: shared/kernel/data/holidays has no file for it")]
    UnknownJurisdiction(Jurisdiction),
    /// The jurisdiction has regional holidays, but not in a region of this name.
    #[error("{0} has no region of this code with holidays (ISO 3166-2)")]
    UnknownRegion(Jurisdiction),
    /// The data file breaks its own rules (a test keeps this from happening).
    #[error("the holiday file of {0} is wrong: {1}")]
    BadFile(Jurisdiction, String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    jurisdiction: Jurisdiction,
    #[expect(dead_code, reason = "for readers of the file; required there")]
    law: String,
    #[expect(dead_code, reason = "for readers of the file; required there")]
    read: Read,
    #[expect(dead_code, reason = "for readers of the file")]
    note: Option<String>,
    weekend: Vec<Weekday>,
    #[serde(default)]
    regions: Vec<String>,
    holiday: Vec<Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    name: String,
    fixed: Option<String>,
    orthodox_easter: Option<i64>,
    western_easter: Option<i64>,
    #[serde(default)]
    move_to_monday: bool,
    first_year: Option<i32>,
    last_year: Option<i32>,
    only_in: Option<Vec<String>>,
    citation: String,
    read: Read,
}

impl HolidayCalendar {
    /// The calendar of a jurisdiction; with a region (ISO 3166-2) also that region's own holidays. Where the
    /// jurisdiction has no regional holidays, every region has the national ones.
    ///
    /// # Errors
    /// [`HolidayError::UnknownJurisdiction`] or [`HolidayError::UnknownRegion`].
    pub fn of(jurisdiction: Jurisdiction, region: Option<&str>) -> Result<Self, HolidayError> {
        let all = CALENDARS
            .get(&jurisdiction)
            .ok_or(HolidayError::UnknownJurisdiction(jurisdiction))?;
        all.as_ref().map_err(Clone::clone)?.in_region(region)
    }

    /// Reads a data file.
    fn read(jurisdiction: Jurisdiction, text: &str) -> Result<Self, HolidayError> {
        let bad = |what: String| HolidayError::BadFile(jurisdiction, what);
        let file: File = toml::from_str(text).map_err(|error| bad(error.to_string()))?;
        if file.jurisdiction != jurisdiction {
            return Err(bad(format!("it says it is of {}", file.jurisdiction)));
        }
        let holidays = file
            .holiday
            .into_iter()
            .map(|entry| entry.check(&file.regions))
            .collect::<Result<_, _>>()
            .map_err(bad)?;
        Ok(Self {
            jurisdiction,
            weekend: file.weekend.into(),
            regions: file.regions.into(),
            holidays,
        })
    }

    fn in_region(&self, region: Option<&str>) -> Result<Self, HolidayError> {
        if let Some(region) = region
            && !self.regions.is_empty()
            && !self.regions.iter().any(|known| known == region)
        {
            return Err(HolidayError::UnknownRegion(self.jurisdiction));
        }
        let kept = |holiday: &&Holiday| match (&holiday.only_in, region) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(regions), Some(region)) => regions.iter().any(|known| known == region),
        };
        Ok(Self {
            holidays: self.holidays.iter().filter(kept).cloned().collect(),
            ..self.clone()
        })
    }

    /// Whose calendar it is.
    #[must_use]
    pub const fn jurisdiction(&self) -> Jurisdiction {
        self.jurisdiction
    }

    /// The holiday kept on `date`; the first of the file where two fall together.
    #[must_use]
    pub fn holiday(&self, date: BusinessDate) -> Option<&Holiday> {
        self.holidays.iter().find(|holiday| holiday.is_kept_on(date))
    }

    /// Neither weekend nor holiday.
    #[must_use]
    pub fn is_business_day(&self, date: BusinessDate) -> bool {
        !self.weekend.contains(&date.weekday()) && self.holiday(date).is_none()
    }

    /// The last business day before `date` (never `date` itself).
    #[must_use]
    pub fn previous_business_day(&self, date: BusinessDate) -> BusinessDate {
        self.step(date, BusinessDate::pred)
    }

    /// The first business day after `date` (never `date` itself).
    #[must_use]
    pub fn next_business_day(&self, date: BusinessDate) -> BusinessDate {
        self.step(date, BusinessDate::succ)
    }

    fn step(&self, date: BusinessDate, one: fn(BusinessDate) -> BusinessDate) -> BusinessDate {
        let mut date = one(date);
        while !self.is_business_day(date) && one(date) != date {
            date = one(date);
        }
        date
    }

    /// All holidays of a year in order of date; two on one date are both there.
    #[must_use]
    pub fn holidays_in(&self, year: i32) -> Vec<(BusinessDate, &Holiday)> {
        let around = [year.saturating_sub(1), year];
        let mut kept: Vec<_> = around
            .into_iter()
            .flat_map(|year| {
                self.holidays
                    .iter()
                    .filter_map(move |holiday| Some((holiday.kept_in(year)?, holiday)))
            })
            .filter(|(date, _)| date.year() == year)
            .collect();
        kept.sort_by_key(|(date, _)| *date);
        kept
    }
}

impl Entry {
    fn check(self, regions: &[String]) -> Result<Holiday, String> {
        let rule = match (&self.fixed, self.orthodox_easter, self.western_easter) {
            (Some(text), None, None) => fixed(text).ok_or_else(|| format!("{}: {text} is no day", self.name))?,
            (None, Some(days), None) => Rule::OrthodoxEaster(days),
            (None, None, Some(days)) => Rule::WesternEaster(days),
            _ => {
                return Err(format!(
                    "{}: exactly one of fixed, orthodox_easter, western_easter",
                    self.name
                ));
            }
        };
        if self.only_in.iter().flatten().any(|region| !regions.contains(region)) {
            return Err(format!("{}: a region that is not in `regions`", self.name));
        }
        if self.name.is_empty() || self.citation.is_empty() {
            return Err("a holiday without name or citation".to_owned());
        }
        Ok(Holiday {
            name: self.name,
            citation: self.citation,
            read: self.read,
            rule,
            move_to_monday: self.move_to_monday,
            first_year: self.first_year.unwrap_or(i32::MIN),
            last_year: self.last_year.unwrap_or(i32::MAX),
            only_in: self.only_in,
        })
    }
}

/// `"01-24"`. Checked in a year that has a 29 February.
fn fixed(text: &str) -> Option<Rule> {
    let date = BusinessDate::parse(&format!("2000-{text}")).ok()?;
    Some(Rule::Fixed {
        month: date.month(),
        day: date.day(),
    })
}

impl Holiday {
    /// The date on which the holiday of `year` is kept; a moved one may fall into the next year.
    fn kept_in(&self, year: i32) -> Option<BusinessDate> {
        if !(self.first_year..=self.last_year).contains(&year) {
            return None;
        }
        let date = match self.rule {
            Rule::Fixed { month, day } => BusinessDate::from_ymd(year, month, day).ok()?,
            Rule::OrthodoxEaster(days) => orthodox_easter(year).ok()?.plus_days(days),
            Rule::WesternEaster(days) => western_easter(year).ok()?.plus_days(days),
        };
        let to_monday = (7 - i64::from(date.weekday().num_days_from_monday())) % 7;
        Some(if self.move_to_monday {
            date.plus_days(to_monday)
        } else {
            date
        })
    }

    fn is_kept_on(&self, date: BusinessDate) -> bool {
        [date.year().saturating_sub(1), date.year()]
            .into_iter()
            .any(|year| self.kept_in(year) == Some(date))
    }
}

#[cfg(test)]
mod tests;
