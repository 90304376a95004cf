//! Values and provider records in whole networks.

use std::sync::Arc;
use std::time::Duration;

use peerglass_core::{Acquaintances, Cx, Peer, Rng};
use peerglass_kad::validator::Newest;
use peerglass_kad::{Config, Event, Kad, Name, PutError, Record, Request, Validators};

use crate::name;
use crate::net::{Net, SEED};

fn config() -> Config {
    Config { validators: Validators::own().with("v", Newest), ..Config::default() }
}

fn key(text: &str) -> Name {
    Name::new(format!("/v/{text}").as_bytes()).expect("a short name")
}

fn value(version: u64, text: &str) -> Vec<u8> {
    [&version.to_be_bytes()[..], text.as_bytes()].concat()
}

fn put(net: &mut Net, peer: Peer, key: &Name, value: &[u8]) -> usize {
    let event = net.finish(peer, |kad, cx| kad.put_value(key.clone(), value, cx).expect("the value is valid"));
    match event {
        Event::Put { replicas, .. } => replicas,
        other => panic!("{other:?}"),
    }
}

fn get(net: &mut Net, peer: Peer, key: &Name) -> Option<Arc<[u8]>> {
    match net.finish(peer, |kad, cx| kad.get_value(key.clone(), cx)) {
        Event::Value { value, .. } => value,
        other => panic!("{other:?}"),
    }
}

/// What `peer` holds under `key`.
fn held(net: &Net, peer: Peer, key: &Name) -> Option<Arc<[u8]>> {
    let (mut effects, mut rng) = (Vec::new(), Rng::new(1));
    let cx = Cx::<Kad>::new(net.now, peer, &net.config, Acquaintances::derived(SEED), &mut rng, &mut effects);
    net.kad(peer).held_value(key, &cx)
}

fn providers(net: &mut Net, peer: Peer, key: &Name, wanted: usize) -> Vec<Peer> {
    let before = net.events.len();
    let ended = net.finish(peer, |kad, cx| kad.find_providers(key.clone(), wanted, cx));
    let mut found = Vec::new();
    for (_, event) in net.events[before..].iter().filter(|(p, e)| *p == peer && e.operation() == ended.operation()) {
        if let Event::Providers { providers, .. } = event {
            found.extend(providers);
        }
    }
    assert!(matches!(ended, Event::ProvidersEnded { total, .. } if total == found.len()));
    found.sort_unstable();
    found
}

#[test]
fn a_value_is_put_at_the_closest_and_found_by_anybody() {
    let mut net = Net::settled(200, config());
    assert_eq!(put(&mut net, Peer(3), &key("a"), &value(1, "hello")), 20);
    for peer in net.closest(key("a").key(), 20, Peer(3)) {
        assert!(held(&net, peer, &key("a")).is_some(), "{peer} is among the closest and holds nothing");
    }
    for peer in [0, 50, 150].map(Peer) {
        assert_eq!(get(&mut net, peer, &key("a")).as_deref(), Some(&value(1, "hello")[..]));
    }
    assert_eq!(get(&mut net, Peer(9), &key("b")), None);
}

#[test]
fn a_value_survives_the_crash_of_most_of_its_replicas() {
    let mut net = Net::settled(200, config());
    put(&mut net, Peer(3), &key("a"), &value(1, "hello"));
    let replicas = net.closest(key("a").key(), 20, Peer(3));
    replicas[..15].iter().for_each(|peer| net.kill(*peer));
    net.kill(Peer(3));
    let reader = net.alive()[40];
    assert_eq!(get(&mut net, reader, &key("a")).as_deref(), Some(&value(1, "hello")[..]));
}

