//! What a serving peer does, by its effects, and what hostile clients cannot do.

use std::collections::BTreeSet;

use peerglass_core::{Acquaintances, Cx, Effect, Peer, Protocol, Rng, Time};
use peerglass_store::Cid;
use proptest::prelude::*;

use super::leaf;
use crate::{Block, Config, Event, Local, Message, Presence, Timer, Transfer, Want, WantKind};

const A: Peer = Peer(1);
const B: Peer = Peer(2);

struct Bench {
    transfer: Transfer,
    config: Config,
    effects: Vec<Effect<Transfer>>,
}

impl Bench {
    fn new() -> Bench {
        let config = Config::default();
        Bench { transfer: Transfer::new(&config), config, effects: Vec::new() }
    }

    fn act(&mut self, act: impl FnOnce(&mut Transfer, &mut Cx<'_, Transfer>)) {
        self.effects.clear();
        let mut rng = Rng::new(1);
        let mut cx = Cx::new(Time::ZERO, Peer(0), &self.config, Acquaintances::derived(1), &mut rng, &mut self.effects);
        act(&mut self.transfer, &mut cx);
    }

    fn wants(&mut self, from: Peer, full: bool, wants: Vec<Want>) {
        let message = Message { full, wants, ..Message::default() };
        self.act(|transfer, cx| transfer.on_message(from, message, cx));
    }

    fn local(&mut self, cid: Cid, size: Option<u32>) {
        self.act(|transfer, cx| transfer.local(cid, size.map(|size| Local { size, links: Vec::new() }), cx));
    }

    fn lookups(&self) -> Vec<Cid> {
        self.effects
            .iter()
            .filter_map(|effect| {
                if let Effect::Event(event) = effect
                    && let Event::Lookup { cid } = **event
                {
                    Some(cid)
                } else {
                    None
                }
            })
            .collect()
    }

    fn sent(&self) -> Vec<(Peer, &Message)> {
        self.effects.iter().filter_map(|effect| if let Effect::Send { to, message } = effect { Some((*to, message)) } else { None }).collect()
    }

    fn blocks(&self) -> Vec<(Peer, Cid)> {
        self.sent().iter().flat_map(|(to, message)| message.blocks.iter().map(|block| (*to, block.cid))).collect()
    }

    fn presences(&self) -> Vec<(Peer, Presence)> {
        self.sent().iter().flat_map(|(to, message)| message.presences.iter().map(|presence| (*to, *presence))).collect()
    }
}

fn want(cid: Cid, kind: WantKind, priority: i32) -> Want {
    Want { cid, priority, kind, cancel: false, send_dont_have: true }
}

fn block(n: u32) -> Want {
    want(leaf(n), WantKind::Block, 1)
}

fn cancel(n: u32) -> Want {
    Want { cancel: true, ..block(n) }
}

#[test]
fn wants_are_looked_up_once_for_all_clients_and_answered_to_each() {
    let mut bench = Bench::new();
    bench.wants(A, true, vec![block(1)]);
    assert_eq!(bench.lookups(), [leaf(1)]);
    bench.wants(B, true, vec![want(leaf(1), WantKind::Have, 1)]);
    assert_eq!(bench.lookups(), []);
    bench.local(leaf(1), Some(5000));
    assert_eq!(bench.blocks(), [(A, leaf(1))]);
    assert_eq!(bench.presences(), [(B, Presence { cid: leaf(1), have: true })]);
    assert_eq!(bench.transfer.client_wants(), 0);
    assert_eq!(bench.transfer.ledger().account(A).unwrap().bytes_sent, 5000);
}

#[test]
fn a_want_have_of_a_small_block_is_answered_with_the_block() {
    let mut bench = Bench::new();
    for (size, given) in [(1024, 1), (1025, 0)] {
        bench.wants(A, true, vec![want(leaf(1), WantKind::Have, 1)]);
        bench.local(leaf(1), Some(size));
        assert_eq!(bench.blocks().len(), given);
    }
}

#[test]
fn what_is_not_here_is_refused_to_who_asked_for_that_and_served_when_it_comes() {
    let mut bench = Bench::new();
    bench.wants(A, true, vec![Want { send_dont_have: false, ..block(1) }]);
    bench.wants(B, true, vec![block(1)]);
    bench.local(leaf(1), None);
    assert_eq!(bench.presences(), [(B, Presence { cid: leaf(1), have: false })]);
    bench.local(leaf(1), Some(5000));
    assert_eq!(bench.blocks(), [(A, leaf(1)), (B, leaf(1))]);
}

#[test]
fn a_block_that_our_own_fetch_brings_is_passed_on_to_who_waits_for_it() {
    let mut bench = Bench::new();
    bench.wants(A, true, vec![block(1)]);
    bench.local(leaf(1), None);
    bench.act(|transfer, cx| {
        transfer.fetch(leaf(1), &[B], cx);
    });
    bench.local(leaf(1), None);
    let message = Message { blocks: vec![Block { cid: leaf(1), size: 5000 }], ..Message::default() };
    bench.act(|transfer, cx| transfer.on_message(B, message, cx));
    assert_eq!(bench.blocks(), [(A, leaf(1))]);
}

#[test]
fn higher_priorities_are_looked_up_first() {
    let mut bench = Bench::new();
    bench.wants(A, true, vec![want(leaf(1), WantKind::Block, 1), want(leaf(2), WantKind::Block, 9), want(leaf(3), WantKind::Block, 5)]);
    assert_eq!(bench.lookups(), [leaf(2), leaf(3), leaf(1)]);
}

#[test]
fn cancels_and_full_lists_take_wants_off() {
    let mut bench = Bench::new();
    bench.wants(A, true, vec![block(1), block(2), block(3)]);
    bench.wants(A, false, vec![cancel(1), cancel(99)]);
    assert_eq!(bench.transfer.wantlist_len(A), 2);
    bench.wants(A, true, vec![block(4)]);
    assert_eq!(bench.transfer.wantlist_len(A), 1);
    bench.local(leaf(2), Some(10));
    assert_eq!(bench.blocks(), []);
    bench.act(|transfer, cx| transfer.on_unreachable(A, cx));
    assert_eq!(bench.transfer.client_wants(), 0);
}

#[test]
fn of_several_lines_about_one_block_the_last_holds() {
    let mut bench = Bench::new();
    bench.wants(A, false, vec![block(1), cancel(1), cancel(2), block(2)]);
    assert_eq!((bench.lookups(), bench.transfer.wantlist_len(A)), (vec![leaf(2)], 1));
}

#[test]
fn large_blocks_go_one_a_message_and_small_ones_together() {
    let mut bench = Bench::new();
    bench.config.outstanding_bytes = Some(1);
    bench.wants(A, true, (0..40).map(block).collect());
    bench.local(leaf(0), Some(100_000));
    for n in 1..40 {
        bench.local(leaf(n), Some(if n < 30 { 1000 } else { 50_000 }));
        assert_eq!(bench.blocks(), [], "the first block is under way");
    }
    bench.config.outstanding_bytes = Some(u64::MAX);
    bench.act(|transfer, cx| transfer.written(A, 100_000, cx));
    let counts: Vec<usize> = bench.sent().iter().map(|(_, message)| message.blocks.len()).collect();
    assert_eq!(counts.iter().sum::<usize>(), 39);
    assert!(counts.len() <= 12 + 1, "{counts:?}");
    assert!(bench.sent().iter().all(|(_, message)| message.blocks.len() == 1 || message.block_bytes() <= 16 << 10));
}

#[test]
fn with_reports_of_what_was_written_cancels_and_priorities_reach_what_is_queued() {
    let mut bench = Bench::new();
    bench.config.outstanding_bytes = Some(1000);
    bench.wants(A, true, (0..4).map(|n| want(leaf(n), WantKind::Block, n as i32)).collect());
    for n in 0..4 {
        bench.local(leaf(n), Some(1000));
    }
    bench.wants(A, false, vec![cancel(2)]);
    let mut order = Vec::new();
    for _ in 0..3 {
        bench.act(|transfer, cx| transfer.written(A, 1000, cx));
        order.extend(bench.blocks());
    }
    assert_eq!(order, [(A, leaf(3)), (A, leaf(1))]);
}

#[test]
fn thousands_of_wants_stay_bounded_and_what_does_not_fit_is_refused() {
    let mut bench = Bench::new();
    bench.wants(A, false, (0..5000).map(block).collect());
    assert_eq!(bench.transfer.wantlist_len(A), bench.config.wantlist);
    assert_eq!(bench.lookups().len(), bench.config.serve_lookups);
    let mut refused = bench.presences().len();
    bench.act(|transfer, cx| transfer.on_timer(Timer::Flush, cx));
    refused += bench.presences().len();
    assert_eq!(refused, 5000 - bench.config.wantlist);
}

#[test]
fn wanting_the_same_over_and_over_asks_the_driver_once() {
    let mut bench = Bench::new();
    let mut lookups = 0;
    for _ in 0..1000 {
        bench.wants(A, false, vec![block(1), cancel(1), block(1)]);
        lookups += bench.lookups().len();
    }
    assert_eq!((lookups, bench.transfer.client_wants()), (1, 1));
}

#[test]
fn clients_beyond_the_bounds_are_refused() {
    let mut bench = Bench::new();
    bench.config.clients = 2;
    bench.config.wantlists = 3;
    for peer in 1..=3 {
        bench.wants(Peer(peer), true, vec![block(peer), block(peer + 10)]);
    }
    assert_eq!(bench.transfer.client_wants(), 3);
}

proptest! {
    /// Whatever clients send, the lists and the driver's pending questions stay within their bounds, and once all clients are gone nothing is left.
    #[test]
    fn hostile_wantlists_stay_bounded(messages in proptest::collection::vec(
        (0u32..6, any::<bool>(), proptest::collection::vec((0u32..30, any::<bool>(), any::<bool>(), any::<i32>()), 0..40), any::<Option<u16>>()), 1..60))
    {
        let mut bench = Bench::new();
        (bench.config.wantlist, bench.config.wantlists, bench.config.clients, bench.config.serve_lookups) = (10, 25, 4, 5);
        let mut pending = BTreeSet::new();
        for (from, full, wants, size) in messages {
            let wants = wants.into_iter().map(|(n, have, cancel, priority)| {
                let kind = if have { WantKind::Have } else { WantKind::Block };
                Want { cid: leaf(n), priority, kind, cancel, send_dont_have: n % 2 == 0 }
            });
            bench.wants(Peer(from), full, wants.collect());
            for cid in bench.lookups() {
                prop_assert!(pending.insert(cid), "asked twice at once");
            }
            prop_assert!(pending.len() <= 5);
            prop_assert!(bench.transfer.client_wants() <= 25);
            prop_assert!(bench.transfer.wantlist_len(Peer(from)) <= 10);
            if let Some(cid) = pending.pop_first() {
                bench.local(cid, size.map(u32::from));
                for cid in bench.lookups() {
                    prop_assert!(pending.insert(cid));
                }
            }
        }
        for peer in 0..6 {
            bench.act(|transfer, cx| transfer.on_unreachable(Peer(peer), cx));
        }
        prop_assert_eq!(bench.transfer.client_wants(), 0);
    }
}
