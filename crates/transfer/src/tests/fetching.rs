//! What one fetch says and does, by its effects.

use core::time::Duration;

use peerglass_core::{Acquaintances, Cx, Effect, Operation, Peer, Protocol, Rng, Time};
use peerglass_store::Cid;

use super::{leaf, node};
use crate::{Block, Config, Event, FetchError, Local, Message, Presence, Timer, Transfer, WantKind};

const A: Peer = Peer(1);
const B: Peer = Peer(2);

struct Bench {
    transfer: Transfer,
    config: Config,
    now: Time,
    effects: Vec<Effect<Transfer>>,
}

impl Bench {
    fn new() -> Bench {
        let config = Config::default();
        Bench { transfer: Transfer::new(&config), config, now: Time::from_secs(5), effects: Vec::new() }
    }

    fn act<R>(&mut self, act: impl FnOnce(&mut Transfer, &mut Cx<'_, Transfer>) -> R) -> R {
        self.effects.clear();
        let mut rng = Rng::new(1);
        let mut cx = Cx::new(self.now, Peer(0), &self.config, Acquaintances::derived(1), &mut rng, &mut self.effects);
        act(&mut self.transfer, &mut cx)
    }

    /// Starts a fetch and says that nothing is here.
    fn fetch(&mut self, root: Cid, sources: &[Peer]) -> Operation {
        let operation = self.act(|transfer, cx| transfer.fetch(root, sources, cx));
        assert!(self.events().contains(&Event::Lookup { cid: root }), "first it is asked whether the block is here");
        self.act(|transfer, cx| transfer.local(root, None, cx));
        operation
    }

    fn local(&mut self, cid: Cid, links: &[Cid]) {
        let local = Local { size: 10, links: links.to_vec() };
        self.act(|transfer, cx| transfer.local(cid, Some(local), cx));
    }

    fn missing(&mut self, cids: &[Cid]) {
        for cid in cids {
            self.act(|transfer, cx| transfer.local(*cid, None, cx));
        }
    }

    fn block(&mut self, from: Peer, cid: Cid) {
        let message = Message { blocks: vec![Block { cid, size: 1000 }], ..Message::default() };
        self.act(|transfer, cx| transfer.on_message(from, message, cx));
    }

    fn presence(&mut self, from: Peer, cid: Cid, have: bool) {
        let message = Message { presences: vec![Presence { cid, have }], ..Message::default() };
        self.act(|transfer, cx| transfer.on_message(from, message, cx));
    }

    fn events(&self) -> Vec<Event> {
        self.effects.iter().filter_map(|effect| if let Effect::Event(event) = effect { Some((**event).clone()) } else { None }).collect()
    }

    /// What was wanted of whom: `B` a block, `H` word of it, `C` a cancel.
    fn wants(&self) -> Vec<(Peer, char, Cid)> {
        let sends = self.effects.iter().filter_map(|effect| if let Effect::Send { to, message } = effect { Some((*to, message)) } else { None });
        sends
            .flat_map(|(to, message)| {
                message.wants.iter().map(move |want| {
                    let kind = match want.kind {
                        _ if want.cancel => 'C',
                        WantKind::Block => 'B',
                        WantKind::Have => 'H',
                    };
                    (to, kind, want.cid)
                })
            })
            .collect()
    }

    fn steps(&self) -> Vec<&'static str> {
        self.effects.iter().filter_map(|effect| if let Effect::Step(told) = effect { Some(told.step.name) } else { None }).collect()
    }
}

#[test]
fn the_root_is_wanted_as_block_from_one_source_and_as_have_from_the_others() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    assert_eq!(bench.wants(), [(A, 'B', node(0)), (B, 'H', node(0))]);
    assert_eq!(bench.steps(), ["ask", "probe"]);
    let full = bench.effects.iter().all(|effect| !matches!(effect, Effect::Send { message, .. } if !message.full));
    assert!(full, "the first list replaces what the peer may remember");
}

#[test]
fn a_block_that_arrived_is_cancelled_at_the_others_and_looked_up_for_its_links() {
    let mut bench = Bench::new();
    let operation = bench.fetch(node(0), &[A, B]);
    bench.block(A, node(0));
    assert_eq!(bench.wants(), [(B, 'C', node(0))]);
    assert_eq!(bench.events(), [Event::Arrived { operation, cid: node(0), size: 1000, from: A }, Event::Lookup { cid: node(0) }]);
    bench.local(node(0), &[leaf(1), leaf(2)]);
    assert_eq!(bench.events(), [Event::Lookup { cid: leaf(1) }, Event::Lookup { cid: leaf(2) }]);
}

