//! What tasks tell the driver.

use std::path::PathBuf;

use libp2p::StreamProtocol;
use peerglass_core::Peer;
use peerglass_kad as kad;
use peerglass_kad::wire::WireMessage;
use peerglass_store::{Cid, Local, ReadError};
use peerglass_trace::Cause;
use peerglass_transfer as transfer;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use crate::streams::link::OnWire;
use crate::swarm::{OpenError, Substream};

/// Something that happened outside the driver.
#[derive(Debug)]
pub(crate) enum Input {
    /// A peer asks.
    KadRequest {
        peer: Peer,
        message: Box<WireMessage>,
        arrived: OnWire,
        /// Held until the request is handled.
        memory: Option<OwnedSemaphorePermit>,
        /// Dropped to refuse.
        reply: oneshot::Sender<Reply>,
    },
    /// A peer answers.
    KadAnswer { peer: Peer, id: u64, request: kad::Request, message: Box<WireMessage>, arrived: OnWire },
    /// A question will not be answered.
    KadSilent { peer: Peer, id: u64, why: Silence },
    /// A message of block exchange arrived; its blocks are verified, and those asked for are stored.
    Transfer { peer: Peer, message: transfer::Message, arrived: OnWire },
    /// Messages to this peer were lost.
    TransferLost { peer: Peer, why: OpenError },
    /// A task wants a stream.
    Open { peer: Peer, protocol: StreamProtocol, reply: oneshot::Sender<Result<Substream, OpenError>> },
    /// A peer broke the rules.
    Violation { peer: Peer, protocol: &'static str, why: String },
    /// Which blocks are here, and what led to the question.
    Found(Vec<(Cid, Option<Local>, Cause)>),
    /// A block that should be here could not be read.
    Unreadable { cid: Cid, file: Option<PathBuf>, why: String },
    /// A block that arrived could not be stored.
    Unstorable { cid: Cid, why: String },
}

impl Input {
    /// Tells of a block that could not be read, unless that concerns nobody: it is simply not here, or not any more.
    pub(crate) fn unreadable(cid: Cid, error: &ReadError) -> Option<Input> {
        let file = match error {
            ReadError::NotFound(_) => return None,
            ReadError::SourceChanged { path, .. } | ReadError::SourceGone { path, .. } => Some(path.clone()),
            _ => None,
        };
        Some(Input::Unreadable { cid, file, why: error.to_string() })
    }
}

/// What a Kademlia request gets.
#[derive(Debug)]
pub(crate) enum Reply {
    /// This frame.
    Frame(Vec<u8>),
    /// No answer, and none is due.
    Nothing,
}

/// Why a question will not be answered.
#[derive(Debug)]
pub(crate) enum Silence {
    /// The peer could not be reached, or refuses the protocol.
    Unopened(OpenError),
    /// The peer ended the stream instead of answering.
    Reset,
    /// The answer took too long, or was not valid.
    Slow,
}
