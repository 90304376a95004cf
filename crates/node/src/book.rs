//! The address book: what stands behind a [`Peer`] handle.
//!
//! Protocols know peers as four-byte handles; the book has a row for each: the libp2p id, its place in the key space, the group its addresses
//! put it in, and where it can be reached. Wire codecs intern the ids and addresses that arrive, so no protocol ever touches an address.
//!
//! # Bounds
//!
//! The book is bounded, and everybody can make us hear of peers. So rows are swept: the driver shows which handles protocols and connections
//! still hold (mark), and all other rows go (sweep). Handles are given out in sequence and not used again, so one that is kept by mistake
//! means nobody, never somebody else.
//!
//! A peer's addresses are bounded too, and what it says of itself (identify, or a connection that worked) never yields to hearsay: otherwise
//! anybody could make a peer unreachable by naming it with eight wrong addresses.

use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use peerglass_core::wire::Directory;
use peerglass_core::{Group, Key, Known, Peer};

use crate::node::PeerInfo;
use crate::scope::{Scope, ip_of, is_global};

/// This node's own handle.
pub const ME: Peer = Peer(0);

/// Bounds of the book.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Peers at most, ourselves included.
    pub peers: usize,
    /// Addresses of one peer at most.
    pub addresses: usize,
    /// Bytes of one address at most.
    pub address_bytes: usize,
}

impl Default for Bounds {
    fn default() -> Self {
        Self { peers: 16_384, addresses: 8, address_bytes: 256 }
    }
}

/// Who says that a peer has an address. The greater is believed over the lesser.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Another peer.
    Hearsay,
    /// The peer itself, in identify or by mDNS.
    Itself,
    /// The local user.
    User,
    /// A connection that worked.
    Connection,
}

#[derive(Debug)]
struct Address {
    address: Multiaddr,
    source: Source,
    failures: u32,
}

#[derive(Debug)]
struct Row {
    id: PeerId,
    bytes: Box<[u8]>,
    key: Key,
    group: Group,
    addresses: Vec<Address>,
}

/// Everything known of peers, by handle.
#[derive(Debug)]
pub struct Book {
    bounds: Bounds,
    scope: Scope,
    rows: HashMap<Peer, Row>,
    handles: HashMap<PeerId, Peer>,
    next: u32,
    sweep_at: usize,
}

impl Book {
    /// A book that knows only ourselves, as [`ME`].
    #[must_use]
    pub fn new(me: PeerId, scope: Scope, bounds: Bounds) -> Self {
        let mut book = Self { bounds, scope, rows: HashMap::new(), handles: HashMap::new(), next: 0, sweep_at: bounds.peers / 2 };
        book.insert(me);
        book
    }

    /// The handle of `id`, with a new row if there is none. `None` when the book is full.
    pub fn peer(&mut self, id: PeerId) -> Option<Peer> {
        if let Some(peer) = self.handles.get(&id) {
            return Some(*peer);
        }
        (self.rows.len() < self.bounds.peers).then(|| self.insert(id))
    }

    fn insert(&mut self, id: PeerId) -> Peer {
        // After four billion peers the count starts again, past those still known.
        while self.rows.contains_key(&Peer(self.next)) {
            self.next = self.next.wrapping_add(1);
        }
        let peer = Peer(self.next);
        self.next = self.next.wrapping_add(1);
        let bytes = id.to_bytes().into_boxed_slice();
        let key = Key::of(&bytes);
        self.rows.insert(peer, Row { id, bytes, key, group: Group::NONE, addresses: Vec::new() });
        self.handles.insert(id, peer);
        peer
    }

    /// The handle of `id`, if it has one.
    #[must_use]
    pub fn find(&self, id: &PeerId) -> Option<Peer> {
        self.handles.get(id).copied()
    }

    /// The libp2p id behind a handle.
    #[must_use]
    pub fn id_of(&self, peer: Peer) -> Option<PeerId> {
        self.rows.get(&peer).map(|row| row.id)
    }

    /// A peer with its id and its addresses, for the outside.
    #[must_use]
    pub fn info(&self, peer: Peer) -> Option<PeerInfo> {
        Some(PeerInfo { id: self.id_of(peer)?, addresses: self.addresses_of(peer) })
    }

    /// How many peers have a row.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is nobody, not even ourselves.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Remembers that `peer` can be reached at `address`. Whether it is new.
    pub fn learn(&mut self, peer: Peer, address: &Multiaddr, source: Source) -> bool {
        let most = self.bounds.addresses;
        let Some(row) = self.rows.get(&peer) else { return false };
        let Some(address) = bare(address, &row.id).filter(|bare| bare.len() <= self.bounds.address_bytes && self.scope.admits(bare)) else {
            return false;
        };
        let Some(row) = self.rows.get_mut(&peer) else { return false };
        if row.group == Group::NONE || source == Source::Connection {
            row.group = ip_of(&address).map_or(Group::NONE, group);
        }
        if let Some(known) = row.addresses.iter_mut().find(|known| known.address == address) {
            known.source = known.source.max(source);
            return false;
        }
        if row.addresses.len() >= most && !row.make_room(source) {
            return false;
        }
        row.addresses.push(Address { address, source, failures: 0 });
        row.sort();
        true
    }

    /// `peer` connected from `address`. It does not listen there, but this tells whose it may be.
    pub fn seen_from(&mut self, peer: Peer, address: &Multiaddr) {
        if let (Some(row), Some(ip)) = (self.rows.get_mut(&peer), ip_of(address)) {
            row.group = group(ip);
        }
    }

