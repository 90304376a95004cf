//! What came of a run, in numbers: for people as text, for programs as JSON.
//!
//! Everything here is a function of version, scenario and seed; how long the computer took is not, and does not stand here.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use peerglass_core::{Peer, Time};
use peerglass_stack::Tag;
use peerglass_trace::{DropCause, Recorder, Totals};
use serde::Serialize;

use crate::host::{Answer, Answered, Catalogue};
use crate::plan::{Lookup, Plan, Publish};
use crate::run::LabSimulation;
use crate::scenario::Scenario;
use crate::units::Size;

/// What came of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Summary {
    /// The scenario's title.
    pub title: String,
    /// The seed of all dice.
    pub seed: u64,
    /// How long it ran, in virtual seconds.
    pub seconds: f64,
    /// Peers that came in.
    pub peers: usize,
    /// Peers that are down at the end. Under churn they are those who happen to be away.
    pub down_at_end: usize,
    /// How often a peer went down, by a fault, churn or a panic. One that comes and goes is counted each time.
    pub crashes: u64,
    /// Contacts in the routing tables of the living, on average.
    pub mean_contacts: f64,
    /// What was shared and fetched.
    pub contents: Vec<ContentSummary>,
    /// Fetches of generated contents, all together; none if there were none.
    pub library: Option<FetchSummary>,
    /// Lookups of random keys; none if there were none.
    pub lookups: Option<LookupSummary>,
    /// Messages by name.
    pub messages: BTreeMap<String, MessageSummary>,
    /// Lost messages, by cause.
    pub dropped: BTreeMap<String, u64>,
}

/// What came of one content.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ContentSummary {
    /// Its name.
    pub name: String,
    /// Its root.
    pub cid: String,
    /// Bytes of its files.
    pub bytes: u64,
    /// Its blocks.
    pub blocks: usize,
    /// Peers that shared it.
    pub publishers: usize,
    /// Peers that each publisher told of it, on average.
    pub mean_replicas: f64,
    /// Peers that were to fetch it.
    pub fetchers: usize,
    /// Of those: have it whole.
    pub whole: usize,
    /// Of those: have no answer and are down at the end.
    pub down_at_end: usize,
    /// Of those: gave up, or forgot it in a crash, or are not done.
    pub failed: usize,
    /// How long the whole ones took, in seconds.
    pub seconds: Option<Quantiles>,
}

/// What came of the fetches of generated contents.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct FetchSummary {
    /// How many began.
    pub fetches: usize,
    /// Of those: ended well.
    pub whole: usize,
    /// Of those: of peers that have no answer and are down at the end.
    pub down_at_end: usize,
    /// Of those: of peers that gave up, or forgot it in a crash, or are not done.
    pub failed: usize,
    /// How long the whole ones took, in seconds.
    pub seconds: Option<Quantiles>,
}

/// What came of the lookups of random keys.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LookupSummary {
    /// How many ended.
    pub ended: usize,
    /// How many have no answer: their peers were down or went down meanwhile, or the run ended first.
    pub unanswered: usize,
    /// The share of lookups that found the peer which really was closest, among the living at the end.
    pub exact: f64,
    /// The length of the path of answers that led to the closest peer.
    pub hops: Quantiles,
    /// Requests for one lookup.
    pub requests: Quantiles,
    /// How long one took, in seconds.
    pub seconds: Quantiles,
}

/// A distribution in five numbers. Quantiles are nearest-rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Quantiles {
    /// The mean.
    pub mean: f64,
    /// Half are below.
    pub p50: f64,
    /// Nine of ten are below.
    pub p90: f64,
    /// 99 of 100 are below.
    pub p99: f64,
    /// The largest.
    pub max: f64,
}

/// Messages of one name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct MessageSummary {
    /// Sent.
    pub sent: u64,
    /// Arrived.
    pub delivered: u64,
    /// Bytes sent, as the codec would write them.
    pub bytes: u64,
}

impl Quantiles {
    /// Of these numbers; `None` of none.
    #[must_use]
    pub fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let rank = |q: f64| values.get(((q * values.len() as f64).ceil() as usize).saturating_sub(1)).copied();
        Some(Self { mean: mean(&values)?, p50: rank(0.5)?, p90: rank(0.9)?, p99: rank(0.99)?, max: *values.last()? })
    }
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// What is counted: operations that begin when what is measured does, or later.
struct Measured<'a, R: Recorder> {
    from: Time,
    plan: &'a Plan,
    simulation: &'a LabSimulation<R>,
}

