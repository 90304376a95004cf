//! 256-bit keys and the XOR metric (Maymounkov and Mazières: *Kademlia*, IPTPS 2002, section 2.1).
//!
//! Peers and content live in one space of 256-bit numbers. The distance of two keys is their XOR, read as a big-endian number. It is symmetric,
//! and for every key and distance there is exactly one other key, so all lookups for one key converge along the same path.
//!
//! ```text
//!   shared prefix                      0 bits     1 bit      2 bits   …
//!   keys, as seen from one peer   ├────────────┼──────────┼─────┼──┼─┤
//!   share of all keys                 1/2          1/4       1/8
//! ```
//!
//! On libp2p networks the key of a peer is SHA2-256 of its binary peer id, and the key of content is SHA2-256 of its multihash.

use core::fmt;
use core::ops::BitXor;

use sha2::{Digest, Sha256};

use crate::Peer;
use crate::rng::mix;

/// A point of the 256-bit key space, as four big-endian words: comparing words is comparing numbers.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key([u64; 4]);

impl Key {
    /// How many bits a key has.
    pub const BITS: u32 = 256;

    /// The key with these 32 big-endian bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut words = [0; 4];
        let mut i = 0;
        while i < 32 {
            words[i / 8] = words[i / 8] << 8 | bytes[i] as u64;
            i += 1;
        }
        Self(words)
    }

    /// The key's 32 big-endian bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        for (chunk, word) in bytes.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_be_bytes());
        }
        bytes
    }

    /// Where `name` (a binary peer id, a multihash, a record key) sits: its SHA2-256.
    #[must_use]
    pub fn of(name: &[u8]) -> Self {
        Self::from_bytes(Sha256::digest(name).into())
    }

    /// The key of a simulated peer: 256 bits mixed from the run's seed and the peer's handle.
    #[must_use]
    pub const fn derived(seed: u64, peer: Peer) -> Self {
        KeySeed::new(seed).key(peer)
    }

    /// How far the other key is.
    #[must_use]
    pub fn distance(self, other: Key) -> Distance {
        Distance([self.0[0] ^ other.0[0], self.0[1] ^ other.0[1], self.0[2] ^ other.0[2], self.0[3] ^ other.0[3]])
    }

    /// How many leading bits the two keys share: 256 when they are equal.
    #[must_use]
    pub fn common_prefix(self, other: Key) -> u32 {
        self.distance(other).leading_zeros()
    }

    /// The bit at `index`, counted from the most significant.
    #[must_use]
    pub fn bit(self, index: u32) -> bool {
        self.0.get((index / 64) as usize).is_some_and(|word| word >> (63 - index % 64) & 1 == 1)
    }

    /// The most significant 64 bits: enough to order all but astronomically few keys.
    #[must_use]
    pub const fn high(self) -> u64 {
        self.0[0]
    }
}

/// What the keys of all simulated peers of a run are mixed from: the run's seed, mixed once.
#[derive(Clone, Copy, Debug)]
pub struct KeySeed(u64);

impl KeySeed {
    /// That of the run with this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self(mix(seed ^ 0xa076_1d64_78bd_642f))
    }

    /// The key of `peer`.
    #[must_use]
    pub const fn key(self, peer: Peer) -> Key {
        let base = self.base(peer);
        Key([mix(base), mix(base ^ 0x8ebc_6af0_9c88_c6e3), mix(base ^ 0x5899_65cc_7537_4cc3), mix(base ^ 0x1d8e_4e27_c47d_124f)])
    }

    /// The first 64 bits of the key of `peer`, for a quarter of the work.
    #[must_use]
    #[inline]
    pub const fn high(self, peer: Peer) -> u64 {
        mix(self.base(peer))
    }

    #[inline]
    const fn base(self, peer: Peer) -> u64 {
        self.0.wrapping_add((peer.0 as u64).wrapping_mul(0xe703_7ed1_a0b4_28db))
    }
}

impl BitXor for Key {
    type Output = Distance;
    fn bitxor(self, other: Key) -> Distance {
        self.distance(other)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({:016x}…)", self.0[0])
    }
}

/// The XOR of two keys. Ordered as a 256-bit number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Distance([u64; 4]);

impl Distance {
    /// No distance at all.
    pub const ZERO: Distance = Distance([0; 4]);

    /// How many leading bits are zero: 256 for no distance.
    #[must_use]
    pub fn leading_zeros(self) -> u32 {
        self.0.iter().position(|word| *word != 0).map_or(Key::BITS, |i| i as u32 * 64 + self.0[i].leading_zeros())
    }

    /// The distance as a fraction of the key space, in `[0, 1)`.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0[0] as f64 / 2f64.powi(64)
    }

    /// The most significant 64 bits.
    #[must_use]
    pub const fn high(self) -> u64 {
        self.0[0]
    }
}

impl fmt::Display for Distance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|word| write!(f, "{word:016x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    #[test]
    fn published_vectors_of_peer_and_content_keys_are_reproduced() {
        let peer = Key::of(&hex("0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d"));
        let content = Key::of(&hex("1220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe"));
        assert_eq!(peer.to_string(), "e43d28f0996557c0d5571d75c62a57a59d7ac1d30a51ecedcdb9d5e4afa56100");
        assert_eq!(content.to_string(), "d623250f3f660ab4c3a53d3c97b3f6a0194c548053488d093520206248253bcb");
        assert_eq!((peer ^ content).to_string(), "321e0dffa6035d7416f220495199a10584369553591961e4f899f586e7805acb");
        assert_eq!(peer.common_prefix(content), 2);
    }

    #[test]
    fn the_first_word_of_a_derived_key_can_be_had_alone() {
        assert!((0..100).all(|i| KeySeed::new(7).high(Peer(i)) == Key::derived(7, Peer(i)).high()));
    }

    #[test]
    fn derived_keys_fill_the_space_evenly() {
        let mut sixteenths = [0u32; 16];
        for i in 0..160_000 {
            sixteenths[(Key::derived(5, Peer(i)).high() >> 60) as usize] += 1;
        }
        // Chi-squared with 15 degrees of freedom: 37.7 is the 99.9 % quantile.
        let chi: f64 = sixteenths.iter().map(|n| (f64::from(*n) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 37.7, "chi squared {chi}, counts {sixteenths:?}");
    }

    proptest! {
        #[test]
        fn distance_is_a_metric(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
            let (a, b, c) = (Key::from_bytes(a), Key::from_bytes(b), Key::from_bytes(c));
            prop_assert_eq!(a ^ b, b ^ a);
            prop_assert_eq!((a ^ b) == Distance::ZERO, a == b);
            // The triangle inequality on the leading words, which cannot overflow as fractions.
            prop_assert!((a ^ c).fraction() <= (a ^ b).fraction() + (b ^ c).fraction() + 1e-12);
        }

        #[test]
        fn bytes_round_trip_and_keep_the_order(a: [u8; 32], b: [u8; 32]) {
            prop_assert_eq!(Key::from_bytes(a).to_bytes(), a);
            prop_assert_eq!(Key::from_bytes(a).cmp(&Key::from_bytes(b)), a.cmp(&b));
        }

        #[test]
        fn the_common_prefix_ends_at_the_first_bit_that_differs(a: [u8; 32], b: [u8; 32]) {
            let (a, b) = (Key::from_bytes(a), Key::from_bytes(b));
            let n = a.common_prefix(b);
            prop_assert!((0..n).all(|i| a.bit(i) == b.bit(i)));
            prop_assert!(n == 256 || a.bit(n) != b.bit(n));
        }
    }
}
