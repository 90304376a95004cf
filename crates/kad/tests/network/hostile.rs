//! Peers that lie.

use std::time::Duration;

use peerglass_core::{Peer, Protocol, Rng};
use peerglass_kad::{Config, Kad, Message, Record, Request, Response, Target};

use crate::name;
use crate::net::{Lie, Net};

/// Names thousands of peers, itself and the same ones again and again, to whatever is asked.
fn garbage(me: Peer, request: &Request, rng: &mut Rng) -> Option<Response> {
    let mut closer: Vec<Peer> = (0..2000).map(|_| Peer(rng.below(300) as u32)).collect();
    closer.extend([me; 50]);
    match (request, rng.below(4)) {
        (Request::AddProvider { .. }, _) => None,
        (_, 0) => Some(Response::Rejected),
        (Request::GetValue { key }, _) => {
            let record = Record { key: key.clone(), value: vec![7; 9].into() };
            Some(Response::Value { record: Some(Box::new(record)), closer })
        }
        (_, 1) => Some(Response::Providers { providers: Box::new(closer.clone()), closer }),
        _ => Some(Response::Nodes { closer }),
    }
}

/// Names other liars only: every fifth peer is one.
fn colluding(_: Peer, _: &Request, rng: &mut Rng) -> Option<Response> {
    Some(Response::Nodes { closer: (0..20).map(|_| Peer(5 * rng.below(100) as u32)).collect() })
}

/// Answers, and names nobody.
fn mute(_: Peer, _: &Request, _: &mut Rng) -> Option<Response> {
    Some(Response::Nodes { closer: Vec::new() })
}

fn with_liars(n: u32, config: Config, lie: Lie) -> Net {
    let mut net = Net::joined(n, config);
    (0..n).step_by(5).for_each(|p| _ = net.liars.insert(Peer(p), lie));
    net
}

/// How many of `lookups` by honest peers find the honest peer that is closest.
fn successes(net: &mut Net, lookups: u64) -> u64 {
    let n = net.peers.len() as u64;
    let mut successes = 0;
    for i in 0..lookups {
        let from = Peer((5 * (i * 7 % (n / 5)) + 1) as u32);
        let truth = net.closest(name(i).key(), 20, from).into_iter().find(|p| p.0 % 5 != 0).expect("most are honest");
        let (closest, _) = net.find(from, Target::Name(name(i)));
        successes += u64::from(closest.contains(&truth));
    }
    successes
}

#[test]
fn garbage_answers_do_no_harm_to_lookups() {
    let mut net = with_liars(300, Config::default(), garbage);
    let found = successes(&mut net, 60);
    assert!(found >= 55, "{found} of 60");
    assert!(net.peak.0 <= net.config.outstanding);
}

#[test]
fn disjoint_paths_find_what_liars_hide() {
    let single = successes(&mut with_liars(500, Config::default(), colluding), 100);
    let disjoint = successes(&mut with_liars(500, Config { paths: 4, alpha: 4, ..Config::default() }, colluding), 100);
    println!("20 % liars: {single} of 100 lookups succeed over one path, {disjoint} over four disjoint ones");
    assert!(disjoint >= 95 && disjoint >= single, "{disjoint} over four paths, {single} over one");
}

#[test]
fn disjoint_paths_are_as_good_as_one_without_liars() {
    let mut net = Net::settled(300, Config { paths: 3, ..Config::default() });
    for i in 0..30 {
        let truth = net.closest(name(i).key(), 20, Peer(9));
        let found = net.find(Peer(9), Target::Name(name(i))).0;
        let right = truth.iter().filter(|p| found.contains(p)).count();
        assert!(right >= 19, "lookup {i} found {right} of 20");
    }
}

#[test]
fn who_names_nobody_gets_no_place_in_a_full_grown_table() {
    let mut net = Net::settled(100, Config::default());
    let taker = net.join(&[]);
    net.liars.insert(taker, mute);
    for peer in 0..100 {
        net.with(Peer(peer), |kad, cx| kad.contact(taker, true, cx));
    }
    net.run(Duration::from_secs(5));
    let admitted = (0..100).filter(|p| net.kad(Peer(*p)).table().contacts().iter().any(|c| c.peer == taker)).count();
    assert_eq!(admitted, 0);
}

#[test]
fn forged_late_and_repeated_answers_change_nothing() {
    let mut net = Net::joined(50, Config::default());
    let before = (net.kad(Peer(9)).contacts(), net.events.len(), net.total());
    for id in (0..2000).chain([u64::MAX]) {
        let response = Response::Nodes { closer: (0..40).map(|i| Peer(1000 + i)).collect() };
        net.with(Peer(9), |kad: &mut Kad, cx| kad.on_message(Peer(1), Message::Response { id, response }, cx));
    }
    assert_eq!((net.kad(Peer(9)).contacts(), net.events.len(), net.total()), before);
}

#[test]
fn floods_of_records_stay_within_the_bounds() {
    let bounds = Config { provider_keys: 50, keys_per_provider: 40, providers_per_key: 5, values: 10, values_bytes: 4000, ..Config::default() };
    let mut net = Net::joined(2, bounds);
    for i in 0..2000u64 {
        let from = Peer(100 + (i % 300) as u32);
        let request = Request::AddProvider { key: name(i % 70), provider: from };
        net.with(Peer(0), |kad, cx| kad.on_message(from, Message::Request { id: i, request }, cx));
        let value: Vec<u8> = [&i.to_be_bytes()[..], &[0; 500]].concat();
        let key = [b"/sha256/", &peerglass_core::Key::of(&value).to_bytes()[..]].concat();
        let record = Record { key: peerglass_kad::Name::new(&key).expect("a short key"), value: value.into() };
        let request = Request::PutValue { record: Box::new(record) };
        net.with(Peer(0), |kad, cx| kad.on_message(from, Message::Request { id: i, request }, cx));
    }
    let kad = net.kad(Peer(0));
    assert_eq!(kad.provider_keys_held(), 50);
    assert_eq!(kad.values_held(), 7, "4,000 bytes hold seven values of 508");
    assert!(kad.outstanding() <= net.config.probes);
}

#[test]
fn nobody_announces_for_others() {
    let mut net = Net::joined(2, Config::default());
    let request = Request::AddProvider { key: name(1), provider: Peer(77) };
    net.with(Peer(0), |kad, cx| kad.on_message(Peer(1), Message::Request { id: 1, request }, cx));
    assert_eq!(net.kad(Peer(0)).provider_keys_held(), 0);
}
