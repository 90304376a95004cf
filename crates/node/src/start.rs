//! Starting a node: everything that can fail at once fails here, before a task runs.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::StreamExt;
use libp2p::core::transport::TransportError;
use libp2p::identity::Keypair;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, Swarm};
use peerglass_store::DiskStore;
use peerglass_trace::Off;
use tokio::sync::{broadcast, mpsc, oneshot};

use crate::disk::Disk;
use crate::driver::requests::{Ask, Request, peer_id_of};
use crate::driver::{Driver, Parts, innermost, io_kind};
use crate::error::StartError;
use crate::identity;
use crate::node::{Inner, Node, report};
use crate::options::Options;
use crate::profile::{BITSWAP, Network};
use crate::scope::ip_of;
use crate::swarm::{Base, Composition, build};

/// Requests that may wait for the driver.
const REQUESTS: usize = 64;
/// Notices that a slow listener may lag behind.
const NOTICES: usize = 256;
/// How long the transports may take to say where they listen.
const LISTEN: Duration = Duration::from_secs(10);

impl Node {
    /// Starts a node. It listens when this returns; whether it could join its network is told by [`Node::joined`].
    ///
    /// What was shared before is announced again. Must be called within a tokio runtime.
    pub async fn start(mut options: Options) -> Result<Node, StartError> {
        make_directory(&options.data_dir)?;
        let key = match &options.identity {
            Some(key) => key.clone(),
            None => identity::load_or_create(&options.data_dir)?,
        };
        let bootstrap = bootstrap(&options)?;
        let (disk, roots) = open_store(&options).await?;
        let mut swarm = compose(&key, &options)?;
        listen(&mut swarm, &options).await?;
        let recorder = options.recorder.take().unwrap_or_else(|| Box::new(Off));
        let (requests, asked) = mpsc::channel(REQUESTS);
        let (notices, _) = broadcast::channel(NOTICES);
        let config = stack_config(&mut options);
        let parts = Parts {
            swarm,
            config,
            network: options.network,
            limits: options.limits,
            disk: Arc::clone(&disk),
            recorder,
            seed: seed(&key),
            requests: asked,
            notices: notices.clone(),
        };
        let (reply, joined) = oneshot::channel();
        // The queue is empty and the driver not yet there: neither can fail.
        let _ = requests.try_send(Request::Join { addresses: bootstrap, reply });
        let task = tokio::spawn(Driver::new(parts).run());
        let inner = Inner {
            id: key.public().to_peer_id(),
            network: options.network,
            disk,
            requests,
            notices,
            joined: report(joined),
            task: Mutex::new(Some(task)),
            tags: AtomicU64::new(1),
        };
        let node = Node { inner: Arc::new(inner) };
        node.announce_again(roots);
        Ok(node)
    }

    /// Announces what was shared before, once the network is joined. Nobody waits for it.
    fn announce_again(&self, roots: BTreeSet<peerglass_store::Cid>) {
        if roots.is_empty() {
            return;
        }
        let (joined, requests) = (self.inner.joined.clone(), self.inner.requests.downgrade());
        tokio::spawn(async move {
            joined.await;
            // Tags that no operation of the API reaches.
            for (tag, root) in (0..=u64::MAX).rev().zip(roots) {
                let Some(requests) = requests.upgrade() else { return };
                let (waiter, _) = mpsc::unbounded_channel();
                if requests.send(Request::Ask { tag, ask: Ask::Share { root }, waiter }).await.is_err() {
                    return;
                }
            }
        });
    }
}

fn make_directory(path: &Path) -> Result<(), StartError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|source| StartError::DataDir { path: path.to_owned(), source })
}

