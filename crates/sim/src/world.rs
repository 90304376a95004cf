//! [`World`]: what all peers share and no event changes. Shards on several threads read it at the same time; it changes only between windows.

use std::borrow::Cow;
use std::sync::Arc;

use peerglass_core::{Acquaintances, Key, KeySeed, Known, Peer, Protocol, Rng};

use crate::weather::Weather;
use crate::{Access, LinkFault, Network};

/// Looks at every packet that a peer sends, and meddles with it: not at all, in one way, or in several.
///
/// It must be a pure function of what it is shown, or the run is no longer one of its seed: it is called on several threads.
pub type Tap<P> = Arc<dyn Fn(&Sight<'_, P>) -> Vec<Meddling<<P as Protocol>::Message>> + Send + Sync>;

/// What a [`Tap`] does to a packet.
#[derive(Clone, Debug, PartialEq)]
pub enum Meddling<M> {
    /// What may befall a packet on any link: it is dropped, held, doubled, damaged.
    Fault(LinkFault),
    /// It is dropped, and this is sent in its place.
    Replace(M),
    /// This is sent too, in the sender's name, to whom one likes.
    Inject {
        /// For whom.
        to: Peer,
        /// What.
        message: M,
    },
}

impl<M> From<LinkFault> for Meddling<M> {
    fn from(fault: LinkFault) -> Self {
        Meddling::Fault(fault)
    }
}

/// What is understood of a message some of whose bits have flipped, or why the codec rejects it.
///
/// Like a [`Tap`] it must be a pure function: of what it is shown, and of the dice.
pub type Garble<P> = fn(&Sight<'_, P>, &mut Rng) -> Result<<P as Protocol>::Message, Cow<'static, str>>;

/// Appends the bytes of a message on the wire, as far as they exist: its frame, or the first bytes of it. Only asked where records hold them
/// ([`Capture::Wire`](peerglass_trace::Capture::Wire)).
pub type Encode<P> = fn(&Sight<'_, P>, &mut Vec<u8>);

/// What a [`Tap`], a [`Garble`] and an [`Encode`] are shown.
pub struct Sight<'a, P: Protocol> {
    /// When it is sent.
    pub time: peerglass_core::Time,
    /// Its sender.
    pub from: Peer,
    /// Its receiver.
    pub to: Peer,
    /// What is said.
    pub message: &'a P::Message,
    /// Its size on the wire.
    pub bytes: u64,
}

pub(crate) struct World<P: Protocol> {
    pub(crate) seed: u64,
    pub(crate) config: Arc<P::Config>,
    pub(crate) network: Network,
    pub(crate) wire_len: fn(&P::Message) -> u64,
    pub(crate) garble: Option<Garble<P>>,
    pub(crate) encode: Option<Encode<P>>,
    /// The kinds of access links that peers have; the first is the network's.
    pub(crate) accesses: Vec<Access>,
    pub(crate) weather: Weather,
    pub(crate) taps: Vec<Tap<P>>,
    pub(crate) placed: Arc<Placed>,
}

impl<P: Protocol> World<P> {
    /// Where everybody sits in the key space.
    #[inline]
    pub(crate) fn acquaintances(&self) -> Acquaintances<'_> {
        if self.placed.keys.is_empty() { Acquaintances::Derived(self.placed.seed) } else { Acquaintances::Known(&*self.placed) }
    }
}

/// Keys of peers that have chosen theirs: Sybils around a target. All others have keys that derive from the seed.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    seed: KeySeed,
    /// The first peer that has chosen. Attackers are mostly added last, so the honest cost nothing.
    first: u32,
    keys: Vec<Option<Key>>,
}

impl Placed {
    /// Nobody has chosen.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed: KeySeed::new(seed), first: 0, keys: Vec::new() }
    }

    pub(crate) fn place(&mut self, peer: Peer, key: Key) {
        if self.keys.is_empty() {
            self.first = peer.0;
        }
        if peer.0 < self.first {
            let before = (self.first - peer.0) as usize;
            self.keys.splice(0..0, core::iter::repeat_n(None, before));
            self.first = peer.0;
        }
        let at = (peer.0 - self.first) as usize;
        if at >= self.keys.len() {
            self.keys.resize(at + 1, None);
        }
        self.keys[at] = Some(key);
    }
}

impl Known for Placed {
    fn key(&self, peer: Peer) -> Key {
        let chosen = peer.0.checked_sub(self.first).and_then(|at| *self.keys.get(at as usize)?);
        chosen.unwrap_or_else(|| self.seed.key(peer))
    }
}

impl<P: Protocol> Clone for World<P> {
    fn clone(&self) -> Self {
        Self {
            seed: self.seed,
            config: Arc::clone(&self.config),
            network: self.network.clone(),
            wire_len: self.wire_len,
            garble: self.garble,
            encode: self.encode,
            accesses: self.accesses.clone(),
            weather: self.weather.clone(),
            taps: self.taps.clone(),
            placed: Arc::clone(&self.placed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_has_chosen_a_key_has_it_and_nobody_else() {
        let mut placed = Placed::new(7);
        let key = |i| Key::of(&[i]);
        for (peer, at) in [(5, 1), (9, 2), (3, 3), (5, 4)] {
            placed.place(Peer(peer), key(at));
        }
        let honest = |peer| Key::derived(7, Peer(peer));
        let expected = [honest(2), key(3), honest(4), key(4), honest(6), honest(7), honest(8), key(2), honest(10)];
        assert_eq!((2..=10).map(|peer| Known::key(&placed, Peer(peer))).collect::<Vec<_>>(), expected);
    }
}
