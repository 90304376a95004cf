//! [`Stack`]: the composed peer. Inputs go to the child they are for; children's events are turned into commands for the other child or into
//! events for the application.

use peerglass_core::{Ahead, Compose, Cx, Operation, Peer, Protocol};
use peerglass_kad::{self as kad, Kad, Name};
use peerglass_store::Cid;
use peerglass_transfer::{self as transfer, Transfer};

use crate::asks::{Asks, Purpose};
use crate::{Command, Event, Message, Rejection, Tag, Timer, provider_name};

/// The parameters of all parts. Shared by many peers.
#[derive(Debug, Default)]
pub struct Config {
    /// Of Kademlia.
    pub kad: kad::Config,
    /// Of block exchange.
    pub transfer: transfer::Config,
}

/// One peer: Kademlia and block exchange put together.
#[derive(Clone)]
pub struct Stack {
    kad: Kad,
    /// Made when it is first needed: of a million peers most only route.
    transfer: Option<Box<Transfer>>,
    asks: Asks,
}

impl Stack {
    /// A peer that knows nobody yet.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        Self { kad: Kad::new(&config.kad), transfer: None, asks: Asks::default() }
    }

    /// The Kademlia part, to look at.
    #[must_use]
    pub fn kad(&self) -> &Kad {
        &self.kad
    }

    /// The block exchange part, to look at, if this peer has had to do with blocks.
    #[must_use]
    pub fn transfer(&self) -> Option<&Transfer> {
        self.transfer.as_deref()
    }

    #[cfg(test)]
    pub(crate) fn is_idle(&self) -> bool {
        self.asks.is_empty()
    }

    /// Runs Kademlia and acts on what it says.
    fn with_kad<R>(&mut self, cx: &mut Cx<'_, Self>, run: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>) -> R) -> R {
        let mut events = Vec::new();
        let result = cx.child(&mut events, |cx| run(&mut self.kad, cx));
        for event in events {
            self.on_kad(event, cx);
        }
        result
    }

    /// Runs block exchange and acts on what it says.
    fn with_transfer<R>(&mut self, cx: &mut Cx<'_, Self>, run: impl FnOnce(&mut Transfer, &mut Cx<'_, Transfer>) -> R) -> R {
        let mut events = Vec::new();
        let transfer = made(&mut self.transfer, &cx.config().transfer);
        let result = cx.child(&mut events, |cx| run(transfer, cx));
        for event in events {
            self.on_transfer(event, cx);
        }
        result
    }

    /// Starts an operation of Kademlia. It is written down before its events are looked at, so that even an operation that ends at once is answered.
    fn ask_kad(&mut self, purpose: Purpose, cx: &mut Cx<'_, Self>, start: impl FnOnce(&mut Kad, &mut Cx<'_, Kad>) -> Operation) {
        let mut events = Vec::new();
        let operation = cx.child(&mut events, |cx| start(&mut self.kad, cx));
        self.asks.add(operation, purpose);
        for event in events {
            self.on_kad(event, cx);
        }
    }

    fn on_kad(&mut self, event: kad::Event, cx: &mut Cx<'_, Self>) {
        match event {
            kad::Event::Joined { operation, contacts, .. } => {
                self.asks.end(operation);
                cx.emit(Event::Joined { contacts });
            }
            kad::Event::Mode { mode } => cx.emit(Event::Mode { mode }),
            kad::Event::Republished { keys, peers, age, .. } => cx.emit(Event::Republished { keys, peers, age }),
            kad::Event::Found { operation, closest, hops, report } => {
                if let Some(Purpose::FindNode { tag }) = self.asks.end(operation) {
                    cx.emit(Event::Nodes { tag, closest, hops, requests: report.requests });
                }
            }
            kad::Event::Providers { operation, providers } => self.on_providers(self.asks.get(operation), providers, None, cx),
            kad::Event::ProvidersEnded { operation, report, .. } => {
                let purpose = self.asks.end(operation);
                self.on_providers(purpose, Vec::new(), Some(report.hops), cx);
            }
            kad::Event::Provided { operation, replicas, .. } => {
                if let Some(Purpose::Share { tag }) = self.asks.end(operation) {
                    cx.emit(Event::Shared { tag, replicas });
                }
            }
            kad::Event::Put { operation, replicas, .. } => {
                if let Some(Purpose::Put { tag }) = self.asks.end(operation) {
                    cx.emit(Event::Stored { tag, replicas });
                }
            }
            kad::Event::Value { operation, value, .. } => {
                if let Some(Purpose::Get { tag }) = self.asks.end(operation) {
                    cx.emit(Event::Value { tag, value });
                }
            }
        }
    }

    /// Providers came to light: for the application, or for a fetch. `ended` tells the hops of a search that is over.
    fn on_providers(&mut self, purpose: Option<Purpose>, providers: Vec<Peer>, ended: Option<u32>, cx: &mut Cx<'_, Self>) {
        match purpose {
            Some(Purpose::FindProviders { tag }) => {
                cx.emit(Event::Providers { tag, providers, done: ended.is_some(), hops: ended.unwrap_or(0) });
            }
            Some(Purpose::Sources { fetch }) => {
                let me = cx.me();
                let peers: Vec<Peer> = providers.into_iter().filter(|peer| *peer != me).collect();
                self.with_transfer(cx, |transfer, cx| transfer.sources(fetch, &peers, ended.is_some(), cx));
            }
            _ => {}
        }
    }

    fn on_transfer(&mut self, event: transfer::Event, cx: &mut Cx<'_, Self>) {
        match event {
            transfer::Event::Lookup { cid } => cx.emit(Event::Lookup { cid }),
            transfer::Event::WantSources { operation, root } => self.find_sources(operation, &root, cx),
            transfer::Event::Arrived { operation, cid, size, from } => {
                if let Some(Purpose::Fetch { tag }) = self.asks.get(operation) {
                    cx.emit(Event::Arrived { tag, cid, size, from });
                }
            }
            transfer::Event::Done { operation, summary } => {
                if let Some(tag) = self.end_fetch(operation, cx) {
                    cx.emit(Event::Fetched { tag, summary });
                }
            }
            transfer::Event::Failed { operation, reason } => {
                if let Some(tag) = self.end_fetch(operation, cx) {
                    cx.emit(Event::FetchFailed { tag, reason });
                }
            }
            transfer::Event::Misbehaved { peer, why } => cx.emit(Event::Misbehaved { peer, why }),
        }
    }

    fn find_sources(&mut self, fetch: Operation, root: &Cid, cx: &mut Cx<'_, Self>) {
        if self.asks.sources_of(fetch).is_some() {
            return;
        }
        match provider_name(root) {
            Some(name) => self.ask_kad(Purpose::Sources { fetch }, cx, |kad, cx| kad.find_providers(name, 0, cx)),
            None => self.with_transfer(cx, |transfer, cx| transfer.sources(fetch, &[], true, cx)),
        }
    }

    /// The fetch is over: its search for sources is too.
    fn end_fetch(&mut self, fetch: Operation, cx: &mut Cx<'_, Self>) -> Option<Tag> {
        if let Some(search) = self.asks.sources_of(fetch) {
            self.asks.end(search);
            self.with_kad(cx, |kad, cx| kad.cancel(search, cx));
        }
        self.asks.end(fetch)?.tag()
    }

    fn fetch(&mut self, tag: Tag, root: Cid, sources: &[Peer], cx: &mut Cx<'_, Self>) {
        let mut events = Vec::new();
        let transfer = made(&mut self.transfer, &cx.config().transfer);
        let operation = cx.child(&mut events, |cx| transfer.fetch(root, sources, cx));
        self.asks.add(operation, Purpose::Fetch { tag });
        for event in events {
            self.on_transfer(event, cx);
        }
    }

    fn cancel(&mut self, tag: Tag, cx: &mut Cx<'_, Self>) {
        for operation in self.asks.of_tag(tag) {
            if let Some(Purpose::Fetch { .. }) = self.asks.get(operation) {
                self.end_fetch(operation, cx);
                self.with_transfer(cx, |transfer, cx| transfer.cancel(operation, cx));
            } else {
                self.asks.end(operation);
                self.with_kad(cx, |kad, cx| kad.cancel(operation, cx));
            }
        }
    }

    fn put(&mut self, tag: Tag, key: &[u8], value: &[u8], cx: &mut Cx<'_, Self>) {
        let Some(name) = Name::new(key) else {
            return cx.emit(Event::Rejected { tag, why: Rejection::Key });
        };
        let mut events = Vec::new();
        match cx.child(&mut events, |cx| self.kad.put_value(name, value, cx)) {
            Ok(operation) => self.asks.add(operation, Purpose::Put { tag }),
            Err(refusal) => cx.emit(Event::Rejected { tag, why: Rejection::Value(refusal.to_string()) }),
        }
        for event in events {
            self.on_kad(event, cx);
        }
    }
}

