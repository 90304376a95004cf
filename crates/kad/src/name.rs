//! [`Name`] and [`Target`]: what a lookup looks for.
//!
//! The key space is made of SHA2-256 digests, but the wire never carries a digest: it carries the *pre-image* (a binary peer id, a multihash, a
//! record key) and every peer hashes it for itself. So whoever wants to search for a point of the key space must know some bytes that hash to it.
//! A [`Name`] keeps such bytes together with their key, hashed once, behind one reference-counted pointer:
//!
//! ```text
//!   Name ──▶ { key: SHA2-256(bytes), bytes: "/pk/…" | multihash | peer id }
//! ```
//!
//! Peers of a simulation have no pre-image (their keys are mixed from their handles), and peers of a real network have their id in the address
//! book, so a peer as target stays a handle: [`Target::Peer`].

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use std::sync::Arc;

use peerglass_core::value::Encoded;
use peerglass_core::{Acquaintances, Key, Peer, ToValue};

/// The bytes that stand for a point of the key space, together with that point. Cheap to clone; ordered by key.
#[derive(Clone)]
pub struct Name(Arc<Inner>);

struct Inner {
    key: Key,
    bytes: Box<[u8]>,
}

impl Name {
    /// The longest name, in bytes. Peer ids take 34 to 42 bytes, multihashes up to 80, record keys a namespace more.
    pub const MAX: usize = 1024;

    /// The name made of `bytes`. `None` when they are empty or more than [`Name::MAX`].
    #[must_use]
    pub fn new(bytes: &[u8]) -> Option<Name> {
        if bytes.is_empty() || bytes.len() > Self::MAX {
            return None;
        }
        Some(Name(Arc::new(Inner { key: Key::of(bytes), bytes: bytes.into() })))
    }

    /// Where the name sits: the SHA2-256 of its bytes.
    #[must_use]
    pub fn key(&self) -> Key {
        self.0.key
    }

    /// The pre-image.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.0.bytes
    }
}

// The key is a collision-resistant digest of the bytes: comparing keys is comparing names, and sorts a map of names by where they sit.
impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}
impl Eq for Name {}
impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}
impl Hash for Name {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({:016x}…, {} bytes)", self.key().high(), self.bytes().len())
    }
}

impl ToValue for &Name {
    fn encode(self, out: &mut Encoded) {
        self.key().encode(out);
    }
}

/// What a FIND_NODE asks for.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// The surroundings of a peer, or that peer itself.
    Peer(Peer),
    /// The surroundings of a name.
    Name(Name),
}

impl Target {
    /// The point of the key space that is meant.
    #[must_use]
    pub fn key(&self, acquaintances: Acquaintances<'_>) -> Key {
        match self {
            Target::Peer(peer) => acquaintances.key(*peer),
            Target::Name(name) => name.key(),
        }
    }
}

impl ToValue for &Target {
    fn encode(self, out: &mut Encoded) {
        match self {
            Target::Peer(peer) => peer.encode(out),
            Target::Name(name) => name.encode(out),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_needs_one_to_1024_bytes() {
        assert!(Name::new(&[]).is_none());
        assert!(Name::new(&[7; 1024]).is_some());
        assert!(Name::new(&[7; 1025]).is_none());
    }

    #[test]
    fn names_are_equal_by_bytes_and_ordered_by_key() {
        let mut names: Vec<Name> = (0..50u8).map(|i| Name::new(&[i]).unwrap()).collect();
        names.sort();
        assert!(names.windows(2).all(|pair| pair[0].key() < pair[1].key()));
        assert_eq!(Name::new(b"a"), Name::new(b"a"));
        assert_ne!(Name::new(b"a"), Name::new(b"b"));
    }
}
