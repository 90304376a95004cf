//! Large messages as flows: access links are shared max-min fairly, whatever else happens.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod common;

use core::time::Duration;

use common::{Order, Sim, ms, world};
use peerglass_core::{Peer, Time};
use peerglass_sim::{Access, Network, PeerFault, Stop};
use peerglass_trace::DropCause;

const MEGABYTE: u64 = 1_000_000;

/// 8 Mbit/s both ways, so a megabyte takes a second alone; 50 ms between any two peers.
fn network() -> Network {
    Network { access: Access::of(8_000_000, 8_000_000), bulk: Some(10_000), ..Network::default() }
}

fn send(sim: &mut Sim, at: Time, from: u32, to: u32, bytes: u64) {
    sim.command_at(at, Peer(from), Order::SendMany { to: Peer(to), count: 1, bytes }).unwrap();
}

fn arrivals(sim: &Sim, peer: u32) -> Vec<Time> {
    sim.peer(Peer(peer)).unwrap().heard.iter().map(|heard| heard.0).collect()
}

#[test]
fn flows_share_a_link_and_small_messages_pass_them() {
    let mut sim = world(1, 3, network());
    send(&mut sim, ms(0), 0, 1, MEGABYTE);
    send(&mut sim, ms(500), 0, 2, MEGABYTE);
    // Ten bytes wait for nobody: 10 µs on each link.
    send(&mut sim, ms(600), 0, 2, 10);
    assert_eq!(sim.run_until_idle(100), Stop::Idle);
    assert_eq!(arrivals(&sim, 1), [ms(1550)], "alone for half a second, then at half the rate");
    assert_eq!(arrivals(&sim, 2), [ms(650) + Duration::from_micros(20), ms(2050)]);
}

#[test]
fn a_narrower_link_is_felt_from_the_instant_at_which_it_gets_narrow() {
    let mut sim = world(1, 2, network());
    send(&mut sim, ms(0), 0, 1, MEGABYTE);
    sim.fault_at(ms(500), Peer(1), PeerFault::Access(Some(Access::of(8_000_000, 2_000_000)))).unwrap();
    sim.fault_at(ms(1500), Peer(1), PeerFault::Access(None)).unwrap();
    sim.run_until_idle(100);
    // Half in the first half second, a quarter in the next second, the last quarter in a quarter.
    assert_eq!(arrivals(&sim, 1), [ms(1800)]);
}

#[test]
fn who_goes_down_loses_its_flows_and_the_others_get_its_share() {
    let mut sim = world(1, 4, network());
    send(&mut sim, ms(0), 0, 1, MEGABYTE);
    send(&mut sim, ms(0), 0, 2, MEGABYTE);
    send(&mut sim, ms(0), 3, 0, MEGABYTE);
    sim.crash_at(ms(1000), Peer(1)).unwrap();
    sim.crash_at(ms(500), Peer(3)).unwrap();
    sim.run_until_idle(100);
    assert_eq!(arrivals(&sim, 2), [ms(1550)], "half at half the rate, the rest at the whole");
    assert!(arrivals(&sim, 0).is_empty() && arrivals(&sim, 1).is_empty());
    assert_eq!((sim.totals().drops(DropCause::PeerDown), sim.totals().drops(DropCause::Closed), sim.stats().in_flight), (1, 1, 0));
    assert_eq!(sim.peer(Peer(0)).unwrap().lost, [(ms(1050), Peer(1))]);
}

#[test]
fn a_fork_goes_on_with_its_flows_and_threads_do_not_show() {
    let mut sim = world(1, 8, network());
    for i in 0..8 {
        send(&mut sim, ms(u64::from(i) * 40), i, (i + 3) % 8, MEGABYTE * u64::from(i + 1));
        send(&mut sim, ms(u64::from(i) * 40), i, (i + 5) % 8, MEGABYTE);
    }
    sim.run_until(ms(700));
    let mut fork = sim.clone();
    sim.run_until(Time::from_secs(60));
    fork.run_until_on(Time::from_secs(60), 4);
    assert_eq!((0..8).map(|i| arrivals(&sim, i)).collect::<Vec<_>>(), (0..8).map(|i| arrivals(&fork, i)).collect::<Vec<_>>());
    assert_eq!((sim.totals().all().delivered, sim.stats().in_flight), (16, 0));
    assert_eq!(sim.recorder(), fork.recorder());
}
