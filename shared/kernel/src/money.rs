//! Amounts of money: whole minor units of one currency, never a floating-point number.

use std::fmt;

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

use crate::currency::Currency;

/// An amount in minor units (cents, bani) of a currency; may be negative.
///
/// Only checked operations: there is no `Add`, and amounts of different currencies never mix. Amounts have no order
/// across currencies, hence no `Ord`: compare [`Money::minor`] where the currency is known to be one.
/// Serde form: `{"minor": 123450, "currency": "RON"}`.
#[derive(Copy, Clone, Eq, PartialEq, Hash, Serialize, Deserialize)]
pub struct Money {
    minor: i64,
    currency: Currency,
}

/// Why an amount could not be read or computed.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum MoneyError {
    /// Not a decimal number: an optional sign, digits, at most one point, nothing else.
    #[error("not a decimal amount (sign, digits, one point; no exponent, no thousands separator)")]
    Malformed,
    /// Digits other than zero stand beyond the currency's smallest unit.
    #[error("more decimal places than {0} has, and they are not zero")]
    TooPrecise(Currency),
    /// The amount does not fit 64 bits of minor units.
    #[error("the amount does not fit 64 bits of minor units")]
    Overflow,
    /// Two amounts of different currencies met.
    #[error("amounts of two currencies met: {0} and {1}")]
    CurrencyMismatch(Currency, Currency),
}

/// How a [`Decimal`] becomes whole minor units. The law or the contract decides which; nothing here is a default.
#[derive(Copy, Clone, Debug, Eq, PartialEq, Hash)]
pub enum Rounding {
    /// To the nearest; exactly half goes to the even neighbour (2.5 → 2, 3.5 → 4).
    HalfEven,
    /// To the nearest; exactly half goes away from zero (2.5 → 3, −2.5 → −3): the commercial rule.
    HalfUp,
    /// Towards zero (2.9 → 2, −2.9 → −2).
    Down,
    /// Away from zero (2.1 → 3, −2.1 → −3).
    Up,
    /// Towards minus infinity (−2.1 → −3).
    Floor,
    /// Towards plus infinity (−2.9 → −2).
    Ceiling,
    /// Not at all: what is not whole minor units is [`MoneyError::TooPrecise`].
    Exact,
}

impl Rounding {
    fn strategy(self) -> Option<RoundingStrategy> {
        match self {
            Self::HalfEven => Some(RoundingStrategy::MidpointNearestEven),
            Self::HalfUp => Some(RoundingStrategy::MidpointAwayFromZero),
            Self::Down => Some(RoundingStrategy::ToZero),
            Self::Up => Some(RoundingStrategy::AwayFromZero),
            Self::Floor => Some(RoundingStrategy::ToNegativeInfinity),
            Self::Ceiling => Some(RoundingStrategy::ToPositiveInfinity),
            Self::Exact => None,
        }
    }
}

impl Money {
    /// `minor` minor units of `currency`.
    #[must_use]
    pub const fn new(minor: i64, currency: Currency) -> Self {
        Self { minor, currency }
    }

    /// Nothing, in `currency`.
    #[must_use]
    pub const fn zero(currency: Currency) -> Self {
        Self::new(0, currency)
    }

    /// The amount in minor units.
    #[must_use]
    pub const fn minor(&self) -> i64 {
        self.minor
    }

    /// The currency.
    #[must_use]
    pub const fn currency(&self) -> Currency {
        self.currency
    }

    /// Exactly nothing.
    #[must_use]
    pub const fn is_zero(&self) -> bool {
        self.minor == 0
    }

    /// Below zero.
    #[must_use]
    pub const fn is_negative(&self) -> bool {
        self.minor < 0
    }

