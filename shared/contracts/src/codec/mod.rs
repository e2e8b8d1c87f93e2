//! Events as bytes: Avro single-object encoding, `C3 01`, the CRC-64-AVRO fingerprint of the writer's schema (8 bytes,
//! little-endian), the datum.
//!
//! Writers write the newest version. Readers know every released version; bytes of an older one are resolved to the
//! newest type. Nothing is decoded before [`shape`] has looked over it.

mod fingerprint;
mod shape;
mod table;
mod wire;

use apache_avro::types::Value;

pub use self::fingerprint::{canonical_form, fingerprint};
pub use self::shape::{MAX_ITEMS, ScanError, Shape, ShapeError};
pub use self::table::{Codec, SchemaError};
pub use self::wire::Wire;
use crate::Message;

/// Hard limit for any message in bytes, header and all: below Kafka's default of 1,048,588 for a batch, with room for
/// key and headers. A topic may set less, see [`crate::catalogue::Topic::max_bytes`].
pub const MAX_BYTES: usize = 1_000_000;

/// What `apache-avro` may allocate for one value, in bytes.
const MAX_ALLOCATION: usize = 4 * 1024 * 1024;

/// The first two bytes of single-object encoding.
const MARKER: [u8; 2] = [0xC3, 0x01];

/// Why an event has no bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// The type is not in [`crate::schemas::EVENTS`].
    #[error("{0} is not an event of the contract")]
    UnknownType(&'static str),
    /// More bytes than the event's topics take.
    #[error("{bytes} bytes are more than the {limit} that its topic takes")]
    TooLarge {
        /// Size of the encoded message.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The value does not fit its schema, or readers would refuse it: a bug in the type or too long a list.
    #[error("cannot be written by its schema: {0}")]
    Refused(String),
}

/// Why bytes are no event, or not the one asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// No bytes at all: on a compacted topic a tombstone, else a fault. Reject.
    #[error("no bytes")]
    Empty,
    /// More bytes than any topic of this event takes. Reject.
    #[error("{bytes} bytes are more than the limit of {limit}")]
    TooLarge {
        /// Size of the message.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Not Avro single-object encoding; the first byte (0 is Confluent's framing). Reject.
    #[error("first byte {0:#04x}: not Avro single-object encoding (C3 01)")]
    UnknownFraming(u8),
    /// A schema that this build does not know, probably newer: a failure, not a rejection. Wait and alarm; readers
    /// deploy first.
    #[error("schema fingerprint {0:016x} is not known here")]
    UnknownFingerprint(u64),
    /// The schema is known, the bytes are not of it. Reject.
    #[error("malformed: {0}")]
    Malformed(String),
    /// A well-known event, but another than the one asked for: a bug of the caller.
    #[error("this is {found}, not {expected}")]
    WrongType {
        /// The type asked for.
        expected: &'static str,
        /// The type that it is.
        found: &'static str,
    },
}

impl DecodeError {
    /// Whether waiting can help (an unknown schema) rather than parking the message.
    #[must_use]
    pub const fn is_failure(&self) -> bool {
        matches!(self, Self::UnknownFingerprint(_))
    }
}

/// The bytes of an event, by its newest schema.
///
/// # Errors
/// [`EncodeError`]; for a type of this crate only `TooLarge` and a list of more than [`MAX_ITEMS`] can happen.
pub fn encode<M: Message>(message: &M) -> Result<Vec<u8>, EncodeError> {
    Codec::released().encode(message)
}

/// The event in these bytes, whichever released version wrote them.
///
/// # Errors
/// [`DecodeError`]; see its variants for what to do.
pub fn decode<M: Message>(bytes: &[u8]) -> Result<M, DecodeError> {
    Codec::released().decode(bytes)
}

/// The type of the event in these bytes, by the fingerprint alone; `None` when framing or fingerprint are unknown.
#[must_use]
pub fn type_of(bytes: &[u8]) -> Option<&'static str> {
    Codec::released().version_of(bytes).ok().map(|(name, _)| name)
}

/// The event in these bytes as JSON for people and tools: dates and instants as text. Personal data is not hidden.
///
/// # Errors
/// As [`decode`].
pub fn to_json(bytes: &[u8]) -> Result<(&'static str, serde_json::Value), DecodeError> {
    fn json<M: Message>(bytes: &[u8]) -> Result<serde_json::Value, DecodeError> {
        serde_json::to_value(decode::<M>(bytes)?).map_err(|error| DecodeError::Malformed(error.to_string()))
    }
    let (name, _) = Codec::released().version_of(bytes)?;
    macro_rules! by_type {
        ($($event:ident),*) => {
            match name {
                $(stringify!($event) => json::<crate::$event>(bytes)?,)*
                // The table of schemas and this match are made from one list.
                other => return Err(DecodeError::Malformed(format!("{other} has no type"))),
            }
        };
    }
    let value = every_event!(by_type);
    Ok((name, value))
}

