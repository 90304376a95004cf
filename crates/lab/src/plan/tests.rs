use std::collections::{BTreeMap, HashMap};

use peerglass_core::{Key, Rng};
use peerglass_sim::{LinkFault, LinkRule, PeerSet};
use peerglass_stack::provider_name;
use peerglass_store::{HashKind, cid_of};
use proptest::prelude::*;

use super::*;
use crate::scenario::{Behaviour, samples};

const TEXT: &str = r#"
title = "t"
peers = 50
duration = "60 s"
[[content]]
name = "f"
size = "1 MiB"
publishers = 5
publish_at = "10 s"
fetchers = 20
fetch_at = "20 s"
fetch_within = "10 s"
[[crash]]
at = "30 s"
fraction = 0.2
"#;

fn scenario(more: &str) -> Scenario {
    Scenario::parse(&format!("{TEXT}{more}"), "x.toml".as_ref()).unwrap()
}

fn roots(scenario: &Scenario) -> Vec<Cid> {
    let libraries: u32 = scenario.libraries().iter().map(|(items, _)| items).sum();
    (0..scenario.content.len() as u32 + libraries).map(|i| cid_of(0x55, HashKind::Blake3, &i.to_le_bytes())).collect()
}

fn plan_of(scenario: &Scenario, seed: u64) -> Plan {
    Plan::new(scenario, seed, &roots(scenario)).unwrap()
}

fn plan(more: &str) -> Plan {
    plan_of(&scenario(more), 1)
}

/// When and which peers go down and come up.
fn ups_and_downs(plan: &Plan) -> Vec<(Time, u32, bool)> {
    let of = |(at, strike): &(Time, Strike)| match strike {
        Strike::Peer { peer, what: PeerStrike::Crash } => Some((*at, peer.0, false)),
        Strike::Peer { peer, what: PeerStrike::Restart { .. } } => Some((*at, peer.0, true)),
        _ => None,
    };
    plan.strikes.iter().filter_map(of).collect()
}

#[test]
fn the_cast_is_as_large_as_asked_and_nobody_plays_two_parts() {
    let plan = plan("");
    assert_eq!((plan.publishes.len(), plan.fetches.len(), plan.strikes.len()), (5, 20, 10));
    let mut peers: Vec<Peer> = plan.publishes.iter().map(|p| p.peer).chain(plan.fetches.iter().map(|f| f.peer)).collect();
    peers.sort_unstable();
    peers.dedup();
    assert_eq!(peers.len(), 25);
}

