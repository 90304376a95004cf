//! Random scenarios for tests: every table and key there is, and possible nearly always.

use std::path::PathBuf;
use std::time::Duration;

use peerglass_core::Rng;

use super::*;
use crate::units::{Frequency, Rate, Share, Skew};

/// How long sample scenarios run.
const SECONDS: u64 = 600;

/// A scenario that the dice make up.
pub(crate) fn scenario(rng: &mut Rng) -> Scenario {
    let peers = 20 + rng.below(60) as u32;
    let mut scenario = Scenario {
        title: "a sample: \"quoted\" \\ and ünusual".to_owned(),
        lesson: if rng.chance(0.5) { "two\nlines".to_owned() } else { String::new() },
        seed: rng.bits() >> 1,
        peers,
        duration: Span(Duration::from_secs(SECONDS)),
        phases: PhasesSpec { initialisation: some(rng, early).unwrap_or_default() },
        network: network(rng),
        nat: many(rng, 2, |rng| NatSpec { kind: NatKind::PortRestricted, who: scope(rng, &[]), timeout: length(rng) }),
        kademlia: KademliaSpec { k: some(rng, |_| 8), alpha: some(rng, |_| 2), disjoint_paths: None },
        join: JoinSpec { within: Span(Duration::from_secs(10)), contacts: rng.index(5) },
        group: Vec::new(),
        churn: Vec::new(),
        content: Vec::new(),
        lookup: many(rng, 2, |rng| LookupSpec { count: rng.below(20) as u32, at: early(rng), within: early(rng) }),
        workload: Vec::new(),
        crash: many(rng, 2, |rng| CrashSpec { at: early(rng), within: early(rng), fraction: share(rng) }),
        fault: Vec::new(),
        origin: Origin::default(),
    };
    for name in ["first", "second"] {
        let names = names(&scenario);
        // A group with a name of its own is never empty.
        let members = if rng.chance(0.5) { Scope::Fraction(Share(0.3), ALL.to_owned()) } else { exact(rng, peers) };
        scenario.group.push(GroupSpec { name: name.to_owned(), members: if names.is_empty() { members } else { Scope::Count(1, names[0].clone()) } });
    }
    let names = names(&scenario);
    scenario.content = (0..rng.index(3)).map(|i| content(rng, i)).collect();
    scenario.churn = many(rng, 3, |rng| churn(rng, &names));
    scenario.workload = workloads(rng, &names, &scenario.content);
    scenario.fault = many(rng, 6, |rng| fault(rng, &names, &scenario.content));
    scenario
}

fn names(scenario: &Scenario) -> Vec<String> {
    scenario.group.iter().map(|group| group.name.clone()).collect()
}

fn some<T>(rng: &mut Rng, make: impl FnOnce(&mut Rng) -> T) -> Option<T> {
    rng.chance(0.5).then(|| make(rng))
}

fn many<T>(rng: &mut Rng, most: usize, mut make: impl FnMut(&mut Rng) -> T) -> Vec<T> {
    (0..rng.index(most + 1)).map(|_| make(rng)).collect()
}

/// A time in the first part of the run, after all have joined.
fn early(rng: &mut Rng) -> Span {
    Span(rng.duration(Duration::from_secs(10), Duration::from_secs(SECONDS / 4)))
}

/// A short time, not zero.
fn length(rng: &mut Rng) -> Span {
    Span(rng.duration(Duration::from_nanos(1), Duration::from_secs(SECONDS / 20)))
}

fn share(rng: &mut Rng) -> Share {
    Share(rng.unit())
}

fn exact(rng: &mut Rng, peers: u32) -> Scope {
    let from = rng.below(u64::from(peers) / 2) as u32;
    if rng.chance(0.5) { Scope::Range(PeerRange { from, to: from + 5 }) } else { Scope::Peers(vec![from, from + 3]) }
}

fn scope(rng: &mut Rng, names: &[String]) -> Scope {
    let of = rng.pick(names).cloned().unwrap_or_else(|| ALL.to_owned());
    match rng.below(5) {
        0 => Scope::Group(of),
        1 => Scope::Fraction(share(rng), of),
        2 => Scope::Count(1, ALL.to_owned()),
        3 => exact(rng, 20),
        _ => Scope::all(),
    }
}