#[test]
fn reading_repairs_stale_and_missing_replicas() {
    let mut net = Net::settled(200, Config { quorum: 0, ..config() });
    let closest = net.closest(key("a").key(), 20, Peer(3));
    // The nearest hold an old version, one holds the new one, the rest nothing.
    for (i, peer) in closest[..11].iter().enumerate() {
        let record = Record { key: key("a"), value: value(if i == 4 { 2 } else { 1 }, "").into() };
        let request = Request::PutValue { record: Box::new(record) };
        net.with(*peer, |kad, cx| peerglass_core::Protocol::on_message(kad, Peer(3), peerglass_kad::Message::Request { id: 1, request }, cx));
    }
    assert_eq!(get(&mut net, Peer(3), &key("a")).as_deref(), Some(&value(2, "")[..]), "the best of all versions");
    net.run(Duration::from_secs(1));
    for peer in closest {
        assert_eq!(held(&net, peer, &key("a")).as_deref(), Some(&value(2, "")[..]), "{peer} was not corrected");
    }
}

#[test]
fn old_and_invalid_values_are_refused_where_they_are_put_and_where_they_arrive() {
    let mut net = Net::joined(100, config());
    put(&mut net, Peer(3), &key("a"), &value(5, ""));
    let error = net.with(Peer(3), |kad, cx| kad.put_value(key("a"), &value(4, ""), cx));
    assert_eq!(error, Err(PutError::Outdated));
    assert!(matches!(net.with(Peer(3), |kad, cx| kad.put_value(key("a"), b"short", cx)), Err(PutError::Invalid(_))));
    assert!(matches!(net.with(Peer(3), |kad, cx| kad.put_value(name(1), b"x", cx)), Err(PutError::Invalid(_))));
    assert!(matches!(net.with(Peer(3), |kad, cx| kad.put_value(key("b"), &[0; 70_000], cx)), Err(PutError::TooLong { .. })));
    // Somebody who does not know of version 5 puts version 4: the replicas refuse.
    let ignorant = far(&net);
    assert_eq!(put(&mut net, ignorant, &key("a"), &value(4, "")), 0);
    assert_eq!(get(&mut net, Peer(50), &key("a")).as_deref(), Some(&value(5, "")[..]));
}

/// A peer that is not among the closest to `/v/a`.
fn far(net: &Net) -> Peer {
    *net.closest(key("a").key(), 100, Peer(3)).last().expect("there are peers")
}

#[test]
fn providers_are_found_as_many_as_wanted() {
    let mut net = Net::joined(200, config());
    for peer in [3, 77, 150].map(Peer) {
        let event = net.finish(peer, |kad, cx| kad.provide(name(1), cx));
        assert!(matches!(event, Event::Provided { replicas: 20, .. }), "{event:?}");
    }
    net.run(Duration::from_secs(1));
    assert_eq!(providers(&mut net, Peer(10), &name(1), 0), [3, 77, 150].map(Peer));
    assert_eq!(providers(&mut net, Peer(11), &name(1), 1).len(), 1);
    assert_eq!(providers(&mut net, Peer(12), &name(2), 0), []);
    assert_eq!(providers(&mut net, Peer(3), &name(1), 0), [77, 150].map(Peer), "a provider does not find itself");
}

#[test]
fn records_expire_when_nobody_renews_them() {
    let mut net = Net::joined(60, Config { refresh_interval: Duration::from_secs(7200), ..config() });
    net.finish(Peer(3), |kad, cx| kad.provide(name(1), cx));
    put(&mut net, Peer(3), &key("a"), &value(1, ""));
    net.kill(Peer(3));
    net.run(Duration::from_secs(47 * 3600));
    assert_eq!(providers(&mut net, Peer(10), &name(1), 0), [Peer(3)]);
    net.run(Duration::from_secs(3 * 3600));
    assert_eq!(providers(&mut net, Peer(10), &name(1), 0), []);
    assert_eq!(get(&mut net, Peer(10), &key("a")), None);
    assert!(net.alive().iter().all(|p| net.kad(*p).values_held() == 0 && net.kad(*p).provider_keys_held() == 0), "nothing is left in memory");
}

