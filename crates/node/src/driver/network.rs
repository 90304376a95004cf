//! What the swarm reports.

use libp2p::core::ConnectedPoint;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::swarm::{ConnectionId, DialError, SwarmEvent};
use libp2p::{Multiaddr, PeerId, StreamProtocol, identify, mdns};
use peerglass_core::Peer;
use peerglass_stack::Command;
use peerglass_trace::{Cause, What};
use std::time::Duration;

use super::Driver;
use super::connections::{Connection, Next, Opening};
use crate::book::{Source, is_loopback};
use crate::notice::Notice;
use crate::profile::BITSWAP;
use crate::streams::{bitswap_in, kad_in};
use crate::swarm::{BaseEvent, OpenError, StreamEvent, Substream};

/// Violations after which a peer is shut out.
const STRIKES: u32 = 3;
/// Streams refused on one connection after which a peer is shut out.
const REFUSALS: u32 = 256;
/// For how long peers are shut out.
const SHUT_OUT: Duration = Duration::from_secs(600);
/// Peers found on the local network are dialled until this many are connected.
const ENOUGH_NEIGHBOURS: usize = 32;

impl Driver {
    pub(super) fn on_swarm(&mut self, event: SwarmEvent<BaseEvent>) {
        match event {
            SwarmEvent::Behaviour(BaseEvent::Streams(event)) => self.on_stream(event),
            SwarmEvent::Behaviour(BaseEvent::Identify(event)) => self.on_identify(*event),
            SwarmEvent::Behaviour(BaseEvent::Mdns(event)) => self.on_mdns(event),
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, endpoint, .. } => self.connected(peer_id, connection_id, &endpoint),
            SwarmEvent::ConnectionClosed { peer_id, connection_id, cause, .. } => {
                self.closed(peer_id, connection_id, cause.map(|cause| cause.to_string()));
            }
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => self.dial_failed(peer_id, &error),
            SwarmEvent::NewListenAddr { .. } | SwarmEvent::ExpiredListenAddr { .. } | SwarmEvent::ExternalAddrConfirmed { .. } => {
                self.own_addresses();
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                self.own_addresses();
                let why = reason.err().map_or_else(|| "it was closed".to_owned(), |error| error.to_string());
                self.tell(Notice::ListenerClosed { addresses, why });
            }
            _ => {}
        }
    }

    /// Where we listen may have changed.
    pub(super) fn own_addresses(&mut self) {
        let addresses: Vec<_> = self.swarm.external_addresses().chain(self.swarm.listeners()).cloned().collect();
        self.book.set_own(&addresses);
    }

    fn connected(&mut self, id: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        let now = self.clock.now();
        let Some(peer) = self.book.peer(id).filter(|peer| !self.connections.is_shut_out(*peer, now)) else {
            self.swarm.close_connection(connection);
            return;
        };
        let address = endpoint.get_remote_address().clone();
        if endpoint.is_dialer() {
            self.book.learn(peer, &address, Source::Connection);
            self.book.tried(peer, &address, true);
        } else {
            // Where it dialled from is not where it listens, but tells whose it may be.
            self.book.seen_from(peer, &address);
        }
        let direction = if endpoint.is_dialer() { "dialled" } else { "accepted" };
        self.log.note(now, Cause::NONE, |_| What::LinkUp { peer, detail: format!("{direction} {address} of {id}").into() });
        let link = Connection { id: connection, address, dialled: endpoint.is_dialer(), since: now };
        for opening in self.connections.connected(peer, link) {
            self.open_on(connection, opening);
        }
        self.dial_next();
        if endpoint.is_dialer() && self.waiters.bootstrap_reached(endpoint.get_remote_address()) {
            self.command(Command::Join { contacts: vec![peer] }, Cause::NONE);
        }
        self.tell(Notice::Connected { peer: id });
    }

    fn closed(&mut self, id: PeerId, connection: ConnectionId, why: Option<String>) {
        let Some(peer) = self.book.find(&id) else { return };
        let last = self.connections.closed(peer, connection);
        let detail = why.unwrap_or_else(|| "closed".to_owned());
        let cause = self.log.note(self.clock.now(), Cause::NONE, |_| What::LinkDown { peer, detail: detail.into() });
        if last {
            self.refusals.remove(&peer);
            // A connection that went because it was idle took nothing with it; then the peer is not unreachable, only not connected.
            if self.disk.asked().is_asked(peer) || self.sending.remove(&peer).is_some_and(|queue| !queue.is_closed()) {
                self.unreachable(peer, cause);
            }
            self.tell(Notice::Disconnected { peer: id });
        }
    }

    fn dial_failed(&mut self, id: Option<PeerId>, error: &DialError) {
        let why = dial_error(error);
        let Some(peer) = id.and_then(|id| self.book.find(&id)) else {
            return self.waiters.bootstrap_failed(None, &why);
        };
        if let DialError::Transport(failures) = error {
            for (address, _) in failures {
                self.book.tried(peer, address, false);
            }
        }
        self.give_up(peer, &why);
    }

    /// Tells all who wait for `peer` that it cannot be reached.
    fn give_up(&mut self, peer: Peer, why: &str) {
        if let Some(id) = self.book.id_of(peer) {
            self.waiters.bootstrap_failed(Some(id), why);
        }
        for (_, reply) in self.connections.failed(peer) {
            // Whoever waited may have given up.
            let _ = reply.send(Err(OpenError::Unreachable(why.to_owned())));
        }
        self.dial_next();
    }

    /// A task wants a stream.
    pub(super) fn open(&mut self, peer: Peer, opening: Opening) {
        let now = self.clock.now();
        if self.connections.is_shut_out(peer, now) {
            let _ = opening.1.send(Err(OpenError::Unreachable("it broke the rules and is shut out".to_owned())));
            return;
        }
        match self.connections.open(peer, opening) {
            Next::Open(connection, opening) => self.open_on(connection, opening),
            Next::Dial => self.dial(peer),
            Next::Wait => {}
        }
    }

    fn open_on(&mut self, connection: ConnectionId, (protocol, reply): Opening) {
        let token = self.swarm.behaviour_mut().streams.open(connection, protocol);
        self.opening.insert(token, reply);
    }

    /// A connection to `peer` is wanted, for whatever comes.
    pub(super) fn want(&mut self, peer: Peer) {
        if matches!(self.connections.want(peer), Next::Dial) {
            self.dial(peer);
        }
    }

    fn dial(&mut self, peer: Peer) {
        let Some(id) = self.book.id_of(peer) else { return self.give_up(peer, "nothing is known of it") };
        let addresses = self.book.addresses_of(peer);
        if addresses.is_empty() {
            return self.give_up(peer, "no address of it is known");
        }
        let options = DialOpts::peer_id(id).condition(PeerCondition::NotDialing).addresses(addresses).build();
        if let Err(error) = self.swarm.dial(options) {
            self.give_up(peer, &dial_error(&error));
        }
    }

    fn dial_next(&mut self) {
        while let Some(peer) = self.connections.next_dial() {
            self.dial(peer);
        }
    }

    fn on_stream(&mut self, event: StreamEvent) {
        match event {
            StreamEvent::Opened { token, stream } => {
                if let Some(reply) = self.opening.remove(&token) {
                    let _ = reply.send(Ok(stream));
                }
            }
            StreamEvent::Failed { token, error } => {
                if let Some(reply) = self.opening.remove(&token) {
                    let _ = reply.send(Err(error));
                }
            }
            StreamEvent::Inbound { peer, stream, .. } => self.inbound(peer, stream),
            StreamEvent::Refused { peer, protocol, .. } => self.refused(peer, &protocol),
            StreamEvent::Remote { peer, added, protocols, .. } => self.remote(peer, added, &protocols),
        }
    }

    /// A peer opened more streams than it may. Some implementations open one for each request, so a few too many are no offence.
    fn refused(&mut self, id: PeerId, protocol: &StreamProtocol) {
        let Some(peer) = self.book.find(&id) else { return };
        let refusals = self.refusals.entry(peer).or_default();
        *refusals += 1;
        if *refusals == 1 {
            self.log.note(self.clock.now(), Cause::NONE, |_| What::Fault { name: "refused", detail: format!("{peer} {protocol}").into() });
        }
        if *refusals >= REFUSALS {
            self.refusals.remove(&peer);
            self.shut_out(peer, &format!("it opens streams of {protocol} without end"));
        }
    }

    fn inbound(&mut self, id: PeerId, stream: Substream) {
        let Some(peer) = self.book.find(&id).filter(|peer| self.connections.is_connected(*peer)) else { return };
        let link = self.link(peer);
        if *stream.protocol() == BITSWAP {
            self.tasks.spawn(bitswap_in::receive(stream, link, std::sync::Arc::clone(&self.disk)));
        } else {
            self.tasks.spawn(kad_in::serve(stream, link));
        }
    }

    fn remote(&mut self, id: PeerId, added: bool, protocols: &[StreamProtocol]) {
        let Some(peer) = self.book.find(&id) else { return };
        if protocols.contains(&self.network.kad_protocol()) {
            self.command(Command::Contact { peer, server: added }, Cause::NONE);
        }
    }

    fn on_identify(&mut self, event: identify::Event) {
        let identify::Event::Received { peer_id, connection_id, info } = event else { return };
        let Some(peer) = self.book.find(&peer_id) else { return };
        let here = self.connections.of(peer).iter().any(|connection| connection.id == connection_id && is_loopback(&connection.address));
        for address in info.listen_addrs.iter().take(32).filter(|address| here || !is_loopback(address)) {
            self.book.learn(peer, address, Source::Itself);
        }
        self.tell(Notice::Identified { peer: peer_id, agent: info.agent_version });
    }

    fn on_mdns(&mut self, event: mdns::Event) {
        let mdns::Event::Discovered(found) = event else { return };
        for (id, address) in found {
            let Some(peer) = self.book.peer(id) else { return };
            self.book.learn(peer, &address, Source::Itself);
            if self.connections.connected_peers().count() < ENOUGH_NEIGHBOURS {
                self.want(peer);
            }
        }
    }

    /// A peer broke the rules. Once may be a bug, or bad luck; thrice is enough.
    pub(super) fn violation(&mut self, peer: Peer, protocol: &'static str, why: &str) {
        let now = self.clock.now();
        let detail = format!("{protocol}: {why}");
        self.log.note(now, Cause::NONE, |_| What::Fault { name: "violation", detail: format!("{peer} {detail}").into() });
        let strikes = self.violations.entry(peer).or_default();
        *strikes += 1;
        if *strikes >= STRIKES {
            self.violations.remove(&peer);
            self.shut_out(peer, &detail);
        }
    }

    /// Cuts a peer off, and keeps it off for a while.
    pub(super) fn shut_out(&mut self, peer: Peer, why: &str) {
        let Some(id) = self.book.id_of(peer) else { return };
        self.connections.shut_out(peer, self.clock.now() + SHUT_OUT);
        // It may have gone by itself.
        let _ = self.swarm.disconnect_peer_id(id);
        self.asking.remove(&peer);
        self.sending.remove(&peer);
        self.tell(Notice::ShutOut { peer: id, why: why.to_owned() });
    }

    /// Dials an address without knowing whose it is.
    pub(super) fn dial_unknown(&mut self, address: Multiaddr) {
        if let Err(error) = self.swarm.dial(DialOpts::unknown_peer_id().address(address).build()) {
            self.waiters.bootstrap_failed(None, &dial_error(&error));
        }
    }
}

