//! What callers ask of a simulation in the way of faults ([`crate::fault`]): at an exact time, for a peer, for links, or by code.

use std::sync::Arc;

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::Recorder;

use crate::engine::{Act, Deed};
use crate::fault::{LinkRule, PeerFault};
use crate::shard::{Input, Stage};
use crate::weather::RuleId;
use crate::world::{Encode, Garble, Tap};
use crate::{ControlError, Host, Simulation};

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Takes `peer` down at `time`, or now if that is past. Nothing happens to a peer that is not up then.
    pub fn crash_at(&mut self, time: Time, peer: Peer) -> Result<(), ControlError> {
        self.fault_at(time, peer, PeerFault::Crash)
    }

    /// Has a fault befall `peer` at `time`, or now if that is past.
    pub fn fault_at(&mut self, time: Time, peer: Peer, fault: PeerFault<P, H>) -> Result<(), ControlError> {
        self.known(peer)?;
        fault.check()?;
        self.ask(time, peer, Input::Fault(Box::new(fault)));
        Ok(())
    }

    /// Has a fault befall `peer` at once, before the next event.
    pub fn fault_now(&mut self, peer: Peer, fault: PeerFault<P, H>) -> Result<(), ControlError> {
        self.known(peer)?;
        fault.check()?;
        let at = peer.index() & (self.shards.len() - 1);
        let shard = &mut self.shards[at];
        shard.now = self.now;
        Stage { world: &self.world, shard, log: &mut self.log }.strike(peer, fault);
        self.exchange();
        Ok(())
    }

    /// Sets a rule of links at `time`, or now if that is past. It holds until it is lifted.
    pub fn rule_at(&mut self, time: Time, rule: LinkRule) -> Result<RuleId, ControlError> {
        rule.check()?;
        self.rules += 1;
        let id = RuleId(self.rules);
        self.put_on_agenda(time, Act::Set(id, rule));
        Ok(id)
    }

    /// Lifts a rule at `time`, or now if that is past. Nothing happens if it does not hold then.
    pub fn lift_at(&mut self, time: Time, rule: RuleId) {
        self.put_on_agenda(time, Act::Lift(rule));
    }

    /// Does something to the whole simulation at `time`, or now if that is past, before anything else at that instant.
    ///
    /// ```text
    /// sim.do_at(Time::from_secs(5), |sim| crash everybody with fewer than five contacts)
    /// ```
    pub fn do_at(&mut self, time: Time, deed: impl Fn(&mut Self) + Send + Sync + 'static) {
        let deed: Deed<P, H, R> = Arc::new(deed);
        self.put_on_agenda(time, Act::Do(deed));
    }

    /// Sends `message` to `to` in the name of `from` at `time`, or now if that is past, as somebody would who has that peer's keys. Nothing happens while `from` is not up:
    /// the dead do not speak. No tap sees it.
    pub fn inject_at(&mut self, time: Time, from: Peer, to: Peer, message: P::Message) -> Result<(), ControlError> {
        self.known(from)?;
        self.ask(time, from, Input::Injected(Box::new((to, message))));
        Ok(())
    }

    /// Has `tap` look at every packet that peers send from now on, and meddle with it ([`Meddling`](crate::Meddling)), on top of what rules and network have in store.
    /// Several taps add up. What they put in place of a packet, or send beside it, no tap sees.
    ///
    /// ```text
    /// sim.tap(Arc::new(|sight| match sight.message {
    ///     Message::Vote { term, .. } if sight.from == traitor => vec![Meddling::Replace(Message::Vote { term: *term, yes: sight.to.0 % 2 == 0 })],
    ///     _ => Vec::new(),
    /// }));
    /// ```
    pub fn tap(&mut self, tap: Tap<P>) {
        self.world.taps.push(tap);
    }

    /// What becomes of messages whose bits have flipped: mostly, the true codec is run on the flipped bytes. Without it the codec is taken to notice
    /// every time, and such messages are lost.
    ///
    /// A message that is understood differently counts as delivered under the name that it then has.
    pub fn garble_with(&mut self, garble: Garble<P>) {
        self.world.garble = Some(garble);
    }

    /// How messages stand on the wire: for recorders that want their bytes, which otherwise get none.
    pub fn encode_with(&mut self, encode: Encode<P>) {
        self.world.encode = Some(encode);
    }
}
