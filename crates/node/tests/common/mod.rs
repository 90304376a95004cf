//! Nodes on loopback, in directories of their own, with a limit on every wait.

#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a part of each test binary, which uses a part of it"
)]

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use peerglass_node::{Node, Notice, Options};
use tempfile::TempDir;

pub const TCP: &str = "/ip4/127.0.0.1/tcp/0";
pub const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";

/// A hang is a failure.
pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), what).await.expect("it did not happen within a minute")
}

/// A node and the directory it lives in.
pub struct Home {
    pub node: Node,
    pub directory: TempDir,
}

impl Home {
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file with bytes that differ from block to block.
    pub fn file(&self, name: &str, bytes: usize, seed: u8) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, content(bytes, seed)).unwrap();
        path
    }

    /// Where it can be reached, with its id.
    pub async fn address(&self) -> Multiaddr {
        let info = self.node.info().await.unwrap();
        info.addresses[0].clone().with(Protocol::P2p(info.id))
    }
}

pub fn content(bytes: usize, seed: u8) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut out = Vec::with_capacity(bytes + 8);
    while out.len() < bytes {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        out.extend(state.to_le_bytes());
    }
    out.truncate(bytes);
    out
}

pub fn options(directory: &Path, listen: &str, bootstrap: &[Multiaddr]) -> Options {
    let mut options = Options::new(directory.join("data"));
    options.listen = vec![listen.parse().unwrap()];
    options.bootstrap = bootstrap.to_vec();
    options
}

pub async fn start(listen: &str, bootstrap: &[Multiaddr]) -> Home {
    let directory = tempfile::tempdir().unwrap();
    let node = Node::start(options(directory.path(), listen, bootstrap)).await.unwrap();
    Home { node, directory }
}

/// Nodes that have all joined through the first.
pub async fn network(count: usize, listen: &str) -> Vec<Home> {
    let mut nodes = vec![start(listen, &[]).await];
    let first = nodes[0].address().await;
    for _ in 1..count {
        let home = start(listen, std::slice::from_ref(&first)).await;
        let report = soon(home.node.joined()).await;
        assert!(report.contacts > 0, "{report:?}");
        nodes.push(home);
    }
    nodes
}

/// Waits for a notice that `wanted` picks.
pub async fn notice<T>(notices: &mut tokio::sync::broadcast::Receiver<Notice>, mut wanted: impl FnMut(Notice) -> Option<T>) -> T {
    soon(async {
        loop {
            match notices.recv().await {
                Ok(notice) => {
                    if let Some(found) = wanted(notice) {
                        return found;
                    }
                }
                Err(tokio::sync::broadcast::error::RecvError::Lagged(_)) => {}
                Err(error) => panic!("{error}"),
            }
        }
    })
    .await
}
