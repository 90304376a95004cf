//! Peers that mean harm: each is cut off, the node goes on serving, and its memory stays bounded.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use std::time::Duration;

use common::*;
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{PeerId, StreamProtocol};
use peerglass_core::wire::{put_bytes_field, put_frame, put_varint};
use peerglass_node::swarm::{BaseEvent, Composition, OpenError, StreamEvent, Substream, build};
use peerglass_node::{Get, Network, Node, Notice, Ticket};
use peerglass_store::ImportOptions;
use tokio::sync::{mpsc, oneshot};

const BITSWAP: StreamProtocol = peerglass_node::profile::BITSWAP;
const KAD: StreamProtocol = Network::Private.kad_protocol();

type Opened = oneshot::Sender<Result<Substream, OpenError>>;

/// A libp2p swarm that opens raw streams to one victim and writes into them what it likes.
struct Attacker {
    id: PeerId,
    address: libp2p::Multiaddr,
    open: mpsc::UnboundedSender<(StreamProtocol, Opened)>,
    inbound: mpsc::UnboundedReceiver<Substream>,
    closed: oneshot::Receiver<()>,
}

impl Attacker {
    /// Connects to `victim`, or waits to be connected if there is none.
    async fn new(victim: Option<libp2p::Multiaddr>) -> Self {
        let key = libp2p::identity::Keypair::generate_ed25519();
        let id = key.public().to_peer_id();
        let mut swarm = build(key, &Composition { served: vec![BITSWAP], ..Composition::default() }).unwrap();
        swarm.listen_on(TCP.parse().unwrap()).unwrap();
        let (open, mut opens) = mpsc::unbounded_channel::<(StreamProtocol, Opened)>();
        let (streams, inbound) = mpsc::unbounded_channel();
        let (close, closed) = oneshot::channel();
        let (listens, address) = oneshot::channel();
        let dials = victim.is_some();
        if let Some(victim) = victim {
            swarm.dial(victim).unwrap();
        }
        let (up, ready) = oneshot::channel();
        tokio::spawn(async move {
            let (mut up, mut close, mut listens) = (Some(up), Some(close), Some(listens));
            let mut connection: Option<ConnectionId> = None;
            let mut waiting = std::collections::BTreeMap::new();
            loop {
                tokio::select! {
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::NewListenAddr { address, .. } => drop(listens.take().map(|listens| listens.send(address))),
                        SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                            connection = Some(connection_id);
                            up.take().map(|up| up.send(()));
                        }
                        SwarmEvent::ConnectionClosed { .. } => drop(close.take().map(|close| close.send(()))),
                        SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { token, stream })) => {
                            waiting.remove(&token).map(|reply: Opened| reply.send(Ok(stream)));
                        }
                        SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { token, error })) => {
                            waiting.remove(&token).map(|reply| reply.send(Err(error)));
                        }
                        SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { stream, .. })) => drop(streams.send(stream)),
                        _ => {}
                    },
                    Some((protocol, reply)) = opens.recv() => {
                        let connection = connection.expect("connected before it opens");
                        waiting.insert(swarm.behaviour_mut().streams.open(connection, protocol), reply);
                    }
                }
            }
        });
        if dials {
            soon(ready).await.unwrap();
        }
        Self { id, address: soon(address).await.unwrap(), open, inbound, closed }
    }

    async fn open(&self, protocol: StreamProtocol) -> Result<Substream, OpenError> {
        let (reply, answer) = oneshot::channel();
        self.open.send((protocol, reply)).map_err(|_| OpenError::Closed)?;
        soon(answer).await.unwrap_or(Err(OpenError::Closed))
    }

    /// Writes `bytes` into fresh streams until the victim has had enough.
    async fn write_until_cut_off(&self, protocol: StreamProtocol, bytes: &[u8]) -> usize {
        for tries in 0..500 {
            let Ok(mut stream) = self.open(protocol.clone()).await else { return tries };
            let _ = stream.write_all(bytes).await;
            let _ = stream.flush().await;
            // Until it is reset.
            let _ = tokio::time::timeout(Duration::from_secs(30), stream.read_to_end(&mut Vec::new())).await;
        }
        panic!("never cut off");
    }
}

