//! Properties of the lookup, in the style of rust-libp2p's `closest.rs`.

use std::collections::{BTreeMap, BTreeSet};

use peerglass_core::{Key, Rng};
use proptest::prelude::*;

use super::*;

const SHAPE: Shape = Shape { k: 20, alpha: 3, beta: 20, patience: Duration::from_secs(2), shortlist: 160, per_answer: 40 };
const ME: Peer = Peer(u32::MAX);

fn distance(peer: Peer, target: u64) -> u64 {
    (Key::derived(1, peer) ^ Key::derived(2, Peer(target as u32))).high()
}

fn near(peers: impl IntoIterator<Item = Peer>, target: u64) -> Vec<(Peer, u64)> {
    peers.into_iter().map(|peer| (peer, distance(peer, target))).collect()
}

/// A made-up network: whom each peer names, and who never answers.
struct World {
    target: u64,
    knows: BTreeMap<Peer, Vec<Peer>>,
    silent: BTreeSet<Peer>,
}

impl World {
    fn random(peers: u32, each: usize, silent: f64, seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let knows = (0..peers).map(|p| (Peer(p), (0..each).map(|_| Peer(rng.below(u64::from(peers)) as u32)).collect())).collect();
        let silent = (0..peers).map(Peer).filter(|_| rng.chance(silent)).collect();
        World { target: seed, knows, silent }
    }

    /// Runs the lookup to its end, checking what must hold at every step. Returns who was asked.
    fn run(&self, lookup: &mut Lookup, rng: &mut Rng) -> Vec<Peer> {
        let (mut asked, mut in_flight, mut now) = (Vec::new(), Vec::new(), Time::ZERO);
        loop {
            match lookup.next(now) {
                Next::Query(peer) => {
                    assert!(!asked.contains(&peer), "{peer} is asked twice");
                    assert_ne!(peer, ME);
                    asked.push(peer);
                    in_flight.push(peer);
                    assert!(lookup.in_flight() <= lookup.shape.alpha);
                }
                Next::Waiting => {
                    assert!(!in_flight.is_empty(), "it waits for nobody");
                    let peer = in_flight.swap_remove(rng.index(in_flight.len()));
                    now += Duration::from_millis(50);
                    if self.silent.contains(&peer) {
                        assert!(lookup.on_failure(peer));
                    } else {
                        let named = self.knows.get(&peer).cloned().unwrap_or_default();
                        assert!(lookup.on_answer(peer, &named, |peer| distance(peer, self.target)));
                    }
                }
                Next::Finished => break,
            }
            assert!(lookup.candidates().is_sorted_by(|a, b| a.distance < b.distance), "sorted and without duplicates");
            assert!(lookup.candidates().len() <= lookup.shape.shortlist);
        }
        asked
    }
}

/// A lookup that keeps everybody it hears of in order, and forgets nobody: the rules, without the ways to be fast.
struct Plain {
    shape: Shape,
    everybody: BTreeMap<(u64, Peer), State>,
    follow_up: bool,
}

impl Plain {
    fn reachable(&self, n: usize) -> Vec<(Peer, State)> {
        let reachable = self.everybody.iter().filter(|(_, state)| **state != State::Failed);
        reachable.take(n).map(|((_, peer), state)| (*peer, *state)).collect()
    }

    fn next(&mut self) -> Next {
        self.follow_up |= self.reachable(self.shape.beta).iter().all(|(_, state)| *state == State::Answered);
        let in_flight = self.everybody.values().filter(|state| **state == State::Waiting).count();
        let closest = self.reachable(self.shape.k);
        match closest.iter().find(|(_, state)| *state == State::Heard) {
            Some((peer, _)) if in_flight < self.shape.alpha => Next::Query(*peer),
            Some(_) => Next::Waiting,
            None if closest.iter().any(|(_, state)| *state == State::Waiting) => Next::Waiting,
            None => Next::Finished,
        }
    }

    fn hear(&mut self, named: &[Peer], target: u64) {
        if !self.follow_up {
            named.iter().for_each(|peer| _ = self.everybody.entry((distance(*peer, target), *peer)).or_insert(State::Heard));
        }
    }
}

fn shape() -> impl Strategy<Value = Shape> {
    (1usize..25, 1usize..12, 1usize..25).prop_map(|(k, alpha, beta)| Shape { k, alpha, beta: beta.min(k), shortlist: 8 * k, ..SHAPE })
}