    /// A connection to `peer` at `address` worked, or did not.
    pub fn tried(&mut self, peer: Peer, address: &Multiaddr, worked: bool) {
        let Some(row) = self.rows.get_mut(&peer) else { return };
        let Some(address) = bare(address, &row.id) else { return };
        if let Some(known) = row.addresses.iter_mut().find(|known| known.address == address) {
            known.failures = if worked { 0 } else { known.failures.saturating_add(1) };
            if worked {
                known.source = known.source.max(Source::Connection);
            }
        }
        // What only others said and what never worked is not worth its place.
        row.addresses.retain(|known| known.failures < 3 || known.source > Source::Hearsay);
        row.sort();
    }

    /// Where `peer` may be reached, best first.
    #[must_use]
    pub fn addresses_of(&self, peer: Peer) -> Vec<Multiaddr> {
        self.rows.get(&peer).map(|row| row.addresses.iter().map(|known| known.address.clone()).collect()).unwrap_or_default()
    }

    /// Replaces our own addresses, as given to others. Loopback addresses mean nothing to other machines: they count only if there is nothing else.
    pub fn set_own(&mut self, addresses: &[Multiaddr]) {
        let useful: Vec<_> = addresses.iter().filter(|address| self.scope.admits(address)).collect();
        let far: Vec<_> = useful.iter().filter(|address| !is_loopback(address)).copied().collect();
        let given = if far.is_empty() { useful } else { far };
        let most = self.bounds.addresses;
        if let Some(row) = self.rows.get_mut(&ME) {
            row.addresses =
                given.into_iter().take(most).map(|address| Address { address: address.clone(), source: Source::User, failures: 0 }).collect();
        }
    }

    /// Whether it is time to [`sweep`](Self::sweep).
    #[must_use]
    pub fn wants_sweep(&self) -> bool {
        self.rows.len() >= self.sweep_at
    }

    /// Forgets all peers that `mark` does not show. How many went.
    pub fn sweep(&mut self, mark: impl FnOnce(&mut dyn FnMut(Peer))) -> usize {
        let mut held = std::collections::HashSet::from([ME]);
        mark(&mut |peer| {
            held.insert(peer);
        });
        let before = self.rows.len();
        self.rows.retain(|peer, _| held.contains(peer));
        self.handles.retain(|_, peer| held.contains(peer));
        // Sweeping walks all rows, so it waits until a good part of them is new.
        self.sweep_at = (self.rows.len() + self.bounds.peers / 4).max(self.bounds.peers / 2).min(self.bounds.peers);
        before - self.rows.len()
    }
}

impl Row {
    /// Drops the worst address if it is worth less than one from `source`.
    fn make_room(&mut self, source: Source) -> bool {
        let worst = self.addresses.last().is_some_and(|worst| worst.source < source || (worst.source == source && worst.failures > 0));
        if worst {
            self.addresses.pop();
        }
        worst
    }

    fn sort(&mut self) {
        self.addresses.sort_by_key(|known| (known.failures, std::cmp::Reverse(known.source)));
    }
}

impl Known for Book {
    fn key(&self, peer: Peer) -> Key {
        self.rows.get(&peer).map_or_else(Key::default, |row| row.key)
    }

    fn group(&self, peer: Peer) -> Group {
        self.rows.get(&peer).map_or(Group::NONE, |row| row.group)
    }
}

impl Directory for Book {
    fn intern(&mut self, id: &[u8], addresses: &[&[u8]]) -> Option<Peer> {
        let id = PeerId::from_bytes(id).ok()?;
        let peer = self.peer(id)?;
        if peer != ME {
            let Bounds { addresses: most, address_bytes, .. } = self.bounds;
            for bytes in addresses.iter().filter(|bytes| bytes.len() <= address_bytes).take(2 * most) {
                if let Ok(address) = Multiaddr::try_from(bytes.to_vec()) {
                    self.learn(peer, &address, Source::Hearsay);
                }
            }
        }
        Some(peer)
    }

    fn id(&self, peer: Peer) -> &[u8] {
        self.rows.get(&peer).map_or(&[], |row| &row.bytes)
    }

    fn addresses(&self, peer: Peer) -> Vec<Vec<u8>> {
        self.addresses_of(peer).iter().map(Multiaddr::to_vec).collect()
    }
}

/// `address` without its `/p2p` suffix. `None` if the suffix names another peer.
fn bare(address: &Multiaddr, id: &PeerId) -> Option<Multiaddr> {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(named)) => (named == *id).then_some(bare),
        _ => Some(address.clone()),
    }
}

/// Whether `address` is of this machine only.
#[must_use]
pub fn is_loopback(address: &Multiaddr) -> bool {
    ip_of(address).is_some_and(|ip| ip.is_loopback())
}

/// Peers that may be one person's: an IPv4 /16 or an IPv6 /32. Addresses that are not global are one's own machines, which are never capped.
fn group(ip: IpAddr) -> Group {
    if !is_global(ip) {
        return Group::NONE;
    }
    match ip {
        IpAddr::V4(ip) => Group(1 << 32 | u64::from(u32::from(ip) >> 16)),
        IpAddr::V6(ip) => Group(2 << 32 | u64::from(ip.segments()[0]) << 16 | u64::from(ip.segments()[1])),
    }
}

#[cfg(test)]
mod tests;
