//! Sends block exchange messages to one peer, over one long-lived stream.
//!
//! A message names blocks; their bytes are read only when the stream is writable, so what is queued for a slow peer is names and not blocks. Each
//! block goes into a frame of its own, behind the frame with the rest of its message: so a block that cannot be read any more, because somebody
//! changed the file, can still become a DONT_HAVE instead of a broken frame.
//!
//! ```text
//!   queue of messages ──▶ read block n+2 on a blocking thread ──▶ [2 ready] ──▶ write frame n
//! ```

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::{AsyncWrite, AsyncWriteExt};
use libp2p::StreamProtocol;
use peerglass_transfer::wire::{self, Version};
use peerglass_transfer::{Block, Message, Presence};
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio::time::timeout;

use super::link::{Gone, Link};
use crate::disk::Disk;
use crate::driver::inputs::Input;
use crate::swarm::{OpenError, Substream};

/// Messages that may wait for one peer.
pub(crate) const QUEUE: usize = 1024;
/// How long a stream stays open without messages.
const IDLE: Duration = Duration::from_secs(60);
/// How long a frame may take to be written, plus what its size allows at the slowest rate that is put up with (Bitswap reference, section 2).
const PATIENCE: Duration = Duration::from_secs(10);
const SLOWEST: u64 = 12_500;
/// Blocks that are read before the stream can take them.
const AHEAD: usize = 2;

/// A frame, ready to be written: what comes before a block's bytes, and these.
struct Piece {
    head: Vec<u8>,
    data: Bytes,
    _memory: Option<OwnedSemaphorePermit>,
}

/// Sends what comes out of `messages`, until nothing does for a while.
pub(crate) async fn run(link: Link, protocol: StreamProtocol, disk: Arc<Disk>, messages: mpsc::Receiver<Message>) {
    let stream = match link.open(protocol).await {
        Ok(stream) => stream,
        Err(why) => return lost(&link, why).await,
    };
    let (queue, pieces) = mpsc::channel(AHEAD);
    let (_, written) = tokio::join!(prepare(messages, &link, &disk, queue), write(stream, pieces));
    if let Err(why) = written {
        lost(&link, why).await;
    }
}

/// Messages were lost, and the protocol must know.
async fn lost(link: &Link, why: OpenError) {
    // If the driver is gone, nobody needs to know.
    let _ = link.send(Input::TransferLost { peer: link.peer, why }).await;
}

async fn prepare(mut messages: mpsc::Receiver<Message>, link: &Link, disk: &Arc<Disk>, queue: mpsc::Sender<Piece>) -> Result<(), Gone> {
    loop {
        let next = tokio::select! {
            next = timeout(IDLE, messages.recv()) => next,
            () = queue.closed() => return Err(Gone),
        };
        let message = match next {
            Ok(Some(message)) => message,
            Ok(None) => return Ok(()),
            Err(_) => {
                // What slips in between the last look and here is still sent.
                messages.close();
                continue;
            }
        };
        let blocks = message.blocks.clone();
        send(rest_of(message), &queue).await?;
        for block in blocks {
            prepare_block(block, link, disk, &queue).await?;
        }
    }
}

/// The message without its blocks, as a frame; nothing if it says nothing else.
fn rest_of(mut message: Message) -> Option<Piece> {
    message.blocks.clear();
    (!message.is_empty() || message.pending_bytes > 0).then(|| frame_of(&message))
}

fn frame_of(message: &Message) -> Piece {
    Piece { head: wire::encode(message, Version::V1_2, &[]), data: Bytes::new(), _memory: None }
}

async fn send(piece: Option<Piece>, queue: &mpsc::Sender<Piece>) -> Result<(), Gone> {
    match piece {
        Some(piece) => queue.send(piece).await.map_err(|_| Gone),
        None => Ok(()),
    }
}

async fn prepare_block(block: Block, link: &Link, disk: &Arc<Disk>, queue: &mpsc::Sender<Piece>) -> Result<(), Gone> {
    // First a place, then memory, then the block: a slow peer makes us hold three blocks and no more.
    let place = queue.reserve().await.map_err(|_| Gone)?;
    let memory = disk.sending().take(block.size as usize).await;
    let (cid, at) = (block.cid, Arc::clone(disk));
    match disk.blocking(move || at.read(&cid)).await.map_err(|_| Gone)? {
        Ok(data) => {
            let message = Message { blocks: vec![block], ..Message::default() };
            // With nothing but a block in it, nothing comes after the block.
            let head = wire::split(&message, Version::V1_2, data.len()).head;
            place.send(Piece { head, data, _memory: Some(memory) });
        }
        Err(error) => {
            if let Some(input) = Input::unreadable(cid, &error) {
                link.send(input).await?;
            }
            place.send(frame_of(&Message { presences: vec![Presence { cid, have: false }], ..Message::default() }));
        }
    }
    Ok(())
}

async fn write(mut stream: Substream, mut pieces: mpsc::Receiver<Piece>) -> Result<(), OpenError> {
    while let Some(piece) = pieces.recv().await {
        let size = (piece.head.len() + piece.data.len()) as u64;
        let patience = PATIENCE + Duration::from_millis(size * 1000 / SLOWEST);
        let flush = pieces.is_empty();
        let written = timeout(patience, write_piece(&mut stream, &piece, flush)).await.map_err(|_| OpenError::Timeout)?;
        written.map_err(|error| OpenError::Io(error.to_string()))?;
    }
    // The peer knows by the end of the stream that nothing is cut off; whether it still hears it does not matter.
    let _ = timeout(PATIENCE, stream.close()).await;
    Ok(())
}

async fn write_piece<S: AsyncWrite + Unpin>(stream: &mut S, piece: &Piece, flush: bool) -> std::io::Result<()> {
    stream.write_all(&piece.head).await?;
    stream.write_all(&piece.data).await?;
    if flush { stream.flush().await } else { Ok(()) }
}