#[test]
fn dont_have_moves_the_want_to_the_next_source() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    bench.presence(A, node(0), false);
    assert_eq!(bench.wants(), [(B, 'B', node(0))]);
    bench.presence(B, node(0), false);
    assert_eq!(bench.wants(), [], "nobody is left to ask");
    bench.presence(A, node(0), true);
    assert_eq!(bench.wants(), [(A, 'B', node(0))], "it has it now");
}

#[test]
fn a_late_answer_moves_the_want_and_is_still_welcome() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    bench.now += Duration::from_secs(20);
    bench.act(|transfer, cx| transfer.on_timer(Timer::Answer(A), cx));
    assert_eq!(bench.wants(), [(A, 'C', node(0)), (B, 'B', node(0))]);
    bench.block(A, node(0));
    assert_eq!(bench.wants(), [(B, 'C', node(0))]);
    bench.block(B, node(0));
    assert!(bench.steps().contains(&"duplicate"), "the other's comes too late, which is no offence: {:?}", bench.steps());
}

#[test]
fn when_the_last_source_is_late_too_the_first_is_asked_again_at_once() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    for (late, next) in [(A, B), (B, A)] {
        bench.now += Duration::from_secs(60);
        bench.act(|transfer, cx| transfer.on_timer(Timer::Answer(late), cx));
        assert!(bench.wants().contains(&(next, 'B', node(0))), "{late} was late: {:?}", bench.wants());
    }
}

#[test]
fn a_timer_that_is_early_or_of_a_peer_unknown_does_nothing() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    for timer in [Timer::Answer(A), Timer::Answer(Peer(77)), Timer::Fetch(1), Timer::Fetch(99)] {
        bench.act(|transfer, cx| transfer.on_timer(timer, cx));
        assert!(bench.effects.is_empty(), "{timer:?}");
    }
}

#[test]
fn a_source_that_cannot_be_reached_is_replaced_and_asked_again_when_found_again() {
    let mut bench = Bench::new();
    let operation = bench.fetch(node(0), &[A]);
    bench.act(|transfer, cx| transfer.on_unreachable(A, cx));
    assert_eq!(bench.wants(), []);
    bench.act(|transfer, cx| transfer.sources(operation, &[B], true, cx));
    assert_eq!(bench.wants(), [(B, 'B', node(0))]);
    bench.act(|transfer, cx| transfer.on_unreachable(B, cx));
    bench.act(|transfer, cx| transfer.sources(operation, &[A], true, cx));
    assert_eq!(bench.wants(), [(A, 'B', node(0))]);
}

#[test]
fn what_the_block_not_asked_for_displaced_goes_to_the_next_source() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A, B]);
    bench.block(A, leaf(666));
    assert_eq!(bench.wants(), [(A, 'C', node(0)), (B, 'B', node(0))]);
    bench.block(A, leaf(667));
    assert_eq!(bench.events(), []);
    bench.block(A, leaf(668));
    assert!(matches!(bench.events()[..], [Event::Misbehaved { peer: A, .. }]));
}

#[test]
fn blocks_from_strangers_change_nothing_until_they_are_a_nuisance() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A]);
    for n in 0..200 {
        bench.block(Peer(50), leaf(n));
        let reported = bench.events().iter().any(|event| matches!(event, Event::Misbehaved { peer: Peer(50), .. }));
        assert_eq!(reported, n + 1 == bench.config.unasked);
        assert_eq!(bench.wants(), []);
    }
}

#[test]
fn sixteen_dont_haves_in_a_row_drop_a_source() {
    let mut bench = Bench::new();
    let leaves: Vec<Cid> = (0..20).map(leaf).collect();
    bench.fetch(node(0), &[A]);
    bench.block(A, node(0));
    bench.local(node(0), &leaves);
    bench.missing(&leaves[..16]);
    let mut dropped = 0;
    for cid in &leaves[..16] {
        bench.presence(A, *cid, false);
        dropped += bench.steps().iter().filter(|step| **step == "drop_source").count();
    }
    assert_eq!(dropped, 1);
}

