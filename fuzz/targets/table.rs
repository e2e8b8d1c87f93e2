//! Any bytes as a table; the first byte chooses the column map.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((choice, text)) = data.split_first() else { return };
    let maps = fuzz::maps();
    fuzz::read_twice(text, &maps[usize::from(*choice) % maps.len()]);
});