    /// Reads a decimal amount in the lexical form of XML Schema's `decimal` (ISO 20022 amounts): `1234.5`, `-0.50`,
    /// `+7`, `.5`, `5.`; zeros may follow beyond the currency's exponent. No blanks, no comma, no exponent.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`], [`MoneyError::TooPrecise`] or [`MoneyError::Overflow`].
    pub fn parse(text: &str, currency: Currency) -> Result<Self, MoneyError> {
        let (negative, digits) = match text.as_bytes() {
            [b'-', rest @ ..] => (true, rest),
            [b'+', rest @ ..] => (false, rest),
            rest => (false, rest),
        };
        let mut parts = digits.splitn(2, |byte| *byte == b'.');
        let whole = parts.next().unwrap_or_default();
        let fraction = parts.next().unwrap_or_default();
        let all_digits = whole.iter().chain(fraction).all(u8::is_ascii_digit);
        if !all_digits || (whole.is_empty() && fraction.is_empty()) {
            return Err(MoneyError::Malformed);
        }
        let places = usize::try_from(currency.exponent()).map_err(|_| MoneyError::Overflow)?;
        let (kept, beyond) = fraction.split_at_checked(places).unwrap_or((fraction, &[]));
        if beyond.iter().any(|digit| *digit != b'0') {
            return Err(MoneyError::TooPrecise(currency));
        }
        let padding = std::iter::repeat_n(&b'0', places.saturating_sub(kept.len()));
        let mut minor: i64 = 0;
        // Counted downwards for a negative amount, so that the smallest i64 can be read too.
        for digit in whole.iter().chain(kept).chain(padding) {
            let value = i64::from(digit.saturating_sub(b'0'));
            let step = if negative { -value } else { value };
            minor = minor
                .checked_mul(10)
                .and_then(|ten| ten.checked_add(step))
                .ok_or(MoneyError::Overflow)?;
        }
        Ok(Self::new(minor, currency))
    }

    /// The sum.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_add(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_add(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The difference `self − other`.
    ///
    /// # Errors
    /// [`MoneyError::CurrencyMismatch`] or [`MoneyError::Overflow`].
    pub fn checked_sub(self, other: Self) -> Result<Self, MoneyError> {
        self.same_currency(other)?;
        let minor = self.minor.checked_sub(other.minor).ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    /// The amount with the opposite sign.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`] for the smallest 64-bit amount, which has no opposite.
    pub fn checked_neg(self) -> Result<Self, MoneyError> {
        let minor = self.minor.checked_neg().ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, self.currency))
    }

    fn same_currency(self, other: Self) -> Result<(), MoneyError> {
        if self.currency == other.currency {
            Ok(())
        } else {
            Err(MoneyError::CurrencyMismatch(self.currency, other.currency))
        }
    }

    /// A computed amount in major units (rates, proportions), rounded once to whole minor units.
    ///
    /// # Errors
    /// [`MoneyError::Overflow`]; with [`Rounding::Exact`] also [`MoneyError::TooPrecise`].
    pub fn from_decimal(value: Decimal, currency: Currency, rounding: Rounding) -> Result<Self, MoneyError> {
        let places = currency.exponent();
        let rounded = match rounding.strategy() {
            Some(strategy) => value.round_dp_with_strategy(places, strategy),
            None => value.normalize(),
        };
        let missing = places
            .checked_sub(rounded.scale())
            .ok_or(MoneyError::TooPrecise(currency))?;
        let minor = 10_i128
            .checked_pow(missing)
            .and_then(|factor| rounded.mantissa().checked_mul(factor))
            .and_then(|minor| i64::try_from(minor).ok())
            .ok_or(MoneyError::Overflow)?;
        Ok(Self::new(minor, currency))
    }

    /// The amount in major units, exact: the way into computations with rates; back with [`Money::from_decimal`].
    #[must_use]
    pub fn to_decimal(&self) -> Decimal {
        Decimal::new(self.minor, self.currency.exponent())
    }

    /// The amount in major units as text, with all decimal places of the currency: `1234.50`, `-0.05`, `700` (JPY).
    #[must_use]
    pub fn to_decimal_string(&self) -> String {
        let sign = if self.is_negative() { "-" } else { "" };
        let size = self.minor.unsigned_abs();
        let places = self.currency.exponent();
        let unit = 10_u64.saturating_pow(places);
        let (whole, part) = (size / unit, size % unit);
        match usize::try_from(places) {
            Ok(places) if places > 0 => format!("{sign}{whole}.{part:0places$}"),
            _ => format!("{sign}{whole}"),
        }
    }
}

/// `1234.50 RON`.
impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.to_decimal_string(), self.currency)
    }
}

impl fmt::Debug for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests;
