//! What every event has: a type name and a key.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;
use uuid::Uuid;

use crate::codec::Wire;

/// An event of the catalogue: a plain record whose Avro schema is in `schemas/`.
///
/// Metadata (id, time, source, trace) travels in [`crate::headers`], so that payloads stay pure domain.
pub trait Message:
    Serialize + DeserializeOwned + Wire + Clone + fmt::Debug + PartialEq + Send + Sync + 'static
{
    /// The name of the record, also the CloudEvents type (`ce_type`): `InvoiceIssued`.
    const TYPE: &'static str;

    /// The key of the Kafka record: messages with equal keys stay in order.
    fn key(&self) -> MessageKey;
}

/// The key of a Kafka record: the id of an account, creditor, debtor or payment, on the wire as 36 ASCII characters.
#[derive(Copy, Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MessageKey(Uuid);

impl MessageKey {
    /// The key of a record that has none by its content: the day's marker, whose record key the runtime writes.
    pub const NIL: Self = Self(Uuid::nil());

    /// The key that is this id.
    #[must_use]
    pub const fn new(id: Uuid) -> Self {
        Self(id)
    }

    /// The key of a calendar: UUIDv5 under [`kernel::ids::NAMESPACE`] of the netstrings `calendar` and its text, as all
    /// other ids are derived.
    #[must_use]
    pub fn of_calendar(calendar: &str) -> Self {
        let name = format!("8:calendar,{}:{calendar},", calendar.len());
        Self(Uuid::new_v5(&kernel::ids::NAMESPACE, name.as_bytes()))
    }

    /// Reads a record's key as written by [`Self::text`]; `None` for anything but a hyphenated UUID.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != 36 {
            return None;
        }
        Uuid::try_parse_ascii(bytes).ok().map(Self)
    }

    /// The id.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// The bytes of the record's key as text: the hyphenated UUID in lower case.
    #[must_use]
    pub fn text(self) -> String {
        self.0.hyphenated().to_string()
    }
}

impl fmt::Display for MessageKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0.hyphenated(), f)
    }
}

impl<T: Into<Uuid>> From<T> for MessageKey {
    fn from(id: T) -> Self {
        Self(id.into())
    }
}

/// `message!(InvoiceIssued, key = account_id)`: the record is an event, keyed by that field.
macro_rules! message {
    ($name:ident, key = $field:ident) => {
        impl $crate::Message for $name {
            const TYPE: &'static str = stringify!($name);

            fn key(&self) -> $crate::MessageKey {
                self.$field.into()
            }
        }
    };
}
pub(crate) use message;

/// Two events with the same fields: two types, for their names on the wire differ, and both conversions, so that a
/// handler of both is written once.
macro_rules! twins {
    (
        $(#[$first_doc:meta])* $first:ident,
        $(#[$second_doc:meta])* $second:ident {
            $($(#[$field_meta:meta])* pub $field:ident: $type:ty,)*
        }
    ) => {
        $(#[$first_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $first {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        $(#[$second_doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct $second {
            $($(#[$field_meta])* pub $field: $type,)*
        }

        impl From<$second> for $first {
            fn from(other: $second) -> Self {
                Self { $($field: other.$field,)* }
            }
        }

        impl From<$first> for $second {
            fn from(other: $first) -> Self {
                Self { $($field: other.$field,)* }
            }
        }
    };
}
pub(crate) use twins;

/// A `Debug` that shows only the named fields: records with personal data must not reach a log by accident.
macro_rules! redacted_debug {
    ($name:ident { $($field:ident),* }) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.debug_struct(stringify!($name))
                    $(.field(stringify!($field), &self.$field))*
                    .finish_non_exhaustive()
            }
        }
    };
}
pub(crate) use redacted_debug;
