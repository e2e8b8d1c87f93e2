//! Readers and writers of every released schema, built once.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::writer::datum::GenericDatumWriter;

use super::MAX_ALLOCATION;
use super::fingerprint::fingerprint;
use super::shape::{Shape, ShapeError};
use crate::catalogue;
use crate::schemas::{EVENTS, EventSchema};

/// Readers and writers for a set of events. Services use the one of all released schemas, through [`super::encode`] and
/// [`super::decode`]; tests build others.
pub struct Codec {
    events: Vec<Event>,
    by_type: HashMap<&'static str, usize>,
    by_fingerprint: HashMap<u64, (usize, Arc<Version>)>,
}

/// Why a schema is not fit for the contract.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// `apache-avro` refuses it.
    #[error("{name} v{version}: {source}")]
    Avro {
        /// Record name.
        name: &'static str,
        /// Version number.
        version: u32,
        /// What is wrong.
        source: Box<apache_avro::Error>,
    },
    /// It uses what the contract does not allow.
    #[error("{name} v{version}: {source}")]
    Shape {
        /// Record name.
        name: &'static str,
        /// Version number.
        version: u32,
        /// What is wrong.
        source: ShapeError,
    },
    /// No version, or two schemas with the same fingerprint.
    #[error("{0} has no version, or one with the fingerprint of another")]
    Versions(&'static str),
}

pub(super) struct Event {
    pub(super) name: &'static str,
    pub(super) limit: usize,
    pub(super) writer: GenericDatumWriter<'static>,
    pub(super) newest: Arc<Version>,
}

pub(super) struct Version {
    pub(super) number: u32,
    pub(super) is_newest: bool,
    pub(super) fingerprint: u64,
    pub(super) shape: Shape,
    pub(super) reader: GenericDatumReader<'static>,
    pub(super) resolving: GenericDatumReader<'static>,
}

static RELEASED: LazyLock<Codec> = LazyLock::new(|| {
    #[expect(
        clippy::expect_used,
        reason = "the schemas are compiled in and a test builds this table"
    )]
    Codec::new(EVENTS).expect("every released schema is valid")
});

impl Codec {
    /// The codec of all released schemas.
    pub fn released() -> &'static Self {
        &RELEASED
    }

    /// A codec of these events. Its schemas stay in memory for good.
    ///
    /// # Errors
    /// [`SchemaError`] for the first schema that is not fit for the contract.
    pub fn new(events: &[EventSchema]) -> Result<Self, SchemaError> {
        // Both settings are the process's and are kept as first set.
        apache_avro::util::max_allocation_bytes(MAX_ALLOCATION);
        apache_avro::util::set_serde_human_readable(false);
        let mut codec = Self {
            events: Vec::new(),
            by_type: HashMap::new(),
            by_fingerprint: HashMap::new(),
        };
        for event in events {
            codec.add(event)?;
        }
        Ok(codec)
    }

    fn add(&mut self, event: &EventSchema) -> Result<(), SchemaError> {
        let parsed: Vec<(u32, &'static Schema)> = event
            .versions
            .iter()
            .map(|(number, text)| Ok((*number, parse(event.name, *number, text)?)))
            .collect::<Result<_, SchemaError>>()?;
        let &(last, newest) = parsed.last().ok_or(SchemaError::Versions(event.name))?;
        let at = self.events.len();
        let mut newest_version = None;
        for (number, schema) in parsed {
            let version = Arc::new(Version::new(event.name, number, schema, newest)?);
            if self
                .by_fingerprint
                .insert(version.fingerprint, (at, Arc::clone(&version)))
                .is_some()
            {
                return Err(SchemaError::Versions(event.name));
            }
            newest_version = Some(version);
        }
        let avro = |source| SchemaError::Avro {
            name: event.name,
            version: last,
            source: Box::new(source),
        };
        self.events.push(Event {
            name: event.name,
            limit: catalogue::max_bytes_of(event.name),
            writer: GenericDatumWriter::builder(newest)
                .human_readable(false)
                .build()
                .map_err(avro)?,
            newest: newest_version.ok_or(SchemaError::Versions(event.name))?,
        });
        self.by_type.insert(event.name, at);
        Ok(())
    }

    pub(super) fn event(&self, name: &str) -> Option<&Event> {
        self.events.get(*self.by_type.get(name)?)
    }

    pub(super) fn version(&self, fingerprint: u64) -> Option<(&Event, &Version)> {
        let (at, version) = self.by_fingerprint.get(&fingerprint)?;
        Some((self.events.get(*at)?, version))
    }
}

impl Version {
    fn new(
        name: &'static str,
        number: u32,
        schema: &'static Schema,
        newest: &'static Schema,
    ) -> Result<Self, SchemaError> {
        let avro = |source| SchemaError::Avro {
            name,
            version: number,
            source: Box::new(source),
        };
        let shape = |source| SchemaError::Shape {
            name,
            version: number,
            source,
        };
        Ok(Self {
            number,
            is_newest: std::ptr::eq(schema, newest),
            fingerprint: fingerprint(schema).map_err(shape)?,
            shape: Shape::of(schema).map_err(shape)?,
            reader: GenericDatumReader::builder(schema)
                .human_readable(false)
                .build()
                .map_err(avro)?,
            resolving: GenericDatumReader::builder(schema)
                .reader_schema(newest)
                .human_readable(false)
                .build()
                .map_err(avro)?,
        })
    }
}

fn parse(name: &'static str, version: u32, text: &str) -> Result<&'static Schema, SchemaError> {
    let schema = Schema::parse_str(text).map_err(|source| SchemaError::Avro {
        name,
        version,
        source: Box::new(source),
    })?;
    // Readers borrow their schema; they live as long as the process.
    Ok(Box::leak(Box::new(schema)))
}
