//! [`Transfer`]: the protocol. Here is only who gets to hear what; fetching is in `client`, serving in `server`.
//!
//! Every entry ends in the same way: what became possible is done (`settle`), and what there is to say to each peer goes out as few messages as
//! can be (`outbox`).

use peerglass_core::{Cx, Operation, Peer, Protocol};
use peerglass_store::Cid;

use crate::client::{Client, Env};
use crate::lookups::Lookups;
use crate::outbox::Outbox;
use crate::server::Server;
use crate::{Block, Command, Config, Event, Ledger, Local, Message, Timer};

/// Block exchange at one peer.
#[derive(Clone, Debug, Default)]
pub struct Transfer {
    client: Client,
    server: Server,
    lookups: Lookups,
    ledger: Ledger,
    outbox: Outbox,
    /// Whether it is to be woken to send what was held back.
    flushing: bool,
}

impl Transfer {
    /// A peer that fetches nothing yet and serves what it is asked for.
    #[must_use]
    pub fn new(_config: &Config) -> Self {
        Self::default()
    }

    /// Starts to get the DAG below `root`. `sources` are peers said to have it; more are asked for by [`Event::WantSources`]. Ends in
    /// [`Event::Done`] or [`Event::Failed`].
    pub fn fetch(&mut self, root: Cid, sources: &[Peer], cx: &mut Cx<'_, Self>) -> Operation {
        self.run(cx, |client, env| client.fetch(root, sources, env))
    }

    /// Gives a fetch up. No event follows. What arrived stays.
    pub fn cancel(&mut self, operation: Operation, cx: &mut Cx<'_, Self>) {
        self.run(cx, |client, env| client.cancel(operation.number, env));
    }

    /// Adds sources to a fetch. `done` says that the search for them has ended.
    pub fn sources(&mut self, operation: Operation, peers: &[Peer], done: bool, cx: &mut Cx<'_, Self>) {
        self.run(cx, |client, env| client.sources(operation.number, peers, done, env));
    }

    /// Answers [`Event::Lookup`], or tells that a block came here by other ways.
    pub fn local(&mut self, cid: Cid, found: Option<Local>, cx: &mut Cx<'_, Self>) {
        self.lookups.answered(&cid);
        self.server.on_local(&cid, found.as_ref().map(|local| local.size), cx.config(), &mut self.outbox);
        self.run(cx, |client, env| client.local(cid, found, env));
    }

    /// The driver has written (or given up) messages with this many bytes of blocks to `peer`. See
    /// [`Config::outstanding_bytes`].
    pub fn written(&mut self, peer: Peer, bytes: u64, cx: &mut Cx<'_, Self>) {
        self.server.on_written(peer, bytes);
        self.finish(cx);
    }

    /// Who gave and took how much.
    #[must_use]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Whether a fetch wants `cid` and is waiting for it to arrive.
    #[must_use]
    pub fn is_wanted(&self, cid: &Cid) -> bool {
        self.client.is_wanted(cid)
    }

    /// At whom a want-block for `cid` is outstanding.
    #[must_use]
    pub fn asked(&self, cid: &Cid) -> Option<Peer> {
        self.client.asked(cid)
    }

    /// How many fetches run.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.client.fetches()
    }

    /// How many blocks are in flight for all fetches together.
    #[must_use]
    pub fn in_flight(&self) -> usize {
        self.client.in_flight()
    }

    /// How many wants are kept for clients.
    #[must_use]
    pub fn client_wants(&self) -> usize {
        self.server.wants()
    }

    /// How many wants are kept for one client.
    #[must_use]
    pub fn wantlist_len(&self, peer: Peer) -> usize {
        self.server.wantlist_len(peer)
    }

    fn run<R>(&mut self, cx: &mut Cx<'_, Self>, act: impl FnOnce(&mut Client, &mut Env<'_, '_>) -> R) -> R {
        let mut env = Env { cx, out: &mut self.outbox, lookups: &mut self.lookups, ledger: &mut self.ledger };
        let result = act(&mut self.client, &mut env);
        self.client.settle(&mut env);
        self.finish(cx);
        result
    }

    fn finish(&mut self, cx: &mut Cx<'_, Self>) {
        self.server.look_up(&mut self.lookups, cx);
        self.server.send(cx.now(), cx.config(), &mut self.ledger, &mut self.outbox);
        let held = self.outbox.flush(self.lookups.len() > 0, cx);
        if held && !core::mem::replace(&mut self.flushing, true) {
            cx.wake_in(cx.config().coalesce, Timer::Flush);
        }
    }

    /// A block arrived: our fetches go on, and clients that wait for it are served.
    fn on_block(&mut self, from: Peer, block: Block, cx: &mut Cx<'_, Self>) {
        let mut env = Env { cx, out: &mut self.outbox, lookups: &mut self.lookups, ledger: &mut self.ledger };
        if self.client.on_block(from, block, &mut env) {
            self.server.on_local(&block.cid, Some(block.size), cx.config(), &mut self.outbox);
        }
    }
}

impl Protocol for Transfer {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Command = Command;
    type Event = Event;

    fn start(&mut self, _cx: &mut Cx<'_, Self>) {}

    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        for block in message.blocks {
            self.on_block(from, block, cx);
        }
        if message.full || !message.wants.is_empty() {
            self.server.on_wants(from, message.full, message.wants, cx.config(), &mut self.outbox);
        }
        self.run(cx, |client, env| client.on_presences(from, &message.presences, env));
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_, Self>) {
        match timer {
            Timer::Answer(peer) => self.run(cx, |client, env| client.on_late(peer, env)),
            Timer::Fetch(number) => self.run(cx, |client, env| client.check(number, env)),
            Timer::Flush => {
                self.flushing = false;
                self.outbox.flush(false, cx);
            }
        }
    }

    fn on_command(&mut self, command: Command, cx: &mut Cx<'_, Self>) {
        match command {
            Command::Fetch { root, sources } => {
                self.fetch(root, &sources, cx);
            }
            Command::Cancel { operation } => self.cancel(operation, cx),
            Command::Sources { operation, peers, done } => self.sources(operation, &peers, done, cx),
            Command::Local { cid, found } => self.local(cid, found, cx),
            Command::Written { peer, bytes } => self.written(peer, bytes, cx),
        }
    }

    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        self.server.on_unreachable(peer);
        self.outbox.forget(peer);
        self.run(cx, |client, env| client.on_unreachable(peer, env));
    }

    fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.client.peers(visit);
        self.server.peers(visit);
        self.ledger.peers(visit);
    }
}
