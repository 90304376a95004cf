//! [`Graph`]: the links of one kind at one time, and what is usually asked of such a graph.
//!
//! Nodes are the peers that are up, numbered from 0; links go one way where one peer knows the other. Measures that need all pairs (path lengths, betweenness) or
//! all triangles are exact up to a number of sources and beyond it an estimate from evenly spread ones; the result says from how many.
//!
//! | measure | definition |
//! |---|---|
//! | components | weakly connected: directions do not count |
//! | path length | hops along links, from sources to all that they reach (breadth first) |
//! | clustering | Watts and Strogatz 1998: the share of pairs of a node's neighbours that are linked, directions not counted; the mean over nodes with two neighbours or more |
//! | betweenness | Brandes 2001, directed, not normalised |
//! | completeness | the share of the places of ideal Kademlia tables (k of each bucket, or all there are) that are taken by peers which are up |

use std::collections::VecDeque;

use peerglass_core::{Key, Peer};

use super::{Link, Topology};

/// Links among peers.
#[derive(Clone, Debug)]
pub struct Graph {
    /// The peer behind each node.
    peers: Vec<Peer>,
    /// The nodes that each node links to, in ascending order.
    to: Vec<Vec<u32>>,
}

/// What is asked of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Measures {
    /// Nodes.
    pub nodes: usize,
    /// Links.
    pub links: usize,
    /// Links that begin at a node: least, mean, most.
    pub out_degree: (usize, f64, usize),
    /// Links that end at a node: least, mean, most.
    pub in_degree: (usize, f64, usize),
    /// Weakly connected components.
    pub components: usize,
    /// Nodes of the largest.
    pub largest: usize,
    /// The mean path length, over pairs with a path.
    pub mean_path: f64,
    /// The longest shortest path that was found: the diameter if all nodes were sources.
    pub longest_path: usize,
    /// The mean clustering coefficient.
    pub clustering: f64,
    /// From so many nodes paths and clustering were measured.
    pub sources: usize,
}

impl Graph {
    /// The links of this kind among the peers that are up.
    #[must_use]
    pub fn of(topology: &Topology, kind: Link) -> Self {
        let peers: Vec<Peer> = topology.peers().iter().enumerate().filter(|(_, node)| node.up).map(|(i, _)| Peer(i as u32)).collect();
        let mut node_of = vec![u32::MAX; topology.peers().len()];
        for (node, peer) in peers.iter().enumerate() {
            node_of[peer.index()] = node as u32;
        }
        let node_of = |peer: Peer| node_of.get(peer.index()).copied().filter(|node| *node != u32::MAX);
        let mut to = vec![Vec::new(); peers.len()];
        match kind {
            Link::Contact => {
                for (peer, list) in peers.iter().zip(&mut to) {
                    list.extend(topology.peers()[peer.index()].contacts.iter().filter_map(|contact| node_of(contact.peer)));
                }
            }
            Link::Connection => {
                for (one, other, _) in topology.connections() {
                    if let (Some(one), Some(other)) = (node_of(one), node_of(other)) {
                        to[one as usize].push(other);
                        to[other as usize].push(one);
                    }
                }
            }
            Link::Transfer => {
                for (from, other, _) in topology.transfers() {
                    if let (Some(from), Some(other)) = (node_of(from), node_of(other)) {
                        to[from as usize].push(other);
                    }
                }
            }
        }
        to.iter_mut().for_each(|list| list.sort_unstable());
        Self { peers, to }
    }

    /// A graph of its links, for tests and for graphs that do not come from records. Links to nodes that are not there are left out.
    #[must_use]
    pub fn from_links(peers: Vec<Peer>, mut to: Vec<Vec<u32>>) -> Self {
        let nodes = peers.len();
        to.resize_with(nodes, Vec::new);
        for list in &mut to {
            list.retain(|node| (*node as usize) < nodes);
            list.sort_unstable();
            list.dedup();
        }
        Self { peers, to }
    }

    /// The peer behind each node.
    #[must_use]
    pub fn peers(&self) -> &[Peer] {
        &self.peers
    }

    /// The nodes that a node links to.
    #[must_use]
    pub fn links_of(&self, node: u32) -> &[u32] {
        self.to.get(node as usize).map_or(&[], Vec::as_slice)
    }

    /// How many links end at each node.
    #[must_use]
    pub fn in_degrees(&self) -> Vec<u32> {
        let mut degrees = vec![0; self.to.len()];
        self.to.iter().flatten().for_each(|node| degrees[*node as usize] += 1);
        degrees
    }

    /// The usual measures, with paths and clustering from so many nodes at most.
    #[must_use]
    pub fn measures(&self, sources: usize) -> Measures {
        let sources = self.spread(sources);
        let (mean_path, longest_path) = self.paths(&sources);
        let components = self.components();
        Measures {
            nodes: self.to.len(),
            links: self.to.iter().map(Vec::len).sum(),
            out_degree: spread(self.to.iter().map(Vec::len)),
            in_degree: spread(self.in_degrees().into_iter().map(|degree| degree as usize)),
            components: components.len(),
            largest: components.iter().copied().max().unwrap_or(0),
            mean_path,
            longest_path,
            clustering: self.clustering(&sources),
            sources: sources.len(),
        }
    }

