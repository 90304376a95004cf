//! Who gave and took how much: the [`Ledger`].
//!
//! Every peer keeps accounts of its own, which nobody else needs to believe (Cohen: *Incentives Build Robustness in BitTorrent*, 2003, and the
//! Bitswap paper's pairwise ledgers). Here they are statistics: nothing is refused by them. The peers that were quiet longest are forgotten first.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time};

/// What passed between us and one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// Bytes of blocks given to it.
    pub bytes_sent: u64,
    /// Bytes of blocks taken from it.
    pub bytes_received: u64,
    /// Blocks given to it.
    pub blocks_sent: u64,
    /// Blocks taken from it.
    pub blocks_received: u64,
    /// Blocks it sent that were not asked of it, corrupt ones included.
    pub unasked: u32,
    last: Time,
}

/// The accounts of the peers heard of last.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    accounts: BTreeMap<Peer, Account>,
    total: Account,
}

impl Ledger {
    /// What passed between us and `peer`, if it is remembered.
    #[must_use]
    pub fn account(&self, peer: Peer) -> Option<&Account> {
        self.accounts.get(&peer)
    }

    /// All accounts, by peer.
    pub fn accounts(&self) -> impl Iterator<Item = (Peer, &Account)> {
        self.accounts.iter().map(|(peer, account)| (*peer, account))
    }

    /// What passed between us and everybody, forgotten peers included.
    #[must_use]
    pub fn total(&self) -> &Account {
        &self.total
    }

    pub(crate) fn sent(&mut self, peer: Peer, size: u32, now: Time, limit: usize) {
        self.book(peer, now, limit, |account| {
            account.bytes_sent += u64::from(size);
            account.blocks_sent += 1;
        });
    }

    pub(crate) fn received(&mut self, peer: Peer, size: u32, now: Time, limit: usize) {
        self.book(peer, now, limit, |account| {
            account.bytes_received += u64::from(size);
            account.blocks_received += 1;
        });
    }

    /// Counts a block that was not asked for and says how many that makes.
    pub(crate) fn unasked(&mut self, peer: Peer, now: Time, limit: usize) -> u32 {
        self.book(peer, now, limit, |account| account.unasked = account.unasked.saturating_add(1));
        self.accounts.get(&peer).map_or(0, |account| account.unasked)
    }

    pub(crate) fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.accounts.keys().copied().for_each(visit);
    }

    fn book(&mut self, peer: Peer, now: Time, limit: usize, entry: impl Fn(&mut Account)) {
        if self.accounts.len() >= limit && !self.accounts.contains_key(&peer) {
            let quietest = self.accounts.iter().min_by_key(|(_, account)| account.last).map(|(peer, _)| *peer);
            quietest.map(|peer| self.accounts.remove(&peer));
        }
        let account = self.accounts.entry(peer).or_default();
        account.last = now;
        entry(account);
        entry(&mut self.total);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peer_that_was_quiet_longest_is_forgotten_and_the_total_is_not() {
        let mut ledger = Ledger::default();
        ledger.sent(Peer(1), 10, Time::from_secs(1), 2);
        ledger.received(Peer(2), 20, Time::from_secs(2), 2);
        ledger.sent(Peer(1), 10, Time::from_secs(3), 2);
        ledger.sent(Peer(3), 5, Time::from_secs(4), 2);
        assert!(ledger.account(Peer(2)).is_none());
        assert_eq!(ledger.account(Peer(1)).map(|account| (account.bytes_sent, account.blocks_sent)), Some((20, 2)));
        assert_eq!((ledger.total().bytes_sent, ledger.total().bytes_received), (25, 20));
        assert_eq!(ledger.accounts().count(), 2);
    }
}
