//! The stack's own work: carrying questions between its parts and answers back to whoever asked.

use peerglass_core::{Acquaintances, Cx, Describe, Effect, Peer, Protocol, Rng, Time};
use peerglass_kad as kad;
use peerglass_store::{Cid, HashKind, Local, cid_of};
use peerglass_transfer as transfer;

use crate::{Command, Config, Event, Message, Rejection, Stack};

struct Bench {
    stack: Stack,
    config: Config,
    rng: Rng,
    now: Time,
}

impl Bench {
    fn new() -> Self {
        let config = Config::default();
        Self { stack: Stack::new(&config), config, rng: Rng::new(1), now: Time::ZERO }
    }

    fn run(&mut self, input: impl FnOnce(&mut Stack, &mut Cx<'_, Stack>)) -> Vec<Effect<Stack>> {
        let mut effects = Vec::new();
        let mut cx = Cx::new(self.now, Peer(0), &self.config, Acquaintances::derived(1), &mut self.rng, &mut effects);
        input(&mut self.stack, &mut cx);
        effects
    }

    /// Lets `peer` into the routing table: it is said to be a server, is probed, and answers.
    fn admit(&mut self, peer: Peer) {
        for effect in self.command(Command::Contact { peer, server: true }) {
            if let Effect::Send { to, message: Message::Kad(kad::Message::Request { id, .. }) } = effect {
                let response = kad::Response::Nodes { closer: [].into() };
                self.run(|stack, cx| stack.on_message(to, Message::Kad(kad::Message::Response { id, response }), cx));
            }
        }
        assert_eq!(self.stack.kad().contacts(), 1);
    }

    fn command(&mut self, command: Command) -> Vec<Effect<Stack>> {
        self.run(|stack, cx| stack.on_command(command, cx))
    }
}

fn events(effects: &[Effect<Stack>]) -> Vec<&Event> {
    effects.iter().filter_map(|effect| if let Effect::Event(event) = effect { Some(&**event) } else { None }).collect()
}

fn root() -> Cid {
    cid_of(0x55, HashKind::Blake3, b"content")
}

#[test]
fn what_the_driver_has_written_makes_room_for_more() {
    let mut bench = Bench::new();
    bench.config.transfer.outstanding_bytes = Some(1000);
    let cids: Vec<Cid> = (0u8..2).map(|n| cid_of(0x55, HashKind::Blake3, &[n])).collect();
    let want = |cid: &Cid| transfer::Want { cid: *cid, priority: 1, kind: transfer::WantKind::Block, cancel: false, send_dont_have: true };
    let wants = transfer::Message { full: true, wants: cids.iter().map(want).collect(), ..transfer::Message::default() };
    bench.run(|stack, cx| stack.on_message(Peer(9), Message::Transfer(Box::new(wants)), cx));
    let blocks = |effects: &[Effect<Stack>]| {
        effects.iter().filter(|effect| matches!(effect, Effect::Send { message, .. } if message.name() == "BLOCK")).count()
    };
    let mut sent = 0;
    for cid in cids {
        sent += blocks(&bench.command(Command::Local { cid, found: Some(Local { size: 1000, links: Vec::new() }) }));
    }
    assert_eq!(sent, 1, "as much as may be under way");
    assert_eq!(blocks(&bench.command(Command::Written { peer: Peer(9), bytes: 1000 })), 1);
}

#[test]
fn a_fetch_first_asks_whether_the_root_is_here() {
    let mut bench = Bench::new();
    let effects = bench.command(Command::Fetch { tag: 7, root: root(), sources: vec![Peer(3)] });
    assert!(events(&effects).iter().any(|event| matches!(event, Event::Lookup { cid } if *cid == root())));
}

#[test]
fn a_missing_block_is_wanted_from_the_source_named() {
    let mut bench = Bench::new();
    bench.command(Command::Fetch { tag: 7, root: root(), sources: vec![Peer(3)] });
    let effects = bench.command(Command::Local { cid: root(), found: None });
    let wanted = effects.iter().any(|effect| matches!(effect, Effect::Send { to: Peer(3), message: Message::Transfer(message) } if message.wants.iter().any(|want| want.cid == root())));
    assert!(wanted, "{effects:?}");
}

#[test]
fn without_sources_kademlia_is_asked_for_providers_of_the_root() {
    let mut bench = Bench::new();
    bench.admit(Peer(5));
    let mut effects = bench.command(Command::Fetch { tag: 7, root: root(), sources: Vec::new() });
    effects.extend(bench.command(Command::Local { cid: root(), found: None }));
    let asked = effects
        .iter()
        .any(|effect| matches!(effect, Effect::Send { to: Peer(5), message: Message::Kad(message) } if message.name() == "GET_PROVIDERS"));
    assert!(asked, "{effects:?}");
}

#[test]
fn a_cancelled_fetch_leaves_nothing_behind_and_says_nothing_more() {
    let mut bench = Bench::new();
    bench.command(Command::Fetch { tag: 7, root: root(), sources: vec![Peer(3)] });
    bench.command(Command::Cancel { tag: 7 });
    assert!(bench.stack.is_idle());
    let effects = bench.command(Command::Local { cid: root(), found: None });
    assert!(events(&effects).iter().all(|event| event.tag() != Some(7)), "{effects:?}");
}

#[test]
fn keys_and_values_that_cannot_be_are_rejected_with_their_tag() {
    let mut bench = Bench::new();
    let effects = bench.command(Command::PutValue { tag: 9, key: Vec::new(), value: vec![1] });
    assert!(matches!(events(&effects)[..], [Event::Rejected { tag: 9, why: Rejection::Key }]));
    let effects = bench.command(Command::PutValue { tag: 10, key: b"/pk/x".to_vec(), value: b"not a key".to_vec() });
    assert!(matches!(events(&effects)[..], [Event::Rejected { tag: 10, why: Rejection::Value(_) }]), "{effects:?}");
}

#[test]
fn a_search_for_providers_that_cannot_ask_anybody_ends_at_once() {
    let mut bench = Bench::new();
    let effects = bench.command(Command::FindProviders { tag: 3, cid: root(), wanted: 0 });
    assert!(matches!(events(&effects)[..], [Event::Providers { tag: 3, done: true, .. }]), "{effects:?}");
}
