//! Choosing the closest out of a bucket, for the answer to every request.

use core::cmp::Ordering;

use peerglass_core::{Acquaintances, Key, Peer};
use smallvec::SmallVec;

/// Buckets of so many, enough for k = 20, are looked at without an allocation.
pub(super) const FEW: usize = 32;

/// Appends the `n` of `peers` that are closest to `target`, given that all peers share their first `shared` bits with each other.
///
/// Peers are counted by the next four bits of their distance. The cells before the one where the count passes `n` are taken whole, and only the one or two peers
/// of that cell are compared. Nothing here depends on which peer is where, so the processor guesses no branch wrong, as it would in sorting.
pub(super) fn take_closest(peers: &[Peer], target: Key, n: usize, shared: u32, acquaintances: Acquaintances<'_>, out: &mut Vec<Peer>) {
    if peers.len() <= n {
        return out.extend_from_slice(peers);
    }
    if peers.len() > FEW {
        return take_closest_of_many(peers, target, n, acquaintances, out);
    }
    let (high, mut distances) = (target.high(), [0; FEW]);
    for (distance, peer) in distances.iter_mut().zip(peers) {
        *distance = acquaintances.key_high(*peer) ^ high;
    }
    let order = |a: &(u64, Peer), b: &(u64, Peer)| a.0.cmp(&b.0).then_with(|| by_whole_keys(a.1, b.1, target, acquaintances));
    let candidates = || distances.iter().copied().zip(peers.iter().copied());
    // Mostly the requester is in the bucket itself, and one peer of the next has to stand in.
    if n == 1 {
        return out.extend(candidates().min_by(order).map(|(_, peer)| peer));
    }
    let cell = |distance: u64| (distance << shared >> 60) as usize;
    let mut counts = [0u8; 16];
    candidates().for_each(|(distance, _)| counts[cell(distance)] += 1);
    let (mut full, mut last) = (0, 0);
    while full + usize::from(counts[last]) <= n {
        full += usize::from(counts[last]);
        last += 1;
    }
    let (mut near, mut taken) = ([Peer(0); FEW], 0);
    let mut rest: SmallVec<[_; 4]> = SmallVec::new();
    for (distance, peer) in candidates() {
        // Written in any case, and overwritten by the next if it is not one of them.
        near[taken] = peer;
        taken += usize::from(cell(distance) < last);
        if cell(distance) == last {
            rest.push((distance, peer));
        }
    }
    rest.sort_unstable_by(order);
    out.extend_from_slice(&near[..full]);
    out.extend(rest.iter().take(n - full).map(|(_, peer)| *peer));
}

/// The order of two peers whose keys are equally far from `target` in their first 64 bits, which is next to impossible.
#[cold]
fn by_whole_keys(a: Peer, b: Peer, target: Key, acquaintances: Acquaintances<'_>) -> Ordering {
    let distance = |peer| (acquaintances.key(peer) ^ target, peer);
    distance(a).cmp(&distance(b))
}

/// The same for large buckets.
#[cold]
fn take_closest_of_many(peers: &[Peer], target: Key, n: usize, acquaintances: Acquaintances<'_>, out: &mut Vec<Peer>) {
    let mut near: Vec<_> = peers.iter().map(|peer| (acquaintances.key(*peer) ^ target, *peer)).collect();
    near.select_nth_unstable(n);
    out.extend(near[..n].iter().map(|(_, peer)| *peer));
}
