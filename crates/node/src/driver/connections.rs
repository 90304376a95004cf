//! Connections by peer: who is connected, who is being dialled, who waits for a stream, and who is shut out.
//!
//! ```text
//!   Open{peer} ──▶ connected? ──yes──▶ stream on the oldest connection
//!                     │no
//!                     ▼
//!                  waiting ──▶ dial slot free? ──▶ dialling ──▶ connected: streams for all who wait
//!                                                     │ failed
//!                                                     ▼
//!                                                  all who wait are told why
//! ```
//!
//! Two connections to one peer are normal: both sides dialled at once, or QUIC stands next to TCP. New streams use the oldest, so that both sides
//! tend to use the same one; the other closes when it has been idle.

use std::collections::{BTreeMap, VecDeque};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, StreamProtocol};
use peerglass_core::{Peer, Time};
use tokio::sync::oneshot;

use crate::swarm::{OpenError, Substream};

/// Dials that may be under way at once.
const DIALS: usize = 48;
/// Opens that may wait for one peer.
const WAITING: usize = 8;
/// Peers shut out that are remembered.
const SHUT_OUT: usize = 4096;

/// Who waits for a stream.
pub(crate) type Opening = (StreamProtocol, oneshot::Sender<Result<Substream, OpenError>>);

/// One connection.
#[derive(Clone, Debug)]
pub(crate) struct Connection {
    pub(crate) id: ConnectionId,
    pub(crate) address: Multiaddr,
    pub(crate) dialled: bool,
    pub(crate) since: Time,
}

#[derive(Debug, Default)]
struct Entry {
    connections: Vec<Connection>,
    dialling: bool,
    waiting: Vec<Opening>,
}

/// All connections.
#[derive(Debug, Default)]
pub(crate) struct Connections {
    peers: BTreeMap<Peer, Entry>,
    /// Peers to dial once there is a slot.
    queue: VecDeque<Peer>,
    dials: usize,
    shut_out: BTreeMap<Peer, Time>,
}

/// What the driver has to do for an open.
#[derive(Debug)]
pub(crate) enum Next {
    /// Open a stream on this connection.
    Open(ConnectionId, Opening),
    /// Dial.
    Dial,
    /// Nothing: it waits.
    Wait,
}

impl Connections {
    /// Somebody wants a stream to `peer`.
    pub(crate) fn open(&mut self, peer: Peer, opening: Opening) -> Next {
        let entry = self.peers.entry(peer).or_default();
        if let Some(connection) = entry.connections.first() {
            return Next::Open(connection.id, opening);
        }
        if entry.waiting.len() >= WAITING {
            let _ = opening.1.send(Err(OpenError::Unreachable("too many streams wait for it".to_owned())));
            return Next::Wait;
        }
        entry.waiting.push(opening);
        self.want(peer)
    }

    /// A connection to `peer` is wanted. Says whether to dial now.
    pub(crate) fn want(&mut self, peer: Peer) -> Next {
        let entry = self.peers.entry(peer).or_default();
        if entry.dialling || !entry.connections.is_empty() {
            return Next::Wait;
        }
        if self.dials >= DIALS {
            if !self.queue.contains(&peer) {
                self.queue.push_back(peer);
            }
            return Next::Wait;
        }
        entry.dialling = true;
        self.dials += 1;
        Next::Dial
    }

    /// The next peer to dial, if there is a slot now.
    pub(crate) fn next_dial(&mut self) -> Option<Peer> {
        while self.dials < DIALS {
            let peer = self.queue.pop_front()?;
            if matches!(self.want(peer), Next::Dial) {
                return Some(peer);
            }
        }
        None
    }

    /// A connection is up. Returns those who waited for one.
    pub(crate) fn connected(&mut self, peer: Peer, connection: Connection) -> Vec<Opening> {
        self.dial_ended(peer);
        let entry = self.peers.entry(peer).or_default();
        entry.connections.push(connection);
        std::mem::take(&mut entry.waiting)
    }

    /// A connection is gone. Whether it was the last to `peer`.
    pub(crate) fn closed(&mut self, peer: Peer, id: ConnectionId) -> bool {
        let Some(entry) = self.peers.get_mut(&peer) else { return false };
        entry.connections.retain(|connection| connection.id != id);
        let last = entry.connections.is_empty();
        self.tidy(peer);
        last
    }

    /// A dial failed. Returns those who waited for it, unless there is a connection after all.
    pub(crate) fn failed(&mut self, peer: Peer) -> Vec<Opening> {
        self.dial_ended(peer);
        let Some(entry) = self.peers.get_mut(&peer) else { return Vec::new() };
        let waiting = std::mem::take(&mut entry.waiting);
        self.tidy(peer);
        waiting
    }

