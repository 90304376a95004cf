//! Rules about `[[fault]]` and `[[crash]]`.

use super::Rules;
use super::groups::exact;
use super::lives::Contradictions;
use crate::scenario::{Fault, FaultSpec, LinkTrouble, MAX_PEERS, Near, PeerTrouble, ScenarioError, Scope, Table};

/// The most repetitions of one fault.
const MOST_TIMES: usize = 100_000;
/// The most sides of a partition: each pair of them is a rule.
const MOST_SIDES: usize = 16;

impl Rules<'_> {
    pub(super) fn faults(&self) -> Result<(), ScenarioError> {
        let mut attackers = 0u64;
        for (table, fault) in self.scenario.faults() {
            self.when(table, &fault)?;
            for (key, scope) in fault.scopes() {
                self.scope(table, key, scope)?;
            }
            match &fault.what {
                Fault::Peers { who, what } => self.peer_trouble(table, &fault, who, *what)?,
                Fault::Links { what: LinkTrouble::Delay(extra), .. } => {
                    self.require(!extra.is_zero(), table, "extra", || "a delay must be some time: above zero".into())?;
                }
                Fault::Links { .. } => {}
                Fault::Partition { sides, one_way, .. } => self.partition(table, sides, *one_way)?,
                Fault::Swarm { count, near, bits, .. } => {
                    attackers += u64::from(*count);
                    self.swarm(table, attackers, near, *bits)?;
                }
            }
        }
        Contradictions::find(self)
    }

    fn when(&self, table: Table<'_>, fault: &FaultSpec) -> Result<(), ScenarioError> {
        let zero = [("for", fault.lasting), ("every", fault.every)].into_iter().find(|(_, span)| span.is_some_and(|span| span.is_zero()));
        self.require(zero.is_none(), table, zero.map_or("", |(key, _)| key), || {
            format!("`{}` must be above zero: leave it out for a fault that {}", zero.map_or("", |(key, _)| key), "is to last, or to come once")
        })?;
        self.require(fault.times.is_none() || fault.every.is_some(), table, "times", || {
            "times needs every: how long after it came it comes again".into()
        })?;
        self.require(fault.times != Some(0), table, "times", || "a fault comes at least once: times is 1 or more".into())?;
        let apart = fault.lasting.zip(fault.every).is_none_or(|(lasting, every)| lasting < every);
        self.require(apart, table, "every", || "it would come again before it is over: every must be longer than for".into())?;
        let last = fault.every.unwrap_or_default().0.saturating_mul(fault.times.unwrap_or(1) - 1);
        self.within_run(table, "at", fault.at.0.saturating_add(last).saturating_add(fault.lasts()))?;
        let many = fault.moments(self.scenario.duration).take(MOST_TIMES + 1).count() > MOST_TIMES;
        self.require(!many, table, "every", || format!("it would come more than {MOST_TIMES} times: make every longer, or say times"))
    }

    fn peer_trouble(&self, table: Table<'_>, fault: &FaultSpec, who: &Scope, what: PeerTrouble) -> Result<(), ScenarioError> {
        match what {
            PeerTrouble::Crash { .. } | PeerTrouble::Freeze => self.come_in(table, fault, who),
            PeerTrouble::Restart { .. } => self.somebody_is_down(table, fault),
            PeerTrouble::Slow { each } => self.require(!each.is_zero(), table, "each", || "a slow peer takes some time: each is above zero".into()),
            PeerTrouble::Clock { drift_ppm, .. } => self.require((-999_999.0..=1e9).contains(&drift_ppm), table, "drift_ppm", || {
                format!("a clock cannot drift by {drift_ppm} ppm: allowed is -999999 to 1000000000, it never runs backwards")
            }),
            PeerTrouble::Throttle { .. } | PeerTrouble::Disk { .. } | PeerTrouble::Byzantine { .. } => Ok(()),
        }
    }

    /// Peers that are named one by one must have come in when they are struck.
    fn come_in(&self, table: Table<'_>, fault: &FaultSpec, who: &Scope) -> Result<(), ScenarioError> {
        if who.is_all() {
            return Ok(());
        }
        let last = exact(self.scenario, who).and_then(|ranges| ranges.iter().map(|range| range.to).max()).and_then(|to| to.checked_sub(1));
        let joins = last.map(|last| (last, self.scenario.joins_at(last)));
        self.require(joins.is_none_or(|(_, joins)| joins <= fault.at), table, "at", || {
            let (last, joins) = joins.unwrap_or_default();
            format!("peer {last} has not come in yet at {}: it joins at {joins}", fault.at)
        })
    }

    fn somebody_is_down(&self, table: Table<'_>, restart: &FaultSpec) -> Result<(), ScenarioError> {
        let crashes = |fault: &FaultSpec| matches!(fault.what, Fault::Peers { what: PeerTrouble::Crash { .. }, .. }) && fault.at <= restart.at;
        let gone = self.scenario.faults().any(|(_, fault)| crashes(&fault))
            || self.scenario.churn.iter().any(|churn| self.scenario.churn_from(churn) <= restart.at);
        self.require(gone, table, "at", || format!("nobody has crashed by {}: a restart is for peers that are down", restart.at))
    }

    fn partition(&self, table: Table<'_>, sides: &[Scope], one_way: bool) -> Result<(), ScenarioError> {
        let at = |fine, message: String| self.require(fine, table, "sides", || message);
        at((1..=MOST_SIDES).contains(&sides.len()), format!("a partition has 1 to {MOST_SIDES} sides; one side is cut off from all others"))?;
        at(!sides.iter().any(Scope::is_all), "a side is everybody: nobody is left on another side".into())?;
        at(!one_way || sides.len() <= 2, "a one-way partition is from the first side to the second: it has 1 or 2 sides".into())?;
        let twice =
            (1..sides.len()).find(|i| sides[..*i].contains(&sides[*i]) && matches!(sides[*i], Scope::Group(_) | Scope::Peers(_) | Scope::Range(_)));
        at(twice.is_none(), format!("{} is on two sides", twice.map_or(String::new(), |i| sides[i].to_string())))
    }

    fn swarm(&self, table: Table<'_>, attackers: u64, near: &Near, bits: Option<u32>) -> Result<(), ScenarioError> {
        let peers = u64::from(self.scenario.peers) + attackers;
        self.require(peers <= u64::from(MAX_PEERS), table, "count", || {
            format!("with all attackers there are {peers} peers: allowed are up to {MAX_PEERS}")
        })?;
        self.require(bits.is_none_or(|bits| bits <= 256), table, "bits", || "a key has 256 bits: bits is 0 to 256".into())?;
        if let Near::Content(name) = near { self.content_name(table, "content", name) } else { Ok(()) }
    }
}
