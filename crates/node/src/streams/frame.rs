//! Frames on a stream: a varint length, then that many bytes.
//!
//! The sender claims the length and then decides when the bytes come, so a reader is bounded in three ways: the length is checked before anything
//! is allocated; the buffer grows as bytes arrive, never to a length that is only claimed; and what all streams together hold is taken from one
//! [`Budget`]. A frame must make progress: one that takes longer than its size allows is given up.
//!
//! Small frames are read through a buffer of 4 KiB, so that ten of them cost one read; what is larger goes straight to where it stays.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use futures::{AsyncRead, AsyncReadExt};
use peerglass_core::wire::{MAX_VARINT, WireError, take_minimal_varint};
use thiserror::Error;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use super::body::Spares;

pub use super::body::Body;

/// The buffer that small frames are read through.
const HEAD: usize = 4096;
/// What a body may take before any byte of it is there.
const FIRST: usize = 64 << 10;
/// How much more a body may take than has arrived of it. Large enough that the largest block is moved only once, with what comes before it, while it is still small.
const GROWTH: usize = 40;
/// How long a frame of no bytes may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// The slowest a frame may come, in bytes per second: what Bitswap implementations put up with.
const SLOWEST: u64 = 12_500;

/// Memory that all streams share.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Free KiB.
    free: Arc<Semaphore>,
    /// Not counted: bounded by themselves.
    spares: Spares,
}

impl Budget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Self {
        Self { free: Arc::new(Semaphore::new(bytes.div_ceil(1024))), spares: Spares::default() }
    }

    /// Takes `bytes` from the budget until the permit is dropped; waits while others hold it.
    pub async fn take(&self, bytes: usize) -> OwnedSemaphorePermit {
        let kib = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        // The semaphore is never closed, and this is where it would show.
        Arc::clone(&self.free).acquire_many_owned(kib).await.expect("the budget is never closed")
    }

    /// How many bytes are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.free.available_permits() * 1024
    }
}

/// A frame's body, and its part of the budget.
#[derive(Debug)]
pub struct Frame {
    /// The body.
    pub body: Body,
    /// Gives the memory back when dropped.
    pub memory: Option<OwnedSemaphorePermit>,
}

