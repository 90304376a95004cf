//! The two wires: what stream tasks decoded goes to the stack, what the stack sends goes to stream tasks.
//!
//! Kademlia on libp2p correlates by stream, the protocol by number: a question of another peer gets a number here, and the answer with that number
//! goes back to the task that waits for it. Our own questions take their number along.

use std::collections::BTreeMap;
use std::sync::Arc;

use peerglass_core::wire::put_frame;
use peerglass_core::{Peer, Protocol};
use peerglass_kad::wire::{Kind, WireMessage, request_from_wire, response_from_wire, to_wire};
use peerglass_kad::{self as kad, Response};
use peerglass_stack::{Command, Message};
use peerglass_trace::{Cause, Described, DropCause, What};
use peerglass_transfer as transfer;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::oneshot;

use super::Driver;
use super::inputs::{Input, Reply, Silence};
use crate::book::ME;
use crate::notice::Notice;
use crate::profile::BITSWAP;
use crate::streams::bitswap_out;
use crate::streams::kad_out::{self, Ask};
use crate::streams::link::OnWire;
use crate::swarm::OpenError;

impl Driver {
    pub(super) fn on_input(&mut self, input: Input) {
        match input {
            Input::KadRequest { peer, message, arrived, memory, reply } => {
                self.on_kad_request(peer, *message, arrived, reply);
                drop(memory);
            }
            Input::KadAnswer { peer, id, request, message, arrived } => self.on_kad_answer(peer, id, &request, *message, arrived),
            Input::KadSilent { peer, id, why } => self.on_kad_silent(peer, id, why),
            Input::Transfer { peer, message, arrived } => {
                let message = Message::Transfer(Box::new(message));
                let cause = self.log.received(self.clock.now(), Cause::NONE, peer, &message, arrived);
                self.feed(cause, |stack, cx| stack.on_message(peer, message, cx));
            }
            Input::TransferLost { peer, why } => self.on_transfer_lost(peer, &why),
            Input::Open { peer, protocol, reply } => self.open(peer, (protocol, reply)),
            Input::Violation { peer, protocol, why } => self.violation(peer, protocol, &why),
            Input::Found(answers) => {
                for (cid, found, cause) in answers {
                    self.command(Command::Local { cid, found }, cause);
                }
            }
            Input::Unreadable { cid, file, why } => self.tell(Notice::Unreadable { cid, file, why }),
            Input::Unstorable { cid, why } => {
                for tag in self.waiters.disk_failed(&why) {
                    self.give_up_on(tag);
                }
                self.tell(Notice::Unstorable { cid, why });
            }
        }
    }

    /// Messages of block exchange to `peer` were lost. If only the stream failed, the peer is still good for Kademlia: then it counts as not having
    /// what was asked of it.
    fn on_transfer_lost(&mut self, peer: Peer, why: &OpenError) {
        if !self.connections.is_connected(peer) || matches!(why, OpenError::Unreachable(_)) {
            return self.unreachable(peer, Cause::NONE);
        }
        let presences: Vec<_> = self.disk.asked().forget(peer).into_iter().map(|cid| transfer::Presence { cid, have: false }).collect();
        if !presences.is_empty() {
            let message = Message::Transfer(Box::new(transfer::Message { presences, ..transfer::Message::default() }));
            let detail = format!("block exchange with {peer} ended: {why}");
            let cause = self.log.note(self.clock.now(), Cause::NONE, |_| What::Fault { name: "stream_lost", detail: detail.into() });
            self.feed(cause, |stack, cx| stack.on_message(peer, message, cx));
        }
    }

    fn on_kad_request(&mut self, peer: Peer, message: WireMessage, arrived: OnWire, reply: oneshot::Sender<Reply>) {
        self.next_request += 1;
        let id = self.next_request;
        let announces = message.kind == Kind::AddProvider;
        let message = match request_from_wire(message, peer, id, &mut self.book) {
            Ok(message) => message,
            // An announcement of nobody, or of somebody else, is passed over: it has no answer in any case.
            Err(_) if announces => return drop(reply.send(Reply::Nothing)),
            // Well-formed and meaningless: refused, by dropping the reply, but no reason to shut anybody out.
            Err(_) => return,
        };
        let answered = !matches!(&message, kad::Message::Request { request, .. } if !request.is_answered());
        if answered {
            self.unanswered.insert(id, (peer, reply));
        } else {
            // The task may have ended already.
            let _ = reply.send(Reply::Nothing);
        }
        self.receive_kad(peer, message, arrived, Cause::NONE);
    }

    fn on_kad_answer(&mut self, peer: Peer, id: u64, request: &kad::Request, message: WireMessage, arrived: OnWire) {
        let cause = self.asked.remove(&(peer, id)).unwrap_or(Cause::NONE);
        match response_from_wire(message, request, peer, id, &mut self.book) {
            Ok(message) => self.receive_kad(peer, message, arrived, cause),
            // An answer to something else, or a PUT_VALUE that was not echoed: that is how some implementations refuse.
            Err(_) => self.receive_kad(peer, kad::Message::Response { id, response: Response::Rejected }, arrived, cause),
        }
    }