#[test]
fn wants_wait_for_the_lookups_under_way_but_no_longer_than_a_moment() {
    let mut bench = Bench::new();
    let leaves: Vec<Cid> = (0..4).map(leaf).collect();
    bench.fetch(node(0), &[A]);
    bench.block(A, node(0));
    bench.local(node(0), &leaves);
    bench.missing(&leaves[..2]);
    assert_eq!(bench.wants(), [], "two more lookups are under way, which may add to the message");
    bench.act(|transfer, cx| transfer.on_timer(Timer::Flush, cx));
    assert_eq!(bench.wants(), [(A, 'B', leaf(0)), (A, 'B', leaf(1))]);
    bench.missing(&leaves[2..3]);
    assert_eq!(bench.wants(), []);
    bench.missing(&leaves[3..]);
    assert_eq!(bench.wants(), [(A, 'B', leaf(2)), (A, 'B', leaf(3))], "none is under way any more");
}

#[test]
fn cancelling_takes_every_want_back() {
    let mut bench = Bench::new();
    let operation = bench.fetch(node(0), &[A, B]);
    bench.act(|transfer, cx| transfer.cancel(operation, cx));
    assert_eq!(bench.wants(), [(A, 'C', node(0)), (B, 'C', node(0))]);
    assert_eq!((bench.transfer.fetches(), bench.transfer.in_flight()), (0, 0));
    let mut held = Vec::new();
    bench.transfer.peers(&mut |peer| held.push(peer));
    assert_eq!(held, [], "no handle is kept");
}

#[test]
fn a_block_that_another_fetch_wants_too_is_kept_when_one_is_cancelled() {
    let mut bench = Bench::new();
    let first = bench.fetch(node(0), &[A]);
    bench.act(|transfer, cx| transfer.fetch(node(0), &[B], cx));
    bench.act(|transfer, cx| transfer.cancel(first, cx));
    assert_eq!(bench.transfer.in_flight(), 1);
    bench.block(A, node(0));
    assert_eq!(bench.events().len(), 2, "it is still told as arrived, and looked up: {:?}", bench.events());
}

#[test]
fn a_block_that_came_by_other_ways_is_not_waited_for() {
    let mut bench = Bench::new();
    bench.fetch(leaf(0), &[A]);
    bench.local(leaf(0), &[]);
    assert_eq!(bench.wants(), [(A, 'C', leaf(0))]);
    assert!(matches!(bench.events()[..], [Event::Done { .. }]));
}

#[test]
fn a_block_that_arrived_and_is_not_in_the_store_ends_the_fetch_with_advice() {
    let mut bench = Bench::new();
    bench.fetch(node(0), &[A]);
    bench.block(A, node(0));
    for _ in 0..2 {
        bench.missing(&[node(0)]);
        assert_eq!(bench.events(), [Event::Lookup { cid: node(0) }], "a lookup from before the arrival may have crossed it");
    }
    bench.missing(&[node(0)]);
    assert!(matches!(bench.events()[..], [Event::Failed { reason: FetchError::NotKept { .. }, .. }]));
}

#[test]
fn a_hostile_dag_is_refused() {
    let mut bench = Bench::new();
    bench.config.links = 3;
    bench.config.depth = 1;
    bench.fetch(node(0), &[A]);
    bench.local(node(0), &[leaf(1), leaf(2), leaf(3), leaf(4)]);
    assert!(matches!(bench.events()[..], [Event::Failed { reason: FetchError::TooManyLinks { .. }, .. }]));
    bench.fetch(node(0), &[A]);
    bench.local(node(0), &[node(1)]);
    bench.local(node(1), &[node(2)]);
    assert!(matches!(bench.events()[..], [Event::Failed { reason: FetchError::TooDeep { limit: 1 }, .. }]));
}

#[test]
fn fetches_beyond_the_bound_are_refused_at_once() {
    let mut bench = Bench::new();
    bench.config.fetches = 1;
    bench.fetch(node(0), &[A]);
    bench.act(|transfer, cx| transfer.fetch(node(1), &[A], cx));
    assert!(matches!(bench.events()[..], [Event::Failed { reason: FetchError::Busy { limit: 1 }, .. }]));
}
