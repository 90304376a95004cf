//! What may be simpler about a scenario: its parts, which can be left out, and everything that can be less.
//!
//! Nothing here knows whether a candidate still breaks the law, or even whether it makes sense: that is checked and tried by [`super::shrink`]. The boldest candidates
//! come first.

use std::time::Duration;

use crate::scenario::{
    Fault, FaultSpec, Item, KademliaSpec, LinkTrouble, NetworkSpec, Operation, Pace, PeerRange, PeerTrouble, PhasesSpec, Scenario, Scope,
};
use crate::units::{Share, Size, Skew, Span};

/// Something that can be left out: which list, and where in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    Fault(usize),
    Crash(usize),
    Churn(usize),
    Nat(usize),
    Lookup(usize),
    Workload(usize),
    Content(usize),
    Group(usize),
}

/// What goes wrong.
pub(super) fn faults(scenario: &Scenario) -> Vec<Part> {
    let faults = (0..scenario.fault.len()).map(Part::Fault).chain((0..scenario.crash.len()).map(Part::Crash));
    faults.chain((0..scenario.churn.len()).map(Part::Churn)).collect()
}

/// What is done, and by whom.
pub(super) fn others(scenario: &Scenario) -> Vec<Part> {
    let asked = (0..scenario.lookup.len()).map(Part::Lookup).chain((0..scenario.workload.len()).map(Part::Workload));
    let asked = asked.chain((0..scenario.content.len()).map(Part::Content));
    asked.chain((0..scenario.nat.len()).map(Part::Nat)).chain((0..scenario.group.len()).map(Part::Group)).collect()
}

/// The scenario without these parts.
pub(super) fn without(scenario: &Scenario, parts: &[Part]) -> Scenario {
    let mut less = scenario.clone();
    keep(&mut less.fault, |i| !parts.contains(&Part::Fault(i)));
    keep(&mut less.crash, |i| !parts.contains(&Part::Crash(i)));
    keep(&mut less.churn, |i| !parts.contains(&Part::Churn(i)));
    keep(&mut less.nat, |i| !parts.contains(&Part::Nat(i)));
    keep(&mut less.lookup, |i| !parts.contains(&Part::Lookup(i)));
    keep(&mut less.workload, |i| !parts.contains(&Part::Workload(i)));
    keep(&mut less.content, |i| !parts.contains(&Part::Content(i)));
    keep(&mut less.group, |i| !parts.contains(&Part::Group(i)));
    less
}

fn keep<T>(list: &mut Vec<T>, keeps: impl Fn(usize) -> bool) {
    let mut i = 0;
    list.retain(|_| {
        i += 1;
        keeps(i - 1)
    });
}

/// Everything that can be less, in the order in which it is tried.
pub(super) const PASSES: [fn(&Scenario) -> Vec<Scenario>; 5] = [fewer_peers, fewer_operations, shorter, simpler_network, smaller_faults];

/// `scenario` changed by each of these.
fn each(scenario: &Scenario, changes: impl IntoIterator<Item = Box<dyn Fn(&mut Scenario)>>) -> Vec<Scenario> {
    let changed = changes.into_iter().map(|change| {
        let mut candidate = scenario.clone();
        change(&mut candidate);
        candidate
    });
    changed.collect()
}

fn change(change: impl Fn(&mut Scenario) + 'static) -> Box<dyn Fn(&mut Scenario)> {
    Box::new(change)
}

/// Eighths of a number, then one less: the smallest first.
fn less(number: u64) -> impl Iterator<Item = u64> {
    let parts = [1, 2, 4, 6, 7].map(|eighths| (u128::from(number) * eighths / 8) as u64);
    parts.into_iter().chain([number.saturating_sub(1)]).filter(move |less| *less < number)
}

