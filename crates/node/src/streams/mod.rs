//! Tasks that turn raw streams into messages: one task for each stream, bounded channels to the driver.
//!
//! ```text
//!             inbound                                     outbound
//!   stream ─▶ kad_in ──── request ────▶ driver ───── ask ────▶ kad_out ─▶ stream
//!   stream ◀──────── answer ◀──────────         ◀── answer ─────────────  stream
//!
//!   stream ─▶ bitswap_in ── message ──▶ driver ── message ──▶ bitswap_out ─▶ stream
//!                 │ verify, store                                  │ read
//!                 ▼                                                ▼
//!               disk, on blocking threads                        disk, on blocking threads
//! ```
//!
//! What a remote can make us hold is bounded at every arrow: streams per connection and protocol (the handler), bytes in frames (the [`Budget`]),
//! messages in channels. When a channel is full the task waits, its stream is not read, and the remote's window closes: backpressure reaches
//! whoever sends too fast. The driver never waits for a task: what does not fit into an outbound queue is dropped, and recorded as dropped.
//!
//! [`Budget`]: frame::Budget

pub(crate) mod bitswap_in;
pub(crate) mod bitswap_out;
mod body;
pub mod frame;
pub(crate) mod kad_in;
pub(crate) mod kad_out;
pub(crate) mod link;
