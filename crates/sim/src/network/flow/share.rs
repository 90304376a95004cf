//! [`max_min`]: how links are shared fairly.
//!
//! Progressive filling (Bertsekas and Gallager: *Data Networks*, 2nd edition, 1992, section 6.5.2): the rates of all flows rise together from
//! zero until a link is full. Its flows stop there, and the others go on rising, until every flow has stopped. What comes out is the one
//! allocation in which no flow can get more without taking from one that has no more than itself.
//!
//! ```text
//!                    uplinks      flows     downlinks      the rates rise together, and stop
//!                              ╭─ a to c ─╮
//!                   a has 10 ──┤          ├── c has 60     at  5: a's uplink is full, its two flows stop
//!                              ╰─ a to d ─┼─╮
//!                              ╭─ b to c ─╯ │              at 50: b's uplink is full, its two flows stop;
//!                  b has 100 ──┤            ├─ d no limit         c's downlink has 5 left over
//!                              ╰─ b to d ───╯
//! ```
//!
//! The next link to fill up is the one with the least left for each of its flows that still rise. That share only grows while other links stop
//! flows, so a heap with outdated entries gives the right link: an entry that has grown is put back. For `f` flows over `l` links that takes
//! `O((f + l) log l)` steps in practice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// The links that a flow passes, as indices: its sender's uplink and its receiver's downlink, where they are limited.
pub(super) type Path = [Option<u32>; 2];

/// The rate of each flow, in the unit of the capacities. A flow that passes no link has no limit: its rate is infinite.
///
/// The outcome depends on the order of neither links nor flows, except for the last bits of the floats; the same order gives the same bits.
pub(super) fn max_min(capacities: &[f64], paths: &[Path]) -> Vec<f64> {
    let (mut links, passing) = fill(capacities, paths);
    let mut rates = vec![f64::INFINITY; paths.len()];
    // Shares are never negative, so their bits are in the order of their values; equal ones go by the link.
    let entry = |link: &Filling, index: u32| Reverse((link.share().to_bits(), index));
    let mut heap: BinaryHeap<_> = (0..).zip(&links).filter(|(_, link)| link.rising > 0).map(|(index, link)| entry(link, index)).collect();
    let mut level = 0.0f64;
    while let Some(Reverse((share, index))) = heap.pop() {
        let link = &links[index as usize];
        if link.rising == 0 {
            continue;
        }
        if link.share().to_bits() > share {
            heap.push(entry(link, index));
            continue;
        }
        // Rounding can make a share a hair smaller than the level that its flows have reached.
        level = level.max(f64::from_bits(share));
        for flow in &passing[link.first..link.first + link.passing] {
            let flow = *flow as usize;
            if rates[flow].is_infinite() {
                rates[flow] = level;
                paths[flow].iter().flatten().for_each(|link| links[*link as usize].stop(level));
            }
        }
    }
    rates
}

/// The links before anything rises, and the flows of each, one link's after another's: one list for all, because a list for each would cost more
/// than all the rest.
fn fill(capacities: &[f64], paths: &[Path]) -> (Vec<Filling>, Vec<u32>) {
    let mut links: Vec<Filling> = capacities.iter().map(|capacity| Filling { left: *capacity, rising: 0, first: 0, passing: 0 }).collect();
    paths.iter().flatten().flatten().for_each(|link| links[*link as usize].rising += 1);
    let mut total = 0;
    for link in &mut links {
        link.first = total;
        total += link.rising as usize;
    }
    let mut passing = vec![0; total];
    for (flow, path) in (0..).zip(paths) {
        for link in path.iter().flatten() {
            let link = &mut links[*link as usize];
            passing[link.first + link.passing] = flow;
            link.passing += 1;
        }
    }
    (links, passing)
}

/// A link while it fills up.
struct Filling {
    /// What stopped flows leave of it.
    left: f64,
    /// How many of its flows still rise.
    rising: u32,
    /// Where its flows begin in the list of all.
    first: usize,
    /// How many flows it has.
    passing: usize,
}

