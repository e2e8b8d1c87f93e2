use proptest::prelude::*;

use super::*;

fn jpy() -> Currency {
    Currency::parse("JPY").unwrap()
}

fn kwd() -> Currency {
    Currency::parse("KWD").unwrap()
}

#[test]
fn reads_decimal_text() {
    for (text, currency, minor) in [
        ("0", Currency::RON, 0),
        ("-0", Currency::RON, 0),
        ("1", Currency::RON, 100),
        ("1.", Currency::RON, 100),
        (".5", Currency::RON, 50),
        ("-.05", Currency::RON, -5),
        ("+7", Currency::RON, 700),
        ("1234.50", Currency::RON, 123_450),
        ("1234.5", Currency::COP, 123_450),
        ("0001.2300000000000000000000000000", Currency::EUR, 123),
        ("-1.23", Currency::EUR, -123),
        ("1500", jpy(), 1500),
        ("1500.000", jpy(), 1500),
        ("1.2345", Currency::parse("CLF").unwrap(), 12_345),
        ("1.234", kwd(), 1234),
        ("92233720368547758.07", Currency::USD, i64::MAX),
        ("-92233720368547758.08", Currency::USD, i64::MIN),
    ] {
        assert_eq!(Money::parse(text, currency), Ok(Money::new(minor, currency)), "{text}");
    }
}

#[test]
fn says_what_is_wrong() {
    let wrong = [
        "",
        " ",
        "-",
        "+",
        ".",
        "-.",
        "1,5",
        "1.2.3",
        "1 000",
        " 1",
        "1 ",
        "1e3",
        "0x10",
        "--1",
        "+-1",
        "1-",
        "NaN",
        "inf",
        "1_000",
        "\u{661}",
        "1.\u{662}",
    ];
    for text in wrong {
        assert_eq!(
            Money::parse(text, Currency::RON),
            Err(MoneyError::Malformed),
            "{text:?}"
        );
    }
    for (text, currency) in [
        ("1.001", Currency::RON),
        ("0.005", Currency::RON),
        ("1.5", jpy()),
        ("1.0001", kwd()),
    ] {
        assert_eq!(
            Money::parse(text, currency),
            Err(MoneyError::TooPrecise(currency)),
            "{text}"
        );
    }
    for text in [
        "92233720368547758.08",
        "-92233720368547758.09",
        "99999999999999999999999999",
    ] {
        assert_eq!(Money::parse(text, Currency::RON), Err(MoneyError::Overflow), "{text}");
    }
}

#[test]
fn writes_decimal_text() {
    for (minor, currency, text) in [
        (123_450, Currency::RON, "1234.50"),
        (-5, Currency::RON, "-0.05"),
        (0, Currency::RON, "0.00"),
        (700, jpy(), "700"),
        (7, kwd(), "0.007"),
        (i64::MIN, Currency::RON, "-92233720368547758.08"),
    ] {
        let money = Money::new(minor, currency);
        assert_eq!(money.to_decimal_string(), text);
        assert_eq!(
            format!("{money} {money:?}"),
            format!("{text} {currency} {text} {currency}")
        );
    }
}

#[test]
fn arithmetic_is_checked() {
    let one = Money::new(1, Currency::RON);
    let most = Money::new(i64::MAX, Currency::RON);
    let least = Money::new(i64::MIN, Currency::RON);
    assert_eq!(one.checked_add(one), Ok(Money::new(2, Currency::RON)));
    assert_eq!(
        one.checked_sub(Money::new(3, Currency::RON)),
        Ok(Money::new(-2, Currency::RON))
    );
    assert_eq!(one.checked_neg(), Ok(Money::new(-1, Currency::RON)));
    assert_eq!(most.checked_add(one), Err(MoneyError::Overflow));
    assert_eq!(least.checked_sub(one), Err(MoneyError::Overflow));
    assert_eq!(least.checked_neg(), Err(MoneyError::Overflow));
    let peso = Money::new(1, Currency::COP);
    let mixed = Err(MoneyError::CurrencyMismatch(Currency::RON, Currency::COP));
    assert_eq!((one.checked_add(peso), one.checked_sub(peso)), (mixed.clone(), mixed));
    assert!(Money::zero(Currency::RON).is_zero() && !one.is_zero());
    assert!(least.is_negative() && !Money::zero(Currency::RON).is_negative());
}

