//! [`Topology`]: who is there and who knows whom, at any time of a run, from its records alone.
//!
//! Protocols tell each change of what they know as a step of their upkeep, and drivers tell who comes and goes:
//!
//! ```text
//!   record                      the topology
//!   up, down                    the peer is there, or is not; who is down knows nobody
//!   step `admit` of a peer      a link of kind contact, into a bucket
//!   step `replace` of a peer    the same, in the place of one that was evicted
//!   step `evict` of a peer      that link is gone
//!   step `resume`               a restarted peer still knows whom it knew
//!   link_up, link_down          a link of kind connection (real nodes)
//!   step `block` from a peer    a link of kind transfer: content came from there
//!   event `mode`                the peer's role: server or client
//!   sent                        a message more on the way between the two
//! ```
//!
//! Feed it records in order, all those before the time that is wanted; whatever [`Topology::add`] gives back is a change. A topology is what the records say, and a test of
//! the lab holds it against the true state of the simulated peers: every contact of every peer, at every instant that is looked at.
//!
//! Steps are needed: a run that was recorded with [`Capture::Summary`](crate::Capture::Summary) tells only who is up, and who wrote to whom.
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | this | [`Topology`], [`Change`] |
//! | [`graph`] | [`Graph`](graph::Graph): the links of one kind at one time, and its measures |
//! | [`draw`] | GraphML, GEXF, DOT and node-link JSON |

pub mod draw;
pub mod graph;

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time, Value};

use crate::filter::Look;

/// A record that is far beyond all others is somebody's joke: peers are numbered without gaps.
const MAX_PEERS: usize = 1 << 28;

/// Who is there and who knows whom.
#[derive(Clone, Debug, Default)]
pub struct Topology {
    /// Of the last record.
    now: Time,
    peers: Vec<Node>,
    connections: BTreeMap<(Peer, Peer), Time>,
    transfers: BTreeMap<(Peer, Peer), Transfer>,
    traffic: BTreeMap<(Peer, Peer), Traffic>,
    counts_traffic: bool,
    /// How many peers are up, and how many contacts they have together: kept with every change.
    up: usize,
    contacts: usize,
}

/// A peer.
#[derive(Clone, Debug, Default)]
pub struct Node {
    /// Whether a record has told of it as itself: others may only have heard of it.
    pub known: bool,
    /// Whether it is up.
    pub up: bool,
    /// What it says that it is, if it has said so: `server` or `client`.
    pub role: Option<String>,
    /// Since when it is up or down.
    pub since: Time,
    /// Whom it knows: its routing table, in no promised order. Empty while it is down.
    pub contacts: Vec<Contact>,
    /// Whom it knew when it went down, until it is up again and forgets or resumes.
    asleep: Vec<Contact>,
}

/// An entry of a routing table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Who is known.
    pub peer: Peer,
    /// Since when.
    pub since: Time,
}

/// Content that came from one peer to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transfer {
    /// When the first block came.
    pub since: Time,
    /// How many blocks.
    pub blocks: u64,
}

/// What went from one peer to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Messages sent.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// Kinds of links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// One peer has the other in its routing table.
    Contact,
    /// They have a connection.
    Connection,
    /// Content came from one to the other.
    Transfer,
}

/// What a record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A peer came up.
    Up(Peer),
    /// A peer went down, and with it its links to so many.
    Down(Peer, usize),
    /// A peer that came up again still knows so many.
    Resumed(Peer, usize),
    /// There is a link more.
    Linked(Link, Peer, Peer),
    /// There is a link less.
    Unlinked(Link, Peer, Peer),
}

impl Topology {
    /// Nobody is there yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, and messages between each two peers are counted, which takes memory for each pair.
    #[must_use]
    pub fn with_traffic() -> Self {
        Self { counts_traffic: true, ..Self::default() }
    }

    /// The time of the last record.
    #[must_use]
    pub fn now(&self) -> Time {
        self.now
    }

    /// Peers by their numbers.
    #[must_use]
    pub fn peers(&self) -> &[Node] {
        &self.peers
    }

    /// Connections, each once, the smaller number first, with the time since which they are there.
    pub fn connections(&self) -> impl Iterator<Item = (Peer, Peer, Time)> {
        self.connections.iter().map(|((one, other), since)| (*one, *other, *since))
    }

    /// Content that came from the first to the second so far.
    pub fn transfers(&self) -> impl Iterator<Item = (Peer, Peer, Transfer)> {
        self.transfers.iter().map(|((from, to), transfer)| (*from, *to, *transfer))
    }

    /// How many peers are up.
    #[must_use]
    pub fn up(&self) -> usize {
        self.up
    }

    /// How many contacts they have together, of whom some may be down.
    #[must_use]
    pub fn contacts(&self) -> usize {
        self.contacts
    }

    /// What went from `from` to `to` so far, if it is counted.
    #[must_use]
    pub fn traffic(&self, from: Peer, to: Peer) -> Traffic {
        self.traffic.get(&(from, to)).copied().unwrap_or_default()
    }

