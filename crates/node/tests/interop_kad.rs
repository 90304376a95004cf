//! Kademlia with software that is not ours: the stock behaviour of the libp2p crate, both ways, over TCP and QUIC.
//!
//! Its peers open a stream for each request, take frames of 16 KiB at most, and know nothing of our validators.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::*;
use futures::StreamExt;
use libp2p::kad::store::MemoryStore;
use libp2p::kad::{self, QueryResult, Quorum, Record, RecordKey};
use libp2p::multiaddr::Protocol;
use libp2p::swarm::{NetworkBehaviour, SwarmEvent};
use libp2p::{Multiaddr, PeerId, Swarm, SwarmBuilder, identify, noise, tcp, tls, yamux};
use peerglass_node::Network;
use peerglass_store::ImportOptions;
use tokio::sync::{mpsc, oneshot};

#[derive(NetworkBehaviour)]
struct Stock {
    kad: kad::Behaviour<MemoryStore>,
    identify: identify::Behaviour,
}

type Work = Box<dyn FnOnce(&mut kad::Behaviour<MemoryStore>) -> kad::QueryId + Send>;
type Answers = mpsc::UnboundedSender<QueryResult>;

/// A stock peer in a task of its own.
struct Peer {
    id: PeerId,
    address: Multiaddr,
    work: mpsc::UnboundedSender<(Work, Answers)>,
}

impl Peer {
    async fn start(listen: &str, contact: &Multiaddr) -> Self {
        let mut swarm = stock();
        let id = *swarm.local_peer_id();
        swarm.listen_on(listen.parse().unwrap()).unwrap();
        let Some(Protocol::P2p(contact_id)) = contact.iter().last() else { panic!("a contact has an id") };
        swarm.behaviour_mut().kad.add_address(&contact_id, contact.clone());
        let (work, mut todo) = mpsc::unbounded_channel::<(Work, Answers)>();
        let (listens, address) = oneshot::channel();
        tokio::spawn(async move {
            let mut listens = Some(listens);
            let mut waiting = std::collections::HashMap::<kad::QueryId, Answers>::new();
            loop {
                tokio::select! {
                    event = swarm.select_next_some() => match event {
                        SwarmEvent::NewListenAddr { address, .. } => {
                            swarm.add_external_address(address.clone());
                            listens.take().map(|listens| listens.send(address));
                        }
                        SwarmEvent::Behaviour(StockEvent::Kad(kad::Event::OutboundQueryProgressed { id, result, step, .. })) => {
                            if let Some(answers) = waiting.get(&id) {
                                let _ = answers.send(result);
                            }
                            if step.last {
                                waiting.remove(&id);
                            }
                        }
                        _ => {}
                    },
                    next = todo.recv() => match next {
                        Some((work, answers)) => drop(waiting.insert(work(&mut swarm.behaviour_mut().kad), answers)),
                        None => return,
                    },
                }
            }
        });
        let address = soon(address).await.unwrap().with(Protocol::P2p(id));
        Self { id, address, work }
    }

    /// All results of one query.
    async fn query(&self, work: impl FnOnce(&mut kad::Behaviour<MemoryStore>) -> kad::QueryId + Send + 'static) -> Vec<QueryResult> {
        let (answers, mut results) = mpsc::unbounded_channel();
        self.work.send((Box::new(work), answers)).unwrap_or_else(|_| panic!("the stock peer ended"));
        let mut all = Vec::new();
        while let Some(result) = soon(results.recv()).await {
            all.push(result);
        }
        all
    }
}

fn stock() -> Swarm<Stock> {
    SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_tcp(tcp::Config::default(), (tls::Config::new, noise::Config::new), yamux::Config::default)
        .unwrap()
        .with_quic()
        .with_behaviour(|key| {
            let id = key.public().to_peer_id();
            let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), kad::Config::new(Network::Private.kad_protocol()));
            kad.set_mode(Some(kad::Mode::Server));
            Stock { kad, identify: identify::Behaviour::new(identify::Config::new("stock/1".to_owned(), key.public())) }
        })
        .unwrap()
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(60)))
        .build()
}

