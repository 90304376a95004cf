//! Two swarms over loopback TCP, driven by one loop.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use libp2p::swarm::{ConnectionId, SwarmEvent};
use libp2p::{Multiaddr, StreamProtocol, Swarm};

use super::*;

const ECHO: StreamProtocol = StreamProtocol::new("/peerglass/test/echo");
const OTHER: StreamProtocol = StreamProtocol::new("/peerglass/test/other");

type Happening = SwarmEvent<BaseEvent>;

fn swarm(n: u8, served: &[StreamProtocol]) -> Swarm<Base> {
    let key = libp2p::identity::Keypair::ed25519_from_bytes([n; 32]).unwrap();
    build(key, &Composition { served: served.to_vec(), ..Composition::default() }).unwrap()
}

/// Runs both until `done` says so, with a limit so that a hang is a failure.
async fn drive(a: &mut Swarm<Base>, b: &mut Swarm<Base>, mut done: impl FnMut(&mut Swarm<Base>, &mut Swarm<Base>, bool, Happening) -> bool) {
    let run = async {
        loop {
            let (of_a, event) = tokio::select! {
                event = a.select_next_some() => (true, event),
                event = b.select_next_some() => (false, event),
            };
            if done(a, b, of_a, event) {
                return;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), run).await.expect("the two swarms hang");
}

/// Two connected swarms, `b` serving `served`, and the connection as `a` sees it.
async fn pair(address: &str, served: &[StreamProtocol]) -> (Swarm<Base>, Swarm<Base>, ConnectionId) {
    let (mut a, mut b) = (swarm(1, &[]), swarm(2, served));
    b.listen_on(address.parse().unwrap()).unwrap();
    let mut connection = None;
    let mut sides = 0;
    drive(&mut a, &mut b, |a, _, of_a, event| {
        match event {
            SwarmEvent::NewListenAddr { address, .. } => a.dial(address).unwrap(),
            SwarmEvent::ConnectionEstablished { connection_id, .. } => {
                sides += 1;
                if of_a {
                    connection = Some(connection_id);
                }
            }
            _ => {}
        }
        sides == 2
    })
    .await;
    (a, b, connection.unwrap())
}

fn echo(mut stream: Substream) {
    tokio::spawn(async move {
        let mut byte = [0];
        stream.read_exact(&mut byte).await.unwrap();
        stream.write_all(&byte).await.unwrap();
        stream.close().await.unwrap();
    });
}

#[tokio::test]
async fn a_thousand_opens_at_once_are_each_answered_once_and_none_is_lost() {
    for address in ["/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"] {
        let (mut a, mut b, connection) = pair(address, &[ECHO]).await;
        let mut waiting: BTreeSet<_> = (0..1000).map(|_| a.behaviour_mut().streams.open(connection, ECHO)).collect();
        assert_eq!(waiting.len(), 1000);
        let refused = drive_opens(&mut a, &mut b, &mut waiting).await;
        assert!(waiting.is_empty());
        assert_eq!(a.behaviour().streams.outstanding(), 0);
        assert!(refused < 1000, "some got through, the others were refused by the cap");
    }
}

/// Until every token is answered; how many streams the cap refused.
async fn drive_opens(a: &mut Swarm<Base>, b: &mut Swarm<Base>, waiting: &mut BTreeSet<Token>) -> usize {
    let mut refused = 0;
    drive(a, b, |_, _, _, event| {
        match event {
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { token, .. })) => assert!(waiting.remove(&token), "answered twice"),
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { stream, .. })) => echo_or_end(stream),
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Refused { .. })) => refused += 1,
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { error, .. })) => panic!("{error}"),
            SwarmEvent::ConnectionClosed { cause, .. } => panic!("{cause:?}"),
            _ => {}
        }
        waiting.is_empty()
    })
    .await;
    refused
}

fn echo_or_end(mut stream: Substream) {
    tokio::spawn(async move {
        let mut byte = [0];
        let _ = stream.read_exact(&mut byte).await;
    });
}

#[tokio::test]
async fn a_stream_carries_bytes_both_ways() {
    let (mut a, mut b, connection) = pair("/ip4/127.0.0.1/tcp/0", &[ECHO]).await;
    a.behaviour_mut().streams.open(connection, ECHO);
    let mut answer = None;
    let mut served = false;
    // Then both sides keep running, so that the streams do.
    drive(&mut a, &mut b, |_, _, _, event| {
        match event {
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { mut stream, .. })) => {
                answer = Some(tokio::spawn(async move {
                    stream.write_all(&[7]).await.unwrap();
                    stream.flush().await.unwrap();
                    let mut all = Vec::new();
                    stream.read_to_end(&mut all).await.unwrap();
                    all
                }));
            }
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { stream, .. })) => {
                echo(stream);
                served = true;
            }
            _ => {}
        }
        served && answer.is_some()
    })
    .await;
    let mut answer = answer.unwrap();
    let all = tokio::select! {
        all = &mut answer => all.unwrap(),
        () = drive(&mut a, &mut b, |_, _, _, _| false) => unreachable!("it never ends"),
    };
    assert_eq!(all, [7]);
}

