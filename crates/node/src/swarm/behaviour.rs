//! [`Streams`]: opens raw streams on named connections and reports the remote's.
//!
//! Every open has a token and is answered exactly once. The answer comes from the handler; when the connection closes first, no handler will
//! answer any more, so all its outstanding tokens fail here. Streams are opened on a *connection*, not on a peer: two connections to one peer are
//! normal (both dialled at once, QUIC next to TCP), and which to use is the driver's policy.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::behaviour::{ConnectionClosed, ConnectionEstablished};
use libp2p::swarm::{ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, ToSwarm};
use libp2p::{Multiaddr, PeerId, StreamProtocol};

use super::handler::{FromHandler, Handler, Limits, OpenError, Refusal, ToHandler};
use super::substream::Substream;

/// Names one opening of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub u64);

/// What [`Streams`] reports.
#[derive(Debug)]
pub enum StreamEvent {
    /// A stream asked for is open.
    Opened {
        /// Of the request.
        token: Token,
        /// The stream.
        stream: Substream,
    },
    /// A stream asked for could not be opened.
    Failed {
        /// Of the request.
        token: Token,
        /// Why.
        error: OpenError,
    },
    /// The remote opened a stream.
    Inbound {
        /// Who.
        peer: PeerId,
        /// On which connection.
        connection: ConnectionId,
        /// The stream.
        stream: Substream,
    },
    /// The remote opened a stream and it was reset.
    Refused {
        /// Who.
        peer: PeerId,
        /// On which connection.
        connection: ConnectionId,
        /// Of which protocol.
        protocol: StreamProtocol,
        /// Why.
        why: Refusal,
    },
    /// The remote serves other protocols than before.
    Remote {
        /// Who.
        peer: PeerId,
        /// On which connection it was learnt.
        connection: ConnectionId,
        /// Whether they were added; otherwise removed.
        added: bool,
        /// Which.
        protocols: Vec<StreamProtocol>,
    },
}

struct Connection {
    peer: PeerId,
    outstanding: BTreeSet<Token>,
}

/// The behaviour that lends raw streams.
pub struct Streams {
    served: Arc<[StreamProtocol]>,
    limits: Limits,
    connections: BTreeMap<ConnectionId, Connection>,
    queue: VecDeque<ToSwarm<StreamEvent, ToHandler>>,
    waker: Option<Waker>,
    next: u64,
}

impl Streams {
    /// A behaviour that accepts `served` within `limits`.
    #[must_use]
    pub fn new(served: Vec<StreamProtocol>, limits: Limits) -> Self {
        Self { served: served.into(), limits, connections: BTreeMap::new(), queue: VecDeque::new(), waker: None, next: 0 }
    }

    /// Opens a stream of `protocol` on `connection`. The answer is a [`StreamEvent::Opened`] or [`StreamEvent::Failed`] with this token.
    pub fn open(&mut self, connection: ConnectionId, protocol: StreamProtocol) -> Token {
        self.next += 1;
        let token = Token(self.next);
        match self.connections.get_mut(&connection) {
            Some(known) => {
                known.outstanding.insert(token);
                let peer_id = known.peer;
                self.notify(peer_id, connection, ToHandler::Open { token, protocol });
            }
            None => self.push(ToSwarm::GenerateEvent(StreamEvent::Failed { token, error: OpenError::Closed })),
        }
        token
    }

    /// Accepts these protocols from now on, on all connections. Peers that run identify are told.
    pub fn serve(&mut self, protocols: Vec<StreamProtocol>) {
        self.served = protocols.into();
        let connections: Vec<_> = self.connections.iter().map(|(id, connection)| (*id, connection.peer)).collect();
        for (id, peer) in connections {
            self.notify(peer, id, ToHandler::Serve(Arc::clone(&self.served)));
        }
    }

    /// How many opens have not been answered yet.
    #[must_use]
    pub fn outstanding(&self) -> usize {
        self.connections.values().map(|connection| connection.outstanding.len()).sum()
    }

    fn notify(&mut self, peer_id: PeerId, connection: ConnectionId, event: ToHandler) {
        self.push(ToSwarm::NotifyHandler { peer_id, handler: NotifyHandler::One(connection), event });
    }

    fn push(&mut self, action: ToSwarm<StreamEvent, ToHandler>) {
        self.queue.push_back(action);
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn closed(&mut self, connection: ConnectionId) {
        let Some(gone) = self.connections.remove(&connection) else { return };
        for token in gone.outstanding {
            self.push(ToSwarm::GenerateEvent(StreamEvent::Failed { token, error: OpenError::Closed }));
        }
    }

    /// Whether `token` was still to be answered; it no longer is.
    fn settle(&mut self, connection: ConnectionId, token: Token) -> bool {
        self.connections.get_mut(&connection).is_some_and(|known| known.outstanding.remove(&token))
    }
}

impl NetworkBehaviour for Streams {
    type ConnectionHandler = Handler;
    type ToSwarm = StreamEvent;

    fn handle_established_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: &Multiaddr,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(Arc::clone(&self.served), self.limits))
    }

    fn handle_established_outbound_connection(
        &mut self,
        _: ConnectionId,
        _: PeerId,
        _: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<Handler, ConnectionDenied> {
        Ok(Handler::new(Arc::clone(&self.served), self.limits))
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(ConnectionEstablished { peer_id, connection_id, .. }) => {
                self.connections.insert(connection_id, Connection { peer: peer_id, outstanding: BTreeSet::new() });
                // The list may have changed between the making of the handler and now.
                self.notify(peer_id, connection_id, ToHandler::Serve(Arc::clone(&self.served)));
            }
            FromSwarm::ConnectionClosed(ConnectionClosed { connection_id, .. }) => self.closed(connection_id),
            _ => {}
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: FromHandler) {
        let event = match event {
            FromHandler::Opened(token, stream) => {
                if !self.settle(connection, token) {
                    return;
                }
                StreamEvent::Opened { token, stream }
            }
            FromHandler::Failed(token, error) => {
                if !self.settle(connection, token) {
                    return;
                }
                StreamEvent::Failed { token, error }
            }
            FromHandler::Inbound(stream) => StreamEvent::Inbound { peer, connection, stream },
            FromHandler::Refused(protocol, why) => StreamEvent::Refused { peer, connection, protocol, why },
            FromHandler::Remote { added, protocols } => StreamEvent::Remote { peer, connection, added, protocols },
        };
        self.push(ToSwarm::GenerateEvent(event));
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<StreamEvent, ToHandler>> {
        if let Some(action) = self.queue.pop_front() {
            return Poll::Ready(action);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}