/// Two of ours, and two stock peers that joined through the first.
async fn mixed(listen: &str) -> (Vec<Home>, Vec<Peer>) {
    let ours = network(2, listen).await;
    let contact = ours[0].address().await;
    let mut stock = Vec::new();
    for _ in 0..2 {
        let peer = Peer::start(listen, &contact).await;
        let joined = peer.query(|kad| kad.bootstrap().unwrap()).await;
        assert!(joined.iter().all(|result| matches!(result, QueryResult::Bootstrap(Ok(_)))), "{joined:?}");
        stock.push(peer);
    }
    // Ours learn of them by identify.
    soon(async {
        while ours[0].node.status().await.unwrap().contacts < 3 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    (ours, stock)
}

fn providers(results: &[QueryResult]) -> HashSet<PeerId> {
    let found = results.iter().filter_map(|result| match result {
        QueryResult::GetProviders(Ok(kad::GetProvidersOk::FoundProviders { providers, .. })) => Some(providers.clone()),
        _ => None,
    });
    found.flatten().collect()
}

fn values(results: &[QueryResult]) -> Vec<Vec<u8>> {
    let found = results.iter().filter_map(|result| match result {
        QueryResult::GetRecord(Ok(kad::GetRecordOk::FoundRecord(found))) => Some(found.record.value.clone()),
        _ => None,
    });
    found.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn providers_are_found_both_ways() {
    for listen in [TCP, QUIC] {
        let (ours, stock) = mixed(listen).await;
        let shared = soon(ours[1].node.share(&ours[1].file("a", 5000, 1), ImportOptions::default(), |_| {})).await.unwrap();
        assert!(soon(ours[1].node.announce(shared.imported.root)).await.unwrap() > 0);
        let key = RecordKey::new(&shared.imported.root.hash().to_bytes());
        let found = providers(&stock[1].query(move |kad| kad.get_providers(key)).await);
        assert_eq!(found, HashSet::from([ours[1].node.id()]), "{listen}: theirs find our provider");

        let cid = peerglass_store::cid_of(0x55, peerglass_store::HashKind::Sha256, b"theirs");
        let key = RecordKey::new(&cid.hash().to_bytes());
        let results = stock[0].query(move |kad| kad.start_providing(key).unwrap()).await;
        assert!(results.iter().any(|result| matches!(result, QueryResult::StartProviding(Ok(_)))), "{results:?}");
        let found = soon(ours[1].node.find_providers(cid, 0)).await.unwrap();
        assert_eq!(found.peers.len(), 1, "{listen}: ours find their provider");
        assert_eq!(found.peers[0].id, stock[0].id);
        let mut place = stock[0].address.clone();
        place.pop();
        assert!(found.peers[0].addresses.contains(&place), "{:?}", found.peers[0]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_found_both_ways() {
    for listen in [TCP, QUIC] {
        let (ours, stock) = mixed(listen).await;
        let record_of = |id: PeerId| ([b"/pk/".as_slice(), &id.to_bytes()].concat(), id.to_bytes()[2..].to_vec());
        let (key, value) = record_of(ours[1].node.id());
        assert!(soon(ours[1].node.put_value(key.clone(), value.clone())).await.unwrap() > 0);
        let found = values(&stock[1].query(move |kad| kad.get_record(RecordKey::new(&key))).await);
        assert!(!found.is_empty() && found.iter().all(|found| *found == value), "{listen}: theirs find our value");

        let (key, value) = record_of(stock[0].id);
        let record = Record::new(RecordKey::new(&key), value.clone());
        let results = stock[0].query(move |kad| kad.put_record(record, Quorum::One).unwrap()).await;
        assert!(results.iter().any(|result| matches!(result, QueryResult::PutRecord(Ok(_)))), "{results:?}");
        let found = soon(ours[1].node.get_value(key)).await.unwrap();
        assert_eq!(found.as_deref(), Some(&value[..]), "{listen}: ours find their value");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_requests_on_one_stream_are_answered_in_order() {
    use futures::{AsyncReadExt, AsyncWriteExt};
    use peerglass_core::wire::{put_bytes_field, put_frame, put_varint_field, take_frame};
    use peerglass_node::swarm::{BaseEvent, Composition, StreamEvent, build};

    let ours = start(TCP, &[]).await;
    let mut swarm = build(libp2p::identity::Keypair::generate_ed25519(), &Composition::default()).unwrap();
    swarm.dial(ours.address().await).unwrap();
    let mut stream = soon(async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                    swarm.behaviour_mut().streams.open(connection_id, Network::Private.kad_protocol());
                }
                SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { stream, .. })) => return stream,
                _ => {}
            }
        }
    })
    .await;
    let pump = tokio::spawn(async move {
        loop {
            swarm.select_next_some().await;
        }
    });
    // FIND_NODE (4) and GET_PROVIDERS (3) in turn: the answers tell by their type that they come in order. ADD_PROVIDER (2) between them has none.
    let mut bytes = Vec::new();
    for n in 0..100u64 {
        let mut request = Vec::new();
        put_varint_field(&mut request, 1, [4, 3, 2][(n % 3) as usize]);
        put_bytes_field(&mut request, 2, &[0x12, 2, n as u8, 7]);
        put_frame(&mut bytes, &request);
    }
    let reading = async {
        stream.write_all(&bytes).await.unwrap();
        stream.close().await.unwrap();
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    };
    let all = soon(reading).await;
    pump.abort();
    let mut rest = &all[..];
    let mut types = Vec::new();
    while !rest.is_empty() {
        types.push(take_frame(&mut rest, 4 << 20).unwrap()[1]);
    }
    let expected: Vec<u8> = (0..100u64).filter(|n| n % 3 != 2).map(|n| [4, 3][(n % 3) as usize]).collect();
    assert_eq!(types, expected);
}

/// Some implementations answer one request on a stream and close it, and ours uses streams again.
#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_serves_one_request_per_stream_is_asked_again_and_not_counted_as_failed() {
    use futures::{AsyncReadExt, AsyncWriteExt};
    use peerglass_node::swarm::{BaseEvent, Composition, StreamEvent, build};

    let protocol = Network::Private.kad_protocol();
    let composition = Composition { served: vec![protocol.clone()], ..Composition::default() };
    let mut swarm = build(libp2p::identity::Keypair::generate_ed25519(), &composition).unwrap();
    let id = *swarm.local_peer_id();
    swarm.listen_on(TCP.parse().unwrap()).unwrap();
    let (listens, address) = oneshot::channel();
    let single = tokio::spawn(async move {
        let mut listens = Some(listens);
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::NewListenAddr { address, .. } => drop(listens.take().map(|listens| listens.send(address))),
                SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { mut stream, .. })) => {
                    tokio::spawn(async move {
                        let mut length = [0];
                        stream.read_exact(&mut length).await.unwrap();
                        stream.read_exact(&mut vec![0; length[0].into()]).await.unwrap();
                        // FIND_NODE, and nobody closer.
                        stream.write_all(&[2, 8, 4]).await.unwrap();
                        stream.close().await.unwrap();
                    });
                }
                _ => {}
            }
        }
    });
    let address = soon(address).await.unwrap().with(Protocol::P2p(id));
    let ours = start(TCP, &[address]).await;
    assert_eq!(soon(ours.node.joined()).await.contacts, 1);
    for n in 1..10u8 {
        let nobody = libp2p::identity::Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id();
        soon(ours.node.find_peer(nobody)).await.unwrap();
    }
    let status = ours.node.status().await.unwrap();
    assert_eq!(status.contacts, 1);
    assert!(status.totals.message("NODES").delivered >= 9, "{:?}", status.totals);
    assert_eq!(status.totals.message("REJECTED").delivered, 0);
    single.abort();
}
