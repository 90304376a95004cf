//! [`Asked`]: which blocks were asked of whom, so that only those are stored.
//!
//! The driver sees every message that the stack sends, and notes what it wants. A block that arrives is then one of four things:
//!
//! | the block was | it is stored | the stack hears of it |
//! |---|---|---|
//! | asked of this peer | yes | yes |
//! | asked of this peer and taken back, because another source seemed faster | if it is not here | yes: it may still be the first to come |
//! | asked of this peer for something the user gave up | no | no: the peer did nothing wrong |
//! | never asked of this peer | no | yes, and it counts against the peer |
//!
//! A wish that is taken back crosses with the block on its way, so what was taken back is remembered for a while.

use std::collections::{BTreeSet, HashMap, VecDeque};

use peerglass_core::Peer;
use peerglass_transfer::Message;

use peerglass_store::Cid;

/// Wishes taken back that are remembered for one peer.
const REMEMBERED: usize = 1024;

/// What to do with a block that arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Store it and pass it on.
    Wanted,
    /// Store it unless it is here, and pass it on.
    Late,
    /// Forget it.
    GivenUp,
    /// Pass it on without storing it.
    Unasked,
}

#[derive(Debug, Default)]
struct OfPeer {
    wanted: BTreeSet<Cid>,
    late: VecDeque<Cid>,
    given_up: VecDeque<Cid>,
}

/// What was asked of whom.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    peers: HashMap<Peer, OfPeer>,
}

impl Asked {
    /// A message goes to `to`. `giving_up` says that what it takes back was given up by the user.
    pub(crate) fn sent(&mut self, to: Peer, message: &Message, giving_up: bool) {
        if message.wants.is_empty() && !message.full {
            return;
        }
        let peer = self.peers.entry(to).or_default();
        if message.full {
            let before = std::mem::take(&mut peer.wanted);
            before.into_iter().for_each(|cid| peer.take_back(cid, giving_up));
        }
        for want in &message.wants {
            if !want.cancel {
                peer.wanted.insert(want.cid);
            } else if peer.wanted.remove(&want.cid) {
                peer.take_back(want.cid, giving_up);
            }
        }
    }

    /// `from` said what it has not: that will not come.
    pub(crate) fn answered(&mut self, from: Peer, message: &Message) {
        if let Some(peer) = self.peers.get_mut(&from) {
            message.presences.iter().filter(|presence| !presence.have).for_each(|presence| {
                peer.wanted.remove(&presence.cid);
            });
        }
    }

    /// A block came from `from`. It is not expected again.
    pub(crate) fn arrived(&mut self, from: Peer, cid: &Cid) -> Fate {
        let Some(peer) = self.peers.get_mut(&from) else { return Fate::Unasked };
        if peer.wanted.remove(cid) {
            Fate::Wanted
        } else if forget(&mut peer.late, cid) {
            Fate::Late
        } else if forget(&mut peer.given_up, cid) {
            Fate::GivenUp
        } else {
            Fate::Unasked
        }
    }

    /// Whether anything asked of `peer` has not come.
    pub(crate) fn is_asked(&self, peer: Peer) -> bool {
        self.peers.get(&peer).is_some_and(|peer| !peer.wanted.is_empty())
    }

    /// Nothing will come from `peer` any more. What was asked of it, sorted.
    pub(crate) fn forget(&mut self, peer: Peer) -> Vec<Cid> {
        self.peers.remove(&peer).map(|peer| peer.wanted.into_iter().collect()).unwrap_or_default()
    }
}

impl OfPeer {
    fn take_back(&mut self, cid: Cid, giving_up: bool) {
        let list = if giving_up { &mut self.given_up } else { &mut self.late };
        list.push_back(cid);
        if list.len() > REMEMBERED {
            list.pop_front();
        }
    }
}

fn forget(list: &mut VecDeque<Cid>, cid: &Cid) -> bool {
    list.iter().position(|known| known == cid).and_then(|at| list.remove(at)).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_store::{HashKind, cid_of};
    use peerglass_transfer::{Presence, Want, WantKind};

    const PEER: Peer = Peer(7);

    fn cid(n: u8) -> Cid {
        cid_of(0x55, HashKind::Blake3, &[n])
    }

    fn wants(wants: &[(u8, bool)], full: bool) -> Message {
        let want = |(n, cancel): &(u8, bool)| Want { cid: cid(*n), priority: 1, kind: WantKind::Block, cancel: *cancel, send_dont_have: true };
        Message { full, wants: wants.iter().map(want).collect(), ..Message::default() }
    }

    #[test]
    fn only_what_was_asked_of_this_peer_is_wanted_and_only_once() {
        let mut asked = Asked::default();
        asked.sent(PEER, &wants(&[(1, false)], false), false);
        assert_eq!(asked.arrived(Peer(8), &cid(1)), Fate::Unasked);
        assert_eq!(asked.arrived(PEER, &cid(2)), Fate::Unasked);
        assert_eq!(asked.arrived(PEER, &cid(1)), Fate::Wanted);
        assert_eq!(asked.arrived(PEER, &cid(1)), Fate::Unasked);
    }

    #[test]
    fn what_was_taken_back_is_late_and_what_was_given_up_is_nothing() {
        let mut asked = Asked::default();
        asked.sent(PEER, &wants(&[(1, false), (2, false), (3, false)], false), false);
        asked.sent(PEER, &wants(&[(1, true)], false), false);
        asked.sent(PEER, &wants(&[(2, true)], false), true);
        assert!(asked.is_asked(PEER));
        assert_eq!(asked.arrived(PEER, &cid(1)), Fate::Late);
        // Asked again after it was given up: two copies may come.
        asked.sent(PEER, &wants(&[(2, false)], false), false);
        assert_eq!(asked.arrived(PEER, &cid(2)), Fate::Wanted);
        assert_eq!(asked.arrived(PEER, &cid(2)), Fate::GivenUp);
        assert_eq!(asked.forget(PEER), [cid(3)]);
        assert_eq!(asked.arrived(PEER, &cid(3)), Fate::Unasked);
    }

    #[test]
    fn a_full_list_replaces_and_a_dont_have_settles() {
        let mut asked = Asked::default();
        asked.sent(PEER, &wants(&[(1, false)], false), false);
        asked.sent(PEER, &wants(&[(2, false)], true), false);
        assert_eq!(asked.arrived(PEER, &cid(1)), Fate::Late);
        let absent = Message { presences: vec![Presence { cid: cid(2), have: false }], ..Message::default() };
        asked.answered(PEER, &absent);
        assert!(!asked.is_asked(PEER));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut asked = Asked::default();
        for n in 0..5000u32 {
            let cid = cid_of(0x55, HashKind::Blake3, &n.to_le_bytes());
            let want = |cancel| Want { cid, priority: 1, kind: WantKind::Block, cancel, send_dont_have: true };
            asked.sent(PEER, &Message { wants: vec![want(false)], ..Message::default() }, false);
            asked.sent(PEER, &Message { wants: vec![want(true)], ..Message::default() }, false);
        }
        assert_eq!(asked.peers[&PEER].late.len(), REMEMBERED);
    }
}