    fn on_kad_silent(&mut self, peer: Peer, id: u64, why: Silence) {
        let cause = self.asked.remove(&(peer, id)).unwrap_or(Cause::NONE);
        match why {
            // The peer is there and ended the stream: the wire's way to say no.
            Silence::Reset if self.connections.is_connected(peer) => {
                self.receive_kad(peer, kad::Message::Response { id, response: Response::Rejected }, OnWire::default(), cause);
            }
            Silence::Unopened(OpenError::Unsupported) => {
                self.command(Command::Contact { peer, server: false }, cause);
                self.receive_kad(peer, kad::Message::Response { id, response: Response::Rejected }, OnWire::default(), cause);
            }
            Silence::Reset | Silence::Unopened(_) => self.unreachable(peer, cause),
            // The protocol has a timer of its own for this.
            Silence::Slow => {}
        }
    }

    fn receive_kad(&mut self, from: Peer, message: kad::Message, arrived: OnWire, cause: Cause) {
        let message = Message::Kad(message);
        let cause = self.log.received(self.clock.now(), cause, from, &message, arrived);
        self.feed(cause, |stack, cx| stack.on_message(from, message, cx));
    }

    pub(super) fn send_kad(&mut self, to: Peer, message: kad::Message, cause: Cause) {
        let mut frame = Vec::new();
        if let Some(wire) = to_wire(&message, &self.book) {
            let mut body = Vec::new();
            wire.encode(&mut body);
            put_frame(&mut frame, &body);
        }
        let wire = OnWire::frame(&frame, self.log.watches_wire());
        let bytes = wire.bytes;
        let message = Message::Kad(message);
        let told = Described::name_of(&message);
        let cause = self.log.sent(self.clock.now(), cause, to, &message, wire);
        let Message::Kad(message) = message else { return };
        let refused = match message {
            kad::Message::Response { id, response } => self.answer_kad(to, id, &response, frame),
            kad::Message::Request { id, request } => self.ask_kad(to, Ask { id, request, frame }, cause),
        };
        if let Err(why) = refused {
            self.log.dropped(self.clock.now(), cause, to, told, bytes, why);
        }
    }

    fn answer_kad(&mut self, to: Peer, id: u64, response: &Response, frame: Vec<u8>) -> Result<(), DropCause> {
        let (_, reply) = self.unanswered.remove(&id).filter(|(peer, _)| *peer == to).ok_or(DropCause::Closed)?;
        if matches!(response, Response::Rejected) {
            // Dropping the reply resets the stream, which is what a refusal is on this wire.
            return Ok(());
        }
        reply.send(Reply::Frame(frame)).map_err(|_| DropCause::Closed)
    }

    fn ask_kad(&mut self, to: Peer, ask: Ask, cause: Cause) -> Result<(), DropCause> {
        if to == ME || self.book.id_of(to).is_none() {
            return Err(DropCause::NoSuchPeer);
        }
        let asked = ask.request.is_answered().then_some((to, ask.id));
        let (link, protocol, patience) = (self.link(to), self.network.kad_protocol(), self.config.kad.request_timeout);
        let tasks = &mut self.tasks;
        enqueue(&mut self.asking, to, ask, || {
            let (queue, asks) = mpsc::channel(kad_out::QUEUE);
            tasks.spawn(kad_out::run(link, protocol, patience, asks));
            queue
        })?;
        if let Some(asked) = asked {
            self.asked.insert(asked, cause);
        }
        Ok(())
    }

    pub(super) fn send_transfer(&mut self, to: Peer, message: Box<transfer::Message>, cause: Cause) {
        let kept = if self.log.watches_wire() { transfer::wire::head(&message) } else { Vec::new() };
        let bytes = transfer::wire::wire_len(&message) as u64;
        self.disk.asked().sent(to, &message, self.giving_up);
        let message = Message::Transfer(message);
        let told = Described::name_of(&message);
        let cause = self.log.sent(self.clock.now(), cause, to, &message, OnWire { bytes, kept });
        let Message::Transfer(message) = message else { return };
        if let Err(why) = self.enqueue_transfer(to, *message) {
            self.log.dropped(self.clock.now(), cause, to, told, bytes, why);
        }
    }

    fn enqueue_transfer(&mut self, to: Peer, message: transfer::Message) -> Result<(), DropCause> {
        if to == ME || self.book.id_of(to).is_none() {
            return Err(DropCause::NoSuchPeer);
        }
        let (link, disk) = (self.link(to), Arc::clone(&self.disk));
        let tasks = &mut self.tasks;
        enqueue(&mut self.sending, to, message, || {
            let (queue, messages) = mpsc::channel(bitswap_out::QUEUE);
            tasks.spawn(bitswap_out::run(link, BITSWAP, disk, messages));
            queue
        })
    }
}

/// Puts `item` into the queue of the task for `peer`; makes a new task if there is none, or it has ended.
fn enqueue<T>(
    queues: &mut BTreeMap<Peer, mpsc::Sender<T>>,
    peer: Peer,
    mut item: T,
    spawn: impl FnOnce() -> mpsc::Sender<T>,
) -> Result<(), DropCause> {
    if let Some(queue) = queues.get(&peer) {
        match queue.try_send(item) {
            Ok(()) => return Ok(()),
            Err(TrySendError::Full(_)) => return Err(DropCause::QueueFull),
            Err(TrySendError::Closed(back)) => item = back,
        }
    }
    let queue = spawn();
    let sent = queue.try_send(item).map_err(|_| DropCause::QueueFull);
    queues.insert(peer, queue);
    sent
}
