//! `peerglass get`: fetch by CID or ticket, verify, put in place, exit.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use peerglass_node::{Fetched, Get, GetError, Ticket, ticket};
use peerglass_store::disk::RootKind;
use peerglass_store::import::{import_path, measure};
use peerglass_store::{BlockSink, Cid, HashKind, ImportOptions, Leaf, NodeBlock, StorageError, parse_cid};
use peerglass_transfer::FetchError;
use serde::Serialize;

use crate::args::GetArgs;
use crate::failure::{Code, Failure, While};
use crate::output::{Output, Units, count};
use crate::running::{self, Home};

/// Runs the command.
pub(crate) async fn run(args: &GetArgs, output: Output) -> Result<(), Failure> {
    let what = What::parse(&args.what)?;
    let out = args.out.clone().unwrap_or_else(|| PathBuf::from(what.cid().to_string()));
    let began = Instant::now();
    if let Some(there) = there_already(*what.cid(), &out, output).await {
        let seconds = began.elapsed().as_secs_f64();
        let shown = Shown { bytes: there, bytes_found: there, seconds, ..Shown::new(&what, &out) };
        output.result(&shown, format_args!("{}: {there} bytes, verified; all of it was there already", shown.path));
        return Ok(());
    }
    let shown = fetch(args, &what, &out, output).await?;
    output.result(&shown, format_args!("{}", shown.text()));
    Ok(())
}

async fn fetch(args: &GetArgs, what: &What, out: &Path, output: Output) -> Result<Shown, Failure> {
    let mut get = match what {
        What::Cid(cid) => Get::new(*cid, out),
        What::Ticket(ticket) => Get::by_ticket(ticket, out),
    };
    get.overwrite = args.overwrite;
    let home = Home::for_getting(&args.node, what.cid())?;
    let node = running::start_patient(&args.node, &home, Duration::from_secs(args.patience), output).await?;
    let bar = output.bar("fetching", Units::Bytes, 0);
    let fetching = async {
        let progress = |progress: peerglass_node::Progress| bar.set(progress.download.bytes, progress.download.total);
        node.get(get, progress).await.map_err(|error| failure(&args.what, error))
    };
    let fetched = running::until_done(&node, fetching, output).await;
    drop(bar);
    // What is not whole is gone on with by the same command; when there is nothing to go on with, nothing is left behind.
    if !node.store().roots().is_ok_and(|roots| roots.iter().any(|root| root.kind == RootKind::Downloading)) {
        home.done();
    }
    Ok(Shown::of(what, &fetched?))
}

/// How many bytes are at `out`, if that is the content already. Found out without asking anybody, so that it also works when nobody is there.
///
/// Content that other software cut into other pieces is not recognized here, but later, by its blocks.
async fn there_already(cid: Cid, out: &Path, output: Output) -> Option<u64> {
    let options = ImportOptions { hash: HashKind::from_code(cid.hash().code())?, hidden: true, ..ImportOptions::default() };
    let (out, total) = (out.to_owned(), measure(out, &options).ok()?);
    let bar = output.bar("comparing", Units::Bytes, total);
    let import = move || {
        let progress = &mut |bytes| {
            bar.set(bytes, total);
            ControlFlow::Continue(())
        };
        import_path(&out, &options, &mut OnlyNames, progress)
    };
    let imported = tokio::task::spawn_blocking(import).await.ok()?.ok()?;
    (imported.root == cid).then_some(imported.bytes)
}

/// Takes an import's blocks and keeps none.
struct OnlyNames;

impl BlockSink for OnlyNames {
    fn wants_bytes(&self) -> bool {
        false
    }

    fn leaf(&mut self, _: Leaf<'_>) -> Result<(), StorageError> {
        Ok(())
    }

    fn node(&mut self, _: NodeBlock<'_>) -> Result<(), StorageError> {
        Ok(())
    }
}

/// What a person may name.
enum What {
    Cid(Cid),
    Ticket(Box<Ticket>),
}

impl What {
    fn parse(text: &str) -> Result<Self, Failure> {
        let text = text.trim();
        if text.starts_with(ticket::PREFIX) {
            text.parse().map(Box::new).map(What::Ticket).blaming_input(|| "read the ticket".to_owned())
        } else {
            parse_cid(text).map(What::Cid).blaming_input(|| "read what to get".to_owned())
        }
    }

    fn cid(&self) -> &Cid {
        match self {
            What::Cid(cid) => cid,
            What::Ticket(ticket) => &ticket.cid,
        }
    }
}

/// Nobody has it is another ending than something went wrong.
fn failure(what: &str, error: GetError) -> Failure {
    let code = match &error {
        GetError::Fetch(FetchError::NoSources | FetchError::AllSourcesFailed { .. }) => Code::NotFound,
        _ => Code::Failed,
    };
    Failure::new(code, format!("get {}", short(what)), error)
}

/// Tickets are long; errors should not be.
fn short(what: &str) -> String {
    if what.chars().count() <= 70 { what.to_owned() } else { what.chars().take(24).chain(['…']).collect() }
}

#[derive(Serialize)]
struct Shown {
    cid: String,
    path: String,
    bytes: u64,
    bytes_received: u64,
    bytes_found: u64,
    blocks: u64,
    sources: u32,
    seconds: f64,
}

impl Shown {
    fn new(what: &What, path: &Path) -> Self {
        let (cid, path) = (what.cid().to_string(), path.display().to_string());
        Self { cid, path, bytes: 0, bytes_received: 0, bytes_found: 0, blocks: 0, sources: 0, seconds: 0.0 }
    }

    fn of(what: &What, fetched: &Fetched) -> Self {
        let summary = &fetched.summary;
        Self {
            bytes: fetched.finished.progress.total,
            bytes_received: summary.bytes,
            bytes_found: summary.found_bytes,
            blocks: summary.blocks,
            sources: summary.sources,
            seconds: summary.took.as_secs_f64(),
            ..Self::new(what, &fetched.finished.path)
        }
    }

    fn text(&self) -> String {
        let speed = self.bytes_received as f64 / self.seconds.max(1e-9) / f64::from(1 << 20);
        let resumed = if self.bytes_found > 0 { format!("; {} bytes were here already", self.bytes_found) } else { String::new() };
        let (blocks, peers) = (count(self.blocks, "block"), count(u64::from(self.sources), "peer"));
        format!("{}: {} bytes, verified; {blocks} from {peers} in {:.2} s ({speed:.0} MiB/s){resumed}", self.path, self.bytes, self.seconds)
    }
}