impl Filling {
    /// What each rising flow would get if the link filled up next.
    fn share(&self) -> f64 {
        self.left / f64::from(self.rising)
    }

    /// One of its flows stops at this rate.
    fn stop(&mut self, rate: f64) {
        self.left = (self.left - rate).max(0.0);
        self.rising -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Links with capacities, and flows over them. Few and round capacities make ties likely.
    fn network() -> impl Strategy<Value = (Vec<f64>, Vec<Path>)> {
        let capacity = prop_oneof![(1u32..5).prop_map(|c| f64::from(c) * 1e6), 1.0f64..1e9];
        (proptest::collection::vec(capacity, 1..12), proptest::collection::vec(capacity_free_path(), 0..60)).prop_map(|(capacities, paths)| {
            let n = capacities.len() as u32;
            let paths = paths.into_iter().map(|[up, down]| [up.map(|link| link % n), down.map(|link| link % n).filter(|l| up != Some(*l))]);
            let paths = paths.map(|[up, down]| if up == down { [up, None] } else { [up, down] }).collect();
            (capacities, paths)
        })
    }

    fn capacity_free_path() -> impl Strategy<Value = Path> {
        [proptest::option::weighted(0.8, 0u32..12), proptest::option::weighted(0.8, 0u32..12)]
    }

    fn load(link: u32, paths: &[Path], rates: &[f64]) -> f64 {
        paths.iter().zip(rates).filter(|(path, _)| path.contains(&Some(link))).map(|(_, rate)| rate).sum()
    }

    proptest! {
        /// The two marks of a max-min fair allocation, which no other has (Bertsekas and Gallager, section 6.5.2).
        #[test]
        fn every_flow_has_a_full_link_where_none_is_faster((capacities, paths) in network()) {
            let rates = max_min(&capacities, &paths);
            for (link, capacity) in (0..).zip(&capacities) {
                prop_assert!(load(link, &paths, &rates) <= capacity * (1.0 + 1e-9), "link {} is over its capacity", link);
            }
            for (flow, path) in paths.iter().enumerate() {
                let is_bottleneck = |link: &u32| {
                    let full = load(*link, &paths, &rates) >= capacities[*link as usize] * (1.0 - 1e-9);
                    let fastest = paths.iter().zip(&rates).filter(|(path, _)| path.contains(&Some(*link))).all(|(_, rate)| *rate <= rates[flow] * (1.0 + 1e-9));
                    full && fastest
                };
                if path.iter().flatten().count() == 0 {
                    prop_assert!(rates[flow].is_infinite());
                } else {
                    prop_assert!(rates[flow] > 0.0);
                    prop_assert!(path.iter().flatten().any(is_bottleneck), "flow {} at {} has no bottleneck", flow, rates[flow]);
                }
            }
            prop_assert_eq!(&rates, &max_min(&capacities, &paths));
        }
    }

    #[test]
    fn the_example_of_the_drawing_is_computed() {
        let (a, b, c) = (Some(0), Some(1), Some(2));
        assert_eq!(max_min(&[10.0, 100.0, 60.0], &[[a, c], [a, None], [b, c], [b, None]]), [5.0, 5.0, 50.0, 50.0]);
    }

    #[test]
    fn one_slow_flow_leaves_the_rest_of_a_link_to_the_others() {
        // The textbook's line: a link of 1 shared by three, one of which can do 0.1 elsewhere.
        let rates = max_min(&[1.0, 0.1], &[[Some(0), Some(1)], [Some(0), None], [Some(0), None]]);
        assert!((rates[0] - 0.1).abs() < 1e-12 && (rates[1] - 0.45).abs() < 1e-12 && (rates[2] - 0.45).abs() < 1e-12);
    }

    #[test]
    fn a_link_without_capacity_stops_its_flows() {
        assert_eq!(max_min(&[0.0, 8.0], &[[Some(0), Some(1)], [None, Some(1)]]), [0.0, 8.0]);
    }
}
