//! [`Nat`]: the box between a peer and the Internet that rewrites addresses and turns strangers away.
//!
//! Two behaviours tell the boxes apart: which port the peer's packets carry outside (mapping), and whose packets are let in (filtering). The
//! names of RFC 3489, section 5, are the ones that people use; RFC 4787, sections 4.1 and 5, names the two behaviours:
//!
//! | kind | mapping | lets in, while a mapping is live |
//! |---|---|---|
//! | open | no box | everybody |
//! | full cone | endpoint-independent: one port for all | everybody |
//! | restricted cone | endpoint-independent | whom it has sent to, from any port (address-dependent filtering) |
//! | port-restricted cone | endpoint-independent | whom it has sent to, from the port it has sent to (address- and port-dependent filtering) |
//! | symmetric | address- and port-dependent: a new port for each | as port-restricted, and only at the port for that one |
//!
//! A mapping lives for a while after the last packet from inside; what comes in does not prolong it (RFC 4787, requirement 6, leaves that open).
//!
//! # Ports without numbers to manage
//!
//! Peers are handles, so there are no addresses to learn: whoever knows a peer knows where its box is. What remains are ports. The port of an
//! open peer and of a cone is well known with the peer (a rendezvous tells it; boxes mostly preserve it). A symmetric box takes a fresh one for
//! each destination, and only who gets a packet from it sees which. A packet therefore carries two numbers, its [`Source`]: the port that it
//! comes from and the port that it goes to. Everything else follows:
//!
//! ```text
//!   a: port-restricted                    s: symmetric
//!     │── from 1 to 1 ───────────────────▶│ ✗ s has port 2 for a, not 1
//!     │ a lets in s from port 1 only      │
//!   ✗ │◀─────────────────── from 2 to 1 ──│
//!     │                                   │     no packet passes, however often they try
//!
//!   b: restricted                         s: symmetric
//!     │── from 1 to 1 ───────────────────▶│ ✗
//!     │◀─────────────────── from 2 to 1 ──│     b lets in s from any port, and sees port 2
//!     │── from 1 to 2 ───────────────────▶│ ✓
//! ```
//!
//! These are the well-known results of hole punching (Ford, Srisuresh and Kegel: *Peer-to-Peer Communication Across Network Address Translators*,
//! USENIX 2005; RFC 5128): two peers that know of each other and send at the same time reach each other unless one is symmetric and the other
//! symmetric or port-restricted. A test computes the matrix.
//!
//! Each peer has a box of its own: there is no sharing, and no way of the box's inside to its outside and back (hairpinning).

mod entries;
#[cfg(test)]
mod tests;

use core::time::Duration;

use peerglass_core::{Peer, Time};

use crate::SetupError;
use crate::network::check::positive_delay;
use entries::Entries;

/// How a box treats packets, from the most to the least open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum NatKind {
    /// There is no box: everybody reaches the peer.
    #[default]
    Open,
    /// One port, open to all while any mapping is live.
    FullCone,
    /// One port, open to whom the peer has sent to.
    RestrictedCone,
    /// One port, open to whom the peer has sent to and there to the port it has sent to.
    PortRestrictedCone,
    /// A port for each destination, open to that one alone.
    Symmetric,
}

impl NatKind {
    /// All kinds, from the most to the least open.
    pub const ALL: [NatKind; 5] = [NatKind::Open, NatKind::FullCone, NatKind::RestrictedCone, NatKind::PortRestrictedCone, NatKind::Symmetric];

    /// The kind's name in scenarios and reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            NatKind::Open => "open",
            NatKind::FullCone => "full-cone",
            NatKind::RestrictedCone => "restricted-cone",
            NatKind::PortRestrictedCone => "port-restricted-cone",
            NatKind::Symmetric => "symmetric",
        }
    }
}

/// What the boxes on the way see of a packet: four bytes that travel with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Source {
    /// The port that the packet comes from.
    from: u16,
    /// The port that it goes to.
    to: u16,
}

impl Source {
    /// A packet of a peer that keeps no [`Nat`] of its own because it is open: it comes from the well-known port and, as the peer remembers
    /// nothing, goes to whatever port the receiver has for it.
    pub const PUBLIC: Source = Source { from: WELL_KNOWN, to: ANY };
}

/// The port of open peers and cones.
const WELL_KNOWN: u16 = 1;

/// Stands for the right port, whichever it is.
const ANY: u16 = 0;