fn fewer_peers(scenario: &Scenario) -> Vec<Scenario> {
    let before = scenario.peers;
    let smaller = less(u64::from(before)).filter(|peers| *peers > 0).map(move |peers| {
        let peers = peers as u32;
        change(move |scenario| {
            let mut scopes: Vec<Scope> = scenario.scopes_mut().map(|scope| scope.clone()).collect();
            *scenario = scenario.clone().with_peers(peers);
            scopes.iter_mut().for_each(|scope| squeeze(scope, before, peers));
            scenario.scopes_mut().zip(scopes).for_each(|(scope, squeezed)| *scope = squeezed);
            for content in &mut scenario.content {
                content.fetchers = content.fetchers.min(peers.saturating_sub(content.publishers));
            }
        })
    });
    each(scenario, smaller)
}

/// The same scope among fewer peers: nobody leaves it, but several may become one.
fn squeeze(scope: &mut Scope, before: u32, peers: u32) {
    let scaled = |peer: u32| (u64::from(peer) * u64::from(peers) / u64::from(before.max(1))) as u32;
    match scope {
        Scope::Peers(named) => {
            named.iter_mut().for_each(|peer| *peer = scaled(*peer));
            named.dedup();
        }
        Scope::Range(range) => {
            let from = scaled(range.from);
            *range = PeerRange { from, to: scaled(range.to).max(from + 1) };
        }
        Scope::Count(count, _) => *count = scaled(*count).max(1),
        Scope::Group(_) | Scope::Fraction(..) => {}
    }
}

fn fewer_operations(scenario: &Scenario) -> Vec<Scenario> {
    let mut changes = Vec::new();
    for i in 0..scenario.content.len() {
        let content = &scenario.content[i];
        changes.push(change(move |scenario| (scenario.content[i].fetchers, scenario.content[i].fetch_within) = (0, Span::default())));
        changes.push(change(move |scenario| (scenario.content[i].path, scenario.content[i].size) = (None, Some(Size(1024)))));
        changes.extend(less(u64::from(content.publishers)).map(|count| change(move |scenario| scenario.content[i].publishers = count as u32)));
        changes.extend(less(u64::from(content.fetchers)).map(|count| change(move |scenario| scenario.content[i].fetchers = count as u32)));
        changes.push(change(move |scenario| scenario.content[i].reshare = false));
    }
    for i in 0..scenario.lookup.len() {
        changes.extend(less(u64::from(scenario.lookup[i].count)).map(|count| change(move |scenario| scenario.lookup[i].count = count as u32)));
    }
    for (i, workload) in scenario.workload.iter().enumerate() {
        match workload.pace {
            Pace::Count(count) => changes.extend(less(u64::from(count)).map(|count| change(move |s| s.workload[i].pace = Pace::Count(count as u32)))),
            Pace::Poisson(rate) => changes.push(change(move |s| s.workload[i].pace = Pace::Poisson(crate::units::Frequency(rate.0 / 2.0)))),
            Pace::Every(every) => changes.push(change(move |s| s.workload[i].pace = Pace::Every(Span(every.0 * 2)))),
        }
        changes.push(change(move |scenario| scenario.workload[i].diurnal = None));
        if let Some(Item::Popular(popularity)) = workload.what.item() {
            let (of, items) = (*popularity, popularity.items);
            changes.extend(less(u64::from(items)).map(|items| change(move |scenario| shrink_library(scenario, (of.items, of.size), items as u32))));
        }
    }
    each(scenario, changes)
}

/// All workloads of a library speak of fewer items, and those are tiny.
fn shrink_library(scenario: &mut Scenario, library: (u32, Size), items: u32) {
    for workload in &mut scenario.workload {
        if let Operation::Publish(Item::Popular(of)) | Operation::Fetch(Item::Popular(of)) = &mut workload.what
            && (of.items, of.size) == library
        {
            (of.items, of.size) = (items, Size(1024));
        }
    }
}

