//! From scenario to plan: which peer does what, and when, to the nanosecond.
//!
//! The dice are thrown here, once, before the run: who publishes, who fetches, who dies. The plan is a function of scenario and seed alone, so two runs that
//! differ in a parameter of the network still have the same cast.

use std::time::Duration;

use peerglass_core::{Key, Peer, Rng, Time};
use peerglass_kad::{Name, Target};
use peerglass_stack::{Command, Tag};
use peerglass_store::Cid;

use crate::Scenario;
use crate::scenario::ContentSpec;
use crate::units::Span;

/// The dice of plans are apart from those of the run.
const PLAN: u64 = 0x706c_616e;

/// Everything that will be done to the peers of a run.
#[derive(Clone, Debug, Default)]
pub struct Plan {
    /// When each peer comes in, by handle, and whom it knows then.
    pub joins: Vec<(Time, Vec<Peer>)>,
    /// What peers are asked to do.
    pub commands: Vec<(Time, Peer, Command)>,
    /// Who publishes what: (content, peer).
    pub publishers: Vec<(usize, Peer)>,
    /// Who fetches what: (content, peer, when).
    pub fetchers: Vec<(usize, Peer, Time)>,
    /// Lookups of random keys.
    pub lookups: Vec<Lookup>,
    /// Who dies.
    pub crashes: Vec<(Time, Peer)>,
}

/// A lookup of a random key.
#[derive(Clone, Copy, Debug)]
pub struct Lookup {
    /// Of its command.
    pub tag: Tag,
    /// Who looks.
    pub peer: Peer,
    /// When it begins.
    pub at: Time,
    /// The key looked for.
    pub key: Key,
}

/// What a tag is of. The kind stands in the high half, a number in the low.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// To share the content with this number.
    Share(u32),
    /// To fetch the content with this number.
    Fetch(u32),
    /// The lookup with this number.
    Lookup(u32),
}

impl Asked {
    /// The tag that says so.
    #[must_use]
    pub fn tag(self) -> Tag {
        match self {
            Asked::Share(n) => 1 << 32 | Tag::from(n),
            Asked::Fetch(n) => 2 << 32 | Tag::from(n),
            Asked::Lookup(n) => 3 << 32 | Tag::from(n),
        }
    }

    /// What `tag` says, if it is one of a plan.
    #[must_use]
    pub fn of(tag: Tag) -> Option<Self> {
        let number = tag as u32;
        match tag >> 32 {
            1 => Some(Asked::Share(number)),
            2 => Some(Asked::Fetch(number)),
            3 => Some(Asked::Lookup(number)),
            _ => None,
        }
    }
}

impl Plan {
    /// The plan of `scenario` under `seed`; `roots` are the roots of its contents, in order.
    #[must_use]
    pub fn new(scenario: &Scenario, seed: u64, roots: &[Cid]) -> Self {
        let mut plan = Plan::default();
        let mut rng = Rng::new(seed ^ PLAN);
        plan.plan_joins(scenario, &mut rng);
        for (number, (content, root)) in scenario.content.iter().zip(roots).enumerate() {
            plan.plan_content(scenario, number, content, *root, &mut rng);
        }
        plan.plan_lookups(scenario, &mut rng);
        plan.plan_crashes(scenario, &mut rng);
        plan
    }

    fn plan_joins(&mut self, scenario: &Scenario, rng: &mut Rng) {
        for i in 0..scenario.peers {
            let at = Time::ZERO + spread(scenario.join.within, i, scenario.peers);
            let mut contacts: Vec<Peer> = (0..scenario.join.contacts.min(i as usize)).map(|_| Peer(rng.below(u64::from(i)) as u32)).collect();
            contacts.sort_unstable();
            contacts.dedup();
            self.joins.push((at, contacts));
        }
    }

