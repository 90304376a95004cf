//! The dependency graph, cut down from cargo's metadata to what the checks ask of it.
//!
//! Metadata lists more than is ever compiled: a feature like `upnp?/tokio` brings `upnp` into it although nobody asked for `upnp`. `cargo tree` knows better, but
//! does not say which package leans on which. So the arrows come from the metadata, and the packages are those that both name.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use cargo_metadata::{DependencyKind, Metadata, PackageId};

use crate::tools::{self, Failure};

/// A package and what it depends on.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its version, for messages and bans.
    pub(crate) version: String,
    /// Whether it is a crate of this workspace.
    pub(crate) ours: bool,
    /// Its licence, as it declares it.
    pub(crate) licence: Option<String>,
    /// Keys of the packages that it links or builds with.
    pub(crate) linked: BTreeSet<String>,
    /// Keys of the packages that only its tests, examples and benches use.
    pub(crate) tests: BTreeSet<String>,
}

/// Every package, under a key that is unique.
pub(crate) type Graph = BTreeMap<String, Package>;

/// The graph that cargo resolved, over all platforms and with the features of the whole workspace.
pub(crate) fn graph(metadata: &Metadata) -> Result<Graph, Failure> {
    let arguments = ["tree", "--workspace", "--target", "all", "--edges", "normal,build,dev", "--prefix", "none", "--format", "{p}"];
    let compiled = names(&tools::quiet(&mut tools::cargo(&arguments))?);
    let mut graph = arrows(metadata);
    graph.retain(|_, package| compiled.contains(&(package.name.clone(), package.version.clone())));
    Ok(graph)
}

/// Name and version of every line of `cargo tree`: `bytes v1.12.0`, with more behind it for our own.
fn names(tree: &str) -> BTreeSet<(String, String)> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
    };
    tree.lines().filter_map(pair).collect()
}

fn arrows(metadata: &Metadata) -> Graph {
    let mut graph: Graph = metadata.packages.iter().map(|package| (package.id.repr.clone(), bare(metadata, package))).collect();
    for node in metadata.resolve.iter().flat_map(|resolve| &resolve.nodes) {
        let Some(package) = graph.get_mut(&node.id.repr) else { continue };
        for dependency in &node.deps {
            let only_tests = dependency.dep_kinds.iter().all(|kind| kind.kind == DependencyKind::Development);
            let side = if only_tests { &mut package.tests } else { &mut package.linked };
            side.insert(dependency.pkg.repr.clone());
        }
    }
    graph
}

fn bare(metadata: &Metadata, package: &cargo_metadata::Package) -> Package {
    let is = |id: &PackageId| *id == package.id;
    Package {
        name: package.name.to_string(),
        version: package.version.to_string(),
        ours: metadata.workspace_members.iter().any(is),
        licence: package.license.clone(),
        ..Package::default()
    }
}

/// Everything that `from` links, itself included, each with the shortest chain of names that leads there.
pub(crate) fn reach(graph: &Graph, from: &str) -> BTreeMap<String, Vec<String>> {
    let mut chains = BTreeMap::new();
    let mut queue = VecDeque::from([(from.to_owned(), Vec::new())]);
    while let Some((key, mut chain)) = queue.pop_front() {
        let Some(package) = graph.get(&key).filter(|_| !chains.contains_key(&key)) else { continue };
        chain.push(package.name.clone());
        queue.extend(package.linked.iter().map(|next| (next.clone(), chain.clone())));
        chains.insert(key, chain);
    }
    chains
}

/// Graphs for the tests of the checks.
#[cfg(test)]
pub(crate) mod fake {
    use super::{Graph, Package};

    /// A graph from rows of `(name, ours, linked, tests)`; keys are the names.
    pub(crate) fn graph(rows: &[(&str, bool, &[&str], &[&str])]) -> Graph {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        rows.iter()
            .map(|(name, ours, linked, tests)| {
                let package = Package {
                    name: (*name).to_owned(),
                    version: "1.0.0".to_owned(),
                    ours: *ours,
                    licence: Some("MIT".to_owned()),
                    linked: set(linked),
                    tests: set(tests),
                };
                ((*name).to_owned(), package)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_cargo_tree_are_read() {
        let pairs = names("peerglass v0.1.0 (crates/cli)\nbytes v1.12.0 (*)\n\nserde_derive v1.0.1 (proc-macro)\n");
        let expected = [("bytes", "1.12.0"), ("peerglass", "0.1.0"), ("serde_derive", "1.0.1")];
        assert_eq!(pairs.into_iter().collect::<Vec<_>>(), expected.map(|(name, version)| (name.to_owned(), version.to_owned())));
    }

    #[test]
    fn the_chain_to_a_dependency_is_the_shortest() {
        let graph = fake::graph(&[
            ("a", true, &["b", "c"], &["e"]),
            ("b", false, &["c"], &[]),
            ("c", false, &["d"], &[]),
            ("d", false, &[], &[]),
            ("e", false, &[], &[]),
        ]);
        let chains = reach(&graph, "a");
        assert_eq!(chains["d"], ["a", "c", "d"]);
        assert!(!chains.contains_key("e"), "what only tests use is not linked");
    }
}
