//! TCP and QUIC with DNS, and the behaviour composed of ours and of what libp2p does well.
//!
//! TCP runs Yamux over TLS 1.3 or Noise; TLS is offered first because its library encrypts faster. (`libp2p-tls` prefers ChaCha20 to AES-GCM and
//! does not let one choose, so what AES instructions could save is not saved.)
//!
//! Memory: a remote may send what the windows allow before anybody reads. For Yamux see [`muxer`](super::muxer). QUIC's windows are fixed: 4 MiB a
//! stream and 6 MiB a connection fill a link of 1 Gbit/s up to 32 ms away.

use std::convert::Infallible;
use std::time::Duration;

use libp2p::core::transport::dummy::DummyTransport;
use libp2p::identity::Keypair;
use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{StreamProtocol, Swarm, SwarmBuilder, dns, identify, mdns, noise, ping, tcp, tls};
use libp2p_connection_limits::{self as connection_limits, ConnectionLimits};
use thiserror::Error;

use super::behaviour::{StreamEvent, Streams};
use super::handler::Limits;
use super::muxer::Yamux;

/// Streams that a QUIC peer may have open.
const QUIC_STREAMS: u32 = 128;
/// What a QUIC peer may send on one stream before it is read.
const QUIC_STREAM_WINDOW: u32 = 4 << 20;
/// What a QUIC peer may send on one connection before it is read.
const QUIC_CONNECTION_WINDOW: u32 = 6 << 20;

/// The composed behaviour.
#[derive(NetworkBehaviour)]
#[behaviour(to_swarm = "BaseEvent")]
pub struct Base {
    /// Refuses connections over the limits. First, so that nothing else hears of those.
    pub limits: connection_limits::Behaviour,
    /// Raw streams for our protocols.
    pub streams: Streams,
    /// Tells peers our addresses and protocols, and ours theirs.
    pub identify: identify::Behaviour,
    /// Notices dead connections.
    pub ping: ping::Behaviour,
    /// Finds peers on the local network.
    pub mdns: Toggle<mdns::tokio::Behaviour>,
}

/// What the composed behaviour reports.
#[derive(Debug)]
pub enum BaseEvent {
    /// Of our streams.
    Streams(StreamEvent),
    /// What a peer says of itself.
    Identify(Box<identify::Event>),
    /// A round-trip time, or a peer that does not answer.
    Ping(ping::Event),
    /// A peer on the local network.
    Mdns(mdns::Event),
}

impl From<Infallible> for BaseEvent {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

impl From<StreamEvent> for BaseEvent {
    fn from(event: StreamEvent) -> Self {
        BaseEvent::Streams(event)
    }
}

impl From<identify::Event> for BaseEvent {
    fn from(event: identify::Event) -> Self {
        BaseEvent::Identify(Box::new(event))
    }
}

impl From<ping::Event> for BaseEvent {
    fn from(event: ping::Event) -> Self {
        BaseEvent::Ping(event)
    }
}

impl From<mdns::Event> for BaseEvent {
    fn from(event: mdns::Event) -> Self {
        BaseEvent::Mdns(event)
    }
}

/// What to compose.
#[derive(Clone, Debug)]
pub struct Composition {
    /// Protocols accepted at first.
    pub served: Vec<StreamProtocol>,
    /// Limits on streams.
    pub streams: Limits,
    /// The `protocolVersion` of identify: which network this is.
    pub network: String,
    /// Whether to look for peers on the local network.
    pub mdns: bool,
    /// Connections at most.
    pub connections: u32,
    /// How long a connection without streams stays open.
    pub idle: Duration,
}

impl Default for Composition {
    fn default() -> Self {
        Self {
            served: Vec::new(),
            streams: Limits::default(),
            network: "/peerglass/private/1".to_owned(),
            mdns: false,
            connections: 256,
            idle: Duration::from_secs(60),
        }
    }
}

/// Why the transports could not be set up.
#[derive(Debug, Error)]
pub enum BuildError {
    /// TLS or Noise refused the key.
    #[error("the identity key cannot be used to encrypt connections: {0}")]
    Security(String),
    /// The local network could not be watched.
    #[error("mDNS could not start ({0}): check that this machine has a network interface with multicast, or choose another network")]
    Mdns(std::io::Error),
    /// Names cannot be resolved.
    #[error("the system's DNS configuration cannot be read: {0}")]
    Dns(std::io::Error),
}

/// A swarm that listens nowhere yet.
pub fn build(key: Keypair, composition: &Composition) -> Result<Swarm<Base>, BuildError> {
    let base = compose(&key, composition)?;
    let idle = composition.idle;
    let tcp = tcp::Config::default().nodelay(true);
    let builder = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp, (tls::Config::new, noise::Config::new), Yamux::default)
        .map_err(|error| BuildError::Security(error.to_string()))?
        .with_quic_config(quic_windows);
    let tune = |config: libp2p::swarm::Config| config.with_idle_connection_timeout(idle).with_max_negotiating_inbound_streams(32).with_smart_dial();
    if has_resolver() {
        let Ok(builder) = builder.with_dns().map_err(BuildError::Dns)?.with_behaviour(move |_| base);
        Ok(builder.with_swarm_config(tune).build())
    } else {
        let Ok(builder) = builder.with_dns_config(dns::ResolverConfig::default(), dns::ResolverOpts::default()).with_behaviour(move |_| base);
        Ok(builder.with_swarm_config(tune).build())
    }
}

fn quic_windows(mut config: libp2p::quic::Config) -> libp2p::quic::Config {
    config.max_stream_data = QUIC_STREAM_WINDOW;
    config.max_connection_data = QUIC_CONNECTION_WINDOW;
    config.max_concurrent_stream_limit = QUIC_STREAMS;
    config
}

/// Whether the system says how names are resolved. Containers and offline machines may not; addresses by number must work there all the same.
fn has_resolver() -> bool {
    dns::tokio::Transport::system(DummyTransport::<()>::new()).is_ok()
}

fn compose(key: &Keypair, composition: &Composition) -> Result<Base, BuildError> {
    let id = key.public().to_peer_id();
    let most = composition.connections;
    let limits = ConnectionLimits::default()
        .with_max_established(Some(most))
        .with_max_established_incoming(Some(most - most / 4))
        .with_max_pending_incoming(Some(64))
        .with_max_pending_outgoing(Some(64))
        .with_max_established_per_peer(Some(4));
    let identify = identify::Config::new(composition.network.clone(), key.public())
        .with_agent_version(concat!("peerglass/", env!("CARGO_PKG_VERSION")).to_owned())
        .with_push_listen_addr_updates(true)
        .with_cache_size(0);
    let mdns = if composition.mdns { Some(mdns::tokio::Behaviour::new(mdns::Config::default(), id).map_err(BuildError::Mdns)?) } else { None };
    Ok(Base {
        limits: connection_limits::Behaviour::new(limits),
        streams: Streams::new(composition.served.clone(), composition.streams),
        identify: identify::Behaviour::new(identify),
        ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_secs(30))),
        mdns: mdns.into(),
    })
}
