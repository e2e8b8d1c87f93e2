use proptest::prelude::*;
use serde::de::value::{I32Deserializer, I64Deserializer};

use super::*;

fn date(text: &str) -> BusinessDate {
    BusinessDate::parse(text).unwrap()
}

fn instant(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

#[test]
fn dates_as_text() {
    for text in ["0001-01-01", "1970-01-01", "2024-02-29", "2026-01-31", "9999-12-31"] {
        assert_eq!(date(text).to_string(), text);
        assert_eq!(format!("{:?}", date(text)), text);
    }
    let wrong = [
        "",
        "2026-1-31",
        "2026-01-3",
        "26-01-31",
        "2026-13-01",
        "2026-00-01",
        "2025-02-29",
        "2026-02-30",
        "2026-01-31 ",
        " 2026-01-31",
        "2026/01/31",
        "20260131",
        "2026-01-31T00:00:00Z",
        "+2026-01-3",
        "-026-01-31",
        "2026-01-+1",
    ];
    for text in wrong {
        assert_eq!(BusinessDate::parse(text), Err(DateError::Malformed), "{text:?}");
    }
    assert_eq!(BusinessDate::parse("0000-12-31"), Err(DateError::OutOfRange));
}

#[test]
fn date_arithmetic() {
    assert_eq!(date("2024-02-28").succ(), date("2024-02-29"));
    assert_eq!(date("2024-03-01").pred(), date("2024-02-29"));
    assert_eq!(date("2025-12-31").succ(), date("2026-01-01"));
    assert_eq!(date("2026-01-31").plus_days(30), date("2026-03-02"));
    assert_eq!(date("2026-01-31").days_until(date("2026-02-28")), 28);
    assert_eq!(date("2026-01-31").days_until(date("2026-01-30")), -1);
    let day = date("2026-03-29");
    assert_eq!(
        (day.year(), day.month(), day.day(), day.weekday()),
        (2026, 3, 29, Weekday::Sun)
    );
    assert_eq!(BusinessDate::from_ymd(2026, 2, 29), Err(DateError::Malformed));
    assert_eq!(BusinessDate::from_ymd(10_000, 1, 1), Err(DateError::OutOfRange));
}

#[test]
fn dates_stop_at_their_limits() {
    assert_eq!(
        (BusinessDate::MIN.to_string(), BusinessDate::MAX.to_string()),
        ("0001-01-01".into(), "9999-12-31".into())
    );
    assert_eq!(BusinessDate::MAX.succ(), BusinessDate::MAX);
    assert_eq!(BusinessDate::MIN.pred(), BusinessDate::MIN);
    assert_eq!(date("2026-01-01").plus_days(i64::MAX), BusinessDate::MAX);
    assert_eq!(date("2026-01-01").plus_days(i64::MIN), BusinessDate::MIN);
    for days in [
        i32::MIN,
        i32::MAX,
        BusinessDate::MAX.epoch_days() + 1,
        BusinessDate::MIN.epoch_days() - 1,
    ] {
        assert_eq!(BusinessDate::from_epoch_days(days), Err(DateError::OutOfRange));
    }
}

#[test]
fn instants_as_text() {
    for (text, micros) in [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000001Z", 1),
        ("1969-12-31T23:59:59.999999Z", -1),
        ("2026-01-31T17:00:00+02:00", 1_769_871_600_000_000),
        ("2026-01-31t15:00:00z", 1_769_871_600_000_000),
        // Beyond microseconds is cut, not rounded.
        ("1970-01-01T00:00:00.0000019Z", 1),
    ] {
        assert_eq!(instant(text).micros(), micros, "{text}");
    }
    assert_eq!(
        instant("2026-01-31T17:00:00+02:00").to_string(),
        "2026-01-31T15:00:00.000000Z"
    );
    for text in [
        "",
        "2026-01-31",
        "2026-01-31T17:00:00",
        "2026-02-30T17:00:00Z",
        "2026-01-31T25:00:00Z",
    ] {
        assert_eq!(Timestamp::parse(text), Err(TimestampError::Malformed), "{text:?}");
    }
}

#[test]
fn instants_have_limits() {
    let last = instant("9999-12-31T23:59:59.999999Z");
    assert_eq!(Timestamp::from_micros(last.micros()), Ok(last));
    assert_eq!(
        Timestamp::from_micros(last.micros() + 1),
        Err(TimestampError::OutOfRange)
    );
    assert_eq!(last.plus(TimeDelta::microseconds(1)), Err(TimestampError::OutOfRange));
    assert_eq!(
        Timestamp::from_utc(DateTime::<Utc>::MAX_UTC),
        Err(TimestampError::OutOfRange)
    );
    for micros in [i64::MIN, i64::MAX] {
        assert_eq!(Timestamp::from_micros(micros), Err(TimestampError::OutOfRange));
    }
    assert_eq!(last.date_in(Tz::Pacific__Kiritimati), BusinessDate::MAX);
    assert_eq!(instant("0000-01-01T00:00:00Z").date_in(Tz::UTC), BusinessDate::MIN);
    assert_eq!(last.since(Timestamp::EPOCH), TimeDelta::microseconds(last.micros()));
    assert_eq!(
        instant("2026-01-01T00:00:00Z").plus(TimeDelta::days(-1)),
        Ok(instant("2025-12-31T00:00:00Z"))
    );
}

#[test]
fn the_date_depends_on_the_zone() {
    let at = instant("2026-01-31T23:30:00Z");
    assert_eq!(at.date_in(Tz::UTC), date("2026-01-31"));
    assert_eq!(at.date_in(Tz::Europe__Bucharest), date("2026-02-01"));
    assert_eq!(at.date_in(Tz::America__Bogota), date("2026-01-31"));
    // Summer time in Bucharest is UTC+3.
    assert_eq!(
        instant("2026-07-01T20:59:59Z").date_in(Tz::Europe__Bucharest),
        date("2026-07-01")
    );
    assert_eq!(
        instant("2026-07-01T21:00:00Z").date_in(Tz::Europe__Bucharest),
        date("2026-07-02")
    );
}

#[test]
fn serde_for_people_and_for_machines() {
    let (day, at) = (date("2026-01-31"), instant("2026-01-31T15:00:00.123456Z"));
    assert_eq!(serde_json::to_string(&day).unwrap(), "\"2026-01-31\"");
    assert_eq!(serde_json::from_str::<BusinessDate>("\"2026-01-31\"").unwrap(), day);
    assert_eq!(serde_json::to_string(&at).unwrap(), "\"2026-01-31T15:00:00.123456Z\"");
    assert_eq!(
        serde_json::from_str::<Timestamp>("\"2026-01-31T17:00:00.123456+02:00\"").unwrap(),
        at
    );
    assert!(serde_json::from_str::<BusinessDate>("20484").is_err());
    assert!(serde_json::from_str::<Timestamp>("0").is_err());
    assert_eq!(day.epoch_days(), 20_484);
    // serde's own value deserializers call themselves human-readable; a format for machines is stood in for here.
    assert_eq!(
        BusinessDate::deserialize(Machine(I32Deserializer::<Error>::new(20_484))),
        Ok(day)
    );
    assert_eq!(
        Timestamp::deserialize(Machine(I64Deserializer::<Error>::new(at.micros()))),
        Ok(at)
    );
    assert!(BusinessDate::deserialize(Machine(I32Deserializer::<Error>::new(i32::MAX))).is_err());
}

type Error = serde::de::value::Error;

/// A deserializer that says that it is not for people.
struct Machine<D>(D);

impl<'de, D: Deserializer<'de>> Deserializer<'de> for Machine<D> {
    type Error = D::Error;

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, D::Error> {
        self.0.deserialize_any(visitor)
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 u8 u16 u32 u64 f32 f64 char str string bytes byte_buf option unit unit_struct newtype_struct
        seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

proptest! {
    #[test]
    fn dates_survive_text_and_days(days in BusinessDate::MIN.epoch_days()..=BusinessDate::MAX.epoch_days()) {
        let day = BusinessDate::from_epoch_days(days).unwrap();
        prop_assert_eq!(day.epoch_days(), days);
        prop_assert_eq!(day.to_string().len(), 10);
        prop_assert_eq!(BusinessDate::parse(&day.to_string()), Ok(day));
        prop_assert_eq!(BusinessDate::from_naive(day.naive()), Ok(day));
    }

    /// Text order is date order: dates may be compared in SQL and in file names.
    #[test]
    fn text_order_is_date_order(a in -700_000_i32..2_000_000, b in -700_000_i32..2_000_000) {
        let (a, b) = (BusinessDate::from_epoch_days(a).unwrap(), BusinessDate::from_epoch_days(b).unwrap());
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        prop_assert_eq!(a.plus_days(a.days_until(b)), b);
    }

    #[test]
    fn instants_survive_text(micros in -62_000_000_000_000_000_i64..253_000_000_000_000_000) {
        let at = Timestamp::from_micros(micros).unwrap();
        prop_assert_eq!(at.micros(), micros);
        prop_assert_eq!(Timestamp::parse(&at.to_string()), Ok(at));
        prop_assert_eq!(Timestamp::from_utc(at.utc()), Ok(at));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,30}") {
        let _ = BusinessDate::parse(&text);
        let _ = Timestamp::parse(&text);
    }
}
