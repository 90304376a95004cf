//! Crashes and restarts that contradict each other.
//!
//! Where it is known which very peers a fault strikes and when (no dice, no stagger), their lives can be told before the run: a peer that is to crash must be up, one
//! that is to restart must be down. Peers that live the same life, because the same faults name them, are judged once. Where dice or churn decide who is down, the
//! plan sees to it that a crash is for who is up and a restart for who is down.

use super::Rules;
use super::groups::exact;
use crate::scenario::{Fault, FaultSpec, PeerRange, PeerTrouble, ScenarioError, Table};
use crate::units::Span;

/// The most events that are told; more are not judged.
const MOST_EVENTS: usize = 100_000;

/// Something that takes a known peer down or brings it up.
#[derive(Clone, Copy)]
struct Event {
    at: Span,
    /// When it lets go by itself; `None` for a restart.
    until: Option<Span>,
    table: Table<'static>,
}

/// The known events of the peers that live alike.
pub(super) struct Contradictions<'a> {
    rules: &'a Rules<'a>,
    /// Somebody may be down of whom it is not known.
    dice: bool,
}

impl<'a> Contradictions<'a> {
    pub(super) fn find(rules: &'a Rules<'a>) -> Result<(), ScenarioError> {
        let mut known: Vec<(Vec<PeerRange>, FaultSpec, Table<'static>)> = Vec::new();
        let mut dice = !rules.scenario.churn.is_empty();
        for (table, fault) in rules.scenario.faults() {
            let Fault::Peers { who, what } = &fault.what else { continue };
            let crash = matches!(what, PeerTrouble::Crash { .. });
            if !crash && !matches!(what, PeerTrouble::Restart { .. }) {
                continue;
            }
            match exact(rules.scenario, who).filter(|_| fault.within.is_zero()) {
                // A restart of all is for those that are down.
                Some(_) if !crash && who.is_all() => dice = true,
                Some(ranges) => known.push((ranges, fault, table)),
                None => dice = true,
            }
        }
        Self { rules, dice }.judge(&known)
    }

    /// Between two neighbouring bounds of ranges, all peers live alike.
    fn judge(&self, known: &[(Vec<PeerRange>, FaultSpec, Table<'static>)]) -> Result<(), ScenarioError> {
        let mut bounds: Vec<u32> = known.iter().flat_map(|(ranges, ..)| ranges.iter().flat_map(|range| [range.from, range.to])).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let mut lives: Vec<Vec<Event>> = vec![Vec::new(); bounds.len()];
        let mut events = 0;
        for (ranges, fault, table) in known {
            let moments: Vec<Event> = fault.moments(self.rules.scenario.duration).map(|at| event(at, fault, *table)).collect();
            for range in ranges {
                let first = bounds.partition_point(|bound| *bound < range.from);
                let last = bounds.partition_point(|bound| *bound < range.to);
                for life in &mut lives[first..last] {
                    life.extend(&moments);
                    events += moments.len();
                    if events > MOST_EVENTS {
                        return Ok(());
                    }
                }
            }
        }
        bounds.iter().zip(lives).try_for_each(|(peer, life)| self.judge_life(*peer, life))
    }

    fn judge_life(&self, peer: u32, mut life: Vec<Event>) -> Result<(), ScenarioError> {
        life.sort_by_key(|event| event.at);
        let mut down: Option<Event> = None;
        for event in life {
            let held = down.filter(|hold| hold.until.is_none_or(|until| event.at < until));
            let line = |hold: Event| self.rules.scenario.origin.line_of(hold.table, "at");
            match (held, event.until) {
                (Some(hold), Some(_)) => {
                    let message = format!("peer {peer} cannot crash at {}: it is down already, since {} by line {}", event.at, hold.at, line(hold));
                    return Err(self.rules.scenario.origin.error(event.table, "at", message));
                }
                (None, None) if !self.dice => {
                    let message = format!("peer {peer} cannot restart at {}: it is up then, nothing has taken it down", event.at);
                    return Err(self.rules.scenario.origin.error(event.table, "at", message));
                }
                (None, Some(until)) => down = Some(Event { until: Some(until).filter(|until| *until < Span(std::time::Duration::MAX)), ..event }),
                (_, None) => down = None,
            }
        }
        Ok(())
    }
}

fn event(at: Span, fault: &FaultSpec, table: Table<'static>) -> Event {
    let forever = Span(std::time::Duration::MAX);
    let lets_go = fault.lasting.map_or(forever, |lasting| Span(at.0.saturating_add(lasting.0)));
    let until = matches!(fault.what, Fault::Peers { what: PeerTrouble::Crash { .. }, .. }).then_some(lets_go);
    Event { at, until, table }
}
