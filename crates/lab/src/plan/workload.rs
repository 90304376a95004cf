//! From workloads to commands: who asks for what, and when.

use std::collections::BTreeSet;

use peerglass_core::{Peer, Rng, Time};
use peerglass_kad::{Name, Target};
use peerglass_stack::Command;
use peerglass_store::Cid;

use super::cast::{Members, Part, dice};
use super::churn::{Diurnal, MOST};
use super::{Asked, Fetch, Lookup, PlanError, Planner, Publish, spread};
use crate::scenario::{ContentSpec, Item, Operation, Pace, PopularitySpec, WorkloadSpec};

impl Planner<'_> {
    /// The cast of the scenario's contents.
    pub(super) fn plan_contents(&mut self, roots: &[Cid]) {
        let (mut all_publishers, mut all_fetchers) = (Vec::new(), Vec::new());
        for (number, (content, root)) in self.scenario.content.iter().zip(roots).enumerate() {
            let (publishers, fetchers) = self.cast(number, content);
            let at = Time::ZERO + content.publish_at.0;
            publishers.iter().for_each(|peer| self.publish(number, *root, *peer, at));
            for (i, peer) in fetchers.iter().enumerate() {
                let at = Time::ZERO + content.fetch_at.0 + spread(content.fetch_within, i as u32, fetchers.len() as u32);
                self.fetch(number, *root, *peer, at);
            }
            all_publishers.extend(publishers);
            all_fetchers.extend(fetchers);
        }
        self.casts.name_roles(all_publishers, all_fetchers);
    }

    /// A peer publishes or fetches a content, not both.
    fn cast(&self, number: usize, content: &ContentSpec) -> (Vec<Peer>, Vec<Peer>) {
        let rng = &mut dice(self.seed, Part::Contents, number);
        let from = self.casts.members(&content.publishers_from, rng);
        let publishers = from.draw(content.publishers as usize, rng);
        let others = self.casts.members(&content.fetchers_from, rng).without(&[&Members::of(publishers.clone())]);
        let fetchers = others.draw(content.fetchers as usize, rng);
        (publishers, fetchers)
    }

    /// `[[lookup]]`.
    pub(super) fn plan_lookups(&mut self) {
        let all = Members::Range(0, self.scenario.peers);
        for (number, lookup) in self.scenario.lookup.iter().enumerate() {
            let rng = &mut dice(self.seed, Part::Lookups, number);
            for i in 0..lookup.count {
                let at = Time::ZERO + lookup.at.0 + spread(lookup.within, i, lookup.count);
                self.look_up(&all, at, rng);
            }
        }
    }

    /// `[[workload]]`; `roots` are those of all contents, generated ones at the end.
    pub(super) fn plan_workloads(&mut self, roots: &[Cid]) -> Result<(), PlanError> {
        for (number, workload) in self.scenario.workload.iter().enumerate() {
            let rng = &mut dice(self.seed, Part::Workloads, number);
            let who = self.casts.members(&workload.who, rng);
            let times = self.times(workload, rng)?;
            match &workload.what {
                Operation::Lookup => times.iter().for_each(|at| self.look_up(&who, *at, rng)),
                Operation::Publish(item) => self.plan_publishes(item, &who, &times, roots, rng),
                Operation::Fetch(item) => self.plan_fetches(item, &who, &times, roots, rng),
            }
        }
        Ok(())
    }

    /// When a workload does something.
    fn times(&self, workload: &WorkloadSpec, rng: &mut Rng) -> Result<Vec<Time>, PlanError> {
        let end = self.scenario.duration;
        let from = workload.from.unwrap_or(self.scenario.phases.initialisation);
        let until = Time::ZERO + workload.until.unwrap_or(end).0.min(end.0);
        let start = Time::ZERO + from.0;
        let length = crate::units::Span(until.since(start));
        let day = Diurnal::new(workload.diurnal);
        let mut times = Vec::new();
        let mut at = start;
        match workload.pace {
            Pace::Count(count) => times.extend((0..count).map(|i| start + spread(length, i, count))),
            Pace::Every(every) => {
                while at < until && times.len() <= MOST && !every.is_zero() {
                    times.push(at);
                    at += every.0;
                }
            }
            Pace::Poisson(rate) => loop {
                at += crate::distribution::span(rng.exponential(1.0 / (rate.0 * day.most())));
                if at >= until || times.len() > MOST {
                    break;
                }
                if day.keeps(at, rng) {
                    times.push(at);
                }
            },
        }
        if times.len() <= MOST { Ok(times) } else { Err(PlanError::TooMuch { what: "operations of a workload", most: MOST }) }
    }

    fn plan_publishes(&mut self, item: &Item, who: &Members, times: &[Time], roots: &[Cid], rng: &mut Rng) {
        let Some((first, zipf)) = self.items(item) else { return };
        for (i, at) in times.iter().enumerate() {
            // Each item once, the most popular first; then the popular ones again, by others.
            let content = first + if i < zipf.items() { i } else { zipf.draw(rng) };
            if let (Some(root), Some(peer)) = (roots.get(content), self.somebody_without(content, who, rng)) {
                self.publish(content, *root, peer, *at);
            }
        }
    }

    fn plan_fetches(&mut self, item: &Item, who: &Members, times: &[Time], roots: &[Cid], rng: &mut Rng) {
        let Some((first, zipf)) = self.items(item) else { return };
        for at in times {
            let content = first + zipf.draw(rng);
            if let (Some(root), Some(peer)) = (roots.get(content), self.somebody_without(content, who, rng)) {
                self.fetch(content, *root, peer, *at);
            }
        }
    }

    /// The number of the first content that an item stands for, and how popular those from there on are.
    fn items(&self, item: &Item) -> Option<(usize, Zipf)> {
        match item {
            Item::Content(name) => {
                let number = self.scenario.content.iter().position(|content| content.name == *name)?;
                Some((number, Zipf::new(1, 0.0)))
            }
            Item::Popular(PopularitySpec { exponent, items, size }) => {
                let libraries = self.scenario.libraries();
                let before: u32 = libraries.iter().take_while(|library| **library != (*items, *size)).map(|(items, _)| items).sum();
                Some((self.scenario.content.len() + before as usize, Zipf::new(*items as usize, *exponent)))
            }
        }
    }

    /// A random member that neither publishes nor fetches a content yet; nobody, if a few tries find none.
    fn somebody_without(&self, content: usize, who: &Members, rng: &mut Rng) -> Option<Peer> {
        (0..20).find_map(|_| who.get(rng.index(who.len())).filter(|peer| !self.involved.contains(&(content, *peer))))
    }

    fn publish(&mut self, content: usize, root: Cid, peer: Peer, at: Time) {
        let tag = Asked::Share(self.plan.publishes.len() as u32).tag();
        self.plan.publishes.push(Publish { tag, content, peer, at });
        self.plan.commands.push((at, peer, Command::Share { tag, root }));
        self.involved.insert((content, peer));
    }

    fn fetch(&mut self, content: usize, root: Cid, peer: Peer, at: Time) {
        let tag = Asked::Fetch(self.plan.fetches.len() as u32).tag();
        self.plan.fetches.push(Fetch { tag, content, peer, at });
        self.plan.commands.push((at, peer, Command::Fetch { tag, root, sources: Vec::new() }));
        self.involved.insert((content, peer));
    }

    fn look_up(&mut self, who: &Members, at: Time, rng: &mut Rng) {
        let Some(peer) = who.get(rng.index(who.len())) else { return };
        let name = random_name(rng);
        let tag = Asked::Lookup(self.plan.lookups.len() as u32).tag();
        self.plan.lookups.push(Lookup { tag, peer, at, key: name.key() });
        self.plan.commands.push((at, peer, Command::FindNode { tag, target: Target::Name(name) }));
    }
}

