//! Rules about `[[content]]`, `[[lookup]]` and `[[workload]]`.

use super::Rules;
use super::groups::{exact, size};
use crate::plan::MOST;
use crate::scenario::{ContentSpec, FETCHERS, Item, Operation, PUBLISHERS, Pace, PeerRange, PopularitySpec, ScenarioError, Table, WorkloadSpec};

/// The most generated contents: each is a DAG that is kept in memory.
const MOST_ITEMS: u32 = 100_000;
/// The most bytes of generated contents, by the blocks they are made of.
const MOST_BYTES: u128 = 1 << 43;

impl Rules<'_> {
    pub(super) fn contents(&self) -> Result<(), ScenarioError> {
        self.scenario.content.iter().enumerate().try_for_each(|(i, content)| self.content(Table::nth("content", i), content))
    }

    fn content(&self, table: Table<'_>, content: &ContentSpec) -> Result<(), ScenarioError> {
        let at = |key, fine, message: &str| self.require(fine, table, key, || message.to_owned());
        at(
            "name",
            content.path.is_some() != content.size.is_some(),
            "content needs either a path (a real file or directory) or a size, and not both",
        )?;
        at("publishers", content.publishers >= 1, "content needs at least one publisher")?;
        for (key, scope) in [("publishers_from", &content.publishers_from), ("fetchers_from", &content.fetchers_from)] {
            self.scope(table, key, scope)?;
            let circular = scope.group().is_some_and(|name| [PUBLISHERS, FETCHERS].contains(&name));
            at(key, !circular, "publishers and fetchers are chosen from other groups: name one of those, or `all`")?;
        }
        self.enough(table, content)?;
        at("fetch_at", content.fetchers == 0 || content.fetch_at >= content.publish_at, "nobody can fetch before publish_at")?;
        self.times(table, &[("publish_at", content.publish_at)])?;
        self.times(table, &[("fetch_at", content.fetch_at), ("fetch_within", content.fetch_within)])
    }

    /// A peer publishes or fetches, not both.
    fn enough(&self, table: Table<'_>, content: &ContentSpec) -> Result<(), ScenarioError> {
        let (wanted, peers) = (u64::from(content.publishers) + u64::from(content.fetchers), self.scenario.peers);
        self.require(wanted <= u64::from(peers), table, "publishers", || {
            format!("{wanted} publishers and fetchers are asked for, but there are {peers} peers: a peer is one or the other")
        })?;
        let count = |scope| size(self.scenario, scope).unwrap_or(peers);
        let publishers = count(&content.publishers_from);
        self.require(content.publishers <= publishers, table, "publishers", || {
            format!("{} publishers are asked for, but there are {publishers} of {}", content.publishers, content.publishers_from)
        })?;
        let apart = match (exact(self.scenario, &content.publishers_from), exact(self.scenario, &content.fetchers_from)) {
            (Some(publishers), Some(fetchers)) => disjoint(&publishers, &fetchers),
            _ => false,
        };
        let taken = if apart { 0 } else { content.publishers };
        let fetchers = count(&content.fetchers_from).saturating_sub(taken);
        self.require(content.fetchers <= fetchers, table, "fetchers", || {
            format!("{} fetchers are asked for, but there may be only {fetchers} of {} that do not publish", content.fetchers, content.fetchers_from)
        })
    }

    pub(super) fn lookups(&self) -> Result<(), ScenarioError> {
        let lookups = self.scenario.lookup.iter().enumerate();
        lookups.into_iter().try_for_each(|(i, lookup)| self.times(Table::nth("lookup", i), &[("at", lookup.at), ("within", lookup.within)]))
    }

    pub(super) fn workloads(&self) -> Result<(), ScenarioError> {
        for (i, workload) in self.scenario.workload.iter().enumerate() {
            let table = Table::nth("workload", i);
            self.scope(table, "who", &workload.who)?;
            let (from, until) = (workload.from.unwrap_or(self.scenario.phases.initialisation), workload.until.unwrap_or(self.scenario.duration));
            self.times(table, &[("from", from)])?;
            self.times(table, &[("until", until)])?;
            self.require(from <= until, table, "until", || format!("a workload cannot stop before it begins, at {from}"))?;
            workload.diurnal.iter().try_for_each(|day| self.diurnal(table, day))?;
            self.pace(table, workload, until.0.saturating_sub(from.0).as_secs_f64())?;
            match workload.what.item() {
                None => {}
                Some(Item::Content(name)) => self.content_name(table, "content", name)?,
                Some(Item::Popular(popularity)) => self.popularity(table, workload, popularity)?,
            }
        }
        Ok(())
    }

    fn pace(&self, table: Table<'_>, workload: &WorkloadSpec, seconds: f64) -> Result<(), ScenarioError> {
        let (key, operations) = match workload.pace {
            Pace::Poisson(rate) => ("rate", rate.0 * seconds),
            Pace::Every(every) => {
                self.require(!every.is_zero(), table, "every", || "operations need some time between them: every is above zero".into())?;
                ("every", seconds / every.0.as_secs_f64())
            }
            Pace::Count(count) => ("count", f64::from(count)),
        };
        self.require(operations <= MOST as f64 / 2.0, table, key, || {
            format!("this would be about {operations:.0} operations: allowed are up to {}", MOST / 2)
        })
    }

    pub(super) fn content_name(&self, table: Table<'_>, key: &str, name: &str) -> Result<(), ScenarioError> {
        let names: Vec<&str> = self.scenario.content.iter().map(|content| content.name.as_str()).collect();
        self.require(names.contains(&name), table, key, || match names[..] {
            [] => format!("there is no content `{name}`: the scenario has no [[content]]"),
            _ => format!("there is no content `{name}`: there are {}", names.join(", ")),
        })
    }

    fn popularity(&self, table: Table<'_>, workload: &WorkloadSpec, popularity: &PopularitySpec) -> Result<(), ScenarioError> {
        let at = |fine, message: String| self.require(fine, table, "popularity", || message);
        at((1..=MOST_ITEMS).contains(&popularity.items), format!("items must be 1 to {MOST_ITEMS}"))?;
        at((0.0..=10.0).contains(&popularity.exponent), "the exponent must be 0.0 to 10.0".into())?;
        let bytes = u128::from(popularity.items) * u128::from(popularity.size.0);
        at(bytes <= MOST_BYTES, format!("items of {} are {} TiB in all: allowed are up to {}", popularity.size, bytes >> 40, MOST_BYTES >> 40))?;
        let same = |other: &WorkloadSpec| match &other.what {
            Operation::Publish(Item::Popular(published)) => (published.items, published.size) == (popularity.items, popularity.size),
            _ => false,
        };
        let is_fetch = matches!(workload.what, Operation::Fetch(_));
        at(
            !is_fetch || self.scenario.workload.iter().any(same),
            "nobody publishes these items: add a workload of kind \"publish\" with the same items and size".into(),
        )
    }
}

fn disjoint(a: &[PeerRange], b: &[PeerRange]) -> bool {
    let mut all: Vec<(PeerRange, bool)> = a.iter().map(|range| (*range, true)).chain(b.iter().map(|range| (*range, false))).collect();
    all.sort_by_key(|(range, _)| range.from);
    // Ranges of one set may touch or overlap among themselves; what counts is how far each set reaches.
    let mut reach = [0, 0];
    all.iter().all(|(range, first)| {
        let (own, other) = (usize::from(*first), usize::from(!*first));
        reach[own] = reach[own].max(range.to);
        range.from >= reach[other]
    })
}
