//! The contract between a protocol and its world.
//!
//! A peer-to-peer protocol is what *one* peer does when something happens to it: a message arrives, a timer fires, the local application asks
//! for something. In Peerglass a protocol is written once, as a state machine that owns no socket, no clock and no dice, and is then driven by
//! either of two drivers:
//!
//! ```text
//!                 inputs: start, message, timer, command, unreachable
//!                                      │
//!   ┌──────────────┐          ┌────────▼────────┐          ┌──────────────┐
//!   │  simulator   │ ───or─── │    Protocol     │ ───or─── │  real node   │
//!   │ virtual time │          │  (this crate's  │          │ libp2p, disk │
//!   └──────────────┘          │      trait)     │          └──────────────┘
//!                             └────────┬────────┘
//!                                      │
//!                 effects: send, wake, event, step   (pushed into a Sink)
//! ```
//!
//! Because both drivers speak nothing but inputs and effects, what a student watches in the simulator is the code that moves files for real.
//!
//! # The contract
//!
//! The seven rules that every protocol and every driver keeps stand in [`protocol`].
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | [`protocol`] | the [`Protocol`] trait and the rules of the contract |
//! | [`context`] | [`Cx`], what a handler may see and do, and composition of protocols |
//! | [`effect`] | [`Effect`] and [`Sink`] |
//! | [`describe`] | how messages, commands, events and steps tell what they hold |
//! | [`value`] | what a field of theirs can hold |
//! | [`key`] | 256-bit keys and the XOR metric |
//! | [`time`] | [`Time`], nanoseconds on the peer's own clock |
//! | [`rng`] | [`Rng`], seeded randomness |
//! | [`wire`] | varints, frames and protobuf fields for hand-written codecs |
//! | [`layout`] | which bytes of a message are which field |

pub mod context;
pub mod describe;
pub mod effect;
pub mod key;
pub mod layout;
pub mod protocol;
pub mod rng;
pub mod time;
pub mod value;
pub mod wire;

pub use context::{Acquaintances, Compose, Cx, Group, Known};
pub use describe::{Describe, Field, Fields};
pub use effect::{Effect, Sink, Told};
pub use key::{Distance, Key, KeySeed};
pub use protocol::{Ahead, Operation, Peer, Protocol};
pub use rng::Rng;
pub use time::Time;
pub use value::{ToValue, Value, ValueRef};
