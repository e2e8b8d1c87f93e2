//! Time per message; only printed: `cargo test -p conformance --release -- --ignored --nocapture speed`.

use std::time::Instant;

use contracts::codec::{self, Codec};
use contracts::{FundsAllocated, FundsAssigned, InvoiceIssued, Message};

use crate::released::newest_bytes;

#[test]
#[ignore = "a measurement"]
fn speed_of_the_codec() {
    measure::<InvoiceIssued>();
    measure::<FundsAssigned>();
    measure::<FundsAllocated>();
}

fn measure<M: Message>() {
    const N: u32 = 50_000;
    let bytes = newest_bytes(M::TYPE);
    let message: M = codec::decode(&bytes).unwrap();
    let time = |what: &str, work: &dyn Fn()| {
        let start = Instant::now();
        (0..N).for_each(|_| work());
        println!(
            "{} ({} bytes) {what}: {} ns",
            M::TYPE,
            bytes.len(),
            start.elapsed().as_nanos() / u128::from(N)
        );
    };
    time("encode", &|| drop(codec::encode(&message).unwrap()));
    time("decode", &|| drop(codec::decode::<M>(&bytes).unwrap()));
    time("decode, older version", &|| {
        drop(Codec::released().decode_resolving::<M>(&bytes).unwrap())
    });
}
