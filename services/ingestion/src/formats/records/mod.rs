//! What the formats of fixed positions have in common: records cut out of lines, digits, dates, and the problems that
//! they can have. Positions count characters from 1, as the standards do.

pub(crate) mod driver;
pub(crate) mod input;
pub mod problem;
pub(crate) mod record;
pub mod settings;
pub(crate) mod statement;
