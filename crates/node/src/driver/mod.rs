//! The driver: one task that owns the peer's [`Stack`] and feeds it, exactly as the simulator does.
//!
//! ```text
//!    sockets ─▶ Swarm ─▶ stream tasks ─┐
//!    API ─────────────▶ requests ──────┼─▶ one input at a time ─▶ Stack ─▶ effects, in the order pushed
//!    clock ───────────▶ timers ────────┘                                     │
//!        ┌──────────────┬────────────────┬──────────────────────┬────────────┘
//!        ▼ send         ▼ wake           ▼ event                ▼ step
//!   queues of tasks   timers        answers to the API       recorder
//! ```
//!
//! The task never waits for anything but its inputs: no disk, no hashing, no full queue of somebody else. What a queue does not take is dropped and
//! recorded as dropped, with the reason, as a network would.
//!
//! | module | holds |
//! |---|---|
//! | `inputs` | what stream tasks report |
//! | `network` | what the swarm reports: connections, streams, who serves what |
//! | `messages` | the two wires: from stream to stack and back |
//! | `effects` | what the stack wants done |
//! | `requests` | what the API asks, and who waits for which answer |
//! | `watchers` | who gets records while the node runs |
//! | `connections`, `timers`, `clock`, `record` | the state behind these |

mod clock;
mod connections;
mod effects;
pub(crate) mod inputs;
mod messages;
mod network;
pub(crate) mod record;
pub(crate) mod requests;
mod timers;
pub(crate) mod watchers;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use libp2p::Swarm;
use peerglass_core::{Acquaintances, Cx, Describe, Effect, Fields, Peer, Protocol, Rng, Sink, Time};
use peerglass_stack::{Command, Stack};
use peerglass_trace::{Cause, What};
use tokio::sync::{broadcast, mpsc, oneshot};
use tokio::task::JoinSet;

use crate::book::{Book, ME};
use crate::disk::Disk;
use crate::notice::Notice;
use crate::options::{BoxedRecorder, Limits};
use crate::profile::Network;
use crate::streams::frame::Budget;
use crate::streams::kad_out;
use crate::streams::link::Link;
use crate::swarm::{Base, OpenError, Substream, Token};

use clock::Clock;
use connections::Connections;
use inputs::{Input, Reply};
use record::Log;
use requests::{Request, Waiters};
use timers::Timers;

pub(crate) use network::{innermost, io_kind};

/// Inputs from stream tasks that may wait. Small: a full queue is how backpressure begins.
const INPUTS: usize = 256;
/// Inputs handled before others get a turn.
const BURST: usize = 64;

/// What a driver is made of.
pub(crate) struct Parts {
    pub(crate) swarm: Swarm<Base>,
    pub(crate) config: peerglass_stack::Config,
    pub(crate) network: Network,
    pub(crate) limits: Limits,
    pub(crate) disk: Arc<Disk>,
    pub(crate) recorder: BoxedRecorder,
    pub(crate) seed: u64,
    pub(crate) requests: mpsc::Receiver<Request>,
    pub(crate) notices: broadcast::Sender<Notice>,
}

/// The task's state.
pub(crate) struct Driver {
    swarm: Swarm<Base>,
    stack: Stack,
    config: peerglass_stack::Config,
    network: Network,
    limits: Limits,
    book: Book,
    disk: Arc<Disk>,
    clock: Clock,
    started: Time,
    timers: Timers<peerglass_stack::Timer>,
    log: Log,
    seed: u64,
    /// Counts the calls of handlers: each has dice of its own.
    calls: u64,
    connections: Connections,
    /// Streams being opened, by token.
    opening: BTreeMap<Token, oneshot::Sender<Result<Substream, OpenError>>>,
    asking: BTreeMap<Peer, mpsc::Sender<kad_out::Ask>>,
    sending: BTreeMap<Peer, mpsc::Sender<peerglass_transfer::Message>>,
    /// Requests of others that the stack has not answered yet, by the number they were given.
    unanswered: BTreeMap<u64, (Peer, oneshot::Sender<Reply>)>,
    /// Which record a question of ours was sent by, so that its answer can name it.
    asked: BTreeMap<(Peer, u64), Cause>,
    next_request: u64,
    /// Whether what is being fed is a cancellation by the user.
    giving_up: bool,
    violations: BTreeMap<Peer, u32>,
    /// Inbound streams refused, by connected peer.
    refusals: BTreeMap<Peer, u32>,
    waiters: Waiters,
    /// Commands that events led to: fed once the effects before them have taken hold.
    later: VecDeque<(Command, Cause)>,
    inputs: (mpsc::Sender<Input>, mpsc::Receiver<Input>),
    requests: mpsc::Receiver<Request>,
    notices: broadcast::Sender<Notice>,
    budget: Budget,
    tasks: JoinSet<()>,
    lookups: mpsc::Sender<(peerglass_store::Cid, Cause)>,
}

