//! How long it takes to say who knows whom.
//!
//! Up to 100,000 peers the network is one that has joined, and its topology what its records say. Beyond, it is made up: every peer knows a hundred others.

use std::io;
use std::time::Instant;

use peerglass_core::describe::Step;
use peerglass_core::{Operation, Peer, Time};
use peerglass_trace::topology::draw::Drawing;
use peerglass_trace::topology::graph::Graph;
use peerglass_trace::topology::{Link, Topology};
use peerglass_trace::{Capture, Record, Recorder, RunHeader, What};

use super::world::World;

/// Of a made-up network.
const CONTACTS: u32 = 100;
/// The largest network that really joins.
const REAL: u32 = 100_000;

/// Keeps the topology of a run while it goes on.
#[derive(Default)]
struct Kept(Topology);

impl Recorder for Kept {
    fn wants(&self) -> Capture {
        Capture::Operations
    }

    fn record(&mut self, record: &Record) {
        self.0.add(&record.view());
    }
}

/// Measures a network of so many peers.
pub(crate) fn measure(peers: u32) {
    let real = peers <= REAL;
    let topology = if real { joined(peers) } else { made_up(peers) };
    let seconds = |clock: Instant| clock.elapsed().as_secs_f64();
    let clock = Instant::now();
    let graph = Graph::of(&topology, Link::Contact);
    let linked = seconds(clock);
    let clock = Instant::now();
    let measures = graph.measures(100);
    let measured = seconds(clock);
    let clock = Instant::now();
    let header = RunHeader::sim("bench", 1);
    let drawing = Drawing { topology: &topology, header: &header, key: None, betweenness: None };
    drawing.node_link(&mut io::BufWriter::with_capacity(1 << 20, io::sink())).expect("a sink takes everything");
    let written = seconds(clock);
    println!(
        "{peers} peers{}, {} links: graph in {linked:.3} s, measured from 100 peers in {measured:.3} s ({} parts, {:.2} hops), as JSON in {written:.3} s",
        if real { " that have joined" } else { ", made up" },
        measures.links,
        measures.components,
        measures.mean_path
    );
}

fn joined(peers: u32) -> Topology {
    let mut world = World::recorded(peers, Kept::default());
    world.join();
    world.into_recorder().0
}

fn made_up(peers: u32) -> Topology {
    let mut topology = Topology::new();
    let mut add = |peer: u32, what: What| {
        let record = Record { seq: 0, time: Time::ZERO, peer: Peer(peer), cause: None, what };
        topology.add(&record.view());
    };
    (0..peers).for_each(|peer| add(peer, What::Up));
    for peer in 0..peers {
        // Neighbours at hand and far away, all over the place.
        for contact in 1..=CONTACTS {
            let other = (u64::from(peer) + u64::from(contact).pow(3) * 7) % u64::from(peers);
            let step = Step::new("admit").with("peer", Peer(other as u32));
            add(peer, What::Step { operation: Operation { protocol: "kad", number: 0 }, step });
        }
    }
    topology
}
