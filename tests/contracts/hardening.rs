//! Bytes from anywhere: never a panic, never more memory than the limits say.

use allocation_counter::measure;
use apache_avro::Schema;
use contracts::codec::{self, Codec, DecodeError, EncodeError, MAX_BYTES, MAX_ITEMS, Shape, ShapeError};
use contracts::schemas::EVENTS;
use contracts::{AccountFreed, DayCertified, Message, every_event};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;

use crate::released::newest_bytes as golden;

/// Both ways to decode, whatever the type; true when the bytes are an event.
fn decodes(bytes: &[u8]) -> bool {
    let Some(name) = codec::type_of(bytes) else {
        return false;
    };
    macro_rules! both {
        ($($event:ident),*) => {
            match name {
                $(stringify!($event) => both_ways::<contracts::$event>(bytes),)*
                other => panic!("{other}"),
            }
        };
    }
    every_event!(both)
}

fn both_ways<M: Message>(bytes: &[u8]) -> bool {
    let (fast, slow) = (
        codec::decode::<M>(bytes),
        Codec::released().decode_resolving::<M>(bytes),
    );
    assert_eq!(
        fast.as_ref().ok(),
        slow.as_ref().ok(),
        "the two paths see different values"
    );
    fast.is_ok()
}

#[test]
fn random_data_behind_a_known_schema() {
    let headers: Vec<Vec<u8>> = EVENTS.iter().map(|event| golden(event.name)[..10].to_vec()).collect();
    let bytes = (
        prop::sample::select(headers),
        prop::collection::vec(any::<u8>(), 0..300),
    );
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(1500)
    });
    runner
        .run(&bytes, |(header, data)| {
            decodes(&[header, data].concat());
            Ok(())
        })
        .unwrap();
}

#[test]
fn random_bytes_without_a_schema() {
    let mut runner = TestRunner::new(Config {
        failure_persistence: None,
        ..Config::with_cases(1000)
    });
    runner
        .run(&prop::collection::vec(any::<u8>(), 0..64), |bytes| {
            assert!(!decodes(&bytes));
            Ok(())
        })
        .unwrap();
}

#[test]
fn every_cut_and_every_addition_is_refused() {
    for event in EVENTS {
        let bytes = golden(event.name);
        assert!(decodes(&bytes), "{}", event.name);
        for end in 0..bytes.len() {
            assert!(!decodes(&bytes[..end]), "{} cut at {end}", event.name);
        }
        assert!(
            !decodes(&[bytes.as_slice(), &[0]].concat()),
            "{} and a byte",
            event.name
        );
    }
}

/// Each byte of each golden message replaced: by what ends numbers, starts long ones, or turns signs.
#[test]
fn no_changed_byte_panics_or_costs_memory() {
    for event in EVENTS {
        let bytes = golden(event.name);
        let info = measure(|| {
            for at in 10..bytes.len() {
                for new in [0x00, 0x01, 0x7f, 0x80, 0xff] {
                    let mut bytes = bytes.clone();
                    bytes[at] = new;
                    decodes(&bytes);
                }
            }
        });
        assert!(
            info.bytes_max < 512 * 1024,
            "{}: {} bytes at once",
            event.name,
            info.bytes_max
        );
    }
}

/// Zigzag variable-length form.
fn long(value: i64) -> Vec<u8> {
    let mut bits = (value << 1 ^ value >> 63).cast_unsigned();
    let mut out = Vec::new();
    while bits > 0x7f {
        out.push(u8::try_from(bits & 0x7f).unwrap() | 0x80);
        bits >>= 7;
    }
    out.push(u8::try_from(bits).unwrap());
    out
}

