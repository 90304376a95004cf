//! [`Preimages`]: names whose keys fall where one wants.
//!
//! To refresh a bucket one looks up a random key in it. But a request carries bytes that the other side hashes, so one needs bytes whose *hash*
//! begins with the wanted bits, and SHA2-256 does not run backwards. The way out (as in the Go and JavaScript implementations) is a table of
//! pre-images, found by trying:
//!
//! ```text
//!   wanted first 14 bits ──▶ counter c  with  SHA2-256(12 20 ‖ c as 4 bytes ‖ 28 zero bytes) beginning with them
//! ```
//!
//! The names have the form of a SHA2-256 multihash, which is what every implementation takes for a peer id. To fill 2^14 places by chance takes about
//! 2^14 · ln 2^14 ≈ 160,000 hashes: some ten milliseconds, once, shared by all peers of a configuration, and only when the first bucket is refreshed.
//! Deeper buckets lie in the owner's neighbourhood, which the lookup of its own key covers.

use std::sync::{Arc, OnceLock};

use peerglass_core::{Key, Rng};

use crate::Name;

/// A table of pre-images, shared by everybody who has a clone.
#[derive(Clone, Debug, Default)]
pub struct Preimages(Arc<OnceLock<Box<[u32]>>>);

impl Preimages {
    /// How many leading bits can be chosen.
    pub const BITS: u32 = 14;

    /// A name that shares exactly `prefix` leading bits with `own`, random beyond. `None` when `prefix` is not below [`Preimages::BITS`].
    #[must_use]
    pub fn in_bucket(&self, own: Key, prefix: u32, rng: &mut Rng) -> Option<Name> {
        if prefix >= Self::BITS {
            return None;
        }
        // Own bits, the bit after them flipped, dice for the rest.
        let rest = Self::BITS - prefix - 1;
        let wanted = (own.high() >> (64 - Self::BITS) ^ (1 << rest)) & !((1 << rest) - 1) | rng.below(1 << rest);
        Name::new(&preimage(self.table()[wanted as usize]))
    }

    fn table(&self) -> &[u32] {
        self.0.get_or_init(|| {
            let mut table = vec![u32::MAX; 1 << Self::BITS];
            let mut missing = table.len();
            let mut counter = 0;
            while missing > 0 {
                let place = &mut table[(Key::of(&preimage(counter)).high() >> (64 - Self::BITS)) as usize];
                if *place == u32::MAX {
                    *place = counter;
                    missing -= 1;
                }
                counter += 1;
            }
            table.into()
        })
    }
}

fn preimage(counter: u32) -> [u8; 34] {
    let mut name = [0; 34];
    (name[0], name[1]) = (0x12, 0x20);
    name[2..6].copy_from_slice(&counter.to_be_bytes());
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fall_into_the_wanted_bucket_and_differ() {
        let (preimages, mut rng) = (Preimages::default(), Rng::new(1));
        for i in 0..20u8 {
            let own = Key::of(&[i]);
            for prefix in 0..Preimages::BITS {
                let name = preimages.in_bucket(own, prefix, &mut rng).unwrap();
                assert_eq!(own.common_prefix(name.key()), prefix);
            }
            assert!(preimages.in_bucket(own, Preimages::BITS, &mut rng).is_none());
        }
        let names: Vec<_> = (0..10).filter_map(|_| preimages.in_bucket(Key::default(), 0, &mut rng)).collect();
        assert!(names.iter().any(|name| *name != names[0]), "the bits beyond the bucket are random");
    }

    #[test]
    fn clones_share_one_table() {
        let preimages = Preimages::default();
        let clone = preimages.clone();
        assert!(preimages.in_bucket(Key::default(), 3, &mut Rng::new(1)).is_some());
        assert!(clone.0.get().is_some());
    }
}
