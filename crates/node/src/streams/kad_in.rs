//! Serves Kademlia requests on one inbound stream.
//!
//! A stream carries any number of requests, answered in their order (Go reuses streams, the Rust crate opens one each). One request is handled at a
//! time, so the order needs no bookkeeping and a remote that asks faster than it is answered fills its own window. ADD_PROVIDER has no answer.
//! There are no error messages in this protocol: a request that is refused, or broken, resets the stream (libp2p kad-dht specification, "RPC
//! messages").

use std::time::Duration;

use futures::{AsyncRead, AsyncWrite, AsyncWriteExt};
use peerglass_kad::wire::WireMessage;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::frame::{Frame, FrameError, FrameReader};
use super::link::{Gone, Link};
use crate::driver::inputs::{Input, Reply};

/// The longest message that is accepted, as in Go.
pub(crate) const LIMIT: usize = 4 << 20;
/// How long a stream may wait for its next request.
const IDLE: Duration = Duration::from_secs(60);
/// How long an answer may take to be made, and to be taken.
const ANSWER: Duration = Duration::from_secs(10);

/// Serves `stream` until it ends, is idle or breaks the rules.
pub(crate) async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, link: Link) {
    let mut reader = FrameReader::new(stream, LIMIT, link.budget.clone());
    loop {
        match reader.next(IDLE).await {
            Ok(Some(frame)) => {
                if exchange(&mut reader, frame, &link).await.is_none() {
                    return;
                }
            }
            Ok(None) => {
                // The remote asks no more: our side ends too.
                let _ = timeout(ANSWER, reader.stream().close()).await;
                return;
            }
            Err(error) => return link.complain("kad", &error).await,
        }
    }
}

/// Handles one request. `None` when the stream is to be reset.
async fn exchange<S: AsyncRead + AsyncWrite + Unpin>(reader: &mut FrameReader<S>, frame: Frame, link: &Link) -> Option<()> {
    let arrived = link.arrived(&frame.body, usize::MAX);
    let message = match WireMessage::decode(&frame.body) {
        Ok(message) => message,
        Err(error) => {
            link.complain("kad", &FrameError::Wire(error)).await;
            return None;
        }
    };
    let (reply, answer) = oneshot::channel();
    let request = Input::KadRequest { peer: link.peer, message: Box::new(message), arrived, memory: frame.memory, reply };
    link.send(request).await.map_err(|Gone| ()).ok()?;
    match timeout(ANSWER, answer).await.ok()?.ok()? {
        Reply::Nothing => Some(()),
        Reply::Frame(frame) => {
            let stream = reader.stream();
            timeout(ANSWER, async { stream.write_all(&frame).await.and(stream.flush().await) }).await.ok()?.ok()
        }
    }
}
