//! The demo's real world: nodes on loopback, joined through the first, two of them sharing a file, one fetching it by CID alone.

use std::fs::{self, File};
use std::io::{BufWriter, Read};
use std::path::{Path, PathBuf};
use std::time::Instant;

use peerglass_lab::summary::{MessageSummary, messages};
use peerglass_node::options::BoxedRecorder;
use peerglass_node::{Get, Network, Node, Options};
use peerglass_store::{Cid, ImportOptions};
use peerglass_trace::{Csv, JsonLines, RunHeader, Tee, Totals};
use serde::Serialize;
use std::collections::BTreeMap;

use crate::failure::{Code, Failure, While};
use crate::output::{Output, Units};
use crate::running::{self, Interruption};

/// How many nodes there are.
pub(crate) const NODES: usize = 5;
/// Which of them share the file.
const SHARERS: [usize; 2] = [1, 2];
/// Which fetches it.
const FETCHER: usize = 4;

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Summary {
    pub(crate) nodes: usize,
    pub(crate) cid: String,
    pub(crate) bytes: u64,
    pub(crate) blocks: u64,
    pub(crate) sources: u32,
    pub(crate) providers_found: usize,
    pub(crate) lookup_hops: u32,
    pub(crate) join_seconds: f64,
    pub(crate) fetch_seconds: f64,
    pub(crate) verified: bool,
    pub(crate) messages: BTreeMap<String, MessageSummary>,
}

/// Runs it, leaving the nodes' records in `dir`.
pub(crate) async fn run(file: &Path, dir: &Path, interruption: &mut Interruption, output: Output) -> Result<Summary, Failure> {
    fs::create_dir_all(dir).while_doing(|| format!("make the directory {}", dir.display()))?;
    let homes = Homes(dir.join("homes"));
    let mut nodes = Vec::new();
    let result = tokio::select! {
        result = story(file, dir, &homes, &mut nodes, output) => result,
        () = interruption => Err(running::interrupted()),
    };
    for node in &nodes {
        node.shutdown().await.while_doing(|| "write all records".to_owned())?;
    }
    result
}

async fn story(file: &Path, dir: &Path, homes: &Homes, nodes: &mut Vec<Node>, output: Output) -> Result<Summary, Failure> {
    let mut summary = Summary { nodes: NODES, ..Summary::default() };
    let began = Instant::now();
    start(dir, homes, nodes).await?;
    summary.join_seconds = began.elapsed().as_secs_f64();
    output.say(format_args!("   {NODES} nodes are up, joined through the first, in {:.2} s", summary.join_seconds));

    let mut cid = None;
    for sharer in SHARERS {
        let node = &nodes[sharer];
        let shared = node.share(file, ImportOptions::default(), |_| {}).await.while_doing(|| format!("share {}", file.display()))?;
        node.announce(shared.imported.root).await.while_doing(|| "announce the file".to_owned())?;
        summary.bytes = shared.imported.bytes;
        cid = Some(shared.imported.root);
    }
    let Some(cid) = cid else { return Ok(summary) };
    summary.cid = cid.to_string();
    output.say(format_args!("   nodes 1 and 2 share it as {cid}"));

    let fetcher = &nodes[FETCHER];
    let found = fetcher.find_providers(cid, 0).await.while_doing(|| "find who has the file".to_owned())?;
    (summary.providers_found, summary.lookup_hops) = (found.peers.len(), found.hops);
    output.say(format_args!("   node {FETCHER}, knowing only the CID, finds {} providers through the DHT", found.peers.len()));
    fetch(fetcher, cid, file, dir, &mut summary, output).await?;
    summary.messages = count(nodes).await?;
    Ok(summary)
}

/// Starts the nodes on ports that the system picks.
async fn start(dir: &Path, homes: &Homes, nodes: &mut Vec<Node>) -> Result<(), Failure> {
    let mut bootstrap = Vec::new();
    for i in 0..NODES {
        let mut options = Options::new(homes.0.join(i.to_string()));
        options.network = Network::Private;
        options.listen = ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"].iter().filter_map(|address| address.parse().ok()).collect();
        options.bootstrap = bootstrap.clone();
        options.recorder = Some(recorder(dir, i).while_doing(|| format!("write records into {}", dir.display()))?);
        let node = Node::start(options).await.while_doing(|| format!("start node {i}"))?;
        if i == 0 {
            let info = node.info().await.while_doing(|| "ask node 0 for its addresses".to_owned())?;
            bootstrap = info.addresses.into_iter().filter_map(|address| address.with_p2p(info.id).ok()).collect();
        } else if node.joined().await.contacts == 0 {
            nodes.push(node);
            return Err(Failure::new(Code::Failed, format!("join node {i} to the others"), "node 0 did not answer on loopback"));
        }
        nodes.push(node);
    }
    Ok(())
}

/// Records as JSON Lines and as a CSV table, with the table's header beside it.
fn recorder(dir: &Path, node: usize) -> std::io::Result<BoxedRecorder> {
    let file = |extension: &str| File::create(dir.join(format!("node-{node}.{extension}"))).map(BufWriter::new);
    // A node's records carry the time since the Unix epoch.
    let header = RunHeader::node(&format!("node {node}"), 0);
    header.write_to(&mut file("run.json")?)?;
    Ok(Box::new(Tee(JsonLines::new(file("jsonl")?, &header), Csv::new(file("csv")?))))
}

async fn fetch(node: &Node, cid: Cid, file: &Path, dir: &Path, summary: &mut Summary, output: Output) -> Result<(), Failure> {
    let copy = dir.join("fetched");
    let bar = output.bar("fetching", Units::Bytes, summary.bytes);
    let began = Instant::now();
    let get = Get { overwrite: true, ..Get::new(cid, &copy) };
    let fetched =
        node.get(get, |progress| bar.set(progress.download.bytes, progress.download.total)).await.while_doing(|| "fetch the file".to_owned())?;
    drop(bar);
    summary.fetch_seconds = began.elapsed().as_secs_f64();
    (summary.blocks, summary.sources) = (fetched.summary.blocks, fetched.summary.sources);
    summary.verified = same(file, &copy).while_doing(|| "compare the two files".to_owned())?;
    if !summary.verified {
        return Err(Failure::new(Code::Failed, "verify the fetched file", format!("{} differs from {}", copy.display(), file.display())));
    }
    let speed = summary.bytes as f64 / summary.fetch_seconds / f64::from(1 << 20);
    output
        .say(format_args!("   fetched from {} peers in {:.2} s ({speed:.0} MiB/s), identical byte for byte", summary.sources, summary.fetch_seconds));
    Ok(())
}

/// Messages of all nodes together.
async fn count(nodes: &[Node]) -> Result<BTreeMap<String, MessageSummary>, Failure> {
    let mut all = Totals::new();
    for node in nodes {
        all.add(&node.totals().await.while_doing(|| "count messages".to_owned())?);
    }
    Ok(messages(&all))
}

/// Whether two files hold the same bytes.
fn same(a: &Path, b: &Path) -> std::io::Result<bool> {
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    if a.metadata()?.len() != b.metadata()?.len() {
        return Ok(false);
    }
    let (mut left, mut right) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        let n = a.read(&mut left)?;
        if n == 0 {
            return Ok(true);
        }
        b.read_exact(&mut right[..n])?;
        if left[..n] != right[..n] {
            return Ok(false);
        }
    }
}

/// The nodes' data directories, gone when the demo is over.
struct Homes(PathBuf);

impl Drop for Homes {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
