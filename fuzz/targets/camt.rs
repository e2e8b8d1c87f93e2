//! Any bytes as a bank file: both passes read the same, and what is shown can be written as JSON.

#![no_main]

use std::io::Cursor;

use fuzz::formats::{self, ReadError};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let mut events = 0_u64;
    let first = formats::read(Cursor::new(data), &mut |_| {
        events += 1;
        Ok::<(), ()>(())
    });
    let mut again = 0_u64;
    let second = formats::read(Cursor::new(data), &mut |_| {
        again += 1;
        Ok::<(), ()>(())
    });
    assert_eq!((first.is_ok(), events), (second.is_ok(), again));
    match first {
        Ok(_) | Err(ReadError::Refused(_)) => {}
        Err(other) => panic!("bytes in memory do not fail: {other:?}"),
    }
    let inspection = formats::inspect(Cursor::new(data)).expect("bytes in memory do not fail");
    serde_json::to_vec(&inspection).expect("an inspection is JSON");
});
