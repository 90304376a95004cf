//! What may be linked: permissive licences only, and none of the crates that were found wanting.
//!
//! Licences are judged over all platforms and over everything that is linked or runs at build time; bans also over what tests use.

use std::collections::BTreeSet;

use cargo_metadata::Metadata;
use cargo_metadata::semver::{Version, VersionReq};
use spdx::{Expression, ParseMode};

use super::Verdict;
use super::dependencies::{self, Graph, Package};
use crate::tools::Failure;

/// Licences that ask for no more than a notice.
const PERMISSIVE: [&str; 14] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-1-Clause",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "CC0-1.0",
    "Zlib",
    "0BSD",
    "BSL-1.0",
    "Unicode-3.0",
    "Unicode-DFS-2016",
    "CDLA-Permissive-2.0",
];

/// Exceptions that widen a permissive licence.
const EXCEPTIONS: [&str; 1] = ["LLVM-exception"];

/// Crates that may not come in, by name and version, and why.
const BANNED: [(&str, &str, &str); 10] = [
    ("beetswap", "*", "it needs multihash-codetable 0.1, whose dependency was withdrawn; our own Bitswap is crates/transfer"),
    ("libp2p-stream", "*", "alpha, and without the bounds that a hostile peer asks for; see crates/node/src/swarm"),
    ("multihash-codetable", "<0.2.0", "its dependency core2 0.4 was withdrawn"),
    ("core2", "*", "withdrawn by its author"),
    ("ipfs-unixfs", "*", "unmaintained; crates/store writes and reads UnixFS"),
    ("unixfs-v1", "*", "unmaintained; crates/store writes and reads UnixFS"),
    ("failsafe", "*", "reads clock and thread generator"),
    ("figment", "*", "unmaintained; use toml with serde"),
    ("async-std", "*", "discontinued; the executor is tokio, and only in rank 4"),
    ("openssl-sys", "*", "needs a system library; TLS is rustls"),
];

pub(crate) fn check(metadata: &Metadata) -> Result<Verdict, Failure> {
    let graph = dependencies::graph(metadata)?;
    let linked = linked(&graph);
    let mut problems: Vec<String> = linked.iter().filter_map(|key| graph.get(key)).filter_map(judge).collect();
    problems.extend(graph.values().filter_map(banned));
    Ok(Verdict::new(format!("{} packages under permissive licences, none of them banned", linked.len()), problems))
}

/// Everything that some crate of ours links or builds with.
fn linked(graph: &Graph) -> BTreeSet<String> {
    let ours = graph.iter().filter(|(_, package)| package.ours).map(|(key, _)| key);
    ours.flat_map(|key| dependencies::reach(graph, key).into_keys()).collect()
}

/// What is wrong with the licence of `package`.
fn judge(package: &Package) -> Option<String> {
    let id = format!("{} {}", package.name, package.version);
    let Some(text) = &package.licence else {
        return Some(format!("{id} declares no licence: replace it, or find out and ask its author to declare one"));
    };
    let Ok(expression) = Expression::parse_mode(text, ParseMode::LAX) else {
        return Some(format!("{id}: `{text}` is no licence expression that spdx knows"));
    };
    let fine = expression.evaluate(|wanted| {
        let licence = wanted.license.id().is_some_and(|id| PERMISSIVE.contains(&id.name));
        let addition = wanted.addition.as_ref().is_none_or(|addition| addition.id().is_some_and(|id| EXCEPTIONS.contains(&id.name)));
        licence && addition
    });
    (!fine).then(|| format!("{id}: `{text}` is not permissive; the licences we link are in xtask/src/check/licences.rs"))
}

/// Why `package` may not come in.
fn banned(package: &Package) -> Option<String> {
    let version = Version::parse(&package.version).ok()?;
    let (name, versions, why) = BANNED.iter().find(|(name, versions, _)| *name == package.name && matches(versions, &version))?;
    Some(format!("{name} {version} is banned ({versions}): {why}"))
}

fn matches(versions: &str, version: &Version) -> bool {
    // To semver `*` means every release; to us, pre-releases too.
    versions == "*" || VersionReq::parse(versions).is_ok_and(|wanted| wanted.matches(version))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, version: &str, licence: Option<&str>) -> Package {
        Package { name: name.to_owned(), version: version.to_owned(), licence: licence.map(str::to_owned), ..Package::default() }
    }

    #[test]
    fn permissive_licences_pass_in_every_usual_spelling() {
        for text in
            ["MIT", "MIT OR Apache-2.0", "MIT/Apache-2.0", "(MIT OR Apache-2.0) AND Unicode-3.0", "Apache-2.0 WITH LLVM-exception", "GPL-3.0 OR MIT"]
        {
            assert_eq!(judge(&package("a", "1.0.0", Some(text))), None, "{text}");
        }
    }

    #[test]
    fn other_licences_are_refused() {
        for text in
            ["GPL-3.0-only", "AGPL-3.0", "MIT AND LGPL-2.1-or-later", "MPL-2.0", "GPL-2.0 WITH Classpath-exception-2.0", "SSPL-1.0", "as you like"]
        {
            assert!(judge(&package("a", "1.0.0", Some(text))).is_some(), "{text}");
        }
        assert!(judge(&package("a", "1.0.0", None)).is_some());
    }

    #[test]
    fn banned_crates_are_refused_by_name_and_version() {
        assert!(banned(&package("beetswap", "0.5.0", None)).is_some());
        assert!(banned(&package("libp2p-stream", "0.5.0-alpha", None)).is_some());
        assert!(banned(&package("multihash-codetable", "0.1.4", None)).is_some());
        assert!(banned(&package("multihash-codetable", "0.2.2", None)).is_none());
        assert!(banned(&package("serde", "1.0.0", None)).is_none());
    }

    #[test]
    fn every_licence_and_ban_is_one_that_the_judges_can_read() {
        for name in PERMISSIVE {
            assert!(spdx::license_id(name).is_some(), "{name}");
        }
        for (name, versions, _) in BANNED {
            assert!(VersionReq::parse(versions).is_ok(), "{name}");
        }
    }

    #[test]
    fn what_only_tests_use_is_not_judged_by_licence() {
        use super::super::dependencies::fake;
        let graph = fake::graph(&[
            ("peerglass-core", true, &["linked"], &["tested"]),
            ("linked", false, &["deep"], &[]),
            ("deep", false, &[], &[]),
            ("tested", false, &[], &[]),
        ]);
        assert_eq!(linked(&graph).into_iter().collect::<Vec<_>>(), ["deep", "linked", "peerglass-core"]);
    }
}
