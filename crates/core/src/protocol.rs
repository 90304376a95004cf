//! The contract: what a protocol is, and what it may rely on.
//!
//! # The seven rules
//!
//! 1. **A handler never blocks and sees the world only through [`Cx`].** No sockets, files, clocks, threads or globals.
//! 2. **`now` never goes back.** It is the peer's own clock: the simulator may make it drift from other peers' clocks.
//! 3. **Effects take hold in the order pushed, after the handler returns.**
//! 4. **A timer may fire late or stale and must then do nothing.** So there is no cancel: a timer carries what it needs to recognise that
//!    it is no longer wanted.
//! 5. **No handler panics on any message, whatever a hostile peer sends.** Broken invariants of our own may assert.
//! 6. **Every collection is bounded, and the bound is in `Config`.**
//! 7. **Nothing depends on a hasher's iteration order.** The same inputs give the same effects, on every machine.
//!
//! # A protocol in twenty lines
//!
//! ```
//! use peerglass_core::{Cx, Describe, Effect, Peer, Protocol, Rng, Time, Acquaintances};
//!
//! /// Answers every ping with a pong.
//! #[derive(Default)]
//! struct Echo;
//!
//! #[derive(Clone, Debug, PartialEq)]
//! enum Message { Ping, Pong }
//! impl Describe for Message {
//!     fn name(&self) -> &'static str { match self { Message::Ping => "PING", Message::Pong => "PONG" } }
//! }
//!
//! impl Protocol for Echo {
//!     type Config = ();
//!     type Message = Message;
//!     type Timer = ();
//!     type Command = ();
//!     type Event = ();
//!     fn start(&mut self, _cx: &mut Cx<'_, Self>) {}
//!     fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
//!         if message == Message::Ping { cx.send(from, Message::Pong); }
//!     }
//!     fn on_timer(&mut self, _timer: (), _cx: &mut Cx<'_, Self>) {}
//!     fn on_command(&mut self, _command: (), _cx: &mut Cx<'_, Self>) {}
//!     fn on_unreachable(&mut self, _peer: Peer, _cx: &mut Cx<'_, Self>) {}
//!     fn peers(&self, _visit: &mut dyn FnMut(Peer)) {}
//! }
//!
//! // A `Vec` is a sink, so a protocol is tested by looking at its effects.
//! let mut effects = Vec::new();
//! let mut rng = Rng::new(1);
//! let mut cx = Cx::new(Time::ZERO, Peer(0), &(), Acquaintances::derived(7), &mut rng, &mut effects);
//! Echo.on_message(Peer(1), Message::Ping, &mut cx);
//! assert!(matches!(effects[..], [Effect::Send { to: Peer(1), message: Message::Pong }]));
//! ```

use core::fmt;

use crate::{Acquaintances, Cx, Describe};

/// What one peer does when something happens to it.
///
/// See the [module documentation](self) for the rules that bind implementations and drivers.
pub trait Protocol: Sized {
    /// Parameters, shared by many peers: borrowed through [`Cx::config`], never stored per peer.
    type Config;
    /// What crosses the network.
    type Message: Clone + Describe;
    /// What comes back, once, some time after [`Cx::wake_in`]. Harmless when stale.
    type Timer: Copy + Describe;
    /// What the local application asks for.
    type Command: Describe;
    /// What the local application is told.
    type Event: Describe;

    /// The peer comes up. Called once, before anything else.
    fn start(&mut self, cx: &mut Cx<'_, Self>);

    /// The peer comes up again with the state it had when it went down: timers are gone, and what was asked of others will not be answered.
    ///
    /// By default the same as [`Protocol::start`]: for protocols that keep nothing over a restart, or whose start spoils nothing.
    fn restart(&mut self, cx: &mut Cx<'_, Self>) {
        self.start(cx);
    }

    /// A message arrived. `from` is authenticated by the driver; everything inside the message is the sender's claim.
    fn on_message(&mut self, from: Peer, message: Self::Message, cx: &mut Cx<'_, Self>);

    /// A timer set by [`Cx::wake_in`] fired, perhaps late.
    fn on_timer(&mut self, timer: Self::Timer, cx: &mut Cx<'_, Self>);

    /// The local application asks.
    fn on_command(&mut self, command: Self::Command, cx: &mut Cx<'_, Self>);

    /// The driver could not reach `peer`, or lost it: whatever was asked of it will not be answered.
    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>);

    /// Reads a word of each cache line that a handler is likely to need, and mixes them: nothing else.
    ///
    /// A simulator of many peers spends most of its time waiting for memory. It calls this for several peers before it calls their handlers, so that their cache
    /// misses overlap instead of following one another: first for the states of all of them, then for what these point to. The default reads nothing, which is
    /// right for small states without pointers.
    fn touch(&self, _ahead: Ahead<'_, Self>) -> u64 {
        0
    }

    /// Shows `visit` every peer handle this state holds.
    ///
    /// The real node's address book is bounded: rows that no protocol holds are swept and their handles used again, so a handle that is kept
    /// but not shown here would come to mean another peer.
    fn peers(&self, visit: &mut dyn FnMut(Peer));
}

/// A peer, as a handle: an index in the simulator, a row of the address book in the real node.
///
/// Handles are four bytes because a million Kademlia peers hold about 330 contacts each: 1.3 KB a peer as handles, 10.6 KB as 32-byte ids. Wire
/// codecs translate handles to ids and addresses at the edge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Peer(pub u32);

impl Peer {
    /// The handle as an index into a table of peers.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "p{}", self.0)
    }
}

/// One run of an algorithm at one peer: a lookup, a join, a fetch. Its steps can be followed one by one in the records.
///
/// Shown as `kad#12`; unique for the lifetime of a peer, together with the peer unique in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Operation {
    /// The protocol that runs it.
    pub protocol: &'static str,
    /// Its number among that protocol's operations at this peer, from 1.
    pub number: u32,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.protocol, self.number)
    }
}

/// What [`Protocol::touch`] is to read ahead of.
pub enum Ahead<'a, P: Protocol> {
    /// Anything: the state itself, without what it points to.
    Anything,
    /// A message.
    Message {
        /// From whom.
        from: Peer,
        /// Which.
        message: &'a P::Message,
        /// What is known of peers.
        acquaintances: Acquaintances<'a>,
    },
    /// A timer, a command, or a peer that cannot be reached.
    Other,
}