#[test]
fn nobody_knows_a_peer_that_comes_later() {
    for (i, join) in plan("").joins.iter().enumerate() {
        assert!(join.contacts.iter().all(|contact| contact.index() < i), "peer {i} knows {:?}", join.contacts);
        assert!(i == 0 || !join.contacts.is_empty());
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    let scenario = scenario("");
    assert_eq!(format!("{:?}", plan_of(&scenario, 3)), format!("{:?}", plan_of(&scenario, 3)));
    assert_ne!(plan_of(&scenario, 3).publishes, plan_of(&scenario, 4).publishes);
}

#[test]
fn changing_one_fault_leaves_the_casts_of_the_others_as_they_are() {
    let with = |share: &str| plan(&format!("[[fault]]\nkind = \"slow\"\nat = \"40 s\"\neach = \"1 ms\"\nwho = {{ fraction = {share} }}\n"));
    let crashes = |plan: &Plan| ups_and_downs(plan);
    assert_eq!(crashes(&with("0.1")), crashes(&with("0.9")));
    assert_eq!(with("0.1").commands.len(), plan("").commands.len());
    assert_eq!(with("0.1").publishes, plan("").publishes);
    // Who is drawn first is drawn first whatever the share.
    let slow = |plan: &Plan| plan.strikes.iter().filter(|(_, strike)| matches!(strike, Strike::Peer { what: PeerStrike::Slow(_), .. })).count();
    assert_eq!((slow(&with("0.1")), slow(&with("0.9"))), (5, 45));
}

#[test]
fn a_partition_cuts_both_ways_spares_its_bridge_and_flaps() {
    let text = r#"
[[fault]]
kind = "partition"
at = "10 s"
for = "5 s"
every = "10 s"
times = 3
sides = [{ range = "0..20" }]
bridge = { range = "15..25" }
"#;
    let plan = plan(text);
    let strikes: Vec<&(Time, Strike)> = plan.strikes.iter().filter(|(_, strike)| !matches!(strike, Strike::Peer { .. })).collect();
    let times: Vec<u64> = strikes.iter().map(|(at, _)| at.as_secs()).collect();
    assert_eq!(times, [10, 10, 15, 15, 20, 20, 25, 25, 30, 30, 35, 35]);
    let Strike::Rule { rule, .. } = &strikes[0].1 else { panic!("{:?}", strikes[0]) };
    let (side, others) = ((0..15).map(Peer).collect(), (25..50).map(Peer).collect());
    assert_eq!(**rule, LinkRule { from: PeerSet::These(side), to: PeerSet::These(others), what: LinkFault::Cut });
    let Strike::Rule { rule: back, .. } = &strikes[1].1 else { panic!("{:?}", strikes[1]) };
    assert_eq!((&back.from, &back.to), (&rule.to, &rule.from));
}

#[test]
fn a_one_way_partition_cuts_one_way() {
    let plan = plan("[[fault]]\nkind = \"partition\"\nat = \"10 s\"\none_way = true\nsides = [{ peers = [1] }, { peers = [2] }]\n");
    let rules: Vec<&Strike> = plan.strikes.iter().map(|(_, strike)| strike).filter(|strike| matches!(strike, Strike::Rule { .. })).collect();
    let only = LinkRule { from: PeerSet::These([Peer(1)].into()), to: PeerSet::These([Peer(2)].into()), what: LinkFault::Cut };
    assert_eq!(rules, [&Strike::Rule { number: 0, rule: Box::new(only) }]);
}

#[test]
fn those_who_are_down_are_restarted_and_nobody_else() {
    let plan = plan("[[fault]]\nkind = \"restart\"\nat = \"40 s\"\nwho = { fraction = 0.5 }\nkeep_state = false\n");
    let told = ups_and_downs(&plan);
    let down: Vec<u32> = told.iter().filter(|(_, _, up)| !up).map(|(_, peer, _)| *peer).collect();
    let up: Vec<u32> = told.iter().filter(|(_, _, up)| *up).map(|(_, peer, _)| *peer).collect();
    assert_eq!((down.len(), up.len()), (10, 5));
    assert!(up.iter().all(|peer| down.contains(peer)));
    assert!(plan.strikes.iter().any(|(_, strike)| matches!(strike, Strike::Peer { what: PeerStrike::Restart { fresh: true }, .. })));
}

#[test]
fn attackers_join_behind_everybody_and_nearer_to_the_key_than_anybody() {
    let scenario = scenario("[[fault]]\nkind = \"eclipse\"\nat = \"30 s\"\ncontent = \"f\"\ncount = 20\nbehaviour = \"silent\"\nfor = \"10 s\"\n");
    let plan = plan_of(&scenario, 7);
    let target = provider_name(&roots(&scenario)[0]).unwrap().key();
    let nearest = (0..50).map(|peer| Key::derived(7, Peer(peer)).common_prefix(target)).max().unwrap();
    assert_eq!(plan.joins.len(), 70);
    for join in &plan.joins[50..] {
        assert!(join.key.unwrap().common_prefix(target) > nearest);
        assert!(join.at == Time::from_secs(30) && join.contacts.iter().all(|contact| contact.0 < 50) && !join.contacts.is_empty());
    }
    let silent = |strike: &Strike| matches!(strike, Strike::Peer { peer, what: PeerStrike::Bend(Some(Behaviour::Silent)) } if peer.0 >= 50);
    assert_eq!(plan.strikes.iter().filter(|(_, strike)| silent(strike)).count(), 20);
    let gone = ups_and_downs(&plan).into_iter().filter(|(at, peer, _)| *peer >= 50 && *at == Time::from_secs(40)).count();
    assert_eq!(gone, 20);
}

/// The share of time that peers are up, and how many strikes it took.
fn availability(churn: &str, peers: u32, hours: u64) -> (f64, usize) {
    let text = format!("title = \"t\"\npeers = {peers}\nduration = \"{hours} h\"\njoin = {{ within = \"0 s\" }}\n[churn]\nfrom = \"0 s\"\n{churn}\n");
    let scenario = Scenario::parse(&text, "x.toml".as_ref()).unwrap();
    let plan = plan_of(&scenario, 5);
    let end = Time::ZERO + scenario.duration.0;
    let mut since = BTreeMap::new();
    let mut down = 0.0;
    for (at, peer, up) in ups_and_downs(&plan) {
        if up {
            down += since.remove(&peer).map_or(0.0, |from: Time| at.since(from).as_secs_f64())
        } else {
            since.insert(peer, at).map_or((), |_| ())
        }
    }
    down += since.values().map(|from| end.since(*from).as_secs_f64()).sum::<f64>();
    (1.0 - down / (f64::from(peers) * scenario.duration.0.as_secs_f64()), plan.strikes.len())
}

#[test]
fn peers_are_up_for_the_share_of_time_that_the_means_say_from_the_first_second_on() {
    // E[up] / (E[up] + E[down]) for any distributions; Weibull(.59, 41.9 min) up and 30 min down: 0.6824. Peers are independent, and a peer's share of 10 hours has
    // a standard deviation below 0.35: with 4,000 peers 3.29 standard errors are below 0.019.
    let downtime = "downtime = { kind = \"exponential\", mean = \"30 min\" }";
    let (share, strikes) = availability(&format!("session = {{ kind = \"weibull\", preset = \"flatout\" }}\n{downtime}"), 4_000, 10);
    println!("up {share:.4} of the time, theory 0.6824; {strikes} strikes");
    assert!((share - 0.6824).abs() < 0.019, "{share}");
    // A day of two hours whose nights are quiet changes when they come back and hardly how often: the share of a rate that swings is not quite the share of its mean.
    let day = "diurnal = { period = \"2 h\", amplitude = 0.8 }";
    let (share, _) = availability(&format!("session = {{ kind = \"exponential\", mean = \"30 min\" }}\n{downtime}\n{day}"), 4_000, 10);
    assert!((share - 0.5).abs() < 0.05, "{share}");
}

#[test]
fn a_million_peers_that_come_and_go_are_planned_with_one_strike_for_each_time_they_do() {
    let half = "{ kind = \"exponential\", mean = \"30 min\" }";
    let (share, strikes) = availability(&format!("session = {half}\ndowntime = {half}"), 1_000_000, 1);
    println!("{strikes} strikes of {} bytes", size_of::<(Time, Strike)>());
    // Half of them leave at once; then each changes once in 30 min on average: 2,500,000 with a standard deviation below 1,600.
    assert!(strikes.abs_diff(2_500_000) < 5_300, "{strikes}");
    assert!((share - 0.5).abs() < 0.002, "{share}");
}

#[test]
fn a_stream_of_arrivals_keeps_the_population_that_littles_law_says() {
    // Sessions of 10 min and an arrival every 2 s: 300 are up of 1,000.
    let churn = "session = { kind = \"exponential\", mean = \"10 min\" }\ninterarrival = { kind = \"exponential\", mean = \"2 s\" }";
    let (share, _) = availability(churn, 1_000, 10);
    // The number of those that are up is Poisson with mean 300 and forgets itself in 10 min: over 60 such spans, 3.29 standard errors are below 0.011.
    assert!((share - 0.3).abs() < 0.011, "{share}");
}

#[test]
fn a_poisson_workload_has_as_many_operations_as_its_rate_says_and_a_fixed_one_exactly() {
    let count = |pace: &str| plan(&format!("[[workload]]\nkind = \"lookup\"\n{pace}\n")).lookups.len();
    // 6,000 expected, standard deviation 77.
    assert!(count("rate = \"100 /s\"").abs_diff(6_000) < 255, "{}", count("rate = \"100 /s\""));
    assert_eq!((count("every = \"200 ms\""), count("count = 17\nfrom = \"5 s\"\nuntil = \"6 s\"")), (300, 17));
}

#[test]
fn a_library_is_published_whole_before_anything_twice_and_popular_items_are_fetched_more() {
    let library = "popularity = { exponent = 1.0, items = 10, size = \"64 KiB\" }";
    let plan = plan(&format!(
        "[[workload]]\nkind = \"publish\"\ncount = 15\nuntil = \"10 s\"\n{library}\n[[workload]]\nkind = \"fetch\"\ncount = 200\nfrom = \"15 s\"\n{library}\n"
    ));
    let published: Vec<usize> = plan.publishes[5..].iter().map(|publish| publish.content).collect();
    assert_eq!(published[..10], (1..=10).collect::<Vec<_>>());
    let fetched = |item: usize| plan.fetches.iter().filter(|fetch| fetch.content == item).count();
    assert!(fetched(1) > fetched(10), "{} {}", fetched(1), fetched(10));
    let mut pairs: Vec<(usize, Peer)> = plan.fetches.iter().map(|fetch| (fetch.content, fetch.peer)).collect();
    pairs.extend(plan.publishes.iter().map(|publish| (publish.content, publish.peer)));
    let all = pairs.len();
    pairs.sort_unstable();
    pairs.dedup();
    assert_eq!(pairs.len(), all, "nobody fetches what it has");
}

proptest! {
    #[test]
    fn a_plan_keeps_to_the_run_and_everything_that_begins_can_end(seed: u64) {
        let scenario = samples::scenario(&mut Rng::new(seed));
        prop_assume!(scenario.check().is_ok());
        let plan = plan_of(&scenario, seed);
        let end = Time::ZERO + scenario.duration.0;
        prop_assert!(plan.strikes.iter().all(|(at, _)| *at <= end));
        prop_assert!(plan.strikes.is_sorted_by_key(|(at, _)| *at));
        prop_assert!(plan.commands.iter().all(|(at, peer, _)| *at <= end && peer.0 < scenario.peers));
        lives_alternate(&plan);
        rules_are_lifted_once(&plan, end);
        // Troubles that all have an end are over at the end.
        let faults: Vec<FaultSpec> = scenario.faults().map(|(_, fault)| fault).collect();
        if faults.iter().all(|fault| fault.lasting.is_some()) {
            nothing_is_left(&plan);
        }
    }
}

/// A peer that is up crashes, one that is down restarts, and nothing happens to one that is not there.
fn lives_alternate(plan: &Plan) {
    let mut up = vec![true; plan.joins.len()];
    for (at, peer, comes) in ups_and_downs(plan) {
        assert_ne!(up[peer as usize], comes, "p{peer} at {at}");
        assert!(at >= plan.joins[peer as usize].at, "p{peer} at {at} is not there");
        up[peer as usize] = comes;
    }
}

fn rules_are_lifted_once(plan: &Plan, end: Time) {
    let mut set = BTreeMap::new();
    for (at, strike) in &plan.strikes {
        match strike {
            Strike::Rule { number, .. } => assert!(set.insert(*number, *at).is_none(), "rule {number} is set twice"),
            Strike::Lift { number } => assert!(set.remove(number).is_some_and(|from| from < *at && *at <= end), "rule {number} is lifted in vain"),
            Strike::Peer { .. } => {}
        }
    }
}

fn nothing_is_left(plan: &Plan) {
    let mut last = HashMap::new();
    for (_, strike) in &plan.strikes {
        if let Strike::Peer { peer, what } = strike
            && !matches!(what, PeerStrike::Crash | PeerStrike::Restart { .. } | PeerStrike::Freeze(_))
            && plan.joins[peer.index()].key.is_none()
        {
            last.insert((peer.0, std::mem::discriminant(what)), what);
        }
    }
    let over = |what: &PeerStrike| match what {
        PeerStrike::Slow(each) => each.is_zero(),
        PeerStrike::Clock { drift, .. } => drift.abs() < 1e-6,
        PeerStrike::Access(what) => what.is_none(),
        PeerStrike::Disk(what) => what.is_none(),
        PeerStrike::Bend(what) => what.is_none(),
        PeerStrike::Crash | PeerStrike::Restart { .. } | PeerStrike::Freeze(_) => true,
    };
    let left: Vec<_> = last.into_iter().filter(|(_, what)| !over(what)).map(|((peer, _), what)| (peer, what)).collect();
    assert!(left.is_empty(), "peers are left with {left:?}");
}