/// Who publishes or fetches which content.
pub(super) type Involved = BTreeSet<(usize, Peer)>;

/// A name that nobody chose.
fn random_name(rng: &mut Rng) -> Name {
    let mut name = [0; 32];
    loop {
        rng.fill(&mut name);
        // Names of 32 bytes are always accepted; the loop only says so without a panic.
        if let Some(name) = Name::new(&name) {
            return name;
        }
    }
}

/// Items of which the i-th is drawn with a probability proportional to `i^-exponent`, i from 1.
pub(super) struct Zipf {
    /// The share of draws up to each item.
    up_to: Vec<f64>,
}

impl Zipf {
    pub(super) fn new(items: usize, exponent: f64) -> Self {
        let weights = (1..=items).scan(0.0, |sum, i| {
            *sum += libm::pow(i as f64, -exponent);
            Some(*sum)
        });
        let mut up_to: Vec<f64> = weights.collect();
        let total = up_to.last().copied().unwrap_or(1.0);
        up_to.iter_mut().for_each(|share| *share /= total);
        Self { up_to }
    }

    fn items(&self) -> usize {
        self.up_to.len()
    }

    /// The index of an item, from 0.
    pub(super) fn draw(&self, rng: &mut Rng) -> usize {
        let u = rng.unit();
        self.up_to.partition_point(|share| *share <= u).min(self.up_to.len().saturating_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_item_is_drawn_as_often_as_zipf_says() {
        let (zipf, mut rng) = (Zipf::new(100, 0.8), Rng::new(3));
        let mut counts = vec![0u32; 100];
        const DRAWS: u32 = 200_000;
        (0..DRAWS).for_each(|_| counts[zipf.draw(&mut rng)] += 1);
        let total: f64 = (1..=100).map(|i| libm::pow(f64::from(i), -0.8)).sum();
        for i in [1u32, 2, 10, 100] {
            let p = libm::pow(f64::from(i), -0.8) / total;
            let (share, error) = (f64::from(counts[i as usize - 1]) / f64::from(DRAWS), (p * (1.0 - p) / f64::from(DRAWS)).sqrt());
            assert!((share - p).abs() < 3.29 * error, "item {i}: {share}, expected {p} ± {error}");
        }
    }

    #[test]
    fn without_an_exponent_all_are_alike_and_without_items_nothing_breaks() {
        assert_eq!(Zipf::new(4, 0.0).up_to, [0.25, 0.5, 0.75, 1.0]);
        assert_eq!(Zipf::new(0, 1.0).draw(&mut Rng::new(1)), 0);
    }
}
