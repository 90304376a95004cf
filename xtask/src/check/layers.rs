//! Who may lean on whom. The table is the drawing of ARCHITECTURE.md as data.
//!
//! ```text
//! 5  cli  py                          -> lab, node, archive
//! 4  lab -> sim, stack, trace            node -> stack, trace, store, and tokio, libp2p            archive -> trace
//! 3  sim -> core, trace                  stack -> every protocol crate
//! 2  transfer -> core, store             chat -> core      trace -> core
//! 1  kad overlay gossip agree mesh mix -> core             store -> core
//! 0  core
//! ```
//!
//! An arrow is allowed when the table, followed downwards, leads there: who may use `stack` may also name the types of `kad` that `stack` shows. That keeps the
//! rule that matters: protocol crates never name each other, the simulator knows no protocol, and neither `lab` nor `node` knows the other.
//! Tests may lean on anything of the same rank or below.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;

use super::Verdict;
use super::dependencies::{self, Graph, Package};
use crate::tools::Failure;

/// A crate's place: its name without the prefix, its rank, and the crates it may lean on.
struct Place {
    name: &'static str,
    rank: u8,
    below: &'static [&'static str],
}

const fn place(name: &'static str, rank: u8, below: &'static [&'static str]) -> Place {
    Place { name, rank, below }
}

const TABLE: [Place; 18] = [
    place("core", 0, &[]),
    place("kad", 1, &["core"]),
    place("overlay", 1, &["core"]),
    place("gossip", 1, &["core"]),
    place("agree", 1, &["core"]),
    place("mesh", 1, &["core"]),
    place("mix", 1, &["core"]),
    place("store", 1, &["core"]),
    place("transfer", 2, &["core", "store"]),
    place("chat", 2, &["core"]),
    place("trace", 2, &["core"]),
    place("sim", 3, &["core", "trace"]),
    place("stack", 3, &["kad", "overlay", "gossip", "agree", "mesh", "mix", "transfer", "chat"]),
    place("lab", 4, &["sim", "stack", "trace"]),
    place("node", 4, &["stack", "trace", "store"]),
    place("archive", 4, &["trace"]),
    place("cli", 5, &["lab", "node", "archive"]),
    place("py", 5, &["lab", "node", "archive"]),
];

/// The first rank that may know the real world.
pub(crate) const WORLDLY: u8 = 4;

/// Crates that bring sockets, a clock or an executor, and so stay out of ranks 0 to 3. `libp2p` stands for every crate of that family.
const WORLDS: [&str; 8] = ["tokio", "libp2p", "mio", "quinn", "async-std", "smol", "async-io", "rand"];

/// The rank of the workspace's package called `package`, if it has a place.
pub(crate) fn rank(package: &str) -> Option<u8> {
    find(package).map(|place| place.rank)
}

fn find(package: &str) -> Option<&'static Place> {
    // The binary's package carries the project's name.
    let name = if package == "peerglass" { "cli" } else { package.strip_prefix("peerglass-")? };
    TABLE.iter().find(|place| place.name == name)
}

pub(crate) fn check(metadata: &Metadata) -> Result<Verdict, Failure> {
    let graph = dependencies::graph(metadata)?;
    let ours = graph.values().filter(|package| package.ours).count();
    Ok(Verdict::new(format!("{ours} crates lean only downwards, and ranks 0 to 3 on no socket, executor or dice"), judge(&graph)))
}

/// Every arrow that should not be.
fn judge(graph: &Graph) -> Vec<String> {
    let mut problems = Vec::new();
    for (key, package) in graph.iter().filter(|(_, package)| package.ours && package.name != "xtask") {
        match find(&package.name) {
            None => problems.push(format!("{} has no place in the house: give it a rank in the table of xtask/src/check/layers.rs", package.name)),
            Some(place) => {
                problems.extend(arrows(graph, package, place));
                problems.extend(tests(graph, package, place));
                problems.extend(worlds(graph, key, place));
            }
        }
    }
    problems
}

fn ours<'a>(graph: &'a Graph, keys: &'a BTreeSet<String>) -> impl Iterator<Item = &'a str> {
    keys.iter().filter_map(|key| graph.get(key)).filter(|package| package.ours).map(|package| package.name.as_str())
}

fn arrows(graph: &Graph, package: &Package, from: &Place) -> Vec<String> {
    let allowed = downwards(from);
    let forbidden = ours(graph, &package.linked).filter(|to| find(to).is_none_or(|to| !allowed.contains(to.name)));
    forbidden.map(|to| format!("{} -> {to}: the table lets {} lean on {}", package.name, from.name, list(&allowed))).collect()
}

/// The crates that the table, followed downwards, leads to.
fn downwards(from: &Place) -> BTreeSet<&'static str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&'static str> = from.below.to_vec();
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(TABLE.iter().filter(|place| place.name == name).flat_map(|place| place.below));
        }
    }
    reached
}

fn list(names: &BTreeSet<&'static str>) -> String {
    if names.is_empty() { "nothing of ours".to_owned() } else { format!("{} only", names.iter().copied().collect::<Vec<_>>().join(", ")) }
}

fn tests(graph: &Graph, package: &Package, from: &Place) -> Vec<String> {
    let above = ours(graph, &package.tests).filter(|to| find(to).is_none_or(|to| to.rank > from.rank));
    above.map(|to| format!("{} -> {to} in tests: tests may lean on rank {} and below", package.name, from.rank)).collect()
}

