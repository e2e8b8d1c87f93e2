//! The demo's own random numbers: SplitMix64, so that everybody gets the same month from the same seed.
//!
//! Steele, Lea, Flood: "Fast splittable pseudorandom number generators" (OOPSLA 2014), the finalizer of `java.util.SplittableRandom`.

/// The generator.
#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    /// A stream of its own for `part` of the month, so that a change in one part leaves the others as they were.
    #[must_use]
    pub fn new(seed: u64, part: &str) -> Self {
        let mixed = part.bytes().fold(seed, |mixed, byte| {
            mixed.wrapping_mul(0x0100_0000_01b3).wrapping_add(u64::from(byte))
        });
        Self(mixed)
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From `low` to `high`, both included; `low` where there is nothing between.
    pub fn between(&mut self, low: i64, high: i64) -> i64 {
        let span = u64::try_from(high.saturating_sub(low)).unwrap_or(0).saturating_add(1);
        let step = i64::try_from(self.next().checked_rem(span).unwrap_or(0)).unwrap_or(0);
        low.saturating_add(step)
    }

    /// True in `permille` of a thousand cases.
    pub fn chance(&mut self, permille: i64) -> bool {
        self.between(0, 999) < permille
    }

    /// An index below `len` (0 for 0).
    pub fn index(&mut self, len: usize) -> usize {
        let len = i64::try_from(len).unwrap_or(i64::MAX);
        usize::try_from(self.between(0, len.saturating_sub(1))).unwrap_or(0)
    }

    /// One of `choices`; the empty text where there is none.
    pub fn pick(&mut self, choices: &[&'static str]) -> &'static str {
        let at = self.index(choices.len());
        choices.get(at).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// First outputs for seed 1234567 as published with the reference implementation.
    #[test]
    fn the_published_vector() {
        let mut rng = Rng(1_234_567);
        let found = [rng.next(), rng.next(), rng.next()];
        assert_eq!(
            found,
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }

    #[test]
    fn numbers_stay_in_their_bounds() {
        let mut rng = Rng::new(7, "test");
        for _ in 0..1_000 {
            assert!((3..=9).contains(&rng.between(3, 9)));
            assert_eq!(rng.between(5, 5), 5);
            assert_eq!(rng.index(0), 0);
        }
        assert_ne!(Rng::new(7, "a").next(), Rng::new(7, "b").next());
    }
}