    fn plan_content(&mut self, scenario: &Scenario, number: usize, content: &ContentSpec, root: Cid, rng: &mut Rng) {
        let cast = draw(scenario.peers, content.publishers + content.fetchers, rng);
        let (publishers, fetchers) = cast.split_at(content.publishers.min(cast.len() as u32) as usize);
        let at = Time::ZERO + content.publish_at.0;
        for peer in publishers {
            self.publishers.push((number, *peer));
            self.commands.push((at, *peer, Command::Share { tag: Asked::Share(number as u32).tag(), root }));
        }
        for (i, peer) in fetchers.iter().enumerate() {
            let at = Time::ZERO + content.fetch_at.0 + spread(content.fetch_within, i as u32, content.fetchers);
            self.fetchers.push((number, *peer, at));
            self.commands.push((at, *peer, Command::Fetch { tag: Asked::Fetch(number as u32).tag(), root, sources: Vec::new() }));
        }
    }

    fn plan_lookups(&mut self, scenario: &Scenario, rng: &mut Rng) {
        let mut number = 0;
        for lookup in &scenario.lookup {
            for i in 0..lookup.count {
                if scenario.peers == 0 {
                    return;
                }
                let at = Time::ZERO + lookup.at.0 + spread(lookup.within, i, lookup.count);
                let peer = Peer(rng.below(u64::from(scenario.peers)) as u32);
                let tag = Asked::Lookup(number).tag();
                number += 1;
                let name = random_name(rng);
                self.lookups.push(Lookup { tag, peer, at, key: name.key() });
                self.commands.push((at, peer, Command::FindNode { tag, target: Target::Name(name) }));
            }
        }
    }

    fn plan_crashes(&mut self, scenario: &Scenario, rng: &mut Rng) {
        for crash in &scenario.crash {
            let count = (f64::from(scenario.peers) * crash.fraction.0).round() as u32;
            for (i, peer) in draw(scenario.peers, count, rng).into_iter().enumerate() {
                self.crashes.push((Time::ZERO + crash.at.0 + spread(crash.within, i as u32, count), peer));
            }
        }
    }
}

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

/// The `i`-th of `count` moments spread evenly over a span, the first at its start.
fn spread(within: Span, i: u32, count: u32) -> Duration {
    Duration::from_nanos((within.0.as_nanos() * u128::from(i) / u128::from(count.max(1))) as u64)
}

/// `count` different peers out of `peers`, in random order (a partial Fisher-Yates shuffle).
fn draw(peers: u32, count: u32, rng: &mut Rng) -> Vec<Peer> {
    let mut all: Vec<Peer> = (0..peers).map(Peer).collect();
    let count = count.min(peers) as usize;
    for i in 0..count {
        let j = i + rng.index(all.len() - i);
        all.swap(i, j);
    }
    all.truncate(count);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

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

    fn plan(seed: u64) -> Plan {
        let scenario = Scenario::parse(TEXT, "x.toml".as_ref()).unwrap();
        Plan::new(&scenario, seed, &[Cid::default()])
    }

    #[test]
    fn the_cast_is_as_large_as_asked_and_nobody_plays_two_parts() {
        let plan = plan(1);
        assert_eq!((plan.publishers.len(), plan.fetchers.len(), plan.crashes.len()), (5, 20, 10));
        let mut peers: Vec<Peer> = plan.publishers.iter().map(|(_, p)| *p).chain(plan.fetchers.iter().map(|(_, p, _)| *p)).collect();
        peers.sort_unstable();
        peers.dedup();
        assert_eq!(peers.len(), 25);
    }

    #[test]
    fn nobody_knows_a_peer_that_comes_later() {
        for (i, (_, contacts)) in plan(2).joins.iter().enumerate() {
            assert!(contacts.iter().all(|contact| contact.index() < i), "peer {i} knows {contacts:?}");
            assert!(i == 0 || !contacts.is_empty());
        }
    }

    #[test]
    fn the_seed_decides_and_nothing_else() {
        assert_eq!(format!("{:?}", plan(3)), format!("{:?}", plan(3)));
        assert_ne!(format!("{:?}", plan(3).publishers), format!("{:?}", plan(4).publishers));
    }
}