fn network(rng: &mut Rng) -> NetworkSpec {
    let latency = match rng.below(7) {
        0 => LatencySpec::Constant { mean: length(rng) },
        1 => LatencySpec::Uniform { min: Span(Duration::from_millis(1)), max: Span(Duration::from_millis(9)) },
        2 => LatencySpec::Normal { mean: Span(Duration::from_millis(50)), deviation: length(rng), min: Span(Duration::from_millis(1)) },
        3 => LatencySpec::LogNormal { median: length(rng), sigma: rng.unit(), min: Span(Duration::from_millis(1)) },
        4 => LatencySpec::Plane { across: length(rng), last_mile: length(rng) },
        5 => LatencySpec::Cities { detour: 1.0 + rng.unit(), last_mile: length(rng) },
        _ => LatencySpec::Matrix { path: PathBuf::from("rtt.csv") },
    };
    let gilbert = LossSpec::GilbertElliott { to_bad: share(rng), to_good: Share(0.5), loss_good: share(rng), loss_bad: share(rng) };
    NetworkSpec {
        latency,
        spread: if rng.chance(0.5) { SpreadSpec::PerPacket } else { SpreadSpec::PerPair },
        jitter: some(rng, length),
        loss: if rng.chance(0.5) { gilbert } else { LossSpec::Bernoulli(share(rng)) },
        duplicate: share(rng),
        reorder: some(rng, |rng| ReorderSpec { share: share(rng), within: length(rng) }),
        corrupt: share(rng),
        up: some(rng, |rng| Rate(1.0 + rng.unit() * 1e9)),
        down: some(rng, |rng| Rate(125.0 * (1 + rng.below(1 << 30)) as f64)),
        buffer: Size(1 + rng.below(1 << 40)),
        bandwidth: if rng.chance(0.5) { BandwidthSpec::MaxMin } else { BandwidthSpec::Queue },
    }
}

fn content(rng: &mut Rng, i: usize) -> ContentSpec {
    let publish_at = early(rng);
    ContentSpec {
        name: format!("content {i}"),
        path: None,
        size: Some(Size(rng.below(1 << 24))),
        publishers: 1 + rng.below(4) as u32,
        publishers_from: Scope::all(),
        publish_at,
        fetchers: rng.below(5) as u32,
        fetchers_from: Scope::all(),
        fetch_at: Span(publish_at.0 + length(rng).0),
        fetch_within: length(rng),
        reshare: rng.chance(0.5),
    }
}

fn diurnal(rng: &mut Rng) -> DiurnalSpec {
    DiurnalSpec { period: Span(Duration::from_secs(100)), amplitude: share(rng), peak: early(rng) }
}

fn distribution(rng: &mut Rng) -> DistributionSpec {
    let scale = Span(Duration::from_secs(5) + length(rng).0);
    match rng.below(5) {
        0 => DistributionSpec::Constant { value: scale },
        1 => DistributionSpec::Exponential { mean: scale },
        2 => DistributionSpec::Weibull { shape: 0.4 + rng.unit(), scale },
        3 => DistributionSpec::Pareto { shape: 1.1 + rng.unit(), scale },
        _ => Preset::Flatout.sessions(),
    }
}

fn churn(rng: &mut Rng, names: &[String]) -> ChurnSpec {
    let alternate = rng.chance(0.5);
    ChurnSpec {
        who: scope(rng, names),
        session: distribution(rng),
        downtime: alternate.then(|| distribution(rng)),
        interarrival: (!alternate).then(|| distribution(rng)),
        from: some(rng, early),
        until: some(rng, |rng| Span(Duration::from_secs(SECONDS / 2) + early(rng).0)),
        start: if rng.chance(0.5) { Start::Fresh } else { Start::Equilibrium },
        keep_state: rng.chance(0.5),
        diurnal: some(rng, diurnal),
    }
}

