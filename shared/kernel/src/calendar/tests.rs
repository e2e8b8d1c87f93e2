use proptest::prelude::*;

use super::*;

fn calendar(text: &str) -> CalendarId {
    CalendarId::parse(text).unwrap()
}

fn cut_off(text: &str, date: &str) -> String {
    calendar(text)
        .cut_off_at(BusinessDate::parse(date).unwrap())
        .to_string()
}

#[test]
fn jurisdictions() {
    for (text, jurisdiction) in [
        ("RO", Jurisdiction::RO),
        ("CO", Jurisdiction::CO),
        ("MX", Jurisdiction::MX),
        ("IT", Jurisdiction::IT),
        ("ES", Jurisdiction::ES),
    ] {
        assert_eq!(Jurisdiction::parse(text), Ok(jurisdiction));
        assert_eq!((jurisdiction.code(), jurisdiction.to_string().as_str()), (text, text));
    }
    for text in ["", "R", "ro", "ROU", "QQ", "R1", " RO", "é"] {
        assert_eq!(Jurisdiction::parse(text), Err(JurisdictionError), "{text:?}");
    }
    assert_eq!(serde_json::to_string(&Jurisdiction::RO).unwrap(), "\"RO\"");
    assert_eq!(
        serde_json::from_str::<Jurisdiction>("\"CO\"").unwrap(),
        Jurisdiction::CO
    );
}

#[test]
fn calendar_text() {
    let text = "RO@17:00@Europe/Bucharest";
    let id = calendar(text);
    let five = NaiveTime::from_hms_opt(17, 0, 0).unwrap();
    assert_eq!(id.parts(), (Jurisdiction::RO, five, Tz::Europe__Bucharest));
    assert_eq!((id.jurisdiction(), id.tz()), (Jurisdiction::RO, Tz::Europe__Bucharest));
    assert_eq!(
        (id.as_str(), id.to_string(), format!("{id:?}")),
        (text, text.to_owned(), text.to_owned())
    );
    assert_eq!(CalendarId::new(Jurisdiction::RO, five, Tz::Europe__Bucharest), id);
    let with_seconds = NaiveTime::from_hms_opt(17, 0, 59).unwrap();
    assert_eq!(
        CalendarId::new(Jurisdiction::RO, with_seconds, Tz::Europe__Bucharest).parts(),
        id.parts()
    );
    assert_eq!(serde_json::to_string(&id).unwrap(), format!("\"{text}\""));
    assert_eq!(serde_json::from_str::<CalendarId>(&format!("\"{text}\"")).unwrap(), id);
}

#[test]
fn says_what_is_wrong() {
    for (text, error) in [
        ("", CalendarIdError::Malformed),
        ("RO", CalendarIdError::Malformed),
        ("RO@17:00", CalendarIdError::Malformed),
        ("RO@17:00@Europe/Bucharest@x", CalendarIdError::Malformed),
        (
            "ro@17:00@Europe/Bucharest",
            CalendarIdError::Jurisdiction(JurisdictionError),
        ),
        ("RO@5:00@Europe/Bucharest", CalendarIdError::CutOff),
        ("RO@24:00@Europe/Bucharest", CalendarIdError::CutOff),
        ("RO@17:60@Europe/Bucharest", CalendarIdError::CutOff),
        ("RO@ 7:00@Europe/Bucharest", CalendarIdError::CutOff),
        ("RO@17:00:00@Europe/Bucharest", CalendarIdError::CutOff),
        ("RO@17:00@Bucharest", CalendarIdError::Zone),
        ("RO@17:00@", CalendarIdError::Zone),
    ] {
        assert_eq!(CalendarId::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn the_cut_off_follows_the_wall_clock() {
    let bucharest = "RO@17:00@Europe/Bucharest";
    assert_eq!(cut_off(bucharest, "2026-01-15"), "2026-01-15T15:00:00.000000Z");
    assert_eq!(cut_off(bucharest, "2026-07-15"), "2026-07-15T14:00:00.000000Z");
    // The clocks of 2026 change on 29 March and 25 October.
    assert_eq!(cut_off(bucharest, "2026-03-28"), "2026-03-28T15:00:00.000000Z");
    assert_eq!(cut_off(bucharest, "2026-03-29"), "2026-03-29T14:00:00.000000Z");
    assert_eq!(cut_off(bucharest, "2026-10-25"), "2026-10-25T15:00:00.000000Z");
    assert_eq!(
        cut_off("CO@18:00@America/Bogota", "2026-07-15"),
        "2026-07-15T23:00:00.000000Z"
    );
    assert_eq!(
        cut_off("CO@23:59@America/Bogota", "2026-12-31"),
        "2027-01-01T04:59:00.000000Z"
    );
}

#[test]
fn a_cut_off_that_the_clock_shows_never_or_twice() {
    // 03:30 on 29 March 2026 does not exist in Bucharest: clocks jump from 03:00 to 04:00, which is 01:00 UTC.
    assert_eq!(
        cut_off("RO@03:30@Europe/Bucharest", "2026-03-29"),
        "2026-03-29T01:00:00.000000Z"
    );
    // 03:30 on 25 October 2026 comes twice: 00:30 and 01:30 UTC; the second counts.
    assert_eq!(
        cut_off("RO@03:30@Europe/Bucharest", "2026-10-25"),
        "2026-10-25T01:30:00.000000Z"
    );
    // Samoa had no 30 December 2011 at all: that day ends as the 31st begins there, 10:00 UTC on the 30th.
    assert_eq!(
        cut_off("WS@17:00@Pacific/Apia", "2011-12-30"),
        "2011-12-30T10:00:00.000000Z"
    );
}

#[test]
fn the_day_of_an_instant() {
    let id = calendar("RO@17:00@Europe/Bucharest");
    for (at, day) in [
        ("2026-01-15T14:59:59.999999Z", "2026-01-15"),
        // What arrives at the cut-off itself belongs to the next day.
        ("2026-01-15T15:00:00Z", "2026-01-16"),
        ("2026-01-15T23:00:00Z", "2026-01-16"),
        ("2026-01-16T14:59:00Z", "2026-01-16"),
        ("2026-12-31T20:00:00Z", "2027-01-01"),
    ] {
        assert_eq!(id.day_of(Timestamp::parse(at).unwrap()).to_string(), day, "{at}");
    }
}

#[test]
fn each_zone_has_a_cut_off_on_each_day() {
    let start = BusinessDate::parse("2026-01-01").unwrap();
    for name in chrono_tz::TZ_VARIANTS {
        for cut_off in ["00:00", "02:30", "23:59"] {
            let id = calendar(&format!("RO@{cut_off}@{}", name.name()));
            let mut last = id.cut_off_at(start.pred());
            for day in (0..365).map(|n| start.plus_days(n)) {
                let next = id.cut_off_at(day);
                assert!(next > last, "{id} {day}");
                last = next;
            }
        }
    }
}

proptest! {
    /// An instant lies before the cut-off of its day and not before the cut-off of the day before.
    #[test]
    fn an_instant_has_one_day(micros in 0_i64..4_000_000_000_000_000, which in 0_usize..5) {
        let id = calendar([
            "RO@17:00@Europe/Bucharest",
            "CO@23:59@America/Bogota",
            "ES@00:00@Europe/Madrid",
            "MX@12:00@America/Mexico_City",
            "WS@02:30@Pacific/Apia",
        ][which]);
        let at = Timestamp::from_micros(micros).unwrap();
        let day = id.day_of(at);
        prop_assert!(at < id.cut_off_at(day));
        prop_assert!(at >= id.cut_off_at(day.pred()));
    }
}
