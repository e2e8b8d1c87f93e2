//! `incasso`: all services in one process, and the tools for people and scripts.
//!
//! | command | what it does | room |
//! |---|---|---|
//! | `demo` | finds or starts Kafka and PostgreSQL, runs a made-up month, shows where every cent went | [`demo`] |
//! | `run` | every service in one process against a given Kafka and PostgreSQL | [`run`] |
//! | `inspect FILE` | how a bank file is read, and why not | [`inspect`] |
//! | `topics` | the catalogue of topics | [`topics`] |
//! | [`proof`] | certificates recomputed | [`proof`] |
//! | [`replay`] | allocation's recorded days run again from the topics, compared byte for byte | [`replay`] |
//!
//! [`cli`] reads the arguments. Only this crate may depend on services; it knows them by their routes, topics and settings.

pub mod cli;
pub mod demo;
pub mod inspect;
pub mod proof;
pub mod replay;
pub mod run;
pub mod topics;
