//! The bytes of Bitswap: protobuf in frames (Bitswap 1.2.0, section "Wire format").
//!
//! ```text
//!   frame     = varint length ‖ Message                                                    at most 4 MiB
//!   Message   = wantlist 1 | blocks 2 (1.0 only) | payload 3 | block presences 4 | pending bytes 5
//!   Wantlist  = entries 1 | full 2          Entry    = cid 1 | priority 2 | cancel 3 | want type 4 | send DONT_HAVE 5
//!   Block     = prefix 1 | data 2           Presence = cid 1 | type 2
//! ```
//!
//! A block travels without its name: the *prefix* says how to compute it ([`Prefix`]), so nobody can claim that bytes are something else.
//!
//! **No copy of a block.** Writing: [`split`] gives the bytes before and after the data of a message's one block, and the driver streams the data itself
//! from where it lies. Reading: the driver collects a frame into one `Bytes`, growing as bytes really arrive ([`frame_length`] says how many to
//! expect), and [`WireMessage::decode`] cuts the blocks out of it without copying. Hashing the blocks is the driver's, on another thread;
//! [`WireMessage::into_message`] then makes the protocol's message of the names it computed.
//!
//! **Older versions.** 1.1 and 1.0 know neither want-have nor presences: [`downgrade`] rewrites a message for them.

mod decode;
mod encode;
mod layout;
mod prefix;

pub use decode::{WireBlock, WireMessage, frame_length};
pub use encode::{Split, body_len, encode, head, split, wire_len};
pub use layout::FORMAT;
pub use prefix::Prefix;

use crate::{Message, WantKind};

/// The largest frame that is read or written.
pub const FRAME_LIMIT: usize = 4 << 20;

/// The largest block that is exchanged.
pub const BLOCK_LIMIT: usize = 2 << 20;

/// The most bytes that a CID may have.
pub const CID_LIMIT: usize = 168;

/// A version of the protocol, as negotiated for a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// Blocks without a prefix, so only such as have a version 0 CID.
    V1_0,
    /// Blocks with a prefix.
    V1_1,
    /// Want-have, presences.
    V1_2,
}

impl Version {
    /// The protocol ids, newest first, as they are offered.
    pub const PROTOCOLS: [(&'static str, Version); 4] = [
        ("/ipfs/bitswap/1.2.0", Version::V1_2),
        ("/ipfs/bitswap/1.1.0", Version::V1_1),
        ("/ipfs/bitswap/1.0.0", Version::V1_0),
        ("/ipfs/bitswap", Version::V1_0),
    ];

    /// The version of a protocol id.
    #[must_use]
    pub fn of(protocol: &str) -> Option<Version> {
        Self::PROTOCOLS.iter().find(|(id, _)| *id == protocol).map(|(_, version)| *version)
    }
}

/// Rewrites a message for a peer that speaks only `version`: want-haves become want-blocks, and presences are left out, because silence is what says
/// DONT_HAVE there.
#[must_use]
pub fn downgrade(mut message: Message, version: Version) -> Message {
    if version < Version::V1_2 {
        message.presences.clear();
        message.pending_bytes = 0;
        for want in &mut message.wants {
            want.kind = WantKind::Block;
            want.send_dont_have = false;
        }
    }
    if version < Version::V1_1 {
        message.blocks.retain(|block| Prefix::of(&block.cid) == Prefix::V0);
    }
    message
}

#[cfg(test)]
mod tests;
