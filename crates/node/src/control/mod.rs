//! The control port: how a running node is looked at, over HTTP/1.1.
//!
//! | path | gives |
//! |---|---|
//! | `/` | what there is, as text |
//! | `/status` | how the node stands, as JSON |
//! | `/metrics` | counts for Prometheus, as OpenMetrics text |
//! | `/topology` | routing table and connections, as node-link JSON |
//! | `/records?capture=…&filter=…` | every record from now on, as JSON Lines, until somebody hangs up |
//!
//! It only tells: nothing can be changed through it. It is meant for the same machine. A page in a browser must not read it by way of a name that points here (DNS
//! rebinding), so requests must name an address or `localhost` as their host, and come from no other page.
//!
//! Whoever connects is bounded in what it can take: connections, the length of a request, the time to send one, and what waits for it.

mod answers;
mod metrics;
mod topology;
mod watching;

pub use watching::path as records_path;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use thiserror::Error;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, JoinSet};

use crate::node::Node;

/// Connections at once at most.
const CONNECTIONS: usize = 64;
/// The longest head of a request.
const HEAD: usize = 16 << 10;
/// How long a request may take to arrive.
const PATIENCE: Duration = Duration::from_secs(5);

/// Why there is no control port.
#[derive(Debug, Error)]
pub enum ControlError {
    /// The address cannot be listened on.
    #[error("cannot listen for control on {address} ({source}): choose another address, or port 0 for any that is free")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
}

/// A control port, as long as this is kept.
#[derive(Debug)]
pub struct Control {
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Control {
    /// Lets `node` be looked at, at `address`.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened on.
    pub async fn start(node: Node, address: SocketAddr) -> Result<Self, ControlError> {
        let blame = |source| ControlError::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(blame)?;
        let address = listener.local_addr().map_err(blame)?;
        Ok(Self { address, task: tokio::spawn(accept(listener, node)) })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether only this machine can reach it.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.address.ip().is_loopback()
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, node: Node) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // Its connections end with it.
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let place = Arc::clone(&places).try_acquire_owned();
                // Who finds no place is hung up on; who could not be accepted is gone.
                if let (Ok((stream, _)), Ok(place)) = (accepted, place) {
                    let node = node.clone();
                    connections.spawn(async move {
                        serve(stream, node).await;
                        drop(place);
                    });
                }
            }
            Some(_) = connections.join_next() => {}
        }
    }
}

async fn serve(stream: TcpStream, node: Node) {
    let answer = service_fn(move |request| answers::answer(request, node.clone()));
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).max_buf_size(HEAD);
    // A client that breaks the rules, or leaves, has ended its own connection.
    let _ = http.serve_connection(TokioIo::new(stream), answer).await;
}
