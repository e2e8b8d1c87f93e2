//! Schemas, types, codec and catalogue agree, and what was released never changes.
//!
//! `INCASSO_UPDATE=1 cargo test -p conformance` writes what is generated (golden bytes and checksums of new schemas, the
//! AsyncAPI document, the map of topics in the READMEs); it never touches a released file.

mod catalogue;
mod certificates;
mod documents;
mod evolution;
mod hardening;
mod keys;
mod released;
mod roundtrip;
mod schemas;
mod speed;
mod tree;
mod values;