fn workloads(rng: &mut Rng, names: &[String], contents: &[ContentSpec]) -> Vec<WorkloadSpec> {
    let popular = Item::Popular(PopularitySpec { exponent: rng.unit() * 2.0, items: 5, size: Size(1 << 16) });
    let named = contents.first().map_or(popular.clone(), |content| Item::Content(content.name.clone()));
    let mut whats = vec![Operation::Lookup, Operation::Publish(popular.clone()), Operation::Fetch(popular), Operation::Publish(named)];
    whats.truncate(rng.index(5));
    let make = |what| {
        let pace = match rng.below(3) {
            0 => Pace::Poisson(Frequency(rng.unit() + 0.01)),
            1 => Pace::Every(Span(Duration::from_secs(1) + length(rng).0)),
            _ => Pace::Count(rng.below(50) as u32),
        };
        let diurnal = matches!(pace, Pace::Poisson(_)).then(|| diurnal(rng));
        let (from, until) = (some(rng, early), some(rng, |rng| Span(Duration::from_secs(SECONDS / 2) + early(rng).0)));
        WorkloadSpec { what, pace, from, until, who: scope(rng, names), diurnal }
    };
    whats.into_iter().map(make).collect()
}

fn behaviour(rng: &mut Rng) -> Behaviour {
    match rng.below(7) {
        0 => Behaviour::Silent,
        1 => Behaviour::Delay(length(rng)),
        2 => Behaviour::Replay,
        3 => Behaviour::Corrupt(share(rng)),
        4 => Behaviour::Equivocate,
        5 => Behaviour::Lie(Lie::Contacts),
        _ => Behaviour::Drop(share(rng)),
    }
}

fn peer_trouble(rng: &mut Rng) -> PeerTrouble {
    match rng.below(8) {
        0 => PeerTrouble::Crash { keep_state: rng.chance(0.5) },
        1 => PeerTrouble::Restart { keep_state: rng.chance(0.5) },
        2 => PeerTrouble::Freeze,
        3 => PeerTrouble::Slow { each: length(rng) },
        4 => PeerTrouble::Clock { skew: Skew(rng.below(1 << 40) as i64 - (1 << 39)), drift_ppm: rng.unit() * 1e3 },
        5 => PeerTrouble::Throttle { up: Some(Rate(1.0 + rng.unit())), down: some(rng, |_| Rate(1e6)) },
        6 => PeerTrouble::Disk { state: DiskState::Broken },
        _ => PeerTrouble::Byzantine { behaviour: behaviour(rng) },
    }
}

fn link_trouble(rng: &mut Rng) -> LinkTrouble {
    match rng.below(4) {
        0 => LinkTrouble::Delay(length(rng)),
        1 => LinkTrouble::Loss(share(rng)),
        2 => LinkTrouble::Duplicate(share(rng)),
        _ => LinkTrouble::Corrupt(share(rng)),
    }
}

fn fault(rng: &mut Rng, names: &[String], contents: &[ContentSpec]) -> FaultSpec {
    let mut lasting = some(rng, length);
    let mut within = some(rng, length).unwrap_or_default();
    let what = match rng.below(6) {
        0 => Fault::Links { from: scope(rng, names), to: scope(rng, names), what: link_trouble(rng) },
        1 => {
            let one_way = rng.chance(0.5);
            let sides = vec![Scope::Group("first".to_owned()), Scope::Fraction(share(rng), ALL.to_owned())];
            Fault::Partition { sides, one_way, bridge: some(rng, |rng| scope(rng, names)) }
        }
        2 => {
            let near = match contents.first() {
                Some(content) => Near::Content(content.name.clone()),
                None if rng.chance(0.5) => Near::Random,
                None => Near::Key("0f".repeat(32)),
            };
            Fault::Swarm { count: rng.below(5) as u32, near, bits: some(rng, |rng| rng.below(257) as u32), behaviour: some(rng, behaviour) }
        }
        _ => Fault::Peers { who: scope(rng, names), what: peer_trouble(rng) },
    };
    match &what {
        Fault::Peers { what: PeerTrouble::Freeze, .. } => lasting = Some(length(rng)),
        Fault::Peers { what: PeerTrouble::Restart { .. }, .. } => lasting = None,
        Fault::Links { .. } | Fault::Partition { .. } => within = Span::default(),
        Fault::Peers { .. } | Fault::Swarm { .. } => {}
    }
    let every = some(rng, |rng| Span(lasting.unwrap_or_default().0 + length(rng).0)).filter(|_| !matches!(what, Fault::Swarm { .. }));
    let times = every.map(|_| 1 + rng.below(4) as u32);
    FaultSpec { at: early(rng), within, lasting, every, times, what }
}
