//! A look over a datum before it is decoded: cheap, without allocation, and it refuses what a decoder could choke on.
//!
//! `apache-avro` 0.22 believes the counts it reads (its issues 639 and 640 came after the release), so counts and lengths
//! are checked here against the bytes that are really there. What passes cannot make the decoder allocate more than a
//! small multiple of the message's size.

use apache_avro::Schema;
use apache_avro::schema::SchemaKind;

/// Nesting that a schema may have; ours have at most five levels.
const MAX_DEPTH: usize = 12;

/// List elements that one message may hold, over all its lists.
pub const MAX_ITEMS: usize = 32_768;

/// What bytes of a schema look like. Only what the contract allows: no enum, map, fixed, float or reference, so that
/// depth is bounded by the schema and never by the data.
#[derive(Debug)]
pub enum Shape {
    /// No bytes.
    Null,
    /// One byte, 0 or 1.
    Boolean,
    /// A variable-length number of 32 bits; also a date.
    Int,
    /// A variable-length number of 64 bits; also an instant.
    Long,
    /// A length and that many bytes of UTF-8.
    Text,
    /// Blocks of elements of this shape.
    Array(Box<Shape>),
    /// The number of a branch, and a value of its shape.
    Union(Vec<Shape>),
    /// The fields' values one after the other.
    Record(Vec<Shape>),
}

/// Why a schema is not one of the contract.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShapeError {
    /// A type that the contract does not use.
    #[error("the contract has no {0:?}: only null, boolean, int, long, string, array, record and union with null")]
    Kind(SchemaKind),
    /// Too many levels, or a record within itself.
    #[error("nested deeper than {MAX_DEPTH}")]
    Depth,
    /// A count could be of any size and cost nothing to send.
    #[error("a list whose elements may take no bytes")]
    EmptyElement,
}

/// Why bytes are not a datum of the schema; positions count from the first byte after the header.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ScanError {
    /// Fewer bytes than the schema needs.
    #[error("ends in the middle of a value")]
    Truncated,
    /// More than ten bytes, or more than 32 bits for an int.
    #[error("byte {0}: a number that does not fit its type")]
    Number(usize),
    /// A boolean other than 0 and 1.
    #[error("byte {0}: neither true nor false")]
    Boolean(usize),
    /// A negative length, or one beyond the end.
    #[error("byte {0}: a text of {1} bytes where {2} are left")]
    Text(usize, i64, usize),
    /// A text in another encoding.
    #[error("byte {0}: not UTF-8")]
    Utf8(usize),
    /// A branch that the union does not have.
    #[error("byte {0}: union branch {1} does not exist")]
    Branch(usize, i64),
    /// More elements than bytes are left.
    #[error("byte {0}: a list block of {1} elements where {2} bytes are left")]
    Block(usize, i64, usize),
    /// The whole message has more elements than [`MAX_ITEMS`].
    #[error("byte {0}: more than {MAX_ITEMS} list elements")]
    TooMany(usize),
    /// A block that says its size in bytes, and has another.
    #[error("byte {0}: a list block whose size is not what it says")]
    BlockSize(usize),
    /// The message is longer than its value.
    #[error("{0} bytes follow the value")]
    Trailing(usize),
}

impl Shape {
    /// The shape of a schema.
    ///
    /// # Errors
    /// [`ShapeError`] when the schema uses what the contract does not allow.
    pub fn of(schema: &Schema) -> Result<Self, ShapeError> {
        Self::nested(schema, 0)
    }

    fn nested(schema: &Schema, depth: usize) -> Result<Self, ShapeError> {
        if depth > MAX_DEPTH {
            return Err(ShapeError::Depth);
        }
        let deeper = |inner: &Schema| Self::nested(inner, depth + 1);
        Ok(match schema {
            Schema::Null => Self::Null,
            Schema::Boolean => Self::Boolean,
            Schema::Int | Schema::Date => Self::Int,
            Schema::Long | Schema::TimestampMicros => Self::Long,
            Schema::String => Self::Text,
            Schema::Array(array) => {
                let element = deeper(&array.items)?;
                if element.may_be_empty() {
                    return Err(ShapeError::EmptyElement);
                }
                Self::Array(Box::new(element))
            }
            Schema::Union(union) => Self::Union(union.variants().iter().map(deeper).collect::<Result<_, _>>()?),
            Schema::Record(record) => Self::Record(
                record
                    .fields
                    .iter()
                    .map(|field| deeper(&field.schema))
                    .collect::<Result<_, _>>()?,
            ),
            other => return Err(ShapeError::Kind(SchemaKind::from(other))),
        })
    }

