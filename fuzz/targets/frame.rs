//! Any bytes as a message: framing, fingerprint, datum.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = contracts::codec::type_of(data);
    let _ = contracts::codec::to_json(data);
});
