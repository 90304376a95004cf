//! [`MadeUp`]: peer ids and addresses for simulated peers, which have none.
//!
//! The id of a peer has the form of an Ed25519 key's, and one address, the lengths that the simulator charges for ([`peerglass_kad::wire::wire_len`]). The handle
//! stands in both, so that nothing has to be stored to get back from them:
//!
//! ```text
//!   id       00 24 08 01 12 20 │ handle, 4 bytes │ 28 bytes that follow from it          identity multihash of a protobuf key
//!   address  04 │ handle, 4 bytes │ 06 0f a1                                             /ip4/handle/tcp/4001
//! ```
//!
//! A made-up id that was hit by a flip is the id of nobody, as a flipped real one is. What the real node does with such a peer: if the bytes are no peer id at all,
//! its address book leaves it out; otherwise the peer gets a row, and who wants to talk to it dials an address where it is not, and learns that it cannot be
//! reached. In the simulation it gets a handle that no peer has: what is sent there is lost to "no such peer", and the sender is told. The same
//! for a right id with a wrong address. (A real node may know the right address from before; so this is the worse of the two cases.) Sender and receiver
//! are connected, so they know each other whatever the address says.

use std::collections::BTreeMap;

use peerglass_core::wire::{Directory, take_minimal_varint};
use peerglass_core::{Key, Peer};

const ID: usize = 38;
const ID_HEAD: [u8; 6] = [0x00, 0x24, 0x08, 0x01, 0x12, 0x20];
/// Sets the filling of ids apart from the keys of peers.
const SALT: u64 = 0x7065_6572_5f69_6473;
/// Handles from here on are of peers that do not exist. A scenario has ten million peers at most.
const NOBODY: u32 = 1 << 31;

/// The directory of one message between two peers.
pub(crate) struct MadeUp {
    between: [Peer; 2],
    ids: BTreeMap<Peer, [u8; ID]>,
}

impl MadeUp {
    /// Of a message from `from` to `to` that names `others`.
    pub(crate) fn new(from: Peer, to: Peer, others: impl IntoIterator<Item = Peer>) -> Self {
        let ids = [from, to].into_iter().chain(others).map(|peer| (peer, id_of(peer))).collect();
        Self { between: [from, to], ids }
    }

    /// Whose id these bytes are.
    pub(crate) fn whose(id: &[u8]) -> Option<Peer> {
        let handle: [u8; 4] = id.get(ID_HEAD.len()..)?.first_chunk().copied()?;
        let peer = Peer(u32::from_be_bytes(handle));
        (id_of(peer) == id).then_some(peer)
    }
}

impl Directory for MadeUp {
    fn intern(&mut self, id: &[u8], addresses: &[&[u8]]) -> Option<Peer> {
        if !is_peer_id(id) {
            return None;
        }
        let known = |peer: &Peer| self.between.contains(peer) || addresses.contains(&&address_of(*peer)[..]);
        Some(Self::whose(id).filter(known).unwrap_or_else(|| stranger(id, addresses)))
    }

    fn id(&self, peer: Peer) -> &[u8] {
        self.ids.get(&peer).map_or(&[], |id| id)
    }

    fn addresses(&self, peer: Peer) -> Vec<Vec<u8>> {
        vec![address_of(peer).to_vec()]
    }
}

fn id_of(peer: Peer) -> [u8; ID] {
    let mut id = [0; ID];
    let filling = Key::derived(SALT, peer).to_bytes();
    let parts = ID_HEAD.into_iter().chain(peer.0.to_be_bytes()).chain(filling);
    id.iter_mut().zip(parts).for_each(|(byte, part)| *byte = part);
    id
}

fn address_of(peer: Peer) -> [u8; 8] {
    let [a, b, c, d] = peer.0.to_be_bytes();
    [0x04, a, b, c, d, 0x06, 0x0f, 0xa1]
}

/// The handle of a peer that does not exist: the same for the same bytes.
fn stranger(id: &[u8], addresses: &[&[u8]]) -> Peer {
    let high = Key::of(&[&[id][..], addresses].concat().concat()).high();
    Peer(NOBODY + (high % u64::from(u32::MAX - NOBODY)) as u32)
}

/// Whether these bytes can be a peer id: a multihash, SHA2-256 or a key as it is of at most 42 bytes (libp2p/specs, peer-ids).
fn is_peer_id(id: &[u8]) -> bool {
    let mut digest = id;
    let (Ok(code), Ok(length)) = (take_minimal_varint(&mut digest), take_minimal_varint(&mut digest)) else { return false };
    let longest = match code {
        0x00 => 42,
        0x12 => 64,
        _ => return false,
    };
    digest.len() as u64 == length && length <= longest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_its_peers_and_no_others_whatever_bit_flips() {
        for peer in [Peer(0), Peer(7), Peer(9_999_999), Peer(NOBODY + 5)] {
            let (id, address) = (id_of(peer), address_of(peer));
            let mut directory = MadeUp::new(Peer(1), Peer(2), []);
            assert_eq!(directory.intern(&id, &[&address]), Some(peer));
            for bit in 0..ID * 8 {
                let mut flipped = id;
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert!(directory.intern(&flipped, &[&address]).is_none_or(|peer| peer.0 >= NOBODY), "{peer} with bit {bit}");
            }
        }
    }

    #[test]
    fn a_peer_with_a_wrong_address_is_not_found_unless_it_is_connected() {
        let mut directory = MadeUp::new(Peer(1), Peer(2), []);
        let elsewhere = address_of(Peer(77));
        for (peer, found) in [(Peer(3), false), (Peer(1), true), (Peer(2), true)] {
            assert_eq!(directory.intern(&id_of(peer), &[&elsewhere]) == Some(peer), found);
        }
    }

    #[test]
    fn what_is_no_multihash_is_no_peer_id() {
        for bytes in [&[][..], &[0x00], &[0x00, 0x02, 1], &[0x12, 0x03, 1, 2], &[0x13, 0x01, 1], &[0x80, 0x00, 0x01, 1]] {
            assert!(!is_peer_id(bytes), "{bytes:?}");
        }
        assert!(is_peer_id(&id_of(Peer(3))) && is_peer_id(&[0x12, 0x01, 9]));
    }
}