    /// Looks at the next record.
    pub fn add<L: Look + ?Sized>(&mut self, row: &L) -> Option<Change> {
        let (now, peer) = (row.time(), row.peer());
        self.now = self.now.max(now);
        if peer.index() >= MAX_PEERS {
            return None;
        }
        match row.kind() {
            "step" => self.step(now, peer, row.name()?, row.other()),
            "up" => Some(self.came_up(now, peer)),
            "down" => Some(self.went_down(now, peer)),
            "event" if row.name() == Some("mode") => {
                if let Some(Value::Text(role)) = row.field("mode").as_deref() {
                    self.node(peer).role = Some(role.clone());
                }
                None
            }
            "sent" if self.counts_traffic => {
                let traffic = self.traffic.entry((peer, row.other()?)).or_default();
                traffic.messages += 1;
                traffic.bytes += row.bytes().unwrap_or_default();
                None
            }
            "link_up" => {
                let pair = pair(peer, row.other()?);
                self.connections.insert(pair, now).is_none().then_some(Change::Linked(Link::Connection, pair.0, pair.1))
            }
            "link_down" => {
                let pair = pair(peer, row.other()?);
                self.connections.remove(&pair).map(|_| Change::Unlinked(Link::Connection, pair.0, pair.1))
            }
            _ => None,
        }
    }

    fn node(&mut self, peer: Peer) -> &mut Node {
        if peer.index() >= self.peers.len() {
            self.peers.resize_with(peer.index() + 1, Node::default);
        }
        &mut self.peers[peer.index()]
    }

    fn came_up(&mut self, now: Time, peer: Peer) -> Change {
        let node = self.node(peer);
        let was_up = node.up;
        (node.known, node.up, node.since) = (true, true, now);
        self.up += usize::from(!was_up);
        Change::Up(peer)
    }

    fn went_down(&mut self, now: Time, peer: Peer) -> Change {
        let node = self.node(peer);
        let was_up = node.up;
        (node.known, node.up, node.since) = (true, false, now);
        node.asleep = std::mem::take(&mut node.contacts);
        let lost = node.asleep.len();
        self.up -= usize::from(was_up);
        self.contacts -= lost;
        Change::Down(peer, lost)
    }

    fn step(&mut self, now: Time, peer: Peer, name: &str, about: Option<Peer>) -> Option<Change> {
        match name {
            "admit" | "replace" => self.admit(now, peer, about?),
            "evict" => self.evict(peer, about?),
            "resume" => {
                let node = self.node(peer);
                let before = node.contacts.len();
                node.contacts = std::mem::take(&mut node.asleep);
                let resumed = node.contacts.len();
                self.contacts = self.contacts + resumed - before;
                Some(Change::Resumed(peer, resumed))
            }
            "block" => {
                let from = about?;
                let transfer = self.transfers.entry((from, peer)).or_insert(Transfer { since: now, blocks: 0 });
                transfer.blocks += 1;
                (transfer.blocks == 1).then_some(Change::Linked(Link::Transfer, from, peer))
            }
            _ => None,
        }
    }

    fn admit(&mut self, now: Time, peer: Peer, about: Peer) -> Option<Change> {
        let node = self.node(peer);
        if node.contacts.iter().any(|contact| contact.peer == about) {
            return None;
        }
        node.contacts.push(Contact { peer: about, since: now });
        self.contacts += 1;
        Some(Change::Linked(Link::Contact, peer, about))
    }

    fn evict(&mut self, peer: Peer, about: Peer) -> Option<Change> {
        let node = self.node(peer);
        let at = node.contacts.iter().position(|contact| contact.peer == about)?;
        node.contacts.swap_remove(at);
        self.contacts -= 1;
        Some(Change::Unlinked(Link::Contact, peer, about))
    }
}

