//! Whether a scenario fits into this computer's memory, before it starts.
//!
//! A run that is killed after ten minutes for want of memory has said nothing. The estimate is linear: so many bytes a peer, an operation, a fault, a block. It is
//! rough on purpose and errs on the large side; `peerglass sim --force` starts all the same.

use std::path::PathBuf;

use thiserror::Error;

use crate::plan::distribution_of;
use crate::scenario::{ChurnSpec, Fault, Pace, Scenario, Table, WorkloadSpec};
use crate::units::Size;

/// Resident bytes of a joined Kademlia peer with k = 20, with everything the engine keeps for it, rounded up. Measured with `/usr/bin/time -f %M peerglass sim` and a
/// scenario of nothing but joins (`[join] within = "60 s"`, 120 s, log-normal latency of 40 ms): 118,904 KiB at `--peers 20000` and 605,604 KiB at `--peers 100000`, which
/// is 6,230 bytes for each peer more.
const PEER: u64 = 7_000;
/// Bytes of an operation: its command and its place in the queue.
const OPERATION: u64 = 400;
/// Bytes of a strike: in the plan, and in the queue.
const STRIKE: u64 = 120;
/// Bytes of a block of a content: its CID, its size, and its place in two indexes.
const BLOCK: u64 = 350;
/// Bytes that are there without any peers.
const BASE: u64 = 32 << 20;

/// Why a scenario should not be started here.
#[derive(Debug, Error)]
#[error(
    "{}:{line}: {peers} peers would need about {needed} of memory, and {available} are free: give fewer with --peers, or start all the same with --force",
    file.display()
)]
pub struct MemoryError {
    /// The scenario file.
    pub file: PathBuf,
    /// Its line that says how many peers there are.
    pub line: usize,
    /// How many peers.
    pub peers: u32,
    /// The estimate.
    pub needed: Size,
    /// What this computer has to give.
    pub available: Size,
}

/// Whether `scenario` fits into what this computer has to give, as far as that is known.
pub fn check(scenario: &Scenario) -> Result<(), MemoryError> {
    check_times(scenario, 1)
}

/// Whether so many runs of `scenario` fit at once.
pub fn check_times(scenario: &Scenario, runs: u64) -> Result<(), MemoryError> {
    match available() {
        Some(available) => fits(scenario, Size(available.0 / runs.max(1))),
        None => Ok(()),
    }
}

fn fits(scenario: &Scenario, available: Size) -> Result<(), MemoryError> {
    let needed = scenario.memory_estimate();
    if needed <= available {
        return Ok(());
    }
    let line = scenario.origin.line_of(Table::TOP, "peers");
    Err(MemoryError { file: scenario.origin.file.clone(), line, peers: scenario.peers, needed, available })
}

/// What a new program can have without others being pushed out: on Linux `MemAvailable`; elsewhere unknown.
#[must_use]
pub fn available() -> Option<Size> {
    std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| in_meminfo(&text))
}

fn in_meminfo(text: &str) -> Option<Size> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(Size(kib.saturating_mul(1024)))
}

impl Scenario {
    /// About how much memory a run takes, recording not counted.
    #[must_use]
    pub fn memory_estimate(&self) -> Size {
        let times = |count: f64, bytes: u64| (count * bytes as f64) as u64;
        let blocks: u64 = self.libraries().iter().map(|(items, size)| u64::from(*items).saturating_mul(size.0.div_ceil(1 << 20).max(1))).sum();
        let parts = [times(self.everybody(), PEER), times(self.operations(), OPERATION), times(self.strikes(), STRIKE), blocks.saturating_mul(BLOCK)];
        Size(parts.iter().fold(BASE, |sum, part| sum.saturating_add(*part)))
    }

    /// Peers and attackers.
    fn everybody(&self) -> f64 {
        let attackers = |fault: &Fault| if let Fault::Swarm { count, .. } = fault { f64::from(*count) } else { 0.0 };
        f64::from(self.peers) + self.fault.iter().map(|fault| attackers(&fault.what)).sum::<f64>()
    }

