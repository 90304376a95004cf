//! Sharing and fetching: where the store, the stack and the user's files meet.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use libp2p::PeerId;
use peerglass_store::download::{DownloadProgress, Finished};
use peerglass_store::{Cid, Download, ImportError, ImportOptions, Imported};
use peerglass_transfer::FetchSummary;

use crate::driver::requests::{Answer, Ask, Request};
use crate::error::{GetError, ShareError, Stopped};
use crate::node::{Node, PeerInfo};
use crate::ticket::Ticket;

/// What was shared.
#[derive(Clone, Debug)]
pub struct Shared {
    /// The root and what it took.
    pub imported: Imported,
    /// Root, this peer and its addresses as one word.
    pub ticket: Ticket,
}

/// What to fetch, from whom, and where to put it.
#[derive(Clone, Debug)]
pub struct Get {
    /// The root of the content.
    pub root: Cid,
    /// Peers said to have it. If there are none, or none of them can be reached, the DHT is asked.
    pub sources: Vec<PeerInfo>,
    /// Where it goes. What is there already is this content, or the fetch fails.
    pub out: PathBuf,
    /// Whether another file there may be replaced, once all has arrived.
    pub overwrite: bool,
}

impl Get {
    /// Content by its name alone.
    #[must_use]
    pub fn new(root: Cid, out: impl Into<PathBuf>) -> Self {
        Self { root, sources: Vec::new(), out: out.into(), overwrite: false }
    }

    /// Content by a ticket, from the peer that made it or whoever else has it.
    #[must_use]
    pub fn by_ticket(ticket: &Ticket, out: impl Into<PathBuf>) -> Self {
        let source = PeerInfo { id: ticket.peer, addresses: ticket.addresses.clone() };
        Self { sources: vec![source], ..Self::new(ticket.cid, out) }
    }
}

/// How far a fetch is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// What is in place, and what is to come.
    pub download: DownloadProgress,
    /// Blocks that arrived.
    pub arrived: u64,
    /// Who sent the last of them.
    pub from: Option<PeerId>,
}

/// What was fetched.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it is, and how it came there.
    pub finished: Finished,
    /// What it took.
    pub summary: FetchSummary,
}

impl Node {
    /// Shares the file or directory at `path` where it lies: it is read once and not copied. Others can have it from now on.
    ///
    /// `progress` is told the bytes read so far. [`Node::announce`] makes it known to the network.
    pub async fn share(&self, path: &Path, options: ImportOptions, mut progress: impl FnMut(u64) + Send + 'static) -> Result<Shared, ShareError> {
        let (store, path) = (self.store().clone(), path.to_owned());
        let stop = StopOnDrop::default();
        let stopped = Arc::clone(&stop.0);
        let import = move || {
            store.share(&path, &options, unix_seconds(), &mut |bytes| {
                progress(bytes);
                if stopped.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            })
        };
        let imported = tokio::task::spawn_blocking(import).await.map_err(|_| ShareError::Import(ImportError::Cancelled))??;
        let ticket = self.ticket(imported.root).await?;
        Ok(Shared { imported, ticket })
    }

    /// Fetches content into a file or directory; goes on where an earlier fetch to the same place was interrupted.
    ///
    /// `progress` is told of every block. Dropping the future stops the fetch; what has arrived is kept.
    pub async fn get(&self, get: Get, mut progress: impl FnMut(Progress)) -> Result<Fetched, GetError> {
        let Get { root, sources, out, overwrite } = get;
        let store = self.store().clone();
        let begin = move || Download::begin(&store, root, &out, overwrite, unix_seconds());
        let download = tokio::task::spawn_blocking(begin).await.map_err(|_| Stopped)??;
        let running = self.inner.disk.begin(download);
        let mut operation = self.ask(Ask::Fetch { root, sources }).await?;
        let mut arrived = 0;
        let summary = loop {
            let answer = tokio::select! {
                biased;
                error = running.failed() => return Err(error.into()),
                answer = operation.next() => answer?,
            };
            match answer {
                Answer::Arrived { from, .. } => {
                    arrived += 1;
                    progress(Progress { download: running.active().download.progress(), arrived, from });
                }
                Answer::Fetched { summary } => break summary,
                Answer::FetchFailed { reason } => return Err(reason.into()),
                Answer::DiskFailed { why } => return Err(GetError::Disk(why)),
                Answer::Rejected { why } => return Err(why.into()),
                _ => return Err(Stopped.into()),
            }
        };
        let active = Arc::clone(running.active());
        let finished = tokio::task::spawn_blocking(move || active.download.finish()).await.map_err(|_| Stopped)??;
        progress(Progress { download: finished.progress, arrived, from: None });
        Ok(Fetched { finished, summary })
    }

    /// A ticket for `root` at this peer.
    pub async fn ticket(&self, root: Cid) -> Result<Ticket, Stopped> {
        let PeerInfo { id, addresses } = self.info().await?;
        Ok(Ticket { cid: root, peer: id, addresses })
    }

    /// Tells the network that `root` can be had here, and goes on telling it. Returns how many peers were told first.
    pub async fn announce(&self, root: Cid) -> Result<usize, ShareError> {
        let mut operation = self.ask(Ask::Share { root }).await?;
        match operation.next().await? {
            Answer::Shared { replicas } => Ok(replicas),
            Answer::Rejected { why } => Err(why.into()),
            _ => Err(Stopped.into()),
        }
    }

    /// Shares `root` no longer. The files stay. Whether it was shared.
    pub async fn unshare(&self, root: Cid) -> Result<bool, ShareError> {
        let store = self.store().clone();
        let gone = tokio::task::spawn_blocking(move || store.unshare(&root)).await.map_err(|_| Stopped)??;
        self.inner.requests.send(Request::Unshare { root }).await.map_err(|_| Stopped)?;
        Ok(!gone.is_empty())
    }
}

/// Seconds from the Unix epoch.
fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Asks blocking work to stop when nobody waits for it any more.
#[derive(Default)]
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
