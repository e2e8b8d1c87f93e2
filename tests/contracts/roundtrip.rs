//! Any value of a schema survives: bytes → type → the same bytes, and both decode paths give the same value.

use apache_avro::Schema;
use contracts::codec::{self, Codec};
use contracts::schemas::EVENTS;
use contracts::{Message, every_event};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use crate::values::{any_value, bytes_of};

/// 24, or what `PROPTEST_CASES` says.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").map_or(24, |cases| cases.parse().unwrap())
}

fn round_trip<M: Message>() {
    let event = EVENTS.iter().find(|event| event.name == M::TYPE).unwrap();
    let schema = Schema::parse_str(event.versions.last().unwrap().1).unwrap();
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(cases())
    });
    runner
        .run(&any_value(&schema, ""), |value| {
            let bytes = bytes_of(&schema, value);
            let message: M = codec::decode(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&Codec::released().decode_resolving::<M>(&bytes).unwrap(), &message);
            prop_assert_eq!(codec::encode(&message).unwrap(), bytes);
            // JSON is what tools show and what certificates are hashed over.
            let json = serde_json::to_string(&message).unwrap();
            prop_assert_eq!(&serde_json::from_str::<M>(&json).unwrap(), &message);
            Ok(())
        })
        .unwrap_or_else(|error| panic!("{}: {error}", M::TYPE));
}

macro_rules! round_trips {
    ($($event:ident),*) => {
        /// One test per event.
        #[allow(non_snake_case)]
        mod of {
            $(#[test]
            fn $event() {
                super::round_trip::<contracts::$event>();
            })*
        }
    };
}
every_event!(round_trips);
