//! Any bytes as a bank file; the first corpus is of MT940 or MT942.

#![no_main]

use fuzz::formats::Settings;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| fuzz::read_twice(data, &Settings::default()));
