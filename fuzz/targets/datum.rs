//! Any bytes as the datum of a schema that is known. What is read must be writable again, and mean the same.

#![no_main]

use contracts::{Message, codec};
use libfuzzer_sys::fuzz_target;

fn there_and_back<M: Message + PartialEq + std::fmt::Debug>(bytes: &[u8]) {
    let fast = codec::decode::<M>(bytes);
    let slow = codec::Codec::released().decode_resolving::<M>(bytes);
    match (fast, slow) {
        (Ok(fast), Ok(slow)) => {
            assert_eq!(fast, slow, "both ways of reading agree");
            let again = codec::encode(&fast).expect("what was read can be written");
            assert_eq!(codec::decode::<M>(&again).as_ref(), Ok(&fast));
        }
        (fast, slow) => assert_eq!(fast.is_ok(), slow.is_ok(), "{fast:?} {slow:?}"),
    }
}

macro_rules! by_type {
    ($($event:ident),*) => {
        |name: &str, bytes: &[u8]| match name {
            $(stringify!($event) => there_and_back::<contracts::$event>(bytes),)*
            other => panic!("{other} has no type"),
        }
    };
}

fuzz_target!(|data: &[u8]| {
    let Some(frame) = fuzz::framed(data) else { return };
    let name = codec::type_of(&frame).expect("the frame names a released schema");
    contracts::every_event!(by_type)(name, &frame);
});
