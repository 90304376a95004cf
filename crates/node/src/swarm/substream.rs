//! [`Substream`]: a raw stream under a negotiated protocol id.
//!
//! It holds its place among the inbound streams of its connection and protocol, and gives it back when it is dropped: so the cap counts streams
//! that are really open, however the task that reads them ends. Dropping a stream that was not closed resets it at the remote.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures::{AsyncRead, AsyncWrite};
use libp2p::StreamProtocol;
use libp2p::swarm::Stream;

/// A place among the streams that may be open at once. Counted by how many clones of the `Arc` are alive.
pub(super) type Place = Arc<()>;

/// A raw stream of bytes under a negotiated protocol id.
pub struct Substream {
    stream: Stream,
    protocol: StreamProtocol,
    _place: Option<Place>,
}

impl Substream {
    pub(super) fn new(stream: Stream, protocol: StreamProtocol, place: Option<Place>) -> Self {
        Self { stream, protocol, _place: place }
    }

    /// The protocol id agreed on.
    #[must_use]
    pub fn protocol(&self) -> &StreamProtocol {
        &self.protocol
    }
}

impl fmt::Debug for Substream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Substream").field("protocol", &self.protocol).finish_non_exhaustive()
    }
}

impl AsyncRead for Substream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Substream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_write_vectored(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(cx)
    }
}