#[tokio::test]
async fn when_the_connection_closes_every_open_fails() {
    let (mut a, mut b, connection) = pair("/ip4/127.0.0.1/tcp/0", &[ECHO]).await;
    let mut waiting: BTreeSet<_> = (0..200).map(|_| a.behaviour_mut().streams.open(connection, ECHO)).collect();
    let (mut opened, mut failed) = (0, 0);
    let me = *a.local_peer_id();
    drive(&mut a, &mut b, |_, b, _, event| {
        match event {
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Inbound { .. })) => {
                let _ = b.disconnect_peer_id(me);
            }
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { token, .. })) => {
                opened += 1;
                assert!(waiting.remove(&token));
            }
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { token, .. })) => {
                failed += 1;
                assert!(waiting.remove(&token));
            }
            _ => {}
        }
        waiting.is_empty()
    })
    .await;
    assert_eq!(opened + failed, 200);
    assert!(failed > 0);
    assert_eq!(a.behaviour().streams.outstanding(), 0);
}

#[tokio::test]
async fn an_open_on_a_connection_that_is_gone_fails_at_once() {
    let (mut a, mut b) = (swarm(1, &[]), swarm(2, &[]));
    let token = a.behaviour_mut().streams.open(ConnectionId::new_unchecked(99), ECHO);
    drive(&mut a, &mut b, |_, _, _, event| {
        matches!(event, SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { token: of, error: OpenError::Closed })) if of == token)
    })
    .await;
}

#[tokio::test]
async fn a_protocol_that_the_remote_does_not_serve_is_an_error_of_its_own() {
    let (mut a, mut b, connection) = pair("/ip4/127.0.0.1/tcp/0", &[ECHO]).await;
    a.behaviour_mut().streams.open(connection, OTHER);
    let mut found = None;
    drive(&mut a, &mut b, |_, _, _, event| {
        if let SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { error, .. })) = event {
            found = Some(error);
        }
        found.is_some()
    })
    .await;
    assert_eq!(found, Some(OpenError::Unsupported));
}

#[tokio::test]
async fn the_remote_follows_the_served_list_through_many_changes() {
    let (mut a, mut b, _) = pair("/ip4/127.0.0.1/tcp/0", &[ECHO]).await;
    let mut changes = 0;
    let mut serving = false;
    // Each change is made once the one before has been seen: only what identify pushes can be seen.
    drive(&mut a, &mut b, |_, b, of_a, event| {
        let SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Remote { added, protocols, .. })) = event else { return false };
        if !of_a || !protocols.contains(&ECHO) && !protocols.contains(&OTHER) {
            return false;
        }
        if protocols.contains(&OTHER) {
            assert_eq!(added, serving, "the view of the remote lags behind");
            changes += 1;
        }
        serving = !serving;
        b.behaviour_mut().streams.serve(if serving { vec![ECHO, OTHER] } else { vec![ECHO] });
        changes == 100
    })
    .await;
}

#[tokio::test]
async fn closing_one_of_two_connections_fails_only_its_own_opens() {
    let (mut a, mut b, first) = pair("/ip4/127.0.0.1/tcp/0", &[ECHO]).await;
    let address: Multiaddr = b.listeners().next().unwrap().clone();
    let b_id = *b.local_peer_id();
    let dial =
        libp2p::swarm::dial_opts::DialOpts::peer_id(b_id).condition(libp2p::swarm::dial_opts::PeerCondition::Always).addresses(vec![address]).build();
    a.dial(dial).unwrap();
    let mut second = None;
    drive(&mut a, &mut b, |_, _, of_a, event| {
        if let (true, SwarmEvent::ConnectionEstablished { connection_id, .. }) = (of_a, &event) {
            second = Some(*connection_id);
        }
        second.is_some()
    })
    .await;
    let kept = a.behaviour_mut().streams.open(second.unwrap(), ECHO);
    let lost = a.behaviour_mut().streams.open(first, ECHO);
    assert!(a.close_connection(first));
    let (mut opened, mut failed) = (None, None);
    drive(&mut a, &mut b, |_, _, _, event| {
        match event {
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Opened { token, .. })) => opened = Some(token),
            SwarmEvent::Behaviour(BaseEvent::Streams(StreamEvent::Failed { token, .. })) => failed = Some(token),
            _ => {}
        }
        opened == Some(kept) && (failed == Some(lost))
    })
    .await;
}
