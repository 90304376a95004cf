//! Byzantine behaviour of peers of the stack.
//!
//! A Byzantine peer is an honest state machine whose effects are changed on their way out ([`Bend`]). What needs no knowledge of the protocol is
//! [`peerglass_sim::byzantine`]; here are the lies that do.

use std::sync::Arc;

use peerglass_core::{Effect, Peer, Rng};
use peerglass_kad as kad;
use peerglass_sim::byzantine::{Delay, Drop, Equivocate, Replay, Silent};
use peerglass_sim::{Bend, Bent};
use peerglass_stack::{Message, Stack};
use peerglass_store::{HashKind, cid_of};

use crate::scenario::{Behaviour, Lie};

/// How many of its messages a replaying peer remembers.
const MEMORY: usize = 64;

/// The behaviour that a scenario asks for, of `me`; `friends` are whom it names when it lies.
pub(crate) fn behaviour(behaviour: Behaviour, me: Peer, friends: &Arc<[Peer]>) -> Box<dyn Bend<Stack>> {
    match behaviour {
        Behaviour::Silent => Box::new(Silent),
        Behaviour::Delay(by) => Box::new(Delay { by: by.0 }),
        Behaviour::Replay => Box::new(Replay::new(MEMORY)),
        Behaviour::Drop(share) => Box::new(Drop { share: share.0, only: Vec::new() }),
        Behaviour::Corrupt(share) => Box::new(Corrupt { share: share.0 }),
        Behaviour::Equivocate => Box::new(Equivocate { alter: alter_contents, seed: u64::from(me.0) }),
        Behaviour::Lie(about) => Box::new(Liar { about, me, friends: Arc::clone(friends) }),
    }
}

/// Sends blocks with other bytes than they are called by: who receives one finds that its hash is that of a block nobody asked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CorruptBlocks;

impl Bend<Stack> for CorruptBlocks {
    fn bend(&mut self, mut effect: Effect<Stack>, rng: &mut Rng, out: &mut Bent<Stack>) {
        if let Effect::Send { message: Message::Transfer(message), .. } = &mut effect {
            corrupt_blocks(message, rng);
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        "corrupt blocks"
    }

    fn fork(&self) -> Box<dyn Bend<Stack>> {
        Box::new(*self)
    }
}

/// Sends some of its messages with wrong contents.
#[derive(Clone, Copy, Debug)]
struct Corrupt {
    share: f64,
}

impl Bend<Stack> for Corrupt {
    fn bend(&mut self, mut effect: Effect<Stack>, rng: &mut Rng, out: &mut Bent<Stack>) {
        if let Effect::Send { message, .. } = &mut effect
            && rng.chance(self.share)
        {
            alter_contents(message, rng);
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        "corrupt"
    }

    fn fork(&self) -> Box<dyn Bend<Stack>> {
        Box::new(*self)
    }
}

/// Lies in its answers.
#[derive(Clone, Debug)]
struct Liar {
    about: Lie,
    me: Peer,
    friends: Arc<[Peer]>,
}

impl Bend<Stack> for Liar {
    fn bend(&mut self, mut effect: Effect<Stack>, rng: &mut Rng, out: &mut Bent<Stack>) {
        if let Effect::Send { message: Message::Kad(kad::Message::Response { response, .. }), .. } = &mut effect {
            self.lie(response, rng);
        }
        out.push(effect);
    }

    fn name(&self) -> &'static str {
        match self.about {
            Lie::Contacts => "lie about contacts",
            Lie::Values => "lie about values",
            Lie::Providers => "lie about providers",
        }
    }

    fn fork(&self) -> Box<dyn Bend<Stack>> {
        Box::new(self.clone())
    }
}

impl Liar {
    fn lie(&self, response: &mut kad::Response, rng: &mut Rng) {
        match (self.about, response) {
            (Lie::Contacts, kad::Response::Nodes { closer } | kad::Response::Value { closer, .. } | kad::Response::Providers { closer, .. }) => {
                // As many friends as it would have named honest peers; without friends, nobody.
                let mut friends = self.friends.to_vec();
                rng.shuffle(&mut friends);
                friends.truncate(closer.len().max(1));
                *closer = friends;
            }
            (Lie::Values, kad::Response::Value { record: Some(record), .. }) => record.value = altered(&record.value, rng),
            (Lie::Providers, kad::Response::Providers { providers, .. }) => {
                providers.clear();
                providers.push(self.me);
                providers.extend(self.friends.iter().filter(|friend| **friend != self.me).take(8));
            }
            _ => {}
        }
    }
}

/// Turns what a message says into something else of the same form.
fn alter_contents(message: &mut Message, rng: &mut Rng) {
    match message {
        Message::Transfer(message) => corrupt_blocks(message, rng),
        Message::Kad(kad::Message::Response { response, .. }) => match response {
            kad::Response::Nodes { closer } => forget_some(closer, rng),
            kad::Response::Value { record, closer } => {
                forget_some(closer, rng);
                if let Some(record) = record {
                    record.value = altered(&record.value, rng);
                }
            }
            kad::Response::Providers { providers, closer } => {
                forget_some(closer, rng);
                forget_some(providers, rng);
            }
            kad::Response::Stored { .. } | kad::Response::Rejected => {}
        },
        Message::Kad(kad::Message::Request { .. }) => {}
    }
}

/// Leaves out half of those it would have named.
fn forget_some(peers: &mut Vec<Peer>, rng: &mut Rng) {
    rng.shuffle(peers);
    peers.truncate(peers.len() / 2);
}

/// The same bytes with one bit flipped.
fn altered(value: &[u8], rng: &mut Rng) -> Arc<[u8]> {
    let mut bytes = value.to_vec();
    let at = rng.index(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << rng.below(8);
    }
    bytes.into()
}

fn corrupt_blocks(message: &mut peerglass_transfer::Message, rng: &mut Rng) {
    for block in &mut message.blocks {
        // The CID of other bytes under the same codec.
        block.cid = cid_of(block.cid.codec(), HashKind::Blake3, &rng.bits().to_le_bytes());
    }
}