/// A box: the state that it keeps of its peer's packets.
///
/// ```
/// use core::time::Duration;
/// use peerglass_core::{Peer, Time};
/// use peerglass_sim::network::nat::{Nat, NatKind, Source};
///
/// let (me, server) = (Peer(0), Peer(1));
/// let mut nat = Nat::new(NatKind::PortRestrictedCone, Nat::TIMEOUT);
/// assert!(!nat.inbound(server, Source::PUBLIC, Time::ZERO), "nobody asked for this");
/// nat.outbound(server, Time::from_secs(1));
/// assert!(nat.inbound(server, Source::PUBLIC, Time::from_secs(2)), "an answer is let in");
/// assert!(!nat.inbound(server, Source::PUBLIC, Time::from_secs(200)), "the mapping has expired");
/// ```
#[derive(Clone, Debug)]
pub struct Nat {
    kind: NatKind,
    timeout: Duration,
    /// The last port that a symmetric box took.
    last_port: u16,
    /// When the peer last sent anything.
    last_sent: Option<Time>,
    /// To whom the peer sends: kept where filtering or mapping asks for it.
    mappings: Entries<Mapping>,
    /// The ports of symmetric peers that this one has heard from.
    heard: Entries<u16>,
}

/// What the box keeps of a destination.
#[derive(Clone, Copy, Debug)]
struct Mapping {
    /// The peer's port towards it.
    own: u16,
    /// Its port that the peer sends to.
    theirs: u16,
}

impl Nat {
    /// How long a mapping lives after the last packet from inside, unless another is given: the least that RFC 4787 allows (requirement 5).
    pub const TIMEOUT: Duration = Duration::from_secs(120);

    /// How many destinations a box keeps, and of how many symmetric peers it remembers the port. When there are more, the oldest go.
    pub const MOST: usize = 4096;

    /// A box of this kind, whose mappings live for `timeout` after the last packet from inside.
    #[must_use]
    pub fn new(kind: NatKind, timeout: Duration) -> Self {
        Self { kind, timeout, last_port: WELL_KNOWN, last_sent: None, mappings: Entries::new(), heard: Entries::new() }
    }

    /// Whether a timeout is one: not zero, and at most a year.
    ///
    /// # Errors
    ///
    /// [`SetupError`] says what is allowed.
    pub fn check_timeout(timeout: Duration) -> Result<(), SetupError> {
        positive_delay("timeout of NAT mappings", timeout)
    }

    /// How it treats packets.
    #[must_use]
    pub fn kind(&self) -> NatKind {
        self.kind
    }

    /// The peer sends to `to`: opens or prolongs the mapping. Gives what the packet carries for the receiver's box.
    pub fn outbound(&mut self, to: Peer, now: Time) -> Source {
        self.last_sent = Some(now);
        let theirs = self.heard.get(to).map_or(WELL_KNOWN, |(port, _)| port);
        let own = match self.kind {
            NatKind::Open | NatKind::FullCone => return Source { from: WELL_KNOWN, to: theirs },
            NatKind::RestrictedCone | NatKind::PortRestrictedCone => WELL_KNOWN,
            NatKind::Symmetric => match self.live(to, now) {
                Some(mapping) if mapping.theirs == theirs => mapping.own,
                _ => self.fresh_port(),
            },
        };
        self.mappings.put(to, Mapping { own, theirs }, now, self.timeout);
        Source { from: own, to: theirs }
    }

    /// A packet from `from` comes to the box, carrying `source`. True if it is let in; the peer then knows the sender's port.
    pub fn inbound(&mut self, from: Peer, source: Source, now: Time) -> bool {
        let admitted = self.admits(from, source, now);
        if admitted && source.from != WELL_KNOWN {
            // Whoever is not symmetric is at the well-known port, and need not be remembered. A port is tried for as long as it is
            // remembered: its box forgets when it likes.
            self.heard.put(from, source.from, now, Duration::MAX);
        }
        admitted
    }

    fn admits(&self, from: Peer, source: Source, now: Time) -> bool {
        let mapping = || self.live(from, now);
        let answers = |mapping: Mapping| source.from == mapping.theirs;
        match self.kind {
            NatKind::Open => true,
            NatKind::FullCone => self.last_sent.is_some_and(|at| now.since(at) < self.timeout),
            NatKind::RestrictedCone => mapping().is_some(),
            NatKind::PortRestrictedCone => mapping().is_some_and(answers),
            NatKind::Symmetric => mapping().is_some_and(|mapping| answers(mapping) && (source.to == mapping.own || source.to == ANY)),
        }
    }

    /// The mapping towards `peer`, unless it has expired.
    fn live(&self, peer: Peer, now: Time) -> Option<Mapping> {
        self.mappings.get(peer).filter(|(_, at)| now.since(*at) < self.timeout).map(|(mapping, _)| mapping)
    }

    /// The next port, past the two that mean something. They come round again after 65,534 mappings, as real ones do.
    fn fresh_port(&mut self) -> u16 {
        self.last_port = self.last_port.checked_add(1).unwrap_or(WELL_KNOWN + 1);
        self.last_port
    }

    /// How many entries it keeps, live or not yet swept.
    #[must_use]
    pub fn entries(&self) -> usize {
        self.mappings.len() + self.heard.len()
    }
}
