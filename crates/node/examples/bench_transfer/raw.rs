//! The ceiling: bytes without meaning over one stream of the same transport, with the same windows. Nothing is read from a disk, hashed or written.

use std::error::Error;
use std::time::Instant;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::SwarmEvent;
use libp2p::{Multiaddr, StreamProtocol, Swarm};
use peerglass_node::swarm::{Base, BaseEvent, Composition, StreamEvent, Substream, build};

const RAW: StreamProtocol = StreamProtocol::new("/peerglass/bench/raw");
/// As large as a block of a file.
const PIECE: usize = 1 << 20;

fn swarm() -> Result<Swarm<Base>, Box<dyn Error>> {
    let key = libp2p::identity::Keypair::generate_ed25519();
    Ok(build(key, &Composition { served: vec![RAW], ..Composition::default() })?)
}

/// Prints the address to fetch from, and serves `bytes` bytes to whoever asks, until killed.
pub(crate) async fn serve(bytes: u64, listen: Multiaddr) -> Result<(), Box<dyn Error>> {
    let mut swarm = swarm()?;
    swarm.listen_on(listen)?;
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { address, .. } => println!("{}", address.with(Protocol::P2p(*swarm.local_peer_id()))),
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { stream, .. })) => {
                tokio::spawn(send(stream, bytes));
            }
            _ => {}
        }
    }
}

async fn send(mut stream: Substream, bytes: u64) -> std::io::Result<()> {
    let piece = vec![0x5a; PIECE];
    let mut left = bytes;
    while left > 0 {
        let now = left.min(PIECE as u64);
        stream.write_all(&piece[..now as usize]).await?;
        left -= now;
    }
    stream.close().await
}

/// Fetches once and prints what it took.
pub(crate) async fn fetch(address: Multiaddr) -> Result<(), Box<dyn Error>> {
    let mut swarm = swarm()?;
    swarm.dial(address)?;
    let mut reading = loop {
        match swarm.select_next_some().await {
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                swarm.behaviour_mut().streams.open(connection_id, RAW);
            }
            SwarmEvent::OutgoingConnectionError { error, .. } => return Err(error.into()),
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { stream, .. })) => {
                break tokio::spawn(receive(stream));
            }
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { error, .. })) => return Err(error.into()),
            _ => {}
        }
    };
    let (bytes, seconds) = loop {
        tokio::select! {
            result = &mut reading => break result??,
            _ = swarm.select_next_some() => {}
        }
    };
    super::report(bytes, seconds);
    Ok(())
}

async fn receive(mut stream: Substream) -> std::io::Result<(u64, f64)> {
    let started = Instant::now();
    let mut piece = vec![0; PIECE];
    let mut bytes = 0;
    // A substream sends its protocol id with the first bytes, which here are the end of our side.
    stream.close().await?;
    loop {
        match stream.read(&mut piece).await? {
            0 => return Ok((bytes, started.elapsed().as_secs_f64())),
            read => bytes += read as u64,
        }
    }
}