    fn dial_ended(&mut self, peer: Peer) {
        if let Some(entry) = self.peers.get_mut(&peer).filter(|entry| entry.dialling) {
            entry.dialling = false;
            self.dials -= 1;
        }
    }

    fn tidy(&mut self, peer: Peer) {
        if self.peers.get(&peer).is_some_and(|entry| entry.connections.is_empty() && !entry.dialling && entry.waiting.is_empty()) {
            self.peers.remove(&peer);
        }
    }

    /// The connections to `peer`, oldest first.
    pub(crate) fn of(&self, peer: Peer) -> &[Connection] {
        self.peers.get(&peer).map_or(&[], |entry| &entry.connections)
    }

    /// Whether there is a connection to `peer`.
    pub(crate) fn is_connected(&self, peer: Peer) -> bool {
        !self.of(peer).is_empty()
    }

    /// Everybody connected.
    pub(crate) fn connected_peers(&self) -> impl Iterator<Item = (Peer, &[Connection])> {
        self.peers.iter().filter(|(_, entry)| !entry.connections.is_empty()).map(|(peer, entry)| (*peer, &entry.connections[..]))
    }

    /// Shows every peer that the driver holds.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(Peer)) {
        self.peers.keys().chain(self.shut_out.keys()).for_each(|peer| visit(*peer));
    }

    /// Takes no connections from or to `peer` until `until`.
    pub(crate) fn shut_out(&mut self, peer: Peer, until: Time) {
        self.shut_out.insert(peer, until);
        if self.shut_out.len() > SHUT_OUT {
            let soonest = self.shut_out.iter().min_by_key(|(_, until)| **until).map(|(peer, _)| *peer);
            soonest.map(|peer| self.shut_out.remove(&peer));
        }
    }

    /// Whether `peer` is shut out.
    pub(crate) fn is_shut_out(&mut self, peer: Peer, now: Time) -> bool {
        match self.shut_out.get(&peer) {
            Some(until) if *until > now => true,
            Some(_) => {
                self.shut_out.remove(&peer);
                false
            }
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opening() -> (Opening, oneshot::Receiver<Result<Substream, OpenError>>) {
        let (reply, answer) = oneshot::channel();
        ((StreamProtocol::new("/test"), reply), answer)
    }

    fn connection(n: usize) -> Connection {
        Connection { id: ConnectionId::new_unchecked(n), address: Multiaddr::empty(), dialled: true, since: Time::ZERO }
    }

    #[test]
    fn a_peer_is_dialled_once_for_all_who_wait_and_the_oldest_connection_is_used() {
        let mut connections = Connections::default();
        let peer = Peer(1);
        let answers: Vec<_> = (0..3)
            .map(|i| {
                let (opening, answer) = opening();
                assert_eq!(matches!(connections.open(peer, opening), Next::Dial), i == 0);
                answer
            })
            .collect();
        assert_eq!(connections.connected(peer, connection(1)).len(), answers.len());
        connections.connected(peer, connection(2));
        assert!(matches!(connections.open(peer, opening().0), Next::Open(id, _) if id == ConnectionId::new_unchecked(1)));
        assert!(!connections.closed(peer, ConnectionId::new_unchecked(1)));
        assert!(connections.closed(peer, ConnectionId::new_unchecked(2)));
        assert!(!connections.is_connected(peer));
    }

    #[test]
    fn dials_over_the_limit_wait_for_a_slot_and_none_is_lost() {
        let mut connections = Connections::default();
        let dialled = (0..100).filter(|i| matches!(connections.open(Peer(*i), opening().0), Next::Dial)).count();
        assert_eq!(dialled, DIALS);
        assert!(connections.next_dial().is_none());
        let mut done = 0;
        let mut under_way: VecDeque<_> = (0..DIALS as u32).map(Peer).collect();
        while let Some(peer) = under_way.pop_front() {
            assert_eq!(connections.failed(peer).len(), 1);
            done += 1;
            under_way.extend(connections.next_dial());
        }
        assert_eq!(done, 100);
        assert!(connections.peers.is_empty() && connections.dials == 0);
    }

    #[test]
    fn who_is_shut_out_comes_back_when_the_time_is_over() {
        let mut connections = Connections::default();
        connections.shut_out(Peer(1), Time::from_secs(10));
        assert!(connections.is_shut_out(Peer(1), Time::from_secs(9)));
        assert!(!connections.is_shut_out(Peer(1), Time::from_secs(10)));
        (0..5000).for_each(|i| connections.shut_out(Peer(i), Time::from_secs(u64::from(i))));
        assert_eq!(connections.shut_out.len(), SHUT_OUT);
        assert!(connections.is_shut_out(Peer(4999), Time::ZERO));
    }
}