    /// Elements that take no bytes would let a count of any size pass.
    fn may_be_empty(&self) -> bool {
        match self {
            Self::Null => true,
            Self::Record(fields) => fields.iter().all(Self::may_be_empty),
            _ => false,
        }
    }

    /// Checks that `bytes` are exactly one datum of this shape.
    ///
    /// # Errors
    /// [`ScanError`] with the position of the first fault.
    pub fn scan(&self, bytes: &[u8]) -> Result<(), ScanError> {
        let mut scan = Scan {
            total: bytes.len(),
            rest: bytes,
            items: 0,
        };
        scan.value(self)?;
        if scan.rest.is_empty() {
            Ok(())
        } else {
            Err(ScanError::Trailing(scan.rest.len()))
        }
    }
}

struct Scan<'a> {
    total: usize,
    rest: &'a [u8],
    items: usize,
}

impl<'a> Scan<'a> {
    fn at(&self) -> usize {
        self.total - self.rest.len()
    }

    fn value(&mut self, shape: &Shape) -> Result<(), ScanError> {
        match shape {
            Shape::Null => Ok(()),
            Shape::Boolean => {
                let at = self.at();
                if self.byte()? > 1 {
                    Err(ScanError::Boolean(at))
                } else {
                    Ok(())
                }
            }
            Shape::Int => {
                let at = self.at();
                i32::try_from(self.long()?)
                    .map(|_| ())
                    .map_err(|_| ScanError::Number(at))
            }
            Shape::Long => self.long().map(|_| ()),
            Shape::Text => self.text(),
            Shape::Array(element) => self.list(element),
            Shape::Union(branches) => {
                let at = self.at();
                let index = self.long()?;
                let branch = usize::try_from(index).ok().and_then(|index| branches.get(index));
                self.value(branch.ok_or(ScanError::Branch(at, index))?)
            }
            Shape::Record(fields) => fields.iter().try_for_each(|field| self.value(field)),
        }
    }

    fn byte(&mut self) -> Result<u8, ScanError> {
        let (first, rest) = self.rest.split_first().ok_or(ScanError::Truncated)?;
        self.rest = rest;
        Ok(*first)
    }

    /// A zigzag variable-length number of at most ten bytes.
    fn long(&mut self) -> Result<i64, ScanError> {
        let start = self.at();
        let mut bits = 0_u64;
        for shift in (0..70).step_by(7) {
            let byte = self.byte()?;
            // The tenth byte has room for one bit.
            if shift == 63 && byte > 1 {
                return Err(ScanError::Number(start));
            }
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed());
            }
        }
        Err(ScanError::Number(start))
    }

    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }

    fn text(&mut self) -> Result<(), ScanError> {
        let at = self.at();
        let length = self.long()?;
        let left = self.rest.len();
        let taken = usize::try_from(length).ok().and_then(|count| self.take(count));
        let text = taken.ok_or(ScanError::Text(at, length, left))?;
        std::str::from_utf8(text).map(|_| ()).map_err(|_| ScanError::Utf8(at))
    }

    /// Blocks of a count and that many elements, ended by a count of 0; a negative count is followed by the block's size
    /// in bytes.
    fn list(&mut self, element: &Shape) -> Result<(), ScanError> {
        loop {
            let at = self.at();
            let count = self.long()?;
            if count == 0 {
                return Ok(());
            }
            let size = if count < 0 { Some(self.long()?) } else { None };
            let left = self.rest.len();
            // Each element takes a byte at least.
            let elements = usize::try_from(count.unsigned_abs())
                .ok()
                .filter(|elements| *elements <= left);
            let elements = elements.ok_or(ScanError::Block(at, count, left))?;
            self.items += elements;
            if self.items > MAX_ITEMS {
                return Err(ScanError::TooMany(at));
            }
            for _ in 0..elements {
                self.value(element)?;
            }
            if size.is_some_and(|size| i64::try_from(left - self.rest.len()) != Ok(size)) {
                return Err(ScanError::BlockSize(at));
            }
        }
    }
}
