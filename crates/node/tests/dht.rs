//! Nodes of ours among themselves: joining, finding, values, and what bad input gets.

mod common;

use common::*;
use peerglass_node::{Network, Node, Options, StartError};
use peerglass_store::ImportOptions;

#[tokio::test(flavor = "multi_thread")]
async fn five_nodes_find_each_other_and_what_one_of_them_shares() {
    for listen in [TCP, QUIC] {
        let nodes = network(5, listen).await;
        let shared = soon(nodes[1].node.share(&nodes[1].file("a", 100_000, 1), ImportOptions::default(), |_| {})).await.unwrap();
        let replicas = soon(nodes[1].node.announce(shared.imported.root)).await.unwrap();
        assert!(replicas > 0);
        let found = soon(nodes[4].node.find_providers(shared.imported.root, 0)).await.unwrap();
        assert_eq!(found.peers.iter().map(|peer| peer.id).collect::<Vec<_>>(), [nodes[1].node.id()]);
        assert!(!found.peers[0].addresses.is_empty(), "a provider without an address is of no use");
        let found = soon(nodes[3].node.find_peer(nodes[2].node.id())).await.unwrap();
        assert_eq!(found.peers[0].id, nodes[2].node.id());
        for home in &nodes {
            soon(home.node.shutdown()).await.unwrap();
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_put_by_one_is_found_by_another_and_an_invalid_one_is_refused() {
    let nodes = network(4, TCP).await;
    let key = nodes[2].node.id();
    let public = key.to_bytes()[2..].to_vec();
    let name = [b"/pk/".as_slice(), &key.to_bytes()].concat();
    assert!(soon(nodes[1].node.put_value(name.clone(), public.clone())).await.unwrap() > 0);
    assert_eq!(soon(nodes[3].node.get_value(name.clone())).await.unwrap().as_deref(), Some(&public[..]));
    assert!(soon(nodes[1].node.put_value(name, b"not the key".to_vec())).await.is_err());
    assert_eq!(soon(nodes[3].node.get_value(b"/pk/nobody".to_vec())).await.unwrap(), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_peer_that_cannot_be_reached_is_named_with_the_reason() {
    // A port that was free a moment ago: nobody listens there.
    let gone = start(TCP, &[]).await;
    let address = gone.address().await;
    soon(gone.node.shutdown()).await.unwrap();
    let home = start(TCP, std::slice::from_ref(&address)).await;
    let report = soon(home.node.joined()).await;
    assert_eq!(report.contacts, 0);
    assert_eq!(report.failures[0].0, address);
    assert!(report.failures[0].1.contains("refused"), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bootstrap_address_without_a_peer_id_is_enough() {
    let first = start(TCP, &[]).await;
    let mut address = first.address().await;
    address.pop();
    let second = start(TCP, &[address]).await;
    assert_eq!(soon(second.node.joined()).await.contacts, 1);
    let nobody: libp2p::Multiaddr = "/ip4/127.0.0.1/tcp/1".parse().unwrap();
    let third = start(TCP, std::slice::from_ref(&nobody)).await;
    let report = soon(third.node.joined()).await;
    assert_eq!((report.contacts, &report.failures[0].0), (0, &nobody));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_port_in_use_a_bad_address_and_a_locked_directory_are_errors_of_their_own() {
    let first = start(TCP, &[]).await;
    let taken = first.node.status().await.unwrap().addresses[0].clone();
    let directory = tempfile::tempdir().unwrap();
    let with_listen = |listen: &str| options(directory.path(), listen, &[]);
    assert!(matches!(Node::start(with_listen(&taken.to_string())).await, Err(StartError::PortInUse { .. })));
    assert!(matches!(Node::start(with_listen("/ip4/127.0.0.1/sctp/0")).await, Err(StartError::Listen { .. })));
    let locked = options(first.directory.path(), TCP, &[]);
    let error = Node::start(locked).await.unwrap_err();
    assert!(error.to_string().contains("in use by another"), "{error}");
    let mut wrong: Options = with_listen(TCP);
    wrong.network = Network::Ipfs;
    wrong.bootstrap = vec!["/ip4/192.168.0.1/tcp/1".parse().unwrap()];
    assert!(matches!(Node::start(wrong).await, Err(StartError::Bootstrap { .. })));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_served_but_enters_no_table() {
    let server = start(TCP, &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), TCP, &[server.address().await]);
    options.server = Some(false);
    let mut notices = server.node.notices();
    let client = Node::start(options).await.unwrap();
    assert_eq!(soon(client.joined()).await.contacts, 1);
    notice(&mut notices, |notice| matches!(notice, peerglass_node::Notice::Identified { .. }).then_some(())).await;
    assert_eq!(server.node.status().await.unwrap().contacts, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_starts_again_has_its_id_and_announces_what_it_shared() {
    let first = start(TCP, &[]).await;
    let second = start(TCP, &[first.address().await]).await;
    soon(second.node.joined()).await;
    let shared = soon(second.node.share(&second.file("a", 5000, 2), ImportOptions::default(), |_| {})).await.unwrap();
    let id = second.node.id();
    soon(second.node.shutdown()).await.unwrap();
    let Home { node, directory } = second;
    drop(node);
    let again = Node::start(options(directory.path(), TCP, &[first.address().await])).await.unwrap();
    assert_eq!(again.id(), id);
    let providers = soon(async {
        loop {
            let found = first.node.find_providers(shared.imported.root, 1).await.unwrap();
            if !found.peers.is_empty() {
                return found.peers;
            }
        }
    })
    .await;
    assert_eq!(providers[0].id, id);
}
