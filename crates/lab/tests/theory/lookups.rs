//! Lookups of random keys by random peers, and whether they found the truth.

use std::time::Duration;

use peerglass_core::{Key, Peer, Protocol, Rng};
use peerglass_kad::{Name, Target};
use peerglass_sim::{Host, HostCx, Simulation};
use peerglass_stack::{Command, Event};
use peerglass_trace::Off;

/// The local application: remembers what its peer's lookups found.
#[derive(Default)]
pub(crate) struct Found(Vec<(u64, u32, Vec<Peer>)>);

impl<P: Protocol<Event = Event>> Host<P> for Found {
    fn on_event(&mut self, event: Event, _: &mut HostCx<'_, P>) {
        if let Event::Nodes { tag, hops, closest, .. } = event {
            self.0.push((tag, hops, closest));
        }
    }
}

/// A lookup that ended.
pub(crate) struct Lookup {
    pub(crate) looker: Peer,
    pub(crate) key: Key,
    /// The length of the path to the closest peer found.
    pub(crate) hops: u32,
    /// Closest first.
    pub(crate) closest: Vec<Peer>,
}

/// Has random peers look up `count` random keys, all at once, with the dice of `seed`, and waits a minute. Every lookup ends.
pub(crate) fn look_up<P>(sim: &mut Simulation<P, Found, Off>, count: u32, seed: u64) -> Vec<Lookup>
where
    P: Protocol<Event = Event, Command = Command>,
{
    let mut rng = Rng::new(seed);
    let peers = sim.stats().peers as u64;
    let mut asked = Vec::new();
    for tag in 0..u64::from(count) {
        let mut bytes = [0; 32];
        rng.fill(&mut bytes);
        let name = Name::new(&bytes).expect("32 bytes are a name");
        let looker = Peer(rng.below(peers) as u32);
        asked.push((looker, name.key()));
        sim.command_at(sim.now(), looker, Command::FindNode { tag, target: Target::Name(name) }).expect("the peer is there");
    }
    sim.run_until(sim.now() + Duration::from_secs(60));
    let ended = asked.iter().enumerate().map(|(tag, (looker, key))| {
        let found = &sim.host(*looker).expect("the peer is there").0;
        let (_, hops, closest) = found.iter().find(|(found, ..)| *found == tag as u64).expect("every lookup ends");
        Lookup { looker: *looker, key: *key, hops: *hops, closest: closest.clone() }
    });
    ended.collect()
}

/// The share of `lookups` that found exactly the `k` closest of all `peers`, which are sorted by key, but the looker.
pub(crate) fn exact(lookups: &[Lookup], peers: &[(Key, Peer)], k: usize) -> f64 {
    let right = lookups.iter().filter(|lookup| {
        let near = neighbourhood(peers, lookup.key, k);
        let mut truly: Vec<_> = near.iter().filter(|(_, peer)| *peer != lookup.looker).map(|(key, peer)| (*key ^ lookup.key, *peer)).collect();
        truly.sort_unstable();
        lookup.closest.len() >= k && truly.iter().zip(&lookup.closest).take(k).all(|((_, truly), found)| truly == found)
    });
    right.count() as f64 / lookups.len() as f64
}

/// The smallest part of the key space around `key` that more than `k` peers are in: all others are farther than any of them.
fn neighbourhood(peers: &[(Key, Peer)], key: Key, k: usize) -> &[(Key, Peer)] {
    let mut near = peers;
    for bit in 0..Key::BITS {
        let (zeros, ones) = near.split_at(near.partition_point(|(peer, _)| !peer.bit(bit)));
        let side = if key.bit(bit) { ones } else { zeros };
        if side.len() <= k {
            break;
        }
        near = side;
    }
    near
}