    /// So many nodes at most, evenly spread.
    fn spread(&self, most: usize) -> Vec<u32> {
        let nodes = self.to.len();
        let wanted = most.min(nodes);
        (0..wanted).map(|i| (i * nodes / wanted) as u32).collect()
    }

    /// The sizes of the weakly connected components.
    fn components(&self) -> Vec<usize> {
        let mut parent: Vec<u32> = (0..self.to.len() as u32).collect();
        for (from, list) in self.to.iter().enumerate() {
            for to in list {
                let (one, other) = (root(&mut parent, from as u32), root(&mut parent, *to));
                parent[one.max(other) as usize] = one.min(other);
            }
        }
        let mut sizes = vec![0; parent.len()];
        for node in 0..parent.len() as u32 {
            sizes[root(&mut parent, node) as usize] += 1;
        }
        sizes.retain(|size| *size > 0);
        sizes
    }

    /// The mean and the longest of the shortest paths from `sources`.
    fn paths(&self, sources: &[u32]) -> (f64, usize) {
        let (mut pairs, mut hops, mut longest) = (0u64, 0u64, 0);
        let mut depth = vec![u32::MAX; self.to.len()];
        let mut queue = VecDeque::new();
        for source in sources {
            depth.fill(u32::MAX);
            depth[*source as usize] = 0;
            queue.push_back(*source);
            while let Some(node) = queue.pop_front() {
                let next = depth[node as usize] + 1;
                for to in &self.to[node as usize] {
                    if depth[*to as usize] == u32::MAX {
                        depth[*to as usize] = next;
                        (pairs, hops, longest) = (pairs + 1, hops + u64::from(next), longest.max(next as usize));
                        queue.push_back(*to);
                    }
                }
            }
        }
        (if pairs > 0 { hops as f64 / pairs as f64 } else { 0.0 }, longest)
    }

    /// The mean clustering coefficient of `nodes`.
    fn clustering(&self, nodes: &[u32]) -> f64 {
        let from = self.from();
        let neighbours = |node: u32| {
            let mut all: Vec<u32> = self.to[node as usize].iter().chain(&from[node as usize]).copied().filter(|other| *other != node).collect();
            all.sort_unstable();
            all.dedup();
            all
        };
        let linked =
            |one: u32, other: u32| self.to[one as usize].binary_search(&other).is_ok() || self.to[other as usize].binary_search(&one).is_ok();
        let (mut sum, mut counted) = (0.0, 0usize);
        for node in nodes {
            let around = neighbours(*node);
            if around.len() < 2 {
                continue;
            }
            let pairs = around.len() * (around.len() - 1) / 2;
            let closed: usize = (0..around.len()).map(|i| around[i + 1..].iter().filter(|other| linked(around[i], **other)).count()).sum();
            sum += closed as f64 / pairs as f64;
            counted += 1;
        }
        if counted > 0 { sum / counted as f64 } else { 0.0 }
    }

    /// The nodes that link to each node.
    fn from(&self) -> Vec<Vec<u32>> {
        let mut from = vec![Vec::new(); self.to.len()];
        for (node, list) in self.to.iter().enumerate() {
            list.iter().for_each(|to| from[*to as usize].push(node as u32));
        }
        from
    }

    /// How many shortest paths from so many sources at most go through each node. From a part of the nodes, the counts are scaled up to all.
    #[must_use]
    pub fn betweenness(&self, sources: usize) -> Vec<f64> {
        let sources = self.spread(sources);
        let nodes = self.to.len();
        let mut total = vec![0.0; nodes];
        for source in &sources {
            let mut depth = vec![u32::MAX; nodes];
            let (mut ways, mut share) = (vec![0.0f64; nodes], vec![0.0f64; nodes]);
            let mut order = Vec::new();
            let mut queue = VecDeque::from([*source]);
            (depth[*source as usize], ways[*source as usize]) = (0, 1.0);
            while let Some(node) = queue.pop_front() {
                order.push(node);
                for to in &self.to[node as usize] {
                    if depth[*to as usize] == u32::MAX {
                        depth[*to as usize] = depth[node as usize] + 1;
                        queue.push_back(*to);
                    }
                    if depth[*to as usize] == depth[node as usize] + 1 {
                        ways[*to as usize] += ways[node as usize];
                    }
                }
            }
            for node in order.into_iter().rev() {
                for to in &self.to[node as usize] {
                    if depth[*to as usize] == depth[node as usize] + 1 {
                        share[node as usize] += ways[node as usize] / ways[*to as usize] * (1.0 + share[*to as usize]);
                    }
                }
                if node != *source {
                    total[node as usize] += share[node as usize];
                }
            }
        }
        let scale = if sources.is_empty() { 1.0 } else { nodes as f64 / sources.len() as f64 };
        total.iter_mut().for_each(|count| *count *= scale);
        total
    }

