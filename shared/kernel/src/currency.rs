//! Currencies of ISO 4217.

use std::fmt;
use std::str::FromStr;

use crate::text::serde_as_text;

/// A currency that amounts can be kept in: its ISO 4217 letters and how many decimal places it has.
///
/// Codes without a minor unit (gold, "no currency", testing) are not currencies here. Serde form: the three letters.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
pub struct Currency(Kind);

#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
enum Kind {
    Current(iso_currency::Currency),
    Withdrawn(Withdrawn),
}

/// Currencies that the euro, the new leu, lira and rouble replaced (ISO 4217, list three): old bank files are in them, and banks go on
/// using such files as examples.
#[derive(Copy, Clone, Eq, PartialEq, Ord, PartialOrd, Hash)]
enum Withdrawn {
    Ats,
    Bef,
    Dem,
    Esp,
    Fim,
    Frf,
    Grd,
    Iep,
    Itl,
    Luf,
    Nlg,
    Pte,
    Rol,
    Cyp,
    Eek,
    Ltl,
    Lvl,
    Mtl,
    Rur,
    Sit,
    Skk,
    Trl,
}

impl Withdrawn {
    const ALL: [Self; 22] = [
        Self::Ats,
        Self::Bef,
        Self::Dem,
        Self::Esp,
        Self::Fim,
        Self::Frf,
        Self::Grd,
        Self::Iep,
        Self::Itl,
        Self::Luf,
        Self::Nlg,
        Self::Pte,
        Self::Rol,
        Self::Cyp,
        Self::Eek,
        Self::Ltl,
        Self::Lvl,
        Self::Mtl,
        Self::Rur,
        Self::Sit,
        Self::Skk,
        Self::Trl,
    ];

    /// Letters, number, and decimal places.
    const fn row(self) -> (&'static str, u16, u32) {
        match self {
            Self::Ats => ("ATS", 40, 2),
            Self::Bef => ("BEF", 56, 2),
            Self::Dem => ("DEM", 276, 2),
            Self::Esp => ("ESP", 724, 0),
            Self::Fim => ("FIM", 246, 2),
            Self::Frf => ("FRF", 250, 2),
            Self::Grd => ("GRD", 300, 2),
            Self::Iep => ("IEP", 372, 2),
            Self::Itl => ("ITL", 380, 0),
            Self::Luf => ("LUF", 442, 2),
            Self::Nlg => ("NLG", 528, 2),
            Self::Pte => ("PTE", 620, 2),
            Self::Rol => ("ROL", 642, 2),
            Self::Cyp => ("CYP", 196, 2),
            Self::Eek => ("EEK", 233, 2),
            Self::Ltl => ("LTL", 440, 2),
            Self::Lvl => ("LVL", 428, 2),
            Self::Mtl => ("MTL", 470, 2),
            Self::Rur => ("RUR", 810, 2),
            Self::Sit => ("SIT", 705, 2),
            Self::Skk => ("SKK", 703, 2),
            Self::Trl => ("TRL", 792, 2),
        }
    }
}

/// Why a text is not a currency.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum CurrencyError {
    /// Not a code of ISO 4217 (three capital letters).
    #[error("{0:?} is no ISO 4217 currency code (three capital letters)")]
    Unknown(String),
    /// A code of ISO 4217 that has no minor unit, such as XAU or XXX: no amount can be kept in it.
    #[error("{0} has no minor unit in ISO 4217: no amount can be kept in it")]
    NoMinorUnit(String),
}

impl Currency {
    /// Romanian leu, 2 decimal places.
    pub const RON: Self = Self(Kind::Current(iso_currency::Currency::RON));
    /// Colombian peso, 2 decimal places.
    pub const COP: Self = Self(Kind::Current(iso_currency::Currency::COP));
    /// Euro, 2 decimal places.
    pub const EUR: Self = Self(Kind::Current(iso_currency::Currency::EUR));
    /// Mexican peso, 2 decimal places.
    pub const MXN: Self = Self(Kind::Current(iso_currency::Currency::MXN));
    /// United States dollar, 2 decimal places.
    pub const USD: Self = Self(Kind::Current(iso_currency::Currency::USD));

    /// The currency of an ISO 4217 code, written in capitals.
    ///
    /// # Errors
    /// [`CurrencyError`] where the code is unknown or has no minor unit.
    pub fn parse(text: &str) -> Result<Self, CurrencyError> {
        let old = || Self::withdrawn(|(code, _, _)| code == text);
        match iso_currency::Currency::from_code(text) {
            Some(known) => Self::with_minor_unit(known),
            None => old().ok_or_else(|| CurrencyError::Unknown(short(text))),
        }
    }