proptest! {
    #[test]
    fn it_ends_with_the_closest_of_those_that_answered(shape in shape(), peers in 1u32..300, each in 0usize..30, silent in 0.0..0.9, seed: u64) {
        let world = World::random(peers, each, silent, seed);
        let mut lookup = Lookup::new(shape, ME, near((0..peers.min(5)).map(Peer), seed));
        let asked = world.run(&mut lookup, &mut Rng::new(seed));
        let mut answered: Vec<(Peer, u64)> = near(asked.into_iter().filter(|p| !world.silent.contains(p)), seed);
        answered.sort_by_key(|(_, distance)| *distance);
        answered.truncate(shape.k);
        let found: Vec<(Peer, u64)> = lookup.closest().map(|c| (c.peer, c.distance)).collect();
        prop_assert_eq!(found, answered);
        prop_assert!(lookup.is_finished() && lookup.next(Time::MAX) == Next::Finished);
    }

    #[test]
    fn under_full_knowledge_it_finds_exactly_the_closest(k in 1usize..25, alpha in 1usize..12, beta in 1usize..25, peers in 1u32..400, seed: u64) {
        // Everybody knows the k closest to the target; the search begins with one random peer.
        let mut all = near((0..peers).map(Peer), seed);
        all.sort_by_key(|(_, distance)| *distance);
        all.truncate(k);
        let best: Vec<Peer> = all.iter().map(|(peer, _)| *peer).collect();
        let world = World { target: seed, knows: (0..peers).map(|p| (Peer(p), best.clone())).collect(), silent: BTreeSet::new() };
        let shape = Shape { k, alpha, beta: beta.min(k), ..SHAPE };
        let mut lookup = Lookup::new(shape, ME, near([Peer((seed % u64::from(peers)) as u32)], seed));
        let asked = world.run(&mut lookup, &mut Rng::new(seed));
        prop_assert_eq!(lookup.closest().map(|c| c.peer).collect::<Vec<_>>(), best);
        prop_assert!(asked.len() <= k + 1, "nobody but the seed and the closest is asked");
    }

    #[test]
    fn it_asks_whom_a_lookup_asks_that_keeps_everybody_in_order(shape in shape(), peers in 1u32..150, each in 0usize..30, silent in 0.0..0.95, seed: u64) {
        let world = World::random(peers, each, silent, seed);
        let shape = Shape { shortlist: 1000, ..shape };
        let seeds: Vec<Peer> = (0..peers.min(1 + seed as u32 % 60)).map(Peer).collect();
        let mut plain = Plain { shape, everybody: BTreeMap::new(), follow_up: false };
        plain.hear(&seeds, seed);
        let mut lookup = Lookup::new(shape, ME, near(seeds, seed));
        let (mut rng, mut in_flight) = (Rng::new(seed), Vec::new());
        loop {
            let next = lookup.next(Time::ZERO);
            prop_assert_eq!(next, plain.next());
            match next {
                Next::Query(peer) => {
                    in_flight.push(peer);
                    plain.everybody.insert((distance(peer, seed), peer), State::Waiting);
                }
                Next::Waiting => {
                    let peer = in_flight.swap_remove(rng.index(in_flight.len()));
                    let silent = world.silent.contains(&peer);
                    plain.everybody.insert((distance(peer, seed), peer), if silent { State::Failed } else { State::Answered });
                    if silent {
                        lookup.on_failure(peer);
                    } else {
                        lookup.on_answer(peer, &world.knows[&peer], |peer| distance(peer, seed));
                        plain.hear(&world.knows[&peer], seed);
                    }
                }
                Next::Finished => break,
            }
        }
    }

    #[test]
    fn networks_smaller_than_k_are_found_whole(peers in 1u32..20, seed: u64) {
        let everybody: Vec<Peer> = (0..peers).map(Peer).collect();
        let world = World { target: seed, knows: everybody.iter().map(|p| (*p, everybody.clone())).collect(), silent: BTreeSet::new() };
        let mut lookup = Lookup::new(SHAPE, ME, near([Peer(0)], seed));
        world.run(&mut lookup, &mut Rng::new(seed));
        prop_assert_eq!(lookup.closest().count(), peers as usize);
    }

    #[test]
    fn hostile_answers_do_no_harm(seed: u64, flood in 0usize..5000, repeats in 1usize..5) {
        // One peer names thousands, the same again and again, the searcher itself, and who has answered already.
        let mut lookup = Lookup::new(SHAPE, ME, near((0..5).map(Peer), seed));
        let mut rng = Rng::new(seed);
        let mut queries = 0;
        while let Next::Query(peer) = lookup.next(Time::ZERO) {
            queries += 1;
            prop_assert!(queries <= SHAPE.shortlist, "it goes on without end");
            let named = (0..flood).map(|_| Peer(rng.bits() as u32)).chain([ME, Peer(0), peer]);
            let named: Vec<Peer> = named.collect();
            for _ in 0..repeats {
                lookup.on_answer(peer, &named, |peer| distance(peer, seed));
            }
            prop_assert!(lookup.candidates().len() <= SHAPE.shortlist);
            prop_assert!(lookup.candidates().all(|c| c.peer != ME));
        }
        prop_assert_eq!(lookup.in_flight(), 0);
    }

    #[test]
    fn slow_peers_do_not_hold_it_up_and_late_answers_count(peers in 25u32..200, seed: u64) {
        // Nobody answers until patience has ended; then the answers come in, late.
        let mut lookup = Lookup::new(SHAPE, ME, near((0..peers).map(Peer), seed));
        let mut asked = Vec::new();
        while let Next::Query(peer) = lookup.next(Time::ZERO) {
            asked.push(peer);
        }
        prop_assert_eq!(asked.len(), SHAPE.alpha);
        let later = Time::from_secs(2);
        prop_assert_eq!(lookup.patience_ends(), Some(later));
        prop_assert!(matches!(lookup.next(later), Next::Query(_)), "their slots are free");
        for peer in &asked {
            prop_assert!(lookup.on_answer(*peer, &[], |_| 0));
            prop_assert!(!lookup.on_answer(*peer, &[], |_| 0), "but only once");
        }
        prop_assert_eq!(lookup.closest().filter(|c| asked.contains(&c.peer)).count(), SHAPE.alpha);
    }
}

