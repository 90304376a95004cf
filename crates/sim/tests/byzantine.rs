//! Byzantine behaviours, NATs and chosen keys, seen from outside.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;

use common::{Order, Puppet, Word, ms, world};
use peerglass_core::{Key, Peer};
use peerglass_sim::byzantine::{Delay, Drop, Equivocate, Lie, Replay, Silent};
use peerglass_sim::{Bend, NatKind, Network, PeerFault};
use peerglass_trace::DropCause;

/// What peers 1 and 2 hear of peer 0, which says 1 to 8 to each of them and is bent like this.
fn heard(behaviour: Box<dyn Bend<Puppet>>) -> [Vec<(u64, u64)>; 2] {
    let mut sim = world(1, 3, Network::default());
    sim.fault_at(ms(5), Peer(0), PeerFault::Bend(Some(behaviour))).unwrap();
    for value in 1..=8 {
        for to in [1, 2] {
            sim.command_at(ms(10 * value), Peer(0), Order::Send { to: Peer(to), word: Word::Say { value, bytes: 1 } }).unwrap();
        }
    }
    sim.run_until_idle(1000);
    [1, 2].map(|peer| sim.peer(Peer(peer)).unwrap().heard.iter().map(|heard| (heard.0.as_nanos() / 1_000_000, heard.2)).collect())
}

fn values(heard: &[(u64, u64)]) -> Vec<u64> {
    heard.iter().map(|heard| heard.1).collect()
}

fn add(word: &mut Word, rng: &mut peerglass_core::Rng) {
    if let Word::Say { value, .. } = word {
        *value += 100 * (1 + rng.below(1000));
    }
}

#[test]
fn the_silent_say_nothing_and_the_late_say_it_late() {
    assert_eq!(heard(Box::new(Silent)), [vec![], vec![]]);
    let [late, _] = heard(Box::new(Delay { by: Duration::from_millis(500) }));
    assert_eq!(late, (1..=8).map(|value| (10 * value + 550, value)).collect::<Vec<_>>());
}

#[test]
fn who_drops_selectively_drops_what_it_selects() {
    let [some, others] = heard(Box::new(Drop { share: 0.5, only: Vec::new() }));
    assert!((1..16).contains(&(some.len() + others.len())) && some.len() + others.len() != 8 * usize::from(some.len() == 8), "{some:?} {others:?}");
    let [all, _] = heard(Box::new(Drop { share: 1.0, only: vec!["ASK"] }));
    assert_eq!(all.len(), 8);
    let [none, _] = heard(Box::new(Drop { share: 1.0, only: vec!["SAY"] }));
    assert!(none.is_empty());
}

#[test]
fn who_replays_says_more_but_nothing_new() {
    let both = heard(Box::new(Replay::new(4)));
    assert_eq!(both[0].len() + both[1].len(), 16 + 15, "from its second message on it says an old one too");
    assert!(both.iter().flatten().all(|heard| (1..=8).contains(&heard.1)));
}

#[test]
fn who_equivocates_tells_each_the_same_tale_and_both_different_ones() {
    let tale = |heard: &[(u64, u64)]| values(heard).iter().map(|value| value / 100).collect::<Vec<_>>();
    let [one, two] = heard(Box::new(Equivocate { alter: add, seed: 3 })).map(|heard| tale(&heard));
    assert!(one.iter().all(|n| *n == one[0] && *n > 0) && two.iter().all(|n| *n == two[0]) && one[0] != two[0], "{one:?} {two:?}");
    let [lies, _] = heard(Box::new(Lie { name: "lie", alter: add })).map(|heard| tale(&heard));
    assert!(lies.iter().any(|n| *n != lies[0]), "who lies at random tells no tale: {lies:?}");
}

#[test]
fn a_peer_behind_a_nat_hears_only_whom_it_has_spoken_to() {
    let mut sim = world(1, 3, Network::default());
    sim.set_nat(Peer(1), NatKind::PortRestrictedCone, Duration::from_secs(60)).unwrap();
    let say = |to, value| Order::Send { to: Peer(to), word: Word::Say { value, bytes: 1 } };
    sim.command_at(ms(0), Peer(0), say(1, 1)).unwrap();
    sim.command_at(ms(100), Peer(1), say(0, 2)).unwrap();
    sim.command_at(ms(200), Peer(0), say(1, 3)).unwrap();
    sim.command_at(ms(200), Peer(2), say(1, 4)).unwrap();
    sim.command_at(ms(61_000), Peer(0), say(1, 5)).unwrap();
    sim.run_until_idle(1000);
    let heard: Vec<u64> = sim.peer(Peer(1)).unwrap().heard.iter().map(|heard| heard.2).collect();
    assert_eq!((heard, sim.totals().drops(DropCause::Filtered)), (vec![3], 3));
    assert!(sim.peer(Peer(0)).unwrap().lost.is_empty(), "nobody tells the sender");
    assert!(sim.set_nat(Peer(1), NatKind::Symmetric, Duration::ZERO).is_err() && sim.set_nat(Peer(9), NatKind::Symmetric, Duration::MAX).is_err());
}

#[test]
fn two_peers_behind_nats_reach_each_other_by_hole_punching_unless_one_is_symmetric() {
    let punched = |one, two| {
        let mut sim = world(1, 2, Network::default());
        sim.set_nat(Peer(0), one, Duration::from_secs(60)).unwrap();
        sim.set_nat(Peer(1), two, Duration::from_secs(60)).unwrap();
        for at in [0, 100] {
            for (from, to) in [(0, 1), (1, 0)] {
                sim.command_at(ms(at), Peer(from), Order::Send { to: Peer(to), word: Word::Say { value: at, bytes: 1 } }).unwrap();
            }
        }
        sim.run_until_idle(1000);
        [0, 1].map(|peer| !sim.peer(Peer(peer)).unwrap().heard.is_empty())
    };
    use NatKind::{PortRestrictedCone, RestrictedCone, Symmetric};
    assert_eq!(punched(PortRestrictedCone, PortRestrictedCone), [true, true]);
    assert_eq!(punched(RestrictedCone, Symmetric), [true, true]);
    assert_eq!(punched(PortRestrictedCone, Symmetric), [false, false]);
    assert_eq!(punched(Symmetric, Symmetric), [false, false]);
}

#[test]
fn a_peer_can_be_put_at_a_key() {
    let mut sim = world(1, 3, Network::default());
    let (before, key) = (sim.key(Peer(0)), Key::of(b"target"));
    sim.place(Peer(2), key).unwrap();
    assert_eq!((sim.key(Peer(2)), sim.key(Peer(0))), (key, before));
    assert!(sim.place(Peer(3), key).is_err());
}