    /// How much of ideal Kademlia tables the links are: of the `k` peers that each bucket could hold, or all there are, the share that it holds.
    #[must_use]
    pub fn completeness(&self, k: usize, key: impl Fn(Peer) -> Key) -> f64 {
        let keys: Vec<Key> = self.peers.iter().map(|peer| key(*peer)).collect();
        let mut sorted = keys.clone();
        sorted.sort_unstable();
        let (mut held, mut possible) = (0u64, 0u64);
        for (own, list) in keys.iter().zip(&self.to) {
            let mut buckets = [0usize; 257];
            for node in list {
                buckets[own.common_prefix(keys[*node as usize]) as usize] += 1;
            }
            // The peers that share ever more bits with this one stand together.
            let (mut low, mut high) = (0, sorted.len());
            for (bits, in_bucket) in buckets.into_iter().enumerate().take(256) {
                if high - low <= 1 {
                    break;
                }
                let one = own.bit(bits as u32);
                let middle = low + sorted[low..high].partition_point(|key| !key.bit(bits as u32));
                let others = if one { middle - low } else { high - middle };
                possible += others.min(k) as u64;
                held += in_bucket.min(others).min(k) as u64;
                (low, high) = if one { (middle, high) } else { (low, middle) };
            }
        }
        if possible > 0 { held as f64 / possible as f64 } else { 1.0 }
    }
}

fn root(parent: &mut [u32], mut node: u32) -> u32 {
    while parent[node as usize] != node {
        parent[node as usize] = parent[parent[node as usize] as usize];
        node = parent[node as usize];
    }
    node
}

/// Least, mean, most.
fn spread(numbers: impl Iterator<Item = usize> + Clone) -> (usize, f64, usize) {
    let count = numbers.clone().count();
    let mean = numbers.clone().sum::<usize>() as f64 / count.max(1) as f64;
    (numbers.clone().min().unwrap_or(0), mean, numbers.max().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(links: &[(u32, u32)], nodes: u32) -> Graph {
        let mut to = vec![Vec::new(); nodes as usize];
        links.iter().for_each(|(from, end)| to[*from as usize].push(*end));
        Graph::from_links((0..nodes).map(Peer).collect(), to)
    }

    #[test]
    fn a_ring_is_as_long_as_it_is() {
        let ring: Vec<(u32, u32)> = (0..10).map(|node| (node, (node + 1) % 10)).collect();
        let measures = graph(&ring, 10).measures(100);
        assert_eq!((measures.nodes, measures.links, measures.components, measures.largest), (10, 10, 1, 10));
        assert_eq!((measures.mean_path, measures.longest_path, measures.clustering, measures.sources), (5.0, 9, 0.0, 10));
        assert_eq!((measures.out_degree, measures.in_degree), ((1, 1.0, 1), (1, 1.0, 1)));
    }

    #[test]
    fn parts_that_are_not_linked_are_components_whatever_the_direction() {
        let measures = graph(&[(0, 1), (2, 1), (3, 4)], 6).measures(100);
        assert_eq!((measures.components, measures.largest), (3, 3));
    }

    #[test]
    fn a_triangle_with_a_tail_clusters_as_watts_and_strogatz_say() {
        // Node 0 has three neighbours, of which one pair of three is linked; nodes 1 and 2 have two, which are linked; node 3 has one.
        let measures = graph(&[(0, 1), (1, 2), (2, 0), (0, 3)], 4).measures(100);
        assert!((measures.clustering - (1.0 / 3.0 + 1.0 + 1.0) / 3.0).abs() < 1e-12);
    }

    #[test]
    fn what_lies_on_all_ways_is_between_all() {
        // 0 and 1 reach 3 and 4 only through 2: four paths, and two more that end there go through nobody.
        let through = graph(&[(0, 2), (1, 2), (2, 3), (2, 4)], 5).betweenness(100);
        assert_eq!(through, [0.0, 0.0, 4.0, 0.0, 0.0]);
        // Two ways of equal length share.
        let shared = graph(&[(0, 1), (0, 2), (1, 3), (2, 3)], 4).betweenness(100);
        assert_eq!(shared, [0.0, 0.5, 0.5, 0.0]);
    }

    #[test]
    fn complete_tables_are_complete_and_missing_places_count() {
        let keys: Vec<Key> = (0..20).map(|peer| Key::derived(7, Peer(peer))).collect();
        let key = |peer: Peer| keys[peer.index()];
        let all: Vec<(u32, u32)> = (0..20).flat_map(|one| (0..20).filter(move |other| *other != one).map(move |other| (one, other))).collect();
        assert_eq!(graph(&all, 20).completeness(20, key), 1.0);
        let half: Vec<(u32, u32)> = all.iter().copied().filter(|(one, _)| one % 2 == 0).collect();
        assert!((graph(&half, 20).completeness(20, key) - 0.5).abs() < 1e-12);
        assert_eq!(graph(&[], 20).completeness(20, key), 0.0);
        assert_eq!(graph(&[], 1).completeness(20, key), 1.0);
    }

    #[test]
    fn no_graph_at_all_has_measures() {
        let none = graph(&[], 0);
        assert_eq!((none.measures(10).components, none.betweenness(10).len()), (0, 0));
    }
}