    fn operations(&self) -> f64 {
        let contents: f64 = self.content.iter().map(|content| f64::from(content.publishers) + f64::from(content.fetchers)).sum();
        let lookups: f64 = self.lookup.iter().map(|lookup| f64::from(lookup.count)).sum();
        let of = |workload: &WorkloadSpec| {
            let until = workload.until.unwrap_or(self.duration).0.min(self.duration.0);
            let seconds = until.saturating_sub(workload.from.unwrap_or(self.phases.initialisation).0).as_secs_f64();
            match workload.pace {
                Pace::Poisson(rate) => rate.0 * seconds,
                Pace::Every(every) => seconds / every.0.as_secs_f64().max(1e-9),
                Pace::Count(count) => f64::from(count),
            }
        };
        contents + lookups + self.workload.iter().map(of).sum::<f64>()
    }

    /// As if every fault concerned everybody who is in its scope at most.
    fn strikes(&self) -> f64 {
        let of = |churn: &ChurnSpec| {
            let seconds = self.duration.0.saturating_sub(self.churn_from(churn).0).as_secs_f64();
            let mean = |spec| distribution_of(spec).mean();
            match (&churn.downtime, &churn.interarrival) {
                (Some(downtime), _) => 2.0 * f64::from(self.peers) * (1.0 + seconds / (mean(&churn.session) + mean(downtime))),
                (None, Some(gap)) => 2.0 * (f64::from(self.peers) + seconds / mean(gap)),
                (None, None) => 0.0,
            }
        };
        let faults = self.faults().map(|(_, fault)| {
            let times = fault.moments(self.duration).take(1_000_000).count() as f64;
            let struck = |who| crate::check::size(self, who).unwrap_or(self.peers);
            let each = if let Fault::Peers { who, .. } = &fault.what { f64::from(struck(who)) } else { 1.0 };
            2.0 * times * each
        });
        self.churn.iter().map(of).sum::<f64>() + faults.sum::<f64>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario(peers: u32) -> Scenario {
        let text = format!("title = \"t\"\npeers = {peers}\nduration = \"60 s\"");
        Scenario::parse(&text, "big.toml".as_ref()).unwrap()
    }

    #[test]
    fn a_million_peers_need_gigabytes_and_a_hundred_next_to_nothing() {
        assert!((5 << 30..10 << 30).contains(&scenario(1_000_000).memory_estimate().0));
        assert!(scenario(100).memory_estimate().0 < 40 << 20);
    }

    #[test]
    fn what_does_not_fit_is_refused_with_file_line_and_remedy() {
        let error = fits(&scenario(1_000_000), Size(1 << 30)).unwrap_err().to_string();
        for part in ["big.toml:2: 1000000 peers", "1.0 GiB are free", "--peers", "--force"] {
            assert!(error.contains(part), "{error}");
        }
        fits(&scenario(1_000), Size(1 << 30)).unwrap();
    }

    #[test]
    fn churn_that_lasts_long_is_counted() {
        let churn = "\n[churn]\nsession = { kind = \"exponential\", mean = \"1 min\" }\ndowntime = { kind = \"exponential\", mean = \"1 min\" }";
        let text = format!("title = \"t\"\npeers = 10000\nduration = \"10 h\"{churn}");
        let with = Scenario::parse(&text, "x.toml".as_ref()).unwrap().memory_estimate();
        // 10,000 peers go and come back 300 times each.
        assert!(with.0 > scenario(10_000).memory_estimate().0 + 6_000_000 * STRIKE - (1 << 20));
    }

    #[test]
    fn the_kernels_words_are_understood() {
        assert_eq!(in_meminfo("MemTotal: 10 kB\nMemAvailable:    2048 kB\n"), Some(Size(2 << 20)));
        assert_eq!(in_meminfo("MemTotal: 10 kB"), None);
    }
}