/// Block exchange, made now if this peer had nothing to do with blocks before.
fn made<'a>(transfer: &'a mut Option<Box<Transfer>>, config: &transfer::Config) -> &'a mut Transfer {
    transfer.get_or_insert_with(|| Box::new(Transfer::new(config)))
}

impl Protocol for Stack {
    type Config = Config;
    type Message = Message;
    type Timer = Timer;
    type Command = Command;
    type Event = Event;

    fn start(&mut self, cx: &mut Cx<'_, Self>) {
        self.with_kad(cx, |kad, cx| kad.start(cx));
    }

    /// What Kademlia keeps is still there. Fetches and everything else that was asked for are over, and nobody is told: who asked is gone too.
    fn restart(&mut self, cx: &mut Cx<'_, Self>) {
        self.transfer = None;
        self.asks = Asks::default();
        self.with_kad(cx, |kad, cx| kad.restart(cx));
    }

    fn on_message(&mut self, from: Peer, message: Message, cx: &mut Cx<'_, Self>) {
        match message {
            Message::Kad(message) => self.with_kad(cx, |kad, cx| kad.on_message(from, message, cx)),
            Message::Transfer(message) => self.with_transfer(cx, |transfer, cx| transfer.on_message(from, *message, cx)),
        }
    }

    fn on_timer(&mut self, timer: Timer, cx: &mut Cx<'_, Self>) {
        match timer {
            Timer::Kad(timer) => self.with_kad(cx, |kad, cx| kad.on_timer(timer, cx)),
            Timer::Transfer(timer) => self.with_transfer(cx, |transfer, cx| transfer.on_timer(timer, cx)),
        }
    }

