use proptest::prelude::*;

use super::*;

fn date(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn of(jurisdiction: Jurisdiction) -> HolidayCalendar {
    HolidayCalendar::of(jurisdiction, None).unwrap()
}

fn kept(jurisdiction: Jurisdiction, year: i32) -> String {
    let days: Vec<String> = of(jurisdiction)
        .holidays_in(year)
        .iter()
        .map(|(date, _)| date.to_string()[5..].to_owned())
        .collect();
    days.join(" ")
}

/// The lists that the Romanian press prints each year from art. 139 of the labour code (hotnews.ro 29.12.2025 for 2026).
#[test]
fn romania_as_published() {
    for (year, list) in [
        (
            2023,
            "01-01 01-02 01-24 04-14 04-16 04-17 05-01 06-01 06-04 06-05 08-15 11-30 12-01 12-25 12-26",
        ),
        (
            2024,
            "01-01 01-02 01-06 01-07 01-24 05-01 05-03 05-05 05-06 06-01 06-23 06-24 08-15 11-30 12-01 12-25 12-26",
        ),
        (
            2025,
            "01-01 01-02 01-06 01-07 01-24 04-18 04-20 04-21 05-01 06-01 06-08 06-09 08-15 11-30 12-01 12-25 12-26",
        ),
        (
            2026,
            "01-01 01-02 01-06 01-07 01-24 04-10 04-12 04-13 05-01 05-31 06-01 06-01 08-15 11-30 12-01 12-25 12-26",
        ),
        (
            2027,
            "01-01 01-02 01-06 01-07 01-24 04-30 05-01 05-02 05-03 06-01 06-20 06-21 08-15 11-30 12-01 12-25 12-26",
        ),
    ] {
        assert_eq!(kept(Jurisdiction::RO, year), list, "{year}");
    }
}

/// The lists that the Colombian press prints each year from Ley 51 de 1983 (elespectador.com 16.01.2026 for 2026,
/// elrinconcolombiano.com for 2027). In 2025 two holidays fell on 30 June.
#[test]
fn colombia_as_published() {
    for (year, list) in [
        (
            2024,
            "01-01 01-08 03-25 03-28 03-29 05-01 05-13 06-03 06-10 07-01 07-20 08-07 08-19 10-14 11-04 11-11 12-08 12-25",
        ),
        (
            2025,
            "01-01 01-06 03-24 04-17 04-18 05-01 06-02 06-23 06-30 06-30 07-20 08-07 08-18 10-13 11-03 11-17 12-08 12-25",
        ),
        (
            2026,
            "01-01 01-12 03-23 04-02 04-03 05-01 05-18 06-08 06-15 06-29 07-20 08-07 08-17 10-12 11-02 11-16 12-08 12-25",
        ),
        (
            2027,
            "01-01 01-11 03-22 03-25 03-26 05-01 05-10 05-31 06-07 07-05 07-20 08-07 08-16 10-18 11-01 11-15 12-08 12-25",
        ),
    ] {
        assert_eq!(kept(Jurisdiction::CO, year), list, "{year}");
    }
}

#[test]
fn a_law_holds_from_its_year() {
    let romania = of(Jurisdiction::RO);
    for (first, year_before) in [
        ("2024-01-06", "2023-01-06"),
        ("2024-01-07", "2023-01-07"),
        ("2017-01-24", "2016-01-24"),
        ("2018-04-06", "2017-04-14"),
        ("2017-06-01", "2016-06-01"),
        ("2009-08-15", "2008-08-15"),
        ("2012-11-30", "2011-11-30"),
    ] {
        assert!(romania.holiday(date(first)).is_some(), "{first}");
        assert_eq!(romania.holiday(date(year_before)), None, "{year_before}");
    }
}

#[test]
fn a_holiday_names_its_law() {
    let friday = of(Jurisdiction::RO);
    let friday = friday.holiday(date("2026-04-10")).unwrap();
    assert_eq!(friday.name, "Vinerea Mare");
    assert!(friday.citation.contains("Codul muncii art. 139") && friday.citation.contains("Legea nr. 64/2018"));
    assert_eq!(friday.read, Read::Secondary);
    let colombia = of(Jurisdiction::CO);
    let kings = colombia.holiday(date("2026-01-12")).unwrap();
    assert_eq!(kings.citation, "Ley 51 de 1983 art. 1 num. 1 y 2: «seis de enero»");
    assert_eq!(colombia.holiday(date("2026-01-06")), None);
}

#[test]
fn business_days() {
    let (romania, colombia) = (of(Jurisdiction::RO), of(Jurisdiction::CO));
    assert_eq!(
        (romania.jurisdiction(), colombia.jurisdiction()),
        (Jurisdiction::RO, Jurisdiction::CO)
    );
    for (calendar, day, previous, next) in [
        // Good Friday to Easter Monday.
        (&romania, "2026-04-10", "2026-04-09", "2026-04-14"),
        (&romania, "2026-04-09", "2026-04-08", "2026-04-14"),
        // A weekend, a plain day, the turn of the year.
        (&romania, "2026-03-14", "2026-03-13", "2026-03-16"),
        (&romania, "2026-03-18", "2026-03-17", "2026-03-19"),
        (&romania, "2025-12-31", "2025-12-30", "2026-01-05"),
        // San José moved to Monday the 23rd; Thursday the 19th is worked.
        (&colombia, "2026-03-20", "2026-03-19", "2026-03-24"),
        (&colombia, "2026-04-03", "2026-04-01", "2026-04-06"),
    ] {
        assert_eq!(calendar.previous_business_day(date(day)), date(previous), "{day}");
        assert_eq!(calendar.next_business_day(date(day)), date(next), "{day}");
    }
    for (day, worked) in [
        ("2026-04-10", false),
        ("2026-04-11", false),
        ("2026-04-14", true),
        ("2026-06-01", false),
    ] {
        assert_eq!(romania.is_business_day(date(day)), worked, "{day}");
    }
    assert_eq!(romania.next_business_day(BusinessDate::MAX), BusinessDate::MAX);
    assert_eq!(romania.previous_business_day(BusinessDate::MIN), BusinessDate::MIN);
}

#[test]
fn every_file_is_sound() {
    for (jurisdiction, result) in CALENDARS.iter() {
        let calendar = result.as_ref().unwrap();
        assert_eq!(calendar.jurisdiction, *jurisdiction);
        assert!(calendar.holidays.len() > 10);
        // Entered from memory is not good enough for what stops a cut or a letter.
        assert!(
            calendar.holidays.iter().all(|holiday| holiday.read != Read::No),
            "{jurisdiction}"
        );
    }
    for jurisdiction in [Jurisdiction::MX, Jurisdiction::IT, Jurisdiction::ES] {
        let error = HolidayCalendar::of(jurisdiction, None).unwrap_err();
        assert_eq!(error, HolidayError::UnknownJurisdiction(jurisdiction));
    }
}

const SPAIN: &str = r#"
jurisdiction = "ES"
law = "test"
read = "no"
weekend = ["Sun"]
regions = ["ES-CT", "ES-MD"]
[[holiday]]
name = "national"
fixed = "10-12"
citation = "c"
read = "no"
[[holiday]]
name = "Sant Esteve"
fixed = "12-26"
only_in = ["ES-CT"]
citation = "c"
read = "no"
[[holiday]]
name = "over the year's end"
fixed = "12-30"
move_to_monday = true
last_year = 2026
citation = "c"
read = "no"
"#;

#[test]
fn regions_have_their_own() {
    let spain = HolidayCalendar::read(Jurisdiction::ES, SPAIN).unwrap();
    let stephen = date("2026-12-26");
    for (region, free) in [(None, false), (Some("ES-MD"), false), (Some("ES-CT"), true)] {
        let calendar = spain.in_region(region).unwrap();
        assert_eq!(calendar.holiday(stephen).is_some(), free, "{region:?}");
        assert!(calendar.holiday(date("2026-10-12")).is_some());
    }
    assert_eq!(
        spain.in_region(Some("ES-XX")).unwrap_err(),
        HolidayError::UnknownRegion(Jurisdiction::ES)
    );
    // Romania has no regional holidays: each of its regions has the national list.
    assert!(
        HolidayCalendar::of(Jurisdiction::RO, Some("RO-CJ"))
            .unwrap()
            .holiday(date("2026-12-25"))
            .is_some()
    );
}

#[test]
fn a_moved_holiday_may_cross_the_year() {
    let spain = HolidayCalendar::read(Jurisdiction::ES, SPAIN)
        .unwrap()
        .in_region(None)
        .unwrap();
    // 30 December 2026 is a Wednesday; the next Monday is 4 January 2027, and 2026 is the rule's last year.
    assert_eq!(spain.holiday(date("2027-01-04")).unwrap().name, "over the year's end");
    let of_2027: Vec<String> = spain
        .holidays_in(2027)
        .iter()
        .map(|(date, _)| date.to_string())
        .collect();
    assert_eq!(of_2027, ["2027-01-04", "2027-10-12"]);
    // 2024: 30 December is a Monday itself.
    assert!(spain.holiday(date("2024-12-30")).is_some());
    assert!(spain.is_business_day(date("2026-10-10")) && !spain.is_business_day(date("2026-10-11")));
}

#[test]
fn a_wrong_file_is_refused() {
    for (from, to) in [
        ("ES\"\nlaw", "RO\"\nlaw"),
        ("fixed = \"10-12\"", "fixed = \"13-12\""),
        ("fixed = \"10-12\"", ""),
        ("fixed = \"10-12\"", "fixed = \"10-12\"\nwestern_easter = 1"),
        ("only_in = [\"ES-CT\"]", "only_in = [\"ES-XX\"]"),
        ("citation = \"c\"", "citation = \"\""),
        ("name = \"national\"", "nome = \"national\""),
        ("weekend = [\"Sun\"]", "weekend = [\"Someday\"]"),
    ] {
        assert!(SPAIN.contains(from));
        let wrong = HolidayCalendar::read(Jurisdiction::ES, &SPAIN.replacen(from, to, 1));
        assert!(matches!(wrong, Err(HolidayError::BadFile(Jurisdiction::ES, _))), "{to}");
    }
}

proptest! {
    #[test]
    fn the_next_business_day_is_one_and_the_nearest(days in 0_i32..40_000, romania: bool) {
        let calendar = of(if romania { Jurisdiction::RO } else { Jurisdiction::CO });
        let day = BusinessDate::from_epoch_days(days).unwrap();
        let (previous, next) = (calendar.previous_business_day(day), calendar.next_business_day(day));
        prop_assert!(previous < day && day < next);
        prop_assert!(calendar.is_business_day(previous) && calendar.is_business_day(next));
        let mut between = previous.succ();
        while between < next {
            prop_assert!(between == day || !calendar.is_business_day(between));
            between = between.succ();
        }
        // The longest run of free days in either law is far below two weeks.
        prop_assert!(previous.days_until(next) < 14);
    }

    /// The list of a year and the question about a day are one.
    #[test]
    fn the_list_and_the_day_agree(year in 1984_i32..2100, of_year in 0_i64..365, romania: bool) {
        let calendar = of(if romania { Jurisdiction::RO } else { Jurisdiction::CO });
        let day = BusinessDate::from_ymd(year, 1, 1).unwrap().plus_days(of_year);
        let listed = calendar.holidays_in(year).iter().any(|(date, _)| *date == day);
        prop_assert_eq!(calendar.holiday(day).is_some(), listed);
    }

    /// Ley Emiliani: all but eight of the eighteen are on Mondays, always.
    #[test]
    fn moved_holidays_are_mondays(year in 1984_i32..2100) {
        let calendar = of(Jurisdiction::CO);
        let list = calendar.holidays_in(year);
        prop_assert_eq!(list.len(), 18);
        let moved: Vec<_> = list.iter().filter(|(_, holiday)| holiday.move_to_monday).collect();
        prop_assert_eq!(moved.len(), 10);
        prop_assert!(moved.iter().all(|(date, _)| date.weekday() == Weekday::Mon));
    }
}