/// Counts that no message can hold, in the first list of a certificate and as the length of its first text.
#[test]
fn counts_and_lengths_are_checked_before_anything_is_allocated() {
    let certificate: DayCertified = codec::decode(&golden("DayCertified")).unwrap();
    let empty = DayCertified {
        problems: vec![],
        sums: vec![],
        inputs: vec![],
        coverage: vec![],
        ..certificate
    };
    let bytes = codec::encode(&empty).unwrap();
    // Where the list of problems lies: the first place where one text, put in, makes another message of the same kind.
    let with_one = codec::encode(&DayCertified {
        problems: vec![String::new()],
        ..empty.clone()
    })
    .unwrap();
    let problems = (0..bytes.len()).find(|at| bytes[*at] != with_one[*at]).unwrap();
    assert_eq!((bytes[problems], with_one[problems]), (0, 2));

    for count in [
        i64::MAX,
        i64::MIN,
        i64::MIN + 1,
        1 << 40,
        -(1 << 40),
        1 << 31,
        1_000_000,
        70_000,
        -70_000,
    ] {
        for filler in [0, 600, 60_000] {
            let size = if count < 0 { long(1 << 40) } else { vec![] };
            let list = [
                &bytes[..problems],
                &long(count),
                &size,
                &vec![0; filler],
                &bytes[problems..],
            ]
            .concat();
            let text = [&bytes[..10], &long(count), &vec![b'a'; filler], &bytes[11..]].concat();
            for bytes in [list, text] {
                let mut accepted = true;
                let info = measure(|| accepted = decodes(&bytes));
                assert!(
                    !accepted && info.bytes_max < 16 * 1024,
                    "{count}: {} bytes at once",
                    info.bytes_max
                );
            }
        }
    }
}

#[test]
fn many_small_blocks_are_one_list() {
    let certificate: DayCertified = codec::decode(&golden("DayCertified")).unwrap();
    let empty = DayCertified {
        problems: vec![],
        sums: vec![],
        inputs: vec![],
        coverage: vec![],
        ..certificate
    };
    let bytes = codec::encode(&empty).unwrap();
    let with_one = codec::encode(&DayCertified {
        problems: vec![String::new()],
        ..empty.clone()
    })
    .unwrap();
    let problems = (0..bytes.len()).find(|at| bytes[*at] != with_one[*at]).unwrap();
    // Blocks of one empty text each, with and without their size in bytes; a size that lies is refused.
    let blocks = |block: &[u8], count: usize| [&bytes[..problems], &block.repeat(count), &bytes[problems..]].concat();
    for (block, count, accepted) in [
        (&[2_u8, 0][..], 3, true),
        (&[1, 2, 0], 3, true),
        (&[1, 4, 0], 3, false),
        (&[1, 1, 0], 3, false),
        (&[2, 0], MAX_ITEMS, true),
        (&[2, 0], MAX_ITEMS + 1, false),
    ] {
        let bytes = blocks(block, count);
        assert_eq!(decodes(&bytes), accepted, "{block:?} {count}");
    }
}

/// The most that a message within the limits can make us hold at once, on both paths.
#[test]
fn the_largest_messages_cost_a_few_mebibytes() {
    let certificate: DayCertified = codec::decode(&golden("DayCertified")).unwrap();
    let many = DayCertified {
        problems: vec![String::new(); MAX_ITEMS],
        sums: vec![],
        inputs: vec![],
        coverage: vec![],
        ..certificate
    };
    let sums = DayCertified {
        problems: vec![],
        sums: std::iter::repeat_n(certificate_sum(), MAX_ITEMS).collect(),
        ..many.clone()
    };
    for (message, limit) in [(&many, 16), (&sums, 40)] {
        let bytes = codec::encode(message).unwrap();
        for fast in [true, false] {
            let info = measure(|| {
                let read = if fast {
                    codec::decode(&bytes)
                } else {
                    Codec::released().decode_resolving(&bytes)
                };
                let read: DayCertified = read.unwrap();
                assert_eq!(read.problems.len() + read.sums.len(), MAX_ITEMS);
            });
            println!(
                "{} bytes, {MAX_ITEMS} elements, fast {fast}: {} KiB at once",
                bytes.len(),
                info.bytes_max / 1024
            );
            assert!(
                info.bytes_max < limit * 1024 * 1024,
                "fast {fast}: {} bytes at once",
                info.bytes_max
            );
        }
    }
}

