//! [`Validator`]: which values may stand under a key, and which of several is best.
//!
//! Anybody can send anything under any key, so a table of values is worth only what its rules are worth. A record key begins with a namespace,
//! `/pk/…`, and each namespace has a validator. Every way a value can come in or go out passes through it: PUT_VALUE, the answer to GET_VALUE,
//! serving what is held, and the choice between an old and a new value. A key whose namespace has no validator is refused.
//!
//! ```text
//!   put ────────────┐                      ┌──▶ store
//!   PUT_VALUE ──────┤   validate(now)      ├──▶ serve
//!   GET answers ────┼──▶  select  ─────────┼──▶ result of GET
//!   held before ────┘                      └──▶ entry correction
//! ```
//!
//! | validator | namespace | valid if | best |
//! |---|---|---|---|
//! | [`PublicKey`] | `pk` | the peer id in the key is that of the public key | any |
//! | [`Digest`] | `sha256` | the value hashes to the 32 bytes in the key | any |
//! | [`Newest`] | none by default | it begins with a sequence number of 8 bytes | highest number |

use core::fmt;
use std::sync::Arc;

use peerglass_core::{Key, Time};
use thiserror::Error;

/// The rules of one namespace.
///
/// Both methods must be functions of their arguments: the same inputs, the same answer, on every peer.
pub trait Validator: Send + Sync {
    /// Whether `value` may stand under `key` at `now`.
    fn validate(&self, key: &[u8], value: &[u8], now: Time) -> Result<(), Invalid>;

    /// Which of `values`, all valid, is best. A newcomer replaces what is held only when it is strictly preferred, so of equals the first should win.
    fn select(&self, _key: &[u8], _values: &[&[u8]], _now: Time) -> usize {
        0
    }
}

/// Why a value may not stand under a key.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Invalid {
    /// The key does not begin with `/namespace/`, or no validator is registered for the namespace.
    #[error("no validator is registered for the namespace of this key; register one in the configuration, or use a key that begins with /pk/")]
    Namespace,
    /// The key does not have the form that its namespace asks for.
    #[error("the key is malformed: {0}")]
    Key(&'static str),
    /// The value does not belong under the key.
    #[error("the value does not belong under this key: {0}")]
    Value(&'static str),
}

/// The validators of a network, by namespace. Cheap to clone.
#[derive(Clone, Default)]
pub struct Validators(Vec<(Box<str>, Arc<dyn Validator>)>);

impl Validators {
    /// None: every value is refused.
    #[must_use]
    pub fn none() -> Self {
        Self::default()
    }

    /// `/pk/` alone: what exists on Amino besides IPNS.
    #[must_use]
    pub fn amino() -> Self {
        Self::none().with("pk", PublicKey)
    }

    /// `/pk/` and `/sha256/`: namespaces in which a value proves itself.
    #[must_use]
    pub fn own() -> Self {
        Self::amino().with("sha256", Digest)
    }

    /// These and one more. A namespace that is registered already is replaced.
    #[must_use]
    pub fn with(mut self, namespace: &str, validator: impl Validator + 'static) -> Self {
        self.0.retain(|(name, _)| **name != *namespace);
        self.0.push((namespace.into(), Arc::new(validator)));
        self
    }

    /// Whether `value` may stand under `key` at `now`.
    pub fn validate(&self, key: &[u8], value: &[u8], now: Time) -> Result<(), Invalid> {
        self.of(key).ok_or(Invalid::Namespace)?.validate(key, value, now)
    }

    /// Whether `new` is strictly preferred over `held`. Both are valid.
    #[must_use]
    pub fn prefers(&self, key: &[u8], new: &[u8], held: &[u8], now: Time) -> bool {
        new != held && self.of(key).is_some_and(|validator| validator.select(key, &[held, new], now) == 1)
    }

    fn of(&self, key: &[u8]) -> Option<&dyn Validator> {
        let path = key.strip_prefix(b"/")?;
        let end = path.iter().position(|byte| *byte == b'/')?;
        self.0.iter().find(|(name, _)| name.as_bytes() == &path[..end]).map(|(_, validator)| &**validator)
    }
}

impl fmt::Debug for Validators {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.iter().map(|(name, _)| name)).finish()
    }
}

/// `/pk/` ‖ binary peer id: the public key of a peer whose id is too short to hold it.
#[derive(Clone, Copy, Debug, Default)]
pub struct PublicKey;

impl Validator for PublicKey {
    fn validate(&self, key: &[u8], value: &[u8], _now: Time) -> Result<(), Invalid> {
        let id = key.strip_prefix(b"/pk/").ok_or(Invalid::Key("it must be /pk/ and a binary peer id"))?;
        if value.is_empty() || *id != *peer_id(value) {
            return Err(Invalid::Value("it is not the public key of this peer id"));
        }
        Ok(())
    }
}

