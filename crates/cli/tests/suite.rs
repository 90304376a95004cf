//! The conformance suite on real nodes: every case that the simulator carries out (`peerglass_lab::suite_sim`), over real sockets, disks and clocks.
//!
//! A real clock makes "once three blocks have arrived" a race that the rest of the file may win, so blocks pass a gate on their way out: those that the
//! mishap waits for go through, the others wait for the mishap. A peer dies by losing its runtime: its tasks stop where they are and say nothing to anybody.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use peerglass_lab::suite::{CASES, Case, Fetch, Meanwhile, Mishap, Step, VALUE, key};
use peerglass_node::{Get, Network, Node, Options};
use peerglass_store::{BlockSource, Cid, Dag, DiskStore, HashKind, ImportOptions, Local, ReadError, cid_of};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

const TCP: &str = "/ip4/127.0.0.1/tcp/0";
const QUIC: &str = "/ip4/127.0.0.1/udp/0/quic-v1";
/// A hang is a failure.
const LIMIT: Duration = Duration::from_secs(60);

#[test]
fn every_case_comes_out_over_tcp_as_in_the_simulator() {
    carry_out(TCP);
}

#[test]
fn every_case_comes_out_over_quic_as_in_the_simulator() {
    carry_out(QUIC);
}

/// All cases, so that one which fails does not hide another.
fn carry_out(listen: &str) {
    let failures: Vec<String> = CASES.iter().filter_map(|case| run(case, listen).err()).collect();
    assert!(failures.is_empty(), "over {listen}:\n{}", failures.join("\n"));
}

fn run(case: &Case, listen: &str) -> Result<(), String> {
    let mut world = World::new(case)?;
    for i in 0..case.peers {
        world.join(listen).map_err(|error| format!("{}: peer {i}: {error}", case.name))?;
    }
    for (i, step) in case.steps.iter().enumerate() {
        world.step(step).map_err(|error| format!("{}, step {}: {step:?}: {error}", case.name, i + 1))?;
    }
    Ok(())
}

struct World {
    directory: TempDir,
    /// Where the test itself waits.
    runtime: Runtime,
    content: Vec<u8>,
    root: Cid,
    gate: Arc<Gate>,
    peers: Vec<Peer>,
    fetches: usize,
}

struct Peer {
    node: Node,
    source: Arc<Source>,
    /// None when it is dead.
    runtime: Option<Runtime>,
}

impl World {
    fn new(case: &Case) -> Result<Self, String> {
        let content = noise(case.bytes as usize);
        let dag = Dag::of_reader(&mut &content[..], &ImportOptions::default()).map_err(text)?;
        let directory = tempfile::tempdir().map_err(text)?;
        let gate = Arc::new(Gate::default());
        Ok(Self { directory, runtime: runtime()?, content, root: *dag.root(), gate, peers: Vec::new(), fetches: 0 })
    }

    fn join(&mut self, listen: &str) -> Result<(), String> {
        let source = Arc::new(Source { store: OnceLock::new(), gate: Arc::clone(&self.gate), lies: AtomicBool::new(false) });
        let mut options = Options::new(self.path("data", self.peers.len()));
        options.network = Network::Private;
        options.listen = vec![listen.parse().map_err(text)?];
        options.source = Some(Arc::<Source>::clone(&source));
        options.stack = Some(impatient());
        let first = self.peers.first().map(|first| self.runtime.block_on(first.node.info())).transpose().map_err(text)?;
        if let Some(first) = &first {
            options.bootstrap = first.addresses.iter().filter_map(|address| address.clone().with_p2p(first.id).ok()).collect();
        }
        let runtime = runtime()?;
        let node = runtime.block_on(Node::start(options)).map_err(text)?;
        // It is set once.
        let _ = source.store.set(node.store().clone());
        let report = self.soon(node.joined())?;
        self.peers.push(Peer { node, source, runtime: Some(runtime) });
        if first.is_some() && report.contacts == 0 { Err(format!("it did not join: {report:?}")) } else { Ok(()) }
    }

    fn step(&mut self, step: &Step) -> Result<(), String> {
        match *step {
            Step::Publish { by } => by.iter().try_for_each(|peer| self.publish(*peer)),
            Step::Corrupt { peer } => {
                self.peers[peer].source.lies.store(true, Ordering::Relaxed);
                Ok(())
            }
            Step::Stop { peer } => {
                self.peers[peer].die();
                Ok(())
            }
            Step::Fetch { by, meanwhile, expect } => self.fetch(by, meanwhile, expect),
            Step::Providers { by, expect } => self.providers(by, self.root, expect),
            Step::MissingKey { by } => self.providers(by, cid_of(0x55, HashKind::Blake3, b"nobody ever shared this"), &[]),
            Step::Put { by } => match self.soon(self.peers[by].node.put_value(key(), VALUE.to_vec()))?.map_err(text)? {
                0 => Err("nobody stored it".to_owned()),
                _ => Ok(()),
            },
            Step::Get { by, expect } => {
                let value = self.soon(self.peers[by].node.get_value(key()))?.map_err(text)?;
                if value.as_deref() == expect.then_some(VALUE) { Ok(()) } else { Err(format!("{value:?}")) }
            }
        }
    }
}

