//! Which partition a key belongs to, as Kafka's Java producer decides it, so that producers in any language agree.

/// The partition of `key` among `partitions`: Kafka's `toPositive(murmur2(key)) % partitions`
/// (`org.apache.kafka.clients.producer.internals.BuiltInPartitioner.partitionForKey`). For 0 partitions the answer is 0.
#[must_use]
pub fn partition_of(key: &[u8], partitions: u32) -> u32 {
    (murmur2(key) & 0x7fff_ffff).checked_rem(partitions).unwrap_or(0)
}

/// Kafka's 32-bit `murmur2` (`org.apache.kafka.common.utils.Utils`), as unsigned bits; Java reads them as signed.
#[must_use]
pub fn murmur2(key: &[u8]) -> u32 {
    const SEED: u32 = 0x9747_b28c;
    const M: u32 = 0x5bd1_e995;
    const R: u32 = 24;
    // Java's array length is an int; a longer key cannot come from there.
    let length = u32::try_from(key.len()).unwrap_or(u32::MAX);
    let (words, tail) = key.as_chunks::<4>();
    let mut hash = words.iter().fold(SEED ^ length, |hash, word| {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> R;
        hash.wrapping_mul(M) ^ k.wrapping_mul(M)
    });
    if !tail.is_empty() {
        for (byte, shift) in tail.iter().zip([0_u32, 8, 16]) {
            hash ^= u32::from(*byte) << shift;
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`.
    const VECTORS: [(&str, i32); 6] = [
        ("21", -973_932_308),
        ("foobar", -790_332_482),
        ("a-little-bit-long-string", -985_981_536),
        ("a-little-bit-longer-string", -1_486_304_829),
        ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
        ("abc", 479_470_107),
    ];

    #[test]
    fn kafkas_vectors() {
        for (key, java) in VECTORS {
            assert_eq!(murmur2(key.as_bytes()).cast_signed(), java, "{key}");
        }
    }

    /// `toPositive` is a mask, not an absolute value: for a negative hash the two differ.
    #[test]
    fn the_sign_bit_is_masked() {
        for (key, java) in VECTORS {
            for partitions in [1, 2, 3, 12, 24, 1000] {
                let positive = java.cast_unsigned() & 0x7fff_ffff;
                assert_eq!(
                    partition_of(key.as_bytes(), partitions),
                    positive % partitions,
                    "{key} {partitions}"
                );
            }
        }
        // The absolute value, 973932308, would give 8.
        assert_eq!(partition_of(b"21", 12), 0);
        assert_eq!(partition_of(b"21", 0), 0);
    }

    #[test]
    fn keys_spread() {
        let mut counts = [0_u32; 12];
        for n in 0..12_000 {
            let at = usize::try_from(partition_of(format!("account-{n}").as_bytes(), 12)).unwrap();
            counts[at] += 1;
        }
        assert!(counts.iter().all(|count| (850..1150).contains(count)), "{counts:?}");
    }
}
