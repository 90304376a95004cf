//! The handler of one connection: negotiates protocol ids and hands raw streams out.
//!
//! Two rules keep it correct. Every push onto the queue wakes the stored waker: a command that arrives between two polls and wakes nobody is the
//! classic hang. And every inbound stream is counted against a cap per protocol, because nothing in libp2p stops a remote from opening streams
//! once they are negotiated; over the cap the stream is reset and the refusal is an event, never silent.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use libp2p::StreamProtocol;
use libp2p::swarm::handler::{ConnectionEvent, DialUpgradeError, ProtocolsChange};
use libp2p::swarm::{ConnectionHandler, ConnectionHandlerEvent, Stream, StreamUpgradeError, SubstreamProtocol};
use thiserror::Error;

use super::behaviour::Token;
use super::substream::{Place, Substream};
use super::upgrade::Protocols;

/// What the behaviour tells a handler.
#[derive(Debug)]
pub enum ToHandler {
    /// Open a stream. Answered exactly once by [`FromHandler::Opened`] or [`FromHandler::Failed`], unless the connection closes first.
    Open {
        /// Comes back.
        token: Token,
        /// The id to ask for.
        protocol: StreamProtocol,
    },
    /// Accept these protocols from now on.
    Serve(Arc<[StreamProtocol]>),
}

/// What a handler tells the behaviour.
#[derive(Debug)]
pub enum FromHandler {
    /// The remote opened a stream.
    Inbound(Substream),
    /// The remote opened a stream and was refused.
    Refused(StreamProtocol, Refusal),
    /// A stream is open.
    Opened(Token, Substream),
    /// A stream could not be opened.
    Failed(Token, OpenError),
    /// The remote now serves these protocols too, or no longer.
    Remote {
        /// Whether they were added; otherwise removed.
        added: bool,
        /// Which.
        protocols: Vec<StreamProtocol>,
    },
}

/// Why an inbound stream was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The remote holds as many streams of this protocol open as it may.
    TooMany,
}

/// Why a stream could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum OpenError {
    /// The remote did not answer in time.
    #[error("the peer did not answer the opening of a stream in time")]
    Timeout,
    /// The remote does not serve the protocol.
    #[error("the peer does not serve this protocol")]
    Unsupported,
    /// The connection failed while the stream was being opened.
    #[error("the connection failed: {0}")]
    Io(String),
    /// The connection is gone, or was never there.
    #[error("there is no connection to the peer any more")]
    Closed,
    /// The peer could not be dialled.
    #[error("the peer could not be reached: {0}")]
    Unreachable(String),
}

/// Limits of a handler.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// How many inbound streams of one protocol may be open on one connection.
    pub inbound_per_protocol: usize,
    /// How many opens may wait for the remote's answer on one connection. Others queue: Yamux ends a connection that opens too many streams.
    pub opening: usize,
    /// How long the negotiation of one stream may take.
    pub negotiation: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { inbound_per_protocol: 32, opening: 32, negotiation: Duration::from_secs(10) }
    }
}

type Event = ConnectionHandlerEvent<Protocols, Token, FromHandler>;

/// Negotiates streams on one connection.
pub struct Handler {
    served: Arc<[StreamProtocol]>,
    limits: Limits,
    places: BTreeMap<String, Place>,
    queue: VecDeque<Event>,
    /// Opens that wait for their turn.
    patient: VecDeque<(Token, StreamProtocol)>,
    opening: usize,
    waker: Option<Waker>,
}

impl Handler {
    pub(super) fn new(served: Arc<[StreamProtocol]>, limits: Limits) -> Self {
        Self { served, limits, places: BTreeMap::new(), queue: VecDeque::new(), patient: VecDeque::new(), opening: 0, waker: None }
    }

    fn push(&mut self, event: Event) {
        self.queue.push_back(event);
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    fn tell(&mut self, event: FromHandler) {
        self.push(ConnectionHandlerEvent::NotifyBehaviour(event));
    }

    fn open(&mut self, token: Token, protocol: StreamProtocol) {
        if self.opening >= self.limits.opening {
            return self.patient.push_back((token, protocol));
        }
        self.opening += 1;
        let protocol = SubstreamProtocol::new(Protocols(Arc::from([protocol])), token).with_timeout(self.limits.negotiation);
        self.push(ConnectionHandlerEvent::OutboundSubstreamRequest { protocol });
    }

    /// An open was answered, so the next may go.
    fn answered(&mut self, answer: FromHandler) {
        self.opening -= 1;
        self.tell(answer);
        if let Some((token, protocol)) = self.patient.pop_front() {
            self.open(token, protocol);
        }
    }

    fn inbound(&mut self, stream: Stream, protocol: StreamProtocol) {
        let place = self.places.entry(protocol.as_ref().to_owned()).or_default();
        // One count is the map's own.
        if Arc::strong_count(place) > self.limits.inbound_per_protocol {
            return self.tell(FromHandler::Refused(protocol, Refusal::TooMany));
        }
        let place = Arc::clone(place);
        self.tell(FromHandler::Inbound(Substream::new(stream, protocol, Some(place))));
    }

    fn remote(&mut self, change: &ProtocolsChange<'_>) {
        let (added, protocols) = match change {
            ProtocolsChange::Added(added) => (true, added.clone().cloned().collect()),
            ProtocolsChange::Removed(removed) => (false, removed.clone().cloned().collect()),
        };
        self.tell(FromHandler::Remote { added, protocols });
    }
}

impl ConnectionHandler for Handler {
    type FromBehaviour = ToHandler;
    type ToBehaviour = FromHandler;
    type InboundProtocol = Protocols;
    type OutboundProtocol = Protocols;
    type InboundOpenInfo = ();
    type OutboundOpenInfo = Token;

    fn listen_protocol(&self) -> SubstreamProtocol<Protocols> {
        SubstreamProtocol::new(Protocols(Arc::clone(&self.served)), ()).with_timeout(self.limits.negotiation)
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        if let Some(event) = self.queue.pop_front() {
            return Poll::Ready(event);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn on_behaviour_event(&mut self, event: ToHandler) {
        match event {
            ToHandler::Open { token, protocol } => self.open(token, protocol),
            ToHandler::Serve(protocols) => {
                self.served = protocols;
                // The connection asks `listen_protocol` again, and tells identify, when it is polled.
                self.wake();
            }
        }
    }

    fn on_connection_event(&mut self, event: ConnectionEvent<'_, Protocols, Protocols, (), Token>) {
        match event {
            ConnectionEvent::FullyNegotiatedInbound(negotiated) => {
                let (stream, protocol) = negotiated.protocol;
                self.inbound(stream, protocol);
            }
            ConnectionEvent::FullyNegotiatedOutbound(negotiated) => {
                let (stream, protocol) = negotiated.protocol;
                self.answered(FromHandler::Opened(negotiated.info, Substream::new(stream, protocol, None)));
            }
            ConnectionEvent::DialUpgradeError(DialUpgradeError { info, error }) => {
                let error = match error {
                    StreamUpgradeError::Timeout => OpenError::Timeout,
                    StreamUpgradeError::NegotiationFailed => OpenError::Unsupported,
                    StreamUpgradeError::Io(error) => OpenError::Io(error.to_string()),
                    StreamUpgradeError::Apply(never) => match never {},
                };
                self.answered(FromHandler::Failed(info, error));
            }
            ConnectionEvent::RemoteProtocolsChange(change) => self.remote(&change),
            // Others concern the local side, or an inbound stream whose negotiation failed: there is nothing to hand out.
            _ => {}
        }
    }
}
