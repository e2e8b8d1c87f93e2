//! Types of single fields. Each is checked when it is read, and says its rule in the OpenAPI document.

use kernel::{Iban, IbanError};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{KnownFormat, ObjectBuilder, Schema, SchemaFormat, Type};

use crate::domain::references::normalised;

/// Keeps rule and detail apart in serde's error texts.
pub const RULE_MARK: char = '\u{1f}';

/// Largest amount of one field in minor units: sums of any allowed number of them fit into 64 bits.
pub const AMOUNT_MAX: i64 = 1_000_000_000_000_000;

/// Why a field's text is refused: rule and detail.
pub struct Broken(&'static str, &'static str);

impl std::fmt::Display for Broken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}{RULE_MARK}{}", self.0, self.1)
    }
}

macro_rules! text {
    ($(#[$doc:meta])* $name:ident, max $max:literal, $pattern:literal, $read:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String")]
        pub struct $name(String);

        impl TryFrom<String> for $name {
            type Error = Broken;

            fn try_from(text: String) -> Result<Self, Broken> {
                if text.chars().nth($max).is_some() {
                    return Err(Broken("max-length", concat!("at most ", $max, " characters")));
                }
                let read: fn(String) -> Result<String, Broken> = $read;
                read(text).map(Self)
            }
        }

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<$name> for String {
            fn from(field: $name) -> Self {
                field.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::String)
                    .min_length(Some(1))
                    .max_length(Some($max))
                    .pattern(Some($pattern))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

fn printable(text: &str) -> Result<(), Broken> {
    if text.trim().is_empty() {
        return Err(Broken("blank", "must not be blank"));
    }
    if text.chars().any(char::is_control) {
        return Err(Broken("control-characters", "control characters are not allowed"));
    }
    Ok(())
}

fn shown(text: String) -> Result<String, Broken> {
    printable(&text).map(|()| text)
}

fn trimmed(text: String) -> Result<String, Broken> {
    printable(&text)?;
    if text.trim().len() == text.len() {
        Ok(text)
    } else {
        Err(Broken("blank", "no blanks at either end"))
    }
}

text! {
    /// The ERP's own id of a thing, taken as it is: case and inner blanks count.
    ExternalId, max 100, r"^[^\s\x00-\x1f\x7f-\x9f]([^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f])?$", trimmed
}
text! {
    /// A name, number or code for people, in one line.
    Word, max 100, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$", shown
}
text! {
    /// A sentence or name for people, in one line.
    Sentence, max 500, r"^[^\x00-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*$", shown
}
text! {
    /// Text for people; line breaks are allowed, other control characters are not.
    Lines, max 1000, r"^[^\x00-\x09\x0b-\x1f\x7f-\x9f]*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x09\x0b-\x1f\x7f-\x9f]*$",
    |text| printable(&text.replace('\n', " ")).map(|()| text)
}
text! {
    /// A kind, from a documented list that may grow: small letters, digits, `_`, `-`, `.`.
    Kind, max 50, r"^[a-z0-9][a-z0-9_.-]*$",
    |text| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let all = text.chars().all(|c| plain(c) || matches!(c, '_' | '-' | '.'));
        if all && text.starts_with(plain) { Ok(text) } else { Err(Broken("kind", "small letters, digits, _, - and . only")) }
    }
}
text! {
    /// A text that debtors name when they pay; compared by its letters and digits alone, in capitals.
    Reference, max 100, r"^[^\x00-\x1f\x7f-\x9f]*[A-Za-z0-9][^\x00-\x1f\x7f-\x9f]*$",
    |text| {
        printable(&text)?;
        if normalised(&text).is_empty() {
            return Err(Broken("reference", "a reference needs at least one letter or digit"));
        }
        Ok(text)
    }
}
text! {
    /// An IBAN (blanks and small letters are allowed), or the local account number where the country has none. What begins
    /// like an IBAN of a country that has them must be a right one.
    AccountNumber, max 50, r"^[A-Za-z0-9][A-Za-z0-9 ./-]*$", account_number
}
text! {
    /// A language by BCP 47: `ro`, `es-CO`.
    Language, max 35, r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$",
    |text| {
        let mut parts = text.split('-');
        let first = parts.next().is_some_and(|p| (2..=3).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_lowercase()));
        let rest = parts.all(|p| (2..=8).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_alphanumeric()));
        if first && rest { Ok(text) } else { Err(Broken("language", "not a language of BCP 47, such as ro or es-CO")) }
    }
}
text! {
    /// A region by ISO 3166-2: `ES-CT`.
    Region, max 6, r"^[A-Z]{2}-[A-Z0-9]{1,3}$",
    |text| {
        let shape = text.split_once('-').is_some_and(|(country, region)| {
            country.len() == 2
                && country.bytes().all(|b| b.is_ascii_uppercase())
                && (1..=3).contains(&region.len())
                && region.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
        });
        if shape { Ok(text) } else { Err(Broken("region", "not a region of ISO 3166-2, such as ES-CT")) }
    }
}
text! {
    /// A time zone of the IANA database: `Europe/Bucharest`.
    Zone, max 50, r"^[A-Za-z][A-Za-z0-9_+/-]*$",
    |text| match text.parse::<kernel::Tz>() {
        Ok(_) => Ok(text),
        Err(_) => Err(Broken("time-zone", "not a zone of the IANA database, such as Europe/Bucharest")),
    }
}
text! {
    /// A time of day, hours and minutes: `17:00`.
    CutOff, max 5, r"^([01][0-9]|2[0-3]):[0-5][0-9]$",
    |text| {
        let minute = |part: &str, below: u8| part.len() == 2 && part.parse::<u8>().is_ok_and(|value| value < below);
        let shape = text.split_once(':').is_some_and(|(hours, minutes)| minute(hours, 24) && minute(minutes, 60));
        if shape { Ok(text) } else { Err(Broken("time", "not a time of day of the form 17:00")) }
    }
}
text! {
    /// A SHA-256 digest in 64 hexadecimal digits.
    Sha256, max 64, r"^[0-9a-fA-F]{64}$",
    |text| {
        let shape = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        if shape { Ok(text.to_ascii_lowercase()) } else { Err(Broken("sha256", "not 64 hexadecimal digits")) }
    }
}
text! {
    /// A percentage per year as decimal text with a point: `8.25`.
    Percent, max 12, r"^[0-9]{1,4}(\.[0-9]{1,6})?$", |text| decimal(text, 4, 6)
}
text! {
    /// Kilowatts as decimal text with a point: `6.6`.
    Kilowatts, max 12, r"^[0-9]{1,7}(\.[0-9]{1,3})?$", |text| decimal(text, 7, 3)
}

fn decimal(text: String, whole: usize, fraction: usize) -> Result<String, Broken> {
    let digits = |part: &str, max: usize| (1..=max).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let good = match text.split_once('.') {
        Some((before, after)) => digits(before, whole) && digits(after, fraction),
        None => digits(&text, whole),
    };
    if good {
        Ok(text)
    } else {
        Err(Broken("decimal", "not a decimal number with a point, such as 8.25"))
    }
}

fn account_number(text: String) -> Result<String, Broken> {
    let compact: String = text
        .chars()
        .filter(|c| *c != ' ')
        .map(|c| c.to_ascii_uppercase())
        .collect();
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/');
    if !compact.starts_with(|c: char| c.is_ascii_alphanumeric()) || !compact.chars().all(allowed) {
        return Err(Broken(
            "account-number",
            "letters, digits, blanks, -, . and / only, beginning with a letter or digit",
        ));
    }
    let mut head = compact.bytes();
    let looks_like_iban = head.by_ref().take(2).all(|b| b.is_ascii_alphabetic())
        && head.by_ref().take(2).all(|b| b.is_ascii_digit())
        && compact.len() >= 15;
    match Iban::parse(&compact) {
        Ok(iban) => Ok(iban.to_string()),
        Err(IbanError::Checksum | IbanError::WrongForm) if looks_like_iban => {
            Err(Broken("iban", "the IBAN's check digits or its form do not hold"))
        }
        Err(_) => Ok(compact),
    }
}

macro_rules! integer {
    ($(#[$doc:meta])* $name:ident($type:ty, $format:ident), $min:expr, $max:expr) => {
        $(#[$doc])*
        #[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "i64")]
        pub struct $name($type);

        impl TryFrom<i64> for $name {
            type Error = String;

            fn try_from(value: i64) -> Result<Self, String> {
                let (min, max): (i64, i64) = ($min, $max);
                if !(min..=max).contains(&value) {
                    return Err(format!("range{RULE_MARK}not between {min} and {max}"));
                }
                <$type>::try_from(value).map(Self).map_err(|_| format!("range{RULE_MARK}too large"))
            }
        }

        impl $name {
            /// The number.
            #[must_use]
            pub const fn get(self) -> $type {
                self.0
            }
        }

        impl utoipa::PartialSchema for $name {
            fn schema() -> RefOr<Schema> {
                ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .format(Some(SchemaFormat::KnownFormat(KnownFormat::$format)))
                    .minimum(Some::<i64>($min))
                    .maximum(Some::<i64>($max))
                    .into()
            }
        }

        impl utoipa::ToSchema for $name {}
    };
}

integer! {
    /// The source's version of a thing; it only rises.
    Version(i64, Int64), 1, 9_000_000_000_000_000
}
integer! {
    /// An amount in minor units of the currency beside it, more than 0.
    Amount(i64, Int64), 1, AMOUNT_MAX
}
integer! {
    /// An amount in minor units of the currency beside it; negative for a deduction.
    SignedAmount(i64, Int64), -AMOUNT_MAX, AMOUNT_MAX
}
integer! {
    /// A running number from 1, unique in its list.
    Number(u16, Int32), 1, 65_535
}
integer! {
    /// Importance, 1 (most patient) to 5 (strictest).
    Level(u8, Int32), 1, 5
}
integer! {
    /// Banking days that a feed may lag behind.
    LagDays(u16, Int32), 0, 30
}

impl Version {
    /// What stands for the version in a body's canonical form: its content is compared without it.
    pub const ANY: Self = Self(1);

    /// The version of this number, as read from the table.
    #[must_use]
    pub const fn stored(version: i64) -> Self {
        Self(version)
    }
}

impl Level {
    /// Of accounts that name none.
    pub const MIDDLE: Self = Self(3);
}

impl SignedAmount {
    /// 0.
    pub const ZERO: Self = Self(0);
}

impl LagDays {
    /// Covered through the banking day before.
    pub const ONE: Self = Self(1);
}

fn listed<'de, D, T>(deserializer: D, min: usize, max: usize) -> Result<Vec<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    let list = Vec::deserialize(deserializer)?;
    if list.len() < min {
        return Err(D::Error::custom(format!("min-items{RULE_MARK}at least {min}")));
    }
    if list.len() > max {
        return Err(D::Error::custom(format!("max-items{RULE_MARK}at most {max}")));
    }
    Ok(list)
}

/// A list of at most 100.
///
/// # Errors
/// More than that, or an element that is none.
pub fn few_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    listed(deserializer, 0, 100)
}

/// A list of at most 20, for lists in lists: with 100 of 100 a debtor would not fit a message.
///
/// # Errors
/// More than that, or an element that is none.
pub fn some_twenty_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    listed(deserializer, 0, 20)
}

/// A list of 1 to 100.
///
/// # Errors
/// More or less than that, or an element that is none.
pub fn some_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    listed(deserializer, 1, 100)
}

/// A list of at most 1,000.
///
/// # Errors
/// More than that, or an element that is none.
pub fn many_of<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    listed(deserializer, 0, 1000)
}
