//! [`Bend`]: a Byzantine peer, as a decorator over an honest one's effects.
//!
//! ```text
//!   honest handler ──effects──▶ Bend ──other effects──▶ the world
//! ```
//!
//! A Byzantine peer is an honest state machine whose effects are changed on their way out: dropped, delayed, repeated, turned into lies. So no
//! protocol has a line of code for being evil, every protocol can be made to be, and a peer that is bent costs the honest ones nothing.
//! [`crate::byzantine`] has the behaviours that need to know no protocol.

use core::mem::take;
use core::time::Duration;

use peerglass_core::{Effect, Peer, Protocol, Rng};
use peerglass_trace::{Cause, Recorder};

use crate::fault::PeerFault;
use crate::shard::Stage;
use crate::{ControlError, Host, Simulation};

/// Sets the dice of Byzantine behaviour apart from those of handlers.
const BENDS: u64 = 0x6265_6e64_7321_2121;

/// Changes the effects of one peer.
pub trait Bend<P: Protocol>: Send {
    /// Puts into `out` what becomes of `effect`: itself, something else, several, or nothing. `rng` is of this call.
    fn bend(&mut self, effect: Effect<P>, rng: &mut Rng, out: &mut Bent<P>);

    /// What the behaviour is called in the records.
    fn name(&self) -> &'static str {
        "byzantine"
    }

    /// The same behaviour in the same state, for a fork of the simulation.
    fn fork(&self) -> Box<dyn Bend<P>>;
}

/// What becomes of a Byzantine peer's effects.
pub struct Bent<P: Protocol> {
    now: Vec<Effect<P>>,
    later: Vec<(Duration, Peer, P::Message)>,
}

impl<P: Protocol> Bent<P> {
    pub(crate) fn new() -> Self {
        Self { now: Vec::new(), later: Vec::new() }
    }

    /// This takes hold now.
    pub fn push(&mut self, effect: Effect<P>) {
        self.now.push(effect);
    }

    /// This is sent after `delay`, unless the peer has gone down by then.
    pub fn send_later(&mut self, delay: Duration, to: Peer, message: P::Message) {
        self.later.push((delay, to, message));
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Makes `peer` Byzantine from now on. Another behaviour takes the place of the one before.
    pub fn bend(&mut self, peer: Peer, behaviour: Box<dyn Bend<P>>) -> Result<(), ControlError> {
        self.fault_now(peer, PeerFault::Bend(Some(behaviour)))
    }

    /// Makes `peer` honest again. False when it was.
    pub fn unbend(&mut self, peer: Peer) -> bool {
        let bent = self.slot(peer).and_then(|slot| slot.condition.as_deref()).is_some_and(|condition| condition.bend.is_some());
        bent && self.fault_now(peer, PeerFault::Bend(None)).is_ok()
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    /// Changes the effects that the handler of `peer` has just pushed, if the peer is Byzantine.
    pub(crate) fn bend_effects(&mut self, peer: Peer, cause: Cause) {
        let seed = self.world.seed;
        let effects = take(&mut self.shard.effects.list);
        let slot = self.shard.own(peer);
        let order = slot.count + 1;
        let Some(behaviour) = slot.condition.as_deref_mut().and_then(|condition| condition.bend.as_mut()) else {
            self.shard.effects.list = effects;
            return;
        };
        let mut rng = Rng::for_step(seed ^ BENDS, peer, order);
        let mut bent = Bent::new();
        effects.into_iter().for_each(|effect| behaviour.bend(effect, &mut rng, &mut bent));
        slot.count = order;
        for (delay, to, message) in bent.later {
            self.hold(peer, delay, to, message, cause);
        }
        self.shard.effects.list = bent.now;
    }
}
