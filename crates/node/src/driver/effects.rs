//! What the stack wants done, one effect after the other.

use peerglass_core::{Effect, Peer, Time};
use peerglass_stack::{Command, Event, Message, Stack};
use peerglass_trace::Cause;

use super::Driver;
use super::requests::Answer;
use crate::notice::Notice;
use crate::swarm::Streams;

impl Driver {
    pub(super) fn apply(&mut self, effect: Effect<Stack>, now: Time, cause: Cause) {
        match effect {
            Effect::Send { to, message: Message::Kad(message) } => self.send_kad(to, message, cause),
            Effect::Send { to, message: Message::Transfer(message) } => self.send_transfer(to, message, cause),
            Effect::Wake { delay, timer } => self.timers.set(now + delay, timer, cause),
            Effect::Event(event) => self.emit(*event, cause),
            Effect::Step(mut told) => {
                self.log.step(now, cause, &mut told);
            }
        }
    }

    fn emit(&mut self, event: Event, cause: Cause) {
        let cause = self.log.event(self.clock.now(), cause, &event);
        match event {
            Event::Lookup { cid } => {
                // The queue holds more lookups than the stack has open at once; should it be full all the same, the block is not here.
                if self.lookups.try_send((cid, cause)).is_err() {
                    self.later.push_back((Command::Local { cid, found: None }, cause));
                }
            }
            Event::Joined { contacts } => {
                self.waiters.joined(contacts);
                self.tell(Notice::Joined { contacts });
            }
            Event::Mode { mode } => {
                self.serve();
                self.tell(Notice::Mode { mode });
            }
            Event::Republished { keys, peers, .. } => self.tell(Notice::Republished { keys, peers }),
            Event::Misbehaved { peer, why } => self.shut_out(peer, why),
            Event::Arrived { tag, from, .. } => {
                let from = self.book.id_of(from);
                self.waiters.answer(tag, Answer::Arrived { from });
            }
            Event::Shared { tag, replicas } => self.waiters.last(tag, Answer::Shared { replicas }),
            Event::Stored { tag, replicas } => self.waiters.last(tag, Answer::Stored { replicas }),
            Event::Fetched { tag, summary } => self.waiters.last(tag, Answer::Fetched { summary }),
            Event::FetchFailed { tag, reason } => self.waiters.last(tag, Answer::FetchFailed { reason }),
            Event::Value { tag, value } => self.waiters.last(tag, Answer::Value { value }),
            Event::Rejected { tag, why } => self.waiters.last(tag, Answer::Rejected { why }),
            Event::Nodes { tag, closest, hops, requests } => {
                let peers = self.described(&closest);
                self.waiters.last(tag, Answer::Peers { peers, done: true, hops, requests });
            }
            Event::Providers { tag, providers, done, hops } => {
                let answer = Answer::Peers { peers: self.described(&providers), done, hops, requests: 0 };
                if done {
                    self.waiters.last(tag, answer);
                } else {
                    self.waiters.answer(tag, answer);
                }
            }
        }
    }

    /// The protocols that peers may open streams of, as the mode wants it.
    pub(super) fn serve(&mut self) {
        let mut protocols = vec![crate::profile::BITSWAP];
        if self.stack.kad().mode() == peerglass_kad::Mode::Server {
            protocols.push(self.network.kad_protocol());
        }
        Streams::serve(&mut self.swarm.behaviour_mut().streams, protocols);
    }

    /// Peers with their ids and addresses, for the outside.
    fn described(&self, peers: &[Peer]) -> Vec<crate::node::PeerInfo> {
        peers.iter().filter_map(|peer| self.book.info(*peer)).collect()
    }

    /// Tells whoever listens. Nobody may.
    pub(super) fn tell(&self, notice: Notice) {
        let _ = self.notices.send(notice);
    }
}