impl Summary {
    pub(crate) fn of<R: Recorder>(scenario: &Scenario, plan: &Plan, catalogue: &Catalogue, simulation: &LabSimulation<R>) -> Self {
        let contacts: Vec<f64> = simulation.living().map(|(_, stack)| stack.kad().contacts() as f64).collect();
        let measured = Measured { from: Time::ZERO + scenario.phases.initialisation.0, plan, simulation };
        Self {
            title: scenario.title.clone(),
            seed: simulation.seed(),
            seconds: simulation.now().as_secs_f64(),
            peers: plan.joins.len(),
            down_at_end: plan.joins.len() - contacts.len(),
            crashes: simulation.stats().crashes,
            mean_contacts: mean(&contacts).unwrap_or(0.0),
            contents: (0..scenario.content.len()).filter_map(|n| measured.content(n, scenario, catalogue)).collect(),
            library: Some(measured.fetches(|content| content >= scenario.content.len())).filter(|library| library.fetches > 0),
            lookups: measured.lookups(),
            messages: messages(&simulation.totals()),
            dropped: dropped(&simulation.totals()),
        }
    }
}

/// Messages by name.
#[must_use]
pub fn messages(totals: &Totals) -> BTreeMap<String, MessageSummary> {
    let summary = |m: peerglass_trace::MessageTotal| MessageSummary { sent: m.sent, delivered: m.delivered, bytes: m.bytes_sent };
    totals.messages().into_iter().map(|(name, total)| (name.to_owned(), summary(total))).collect()
}

fn dropped(totals: &Totals) -> BTreeMap<String, u64> {
    totals.drop_causes().filter(|(_, count)| *count > 0).map(|(cause, count): (DropCause, u64)| (cause.name().to_owned(), count)).collect()
}

impl<R: Recorder> Measured<'_, R> {
    fn content(&self, n: usize, scenario: &Scenario, catalogue: &Catalogue) -> Option<ContentSummary> {
        let dag = catalogue.content(n)?;
        let publishes: Vec<&Publish> = self.plan.publishes.iter().filter(|publish| publish.content == n).collect();
        let measured = publishes.iter().filter(|publish| publish.at >= self.from);
        let replicas: Vec<f64> = measured.filter_map(|publish| self.replicas(publish)).collect();
        let FetchSummary { fetches, whole, down_at_end, failed, seconds } = self.fetches(|content| content == n);
        Some(ContentSummary {
            name: scenario.content[n].name.clone(),
            cid: dag.root().to_string(),
            bytes: dag.bytes(),
            blocks: dag.len(),
            publishers: publishes.len(),
            mean_replicas: mean(&replicas).unwrap_or(0.0),
            fetchers: fetches,
            whole,
            down_at_end,
            failed,
            seconds,
        })
    }

    /// Peers that a publisher told.
    fn replicas(&self, publish: &Publish) -> Option<f64> {
        self.answer(publish.peer, publish.tag)
            .and_then(|asked| if let Answer::Shared { replicas } = &asked.answer { Some(*replicas as f64) } else { None })
    }

    fn fetches(&self, of: impl Fn(usize) -> bool) -> FetchSummary {
        let mut summary = FetchSummary::default();
        let mut seconds = Vec::new();
        for fetch in self.plan.fetches.iter().filter(|fetch| of(fetch.content) && fetch.at >= self.from) {
            summary.fetches += 1;
            match self.answer(fetch.peer, fetch.tag) {
                Some(asked) if matches!(asked.answer, Answer::Fetched(_)) => {
                    summary.whole += 1;
                    seconds.push(asked.at.since(fetch.at).as_secs_f64());
                }
                Some(_) => summary.failed += 1,
                None if self.simulation.alive(fetch.peer) => summary.failed += 1,
                None => summary.down_at_end += 1,
            }
        }
        summary.seconds = Quantiles::of(seconds);
        summary
    }

    fn lookups(&self) -> Option<LookupSummary> {
        let (mut hops, mut requests, mut seconds, mut exact, mut began) = (Vec::new(), Vec::new(), Vec::new(), 0.0, 0);
        for lookup in self.plan.lookups.iter().filter(|lookup| lookup.at >= self.from) {
            began += 1;
            let Some(asked) = self.answer(lookup.peer, lookup.tag) else { continue };
            let Answer::Nodes { hops: path, requests: cost, closest } = &asked.answer else { continue };
            hops.push(f64::from(*path));
            requests.push(f64::from(*cost));
            seconds.push(asked.at.since(lookup.at).as_secs_f64());
            exact += f64::from(u8::from(is_exact(lookup, closest, self.simulation)));
        }
        let ended = hops.len();
        Some(LookupSummary {
            ended,
            unanswered: began - ended,
            exact: exact / ended as f64,
            hops: Quantiles::of(hops)?,
            requests: Quantiles::of(requests)?,
            seconds: Quantiles::of(seconds)?,
        })
    }

    fn answer(&self, peer: Peer, tag: Tag) -> Option<&Answered> {
        self.simulation.host(peer)?.answers().iter().find(|asked| asked.tag == tag)
    }
}