    fn on_command(&mut self, command: Command, cx: &mut Cx<'_, Self>) {
        match command {
            Command::Join { contacts } => self.ask_kad(Purpose::Join, cx, |kad, cx| kad.join(&contacts, cx)),
            Command::Contact { peer, server } => self.with_kad(cx, |kad, cx| kad.contact(peer, server, cx)),
            Command::SetMode { mode } => self.with_kad(cx, |kad, cx| kad.set_mode(mode, cx)),
            Command::Share { tag, root } => match provider_name(&root) {
                Some(name) => self.ask_kad(Purpose::Share { tag }, cx, |kad, cx| kad.provide(name, cx)),
                None => cx.emit(Event::Rejected { tag, why: Rejection::Key }),
            },
            Command::Unshare { root } => {
                if let Some(name) = provider_name(&root) {
                    self.kad.stop_providing(&name);
                }
            }
            Command::Fetch { tag, root, sources } => self.fetch(tag, root, &sources, cx),
            Command::Cancel { tag } => self.cancel(tag, cx),
            Command::FindNode { tag, target } => self.ask_kad(Purpose::FindNode { tag }, cx, |kad, cx| kad.find_node(target, cx)),
            Command::FindProviders { tag, cid, wanted } => match provider_name(&cid) {
                Some(name) => self.ask_kad(Purpose::FindProviders { tag }, cx, |kad, cx| kad.find_providers(name, wanted, cx)),
                None => cx.emit(Event::Rejected { tag, why: Rejection::Key }),
            },
            Command::PutValue { tag, key, value } => self.put(tag, &key, &value, cx),
            Command::GetValue { tag, key } => match Name::new(&key) {
                Some(name) => self.ask_kad(Purpose::Get { tag }, cx, |kad, cx| kad.get_value(name, cx)),
                None => cx.emit(Event::Rejected { tag, why: Rejection::Key }),
            },
            Command::Local { cid, found } => self.with_transfer(cx, |transfer, cx| transfer.local(cid, found, cx)),
            Command::Written { peer, bytes } => self.with_transfer(cx, |transfer, cx| transfer.written(peer, bytes, cx)),
        }
    }

    fn on_unreachable(&mut self, peer: Peer, cx: &mut Cx<'_, Self>) {
        self.with_kad(cx, |kad, cx| kad.on_unreachable(peer, cx));
        if self.transfer.is_some() {
            self.with_transfer(cx, |transfer, cx| transfer.on_unreachable(peer, cx));
        }
    }

    fn touch(&self, ahead: Ahead<'_, Self>) -> u64 {
        self.kad.touch(match ahead {
            Ahead::Anything => Ahead::Anything,
            Ahead::Message { from, message: Message::Kad(message), acquaintances } => Ahead::Message { from, message, acquaintances },
            Ahead::Message { .. } | Ahead::Other => Ahead::Other,
        })
    }

    fn peers(&self, visit: &mut dyn FnMut(Peer)) {
        self.kad.peers(visit);
        if let Some(transfer) = &self.transfer {
            transfer.peers(visit);
        }
    }
}

impl Compose<Kad> for Stack {
    fn config(config: &Config) -> &kad::Config {
        &config.kad
    }
    fn message(message: kad::Message) -> Message {
        Message::Kad(message)
    }
    fn timer(timer: kad::Timer) -> Timer {
        Timer::Kad(timer)
    }
}

impl Compose<Transfer> for Stack {
    fn config(config: &Config) -> &transfer::Config {
        &config.transfer
    }
    fn message(message: transfer::Message) -> Message {
        Message::Transfer(Box::new(message))
    }
    fn timer(timer: transfer::Timer) -> Timer {
        Timer::Transfer(timer)
    }
}