/// A pair without direction.
fn pair(one: Peer, other: Peer) -> (Peer, Peer) {
    if one <= other { (one, other) } else { (other, one) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;
    use proptest::prelude::*;

    fn row(ms: u64, kind: &str, peer: u32, other: Option<u32>, name: &str) -> Row {
        Row {
            seq: ms,
            time: Time::from_millis(ms),
            peer: Peer(peer),
            kind: kind.to_owned(),
            other: other.map(Peer),
            name: Some(name.to_owned()),
            bytes: Some(10),
            ..Row::default()
        }
    }

    fn knows(topology: &Topology, peer: usize) -> Vec<u32> {
        let mut known: Vec<u32> = topology.peers()[peer].contacts.iter().map(|contact| contact.peer.0).collect();
        known.sort_unstable();
        known
    }

    #[test]
    fn contacts_come_and_go_with_steps_and_with_their_peer() {
        let mut topology = Topology::new();
        let mut add = |row: Row| topology.add(&row);
        assert_eq!(add(row(1, "up", 0, None, "")), Some(Change::Up(Peer(0))));
        assert_eq!(add(row(2, "step", 0, Some(4), "admit")), Some(Change::Linked(Link::Contact, Peer(0), Peer(4))));
        assert_eq!(add(row(3, "step", 0, Some(4), "admit")), None);
        assert_eq!(add(row(4, "step", 0, Some(5), "admit")), Some(Change::Linked(Link::Contact, Peer(0), Peer(5))));
        assert_eq!(add(row(5, "step", 0, Some(4), "evict")), Some(Change::Unlinked(Link::Contact, Peer(0), Peer(4))));
        assert_eq!(add(row(6, "step", 0, Some(7), "replace")), Some(Change::Linked(Link::Contact, Peer(0), Peer(7))));
        assert_eq!(knows(&topology, 0), [5, 7]);
        let mut add = |row: Row| topology.add(&row);
        assert_eq!(add(row(7, "down", 0, None, "")), Some(Change::Down(Peer(0), 2)));
        add(row(8, "up", 0, None, ""));
        assert_eq!(add(row(8, "step", 0, None, "resume")), Some(Change::Resumed(Peer(0), 2)));
        assert_eq!(knows(&topology, 0), [5, 7]);
        topology.add(&row(9, "down", 0, None, ""));
        topology.add(&row(10, "up", 0, None, ""));
        assert_eq!(knows(&topology, 0), [0; 0]);
        assert_eq!((topology.peers()[0].since, topology.now()), (Time::from_millis(10), Time::from_millis(10)));
    }

    #[test]
    fn a_connection_has_no_direction() {
        let mut topology = Topology::new();
        assert_eq!(topology.add(&row(1, "link_up", 3, Some(1), "")), Some(Change::Linked(Link::Connection, Peer(1), Peer(3))));
        assert_eq!(topology.add(&row(2, "link_up", 1, Some(3), "")), None);
        assert_eq!(topology.connections().count(), 1);
        assert_eq!(topology.add(&row(3, "link_down", 1, Some(3), "")), Some(Change::Unlinked(Link::Connection, Peer(1), Peer(3))));
        assert_eq!(topology.add(&row(4, "link_down", 1, Some(3), "")), None);
    }

    #[test]
    fn traffic_is_counted_where_it_is_asked_for() {
        let (mut counted, mut plain) = (Topology::with_traffic(), Topology::new());
        for topology in [&mut counted, &mut plain] {
            topology.add(&row(1, "sent", 3, Some(1), "PING"));
            topology.add(&row(2, "sent", 3, Some(1), "PING"));
        }
        assert_eq!(counted.traffic(Peer(3), Peer(1)), Traffic { messages: 2, bytes: 20 });
        assert_eq!(plain.traffic(Peer(3), Peer(1)), Traffic::default());
    }

    #[test]
    fn content_that_came_is_a_link_with_its_blocks() {
        let mut topology = Topology::new();
        assert_eq!(topology.add(&row(1, "step", 3, Some(1), "block")), Some(Change::Linked(Link::Transfer, Peer(1), Peer(3))));
        assert_eq!(topology.add(&row(2, "step", 3, Some(1), "block")), None);
        let transfer = Transfer { since: Time::from_millis(1), blocks: 2 };
        assert_eq!(topology.transfers().collect::<Vec<_>>(), [(Peer(1), Peer(3), transfer)]);
    }

    #[test]
    fn a_peer_is_what_it_last_said_that_it_is() {
        let mut topology = Topology::new();
        let says = |role: &str| Row { fields: vec![("mode".to_owned(), Value::Text(role.to_owned()))], ..row(1, "event", 2, None, "mode") };
        ["server", "client"].iter().for_each(|role| _ = topology.add(&says(role)));
        assert_eq!(topology.peers()[2].role.as_deref(), Some("client"));
    }

    proptest! {
        /// In whatever order peers come, go, learn and forget.
        #[test]
        fn what_is_kept_with_every_change_is_what_counting_gives(events in prop::collection::vec((0u8..6, 0u32..6, 0u32..6), 0..200)) {
            let mut topology = Topology::new();
            for (at, (event, peer, other)) in (1..).zip(events) {
                let (kind, name) = [("up", ""), ("down", ""), ("step", "admit"), ("step", "evict"), ("step", "replace"), ("step", "resume")][usize::from(event)];
                topology.add(&row(at, kind, peer, Some(other), name));
                let contacts: usize = topology.peers().iter().map(|node| node.contacts.len()).sum();
                prop_assert_eq!((topology.up(), topology.contacts()), (topology.peers().iter().filter(|node| node.up).count(), contacts));
            }
        }
    }

    #[test]
    fn numbers_beyond_all_peers_take_no_memory() {
        let mut topology = Topology::new();
        assert_eq!(topology.add(&row(1, "up", u32::MAX, None, "")), None);
        assert!(topology.peers().is_empty());
    }
}
