//! Files between nodes of ours: whole, from several, resumed, broken at the source.

#![allow(clippy::unwrap_used, reason = "helpers of tests, where a panic is the report")]

mod common;

use common::*;
use peerglass_node::{Get, GetError, Network, Node, Notice, Ticket};
use peerglass_store::ImportOptions;
use peerglass_transfer::FetchError;

async fn share(home: &Home, name: &str, bytes: usize, seed: u8) -> Ticket {
    let path = home.file(name, bytes, seed);
    soon(home.node.share(&path, ImportOptions::default(), |_| {})).await.unwrap().ticket
}

/// A node that gives up after two seconds.
async fn impatient() -> Home {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), TCP, &[]);
    let mut stack = Network::Private.stack_config();
    stack.transfer.patience = std::time::Duration::from_secs(2);
    stack.transfer.patience_alone = std::time::Duration::from_secs(2);
    options.stack = Some(stack);
    Home { node: Node::start(options).await.unwrap(), directory }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_goes_from_one_node_to_another_by_its_ticket() {
    for listen in [TCP, QUIC] {
        let (a, b) = (start(listen, &[]).await, start(listen, &[]).await);
        let ticket = share(&a, "file", 10_000_000, 1).await;
        let ticket: Ticket = ticket.to_string().parse().unwrap();
        let mut last = None;
        let fetched = soon(b.node.get(Get::by_ticket(&ticket, b.path("copy")), |progress| last = Some(progress))).await.unwrap();
        assert!(std::fs::read(b.path("copy")).unwrap() == content(10_000_000, 1));
        assert_eq!(fetched.finished.progress.total, 10_000_000);
        assert_eq!(last.unwrap().download.missing, 0);
        assert_eq!(fetched.summary.found_blocks, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cid_alone_is_enough_when_two_have_it_and_both_give_some() {
    let nodes = network(5, TCP).await;
    let ticket = share(&nodes[1], "file", 20_000_000, 2).await;
    assert_eq!(share(&nodes[2], "same", 20_000_000, 2).await.cid, ticket.cid);
    for home in &nodes[1..3] {
        assert!(soon(home.node.announce(ticket.cid)).await.unwrap() > 0);
    }
    let fetched = soon(nodes[4].node.get(Get::new(ticket.cid, nodes[4].path("copy")), |_| {})).await.unwrap();
    assert!(std::fs::read(nodes[4].path("copy")).unwrap() == content(20_000_000, 2));
    assert_eq!(fetched.summary.sources, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_arrives_with_its_names() {
    let (a, b) = (start(TCP, &[]).await, start(TCP, &[]).await);
    let tree = a.path("tree");
    std::fs::create_dir_all(tree.join("deep/er")).unwrap();
    std::fs::write(tree.join("one"), b"1").unwrap();
    std::fs::write(tree.join("deep/er/two"), content(3_000_000, 2)).unwrap();
    let ticket = soon(a.node.share(&tree, ImportOptions::default(), |_| {})).await.unwrap().ticket;
    soon(b.node.get(Get::by_ticket(&ticket, b.path("copy")), |_| {})).await.unwrap();
    assert_eq!(std::fs::read(b.path("copy/one")).unwrap(), b"1");
    assert!(std::fs::read(b.path("copy/deep/er/two")).unwrap() == content(3_000_000, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_fetch_goes_on_where_it_was() {
    let (a, b) = (start(TCP, &[]).await, start(TCP, &[]).await);
    let ticket = share(&a, "file", 30_000_000, 3).await;
    let get = || Get::by_ticket(&ticket, b.path("copy"));
    let (stop, stopped) = tokio::sync::oneshot::channel();
    let mut stop = Some(stop);
    let first = b.node.get(get(), |progress| {
        if progress.arrived >= 8 {
            stop.take().map(|stop| stop.send(()));
        }
    });
    tokio::select! {
        result = first => panic!("it should have been interrupted: {result:?}"),
        _ = stopped => {}
    }
    assert!(!b.path("copy").exists(), "nothing half-written under the final name");
    let fetched = soon(async {
        loop {
            match b.node.get(get(), |_| {}).await {
                // The first fetch's last writes may still be under way.
                Err(GetError::Download(peerglass_store::DownloadError::Busy(_))) => tokio::task::yield_now().await,
                other => return other,
            }
        }
    })
    .await
    .unwrap();
    assert!(fetched.summary.found_blocks >= 7, "{:?}", fetched.summary);
    assert!(std::fs::read(b.path("copy")).unwrap() == content(30_000_000, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_changed_is_not_served_and_its_owner_is_told_which() {
    let (a, b) = (start(TCP, &[]).await, impatient().await);
    let ticket = share(&a, "file", 5_000_000, 4).await;
    // The same size and, as far as the store looked, the same time: only the hash can tell.
    let path = a.path("file");
    let modified = std::fs::metadata(&path).unwrap().modified().unwrap();
    let mut changed = content(5_000_000, 4);
    changed[3_000_000] ^= 1;
    std::fs::write(&path, &changed).unwrap();
    std::fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let mut notices = a.node.notices();
    let error = soon(b.node.get(Get::by_ticket(&ticket, b.path("copy")), |_| {})).await.unwrap_err();
    assert!(matches!(error, GetError::Fetch(FetchError::AllSourcesFailed { .. } | FetchError::TimedOut { .. })), "{error}");
    let (file, why) = notice(&mut notices, |notice| match notice {
        Notice::Unreadable { file, why, .. } => Some((file, why)),
        _ => None,
    })
    .await;
    assert_eq!(file.as_deref(), Some(path.as_path()));
    assert!(why.contains("has changed"), "{why}");
    assert!(!b.path("copy").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_has_is_not_found() {
    let nodes = network(3, TCP).await;
    let last = impatient().await;
    soon(last.node.join(vec![nodes[0].address().await])).await.unwrap();
    let nothing = peerglass_store::cid_of(0x55, peerglass_store::HashKind::Blake3, b"nobody has this");
    let error = soon(last.node.get(Get::new(nothing, last.path("copy")), |_| {})).await.unwrap_err();
    assert!(matches!(error, GetError::Fetch(FetchError::NoSources)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_of_a_real_fetch_read_like_those_of_the_simulator() {
    let a = start(TCP, &[]).await;
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), TCP, &[]);
    let file = std::fs::File::create(directory.path().join("records.jsonl")).unwrap();
    options.recorder = Some(Box::new(peerglass_trace::JsonLines::new(file, &peerglass_trace::RunHeader::node("b", 0))));
    let b = Node::start(options).await.unwrap();
    let ticket = share(&a, "file", 3_000_000, 5).await;
    soon(b.get(Get::by_ticket(&ticket, directory.path().join("copy")), |_| {})).await.unwrap();
    let totals = b.totals().await.unwrap();
    assert!(totals.message("BLOCK").delivered >= 3, "{totals:?}");
    soon(b.shutdown()).await.unwrap();
    let text = std::fs::read_to_string(directory.path().join("records.jsonl")).unwrap();
    let reader = peerglass_trace::Reader::new(text.as_bytes()).unwrap();
    let rows: Vec<_> = reader.map(Result::unwrap).collect();
    assert!(rows.iter().any(|row| row.kind == "link_up"));
    assert!(rows.iter().all(|row| row.cause.is_none_or(|cause| cause < row.seq)));
    let sent = rows.iter().find(|row| row.kind == "sent").unwrap();
    assert_eq!(rows[sent.cause.unwrap() as usize].kind, "command");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_lan_profile_without_multicast_bootstrap_still_works() {
    let directory = tempfile::tempdir().unwrap();
    let mut first = options(&directory.path().join("1"), TCP, &[]);
    (first.network, first.mdns) = (Network::Lan, Some(false));
    let first = Node::start(first).await.unwrap();
    let info = first.info().await.unwrap();
    let address = info.addresses[0].clone().with(libp2p::multiaddr::Protocol::P2p(info.id));
    let mut second = options(&directory.path().join("2"), TCP, &[address]);
    (second.network, second.mdns) = (Network::Lan, Some(false));
    let second = Node::start(second).await.unwrap();
    assert_eq!(soon(second.joined()).await.contacts, 1);
}