fn worlds(graph: &Graph, key: &str, from: &Place) -> Vec<String> {
    if from.rank >= WORLDLY {
        return Vec::new();
    }
    // Each chain is told once: where it leaves our crates, and as far as the first crate that should not be there.
    let leads_there = |chain: &Vec<String>| match chain.split_last() {
        Some((last, before)) => is_worldly(last) && !before.iter().skip(1).any(|name| is_worldly(name) || find(name).is_some()),
        None => false,
    };
    let chains = dependencies::reach(graph, key).into_values().filter(leads_there);
    chains.map(|chain| format!("{}: no crate below rank {WORLDLY} may know sockets, executors or dice", chain.join(" -> "))).collect()
}

fn is_worldly(name: &str) -> bool {
    WORLDS.contains(&name) || name.starts_with("libp2p-") || name.starts_with("tokio-")
}

#[cfg(test)]
mod tests {
    use super::super::dependencies::fake;
    use super::*;

    #[test]
    fn the_house_as_drawn_is_fine() {
        let graph = fake::graph(&[
            ("peerglass-core", true, &["sha2"], &["proptest"]),
            ("peerglass-kad", true, &["peerglass-core"], &[]),
            ("peerglass-stack", true, &["peerglass-core", "peerglass-kad"], &[]),
            ("peerglass-node", true, &["peerglass-stack", "peerglass-kad", "tokio"], &["peerglass-lab"]),
            ("peerglass-lab", true, &["peerglass-stack"], &[]),
            ("peerglass", true, &["peerglass-node", "peerglass-lab", "peerglass-core"], &[]),
            ("xtask", true, &["syn"], &[]),
            ("sha2", false, &[], &[]),
            ("syn", false, &[], &[]),
            ("tokio", false, &[], &[]),
            ("proptest", false, &["rand"], &[]),
            ("rand", false, &[], &[]),
        ]);
        assert_eq!(judge(&graph), Vec::<String>::new());
    }

    #[test]
    fn protocols_that_name_each_other_are_refused() {
        let graph = fake::graph(&[("peerglass-transfer", true, &["peerglass-kad"], &[]), ("peerglass-kad", true, &[], &[])]);
        assert_eq!(judge(&graph), ["peerglass-transfer -> peerglass-kad: the table lets transfer lean on core, store only"]);
    }

    #[test]
    fn an_arrow_upwards_or_sideways_is_refused() {
        let graph = fake::graph(&[
            ("peerglass-core", true, &["peerglass-sim"], &[]),
            ("peerglass-sim", true, &["peerglass-stack"], &[]),
            ("peerglass-stack", true, &[], &[]),
            ("peerglass-lab", true, &["peerglass-node"], &[]),
            ("peerglass-node", true, &["xtask"], &[]),
            ("xtask", true, &[], &[]),
        ]);
        let problems = judge(&graph);
        for arrow in ["core -> peerglass-sim", "sim -> peerglass-stack", "lab -> peerglass-node", "node -> xtask"] {
            assert!(problems.iter().any(|problem| problem.contains(arrow)), "{arrow} is missing in {problems:#?}");
        }
        assert_eq!(problems.len(), 4);
    }

    #[test]
    fn an_executor_below_rank_4_is_refused_however_deep_it_hides() {
        let graph = fake::graph(&[
            ("peerglass-kad", true, &["handy"], &[]),
            ("handy", false, &["handier"], &[]),
            ("handier", false, &["tokio"], &[]),
            ("tokio", false, &[], &[]),
        ]);
        let problems = judge(&graph);
        assert_eq!(problems, ["peerglass-kad -> handy -> handier -> tokio: no crate below rank 4 may know sockets, executors or dice"]);
    }

    #[test]
    fn a_forbidden_chain_is_told_once() {
        let graph = fake::graph(&[
            ("peerglass-core", true, &["tokio"], &[]),
            ("peerglass-kad", true, &["peerglass-core"], &[]),
            ("tokio", false, &["mio"], &[]),
            ("mio", false, &[], &[]),
        ]);
        assert_eq!(judge(&graph), ["peerglass-core -> tokio: no crate below rank 4 may know sockets, executors or dice"]);
    }

    #[test]
    fn the_whole_libp2p_family_counts() {
        let graph = fake::graph(&[("peerglass-store", true, &["libp2p-identity"], &[]), ("libp2p-identity", false, &[], &[])]);
        assert_eq!(judge(&graph).len(), 1);
    }

    #[test]
    fn tests_may_lean_sideways_but_not_up() {
        let side = fake::graph(&[
            ("peerglass-sim", true, &[], &["peerglass-stack", "tokio"]),
            ("peerglass-stack", true, &[], &[]),
            ("tokio", false, &[], &[]),
        ]);
        assert_eq!(judge(&side), Vec::<String>::new());
        let up = fake::graph(&[("peerglass-kad", true, &[], &["peerglass-sim"]), ("peerglass-sim", true, &[], &[])]);
        assert_eq!(judge(&up), ["peerglass-kad -> peerglass-sim in tests: tests may lean on rank 1 and below"]);
    }

    #[test]
    fn a_crate_without_a_place_is_refused() {
        assert_eq!(judge(&fake::graph(&[("peerglass-attic", true, &[], &[])])).len(), 1);
    }

    #[test]
    fn every_name_in_the_table_has_a_place_of_lower_rank() {
        for from in &TABLE {
            for name in from.below {
                let to = TABLE.iter().find(|place| place.name == *name).expect("a place");
                assert!(to.rank < from.rank, "{} -> {name}", from.name);
            }
        }
    }
}