/// Whether the first living peer that a lookup found is the closest of all the living but the one that looked.
fn is_exact<R: Recorder>(lookup: &Lookup, closest: &[Peer], simulation: &LabSimulation<R>) -> bool {
    let found = closest.iter().copied().find(|peer| simulation.alive(*peer));
    let truly = simulation.living().map(|(peer, _)| peer).filter(|peer| *peer != lookup.peer).min_by_key(|peer| simulation.key(*peer) ^ lookup.key);
    found == truly
}

/// Seconds for people.
pub(crate) fn seconds(value: f64) -> String {
    format!("{:.2?}", Duration::from_secs_f64(value.max(0.0)))
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.title)?;
        writeln!(f, "  seed {}, {} of virtual time", self.seed, seconds(self.seconds))?;
        writeln!(
            f,
            "  peers      {} came in, {} down at the end, {} crashes; {:.0} contacts in a routing table on average",
            self.peers, self.down_at_end, self.crashes, self.mean_contacts
        )?;
        for content in &self.contents {
            content.fmt(f)?;
        }
        if let Some(library) = &self.library {
            write!(
                f,
                "  library    {} of {} fetches whole, {} down at the end, {} failed",
                library.whole, library.fetches, library.down_at_end, library.failed
            )?;
            write_quantiles(f, library.seconds.as_ref())?;
        }
        if let Some(lookups) = &self.lookups {
            lookups.fmt(f)?;
        }
        writeln!(f, "  messages   {:<22} {:>10} {:>10} {:>12}", "", "sent", "delivered", "bytes sent")?;
        for (name, total) in &self.messages {
            writeln!(f, "             {name:<22} {:>10} {:>10} {:>12}", total.sent, total.delivered, Size(total.bytes))?;
        }
        let dropped: Vec<String> = self.dropped.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
        writeln!(f, "  dropped    {}", if dropped.is_empty() { "none".to_owned() } else { dropped.join(", ") })
    }
}

impl fmt::Display for ContentSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  content    {}: {} in {} blocks, {}", self.name, Size(self.bytes), self.blocks, self.cid)?;
        writeln!(f, "             {} publishers, each told {:.1} peers", self.publishers, self.mean_replicas)?;
        write!(f, "  fetches    {} of {} whole, {} down at the end, {} failed", self.whole, self.fetchers, self.down_at_end, self.failed)?;
        write_quantiles(f, self.seconds.as_ref())
    }
}

fn write_quantiles(f: &mut fmt::Formatter<'_>, of: Option<&Quantiles>) -> fmt::Result {
    match of {
        Some(s) => writeln!(f, "; took {} (median), {} (90 %), {} at most", seconds(s.p50), seconds(s.p90), seconds(s.max)),
        None => writeln!(f),
    }
}

impl fmt::Display for LookupSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "  lookups    {} ended, {} unanswered; hops {:.2} on average, {} at most; {:.1} requests; {} (median); {:.1} % found the closest peer",
            self.ended,
            self.unanswered,
            self.hops.mean,
            self.hops.max,
            self.requests.mean,
            seconds(self.seconds.p50),
            self.exact * 100.0
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_rank() {
        let q = Quantiles::of((1..=100).map(f64::from).rev().collect()).unwrap();
        assert_eq!((q.mean, q.p50, q.p90, q.p99, q.max), (50.5, 50.0, 90.0, 99.0, 100.0));
        assert_eq!(Quantiles::of(vec![7.0]).map(|q| (q.p50, q.max)), Some((7.0, 7.0)));
        assert_eq!(Quantiles::of(Vec::new()), None);
    }
}
