//! [`Node`]: a real peer, as the command line and tests use it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use libp2p::{Multiaddr, PeerId};
use peerglass_kad::Mode;
use peerglass_stack::Tag;
use peerglass_store::{Cid, DiskStore};
use peerglass_trace::{Capture, Totals};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::disk::Disk;
use crate::driver::requests::{Answer, Ask, Request};
use crate::driver::watchers::Watched;
use crate::error::{AskError, Stopped};
use crate::notice::Notice;
use crate::profile::Network;

/// A peer, by id, and where it can be reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who.
    pub id: PeerId,
    /// Where, best first. May be empty.
    pub addresses: Vec<Multiaddr>,
}

/// How a join went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JoinReport {
    /// Contacts in the routing table. None means that nobody answered.
    pub contacts: usize,
    /// Which addresses could not be reached, and why.
    pub failures: Vec<(Multiaddr, String)>,
}

/// A connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectionInfo {
    /// The remote's address.
    pub address: Multiaddr,
    /// Whether this node dialled.
    pub dialled: bool,
    /// How long it has been up.
    pub for_the_last: Duration,
}

/// How a node stands.
#[derive(Clone, Debug)]
pub struct Status {
    /// Its id.
    pub id: PeerId,
    /// Its network.
    pub network: Network,
    /// Where it listens.
    pub addresses: Vec<Multiaddr>,
    /// Where it tells others that it can be reached.
    pub reachable_at: Vec<Multiaddr>,
    /// Who is connected, and how.
    pub peers: Vec<(PeerId, Vec<ConnectionInfo>)>,
    /// Contacts in the routing table.
    pub contacts: usize,
    /// Rows of the address book.
    pub known_peers: usize,
    /// Whether it serves Kademlia.
    pub mode: Mode,
    /// What was counted since it started.
    pub totals: Totals,
    /// How recording goes.
    pub recording: RecordingStatus,
    /// How long it has been running.
    pub running_for: Duration,
}

/// How a node's recording goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordingStatus {
    /// How many records were made, for the recorder or for watchers.
    pub records: u64,
    /// How many watch.
    pub watchers: usize,
    /// Records that watchers were too slow for.
    pub lost_to_watchers: u64,
    /// Why no more is recorded: the disk is full, for instance.
    pub error: Option<String>,
}

/// An entry of the routing table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContactInfo {
    /// Who.
    pub peer: PeerInfo,
    /// In which bucket: how many first bits its key shares with the node's.
    pub bucket: usize,
}

/// What a search found, and what it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The peers.
    pub peers: Vec<PeerInfo>,
    /// The length of the path of answers that led to them.
    pub hops: u32,
    /// How many requests it took, where that is counted.
    pub requests: u32,
}

/// A running peer. Clones are handles to the same one; when the last is dropped, it stops.
#[derive(Clone)]
pub struct Node {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) id: PeerId,
    pub(crate) network: Network,
    pub(crate) disk: Arc<Disk>,
    pub(crate) requests: mpsc::Sender<Request>,
    pub(crate) notices: broadcast::Sender<Notice>,
    pub(crate) joined: Shared<BoxFuture<'static, JoinReport>>,
    pub(crate) task: Mutex<Option<JoinHandle<std::io::Result<()>>>>,
    pub(crate) tags: AtomicU64,
}

