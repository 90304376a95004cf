//! What a stream task is given of the driver: where to send what arrives, and how to get a stream to a peer.

use libp2p::StreamProtocol;
use peerglass_core::Peer;
use peerglass_core::wire::{put_varint, varint_len};
use tokio::sync::{mpsc, oneshot};

use super::frame::{Budget, FrameError};
use crate::driver::inputs::Input;
use crate::swarm::{OpenError, Substream};

/// A task's end of the driver.
#[derive(Clone, Debug)]
pub(crate) struct Link {
    /// Whom the task talks to.
    pub(crate) peer: Peer,
    /// Where inputs go.
    pub(crate) inputs: mpsc::Sender<Input>,
    /// Memory that all streams share.
    pub(crate) budget: Budget,
    /// Whether records keep the bytes of messages.
    pub(crate) keeps_bytes: bool,
}

/// A message as it stood on the wire.
#[derive(Clone, Debug, Default)]
pub(crate) struct OnWire {
    /// How long its frame is.
    pub(crate) bytes: u64,
    /// The frame, or the first bytes of it; none where records do not keep them.
    pub(crate) kept: Vec<u8>,
}

/// What is kept of a frame at most: queues hold these bytes beyond the budget.
const MOST_KEPT: usize = 64 << 10;

impl OnWire {
    /// A whole frame, of which records may want the bytes.
    pub(crate) fn frame(frame: &[u8], keep: bool) -> Self {
        let kept = if keep { frame[..frame.len().min(MOST_KEPT)].to_vec() } else { Vec::new() };
        Self { bytes: frame.len() as u64, kept }
    }
}

/// The driver is gone: the task ends too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Link {
    /// Gives the driver an input; waits while its queue is full.
    pub(crate) async fn send(&self, input: Input) -> Result<(), Gone> {
        self.inputs.send(input).await.map_err(|_| Gone)
    }

    /// A frame that arrived with this body, of which at most `first` bytes may be kept.
    pub(crate) fn arrived(&self, body: &[u8], first: usize) -> OnWire {
        let bytes = (varint_len(body.len() as u64) + body.len()) as u64;
        let mut kept = Vec::new();
        if self.keeps_bytes {
            put_varint(&mut kept, body.len() as u64);
            kept.extend_from_slice(&body[..first.min(body.len()).min(MOST_KEPT)]);
        }
        OnWire { bytes, kept }
    }

    /// Opens a stream to the peer, dialling it if need be.
    pub(crate) async fn open(&self, protocol: StreamProtocol) -> Result<Substream, OpenError> {
        let (reply, answer) = oneshot::channel();
        self.send(Input::Open { peer: self.peer, protocol, reply }).await.map_err(|Gone| OpenError::Closed)?;
        answer.await.unwrap_or(Err(OpenError::Closed))
    }

    /// Reports that reading from the peer failed, if that was the peer's fault.
    pub(crate) async fn complain(&self, protocol: &'static str, error: &FrameError) {
        if error.is_violation() {
            // If the driver is gone, nobody needs to know.
            let _ = self.send(Input::Violation { peer: self.peer, protocol, why: error.to_string() }).await;
        }
    }
}
