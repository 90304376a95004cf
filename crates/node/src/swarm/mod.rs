//! The base of the driver over libp2p: connections, and raw streams on them.
//!
//! libp2p supplies transports, encryption, multiplexing, identify, ping, mDNS and limits. What it lends our protocols is one thing only: a raw
//! stream of bytes under a negotiated protocol id. One behaviour and one connection handler of our own do that, and nothing else:
//!
//! ```text
//!   driver ── open(connection, protocol) ──▶ Streams ──▶ Handler ──▶ substream request
//!   driver ◀── Opened(token) | Failed(token) | Inbound | Refused | Remote ◀───┘
//!
//!   Substream ──▶ a task of its own that frames messages; bytes never pass through swarm events
//! ```
//!
//! Why not `libp2p-stream`: it drops inbound streams silently when its one-slot channel is full (measured: 2 of 40 arrived), opens one stream at a
//! time, picks a connection at random and tells nobody why an open failed. Why not `request-response`: one request and one answer per stream, but
//! Kademlia's ADD_PROVIDER has no answer, Go peers send many requests on a stream, and Bitswap is one-way.
//!
//! | module | holds |
//! |---|---|
//! | [`behaviour`] | [`Streams`]: tokens, connections, the queue of what the swarm should do |
//! | [`handler`] | one per connection: negotiation and the caps on inbound streams |
//! | [`upgrade`] | the list of protocol ids as an upgrade that reads no bytes |
//! | [`substream`] | [`Substream`], which gives its place back when it is dropped |
//! | [`muxer`] | Yamux with bounded windows |
//! | [`transport`] | TCP and QUIC, DNS, and the composed behaviour |

pub mod behaviour;
pub mod handler;
pub mod muxer;
pub mod substream;
pub mod transport;
pub mod upgrade;

#[cfg(test)]
mod tests;

pub use behaviour::{StreamEvent, Streams, Token};
pub use handler::{OpenError, Refusal};
pub use substream::Substream;
pub use transport::{Base, BaseEvent, Composition, build};
