//! The topology that records tell is the true state of the simulated peers, at every instant that is looked at.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use peerglass_core::Peer;
use peerglass_lab::host::LabHost;
use peerglass_lab::laws::{Laws, WatchedRun};
use peerglass_lab::{Run, Scenario};
use peerglass_sim::Law;
use peerglass_sim::laws::{Breach, Verdict, View};
use peerglass_stack::Stack;
use peerglass_trace::topology::Topology;
use peerglass_trace::{Capture, Counting, Record};

/// Compares, and counts the contacts that were compared.
struct Truth {
    topology: Topology,
    compared: Arc<AtomicUsize>,
}

impl Law<Stack, LabHost> for Truth {
    fn name(&self) -> &'static str {
        "topology"
    }

    fn says(&self) -> &'static str {
        "the topology that records tell is that of the peers"
    }

    fn on_record(&mut self, record: &Record) -> Verdict {
        self.topology.add(&record.view());
        Ok(())
    }

    fn on_look(&mut self, view: &View<'_, Stack, LabHost>) -> Verdict {
        for (peer, stack) in view.peers() {
            let told = self.topology.peers().get(peer.index());
            let up = told.is_some_and(|node| node.up);
            if up != view.alive(peer) {
                return Err(Breach::new(format!("up: {}", view.alive(peer)), format!("up: {up}")).of(peer));
            }
            if !up {
                continue;
            }
            let told: BTreeSet<Peer> = told.into_iter().flat_map(|node| &node.contacts).map(|contact| contact.peer).collect();
            let true_ones: BTreeSet<Peer> = stack.kad().table().contacts().iter().map(|contact| contact.peer).collect();
            if told != true_ones {
                return Err(Breach::new(format!("contacts {true_ones:?}"), format!("{told:?}")).of(peer));
            }
            self.compared.fetch_add(told.len(), Ordering::Relaxed);
        }
        Ok(())
    }
}

/// Compares through a whole run, and says how many contacts were compared.
fn compare(file: &str, peers: u32, seed: u64) -> usize {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs").join(file);
    let scenario = Scenario::load(&file).expect("the lab is valid").with_peers(peers);
    let laws: Laws = "panic".parse().expect("it is a law");
    let mut run: WatchedRun<Counting> = Run::watched(scenario, seed, Counting::new(Capture::Operations), &laws).expect("the lab can be run");
    let compared = Arc::new(AtomicUsize::new(0));
    run.under(Box::new(Truth { topology: Topology::new(), compared: Arc::clone(&compared) }));
    if let Some(violation) = run.run_watched(|_| true) {
        panic!("{violation}");
    }
    compared.load(Ordering::Relaxed)
}

#[test]
fn crashes_do_not_part_records_and_truth() {
    assert!(compare("first-look.toml", 100, 1) > 10_000);
}

#[test]
fn nor_does_a_bad_day_with_all_that_can_go_wrong() {
    for seed in 0..4 {
        assert!(compare("bad-day.toml", 60, seed) > 5_000);
    }
}
