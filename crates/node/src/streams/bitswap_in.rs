//! Receives block exchange messages on one inbound stream. Streams are one-way: nothing is written here.
//!
//! A block is hashed and stored before the protocol hears of it (contract, "bulk data does not travel through protocols"), on threads made for
//! blocking. Only blocks that were asked of this peer are stored, so nobody can fill our disk; others are hashed and passed on as what they are,
//! and the protocol holds them against the peer.
//!
//! ```text
//!   read frame n+2 ──▶ [queue of 2] ──▶ frame n: decode, hash, store ──▶ driver
//! ```
//!
//! Reading goes on while a frame is stored. When the disk is slower than the network, the queue is full, nothing is read, and the remote's window
//! closes. A frame holds its part of the memory budget until its blocks are stored.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::AsyncRead;
use peerglass_core::Peer;
use peerglass_core::wire::WireError;
use peerglass_store::Block;
use peerglass_transfer::wire::{FRAME_LIMIT, WireBlock, WireMessage};
use peerglass_transfer::{Block as Named, Message};
use tokio::sync::mpsc;

use super::frame::{Frame, FrameError, FrameReader};
use super::link::{Gone, Link};
use crate::asked::Fate;
use crate::disk::Disk;
use crate::driver::inputs::Input;

/// How long a stream may be silent. Longer than senders keep theirs open.
const IDLE: Duration = Duration::from_secs(300);
/// Frames read ahead of the one being stored.
const AHEAD: usize = 2;

/// Receives until the stream ends, is idle or breaks the rules.
pub(crate) async fn receive<S: AsyncRead + Unpin>(stream: S, link: Link, disk: Arc<Disk>) {
    let (queue, frames) = mpsc::channel(AHEAD);
    tokio::join!(read(stream, &link, queue), store(frames, &link, &disk));
}

async fn read<S: AsyncRead + Unpin>(stream: S, link: &Link, queue: mpsc::Sender<Frame>) {
    let mut reader = FrameReader::new(stream, FRAME_LIMIT, link.budget.clone());
    loop {
        let next = tokio::select! {
            next = reader.next(IDLE) => next,
            () = queue.closed() => return,
        };
        match next {
            Ok(Some(frame)) => {
                if queue.send(frame).await.is_err() {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => return link.complain("bitswap", &error).await,
        }
    }
}

async fn store(mut frames: mpsc::Receiver<Frame>, link: &Link, disk: &Arc<Disk>) {
    while let Some(frame) = frames.recv().await {
        if handle(frame, link, disk).await.is_err() {
            // Closing the queue ends the reading side too, which resets the stream.
            return;
        }
    }
}

/// What became of the blocks of one frame.
struct Sorted {
    blocks: Vec<Named>,
    /// What could not be stored: the protocol does not hear of it.
    failed: Vec<Input>,
}

async fn handle(frame: Frame, link: &Link, disk: &Arc<Disk>) -> Result<(), Gone> {
    let body = Bytes::from_owner(frame.body);
    let mut wire = match WireMessage::decode(&body) {
        Ok(wire) => wire,
        Err(error) => return complain(link, error).await,
    };
    // The data of blocks is in the store, if anywhere. That of an empty block is nowhere in the frame.
    let first = wire.blocks.iter().find(|block| !block.data.is_empty());
    let data = first.and_then(|block| (block.data.as_ptr() as usize).checked_sub(body.as_ptr() as usize));
    let arrived = link.arrived(&body, data.unwrap_or(body.len()));
    drop(body);
    let mut named = Vec::new();
    if !wire.blocks.is_empty() {
        let (peer, at, blocks) = (link.peer, Arc::clone(disk), std::mem::take(&mut wire.blocks));
        match disk.blocking(move || sort(peer, &blocks, &at)).await.map_err(|_| Gone)? {
            Ok(sorted) => {
                named = sorted.blocks;
                for failure in sorted.failed {
                    link.send(failure).await?;
                }
            }
            Err(error) => return complain(link, error).await,
        }
    }
    let message = Message { blocks: named, ..wire.into_message([]) };
    disk.asked().answered(link.peer, &message);
    if message.is_empty() && message.pending_bytes == 0 {
        return Ok(());
    }
    link.send(Input::Transfer { peer: link.peer, message, arrived }).await
}

/// Nothing more is read from a stream that is not understood.
async fn complain(link: &Link, error: WireError) -> Result<(), Gone> {
    link.complain("bitswap", &FrameError::Wire(error)).await;
    Err(Gone)
}

/// Hashes the blocks, and stores those that were asked of `peer`. Runs on a blocking thread.
fn sort(peer: Peer, blocks: &[WireBlock], disk: &Disk) -> Result<Sorted, WireError> {
    let mut sorted = Sorted { blocks: Vec::new(), failed: Vec::new() };
    for block in blocks {
        let verified = Block::from_prefix(&block.prefix.to_bytes(), block.data.clone())
            .map_err(|_| WireError::Invalid("a block is too large, or named by a hash that is not supported"))?;
        let cid = *verified.cid();
        let fate = disk.asked().arrived(peer, &cid);
        if fate == Fate::GivenUp {
            continue;
        }
        let store = fate == Fate::Wanted || (fate == Fate::Late && !disk.has(&cid));
        match if store { disk.keep(&verified) } else { Ok(()) } {
            Ok(()) => sorted.blocks.push(Named { cid, size: block.data.len() as u32 }),
            Err(error) => sorted.failed.push(Input::Unstorable { cid, why: error.to_string() }),
        }
    }
    Ok(sorted)
}