impl Driver {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { swarm, config, network, limits, disk, recorder, seed, requests, notices } = parts;
        let inputs = mpsc::channel(INPUTS);
        let mut tasks = JoinSet::new();
        let lookups = crate::disk::librarian(Arc::clone(&disk), inputs.0.clone(), &mut tasks);
        let me = *swarm.local_peer_id();
        let clock = Clock::start();
        Self {
            swarm,
            stack: Stack::new(&config),
            config,
            network,
            limits,
            book: Book::new(me, network.scope(), limits.book),
            disk,
            started: clock.now(),
            clock,
            timers: Timers::new(),
            log: Log::new(recorder),
            seed,
            calls: 0,
            connections: Connections::default(),
            opening: BTreeMap::new(),
            asking: BTreeMap::new(),
            sending: BTreeMap::new(),
            unanswered: BTreeMap::new(),
            asked: BTreeMap::new(),
            next_request: 0,
            giving_up: false,
            violations: BTreeMap::new(),
            refusals: BTreeMap::new(),
            waiters: Waiters::default(),
            later: VecDeque::new(),
            inputs,
            requests,
            notices,
            budget: Budget::new(limits.stream_memory),
            tasks,
            lookups,
        }
    }

    /// Runs until the API asks it to end, or nobody is left who could. Returns whether all records could be written.
    pub(crate) async fn run(mut self) -> std::io::Result<()> {
        self.start();
        loop {
            let wake = self.timers.next().map(|time| self.clock.instant(time));
            let alarm = async {
                match wake {
                    Some(instant) => tokio::time::sleep_until(instant).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                event = self.swarm.select_next_some() => self.on_swarm(event),
                Some(input) = self.inputs.1.recv() => self.on_inputs(input),
                request = self.requests.recv() => match request {
                    None | Some(Request::Shutdown) => break,
                    Some(request) => self.on_request(request),
                },
                () = alarm => self.on_timers(),
                Some(_) = self.tasks.join_next() => {}
            }
            self.tidy();
        }
        self.close().await
    }

    fn start(&mut self) {
        self.own_addresses();
        let cause = self.log.note(self.clock.now(), Cause::NONE, |_| What::Up);
        let id = self.swarm.local_peer_id().to_string();
        // Whose records these are, for whoever puts runs of several nodes together.
        self.log.note(self.clock.now(), cause, |words| What::Event(words.describe(&Identity { id })));
        self.feed(cause, |stack, cx| stack.start(cx));
    }

    fn on_inputs(&mut self, input: Input) {
        self.on_input(input);
        for _ in 0..BURST {
            match self.inputs.1.try_recv() {
                Ok(input) => self.on_input(input),
                Err(_) => break,
            }
        }
    }

    fn on_timers(&mut self) {
        let now = self.clock.now();
        while let Some((timer, cause)) = self.timers.due(now) {
            let cause = self.log.timer(self.clock.now(), cause, &timer);
            self.feed(cause, |stack, cx| stack.on_timer(timer, cx));
        }
    }

    /// The local application asks.
    fn command(&mut self, command: Command, cause: Cause) {
        let cause = self.log.note(self.clock.now(), cause, |words| What::Command(words.describe(&command)));
        self.feed(cause, |stack, cx| stack.on_command(command, cx));
    }

    /// The stack hears that a peer cannot be reached, or was lost.
    fn unreachable(&mut self, peer: Peer, cause: Cause) {
        let cause = self.log.note(self.clock.now(), cause, |_| What::Unreachable { peer });
        self.disk.asked().forget(peer);
        self.feed(cause, |stack, cx| stack.on_unreachable(peer, cx));
    }

    /// One call of a handler, then its effects in their order.
    fn feed(&mut self, cause: Cause, run: impl FnOnce(&mut Stack, &mut Cx<'_, Stack>)) {
        self.calls += 1;
        let mut rng = Rng::for_step(self.seed, ME, self.calls);
        let mut effects = Effects { list: Vec::new(), watched: self.log.watches_steps() };
        let now = self.clock.now();
        let mut cx = Cx::new(now, ME, &self.config, Acquaintances::Known(&self.book), &mut rng, &mut effects);
        run(&mut self.stack, &mut cx);
        for effect in effects.list {
            self.apply(effect, now, cause);
        }
    }

    fn link(&self, peer: Peer) -> Link {
        Link { peer, inputs: self.inputs.0.clone(), budget: self.budget.clone(), keeps_bytes: self.log.watches_wire() }
    }

    /// The user gives something up.
    fn give_up_on(&mut self, tag: peerglass_stack::Tag) {
        self.giving_up = true;
        self.command(Command::Cancel { tag }, Cause::NONE);
        self.giving_up = false;
    }

    /// Feeds what events led to, and forgets what nobody holds any more.
    fn tidy(&mut self) {
        self.log.tidy();
        if let Some(why) = self.log.news() {
            self.tell(Notice::RecordingEnded { why });
        }
        while let Some((command, cause)) = self.later.pop_front() {
            self.command(command, cause);
        }
        if self.book.wants_sweep() {
            let (stack, connections) = (&self.stack, &self.connections);
            let (asking, sending, waiters) = (&self.asking, &self.sending, &self.waiters);
            self.book.sweep(|visit| {
                stack.peers(visit);
                connections.visit(visit);
                waiters.visit(visit);
                asking.keys().chain(sending.keys()).for_each(|peer| visit(*peer));
            });
            self.violations.retain(|peer, _| self.book.id_of(*peer).is_some());
        }
        if self.unanswered.len() > 4 * INPUTS {
            self.unanswered.retain(|_, (_, reply)| !reply.is_closed());
        }
        if self.asking.len() + self.sending.len() > self.limits.connections as usize * 2 {
            self.asking.retain(|_, queue| !queue.is_closed());
            self.sending.retain(|_, queue| !queue.is_closed());
        }
    }

    /// Ends tidily: no more streams, connections closed, records written.
    async fn close(mut self) -> std::io::Result<()> {
        self.log.note(self.clock.now(), Cause::NONE, |_| What::Down { why: "leave".into() });
        self.asking.clear();
        self.sending.clear();
        self.unanswered.clear();
        let peers: Vec<_> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // It may have gone by itself in between.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let swarm = &mut self.swarm;
        let closing = async {
            while swarm.network_info().num_peers() > 0 {
                swarm.select_next_some().await;
            }
        };
        // A remote that does not answer must not keep us.
        let _ = tokio::time::timeout(Duration::from_secs(2), closing).await;
        drop(self.swarm);
        self.tasks.shutdown().await;
        self.log.finish()
    }
}

/// The sink that the stack pushes into.
struct Effects {
    list: Vec<Effect<Stack>>,
    watched: bool,
}

impl Sink<Stack> for Effects {
    fn push(&mut self, effect: Effect<Stack>) {
        self.list.push(effect);
    }

    fn watched(&self) -> bool {
        self.watched
    }
}

/// Who a node is.
struct Identity {
    id: String,
}

impl Describe for Identity {
    fn name(&self) -> &'static str {
        "identity"
    }

    fn fields(&self, fields: &mut Fields) {
        fields.add("id", self.id.as_str());
    }
}