/// In whole seconds, or tenths of one: nobody reads a duration to the millisecond.
fn shorter(scenario: &Scenario) -> Vec<Scenario> {
    let whole = scenario.duration;
    let unit = Duration::from_millis(if whole.0 > Duration::from_secs(16) { 1000 } else { 100 });
    let units = whole.nanos() / unit.as_nanos().max(1) as u64;
    each(scenario, less(units).filter(|units| *units > 0).map(|units| change(move |scenario| cut(scenario, Span(unit * units as u32)))))
}

/// The scenario until `end`: what would begin later is left out, what would end later does not end.
fn cut(scenario: &mut Scenario, end: Span) {
    scenario.duration = end;
    scenario.fault.retain(|fault| fault.at <= end);
    for fault in &mut scenario.fault {
        let left = end.0.saturating_sub(fault.at.0);
        fault.within = Span(fault.within.0.min(left));
        fault.lasting = fault.lasting.filter(|lasting| lasting.0 + fault.within.0 <= left);
        if let Some(every) = fault.every {
            let rounds = left.saturating_sub(fault.lasts()).as_nanos() / every.0.as_nanos().max(1);
            fault.times = fault.times.map(|times| times.min(rounds as u32 + 1));
        }
        if fault.lasting.is_none() || fault.times == Some(1) {
            (fault.every, fault.times) = (None, None);
        }
    }
    scenario.crash.retain(|crash| crash.at.0 + crash.within.0 <= end.0);
    scenario.lookup.retain(|lookup| lookup.at <= end);
    scenario.lookup.iter_mut().for_each(|lookup| lookup.within = Span(lookup.within.0.min(end.0.saturating_sub(lookup.at.0))));
    for content in &mut scenario.content {
        if content.fetch_at.0 + content.fetch_within.0 > end.0 {
            (content.fetchers, content.fetch_at, content.fetch_within) = (0, Span::default(), Span::default());
        }
    }
    for workload in &mut scenario.workload {
        workload.until = workload.until.filter(|until| *until <= end);
    }
    scenario.churn.iter_mut().for_each(|churn| churn.until = churn.until.filter(|until| *until <= end));
}

fn simpler_network(scenario: &Scenario) -> Vec<Scenario> {
    let plain = NetworkSpec::default;
    let changes = [
        change(move |scenario| scenario.network = plain()),
        change(move |scenario| scenario.network = NetworkSpec { latency: scenario.network.latency.clone(), ..plain() }),
        change(move |scenario| scenario.network.latency = plain().latency),
        change(move |scenario| scenario.network.loss = plain().loss),
        change(|scenario| scenario.network.jitter = None),
        change(|scenario| scenario.network.reorder = None),
        change(|scenario| scenario.network.duplicate = Share(0.0)),
        change(|scenario| scenario.network.corrupt = Share(0.0)),
        change(|scenario| (scenario.network.up, scenario.network.down) = (None, None)),
        change(move |scenario| scenario.network.bandwidth = plain().bandwidth),
        change(|scenario| scenario.kademlia = KademliaSpec::default()),
        change(|scenario| scenario.phases = PhasesSpec::default()),
    ];
    each(scenario, changes)
}

fn smaller_faults(scenario: &Scenario) -> Vec<Scenario> {
    let mut candidates = Vec::new();
    for (i, fault) in scenario.fault.iter().enumerate() {
        for smaller in smaller(fault) {
            let mut candidate = scenario.clone();
            candidate.fault[i] = smaller;
            candidates.push(candidate);
        }
    }
    candidates
}

