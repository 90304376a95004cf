//! What the API asks of the driver, and who waits for which answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use peerglass_core::Peer;
use peerglass_kad::Target;
use peerglass_stack::{Command, Rejection, Tag};
use peerglass_store::Cid;
use peerglass_trace::{Capture, Cause, Totals};
use peerglass_transfer::{FetchError, FetchSummary};
use tokio::sync::{mpsc, oneshot};

use super::Driver;
use super::watchers::Watched;
use crate::book::Source;
use crate::node::{ConnectionInfo, ContactInfo, JoinReport, PeerInfo, Status};

/// Something that the API asks.
#[derive(Debug)]
pub(crate) enum Request {
    /// An operation of the stack. Its answers go to `waiter`.
    Ask { tag: Tag, ask: Ask, waiter: mpsc::UnboundedSender<Answer> },
    /// Nobody waits any more.
    Cancel { tag: Tag },
    /// Announce no longer.
    Unshare { root: Cid },
    /// Join the network through these addresses.
    Join { addresses: Vec<Multiaddr>, reply: oneshot::Sender<JoinReport> },
    /// How things stand.
    Status { reply: oneshot::Sender<Status> },
    /// Who is in the routing table, by bucket.
    Contacts { reply: oneshot::Sender<Vec<ContactInfo>> },
    /// Somebody watches who wants this much.
    Watch { wants: Capture, reply: oneshot::Sender<Option<mpsc::Receiver<Watched>>> },
    /// What was counted.
    Totals { reply: oneshot::Sender<Totals> },
    /// Stop.
    Shutdown,
}

/// An operation of the stack, with peers by their ids.
#[derive(Debug)]
pub(crate) enum Ask {
    Share { root: Cid },
    Fetch { root: Cid, sources: Vec<PeerInfo> },
    FindPeer { id: PeerId },
    FindProviders { cid: Cid, wanted: usize },
    PutValue { key: Vec<u8>, value: Vec<u8> },
    GetValue { key: Vec<u8> },
}

/// What comes back. The channel is not bounded, but what goes through it is: a progress per block of one fetch.
#[derive(Debug)]
pub(crate) enum Answer {
    Arrived {
        from: Option<PeerId>,
    },
    Shared {
        replicas: usize,
    },
    Stored {
        replicas: usize,
    },
    Fetched {
        summary: FetchSummary,
    },
    FetchFailed {
        reason: FetchError,
    },
    /// A block could not be stored.
    DiskFailed {
        why: String,
    },
    Value {
        value: Option<Arc<[u8]>>,
    },
    Peers {
        peers: Vec<PeerInfo>,
        done: bool,
        hops: u32,
        requests: u32,
    },
    Rejected {
        why: Rejection,
    },
}

#[derive(Debug)]
struct Waiter {
    answers: mpsc::UnboundedSender<Answer>,
    is_fetch: bool,
    /// Peers that must keep their rows in the book until the answer is there.
    peers: Vec<Peer>,
}

/// Somebody who waits for a join.
#[derive(Debug)]
struct Joining {
    reply: oneshot::Sender<JoinReport>,
    addresses: Vec<Multiaddr>,
    failures: Vec<(Multiaddr, String)>,
    /// Whether the stack was told to join. It is not while the only addresses are those of nobody knows whom.
    begun: bool,
}

/// Who waits for what.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    tags: BTreeMap<Tag, Waiter>,
    joining: Vec<Joining>,
}

impl Waiters {
    /// An answer that others may follow.
    pub(super) fn answer(&mut self, tag: Tag, answer: Answer) {
        if let Some(waiter) = self.tags.get(&tag) {
            // Whoever waited may have gone; its cancellation is on the way.
            let _ = waiter.answers.send(answer);
        }
    }

    /// The last answer.
    pub(super) fn last(&mut self, tag: Tag, answer: Answer) {
        self.answer(tag, answer);
        self.tags.remove(&tag);
    }

    /// No block can be stored any more: all fetches end. Returns their tags.
    pub(super) fn disk_failed(&mut self, why: &str) -> Vec<Tag> {
        let fetches: Vec<Tag> = self.tags.iter().filter(|(_, waiter)| waiter.is_fetch).map(|(tag, _)| *tag).collect();
        for tag in &fetches {
            self.last(*tag, Answer::DiskFailed { why: why.to_owned() });
        }
        fetches
    }

    /// A join is over.
    pub(super) fn joined(&mut self, contacts: usize) {
        for joining in self.joining.extract_if(.., |joining| joining.begun) {
            let _ = joining.reply.send(JoinReport { contacts, failures: joining.failures });
        }
    }

    /// A connection to `address`, of which nobody knew whose it is, is up. Whether a join waits for that.
    pub(super) fn bootstrap_reached(&mut self, address: &Multiaddr) -> bool {
        let mut place = address.clone();
        if peer_id_of(&place).is_some() {
            place.pop();
        }
        let waiting = self.joining.iter_mut().filter(|joining| !joining.begun && joining.addresses.contains(&place));
        waiting.map(|joining| joining.begun = true).count() > 0
    }

    /// A dial failed that a join may wait for.
    pub(super) fn bootstrap_failed(&mut self, id: Option<PeerId>, why: &str) {
        for joining in &mut self.joining {
            let told = |address: &Multiaddr| joining.failures.iter().any(|(failed, _)| failed == address);
            let concerned = joining.addresses.iter().find(|address| peer_id_of(address) == id && !told(address)).cloned();
            joining.failures.extend(concerned.map(|address| (address, why.to_owned())));
        }
        // If the stack was not told to join yet, nothing more will come of it.
        for joining in self.joining.extract_if(.., |joining| !joining.begun && joining.failures.len() == joining.addresses.len()) {
            let _ = joining.reply.send(JoinReport { contacts: 0, failures: joining.failures });
        }
    }

