//! How the clocks of nodes stand to each other, from the messages themselves.
//!
//! A message from A to B takes some time, more than none, so B's clock at its receipt less A's clock at its sending says how far B is ahead at most; a message
//! from B to A says how far at least. The shortest delays say most, and the middle is the estimate, as NTP makes it (RFC 5905, section 8):
//!
//! ```text
//!   B's clock less A's
//!      ▲       ×   ×                         receipt at B less sending at A    ≥ offset
//!      │     ×    ×  × ×  ×     ×
//!      │  ───×──────────────×─────────       min d(A→B)
//!      │  - - - - - - - - - - - - - - -      offset = (min d(A→B) − min d(B→A)) / 2
//!      │  ──────o──────o──────────────       − min d(B→A)
//!      │   o  o    o o      o    o           sending at B less receipt at A    ≤ offset
//!      └─────────────────────────────▶ A's clock
//! ```
//!
//! The true offset lies in the strip between, wherever in it: delays may differ in the two directions and nothing tells. So the error is no more than half the
//! strip, which is half the shortest round trip, for clocks that run alike.
//!
//! Clocks drift, some ten millionths of a second each second. As long as a level strip contradicts no message it is kept: the drift is then less than delays
//! are. If it does not, the strip is tilted, to the slope at which it is widest; the width is concave in the slope, so this is found by halving. A clock that
//! was set in between has no strip at all; the best is taken, and receipts that come out before their sending are moved when the runs are woven.
//!
//! From the nodes that talked to each other the path with the least error leads to a reference, the first of the runs: a spanning tree, of which the errors add
//! up.

use core::time::Duration;
use std::collections::BTreeMap;

use peerglass_core::Time;

use super::matching::Match;

/// The largest drift that is looked for. Quartz is good to a tenth of that.
const MAX_DRIFT: f64 = 1e-3;
/// Steps in which the slope is found. Each takes a third off.
const STEPS: usize = 120;

/// How the clock of a node stands to that of the reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Clock {
    /// The run by whose clock all are set.
    pub(super) reference: usize,
    via: Option<usize>,
    /// A moment on this clock, and the same on that of the reference.
    origin: Time,
    at: i128,
    /// What the reference goes on in a nanosecond of this clock, less one.
    rate: f64,
    bound_ns: i128,
}

impl Clock {
    /// The clock of run `node`, set by itself.
    pub(super) fn its_own(node: usize) -> Self {
        Self { reference: node, via: None, origin: Time::ZERO, at: 0, rate: 0.0, bound_ns: 0 }
    }

    /// The run by whose clock it is set: its own when no messages tell how it stands to an earlier one.
    #[must_use]
    pub fn reference(&self) -> usize {
        self.reference
    }

    /// The run by whose messages it was set.
    #[must_use]
    pub fn via(&self) -> Option<usize> {
        self.via
    }

    /// How far it is ahead of the reference, in nanoseconds, at the first message that tells.
    #[must_use]
    pub fn ahead_ns(&self) -> i128 {
        i128::from(self.origin.as_nanos()) - self.at
    }

    /// How much faster than the reference it goes: 1e-6 is a millionth.
    #[must_use]
    pub fn drift(&self) -> f64 {
        1.0 / (1.0 + self.rate) - 1.0
    }

    /// How wrong this may be, for clocks that do not drift or drift evenly: half of the shortest round trips on the way to the reference. `None` when it is
    /// set by itself.
    #[must_use]
    pub fn bound(&self) -> Option<Duration> {
        self.via.map(|_| Duration::from_nanos(u64::try_from(self.bound_ns).unwrap_or(u64::MAX)))
    }

    /// A moment on this clock as the reference has it.
    #[must_use]
    pub fn correct(&self, time: Time) -> Time {
        Time::from_nanos(u64::try_from(self.at_ns(time).max(0)).unwrap_or(u64::MAX))
    }

    /// The same, also before the reference's epoch.
    pub(super) fn at_ns(&self, time: Time) -> i128 {
        let since = i128::from(time.as_nanos()) - i128::from(self.origin.as_nanos());
        self.at + since + (since as f64 * self.rate).round() as i128
    }

    /// The clock of a node whose neighbour has clock `self`, by what `tie` says of the two.
    fn next(&self, tie: &Tie, via: usize, next_is_late: bool) -> Self {
        let early = i128::from(tie.from.as_nanos());
        let late = early + tie.offset;
        // `tie` says: when the early one shows `early`, the late one shows `late`, and goes on `tie.drift` faster.
        let (here, there, rate) = if next_is_late { (late, early, 1.0 / (1.0 + tie.drift)) } else { (early, late, 1.0 + tie.drift) };
        let [here, there] = [here, there].map(|ns| Time::from_nanos(u64::try_from(ns.max(0)).unwrap_or(u64::MAX)));
        let rate = (1.0 + self.rate) * rate - 1.0;
        Self { reference: self.reference, via: Some(via), origin: here, at: self.at_ns(there), rate, bound_ns: self.bound_ns + tie.bound }
    }
}