/// Why no frame could be read.
#[derive(Debug, Error)]
pub enum FrameError {
    /// The stream broke.
    #[error("the stream broke: {0}")]
    Io(#[from] io::Error),
    /// The peer broke the rules.
    #[error("the frame is not valid: {0}")]
    Wire(#[from] WireError),
    /// The frame came too slowly.
    #[error("the frame did not arrive in time")]
    Slow,
    /// Nothing came for so long that the stream was given up.
    #[error("the stream was idle")]
    Idle,
    /// Other streams held all memory for too long.
    #[error("no memory was free for the frame")]
    Memory,
}

impl FrameError {
    /// Whether the peer broke the rules, and was not only gone or slow: a bad link is no offence.
    #[must_use]
    pub fn is_violation(&self) -> bool {
        matches!(self, FrameError::Wire(_))
    }
}

/// Reads frames from a stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    limit: usize,
    budget: Budget,
    head: Box<[u8; HEAD]>,
    start: usize,
    end: usize,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader of frames of at most `limit` bytes.
    pub fn new(stream: R, limit: usize, budget: Budget) -> Self {
        Self { stream, limit, budget, head: Box::new([0; HEAD]), start: 0, end: 0 }
    }

    /// The stream, for writing.
    pub fn stream(&mut self) -> &mut R {
        &mut self.stream
    }

    /// The next frame, or `None` when the remote closed its side between two frames. Waits for its first byte for at most `idle`.
    pub async fn next(&mut self, idle: Duration) -> Result<Option<Frame>, FrameError> {
        if self.start == self.end {
            let read = timeout_at(Instant::now() + idle, self.fill()).await.map_err(|_| FrameError::Idle)??;
            if read == 0 {
                return Ok(None);
            }
        }
        let began = Instant::now();
        let length = timeout_at(began + PATIENCE, self.length()).await.map_err(|_| FrameError::Slow)??;
        let deadline = began + PATIENCE + Duration::from_millis(length as u64 * 1000 / SLOWEST);
        timeout_at(deadline, self.body(length)).await.map_err(|_| FrameError::Slow)?.map(Some)
    }

    /// Reads what is there into the head buffer, which is empty or holds the beginning of a length.
    async fn fill(&mut self) -> io::Result<usize> {
        self.head.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        let read = self.stream.read(&mut self.head[self.end..]).await?;
        self.end += read;
        Ok(read)
    }

    async fn length(&mut self) -> Result<usize, FrameError> {
        loop {
            let mut rest = &self.head[self.start..self.end];
            match take_minimal_varint(&mut rest) {
                Ok(length) if length > self.limit as u64 => {
                    return Err(WireError::TooLong { length, limit: self.limit as u64 }.into());
                }
                Ok(length) => {
                    self.start = self.end - rest.len();
                    return Ok(length as usize);
                }
                Err(WireError::Truncated) if self.end - self.start < MAX_VARINT => {
                    if self.fill().await? == 0 {
                        return Err(WireError::Truncated.into());
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn body(&mut self, length: usize) -> Result<Frame, FrameError> {
        let buffered = length.min(self.end - self.start);
        let mut body = self.budget.spares.body(&self.head[self.start..self.start + buffered], buffered);
        self.start += buffered;
        let mut memory: Option<OwnedSemaphorePermit> = None;
        let mut received = buffered;
        while received < length {
            if received == body.len() {
                let larger = length.min((received * GROWTH).max(FIRST));
                let taken = tokio::time::timeout(PATIENCE, self.budget.take(larger - received)).await.map_err(|_| FrameError::Memory)?;
                match &mut memory {
                    Some(memory) => memory.merge(taken),
                    None => memory = Some(taken),
                }
                body = self.budget.spares.body(&body, larger);
            }
            match self.stream.read(&mut body[received..]).await? {
                0 => return Err(WireError::Truncated.into()),
                read => received += read,
            }
        }
        Ok(Frame { body, memory })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::io::Cursor;
    use peerglass_core::wire::put_frame;
    use proptest::prelude::*;

    const IDLE: Duration = Duration::from_secs(1);

    fn read_all(bytes: &[u8], limit: usize) -> Result<Vec<Vec<u8>>, FrameError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut reader = FrameReader::new(Cursor::new(bytes), limit, Budget::new(8 << 20));
            let mut frames = Vec::new();
            while let Some(frame) = reader.next(IDLE).await? {
                frames.push(frame.body.to_vec());
            }
            Ok(frames)
        })
    }

    /// Gives the bytes it holds, then nothing for ever.
    struct Silent(Vec<u8>);
    impl AsyncRead for Silent {
        fn poll_read(mut self: std::pin::Pin<&mut Self>, _: &mut std::task::Context<'_>, buf: &mut [u8]) -> std::task::Poll<io::Result<usize>> {
            if self.0.is_empty() {
                return std::task::Poll::Pending;
            }
            let now = buf.len().min(self.0.len());
            buf[..now].copy_from_slice(&self.0[..now]);
            self.0.drain(..now);
            std::task::Poll::Ready(Ok(now))
        }
    }

    #[test]
    fn a_length_over_the_limit_is_refused_before_a_byte_of_the_body_is_there() {
        let mut bytes = Vec::new();
        peerglass_core::wire::put_varint(&mut bytes, 5 << 20);
        assert!(matches!(read_all(&bytes, 4 << 20), Err(FrameError::Wire(WireError::TooLong { .. }))));
    }

    #[test]
    fn a_frame_that_ends_early_is_a_violation_and_an_end_between_frames_is_none() {
        assert!(read_all(&[], 10).unwrap().is_empty());
        assert!(read_all(&[3, 1, 2], 10).unwrap_err().is_violation());
        assert!(read_all(&[0x80], 10).unwrap_err().is_violation());
        assert!(read_all(&[0xff; 12], 10).unwrap_err().is_violation());
    }

    #[tokio::test(start_paused = true)]
    async fn a_claimed_length_takes_only_a_first_piece_of_the_budget_and_times_out() {
        let budget = Budget::new(8 << 20);
        let mut claim = Vec::new();
        peerglass_core::wire::put_varint(&mut claim, 4 << 20);
        claim.push(1);
        let mut reader = FrameReader::new(Silent(claim), 4 << 20, budget.clone());
        let reading = tokio::spawn(async move { reader.next(IDLE).await });
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(budget.free() >= (8 << 20) - FIRST - 1024);
        assert!(matches!(reading.await.unwrap(), Err(FrameError::Slow)));
        assert_eq!(budget.free(), 8 << 20);
    }

    #[tokio::test(start_paused = true)]
    async fn when_others_hold_the_budget_a_frame_is_given_up_and_small_ones_still_pass() {
        let budget = Budget::new(128 << 10);
        let _all = budget.take(128 << 10).await;
        let mut large = Vec::new();
        put_frame(&mut large, &vec![7; 100_000]);
        let mut reader = FrameReader::new(Cursor::new(large), 4 << 20, budget.clone());
        assert!(matches!(reader.next(IDLE).await, Err(FrameError::Memory)));
        let mut small = Vec::new();
        put_frame(&mut small, &[7; 100]);
        assert!(FrameReader::new(Cursor::new(small), 4 << 20, budget).next(IDLE).await.unwrap().is_some());
    }

    #[tokio::test(start_paused = true)]
    async fn silence_between_frames_is_idleness_and_no_violation() {
        let error = FrameReader::new(Silent(vec![]), 10, Budget::new(1024)).next(IDLE).await.unwrap_err();
        assert!(matches!(error, FrameError::Idle) && !error.is_violation());
    }

    proptest! {
        #[test]
        fn frames_of_any_sizes_come_out_as_they_went_in(sizes in proptest::collection::vec(prop_oneof![0usize..200, 3000usize..5000, 60_000usize..300_000], 0..8)) {
            let frames: Vec<Vec<u8>> = sizes.iter().enumerate().map(|(i, size)| vec![i as u8; *size]).collect();
            let mut bytes = Vec::new();
            frames.iter().for_each(|frame| put_frame(&mut bytes, frame));
            prop_assert_eq!(read_all(&bytes, 1 << 20).unwrap(), frames);
        }

        #[test]
        fn any_bytes_are_read_to_an_end(bytes: Vec<u8>) {
            let _ = read_all(&bytes, 1000);
        }
    }
}
