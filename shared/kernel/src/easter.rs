//! Easter Sunday by both rites. Both give a date of the Gregorian calendar.

use crate::dates::{BusinessDate, DateError};

/// Easter Sunday of the western churches (Gregorian computus; the algorithm published in Nature, 20 April 1876).
///
/// # Errors
/// [`DateError::OutOfRange`] before 1583, where the Gregorian calendar does not reach, and after 9999.
pub fn western_easter(year: i32) -> Result<BusinessDate, DateError> {
    if !(1583..=9999).contains(&year) {
        return Err(DateError::OutOfRange);
    }
    let (golden, century, in_century) = (year % 19, year / 100, year % 100);
    let correction = (century + 8) / 25;
    let epact = (19 * golden + century - century / 4 - (century - correction + 1) / 3 + 15) % 30;
    let weekday = (32 + 2 * (century % 4) + 2 * (in_century / 4) - epact - in_century % 4) % 7;
    let late = (golden + 11 * epact + 22 * weekday) / 451;
    let days_after_22_march = epact + weekday - 7 * late;
    Ok(march(year, 22)?.plus_days(i64::from(days_after_22_march)))
}

/// Easter Sunday of the Orthodox churches (Julian computus, J. Meeus, Astronomical Algorithms, chapter 8), as the
/// Romanian Orthodox Church keeps it; the date is converted to the Gregorian calendar.
///
/// # Errors
/// [`DateError::OutOfRange`] before 1583 and after 9999.
pub fn orthodox_easter(year: i32) -> Result<BusinessDate, DateError> {
    if !(1583..=9999).contains(&year) {
        return Err(DateError::OutOfRange);
    }
    let full_moon = (19 * (year % 19) + 15) % 30;
    let weekday = (2 * (year % 4) + 4 * (year % 7) - full_moon + 34) % 7;
    let days_after_22_march = full_moon + weekday;
    // From March on, the Julian calendar is this many days behind: 13 in the years 1900 to 2099.
    let behind = year / 100 - year / 400 - 2;
    Ok(march(year, 22)?.plus_days(i64::from(days_after_22_march + behind)))
}

fn march(year: i32, day: u32) -> Result<BusinessDate, DateError> {
    BusinessDate::from_ymd(year, 3, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Weekday;

    /// Published dates (Romanian Patriarchate and the western churches' common calendar), 2010 to 2040 and the extremes.
    #[test]
    fn published_tables() {
        for (year, western, orthodox) in [
            (2010, "04-04", "04-04"),
            (2011, "04-24", "04-24"),
            (2012, "04-08", "04-15"),
            (2013, "03-31", "05-05"),
            (2014, "04-20", "04-20"),
            (2015, "04-05", "04-12"),
            (2016, "03-27", "05-01"),
            (2017, "04-16", "04-16"),
            (2018, "04-01", "04-08"),
            (2019, "04-21", "04-28"),
            (2020, "04-12", "04-19"),
            (2021, "04-04", "05-02"),
            (2022, "04-17", "04-24"),
            (2023, "04-09", "04-16"),
            (2024, "03-31", "05-05"),
            (2025, "04-20", "04-20"),
            (2026, "04-05", "04-12"),
            (2027, "03-28", "05-02"),
            (2028, "04-16", "04-16"),
            (2029, "04-01", "04-08"),
            (2030, "04-21", "04-28"),
            (2031, "04-13", "04-13"),
            (2032, "03-28", "05-02"),
            (2033, "04-17", "04-24"),
            (2034, "04-09", "04-09"),
            (2035, "03-25", "04-29"),
            (2036, "04-13", "04-20"),
            (2037, "04-05", "04-05"),
            (2038, "04-25", "04-25"),
            (2039, "04-10", "04-17"),
            (2040, "04-01", "05-06"),
        ] {
            assert_eq!(western_easter(year).unwrap().to_string(), format!("{year}-{western}"));
            assert_eq!(orthodox_easter(year).unwrap().to_string(), format!("{year}-{orthodox}"));
        }
        // Earliest and latest western dates, and the first Orthodox Easter that falls later in the calendar by a day
        // after 2100, when the Julian calendar falls 14 days behind.
        assert_eq!(western_easter(1818).unwrap().to_string(), "1818-03-22");
        assert_eq!(western_easter(1943).unwrap().to_string(), "1943-04-25");
        assert_eq!(western_easter(2285).unwrap().to_string(), "2285-03-22");
        assert_eq!(orthodox_easter(2100).unwrap().to_string(), "2100-05-02");
    }

    #[test]
    fn years_without_a_gregorian_calendar() {
        for year in [i32::MIN, -1, 0, 1582, 10_000, i32::MAX] {
            assert_eq!(western_easter(year), Err(DateError::OutOfRange));
            assert_eq!(orthodox_easter(year), Err(DateError::OutOfRange));
        }
    }

    #[test]
    fn easter_is_a_sunday_in_its_season() {
        for year in 1583..=9999 {
            let western = western_easter(year).unwrap();
            assert_eq!(western.weekday(), Weekday::Sun, "{year}");
            let season = BusinessDate::from_ymd(year, 3, 22).unwrap()..=BusinessDate::from_ymd(year, 4, 25).unwrap();
            assert!(season.contains(&western), "{year}");
            assert_eq!(orthodox_easter(year).unwrap().weekday(), Weekday::Sun, "{year}");
        }
    }

    /// In these two centuries Orthodox Easter is the western one or 1, 4 or 5 weeks later.
    #[test]
    fn the_rites_are_a_known_distance_apart() {
        for year in 1900..=2099 {
            let apart = western_easter(year).unwrap().days_until(orthodox_easter(year).unwrap());
            assert!([0, 7, 28, 35].contains(&apart), "{year}: {apart}");
        }
    }
}