/// What two nodes' messages say of their clocks: when that of the run with the lower number, the early one, shows `from`, that of the late one shows `offset`
/// more.
#[derive(Clone, Copy, Debug)]
struct Tie {
    from: Time,
    offset: i128,
    drift: f64,
    bound: i128,
}

/// The clocks of all nodes.
pub(super) fn solve(nodes: usize, matches: &[Match]) -> Vec<Clock> {
    let mut sides = BTreeMap::<(usize, usize), Sides>::new();
    for of in matches.iter().filter(|of| of.sender != of.receiver) {
        sides.entry((of.sender.min(of.receiver), of.sender.max(of.receiver))).or_default().add(of);
    }
    let ties: BTreeMap<(usize, usize), Tie> = sides.iter().filter_map(|(ends, sides)| Some((*ends, sides.tie()?))).collect();
    let mut clocks = vec![None::<Clock>; nodes];
    while let Some(first) = clocks.iter().position(Option::is_none) {
        clocks[first] = Some(Clock::its_own(first));
        // The shortest paths, by Dijkstra's algorithm. There are as many nodes as runs that somebody gave, so no queue is needed.
        while let Some((next, clock)) = nearest(&clocks, &ties, first) {
            clocks[next] = Some(clock);
        }
    }
    clocks.into_iter().flatten().collect()
}

/// Of the nodes next to those that are set by `reference`, that which is known best.
fn nearest(clocks: &[Option<Clock>], ties: &BTreeMap<(usize, usize), Tie>, reference: usize) -> Option<(usize, Clock)> {
    let known = |node: usize| clocks.get(node).copied().flatten().filter(|clock| clock.reference == reference);
    let candidates = ties.iter().filter_map(|((early, late), tie)| match (known(*early), known(*late)) {
        (Some(clock), None) => Some((*late, clock.next(tie, *early, true))),
        (None, Some(clock)) => Some((*early, clock.next(tie, *late, false))),
        _ => None,
    });
    candidates.min_by_key(|(node, clock)| (clock.bound_ns, *node))
}

/// The messages between two nodes, as times on the early one's clock and apparent delays, both since the first.
#[derive(Debug, Default)]
struct Sides {
    first: Option<(i128, i128)>,
    there: Vec<(f64, f64)>,
    back: Vec<(f64, f64)>,
}

impl Sides {
    fn add(&mut self, of: &Match) {
        let (sent, received) = (i128::from(of.sent_at.as_nanos()), i128::from(of.received_at.as_nanos()));
        let is_there = of.sender < of.receiver;
        let (early, late) = if is_there { (sent, received) } else { (received, sent) };
        // Differences are small enough for floating point to keep nanoseconds, times since 1970 are not.
        let (from, offset) = *self.first.get_or_insert((early, late - early));
        let (at, ahead) = ((early - from) as f64, (late - early - offset) as f64);
        if is_there { self.there.push((at, ahead)) } else { self.back.push((at, -ahead)) }
    }

    fn tie(&self) -> Option<Tie> {
        let (from, offset) = self.first.filter(|_| !self.there.is_empty() && !self.back.is_empty())?;
        let level = self.strip(0.0);
        let (drift, (above, below)) = if width(level) >= 0.0 { (0.0, level) } else { self.widest() };
        Some(Tie {
            from: Time::from_nanos(u64::try_from(from).ok()?),
            offset: offset + ((above - below) / 2.0).round() as i128,
            drift,
            bound: (width((above, below)) / 2.0).max(0.0).ceil() as i128,
        })
    }

    /// The strip of this slope: how far the offset is at most above that of the first message, and at most below.
    fn strip(&self, slope: f64) -> (f64, f64) {
        let least = |delays: &[(f64, f64)], slope: f64| delays.iter().map(|(at, delay)| delay - slope * at).fold(f64::INFINITY, f64::min);
        (least(&self.there, slope), least(&self.back, -slope))
    }

    /// The slope at which the strip is widest.
    fn widest(&self) -> (f64, (f64, f64)) {
        let (mut low, mut high) = (-MAX_DRIFT, MAX_DRIFT);
        for _ in 0..STEPS {
            let third = (high - low) / 3.0;
            if width(self.strip(low + third)) < width(self.strip(high - third)) { low += third } else { high -= third }
        }
        let slope = f64::midpoint(low, high);
        (slope, self.strip(slope))
    }
}

fn width((above, below): (f64, f64)) -> f64 {
    above + below
}
