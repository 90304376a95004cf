//! Who shares something before anybody else is there is found all the same, soon after others have come.

use std::time::Duration;

use peerglass_core::{Peer, Time};
use peerglass_lab::host::{Answer, Catalogue, LabHost};
use peerglass_sim::{Network, Setup, Simulation};
use peerglass_stack::{Command, Config, Stack, wire_len};
use peerglass_store::{Dag, Shape};
use peerglass_trace::Off;

#[test]
fn what_was_shared_in_an_empty_network_is_found_by_newcomers() {
    let dag = Dag::synthetic(1, 1 << 20, Shape::default());
    let root = *dag.root();
    let catalogue = Catalogue::new(vec![dag]);
    let mut config = Config::default();
    config.kad.admit_requesters = true;
    let setup = Setup { seed: 1, config, network: Network::default(), wire_len, recorder: Off };
    let mut sim: Simulation<Stack, LabHost, Off> = Simulation::new(setup).expect("the parameters are valid");
    for i in 0..5u32 {
        let at = Time::from_secs(if i == 0 { 0 } else { 60 });
        let stack = Stack::new(sim.config());
        let peer = sim.join_at(at, stack, LabHost::new(catalogue.clone()));
        let contacts = if i == 0 { Vec::new() } else { vec![Peer(0)] };
        sim.command_at(at, peer, Command::Join { contacts }).expect("the peer is there");
    }
    sim.command_at(Time::from_secs(1), Peer(0), Command::Share { tag: 1, root }).expect("the peer is there");
    // The sharer's second and later announcements come 5, 10, 20, … s after each other: by second 150 one has met the newcomers.
    sim.run_until(Time::from_secs(150));
    sim.crash_at(Time::from_secs(151), Peer(0)).expect("the peer is there");
    sim.command_at(Time::from_secs(160), Peer(4), Command::FindProviders { tag: 2, cid: root, wanted: 0 }).expect("the peer is there");
    sim.run_until(Time::from_secs(160) + Duration::from_secs(60));
    let answers = sim.host(Peer(4)).expect("the peer is there").answers();
    let found = answers.iter().find_map(|answered| if let Answer::Providers(peers) = &answered.answer { Some(peers.clone()) } else { None });
    assert_eq!(found, Some(vec![Peer(0)]), "the newcomers keep the record, also when the sharer itself cannot be asked");
}
