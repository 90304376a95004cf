//! Choosing the closest out of a bucket, for the answer to every request.

use peerglass_core::{Acquaintances, Key, Peer};
use smallvec::SmallVec;

/// Buckets of so many, enough for k = 20, are looked at without an allocation.
const FEW: usize = 32;
pub(super) type Few = SmallVec<[Peer; FEW]>;

/// Appends the `n` of `peers` that are closest to `target`, given that all peers share their first `shared` bits with each other.
///
/// Peers are counted by the next four bits of their distance. The cells before the one where the count passes `n` are taken whole, and only the one or two peers
/// of that cell are compared. Nothing here depends on which peer is where, so the processor guesses no branch wrong, as it would in sorting.
pub(super) fn take_closest(peers: &[Peer], target: Key, n: usize, shared: u32, acquaintances: Acquaintances<'_>, out: &mut Vec<Peer>) {
    if peers.len() <= n {
        return out.extend(peers);
    }
    if peers.len() > FEW {
        return take_closest_of_many(peers, target, n, acquaintances, out);
    }
    let high = target.high();
    let (mut cells, mut counts) = ([0u8; FEW], [0u8; 16]);
    for (cell, peer) in cells.iter_mut().zip(peers) {
        *cell = ((acquaintances.key_high(*peer) ^ high) << shared >> 60) as u8;
        counts[usize::from(*cell & 15)] += 1;
    }
    let (mut full, mut last) = (0, 0);
    while full + usize::from(counts[last]) <= n {
        full += usize::from(counts[last]);
        last += 1;
    }
    let (mut near, mut taken) = ([Peer(0); FEW], 0);
    let mut rest: SmallVec<[_; 4]> = SmallVec::new();
    for (peer, cell) in peers.iter().zip(cells) {
        // Written in any case, and overwritten by the next if it is not one of them.
        near[taken] = *peer;
        taken += usize::from(usize::from(cell) < last);
        if usize::from(cell) == last {
            rest.push((acquaintances.key(*peer) ^ target, *peer));
        }
    }
    rest.sort_unstable();
    out.extend_from_slice(&near[..full]);
    out.extend(rest.iter().take(n - full).map(|(_, peer)| *peer));
}

/// The same for large buckets.
#[cold]
fn take_closest_of_many(peers: &[Peer], target: Key, n: usize, acquaintances: Acquaintances<'_>, out: &mut Vec<Peer>) {
    let mut near: Vec<_> = peers.iter().map(|peer| (acquaintances.key(*peer) ^ target, *peer)).collect();
    near.select_nth_unstable(n);
    out.extend(near[..n].iter().map(|(_, peer)| *peer));
}