fn certificate_sum() -> contracts::CertifiedSum {
    contracts::CertifiedSum {
        creditor_id: None,
        scope: String::new(),
        partition: None,
        currency: kernel::Currency::RON,
        name: String::new(),
        amount_minor: 0,
        count: 0,
    }
}

#[test]
fn framing_is_told_apart() {
    let good = golden("AccountFreed");
    let cases: [(Vec<u8>, DecodeError); 6] = [
        (vec![], DecodeError::Empty),
        (vec![0, 0, 0, 0, 1, 2], DecodeError::UnknownFraming(0)),
        (vec![0xC3], DecodeError::UnknownFraming(0xC3)),
        (
            vec![0xC3, 0x02, 0, 0, 0, 0, 0, 0, 0, 0],
            DecodeError::UnknownFraming(0xC3),
        ),
        (
            vec![0xC3, 0x01, 1, 0, 0, 0, 0, 0, 0, 0],
            DecodeError::UnknownFingerprint(1),
        ),
        (
            vec![0; MAX_BYTES + 1],
            DecodeError::TooLarge {
                bytes: MAX_BYTES + 1,
                limit: MAX_BYTES,
            },
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(codec::decode::<AccountFreed>(&bytes), Err(expected));
        assert_eq!(codec::type_of(&bytes), None);
    }
    assert!(matches!(
        codec::decode::<AccountFreed>(&good[..9]),
        Err(DecodeError::Malformed(_))
    ));
    assert_eq!(codec::type_of(&good), Some("AccountFreed"));
    assert_eq!(
        codec::decode::<DayCertified>(&good),
        Err(DecodeError::WrongType {
            expected: "DayCertified",
            found: "AccountFreed"
        })
    );
}

/// What readers would refuse is not written.
#[test]
fn what_is_too_large_is_not_written() {
    let certificate: DayCertified = codec::decode(&golden("DayCertified")).unwrap();
    let large = DayCertified {
        problems: vec!["x".repeat(MAX_BYTES)],
        ..certificate.clone()
    };
    assert!(matches!(
        codec::encode(&large),
        Err(EncodeError::TooLarge { limit: MAX_BYTES, .. })
    ));
    let many = DayCertified {
        problems: vec![String::new(); MAX_ITEMS + 1],
        ..certificate
    };
    assert!(matches!(codec::encode(&many), Err(EncodeError::Refused(_))));
}

/// Depth is the schema's, and a schema's is bounded; a record that holds itself has none.
#[test]
fn depth_is_bounded_by_the_schema() {
    let nested = |depth: u32| {
        (0..depth).fold(json!("string"), |inner, n| {
            json!({ "type": "record", "name": format!("R{n}"), "fields": [{ "name": "inner", "type": inner }] })
        })
    };
    assert!(Shape::of(&Schema::parse(&nested(12)).unwrap()).is_ok());
    assert_eq!(
        Shape::of(&Schema::parse(&nested(13)).unwrap()).unwrap_err(),
        ShapeError::Depth
    );
    let itself = json!({ "type": "record", "name": "R", "fields": [{ "name": "r", "type": ["null", "R"] }] });
    assert!(matches!(
        Shape::of(&Schema::parse(&itself).unwrap()),
        Err(ShapeError::Kind(_))
    ));
}

/// A fault's text goes to logs and dead letters: short, and without the message's content.
#[test]
fn faults_are_short_and_say_nothing_of_the_content() {
    let bytes = golden("PaymentSighted");
    for at in 10..bytes.len() {
        let mut bytes = bytes.clone();
        bytes[at] = 0xff;
        if let Err(error) = codec::decode::<contracts::PaymentSighted>(&bytes) {
            let text = error.to_string();
            assert!(
                text.len() < 400 && !text.contains("payer_name 1") && !text.contains("payer_iban 1"),
                "{text}"
            );
        }
    }
}
