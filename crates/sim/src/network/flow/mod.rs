//! [`Flows`]: bulk transfers as flows with a rate, instead of packets.
//!
//! A block of a mebibyte is 700 packets, and a simulation of a swarm moves millions of blocks. What matters of them is when they arrive, and that
//! follows from how the access links are shared: each flow has a rate at any time, and the rates change only when a flow begins or ends. So there
//! are two events for each transfer instead of thousands. Long TCP flows come close to max-min fairness; slow start, round-trip times and queues
//! are left out.
//!
//! ```text
//!   rate
//!    10 ┤▒▒▒▒▒▒▒▒▒▒▒              ▓▓▓▓▓▓▓▓         two flows over one uplink of 10:
//!     5 ┤▒▒▒▒▒▒▒▒▒▒▒▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓▓         ▓ starts, ▒ completes, ▓ has all
//!       ┤           ▒▒▒▒▒▒▒▒▒▒▒▒▒▒
//!       └───────────┴─────────────┴────────▶ time
//! ```
//!
//! A flow passes its sender's uplink and its receiver's downlink; the network between them is never the bottleneck. Rates are max-min fair
//! (`share`), and computed anew for the flows that a change can reach: those connected with it by links that have a limit. Changes at one instant
//! are computed once. In a swarm all flows are mostly connected, so a change costs time in proportion to all of them,
//! 0.1 to 0.3 µs for each: ten thousand connected flows in 1 to 3 ms (`engine_cost` measures it).
//!
//! # Exactness
//!
//! Rates are floats, computed in an order that follows from what was asked before: two runs give the same bits. Completions are rounded up to the next nanosecond, so no
//! link is ever faster than it is. Bytes are whole numbers: a flow that completes has delivered exactly what it was to, and one that is cancelled
//! says how many.

mod share;
mod table;
#[cfg(test)]
mod tests;

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use peerglass_core::{Peer, Time};

use share::{Path, max_min};
use table::{Direction, LinkId, Shared, Table};

/// A transfer that is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Names it to the caller. No two flows under way have the same.
    pub id: u64,
    /// Who sends.
    pub from: Peer,
    /// Who receives. A transfer of a peer to itself passes no link.
    pub to: Peer,
    /// How much.
    pub bytes: u64,
    /// The sender's uplink in bits a second, `None` without limit. All flows of the link get this limit from now on.
    pub up: Option<u64>,
    /// The receiver's downlink, likewise.
    pub down: Option<u64>,
}

/// All transfers under way, and how they share the access links.
///
/// ```
/// use peerglass_core::{Peer, Time};
/// use peerglass_sim::network::flow::{Flow, Flows};
///
/// let mut flows = Flows::new();
/// let megabyte = Flow { id: 1, from: Peer(0), to: Peer(1), bytes: 1_000_000, up: Some(8_000_000), down: None };
/// flows.start(Time::ZERO, megabyte);
/// // Alone it would take a second; from half a second on it shares the uplink.
/// flows.start(Time::from_millis(500), Flow { id: 2, to: Peer(2), ..megabyte });
/// assert_eq!(flows.next_completion(), Some(Time::from_millis(1_500)));
/// assert_eq!(flows.complete(Time::from_millis(1_500)), [1]);
/// assert_eq!(flows.next_completion(), Some(Time::from_millis(2_000)));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Flows {
    /// Every change up to here is taken into account.
    now: Time,
    table: Table,
    /// When each flow completes, by id and place, if nothing changes. Entries whose flow completes at another time by now are void.
    completions: BinaryHeap<Reverse<(Time, u64, u32)>>,
    /// What has completed, in order, and was not asked for yet.
    finished: Vec<u64>,
    /// The places of links whose flows must be given rates before time goes on, and of flows that may pass no limited link.
    changed_links: Vec<u32>,
    changed_flows: Vec<u32>,
    /// Counts the computations of rates.
    computations: u64,
}

impl Flows {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Begins a transfer. False, and nothing happens, if one of that id is under way.
    ///
    /// Time never goes back: a `now` before the last one that was given counts as that.
    pub fn start(&mut self, now: Time, flow: Flow) -> bool {
        self.advance(now);
        let Flow { id, from, to, bytes, up, down } = flow;
        if self.table.find(id).is_some() {
            return false;
        }
        let links = if from == to { [None, None] } else { [Some((from, Direction::Up)), Some((to, Direction::Down))] };
        let place = self.table.insert(self.now, id, bytes, links);
        for (link, rate) in links.into_iter().flatten().zip([up, down]) {
            self.set_rate(link, rate);
        }
        self.changed_flows.push(place);
        true
    }

    /// When the next transfer completes, if nothing changes before. `None` if none will.
    pub fn next_completion(&mut self) -> Option<Time> {
        if !self.finished.is_empty() {
            return Some(self.now);
        }
        self.settle();
        self.next().map(|(time, _)| time)
    }

    /// Which transfers have completed up to and including `now`, in the order in which they did, each once.
    pub fn complete(&mut self, now: Time) -> Vec<u64> {
        self.run(now.max(self.now));
        core::mem::take(&mut self.finished)
    }

    /// Ends a transfer before its time: one of its peers is gone, or it is no longer wanted. Gives how many bytes have been delivered, or `None`
    /// if it is not under way.
    pub fn cancel(&mut self, now: Time, id: u64) -> Option<u64> {
        self.advance(now);
        let delivered = self.delivered(self.now, id)?;
        self.remove(self.table.find(id)?);
        Some(delivered)
    }