/// A node with something to give, and proof that it still gives.
struct Victim {
    home: Home,
    ticket: Ticket,
}

impl Victim {
    async fn new() -> Self {
        let home = start(TCP, &[]).await;
        let path = home.file("file", 3_000_000, 1);
        let ticket = soon(home.node.share(&path, ImportOptions::default(), |_| {})).await.unwrap().ticket;
        Self { home, ticket }
    }

    async fn still_serves(&self) {
        let honest = start(TCP, &[]).await;
        soon(honest.node.get(Get::by_ticket(&self.ticket, honest.path("copy")), |_| {})).await.unwrap();
    }

    fn notices(&self) -> tokio::sync::broadcast::Receiver<Notice> {
        self.home.node.notices()
    }
}

async fn shut_out(notices: &mut tokio::sync::broadcast::Receiver<Notice>, id: PeerId) -> String {
    notice(notices, |notice| match notice {
        Notice::ShutOut { peer, why } if peer == id => Some(why),
        _ => None,
    })
    .await
}

fn framed(body: &[u8]) -> Vec<u8> {
    let mut frame = Vec::new();
    put_frame(&mut frame, body);
    frame
}

#[tokio::test(flavor = "multi_thread")]
async fn garbage_and_false_lengths_end_the_stream_and_then_the_peer() {
    let mut gigantic = Vec::new();
    put_varint(&mut gigantic, 1 << 30);
    gigantic.extend([0; 1000]);
    for (protocol, bytes) in
        [(KAD, framed(&[0xff; 100])), (BITSWAP, framed(&[0xff; 100])), (KAD, gigantic.clone()), (BITSWAP, gigantic), (KAD, vec![0x80; 5000])]
    {
        let victim = Victim::new().await;
        let mut notices = victim.notices();
        let attacker = Attacker::new(Some(victim.home.address().await)).await;
        let tries = attacker.write_until_cut_off(protocol.clone(), &bytes).await;
        assert!(tries >= 1, "{protocol}: once may be a mistake");
        let why = shut_out(&mut notices, attacker.id).await;
        assert!(!why.is_empty());
        soon(attacker.closed).await.unwrap();
        victim.still_serves().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_shut_out_cannot_come_back_at_once() {
    let victim = Victim::new().await;
    let mut notices = victim.notices();
    let attacker = Attacker::new(Some(victim.home.address().await)).await;
    attacker.write_until_cut_off(KAD, &framed(&[0xff; 100])).await;
    shut_out(&mut notices, attacker.id).await;
    // Even if the victim wants something: it knows better than to ask.
    let source = peerglass_node::PeerInfo { id: attacker.id, addresses: vec![attacker.address.clone()] };
    let wanted = peerglass_store::cid_of(0x55, peerglass_store::HashKind::Blake3, b"x");
    let get = Get { sources: vec![source], ..Get::new(wanted, victim.home.path("copy")) };
    let outcome = tokio::time::timeout(Duration::from_secs(3), victim.home.node.get(get, |_| {})).await;
    assert!(!matches!(outcome, Ok(Ok(_))));
    assert!(victim.home.node.status().await.unwrap().peers.iter().all(|(id, _)| *id != attacker.id));
}

#[tokio::test(flavor = "multi_thread")]
async fn blocks_without_end_that_nobody_asked_for_are_not_stored_and_cut_the_peer_off() {
    let victim = Victim::new().await;
    let mut notices = victim.notices();
    let attacker = Attacker::new(Some(victim.home.address().await)).await;
    let before = resident();
    let mut stream = attacker.open(BITSWAP).await.unwrap();
    let mut block = Vec::new();
    put_bytes_field(&mut block, 1, &[1, 0x55, 0x1e, 0x20]);
    put_bytes_field(&mut block, 2, &vec![7; 1 << 20]);
    let mut message = Vec::new();
    put_bytes_field(&mut message, 3, &block);
    let frame = framed(&message);
    let flood = soon(async {
        let mut sent = 0u64;
        while stream.write_all(&frame).await.is_ok() {
            sent += 1;
        }
        sent
    });
    let sent = flood.await;
    shut_out(&mut notices, attacker.id).await;
    assert!(sent < 400, "{sent} MiB went through");
    let grown = resident().saturating_sub(before);
    assert!(grown < 100 << 20, "memory grew by {} MiB", grown >> 20);
    let store = std::fs::read_dir(victim.home.path("data/blocks")).map_or(0, Iterator::count);
    assert_eq!(store, 0, "what nobody asked for is not stored");
    victim.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_streams_are_refused_and_cut_the_peer_off() {
    let victim = Victim::new().await;
    let mut notices = victim.notices();
    let attacker = Attacker::new(Some(victim.home.address().await)).await;
    let mut held = Vec::new();
    let mut failed = 0;
    for _ in 0..2000 {
        match attacker.open(KAD).await {
            Ok(stream) => held.push(stream),
            Err(_) => failed += 1,
        }
    }
    assert!(failed > 0 && held.len() < 1000, "{} streams are open", held.len());
    shut_out(&mut notices, attacker.id).await;
    victim.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_that_say_nothing_do_not_keep_others_from_being_served() {
    let victim = Victim::new().await;
    let mut attackers = Vec::new();
    for _ in 0..10 {
        let attacker = Attacker::new(Some(victim.home.address().await)).await;
        let mut held = Vec::new();
        for _ in 0..16 {
            let mut stream = attacker.open(BITSWAP).await.unwrap();
            // The first bytes of a frame of 3 MiB that never comes.
            let mut claim = Vec::new();
            put_varint(&mut claim, 3 << 20);
            claim.extend([0; 100]);
            stream.write_all(&claim).await.unwrap();
            stream.flush().await.unwrap();
            held.push(stream);
        }
        attackers.push((attacker, held));
    }
    victim.still_serves().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_of_wrong_blocks_is_dropped_and_the_file_comes_from_another() {
    let victim = Victim::new().await;
    let mut attacker = Attacker::new(None).await;
    let fetcher: Node = start(TCP, &[]).await.node;
    let directory = tempfile::tempdir().unwrap();
    let mut notices = fetcher.notices();
    let honest = peerglass_node::PeerInfo { id: victim.ticket.peer, addresses: victim.ticket.addresses.clone() };
    let liar = peerglass_node::PeerInfo { id: attacker.id, addresses: vec![attacker.address.clone()] };
    let get = Get { sources: vec![liar.clone()], ..Get::new(victim.ticket.cid, directory.path().join("copy")) };
    let lies = tokio::spawn(async move {
        // Whatever is asked, something else is given.
        let _wants = attacker.inbound.recv().await;
        let mut stream = attacker.open(BITSWAP).await.unwrap();
        for n in 0..200u8 {
            let mut block = Vec::new();
            put_bytes_field(&mut block, 1, &[1, 0x70, 0x1e, 0x20]);
            put_bytes_field(&mut block, 2, &[n; 100]);
            let mut message = Vec::new();
            put_bytes_field(&mut message, 3, &block);
            if stream.write_all(&framed(&message)).await.is_err() || stream.flush().await.is_err() {
                break;
            }
        }
        attacker
    });
    let first = tokio::time::timeout(Duration::from_secs(2), fetcher.get(get.clone(), |_| {}));
    let (first, why) = tokio::join!(first, shut_out(&mut notices, liar.id));
    assert!(!matches!(first, Ok(Ok(_))), "the liar has nothing");
    assert!(why.contains("not asked"), "{why}");
    let both = Get { sources: vec![liar, honest], ..get };
    soon(fetcher.get(both, |_| {})).await.unwrap();
    assert!(std::fs::read(directory.path().join("copy")).unwrap() == content(3_000_000, 1));
    soon(lies).await.unwrap();
}

/// Bytes of memory this process holds.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0) << 10
}