impl World {
    fn publish(&self, peer: usize) -> Result<(), String> {
        let (path, node) = (self.path("shared", peer), &self.peers[peer].node);
        std::fs::write(&path, &self.content).map_err(text)?;
        let shared = self.soon(node.share(&path, ImportOptions::default(), |_| {}))?.map_err(text)?;
        if shared.imported.root != self.root {
            return Err(format!("it was shared as {} and not as {}", shared.imported.root, self.root));
        }
        match self.soon(node.announce(self.root))?.map_err(text)? {
            0 => Err("nobody was told".to_owned()),
            _ => Ok(()),
        }
    }

    fn providers(&self, by: usize, cid: Cid, expect: &[usize]) -> Result<(), String> {
        let found = self.soon(self.peers[by].node.find_providers(cid, 0))?.map_err(text)?;
        let number = |id| self.peers.iter().position(|peer| peer.node.id() == id);
        let mut numbers: Vec<_> = found.peers.iter().map(|peer| number(peer.id)).collect();
        numbers.sort_unstable();
        if numbers.iter().copied().eq(expect.iter().copied().map(Some)) { Ok(()) } else { Err(format!("found {numbers:?}")) }
    }

    fn fetch(&mut self, by: usize, meanwhile: Option<Meanwhile>, expect: Fetch) -> Result<(), String> {
        self.fetches += 1;
        let out = self.path("fetched", self.fetches);
        let (node, get) = (self.peers[by].node.clone(), Get::new(self.root, &out));
        if let Some(meanwhile) = meanwhile {
            self.gate.close_after(meanwhile.after_blocks);
        }
        let (peers, directory, gate) = (&mut self.peers, &self.directory, &self.gate);
        let mut mishap = meanwhile;
        let fetching = node.get(get, |progress| {
            if let Some(Meanwhile { what, .. }) = mishap.take_if(|mishap| progress.arrived >= mishap.after_blocks) {
                match what {
                    Mishap::Stop { peer } => peers[peer].die(),
                    Mishap::SourceChanges { peer } => change(&directory.path().join(format!("shared-{peer}"))),
                }
                gate.open();
            }
        });
        let result = self.runtime.block_on(async { tokio::time::timeout(LIMIT, fetching).await });
        self.gate.open();
        let result = result.map_err(|_| format!("no end within {LIMIT:?}"))?;
        if mishap.is_some() {
            return Err(format!("it ended before what should happen meanwhile: {result:?}"));
        }
        let (there, right) = (out.symlink_metadata().is_ok(), std::fs::read(&out).is_ok_and(|bytes| bytes == self.content));
        match (&result, expect) {
            (Ok(_), Fetch::Whole) if right => Ok(()),
            (Err(_), Fetch::Fails) if !there => Ok(()),
            _ => Err(format!("{result:?}; something is under the final name: {there}, and it is right: {right}")),
        }
    }

    fn path(&self, what: &str, number: usize) -> PathBuf {
        self.directory.path().join(format!("{what}-{number}"))
    }

    fn soon<T>(&self, what: impl Future<Output = T>) -> Result<T, String> {
        self.runtime.block_on(async { tokio::time::timeout(LIMIT, what).await }).map_err(|_| format!("it did not end within {LIMIT:?}"))
    }
}

impl Peer {
    /// Tasks are dropped where they stand, and the system closes their sockets.
    fn die(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        self.die();
    }
}

/// Lets so many blocks pass, and the rest once it is opened.
#[derive(Default)]
struct Gate {
    /// None when it is open.
    passes: Mutex<Option<u64>>,
    opened: Condvar,
}

impl Gate {
    fn close_after(&self, blocks: u64) {
        *self.passes.lock().unwrap() = Some(blocks);
    }

    fn open(&self) {
        *self.passes.lock().unwrap() = None;
        self.opened.notify_all();
    }

    fn pass(&self) {
        let passes = self.passes.lock().unwrap();
        let mut passes = self.opened.wait_while(passes, |passes| *passes == Some(0)).unwrap();
        if let Some(left) = &mut *passes {
            *left -= 1;
        }
    }
}

/// What a peer serves: its store, through the gate, or lies.
struct Source {
    store: OnceLock<DiskStore>,
    gate: Arc<Gate>,
    lies: AtomicBool,
}

impl BlockSource for Source {
    fn local(&self, cid: &Cid) -> Option<Local> {
        self.store.get()?.local(cid)
    }

    fn read(&self, cid: &Cid) -> Result<Bytes, ReadError> {
        self.gate.pass();
        let data = self.store.get().ok_or(ReadError::NotFound(*cid))?.read(cid)?;
        if !self.lies.load(Ordering::Relaxed) {
            return Ok(data);
        }
        let mut lie = data.to_vec();
        lie.iter_mut().for_each(|byte| *byte ^= 0xff);
        Ok(lie.into())
    }
}

/// Overwrites a file from beginning to end, in place.
fn change(path: &PathBuf) {
    let length = std::fs::metadata(path).unwrap().len() as usize;
    std::fs::write(path, vec![0; length]).unwrap();
}

/// The protocols of the network, with little patience: a fetch that cannot succeed should say so soon.
fn impatient() -> peerglass_stack::Config {
    let mut config = Network::Private.stack_config();
    config.transfer.patience = Duration::from_secs(4);
    config.transfer.patience_alone = Duration::from_secs(2);
    config.transfer.retry = Duration::from_millis(250);
    config.transfer.answer_default = Duration::from_secs(1);
    config.transfer.answer_max = Duration::from_secs(2);
    config
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut state = bytes as u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()
    };
    let mut content: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| next()).collect();
    content.truncate(bytes);
    content
}

fn runtime() -> Result<Runtime, String> {
    Builder::new_multi_thread().worker_threads(1).enable_all().build().map_err(text)
}

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}
