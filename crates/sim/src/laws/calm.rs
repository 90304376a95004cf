//! The same world on a calm day: how it would go on if nothing more went wrong.
//!
//! Some laws promise something for later: what was stored can be read again *once the network is whole*. Such a law does not wait for a quiet hour of the run; it makes
//! one, in a fork. The fork's future is nobody's but the law's, and the run goes on as if it had never been.

use core::time::Duration;
use std::collections::BTreeMap;

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{Off, Pen};

use super::View;
use crate::fault::PeerFault;
use crate::queue::Queue;
use crate::shard::{RUN, Stage};
use crate::weather::Weather;
use crate::{Host, Impairment, Loss, Simulation};

impl<P, H> View<'_, P, H>
where
    P: Protocol<Command: Clone> + Clone,
    H: Host<P> + Clone,
{
    /// A fork in which nothing more goes wrong. No packet is lost, doubled, held back or damaged, no rule of links or tap is in force, and nobody stands still, is slow or
    /// has narrowed links; who is down stays down, and who is Byzantine, behind a NAT or has a wrong clock remains so. What the run was still to do by plan, faults and commands
    /// alike, is off. It is recorded nowhere.
    #[must_use]
    pub fn calm(&self) -> Simulation<P, H, Off> {
        let mut world = self.world.clone();
        world.network.loss = Loss::None;
        world.network.impairment = Impairment::default();
        world.weather = Weather::default();
        world.taps = Vec::new();
        let shards = self.shards.to_vec();
        let (agenda, horizon) = (BTreeMap::new(), Time::MAX);
        let log = Pen::new(Off);
        let mut calm = Simulation { world, shards, log, agenda, horizon, now: self.now, peers: self.peers, asked: self.asked, rules: self.rules };
        calm.forget_plans();
        calm.mend();
        calm
    }
}

impl<P: Protocol, H: Host<P>> Simulation<P, H, Off> {
    /// Takes out of the queues what callers have asked for and has not happened yet.
    fn forget_plans(&mut self) {
        let window = self.world.network.window();
        for shard in &mut self.shards {
            let mut queue = Queue::new(window);
            while let Some((stamp, pending)) = shard.queue.pop(Time::MAX) {
                if stamp.source != RUN {
                    queue.push(stamp, pending);
                }
            }
            shard.queue = queue;
        }
    }

    /// Ends what passes by itself: standing still, being slow, narrow links.
    fn mend(&mut self) {
        for peer in (0..self.peers).map(Peer) {
            if self.shard_of(peer).own(peer).condition.is_none() {
                continue;
            }
            for fault in [PeerFault::Access(None), PeerFault::Slow { each: Duration::ZERO }] {
                let known = self.fault_now(peer, fault);
                debug_assert!(known.is_ok(), "the peers of a simulation are known to it");
            }
            let now = self.now;
            let at = peer.index() & (self.shards.len() - 1);
            let shard = &mut self.shards[at];
            if let Some(condition) = shard.own(peer).condition.as_deref_mut() {
                condition.thaw(now);
            }
            Stage { world: &self.world, shard, log: &mut self.log }.resume(peer);
        }
        self.exchange();
    }
}