impl Codec {
    /// See [`encode`].
    ///
    /// # Errors
    /// [`EncodeError`].
    pub fn encode<M: Message>(&self, message: &M) -> Result<Vec<u8>, EncodeError> {
        let event = self.event(M::TYPE).ok_or(EncodeError::UnknownType(M::TYPE))?;
        let newest = &event.newest;
        let mut bytes = Vec::with_capacity(512);
        bytes.extend_from_slice(&MARKER);
        bytes.extend_from_slice(&newest.fingerprint.to_le_bytes());
        let refused = |error: &dyn std::fmt::Display| EncodeError::Refused(short(error));
        message
            .write(&event.writer, &mut bytes)
            .map_err(|error| refused(&error))?;
        if bytes.len() > event.limit {
            return Err(EncodeError::TooLarge {
                bytes: bytes.len(),
                limit: event.limit,
            });
        }
        // What leaves must be what every reader takes.
        newest.shape.scan(datum(&bytes)).map_err(|error| refused(&error))?;
        Ok(bytes)
    }

    /// See [`decode`].
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode<M: Message>(&self, bytes: &[u8]) -> Result<M, DecodeError> {
        let version = self.checked::<M>(bytes)?;
        if version.is_newest {
            M::read(&version.reader, &mut datum(bytes)).map_err(|error| DecodeError::Malformed(short(&error)))
        } else {
            version.resolve(bytes)
        }
    }

    /// As [`Self::decode`], but always on the slower path that older versions take, so that it can be tested.
    ///
    /// # Errors
    /// [`DecodeError`].
    pub fn decode_resolving<M: Message>(&self, bytes: &[u8]) -> Result<M, DecodeError> {
        self.checked::<M>(bytes)?.resolve(bytes)
    }

    /// Type and version number of the schema that wrote these bytes.
    ///
    /// # Errors
    /// [`DecodeError`] when framing or fingerprint are unknown; the datum is not looked at.
    pub fn version_of(&self, bytes: &[u8]) -> Result<(&'static str, u32), DecodeError> {
        let (event, version) = self.find(bytes)?;
        Ok((event.name, version.number))
    }

    fn find(&self, bytes: &[u8]) -> Result<(&table::Event, &table::Version), DecodeError> {
        let first = *bytes.first().ok_or(DecodeError::Empty)?;
        if bytes.len() > MAX_BYTES {
            return Err(DecodeError::TooLarge {
                bytes: bytes.len(),
                limit: MAX_BYTES,
            });
        }
        let Some(framed) = bytes.strip_prefix(&MARKER) else {
            return Err(DecodeError::UnknownFraming(first));
        };
        let Some(fingerprint) = framed.first_chunk::<8>() else {
            return Err(DecodeError::Malformed("ends within the schema fingerprint".to_owned()));
        };
        let fingerprint = u64::from_le_bytes(*fingerprint);
        self.version(fingerprint)
            .ok_or(DecodeError::UnknownFingerprint(fingerprint))
    }

    fn checked<M: Message>(&self, bytes: &[u8]) -> Result<&table::Version, DecodeError> {
        let (event, version) = self.find(bytes)?;
        if event.name != M::TYPE {
            return Err(DecodeError::WrongType {
                expected: M::TYPE,
                found: event.name,
            });
        }
        if bytes.len() > event.limit {
            return Err(DecodeError::TooLarge {
                bytes: bytes.len(),
                limit: event.limit,
            });
        }
        version
            .shape
            .scan(datum(bytes))
            .map_err(|error| DecodeError::Malformed(error.to_string()))?;
        Ok(version)
    }
}

impl table::Version {
    /// `read_deser` panics when a reader schema is set (apache-avro 0.22), so an older version goes through a `Value`.
    fn resolve<M: Message>(&self, bytes: &[u8]) -> Result<M, DecodeError> {
        let malformed = |error: apache_avro::Error| DecodeError::Malformed(short(&error));
        let value: Value = self.resolving.read_value(&mut datum(bytes)).map_err(malformed)?;
        M::resolved(&value).map_err(malformed)
    }
}

/// What follows marker and fingerprint.
fn datum(bytes: &[u8]) -> &[u8] {
    bytes.get(10..).unwrap_or_default()
}

/// `apache-avro` puts whole schemas into its errors.
fn short(error: &dyn std::fmt::Display) -> String {
    let text = error.to_string();
    match text.char_indices().nth(300) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}
