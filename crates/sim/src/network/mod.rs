//! The network: what happens to a packet between two peers.
//!
//! ```text
//!   sender ──▶ uplink queue ──▶ loss ──▶ latency + jitter ──▶ impairment ──▶ downlink queue ──▶ receiver
//!              Link::admit     ╰─────────── Network::verdict ───────────╯    Link::admit
//!              (tail drop)              from the packet's own dice           (in order of arrival,
//!                                                                             tail drop)
//! ```
//!
//! The uplink's and the network's verdicts fall when the packet is sent; the downlink's when it arrives, because only then it is known what
//! arrived before. The dice of a packet derive from (seed, sender, the sender's own counter), so they do not depend on the order in which peers
//! are computed.
//!
//! Each model is a small piece that knows nothing of the others: [`Loss`], [`Latency`], [`Jitter`], [`Impairment`], [`Link`]. A peer's messages to itself
//! pass none of them and take [`Network::loopback`]. Beside the packets stand [`Nat`], which says who may reach whom, and [`Flows`], which moves bulk
//! data without packets.
//!
//! A [`Packet`] goes in, a [`Verdict`] comes out: whatever else is to befall packets is a function of the same shape around
//! [`Network::verdict`].

mod check;
pub mod flow;
pub mod impairment;
pub mod jitter;
pub mod latency;
pub mod link;
pub mod loss;
pub mod nat;
mod normal;
#[cfg(test)]
mod tests;

use core::time::Duration;

use peerglass_core::{Peer, Rng};
use peerglass_trace::DropCause;

pub use check::LONGEST;
pub use flow::{Flow, Flows};
pub use impairment::Impairment;
pub use jitter::Jitter;
pub use latency::{Geographic, LastMile, Latency, Matrix, MatrixError, Places, Plane, Rows, Spread};
pub use link::{Access, Link};
pub use loss::Loss;
pub use nat::{Nat, NatKind, Source};

use crate::SetupError;

/// The parameters of the network between all peers.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    /// How long a packet is on its way.
    pub latency: Latency,
    /// Whether the latency is drawn for each packet or once for each pair of peers.
    pub spread: Spread,
    /// What each packet takes on top.
    pub jitter: Jitter,
    /// Which packets are lost.
    pub loss: Loss,
    /// Which packets are held back, doubled or damaged.
    pub impairment: Impairment,
    /// The access links of every peer that is not given others.
    pub access: Access,
    /// Messages of so many bytes or more share access links max-min fairly, as flows ([`flow`]), instead of queueing for them. `None`: all queue.
    pub bulk: Option<u64>,
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
            jitter: Jitter::None,
            loss: Loss::None,
            impairment: Impairment::default(),
            access: Access::default(),
            bulk: None,
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
    /// It arrives.
    Arrives {
        /// How long after it left its sender's access link: never below [`Network::min_latency`].
        after: Duration,
        /// How long after the packet left its sender's access link a copy of it arrives, undamaged. The copy is an event of its own and needs
        /// its own place in the order: it may arrive at the same instant, or before.
        copy: Option<Duration>,
        /// Whether it is damaged on the way.
        corrupt: bool,
    },
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
        self.jitter.check()?;
        self.loss.check()?;
        self.impairment.check()?;
        if let Detection::After(delay) = self.detection {
            check::delay("delay of detection", delay)?;
        }
        check::delay("loopback", self.loopback)?;
        self.access.check()
    }

    /// The smallest latency between two different peers: nothing arrives, and no copy and no refusal, sooner after it was sent. Only
    /// [`Detection::After`] can be shorter.
    #[must_use]
    pub fn min_latency(&self) -> Duration {
        self.latency.min()
    }

    /// How wide the queue's windows should be, in nanoseconds: shorter than the smallest latency, or, where that is next to nothing, so short that
    /// few packets arrive within one.
    #[must_use]
    pub fn window(&self) -> u64 {
        let (min, typical) = (self.latency.min().as_nanos(), (self.latency.typical() + self.jitter.typical()).as_nanos());
        u64::try_from(min.max(typical / 64)).unwrap_or(u64::MAX)
    }

    /// What becomes of `packet` between the two access links.
    ///
    /// `bad` is the state of the sender's link under [`Loss::GilbertElliott`]: false in the beginning, and lent for each of its packets in the
    /// order in which they are sent.
    #[must_use]
    #[inline]
    pub fn verdict(&self, seed: u64, packet: &Packet, bad: &mut bool) -> Verdict {
        let sound = self.impairment.is_none();
        if let Latency::Constant(after) = self.latency
            && sound
            && self.jitter.is_none()
            && self.loss.is_none()
        {
            return Verdict::Arrives { after, copy: None, corrupt: false };
        }
        let mut dice = Rng::for_step(seed ^ PACKETS, packet.from, packet.order);
        if self.loss.lose(bad, &mut dice) {
            return Verdict::Lost(DropCause::Loss);
        }
        let after = self.transit(seed, packet, &mut dice);
        if sound { Verdict::Arrives { after, copy: None, corrupt: false } } else { self.impaired(seed, packet, after, &mut dice) }
    }

    /// Apart, because few networks have it and the way past it is to be short.
    #[cold]
    fn impaired(&self, seed: u64, packet: &Packet, after: Duration, dice: &mut Rng) -> Verdict {
        let after = after.saturating_add(self.impairment.hold(dice));
        let copy = self.impairment.duplicates(dice).then(|| self.transit(seed, packet, dice).saturating_add(self.impairment.hold(dice)));
        Verdict::Arrives { after, copy, corrupt: self.impairment.corrupts(dice) }
    }

    /// How long a packet with these dice is on its way.
    #[inline]
    fn transit(&self, seed: u64, packet: &Packet, dice: &mut Rng) -> Duration {
        self.spread.draw(&self.latency, seed, packet, dice).saturating_add(self.jitter.draw(dice))
    }

    /// How long after `packet` arrived in vain its sender hears of it. `None` for never.
    #[must_use]
    pub fn refusal(&self, seed: u64, packet: &Packet) -> Option<Duration> {
        match self.detection {
            Detection::Never => None,
            Detection::After(delay) => Some(delay),
            Detection::RoundTrip => {
                let mut dice = Rng::for_step(seed ^ RETURNS, packet.from, packet.order);
                Some(self.transit(seed, packet, &mut dice))
            }
        }
    }
}