/// The binary peer id of a serialised public key: an identity multihash up to 42 bytes, SHA2-256 beyond (libp2p peer-ids specification).
#[must_use]
pub fn peer_id(public_key: &[u8]) -> Vec<u8> {
    let mut id = Vec::with_capacity(44);
    if public_key.len() <= 42 {
        id.extend_from_slice(&[0, public_key.len() as u8]);
        id.extend_from_slice(public_key);
    } else {
        id.extend_from_slice(&[0x12, 32]);
        id.extend_from_slice(&Key::of(public_key).to_bytes());
    }
    id
}

/// `/sha256/` ‖ 32 bytes: a value that hashes to its key. It cannot be forged and never changes.
#[derive(Clone, Copy, Debug, Default)]
pub struct Digest;

impl Validator for Digest {
    fn validate(&self, key: &[u8], value: &[u8], _now: Time) -> Result<(), Invalid> {
        let digest = key.strip_prefix(b"/sha256/").filter(|d| d.len() == 32).ok_or(Invalid::Key("it must be /sha256/ and 32 bytes"))?;
        if *digest != Key::of(value).to_bytes() {
            return Err(Invalid::Value("it does not hash to the digest in the key"));
        }
        Ok(())
    }
}

/// Any value that begins with a big-endian sequence number of 8 bytes; the highest number wins, and of equal numbers the larger bytes.
///
/// Nothing is signed: anybody can overwrite anything. For laboratories, and for networks whose members trust each other.
#[derive(Clone, Copy, Debug, Default)]
pub struct Newest;

impl Validator for Newest {
    fn validate(&self, _key: &[u8], value: &[u8], _now: Time) -> Result<(), Invalid> {
        if value.len() < 8 { Err(Invalid::Value("it must begin with a sequence number of 8 bytes")) } else { Ok(()) }
    }

    fn select(&self, _key: &[u8], values: &[&[u8]], _now: Time) -> usize {
        // Big-endian numbers compare as bytes do. `max_by_key` takes the last of equals, hence the reversal.
        values.iter().enumerate().rev().max_by_key(|(_, value)| **value).map_or(0, |(i, _)| i)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
    }

    const ED25519: &str = "080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d";

    #[test]
    fn a_public_key_stands_under_its_own_peer_id_only() {
        let public_key = hex(ED25519);
        let key = [b"/pk/", &hex("0024")[..], &public_key].concat();
        let validators = Validators::amino();
        assert_eq!(validators.validate(&key, &public_key, Time::ZERO), Ok(()));
        assert!(matches!(validators.validate(&key, b"another", Time::ZERO), Err(Invalid::Value(_))));
        assert!(matches!(validators.validate(&key, b"", Time::ZERO), Err(Invalid::Value(_))));
    }

    #[test]
    fn long_public_keys_are_hashed_into_their_id() {
        let rsa = [7; 43];
        assert_eq!(peer_id(&rsa)[..2], [0x12, 32]);
        assert_eq!(peer_id(&rsa).len(), 34);
        assert_eq!(peer_id(&rsa[..42])[..2], [0, 42]);
    }

    #[test]
    fn keys_without_a_registered_namespace_are_refused() {
        let validators = Validators::own();
        for key in [&b""[..], b"pk/x", b"/pk", b"/ipns/x", b"//"] {
            assert_eq!(validators.validate(key, b"x", Time::ZERO), Err(Invalid::Namespace), "{key:?}");
        }
    }

    #[test]
    fn a_digest_proves_its_value() {
        let key = [b"/sha256/", &Key::of(b"hello").to_bytes()[..]].concat();
        assert_eq!(Validators::own().validate(&key, b"hello", Time::ZERO), Ok(()));
        assert!(Validators::own().validate(&key, b"hullo", Time::ZERO).is_err());
        assert!(matches!(Validators::own().validate(b"/sha256/short", b"hello", Time::ZERO), Err(Invalid::Key(_))));
    }

    #[test]
    fn only_a_strictly_better_value_is_preferred() {
        let validators = Validators::none().with("v", Newest);
        let (one, two) = (1u64.to_be_bytes(), 2u64.to_be_bytes());
        assert!(validators.prefers(b"/v/x", &two, &one, Time::ZERO));
        assert!(!validators.prefers(b"/v/x", &one, &two, Time::ZERO));
        assert!(!validators.prefers(b"/v/x", &one, &one, Time::ZERO));
        assert!(!Validators::own().prefers(b"/sha256/x", b"b", b"a", Time::ZERO), "immutable values are never replaced");
    }
}
