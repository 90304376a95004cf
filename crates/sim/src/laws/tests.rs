//! A protocol that says nothing, for tests that feed laws with records of their own.

use peerglass_core::{Cx, Peer, Protocol};

pub(crate) struct Mute;

impl Protocol for Mute {
    type Config = ();
    type Message = ();
    type Timer = ();
    type Command = ();
    type Event = ();
    fn start(&mut self, _: &mut Cx<'_, Self>) {}
    fn on_message(&mut self, _: Peer, (): (), _: &mut Cx<'_, Self>) {}
    fn on_timer(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_command(&mut self, (): (), _: &mut Cx<'_, Self>) {}
    fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
    fn peers(&self, _: &mut dyn FnMut(Peer)) {}
}
