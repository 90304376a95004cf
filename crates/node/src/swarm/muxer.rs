//! Yamux with bounded windows.
//!
//! `libp2p-yamux` leaves the receive windows of a connection to grow to 1 GiB: a stream's window doubles whenever its half is used up within two
//! round trips, and a remote that delays its pongs decides how long a round trip is. Its settings are not exposed, so this is the adapter again,
//! about as long, with bounds that can be stated:
//!
//! ```text
//!   16 streams that wait for the connection's task, 32 being negotiated,
//!   32 open of each of two protocols: 112 x 256 KiB                       28 MiB
//!   + windows grown for streams that are read fast                        16 MiB
//!   = what one connection can make us hold, if it fills all of it         44 MiB
//! ```
//!
//! Streams over these caps are reset; a remote that opens them faster than they can be reset, past [`MAX_STREAMS`], loses the connection.
//!
//! The specification is libp2p's `yamux/README.md`; the protocol id is `/yamux/1.0.0`.

use std::collections::VecDeque;
use std::future::{Ready, ready};
use std::io;
use std::iter;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures::{AsyncRead, AsyncWrite};
use libp2p::core::UpgradeInfo;
use libp2p::core::muxing::{StreamMuxer, StreamMuxerEvent};
use libp2p::core::upgrade::{InboundConnectionUpgrade, OutboundConnectionUpgrade};
use yamux::{Connection, ConnectionError, Mode};

/// Streams that Yamux keeps count of on one connection, both sides together, those just reset included.
pub const MAX_STREAMS: usize = 512;
/// By how much the windows of one connection may grow, all together.
const GROWTH: usize = 16 << 20;
/// The window of every stream at first, fixed by the specification.
const FIRST_WINDOW: usize = 256 << 10;
/// Streams the remote opened that wait for the connection's task. More are reset.
const WAITING: usize = 16;

/// Yamux, as an upgrade of an encrypted connection.
#[derive(Clone, Debug)]
pub struct Yamux(yamux::Config);

impl Default for Yamux {
    fn default() -> Self {
        let mut config = yamux::Config::default();
        config.set_max_num_streams(MAX_STREAMS).set_max_connection_receive_window(Some(MAX_STREAMS * FIRST_WINDOW + GROWTH));
        Self(config)
    }
}

impl UpgradeInfo for Yamux {
    type Info = &'static str;
    type InfoIter = iter::Once<Self::Info>;

    fn protocol_info(&self) -> Self::InfoIter {
        iter::once("/yamux/1.0.0")
    }
}

impl<C> InboundConnectionUpgrade<C> for Yamux
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_inbound(self, socket: C, _: &'static str) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(socket, self.0, Mode::Server))))
    }
}

impl<C> OutboundConnectionUpgrade<C> for Yamux
where
    C: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    type Output = Muxer<C>;
    type Error = io::Error;
    type Future = Ready<Result<Muxer<C>, io::Error>>;

    fn upgrade_outbound(self, socket: C, _: &'static str) -> Self::Future {
        ready(Ok(Muxer::new(Connection::new(socket, self.0, Mode::Client))))
    }
}

/// A Yamux connection as the swarm polls it.
pub struct Muxer<C> {
    connection: Connection<C>,
    waiting: VecDeque<yamux::Stream>,
    waker: Option<Waker>,
}

impl<C: AsyncRead + AsyncWrite + Unpin> Muxer<C> {
    fn new(connection: Connection<C>) -> Self {
        Self { connection, waiting: VecDeque::new(), waker: None }
    }

    /// Moves the connection on. Yamux does all its reading and writing while it looks for new streams.
    fn poll_connection(&mut self, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, YamuxError>> {
        self.connection.poll_next_inbound(cx).map(|next| match next {
            Some(stream) => stream.map_err(YamuxError),
            None => Err(YamuxError(ConnectionError::Closed)),
        })
    }
}

impl<C: AsyncRead + AsyncWrite + Unpin + 'static> StreamMuxer for Muxer<C> {
    type Substream = yamux::Stream;
    type Error = YamuxError;

    fn poll_inbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, YamuxError>> {
        if let Some(stream) = self.waiting.pop_front() {
            return Poll::Ready(Ok(stream));
        }
        if let Poll::Ready(result) = self.poll_connection(cx) {
            return Poll::Ready(result);
        }
        self.waker = Some(cx.waker().clone());
        Poll::Pending
    }

    fn poll_outbound(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<yamux::Stream, YamuxError>> {
        self.connection.poll_new_outbound(cx).map_err(YamuxError)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<(), YamuxError>> {
        self.connection.poll_close(cx).map_err(YamuxError)
    }

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<StreamMuxerEvent, YamuxError>> {
        let Poll::Ready(stream) = self.poll_connection(cx)? else { return Poll::Pending };
        // Dropping a stream resets it.
        if self.waiting.len() < WAITING {
            self.waiting.push_back(stream);
        }
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        // There may be more to do: come back soon, after others had their turn.
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Why a Yamux connection ended.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct YamuxError(ConnectionError);
