//! Asks one peer Kademlia's questions, over one outbound stream that is used again.
//!
//! Answers come in the order of the requests and carry no ids, so requests go one at a time. Three rules of the wire shape the rest
//! (reference, `libp2p-kad.md` section 4):
//!
//! * some implementations serve one request per stream and then close it. A *reused* stream that ends instead of answering says nothing about the
//!   peer: the request is sent once more on a fresh one;
//! * ADD_PROVIDER has no answer, but some implementations send one, which would be taken for the answer to the next request. So its stream is
//!   closed, and success means that the bytes were flushed;
//! * a refused request has no answer either: the stream is reset. On a fresh stream that is taken for the answer "rejected".

use std::time::Duration;

use futures::AsyncWriteExt;
use libp2p::StreamProtocol;
use peerglass_kad::Request;
use peerglass_kad::wire::WireMessage;
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::frame::{FrameError, FrameReader};
use super::kad_in::LIMIT;
use super::link::{Link, OnWire};
use crate::driver::inputs::{Input, Silence};
use crate::swarm::Substream;

/// Questions that may wait for one peer.
pub(crate) const QUEUE: usize = 32;
/// How long a stream waits for the next question.
const IDLE: Duration = Duration::from_secs(30);
/// How long a question may take to be written.
const WRITE: Duration = Duration::from_secs(10);

/// A question on its way.
#[derive(Debug)]
pub(crate) struct Ask {
    /// The protocol's number for it.
    pub(crate) id: u64,
    /// What is asked, to understand the answer by.
    pub(crate) request: Request,
    /// The same as a frame.
    pub(crate) frame: Vec<u8>,
}

/// Asks what comes out of `asks`, until nothing does for a while.
pub(crate) async fn run(link: Link, protocol: StreamProtocol, answer_within: Duration, mut asks: mpsc::Receiver<Ask>) {
    let mut asking = Asking { link, protocol, answer_within, stream: None };
    while let Ok(Some(ask)) = timeout(IDLE, asks.recv()).await {
        if asking.ask(ask).await.is_none() {
            return;
        }
    }
    // What slips in between the last look and here is still asked: the driver makes a new task only once this one takes no more.
    asks.close();
    while let Some(ask) = asks.recv().await {
        if asking.ask(ask).await.is_none() {
            return;
        }
    }
    asking.hang_up().await;
}

struct Asking {
    link: Link,
    protocol: StreamProtocol,
    answer_within: Duration,
    /// A stream that has answered before.
    stream: Option<FrameReader<Substream>>,
}

enum Outcome {
    Answer(Box<WireMessage>, OnWire),
    Written,
    Silent(Silence),
}

impl Asking {
    /// `None` when the driver is gone.
    async fn ask(&mut self, ask: Ask) -> Option<()> {
        let mut outcome = self.attempt(&ask).await;
        if matches!(outcome, Err(Reused)) {
            outcome = self.attempt(&ask).await;
        }
        let peer = self.link.peer;
        let Ask { id, request, .. } = ask;
        let input = match outcome {
            Ok(Outcome::Written) => return Some(()),
            Ok(Outcome::Answer(message, arrived)) => Input::KadAnswer { peer, id, request, message, arrived },
            Ok(Outcome::Silent(why)) => Input::KadSilent { peer, id, why },
            Err(Reused) => Input::KadSilent { peer, id, why: Silence::Reset },
        };
        self.link.send(input).await.ok()
    }

    async fn attempt(&mut self, ask: &Ask) -> Result<Outcome, Reused> {
        let reused = self.stream.is_some();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => match self.link.open(self.protocol.clone()).await {
                Ok(stream) => FrameReader::new(stream, LIMIT, self.link.budget.clone()),
                Err(error) => return Ok(Outcome::Silent(Silence::Unopened(error))),
            },
        };
        let ended = if reused { Err(Reused) } else { Ok(Outcome::Silent(Silence::Reset)) };
        let out = stream.stream();
        let Ok(written) = timeout(WRITE, async { out.write_all(&ask.frame).await.and(out.flush().await) }).await else {
            return Ok(Outcome::Silent(Silence::Slow));
        };
        if written.is_err() {
            return ended;
        }
        if !ask.request.is_answered() {
            let _ = timeout(WRITE, out.close()).await;
            return Ok(Outcome::Written);
        }
        match stream.next(self.answer_within).await {
            Ok(Some(frame)) => Ok(self.decode(&frame.body, stream).await),
            Ok(None) | Err(FrameError::Io(_)) => ended,
            Err(error) => {
                self.link.complain("kad", &error).await;
                Ok(Outcome::Silent(Silence::Slow))
            }
        }
    }

    async fn decode(&mut self, body: &[u8], stream: FrameReader<Substream>) -> Outcome {
        match WireMessage::decode(body) {
            Ok(message) => {
                self.stream = Some(stream);
                Outcome::Answer(Box::new(message), self.link.arrived(body, usize::MAX))
            }
            Err(error) => {
                self.link.complain("kad", &FrameError::Wire(error)).await;
                Outcome::Silent(Silence::Reset)
            }
        }
    }

    async fn hang_up(&mut self) {
        if let Some(mut stream) = self.stream.take() {
            let _ = timeout(WRITE, stream.stream().close()).await;
        }
    }
}

/// A stream that had answered before ended instead of answering again.
struct Reused;
