//! The steps of encoding and decoding that depend on the type, once per event.
//!
//! Written out here, and not left generic, so that serde's code for every event is compiled in this crate: the dev profile
//! optimises it alone, and services do not each compile it again.

use apache_avro::from_value;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value;
use apache_avro::writer::datum::GenericDatumWriter;

/// An event's own part of the codec; every event of the contract has it, and nothing else can.
pub trait Wire: Sized {
    /// Appends the datum.
    #[doc(hidden)]
    fn write(&self, writer: &GenericDatumWriter<'static>, out: &mut Vec<u8>) -> Result<(), apache_avro::Error>;

    /// Reads a datum of the newest version.
    #[doc(hidden)]
    fn read(reader: &GenericDatumReader<'static>, datum: &mut &[u8]) -> Result<Self, apache_avro::Error>;

    /// Takes over a value that was resolved to the newest version.
    #[doc(hidden)]
    fn resolved(value: &Value) -> Result<Self, apache_avro::Error>;
}

macro_rules! wire {
    ($($event:ident),*) => {$(
        impl Wire for crate::$event {
            fn write(&self, writer: &GenericDatumWriter<'static>, out: &mut Vec<u8>) -> Result<(), apache_avro::Error> {
                writer.write_ser(out, self).map(|_| ())
            }

            fn read(reader: &GenericDatumReader<'static>, datum: &mut &[u8]) -> Result<Self, apache_avro::Error> {
                reader.read_deser(datum)
            }

            fn resolved(value: &Value) -> Result<Self, apache_avro::Error> {
                from_value(value)
            }
        }
    )*};
}
every_event!(wire);