#[test]
fn roundings() {
    use Rounding::{Ceiling, Down, Exact, Floor, HalfEven, HalfUp, Up};
    let refused = Err(MoneyError::TooPrecise(Currency::RON));
    for (text, expected) in [
        // HalfEven, HalfUp, Down, Up, Floor, Ceiling
        ("1.005", [100, 101, 100, 101, 100, 101]),
        ("1.015", [102, 102, 101, 102, 101, 102]),
        ("1.0149", [101, 101, 101, 102, 101, 102]),
        ("-1.005", [-100, -101, -100, -101, -101, -100]),
        ("-1.0151", [-102, -102, -101, -102, -102, -101]),
    ] {
        let value: Decimal = text.parse().unwrap();
        for (rounding, minor) in [HalfEven, HalfUp, Down, Up, Floor, Ceiling].into_iter().zip(expected) {
            let money = Money::from_decimal(value, Currency::RON, rounding);
            assert_eq!(money, Ok(Money::new(minor, Currency::RON)), "{text} {rounding:?}");
        }
        assert_eq!(Money::from_decimal(value, Currency::RON, Exact), refused, "{text}");
    }
    let exact = |text: &str, currency| Money::from_decimal(text.parse().unwrap(), currency, Exact);
    assert_eq!(exact("1.5000", Currency::RON), Ok(Money::new(150, Currency::RON)));
    assert_eq!(exact("1200", jpy()), Ok(Money::new(1200, jpy())));
    assert_eq!(
        exact("92233720368547758.07", Currency::RON),
        Ok(Money::new(i64::MAX, Currency::RON))
    );
    assert_eq!(exact("92233720368547758.08", Currency::RON), Err(MoneyError::Overflow));
    assert_eq!(
        Money::from_decimal(Decimal::MAX, Currency::RON, HalfUp),
        Err(MoneyError::Overflow)
    );
}

#[test]
fn serde_is_minor_and_currency() {
    let money = Money::new(-123_450, Currency::RON);
    let json = "{\"minor\":-123450,\"currency\":\"RON\"}";
    assert_eq!(serde_json::to_string(&money).unwrap(), json);
    assert_eq!(serde_json::from_str::<Money>(json).unwrap(), money);
    for wrong in [
        "{\"minor\":1.5,\"currency\":\"RON\"}",
        "{\"minor\":1,\"currency\":\"ron\"}",
        "{\"minor\":1}",
    ] {
        assert!(serde_json::from_str::<Money>(wrong).is_err(), "{wrong}");
    }
}

proptest! {
    #[test]
    fn text_decimal_and_serde_keep_the_amount(minor: i64, which in 0_usize..4) {
        let currency = [Currency::RON, jpy(), kwd(), Currency::parse("CLF").unwrap()][which];
        let money = Money::new(minor, currency);
        prop_assert_eq!(Money::parse(&money.to_decimal_string(), currency), Ok(money));
        prop_assert_eq!(Money::from_decimal(money.to_decimal(), currency, Rounding::Exact), Ok(money));
        prop_assert_eq!(serde_json::from_str::<Money>(&serde_json::to_string(&money).unwrap()).unwrap(), money);
    }

    /// Whatever text is given, reading it agrees with `rust_decimal`'s reading where that is exact, and never panics.
    #[test]
    fn agrees_with_decimal(text in "[+-]?[0-9]{1,17}(\\.[0-9]{1,6})?") {
        let value: Decimal = text.parse().unwrap();
        prop_assert_eq!(Money::parse(&text, Currency::RON), Money::from_decimal(value, Currency::RON, Rounding::Exact));
    }

    #[test]
    fn nothing_panics(text in "\\PC{0,30}") {
        let _ = Money::parse(&text, Currency::RON);
    }

    #[test]
    fn addition_and_subtraction_undo_each_other(a: i64, b: i64) {
        let (one, other) = (Money::new(a, Currency::COP), Money::new(b, Currency::COP));
        match one.checked_add(other) {
            Ok(sum) => prop_assert_eq!(sum.checked_sub(other), Ok(one)),
            Err(error) => {
                prop_assert_eq!(error, MoneyError::Overflow);
                prop_assert!(a.checked_add(b).is_none());
            }
        }
    }

    /// Rounded values are neighbours of the exact one, on the side that the rounding's name says.
    #[test]
    fn roundings_stay_close(units in -1_000_000_000_i64..1_000_000_000, scale in 0_u32..8) {
        let value = Decimal::new(units, scale);
        let rounded = |rounding| Money::from_decimal(value, Currency::RON, rounding).unwrap().minor();
        let (floor, ceiling) = (rounded(Rounding::Floor), rounded(Rounding::Ceiling));
        prop_assert!(ceiling - floor <= 1);
        for rounding in [Rounding::HalfEven, Rounding::HalfUp, Rounding::Down, Rounding::Up] {
            prop_assert!((floor..=ceiling).contains(&rounded(rounding)));
        }
        prop_assert!(rounded(Rounding::Down).abs() <= rounded(Rounding::Up).abs());
    }
}