#[test]
fn amino_stops_after_the_three_closest_and_then_follows_up_without_hearing_more() {
    let shape = Shape { alpha: 10, beta: 3, ..SHAPE };
    let mut seeds = near((0..30).map(Peer), 1);
    seeds.sort_by_key(|(_, distance)| *distance);
    let mut lookup = Lookup::new(Shape { alpha: 3, ..shape }, ME, seeds.clone());
    let first: Vec<Next> = (0..4).map(|_| lookup.next(Time::ZERO)).collect();
    assert_eq!(first, [Next::Query(seeds[0].0), Next::Query(seeds[1].0), Next::Query(seeds[2].0), Next::Waiting]);
    for (peer, _) in &seeds[..3] {
        lookup.on_answer(*peer, &[], |_| 0);
    }
    // The follow-up: the other 17 of the 20 closest are asked too, but nobody they name comes in.
    let mut asked = 3;
    loop {
        match lookup.next(Time::ZERO) {
            Next::Query(peer) => {
                asked += 1;
                lookup.on_answer(peer, &[Peer(1000)], |peer| distance(peer, 1));
            }
            Next::Waiting => panic!("everybody answers at once"),
            Next::Finished => break,
        }
    }
    assert_eq!((asked, lookup.closest().count()), (20, 20));
    assert!(lookup.candidates().all(|c| c.peer != Peer(1000)));
}

#[test]
fn whoever_waits_in_the_reserve_is_asked_when_the_closer_ones_fail() {
    // 150 peers heard of, of whom the 100 closest are dead: more than are kept in order.
    let mut all = near((0..150).map(Peer), 1);
    let mut lookup = Lookup::new(SHAPE, ME, all.clone());
    assert!(lookup.candidates().len() < 150 && lookup.peers().count() == 150);
    all.sort_by_key(|(_, distance)| *distance);
    let world = World { target: 1, knows: BTreeMap::new(), silent: all[..100].iter().map(|(peer, _)| *peer).collect() };
    let asked = world.run(&mut lookup, &mut Rng::new(1));
    let living: Vec<Peer> = all[100..].iter().map(|(peer, _)| *peer).take(SHAPE.k).collect();
    assert_eq!(lookup.closest().map(|c| c.peer).collect::<Vec<_>>(), living);
    assert!(asked.len() <= 100 + SHAPE.k + SHAPE.alpha, "{} were asked", asked.len());
}

#[test]
fn depth_counts_the_peers_on_the_way() {
    let mut lookup = Lookup::new(Shape { alpha: 1, ..SHAPE }, ME, near([Peer(0)], 1));
    for hop in 1..=5u32 {
        let Next::Query(peer) = lookup.next(Time::ZERO) else { panic!() };
        lookup.on_answer(peer, &[Peer(hop)], |peer| distance(peer, 1));
        assert_eq!(lookup.candidates().find(|c| c.peer == Peer(hop)).map(|c| c.depth), Some(hop as u8 + 1));
    }
}

#[test]
fn a_lookup_without_seeds_is_over_at_once() {
    assert_eq!(Lookup::new(SHAPE, ME, []).next(Time::ZERO), Next::Finished);
}

#[test]
fn answers_of_strangers_are_ignored() {
    let mut lookup = Lookup::new(SHAPE, ME, near([Peer(0)], 1));
    assert!(!lookup.on_answer(Peer(7), &[Peer(8)], |peer| distance(peer, 1)));
    assert!(!lookup.on_answer(Peer(0), &[Peer(8)], |peer| distance(peer, 1)), "it was not asked yet");
    assert!(!lookup.on_failure(Peer(7)));
    assert_eq!(lookup.candidates().len(), 1);
}

#[test]
fn peers_at_one_distance_are_all_remembered_and_each_once() {
    let mut lookup = Lookup::new(SHAPE, ME, [(Peer(3), 7), (Peer(1), 7), (Peer(3), 7), (Peer(2), 7)]);
    assert_eq!(lookup.candidates().map(|c| c.peer.0).collect::<Vec<_>>(), [1, 2, 3]);
    assert_eq!(lookup.next(Time::ZERO), Next::Query(Peer(1)));
}
