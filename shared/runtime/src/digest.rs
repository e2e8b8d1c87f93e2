//! Order-independent digests of rows: the same rows in any order give the same bytes; one changed, lost or doubled row does not.
//!
//! Each row's canonical text is hashed with SHA-256; the digest is the sum of those hashes modulo 2^256 (big-endian), so that
//! parts of a day can be combined and another program can recompute them.

use sha2::{Digest, Sha256};

/// The hash of one row's canonical text.
pub fn row_hash(row: &str) -> [u8; 32] {
    Sha256::digest(row.as_bytes()).into()
}

/// The sum of two digests modulo 2^256.
#[must_use]
pub fn combine(one: [u8; 32], other: [u8; 32]) -> [u8; 32] {
    let mut sum = [0_u8; 32];
    let mut carry = 0_u16;
    for ((out, a), b) in sum.iter_mut().zip(one).zip(other).rev() {
        let total = u16::from(a) + u16::from(b) + carry;
        let [high, low] = total.to_be_bytes();
        *out = low;
        carry = u16::from(high);
    }
    sum
}

/// The digest of many rows.
pub fn digest<'a>(rows: impl IntoIterator<Item = &'a str>) -> [u8; 32] {
    rows.into_iter().fold([0; 32], |sum, row| combine(sum, row_hash(row)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_does_not_matter_but_every_row_does() {
        assert_eq!(digest(["a", "b", "c"]), digest(["c", "a", "b"]));
        assert_ne!(digest(["a", "b"]), digest(["a", "b", "b"]));
        assert_ne!(digest(["a", "b"]), digest(["a", "c"]));
        assert_eq!(combine(digest(["a"]), digest(["b", "c"])), digest(["a", "b", "c"]));
        assert_eq!(
            combine([0xff; 32], {
                let mut one = [0; 32];
                one[31] = 1;
                one
            }),
            [0; 32]
        );
    }
}
