//! The network: what happens to a packet between two peers.
//!
//! ```text
//!   sender ──▶ uplink queue ──▶ loss ──▶ latency ──▶ downlink queue ──▶ receiver
//!              Link::admit      Network::verdict      Link::admit
//!              (tail drop)      (from the packet's    (in order of arrival,
//!                                own dice)             tail drop)
//! ```
//!
//! The uplink's and the network's verdicts fall when the packet is sent; the downlink's when it arrives, because only then it is known what
//! arrived before. The dice of a packet derive from (seed, sender, the sender's own counter), so they do not depend on the order in which peers
//! are computed.
//!
//! Each model is a small piece that knows nothing of the others: [`Latency`], the loss, [`Link`]. A peer's messages to itself pass none of them
//! and take [`Network::loopback`].
//!
//! A [`Packet`] goes in, a [`Verdict`] comes out: whatever else is to befall packets is a function of the same shape around
//! [`Network::verdict`].

pub mod latency;
pub mod link;
mod normal;

use core::time::Duration;

use peerglass_core::{Peer, Rng};
use peerglass_trace::DropCause;

pub use latency::{Latency, Spread};
pub use link::{Access, Link};

use crate::SetupError;

/// The parameters of the network between all peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// How long a packet is on its way.
    pub latency: Latency,
    /// Whether the latency is drawn for each packet or once for each pair of peers.
    pub spread: Spread,
    /// The probability that a packet is lost (Bernoulli: independent of all others).
    pub loss: f64,
    /// The access links of every peer that is not given others.
    pub access: Access,
    /// When a sender hears that a receiver is down.
    pub detection: Detection,
    /// How long a message of a peer to itself takes.
    pub loopback: Duration,
}

impl Default for Network {
    /// 50 ms between any two peers, no loss, links that are never the bottleneck.
    fn default() -> Self {
        Self {
            latency: Latency::Constant(Duration::from_millis(50)),
            spread: Spread::PerPacket,
            loss: 0.0,
            access: Access::default(),
            detection: Detection::RoundTrip,
            loopback: Duration::from_micros(10),
        }
    }
}

/// When a sender hears that a receiver is down or does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detection {
    /// Never: its host is off, and only timeouts tell.
    Never,
    /// One round trip after sending: its process is dead, and its host refuses.
    #[default]
    RoundTrip,
    /// This long after the packet arrived in vain.
    After(Duration),
}

/// A packet, as the network sees it.
#[derive(Clone, Copy, Debug)]
pub struct Packet {
    /// Its sender.
    pub from: Peer,
    /// Its receiver.
    pub to: Peer,
    /// The sender's counter for it: its dice.
    pub order: u64,
}

/// What the network does with a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It arrives after this long.
    Arrives(Duration),
    /// It is lost.
    Lost(DropCause),
}

/// Sets the dice of packets apart from those of handlers.
const PACKETS: u64 = 0x7061_636b_6574_7321;
const RETURNS: u64 = 0x7265_7475_726e_7321;

impl Network {
    /// Checks all parameters.
    pub fn check(&self) -> Result<(), SetupError> {
        self.latency.check()?;
        if !(0.0..=1.0).contains(&self.loss) {
            return Err(SetupError::Probability { what: "loss", value: self.loss });
        }
        self.access.check()
    }

    /// The smallest latency between two different peers.
    #[must_use]
    pub fn min_latency(&self) -> Duration {
        self.latency.min()
    }

    /// How wide the queue's windows should be, in nanoseconds: shorter than the smallest latency, or, where that is next to nothing, so short that
    /// few packets arrive within one.
    #[must_use]
    pub fn window(&self) -> u64 {
        let (min, typical) = (self.latency.min().as_nanos(), self.latency.typical().as_nanos());
        u64::try_from(min.max(typical / 64)).unwrap_or(u64::MAX)
    }

    /// What becomes of `packet` between the two access links.
    #[must_use]
    pub fn verdict(&self, seed: u64, packet: &Packet) -> Verdict {
        if self.loss == 0.0 && self.latency.is_constant() {
            return Verdict::Arrives(self.latency.typical());
        }
        let mut dice = Rng::for_step(seed ^ PACKETS, packet.from, packet.order);
        if self.loss > 0.0 && dice.chance(self.loss) {
            return Verdict::Lost(DropCause::Loss);
        }
        Verdict::Arrives(self.spread.draw(&self.latency, seed, packet, &mut dice))
    }

    /// How long after `packet` arrived in vain its sender hears of it. `None` for never.
    #[must_use]
    pub fn refusal(&self, seed: u64, packet: &Packet) -> Option<Duration> {
        match self.detection {
            Detection::Never => None,
            Detection::After(delay) => Some(delay),
            Detection::RoundTrip => {
                let mut dice = Rng::for_step(seed ^ RETURNS, packet.from, packet.order);
                Some(self.spread.draw(&self.latency, seed, packet, &mut dice))
            }
        }
    }
}