#[test]
fn records_stay_alive_while_their_publisher_does_and_stop_when_told() {
    let mut net = Net::joined(60, Config { refresh_interval: Duration::from_secs(7200), ..config() });
    net.finish(Peer(3), |kad, cx| kad.provide(name(1), cx));
    put(&mut net, Peer(3), &key("a"), &value(1, ""));
    net.run(Duration::from_secs(100 * 3600));
    assert_eq!(providers(&mut net, Peer(10), &name(1), 0), [Peer(3)]);
    assert!(get(&mut net, Peer(10), &key("a")).is_some());
    net.with(Peer(3), |kad, _| kad.stop_providing(&name(1)));
    net.with(Peer(3), |kad, _| kad.stop_putting(&key("a")));
    net.run(Duration::from_secs(50 * 3600));
    assert_eq!(providers(&mut net, Peer(10), &name(1), 0), []);
}

#[test]
fn a_sweep_costs_lookups_by_region_and_not_by_key_and_reaches_the_right_peers() {
    // 2,000 keys, announced long ago by a peer that has just started again, in a network of 500: about 500 / 45 regions.
    let mut net =
        Net::settled(500, Config { republish_interval: Duration::from_secs(36_000), refresh_interval: Duration::from_secs(36_000), ..config() });
    (0..10).for_each(|i| _ = net.find(Peer(7), peerglass_kad::Target::Name(name(i))));
    let now = net.now;
    for i in 0..2000 {
        net.with(Peer(7), |kad, cx| kad.keep_providing(name(i), now, cx));
    }
    net.run(Duration::from_secs(60_000));
    let (sweeps, keys, asked) = net.events.iter().fold((0, 0, 0), |(sweeps, keys, asked), (_, e)| match e {
        Event::Republished { keys: n, report, .. } => (sweeps + 1, keys + n, asked + report.requests),
        _ => (sweeps, keys, asked),
    });
    let told = net.count("ADD_PROVIDER") as f64 / keys as f64;
    println!("{keys} keys in {sweeps} sweeps; {told:.1} ADD_PROVIDER and {:.2} FIND_NODE a key", f64::from(asked) / keys as f64);
    assert!(keys >= 2000, "{keys} keys were published");
    assert!(sweeps * 8 < keys, "{sweeps} lookups for {keys} keys");
    let (_, oldest) = net.kad(Peer(7)).published(net.now);
    assert!(oldest < Duration::from_secs(60_000), "a key was forgotten: {oldest:?}");
    // Each key is where it belongs: with its own 20 closest.
    let mut right = Vec::new();
    for i in (0..2000).step_by(5) {
        let closest = net.closest(name(i).key(), 20, Peer(7));
        right.push(closest.iter().filter(|p| net.provides(**p, &name(i), Peer(7))).count());
    }
    let mean = right.iter().sum::<usize>() as f64 / right.len() as f64;
    println!("keys are with {mean:.2} of their 20 closest peers on average, {:?} at worst", right.iter().min());
    assert!(mean >= 19.9 && right.iter().all(|n| *n >= 15), "mean {mean}");
}

#[test]
fn a_sweep_spreads_over_the_interval() {
    let interval = Duration::from_secs(36_000);
    let mut net = Net::joined(100, Config { republish_interval: interval, republish_batch: 10, refresh_interval: interval, ..config() });
    let now = net.now;
    for i in 0..500 {
        net.with(Peer(7), |kad, cx| kad.keep_providing(name(i), now, cx));
    }
    net.run(interval / 2);
    let mut tenths = Vec::new();
    for _ in 0..10 {
        let before = net.count("ADD_PROVIDER");
        net.run(interval / 10);
        tenths.push(net.count("ADD_PROVIDER") - before);
    }
    let mean = tenths.iter().sum::<u64>() / 10;
    assert!(tenths.iter().all(|n| *n < 3 * mean), "a burst: {tenths:?}");
    assert!(tenths.iter().filter(|n| **n > 0).count() >= 9, "idle most of the time: {tenths:?}");
}
