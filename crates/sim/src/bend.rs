//! [`Bend`]: a Byzantine peer, as a decorator over an honest one's effects.
//!
//! ```text
//!   honest handler ──effects──▶ Bend ──other effects──▶ the world
//! ```
//!
//! A Byzantine peer is an honest state machine whose effects are changed on their way out: dropped, delayed, repeated, turned into lies. So no
//! protocol has a line of code for being evil, every protocol can be made to be, and a peer that is bent costs the honest ones nothing.

use core::mem::take;

use peerglass_core::{Effect, Peer, Protocol, Rng};
use peerglass_trace::{Recorder, What};

use crate::log::Cause;
use crate::{ControlError, Host, Simulation};

/// Sets the dice of Byzantine behaviour apart from those of handlers.
const BENDS: u64 = 0x6265_6e64_7321_2121;

/// Changes the effects of one peer.
pub trait Bend<P: Protocol>: Send {
    /// Puts into `out` what becomes of `effect`: itself, something else, several, or nothing. `rng` is of this call.
    fn bend(&mut self, effect: Effect<P>, rng: &mut Rng, out: &mut Vec<Effect<P>>);

    /// What the behaviour is called in the records.
    fn name(&self) -> &'static str {
        "byzantine"
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Makes `peer` Byzantine from now on. Another behaviour takes the place of the one before.
    pub fn bend(&mut self, peer: Peer, behaviour: Box<dyn Bend<P>>) -> Result<(), ControlError> {
        self.known(peer)?;
        let name = behaviour.name();
        self.log.note(self.now, peer, Cause::NONE, |_| What::Fault { name, detail: "its effects are changed from now on".into() });
        self.bends.insert(peer, behaviour);
        Ok(())
    }

    /// Makes `peer` honest again. False when it was.
    pub fn unbend(&mut self, peer: Peer) -> bool {
        let Some(behaviour) = self.bends.remove(&peer) else { return false };
        self.log.note(self.now, peer, Cause::NONE, |_| What::Fault { name: behaviour.name(), detail: "it is honest again".into() });
        true
    }

    /// Changes the effects that the handler of `peer` has just pushed, if the peer is Byzantine.
    pub(crate) fn bend_effects(&mut self, peer: Peer) {
        let Some(behaviour) = self.bends.get_mut(&peer) else { return };
        let mut rng = Rng::for_step(self.seed ^ BENDS, peer, self.slots[peer.index()].tick());
        let mut bent = Vec::new();
        for effect in take(&mut self.effects.list) {
            behaviour.bend(effect, &mut rng, &mut bent);
        }
        self.effects.list = bent;
    }
}