/// What went wrong, in few words: the innermost reasons, and of which address when there were several.
pub(crate) fn dial_error(error: &DialError) -> String {
    match error {
        DialError::Transport(failures) if failures.len() > 1 => {
            let reasons: Vec<_> = failures.iter().map(|(address, error)| format!("{address}: {}", innermost(error))).collect();
            reasons.join("; ")
        }
        DialError::Transport(failures) => failures.first().map_or_else(|| error.to_string(), |(_, error)| innermost(error)),
        DialError::WrongPeerId { obtained, .. } => format!("another peer, {obtained}, answers there"),
        DialError::LocalPeerId { .. } => "it is this node itself".to_owned(),
        DialError::NoAddresses => "no address of it is known".to_owned(),
        other => innermost(other),
    }
}

/// The reason at the bottom of a chain of errors.
pub(crate) fn innermost(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The kind of the innermost input or output error of a chain. Transports wrap those of the system in others of their own.
pub(crate) fn io_kind(error: &(dyn std::error::Error + 'static)) -> Option<std::io::ErrorKind> {
    let mut kind = None;
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            kind = Some(io.kind());
            // An error made of another has that one inside, not behind.
            if let Some(inner) = io.get_ref() {
                kind = io_kind(inner).or(kind);
            }
        }
        next = error.source();
    }
    kind
}