impl Node {
    /// Its libp2p id.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.inner.id
    }

    /// Its store.
    #[must_use]
    pub fn store(&self) -> &DiskStore {
        self.inner.disk.store()
    }

    /// Waits until the join that began at the start is over, and tells how it went.
    pub async fn joined(&self) -> JoinReport {
        self.inner.joined.clone().await
    }

    /// Joins through further peers.
    pub async fn join(&self, addresses: Vec<Multiaddr>) -> Result<JoinReport, Stopped> {
        self.request(|reply| Request::Join { addresses, reply }).await
    }

    /// How it stands.
    pub async fn status(&self) -> Result<Status, Stopped> {
        self.request(|reply| Request::Status { reply }).await
    }

    /// What was counted since it started.
    pub async fn totals(&self) -> Result<Totals, Stopped> {
        self.request(|reply| Request::Totals { reply }).await
    }

    /// Who is in the routing table.
    pub async fn contacts(&self) -> Result<Vec<ContactInfo>, Stopped> {
        self.request(|reply| Request::Contacts { reply }).await
    }

    /// Every record from now on, as much of each as is wanted, until the receiver is dropped or the node stops. Who is slow misses some and is told how many; the node
    /// never waits. `None` when too many watch already.
    pub async fn watch(&self, wants: Capture) -> Result<Option<mpsc::Receiver<Watched>>, Stopped> {
        self.request(|reply| Request::Watch { wants, reply }).await
    }

    /// What happens from now on. A listener that is slow misses some, and is told how many.
    #[must_use]
    pub fn notices(&self) -> broadcast::Receiver<Notice> {
        self.inner.notices.subscribe()
    }

    /// This node, as others can reach it.
    pub async fn info(&self) -> Result<PeerInfo, Stopped> {
        Ok(PeerInfo { id: self.id(), addresses: self.status().await?.reachable_at })
    }

    /// Finds peers that provide `cid`: as many as are `wanted`, or all that can be found if that is 0.
    pub async fn find_providers(&self, cid: Cid, wanted: usize) -> Result<Found, AskError> {
        let mut operation = self.ask(Ask::FindProviders { cid, wanted }).await?;
        let mut found = Found::default();
        loop {
            match operation.next().await? {
                Answer::Peers { peers, done, hops, requests } => {
                    found.peers.extend(peers);
                    if done {
                        return Ok(Found { hops, requests, ..found });
                    }
                }
                other => return Err(other.refusal()),
            }
        }
    }

    /// Finds the peers closest to `id`, that peer itself first if it was found.
    pub async fn find_peer(&self, id: PeerId) -> Result<Found, AskError> {
        match self.ask(Ask::FindPeer { id }).await?.next().await? {
            Answer::Peers { peers, hops, requests, .. } => Ok(Found { peers, hops, requests }),
            other => Err(other.refusal()),
        }
    }

    /// Stores a value in the DHT; at how many peers.
    pub async fn put_value(&self, key: Vec<u8>, value: Vec<u8>) -> Result<usize, AskError> {
        match self.ask(Ask::PutValue { key, value }).await?.next().await? {
            Answer::Stored { replicas } => Ok(replicas),
            other => Err(other.refusal()),
        }
    }

    /// Finds the best valid value under `key`.
    pub async fn get_value(&self, key: Vec<u8>) -> Result<Option<Arc<[u8]>>, AskError> {
        match self.ask(Ask::GetValue { key }).await?.next().await? {
            Answer::Value { value } => Ok(value),
            other => Err(other.refusal()),
        }
    }

    /// Stops: closes connections, ends all tasks, writes the records out. Returns whether they could all be written.
    pub async fn shutdown(&self) -> std::io::Result<()> {
        // If the driver is gone already, there is only its result to fetch.
        let _ = self.inner.requests.send(Request::Shutdown).await;
        let task = self.inner.task.lock().unwrap_or_else(PoisonError::into_inner).take();
        match task {
            Some(task) => task.await.map_err(std::io::Error::other)?,
            None => Ok(()),
        }
    }

    /// Begins an operation of the stack.
    pub(crate) async fn ask(&self, ask: Ask) -> Result<Operation, Stopped> {
        let tag = self.inner.tags.fetch_add(1, Ordering::Relaxed);
        let (waiter, answers) = mpsc::unbounded_channel();
        self.inner.requests.send(Request::Ask { tag, ask, waiter }).await.map_err(|_| Stopped)?;
        Ok(Operation { tag, answers, requests: self.inner.requests.clone() })
    }

    async fn request<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Stopped> {
        let (reply, answer) = oneshot::channel();
        self.inner.requests.send(make(reply)).await.map_err(|_| Stopped)?;
        answer.await.map_err(|_| Stopped)
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node").field("id", &self.inner.id).field("network", &self.inner.network).finish_non_exhaustive()
    }
}

/// An operation under way. When it is dropped before its last answer, it is cancelled.
#[derive(Debug)]
pub(crate) struct Operation {
    tag: Tag,
    answers: mpsc::UnboundedReceiver<Answer>,
    requests: mpsc::Sender<Request>,
}

impl Operation {
    pub(crate) async fn next(&mut self) -> Result<Answer, Stopped> {
        self.answers.recv().await.ok_or(Stopped)
    }
}

impl Drop for Operation {
    fn drop(&mut self) {
        // The driver ignores tags it does not know. If its queue is full, the operation runs to its own end, which nobody hears of.
        let _ = self.requests.try_send(Request::Cancel { tag: self.tag });
    }
}

impl Answer {
    /// An answer that ends an operation otherwise than hoped.
    pub(crate) fn refusal(self) -> AskError {
        match self {
            Answer::Rejected { why } => why.into(),
            // The driver answers each question in its own kind.
            _ => Stopped.into(),
        }
    }
}

/// The report of a join whose driver may go before it is over.
pub(crate) fn report(answer: oneshot::Receiver<JoinReport>) -> Shared<BoxFuture<'static, JoinReport>> {
    async { answer.await.unwrap_or_default() }.boxed().shared()
}