    /// Gives the access of `peer` other limits in bits a second, `None` for none, from now on.
    pub fn set_access(&mut self, now: Time, peer: Peer, up: Option<u64>, down: Option<u64>) {
        self.advance(now);
        for (direction, rate) in [(Direction::Up, up), (Direction::Down, down)] {
            self.set_rate((peer, direction), rate);
        }
    }

    /// The transfers that `peer` sends or receives, in the order of their ids.
    #[must_use]
    pub fn of(&self, peer: Peer) -> Vec<u64> {
        let links = [Direction::Up, Direction::Down].into_iter().filter_map(|direction| self.table.link((peer, direction)));
        let mut ids: Vec<u64> = links.flat_map(|link| &self.table.links[link as usize].flows).map(|place| self.table.flow(*place).id).collect();
        ids.sort_unstable();
        ids
    }

    /// The rate of a transfer in bits a second, infinite without any limit. `None` if it is not under way.
    pub fn rate(&mut self, id: u64) -> Option<f64> {
        self.settle();
        self.table.find(id).map(|place| self.table.flow(place).rate)
    }

    /// How many bytes of a transfer have been delivered by `now`, if nothing changes before. `None` if it is not under way.
    #[must_use]
    pub fn delivered(&self, now: Time, id: u64) -> Option<u64> {
        let flow = self.table.flow(self.table.find(id)?);
        // Cut off at the whole: rounding must not deliver what was not sent.
        Some(flow.bytes - ((flow.left(now) / 8.0).ceil() as u64).min(flow.bytes))
    }

    /// How many transfers are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Lets time go on to `now`. At one and the same instant nothing is computed: more may change.
    fn advance(&mut self, now: Time) {
        if now > self.now {
            self.run(now);
        }
    }

    /// Lets everything complete that does up to `now`, one instant after another: each completion makes others faster.
    fn run(&mut self, now: Time) {
        self.settle();
        while let Some((time, _)) = self.next().filter(|(time, _)| *time <= now) {
            self.now = self.now.max(time);
            while let Some((_, place)) = self.next().filter(|(other, _)| *other == time) {
                self.finished.push(self.table.flow(place).id);
                self.remove(place);
            }
            // At the last instant more may change: the rates are computed when somebody asks for them.
            if time < now {
                self.settle();
            }
        }
        self.now = now;
    }

    /// The next flow to complete and its place, once void entries are gone.
    fn next(&mut self) -> Option<(Time, u32)> {
        while let Some(Reverse((time, id, place))) = self.completions.peek().copied() {
            let flow = self.table.flow(place);
            if (flow.finish, flow.id) == (time, id) {
                return Some((time, place));
            }
            self.completions.pop();
        }
        None
    }

    fn remove(&mut self, place: u32) {
        self.changed_links.extend(self.table.flow(place).path.into_iter().flatten());
        self.table.remove(place);
    }

    /// Nothing happens to a link that nothing passes: who starts a flow says what it has.
    fn set_rate(&mut self, link: LinkId, rate: Option<u64>) {
        let Some(place) = self.table.link(link) else { return };
        let link = &mut self.table.links[place as usize];
        if link.rate != rate {
            link.rate = rate;
            // Those that lose their only limit are not found by way of limited links.
            self.changed_flows.extend(&link.flows);
        }
    }

    /// Computes the rates of all flows that the changes since the last time can reach.
    fn settle(&mut self) {
        if self.changed_flows.is_empty() && self.changed_links.is_empty() {
            return;
        }
        let (flows, capacities) = self.component();
        let limited =
            |link: u32| Some(self.table.links[link as usize].reached).filter(|(when, _)| *when == self.computations).map(|(_, index)| index);
        let paths: Vec<Path> = flows.iter().map(|place| self.table.flow(*place).path.map(|link| link.and_then(limited))).collect();
        for (place, rate) in flows.into_iter().zip(max_min(&capacities, &paths)) {
            let flow = &mut self.table.flows[place as usize];
            if flow.rate != rate {
                flow.change(self.now, rate);
                if flow.finish < Time::MAX {
                    self.completions.push(Reverse((flow.finish, flow.id, place)));
                }
            }
        }
        self.forget_void();
    }

    /// The places of the flows that the changes can reach by way of limited links, and the capacities of those links.
    fn component(&mut self) -> (Vec<u32>, Vec<f64>) {
        self.computations += 1;
        let Self { table, changed_flows, changed_links, computations, .. } = self;
        let (mut flows, mut capacities, mut open) = (core::mem::take(changed_flows), Vec::new(), core::mem::take(changed_links));
        // A flow that began and ended since has left its place, perhaps to another.
        flows.retain(|place| table.find(table.flow(*place).id) == Some(*place));
        flows.sort_unstable();
        flows.dedup();
        for place in &flows {
            let flow = &mut table.flows[*place as usize];
            flow.reached = *computations;
            open.extend(flow.path.into_iter().flatten());
        }
        while let Some(link) = open.pop() {
            let Shared { rate: Some(rate), flows: passing, reached, .. } = &mut table.links[link as usize] else { continue };
            if reached.0 == *computations || passing.is_empty() {
                continue;
            }
            *reached = (*computations, capacities.len() as u32);
            capacities.push(*rate as f64);
            for place in passing {
                let flow = &mut table.flows[*place as usize];
                if flow.reached != *computations {
                    flow.reached = *computations;
                    flows.push(*place);
                    open.extend(flow.path.into_iter().flatten().filter(|other| *other != link));
                }
            }
        }
        (flows, capacities)
    }

    /// Throws void entries away when they are more than the others.
    fn forget_void(&mut self) {
        if self.completions.len() > 64 + 2 * self.len() {
            let table = &self.table;
            self.completions.retain(|Reverse((time, id, place))| (table.flow(*place).finish, table.flow(*place).id) == (*time, *id));
        }
    }
}
