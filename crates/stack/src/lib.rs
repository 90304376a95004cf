//! One composed peer: Kademlia and block exchange put together.
//!
//! This is the only place where protocols meet. Protocol crates never name each other: block exchange says "sources wanted for X" and does not
//! know that a DHT exists; Kademlia finds providers and does not know what for. The stack carries the question over and the answer back:
//!
//! ```text
//!                    Command: share, fetch, find, put, get
//!                                   │
//!   ┌───────────────────────────────▼───────────────────────────────┐
//!   │ Stack                                                         │
//!   │   ┌──────────┐   WantSources ──▶ find_providers ┌─────────┐   │
//!   │   │ Transfer │                                  │   Kad   │   │
//!   │   └──────────┘   sources  ◀──────── Providers   └─────────┘   │
//!   └───────────────────────────────┬───────────────────────────────┘
//!                                   │
//!              Event: found, fetched, "is this block here?", …
//! ```
//!
//! Both drivers run exactly this type: the simulator's labs and the real node.
//!
//! Blocks themselves are the driver's business. The stack asks [`Event::Lookup`] whether a block is here and the driver answers with
//! [`Command::Local`]; the real driver looks into its store on disk, the simulator's host into a set of bits.

mod asks;
mod command;
mod event;
mod message;
mod stack;
#[cfg(test)]
mod tests;

pub use command::{Command, Tag};
pub use event::{Event, Rejection};
pub use message::{Message, Timer, wire_format, wire_len};
pub use stack::{Config, Stack};

use peerglass_kad::Name;
use peerglass_store::Cid;

/// The name under which providers of `cid` are recorded: its multihash, so that the same content under another codec is found too (libp2p kad-dht
/// specification, "content provider advertisement").
#[must_use]
pub fn provider_name(cid: &Cid) -> Option<Name> {
    Name::new(&cid.hash().to_bytes())
}
