//! Block exchange between peers: Bitswap 1.2 as a state machine without sockets, clock or dice.
//!
//! A file is a tree (a DAG) of blocks, each named by the hash of its bytes, its [`Cid`]. Whoever knows the root's name can ask anybody for the
//! blocks, because what arrives proves itself. Bitswap is the conversation: *"I want these"*, *"I have it"*, *"I do not"*, and the blocks.
//!
//! ```text
//!        fetching side                                         serving side
//!   fetch(root)                                           wantlist of each client
//!      │                                                          ▲
//!   ┌──▼───┐ next name  ┌───────┐  whom to ask   ┌───────┐        │          ┌────────┐
//!   │ walk │───────────▶│ wants │───────────────▶│ links │──WANT──┴─────────▶│ server │── Lookup ─▶ store
//!   └──▲───┘            └───────┘   (schedule)   └───────┘◀──BLOCK, HAVE,────└────────┘◀─ Local ───
//!      │ links of what arrived                              DONT_HAVE
//! ```
//!
//! **Bytes never pass through here.** A [`Block`] is a name and a size. The driver reads the bytes when the stream is writable, and on arrival has
//! checked the hash and stored them before the protocol hears of it; so memory stays bounded, and the simulator moves terabytes that exist only
//! as sizes.
//!
//! # A fetch, in words
//!
//! 1. The [`walk`] hands out the names of the DAG depth first and in order, so that a file arrives from its front. It looks ahead only as far
//!    as the windows of the sources allow.
//! 2. Each name is looked up locally first ([`Event::Lookup`]), which is all that resuming takes.
//! 3. What is missing is asked as *want-block* from **one** source at a time, chosen by the [`schedule`] as the one that will deliver it
//!    first. Sources of which it is not known that they have everything are asked *want-have*.
//! 4. The source answers, or is late by its own measured rate (when another is idle: later than its answers have varied so far), or says
//!    DONT_HAVE, or sends rubbish, or is gone: then the next source is asked. Whoever still has the want after the block came gets a cancel.
//! 5. A block that links to others is looked up once more, to learn its links, and the walk goes on.
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | [`message`], [`event`], [`config`] | what crosses the network, what the application says and hears, the bounds |
//! | [`transfer`] | [`Transfer`], the protocol: dispatch |
//! | `client`, `session`, `want` | fetches, their sources, and what is wanted for them |
//! | [`walk`] | the order of a DAG, as a pure iterator |
//! | [`schedule`] | which block from whom, as pure functions |
//! | `link`, `pace` | what is measured of a source: window, timeouts, rate |
//! | `server`, `wantlist` | what others want of us |
//! | [`ledger`] | who gave and took how much |
//! | [`wire`] | the bytes |

mod client;
pub mod config;
pub mod event;
pub mod ledger;
mod link;
mod lookups;
pub mod message;
mod outbox;
mod pace;
pub mod schedule;
mod server;
mod session;
pub mod transfer;
pub mod walk;
mod want;
mod wantlist;
pub mod wire;

#[cfg(test)]
mod tests;

/// What the protocol is called in records.
pub const PROTOCOL: &str = "transfer";

pub use config::Config;
pub use event::{Command, Event, FetchError, FetchSummary, Local, Timer};
pub use ledger::{Account, Ledger};
pub use message::{Block, Message, Presence, Want, WantKind};
pub use peerglass_store::Cid;
pub use transfer::Transfer;

/// The codec of blocks that are plain bytes and link to nothing.
pub(crate) const RAW: u64 = 0x55;