    /// The currency of an ISO 4217 number, as some bank files write it (978 is EUR).
    ///
    /// # Errors
    /// [`CurrencyError`] where the number is unknown or has no minor unit.
    pub fn from_numeric(number: u16) -> Result<Self, CurrencyError> {
        let old = || Self::withdrawn(|(_, other, _)| other == number);
        match iso_currency::Currency::from_numeric(number) {
            Some(known) => Self::with_minor_unit(known),
            None => old().ok_or_else(|| CurrencyError::Unknown(format!("{number:03}"))),
        }
    }

    fn with_minor_unit(known: iso_currency::Currency) -> Result<Self, CurrencyError> {
        match known.exponent() {
            Some(_) => Ok(Self(Kind::Current(known))),
            None => Err(CurrencyError::NoMinorUnit(known.code().to_owned())),
        }
    }

    fn withdrawn(is: impl Fn((&'static str, u16, u32)) -> bool) -> Option<Self> {
        let found = Withdrawn::ALL.into_iter().find(|old| is(old.row()));
        found.map(|old| Self(Kind::Withdrawn(old)))
    }

    /// The three letters.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self.0 {
            Kind::Current(known) => known.code(),
            Kind::Withdrawn(old) => old.row().0,
        }
    }

    /// Decimal places of the minor unit: 2 for RON, 0 for JPY, 3 for KWD, at most 4.
    #[must_use]
    pub fn exponent(&self) -> u32 {
        match self.0 {
            Kind::Current(known) => known.exponent().map_or(0, u32::from),
            Kind::Withdrawn(old) => old.row().2,
        }
    }
}

/// Foreign text goes into an error message only as long as a code could plausibly be.
fn short(text: &str) -> String {
    text.chars().take(8).collect()
}

impl FromStr for Currency {
    type Err = CurrencyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.code())
    }
}

impl fmt::Debug for Currency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

serde_as_text!(Currency, "an ISO 4217 currency code");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_exponents() {
        for (code, number, exponent) in [
            ("RON", 946, 2),
            ("COP", 170, 2),
            ("EUR", 978, 2),
            ("MXN", 484, 2),
            ("USD", 840, 2),
            ("JPY", 392, 0),
            ("CLP", 152, 0),
            ("KWD", 414, 3),
            ("CLF", 990, 4),
            ("DEM", 276, 2),
            ("ITL", 380, 0),
            ("ROL", 642, 2),
            ("LTL", 440, 2),
            ("SKK", 703, 2),
            ("RUR", 810, 2),
        ] {
            let currency = Currency::parse(code).unwrap();
            assert_eq!((currency.code(), currency.exponent()), (code, exponent));
            assert_eq!(Currency::from_numeric(number), Ok(currency));
        }
    }

    #[test]
    fn what_is_no_currency() {
        for text in ["", "ron", "Ron", "RO", "RONN", "ABC", " RON", "RON ", "R\u{d6}N"] {
            assert_eq!(
                Currency::parse(text),
                Err(CurrencyError::Unknown(text.to_owned())),
                "{text:?}"
            );
        }
        for text in ["XAU", "XXX", "XTS"] {
            assert_eq!(
                Currency::parse(text),
                Err(CurrencyError::NoMinorUnit(text.to_owned())),
                "{text:?}"
            );
        }
        assert_eq!(Currency::from_numeric(1), Err(CurrencyError::Unknown("001".to_owned())));
        assert_eq!(
            Currency::parse(&"X".repeat(5000)),
            Err(CurrencyError::Unknown("XXXXXXXX".to_owned()))
        );
    }

    #[test]
    fn serde_is_the_code() {
        assert_eq!(serde_json::to_string(&Currency::RON).unwrap(), "\"RON\"");
        assert_eq!(serde_json::from_str::<Currency>("\"COP\"").unwrap(), Currency::COP);
        assert!(serde_json::from_str::<Currency>("\"XXX\"").is_err());
        assert!(serde_json::from_str::<Currency>("946").is_err());
    }

    /// Money keeps i64 minor units and computes powers of ten up to this.
    #[test]
    fn no_exponent_is_above_four() {
        for number in 0..1000 {
            if let Ok(currency) = Currency::from_numeric(number) {
                assert!(currency.exponent() <= 4, "{currency}");
            }
        }
    }
}
