//! [`Bulk`]: large messages as flows that share access links max-min fairly ([`crate::network::flow`]), instead of packets in queues.
//!
//! ```text
//!   send ──▶ network's verdict ──▶ flow ··· rates change as others begin and end ··· complete ──latency──▶ arrive
//! ```
//!
//! Whose peer goes down loses its flows: those that it sends are cut off, those that it receives are refused. Small messages (requests, answers) keep to the queues
//! and do not feel the flows: they are a thousandth of the bytes.
//!
//! Flows couple all peers, so a simulation that has them is computed on one thread.

use std::collections::BTreeMap;

use core::time::Duration;

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{Cause, DropCause, Recorder};

use crate::network::flow::{Flow, Flows};
use crate::queue::Stamp;
use crate::shard::{Input, Parcel, Pending, Stage, source};
use crate::{Access, Host};

/// All flows under way, and the messages they carry.
pub(crate) struct Bulk<P: Protocol> {
    /// Messages of so many bytes or more are flows.
    least: u64,
    flows: Flows,
    carried: BTreeMap<u64, Carried<P>>,
    /// How many flows there have been.
    started: u64,
}

struct Carried<P: Protocol> {
    from: Peer,
    to: Peer,
    /// The sender's counter.
    order: u64,
    /// What the network takes once the last byte has left.
    after: Duration,
    parcel: Parcel<P>,
    cause: Cause,
}

impl<P: Protocol> Clone for Carried<P> {
    fn clone(&self) -> Self {
        Self { from: self.from, to: self.to, order: self.order, after: self.after, parcel: self.parcel.clone(), cause: self.cause }
    }
}

impl<P: Protocol> Clone for Bulk<P> {
    fn clone(&self) -> Self {
        Self { least: self.least, flows: self.flows.clone(), carried: self.carried.clone(), started: self.started }
    }
}

impl<P: Protocol> Bulk<P> {
    pub(crate) fn new(least: u64) -> Self {
        Self { least, flows: Flows::new(), carried: BTreeMap::new(), started: 0 }
    }

    pub(crate) fn len(&self) -> usize {
        self.carried.len()
    }

    /// When the next flow completes.
    pub(crate) fn next(&mut self) -> Option<Time> {
        self.flows.next_completion()
    }

    /// The peer's links are these from now on.
    pub(crate) fn set_access(&mut self, now: Time, peer: Peer, access: Access) {
        self.flows.set_access(now, peer, access.up.rate, access.down.rate);
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// Whether a message of so many bytes is a flow.
    #[inline]
    pub(crate) fn is_bulk(&self, from: Peer, to: Peer, bytes: u64) -> bool {
        from != to && self.shard.bulk.as_ref().is_some_and(|bulk| bytes >= bulk.least)
    }

    /// A message sets out as a flow. It takes `after` once its last byte has left.
    pub(crate) fn start_flow(&mut self, stamp: Stamp, after: Duration, parcel: Parcel<P>, cause: Cause) {
        let (from, to, now) = (Peer(stamp.source.wrapping_sub(1)), Peer(stamp.dest), self.shard.now);
        let (up, down) = (self.access_of(from).up.rate, self.access_of(to).down.rate);
        let Some(bulk) = &mut self.shard.bulk else { return };
        bulk.started += 1;
        bulk.flows.start(now, Flow { id: bulk.started, from, to, bytes: u64::from(parcel.bytes), up, down });
        bulk.carried.insert(bulk.started, Carried { from, to, order: stamp.order, after, parcel, cause });
    }

    /// The flows that complete now have left their senders: what they carried arrives after the network's latency.
    pub(crate) fn complete_flows(&mut self, now: Time) {
        self.shard.now = self.shard.now.max(now);
        let Some(bulk) = &mut self.shard.bulk else { return };
        let done: Vec<Carried<P>> = bulk.flows.complete(now).into_iter().filter_map(|id| bulk.carried.remove(&id)).collect();
        for Carried { from, to, order, after, parcel, cause } in done {
            let stamp = Stamp { time: now + after, dest: to.0, source: source(from), order };
            // It has passed both access links.
            self.shard.push(stamp, Pending { cause, input: Input::Packet(Parcel { queued: true, ..parcel }) });
        }
    }

    /// `peer` has gone down: its flows break off.
    pub(crate) fn break_flows(&mut self, peer: Peer) {
        let now = self.shard.now;
        let Some(bulk) = &mut self.shard.bulk else { return };
        let broken: Vec<Carried<P>> =
            bulk.flows.of(peer).into_iter().filter_map(|id| bulk.flows.cancel(now, id).and(bulk.carried.remove(&id))).collect();
        for Carried { from, to, order, parcel, cause, .. } in broken {
            if from == peer {
                self.lose(from, to, &parcel.message, u64::from(parcel.bytes), DropCause::Closed, cause);
            } else {
                let stamp = Stamp { time: now, dest: to.0, source: source(from), order };
                self.refuse(from, to, stamp, &parcel, DropCause::PeerDown, cause);
            }
        }
    }

    /// The access links that `peer` has at the moment; the network's for one that does not exist.
    pub(crate) fn access_of(&self, peer: Peer) -> Access {
        self.shard.slot(peer).map_or(self.world.network.access, |slot| slot.access(&self.world.accesses))
    }
}
