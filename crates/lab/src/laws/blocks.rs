//! No peer accepts a block whose hash is wrong.
//!
//! Bytes are named by their hash, and a receiver computes the name itself: bytes that were changed on the way, or by their sender, arrive as a block of another name. So
//! there is one way to accept wrong bytes, which is to take a block for a wanted one that is not. In a simulation all wanted blocks are of the run's contents, and the local
//! application notes each arrival that is not ([`LabHost::wrong`]), or that has another size than the block of its name.

use peerglass_sim::Law;
use peerglass_sim::laws::{Breach, Verdict, View};
use peerglass_stack::Stack;

use crate::host::LabHost;

/// The law of blocks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Blocks;

impl Law<Stack, LabHost> for Blocks {
    fn name(&self) -> &'static str {
        "blocks"
    }

    fn says(&self) -> &'static str {
        "no block is accepted whose hash is wrong"
    }

    fn on_look(&mut self, view: &View<'_, Stack, LabHost>) -> Verdict {
        let mut hosts = view.peers().filter_map(|(peer, _)| Some((peer, view.host(peer)?)));
        hosts.try_for_each(|(peer, host)| check(host).map_err(|breach| breach.of(peer)))
    }
}

fn check(host: &LabHost) -> Verdict {
    host.wrong.map_or(Ok(()), |(cid, count)| {
        Err(Breach::new("only blocks of the run's contents, of their sizes", format!("{cid}, the first of {count} others")))
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use peerglass_core::{Peer, Time};
    use peerglass_sim::{Host, HostCx, Network, Setup, Simulation};
    use peerglass_stack::{Config, Event, Stack, wire_len};
    use peerglass_store::{Cid, Dag, HashKind, Shape, cid_of};
    use peerglass_trace::Off;

    use super::*;
    use crate::host::Catalogue;

    /// A local application that is told of arrivals when it starts.
    struct Told(LabHost, Vec<(Cid, u32)>);

    impl Host<Stack> for Told {
        fn on_event(&mut self, _: Event, _: &mut HostCx<'_, Stack>) {}

        fn on_start(&mut self, world: &mut HostCx<'_, Stack>) {
            for (cid, size) in &self.1 {
                self.0.on_event(Event::Arrived { tag: 1, cid: *cid, size: *size, from: Peer(9) }, world);
            }
        }
    }

    fn after(arrivals: Vec<(Cid, u32)>, catalogue: &Arc<Catalogue>) -> Verdict {
        let setup = Setup { seed: 1, config: Config::default(), network: Network::default(), wire_len, recorder: Off };
        let mut simulation: Simulation<Stack, Told, Off> = Simulation::new(setup).expect("the parameters are valid");
        let stack = Stack::new(simulation.config());
        simulation.join_at(Time::ZERO, stack, Told(LabHost::new(Arc::clone(catalogue)), arrivals));
        simulation.run_until(Time::from_secs(1));
        check(&simulation.host(Peer(0)).expect("the peer is there").0)
    }

    #[test]
    fn a_block_of_another_name_or_size_breaks_the_law_and_no_other_does() {
        let dag = Dag::synthetic(1, 3 << 20, Shape::default());
        let right: Vec<(Cid, u32)> = (0..dag.len() as u32).map(|block| (*dag.cid(block), dag.size(block))).collect();
        let catalogue = Catalogue::new(vec![dag]);
        assert!(after(right.clone(), &catalogue).is_ok());
        let foreign = cid_of(0x55, HashKind::Blake3, b"other bytes");
        let broken = after(vec![right[0], (foreign, 5), (foreign, 5)], &catalogue).expect_err("two foreign blocks");
        assert!(format!("{broken:?}").contains(&format!("{foreign}, the first of 2 others")), "{broken:?}");
        assert!(after(vec![(right[1].0, right[1].1 - 1)], &catalogue).is_err());
    }
}
