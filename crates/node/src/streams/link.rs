//! What a stream task is given of the driver: where to send what arrives, and how to get a stream to a peer.

use libp2p::StreamProtocol;
use peerglass_core::Peer;
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
}

/// The driver is gone: the task ends too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

impl Link {
    /// Gives the driver an input; waits while its queue is full.
    pub(crate) async fn send(&self, input: Input) -> Result<(), Gone> {
        self.inputs.send(input).await.map_err(|_| Gone)
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