async fn open_store(options: &Options) -> Result<(Arc<Disk>, BTreeSet<peerglass_store::Cid>), StartError> {
    let (directory, source) = (options.data_dir.clone(), options.source.clone());
    let open = move || {
        let store = DiskStore::open(&directory)?;
        let roots = store.roots()?.into_iter().filter(|root| root.kind != peerglass_store::disk::RootKind::Downloading).map(|root| root.cid);
        let roots = roots.collect();
        Ok::<_, StartError>((Arc::new(Disk::new(store, source)), roots))
    };
    match tokio::task::spawn_blocking(open).await {
        Ok(result) => result,
        // Nothing cancels it, so it panicked, and that is passed on.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn bootstrap(options: &Options) -> Result<Vec<Multiaddr>, StartError> {
    let network = options.network;
    for address in &options.bootstrap {
        let mut place = address.clone();
        if peer_id_of(address).is_some() {
            place.pop();
        }
        if !network.scope().admits(&place) {
            return Err(StartError::Bootstrap { address: address.clone(), network });
        }
    }
    Ok(if options.bootstrap.is_empty() { network.bootstrap() } else { options.bootstrap.clone() })
}

fn stack_config(options: &mut Options) -> peerglass_stack::Config {
    let mut config = options.stack.take().unwrap_or_else(|| options.network.stack_config());
    config.kad.mode = mode(options);
    config
}

fn mode(options: &Options) -> peerglass_kad::Mode {
    match options.server {
        Some(true) => peerglass_kad::Mode::Server,
        Some(false) => peerglass_kad::Mode::Client,
        None => options.network.mode(),
    }
}

fn compose(key: &Keypair, options: &Options) -> Result<Swarm<Base>, StartError> {
    let mut served = vec![BITSWAP];
    if mode(options) == peerglass_kad::Mode::Server {
        served.push(options.network.kad_protocol());
    }
    let composition = Composition {
        served,
        network: options.network.identify_version().to_owned(),
        mdns: options.mdns.unwrap_or(options.network.mdns()),
        connections: options.limits.connections,
        idle: options.limits.idle,
        ..Composition::default()
    };
    Ok(build(key.clone(), &composition)?)
}

/// Listens everywhere it should, and waits until all transports say where that is.
async fn listen(swarm: &mut Swarm<Base>, options: &Options) -> Result<(), StartError> {
    let mut waiting = HashSet::new();
    for address in listen_addresses(options) {
        if is_taken(&address) {
            return Err(StartError::PortInUse { address });
        }
        let id = swarm.listen_on(address.clone()).map_err(|error| listen_error(address, &error))?;
        waiting.insert(id);
    }
    let until_all = async {
        while !waiting.is_empty() {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { listener_id, .. } => {
                    waiting.remove(&listener_id);
                }
                SwarmEvent::ListenerClosed { listener_id, reason, addresses } if waiting.contains(&listener_id) => {
                    let why = reason.err().map_or_else(|| "it was closed".to_owned(), |error| error.to_string());
                    let address = addresses.first().cloned().unwrap_or_else(Multiaddr::empty);
                    return Err(StartError::Listen { address, why });
                }
                _ => {}
            }
        }
        Ok(())
    };
    match tokio::time::timeout(LISTEN, until_all).await {
        Ok(result) => result,
        // A machine without any interface up: it may get one later, and can still dial.
        Err(_) => Ok(()),
    }
}

fn listen_addresses(options: &Options) -> Vec<Multiaddr> {
    if !options.listen.is_empty() {
        return options.listen.clone();
    }
    ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"].iter().filter_map(|address| address.parse().ok()).collect()
}

/// Whether somebody listens on this TCP port already. libp2p lets several sockets share a port, so that dialling can come from the port listened on;
/// it would not notice a second node, and connections would go to either.
fn is_taken(address: &Multiaddr) -> bool {
    let mut parts = address.iter();
    let (Some(ip), Some(Protocol::Tcp(port))) = (ip_of(address), parts.nth(1)) else { return false };
    port != 0 && std::net::TcpListener::bind((ip, port)).is_err_and(|error| error.kind() == std::io::ErrorKind::AddrInUse)
}

fn listen_error(address: Multiaddr, error: &TransportError<std::io::Error>) -> StartError {
    match error {
        TransportError::MultiaddrNotSupported(_) => StartError::Listen { address, why: "no transport of ours listens on such an address".to_owned() },
        TransportError::Other(error) => match io_kind(error) {
            Some(std::io::ErrorKind::AddrInUse) => StartError::PortInUse { address },
            Some(std::io::ErrorKind::PermissionDenied) => StartError::Listen { address, why: "ports below 1024 need special rights".to_owned() },
            _ => StartError::Listen { address, why: innermost(error) },
        },
    }
}

/// The seed of the node's dice: hard to guess from outside, another at each start.
fn seed(key: &Keypair) -> u64 {
    let secret = key.derive_secret(b"peerglass dice").unwrap_or_default();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos() as u64;
    u64::from_le_bytes([secret[0], secret[1], secret[2], secret[3], secret[4], secret[5], secret[6], secret[7]]) ^ now
}

/// Parameters of a network's protocols.
impl Network {
    /// What the stack runs with on this network.
    #[must_use]
    pub fn stack_config(self) -> peerglass_stack::Config {
        let kad = match self {
            Network::Lan | Network::Private => peerglass_kad::Config::default(),
            Network::Ipfs => peerglass_kad::Config::amino(),
        };
        peerglass_stack::Config { kad, transfer: peerglass_transfer::Config::default() }
    }
}
