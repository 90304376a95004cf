//! Peers that come and go: joins, crashes, and panics, which are crashes.
//!
//! ```text
//!   Waiting ──join──▶ Up ──crash, panic──▶ Down
//! ```
//!
//! A crash takes nothing with it but the peer's future: its protocol and host stay to be looked at, its messages that are under way still arrive,
//! and its timers, being of a life that is over, fire no more.

use core::any::Any;
use std::borrow::Cow;

use peerglass_core::{Peer, Protocol};
use peerglass_trace::{Recorder, What};

use crate::log::Cause;
use crate::slot::State;
use crate::{Host, Simulation};

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// A peer that waits comes up: its protocol starts, then its host.
    pub(crate) fn join(&mut self, peer: Peer) {
        let Some(slot) = self.slots.get_mut(peer.index()).filter(|slot| slot.state == State::Waiting) else {
            self.ignored += 1;
            return;
        };
        slot.state = State::Up;
        self.up += 1;
        let cause = self.log.note(self.now, peer, Cause::NONE, |_| What::Up);
        self.handle(peer, cause, |protocol, cx| protocol.start(cx));
        if self.is_up(peer) {
            self.tell(peer, cause, |host, world| host.on_start(world));
        }
    }

    /// A peer that is up goes down. What happens to a peer that is not up happens to nobody.
    pub(crate) fn crash(&mut self, peer: Peer, cause: Cause, why: Cow<'static, str>) {
        let Some(slot) = self.slots.get_mut(peer.index()).filter(|slot| slot.state == State::Up) else {
            self.ignored += 1;
            return;
        };
        slot.state = State::Down;
        slot.life += 1;
        self.up -= 1;
        self.log.note(self.now, peer, cause, |_| What::Down { why });
    }
}

/// What a panic said, for the record of the crash.
pub(crate) fn panic_message(panic: &(dyn Any + Send)) -> Cow<'static, str> {
    let said = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("panic: {}", said.unwrap_or("no message")).into()
}