/// The fault once instead of again and again, for all at once, of fewer peers, shorter, weaker.
fn smaller(fault: &FaultSpec) -> Vec<FaultSpec> {
    let mut smaller = vec![FaultSpec { every: None, times: None, ..fault.clone() }, FaultSpec { within: Span::default(), ..fault.clone() }];
    let scopes = fault.scopes().len();
    for which in 0..scopes {
        let mut of = fault.clone();
        let halves = of.scopes_mut().into_iter().nth(which).map(|scope| halves(scope)).unwrap_or_default();
        for half in halves {
            let mut of = fault.clone();
            if let Some(scope) = of.scopes_mut().into_iter().nth(which) {
                *scope = half;
            }
            smaller.push(of);
        }
    }
    smaller.extend(weaker(&fault.what).into_iter().map(|what| FaultSpec { what, ..fault.clone() }));
    if let Some(lasting) = fault.lasting {
        smaller.push(FaultSpec { lasting: Some(Span(round(lasting.0 / 2))), ..fault.clone() });
    }
    smaller
}

/// Half of the peers that are named one by one: the first, and the second.
fn halves(scope: &Scope) -> Vec<Scope> {
    match scope {
        Scope::Peers(peers) if peers.len() > 1 => {
            let (first, second) = peers.split_at(peers.len() / 2);
            vec![Scope::Peers(first.to_vec()), Scope::Peers(second.to_vec())]
        }
        Scope::Range(PeerRange { from, to }) if to - from > 1 => {
            let middle = from + (to - from) / 2;
            let part = |from, to| if to - from == 1 { Scope::Peers(vec![from]) } else { Scope::Range(PeerRange { from, to }) };
            vec![part(*from, middle), part(middle, *to)]
        }
        Scope::Count(count, of) if *count > 1 => vec![Scope::Count(count / 2, of.clone())],
        _ => Vec::new(),
    }
}

fn weaker(what: &Fault) -> Vec<Fault> {
    match what {
        Fault::Peers { who, what } => {
            let what = match *what {
                PeerTrouble::Crash { keep_state: false } => PeerTrouble::Crash { keep_state: true },
                PeerTrouble::Restart { keep_state: false } => PeerTrouble::Restart { keep_state: true },
                PeerTrouble::Slow { each } => PeerTrouble::Slow { each: Span(each.0 / 2) },
                PeerTrouble::Clock { skew, drift_ppm } if skew.0 != 0 && drift_ppm != 0.0 => PeerTrouble::Clock { skew, drift_ppm: 0.0 },
                PeerTrouble::Clock { skew, drift_ppm } => PeerTrouble::Clock { skew: Skew(skew.0 / 2), drift_ppm: drift_ppm / 2.0 },
                _ => return Vec::new(),
            };
            vec![Fault::Peers { who: who.clone(), what }]
        }
        Fault::Links { from, to, what } => {
            let what = match *what {
                LinkTrouble::Delay(extra) => LinkTrouble::Delay(Span(round(extra.0 / 2))),
                LinkTrouble::Loss(share) => LinkTrouble::Loss(half(share)),
                LinkTrouble::Duplicate(share) => LinkTrouble::Duplicate(half(share)),
                LinkTrouble::Corrupt(share) => LinkTrouble::Corrupt(half(share)),
            };
            vec![Fault::Links { from: from.clone(), to: to.clone(), what }]
        }
        Fault::Partition { sides, one_way, bridge } => {
            let mut weaker = Vec::new();
            if bridge.is_some() {
                weaker.push(Fault::Partition { sides: sides.clone(), one_way: *one_way, bridge: None });
            }
            if sides.len() > 1 {
                weaker.extend(sides.iter().map(|side| Fault::Partition { sides: vec![side.clone()], one_way: *one_way, bridge: bridge.clone() }));
            }
            weaker
        }
        Fault::Swarm { count, near, bits, behaviour } if *count > 1 => {
            vec![Fault::Swarm { count: count / 2, near: near.clone(), bits: *bits, behaviour: *behaviour }]
        }
        Fault::Swarm { .. } => Vec::new(),
    }
}

fn half(share: Share) -> Share {
    Share((share.0 * 50.0).round() / 100.0)
}

/// To whole milliseconds, and not to nothing.
fn round(span: Duration) -> Duration {
    Duration::from_millis((span.as_millis() as u64).max(1))
}