    /// Shows the peers that answers still name.
    pub(super) fn visit(&self, visit: &mut dyn FnMut(Peer)) {
        self.tags.values().flat_map(|waiter| &waiter.peers).for_each(|peer| visit(*peer));
    }
}

impl Driver {
    pub(super) fn on_request(&mut self, request: Request) {
        match request {
            Request::Ask { tag, ask, waiter } => self.ask(tag, ask, waiter),
            Request::Cancel { tag } => {
                if self.waiters.tags.remove(&tag).is_some() {
                    self.give_up_on(tag);
                }
            }
            Request::Unshare { root } => self.command(Command::Unshare { root }, Cause::NONE),
            Request::Join { addresses, reply } => self.join(addresses, reply),
            Request::Status { reply } => {
                let _ = reply.send(self.status());
            }
            Request::Contacts { reply } => {
                let _ = reply.send(self.contacts());
            }
            Request::Watch { wants, reply } => {
                let _ = reply.send(self.log.watch(wants));
            }
            Request::Totals { reply } => {
                let _ = reply.send(self.log.totals().clone());
            }
            // The loop sees to it.
            Request::Shutdown => {}
        }
    }

    fn ask(&mut self, tag: Tag, ask: Ask, answers: mpsc::UnboundedSender<Answer>) {
        let is_fetch = matches!(ask, Ask::Fetch { .. });
        let (command, peers) = match ask {
            Ask::Share { root } => (Command::Share { tag, root }, Vec::new()),
            Ask::Fetch { root, sources } => {
                let sources: Vec<Peer> = sources.iter().filter_map(|source| self.introduce(source)).collect();
                (Command::Fetch { tag, root, sources: sources.clone() }, sources)
            }
            Ask::FindPeer { id } => match self.book.peer(id) {
                Some(peer) => (Command::FindNode { tag, target: Target::Peer(peer) }, vec![peer]),
                None => return drop(answers.send(Answer::Rejected { why: Rejection::Busy })),
            },
            Ask::FindProviders { cid, wanted } => (Command::FindProviders { tag, cid, wanted }, Vec::new()),
            Ask::PutValue { key, value } => (Command::PutValue { tag, key, value }, Vec::new()),
            Ask::GetValue { key } => (Command::GetValue { tag, key }, Vec::new()),
        };
        self.waiters.tags.insert(tag, Waiter { answers, is_fetch, peers });
        self.command(command, Cause::NONE);
    }

    /// The handle of a peer that the user named.
    fn introduce(&mut self, info: &PeerInfo) -> Option<Peer> {
        let peer = self.book.peer(info.id)?;
        for address in &info.addresses {
            self.book.learn(peer, address, Source::User);
        }
        Some(peer)
    }

    fn join(&mut self, addresses: Vec<Multiaddr>, reply: oneshot::Sender<JoinReport>) {
        let mut contacts = Vec::new();
        let mut unknown = Vec::new();
        for address in &addresses {
            match peer_id_of(address) {
                Some(id) => contacts.extend(self.introduce(&PeerInfo { id, addresses: vec![address.clone()] })),
                None => unknown.push(address.clone()),
            }
        }
        contacts.retain(|peer| *peer != crate::book::ME);
        contacts.dedup();
        let begun = !contacts.is_empty() || unknown.is_empty();
        self.waiters.joining.push(Joining { reply, addresses, failures: Vec::new(), begun });
        unknown.into_iter().for_each(|address| self.dial_unknown(address));
        if begun {
            self.command(Command::Join { contacts }, Cause::NONE);
        }
    }

    fn status(&self) -> Status {
        let peers = self.connections.connected_peers().filter_map(|(peer, connections)| {
            let info = |connection: &super::connections::Connection| ConnectionInfo {
                address: connection.address.clone(),
                dialled: connection.dialled,
                for_the_last: self.clock.now().since(connection.since),
            };
            Some((self.book.id_of(peer)?, connections.iter().map(info).collect()))
        });
        Status {
            id: *self.swarm.local_peer_id(),
            network: self.network,
            addresses: self.swarm.listeners().cloned().collect(),
            reachable_at: self.book.addresses_of(crate::book::ME),
            peers: peers.collect(),
            contacts: self.stack.kad().contacts(),
            known_peers: self.book.len(),
            mode: self.stack.kad().mode(),
            totals: self.log.totals().clone(),
            recording: self.log.recording(),
            running_for: self.clock.now().since(self.started),
        }
    }

    fn contacts(&self) -> Vec<ContactInfo> {
        let table = self.stack.kad().table();
        let contacts = (0..table.buckets()).flat_map(|bucket| table.bucket(bucket).iter().map(move |contact| (bucket, contact.peer)));
        let told = |(bucket, peer)| Some(ContactInfo { peer: self.book.info(peer)?, bucket });
        contacts.filter_map(told).collect()
    }
}

/// The peer that an address ends in.
pub(crate) fn peer_id_of(address: &Multiaddr) -> Option<PeerId> {
    match address.iter().last() {
        Some(Protocol::P2p(id)) => Some(id),
        _ => None,
    }
}
