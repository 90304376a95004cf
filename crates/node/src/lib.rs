//! The real network: the stack driven by libp2p, a disk and a clock.
//!
//! The protocols live in other crates and know no socket. This crate gives them a world:
//!
//! ```text
//!   Node ── requests ──▶ driver ──▶ Stack (Kademlia, block exchange)
//!                          │ ▲
//!          ┌───────────────┘ └──────────────┐
//!          ▼                                │
//!   swarm (libp2p: TCP, QUIC, TLS,      stream tasks: frames, backpressure
//!   Noise, Yamux, identify, mDNS)  ──────▶  │
//!                                           ▼
//!                                        disk: blocks, keys
//! ```
//!
//! | module | holds |
//! |---|---|
//! | [`node`] | [`Node`], what the command line and tests call |
//! | [`options`], [`profile`], [`scope`] | how to start one; networks; which addresses count |
//! | [`identity`], [`ticket`] | who it is; how to hand content on as one word |
//! | [`book`] | what stands behind a peer handle |
//! | [`swarm`] | the base over libp2p: connections and raw streams |
//! | [`streams`] | tasks that frame messages |
//! | [`driver`] | the task that feeds the stack |
//! | [`control`], [`otlp`], [`http`] | how a running node is looked at |
//! | [`notice`], [`error`] | what it tells, and what can go wrong |

mod asked;
pub mod book;
mod content;
pub mod control;
mod disk;
pub mod driver;
pub mod error;
pub mod http;
pub mod identity;
pub mod node;
pub mod notice;
pub mod options;
pub mod otlp;
pub mod profile;
pub mod scope;
mod start;
pub mod streams;
pub mod swarm;
pub mod ticket;
pub mod words;

pub use content::{Fetched, Get, Progress, Shared};
pub use control::Control;
pub use driver::watchers::Watched;
pub use error::{AskError, GetError, ShareError, StartError, Stopped};
pub use node::{ContactInfo, Found, JoinReport, Node, PeerInfo, Status};
pub use notice::Notice;
pub use options::{Limits, Options};
pub use otlp::Otlp;
pub use profile::Network;
pub use ticket::Ticket;
