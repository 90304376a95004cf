//! Messages: from a protocol's send to the other protocol's handler, or to the reason why not.
//!
//! ```text
//!   send ──▶ uplink ──▶ network ──▶ (queue) ──▶ arrive ──▶ downlink ──▶ (queue) ──▶ arrive again ──▶ handler
//!             │full       │lost                   │down, no such peer      │full
//!             ▼           ▼                       ▼                        ▼
//!           dropped     dropped                 dropped ──▶ (queue) ──▶ unreachable, at the sender
//! ```
//!
//! A packet keeps its sender's counter all the way, so every event made of it has a place of its own in the order. A message that has left its
//! sender arrives even if the sender crashes meanwhile.

use peerglass_core::{Describe, Peer, Protocol, Time};
use peerglass_trace::{DropCause, MessageKind, Recorder, What};

use crate::engine::{Input, Parcel, Pending, source};
use crate::log::{Cause, describe};
use crate::network::{Packet, Verdict};
use crate::queue::Stamp;
use crate::slot::State;
use crate::{Host, Simulation};

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    pub(crate) fn send(&mut self, from: Peer, to: Peer, message: P::Message, cause: Cause) {
        let bytes = (self.wire_len)(&message);
        let kind = self.totals.kind(message.name());
        self.totals.sent(kind, bytes);
        let cause = self.log.note(self.now, from, cause, |full| What::Sent { to, message: describe(&message, full), bytes });
        let order = self.slots[from.index()].tick();
        match self.depart(Packet { from, to, order }, bytes) {
            Ok(time) => {
                let stamp = Stamp { time, dest: to.0, source: source(from), order };
                // A message of 4 GiB or more has no arrival: see `depart`.
                let input = Input::Packet(Parcel { message, bytes: bytes as u32, kind, queued: false });
                self.in_flight += 1;
                self.queue.push(stamp, Pending { cause, input });
            }
            Err(why) => {
                self.drop_message(from, to, kind, bytes, why, cause);
            }
        }
    }

    /// When a packet that leaves now arrives.
    fn depart(&mut self, packet: Packet, bytes: u64) -> Result<Time, DropCause> {
        if u32::try_from(bytes).is_err() {
            return Err(DropCause::TooLong);
        }
        if packet.from == packet.to {
            return Ok(self.now + self.network.loopback);
        }
        let slot = &mut self.slots[packet.from.index()];
        let up = self.accesses[slot.access as usize].up;
        let left = up.admit(&mut slot.up_busy, self.now, bytes).ok_or(DropCause::UplinkFull)?;
        match self.network.verdict(self.seed, &packet) {
            Verdict::Arrives(after) => Ok(left + after),
            Verdict::Lost(why) => Err(why),
        }
    }

    fn drop_message(&mut self, from: Peer, to: Peer, kind: MessageKind, bytes: u64, why: DropCause, cause: Cause) -> Cause {
        self.totals.dropped(kind, why);
        let message = self.totals.name(kind);
        self.log.note(self.now, from, cause, |_| What::Dropped { to, message, bytes, why })
    }

    /// A packet reaches its receiver's downlink or, once it has passed that, the receiver itself.
    pub(crate) fn arrive(&mut self, stamp: Stamp, parcel: Parcel<P>, cause: Cause) {
        let Parcel { bytes, kind, queued, .. } = parcel;
        let (from, to) = (Peer(stamp.source.wrapping_sub(1)), Peer(stamp.dest));
        let Some(slot) = self.slots.get_mut(to.index()) else {
            return self.refuse(from, to, stamp, &parcel, DropCause::NoSuchPeer, cause);
        };
        if slot.state != State::Up {
            return self.refuse(from, to, stamp, &parcel, DropCause::PeerDown, cause);
        }
        let down = self.accesses[slot.access as usize].down;
        if down.rate.is_some() && !queued && from != to {
            return match down.admit(&mut slot.down_busy, self.now, u64::from(bytes)) {
                Some(time) => {
                    let input = Input::Packet(Parcel { queued: true, ..parcel });
                    self.queue.push(Stamp { time, ..stamp }, Pending { cause, input });
                }
                None => {
                    self.in_flight -= 1;
                    self.drop_message(from, to, kind, u64::from(bytes), DropCause::DownlinkFull, cause);
                }
            };
        }
        self.deliver(from, to, parcel, cause);
    }

    fn deliver(&mut self, from: Peer, to: Peer, parcel: Parcel<P>, cause: Cause) {
        let Parcel { message, bytes, kind, .. } = parcel;
        let bytes = u64::from(bytes);
        self.in_flight -= 1;
        self.totals.delivered(kind, bytes);
        // The fields stand in the sent record, the cause: writing them twice would double the cost of recording.
        let cause = self.log.note(self.now, to, cause, |_| What::Received { from, message: describe(&message, false), bytes });
        self.handle(to, cause, |protocol, cx| protocol.on_message(from, message, cx));
    }

    /// The receiver is not there: the message is lost, and its sender hears of it after a while.
    fn refuse(&mut self, from: Peer, to: Peer, stamp: Stamp, parcel: &Parcel<P>, why: DropCause, cause: Cause) {
        self.in_flight -= 1;
        let cause = self.drop_message(from, to, parcel.kind, u64::from(parcel.bytes), why, cause);
        if from == to {
            return;
        }
        if let Some(delay) = self.network.refusal(self.seed, &Packet { from, to, order: stamp.order }) {
            // The packet's own place in the order is free again, and now at its sender.
            let stamp = Stamp { time: self.now + delay, dest: from.0, source: stamp.source, order: stamp.order };
            self.queue.push(stamp, Pending { cause, input: Input::Unreachable { peer: to } });
        }
    }

    /// The sender hears that `other` could not be reached.
    pub(crate) fn unreachable(&mut self, peer: Peer, other: Peer, cause: Cause) {
        if !self.is_up(peer) {
            self.ignored += 1;
            return;
        }
        let cause = self.log.note(self.now, peer, cause, |_| What::Unreachable { peer: other });
        self.handle(peer, cause, |protocol, cx| protocol.on_unreachable(other, cx));
    }
}
