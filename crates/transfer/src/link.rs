//! What is measured of one source: its rate, its window, and when it is late.
//!
//! **Window.** How many want-blocks are outstanding. Too few leave the pipe empty, too many let a slow source hoard wants that others could serve.
//! What is steered is therefore not the number but the *time* that a want waits in the source's queue, as TCP Vegas does (Brakmo and Peterson, 1995)
//! and LEDBAT (RFC 6817): an answer that came sooner than the smallest latency plus [`Config::queue_time`] lets the window grow by one, a later one
//! shrinks it by one, a timeout halves it.
//!
//! **Late.** Sixty-three blocks of 1 MiB queued before one on a slow link do not make it late. So a deadline is the time that an answer takes
//! (twice the usual latency, plus slack) and three times what the bytes before it take at the measured rate:
//!
//! ```text
//!   deadline(want) = asked + answer + 3 * (bytes before it + its own) / rate
//!   silent         = last heard + answer + 3 * one block / rate              whichever is first
//! ```
//!
//! A source that is the only one gets eight times as long. One timer is armed per source, for the earliest deadline, and not one per want.
//!
//! **Overdue.** Where another source is idle, a want that its source has probably lost need not wait for a deadline. Answers come in the order of
//! the wants, so a want that a later one overtook is expected at once; any other when the source is through with what lies before it. Once it is
//! later than that by four mean deviations of the latency (RFC 6298) it may be asked of another ([`Link::is_overdue`]). Less would be impatience:
//! every want that is moved although its answer is on the way is a block sent twice.

use core::time::Duration;
use std::collections::VecDeque;

use peerglass_core::{Peer, Time};
use peerglass_store::Cid;
use smallvec::SmallVec;

use crate::outbox::LINE;
use crate::pace::{Pace, span};
use crate::{Config, RAW};

/// How many wants that were taken back are remembered, to know a late answer from rubbish.
const RECENT: usize = 256;
/// A source that is the only one gets this many times longer: there is nobody to fall back to, and asking twice would only make it send twice.
const ALONE: u32 = 8;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) cid: Cid,
    pub(crate) at: Time,
    ahead: u64,
    /// When a want that was asked later was answered first.
    overtaken: Option<Time>,
}

/// What the sources that are measured teach, now, about one that is not.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usual<'c> {
    now: Time,
    config: &'c Config,
    /// What is nothing unusual for half of them.
    latency: Duration,
    /// The size of a leaf, if one came.
    leaf: Option<u64>,
    /// The rate of the fastest.
    rate: Option<u64>,
}

#[derive(Clone, Debug)]
pub(crate) struct Link {
    asks: VecDeque<Ask>,
    probes: VecDeque<(Cid, Time)>,
    recent: VecDeque<Cid>,
    window: u32,
    /// Whether the window is being filled: from when a message's worth of room is there until there is none.
    filling: bool,
    pace: Pace,
    latency: Option<Duration>,
    /// The mean deviation from it.
    deviation: Duration,
    base: Option<Duration>,
    /// The sizes that blocks with links, and leaves, are taken to have.
    sizes: [u64; 2],
    heard: Time,
    /// How many wants were moved away as overdue since it was last heard.
    doubts: u32,
    pub(crate) silences: u32,
    pub(crate) strikes: u32,
    pub(crate) greeted: bool,
    /// Whether it is the only source there is.
    pub(crate) alone: bool,
    pub(crate) armed: Option<Time>,
}

impl Link {
    pub(crate) fn new(now: Time, config: &Config) -> Self {
        Self {
            asks: VecDeque::new(),
            probes: VecDeque::new(),
            recent: VecDeque::new(),
            window: config.window_start.max(1),
            filling: true,
            pace: Pace::default(),
            latency: None,
            deviation: Duration::ZERO,
            base: None,
            sizes: [0; 2],
            heard: now,
            doubts: 0,
            silences: 0,
            strikes: 0,
            greeted: false,
            alone: false,
            armed: None,
        }
    }

    pub(crate) fn asks(&self) -> impl ExactSizeIterator<Item = &Ask> {
        self.asks.iter()
    }

    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    pub(crate) fn is_free(&self) -> bool {
        self.filling && self.asks.len() < self.window as usize
    }

    /// Whether it is known to answer, and nothing that it owes is in doubt: then wants of others may be moved to it.
    pub(crate) fn is_sound(&self, usual: &Usual<'_>) -> bool {
        self.is_free() && self.doubts == 0 && self.latency.is_some() && !self.is_overdue(0, usual)
    }

    /// When one more block is expected, if it is asked for now. A source that was never asked looks good, so that it gets measured; one that was asked
    /// and did not answer yet is expected to take as long again as it did already.
    pub(crate) fn eta(&self, usual: &Usual<'_>) -> Duration {
        let blocks = self.asks.len() as u64 + 1;
        let Some(base) = self.base.or(self.latency) else {
            let waited = self.asks.front().map_or(Duration::ZERO, |ask| usual.now.since(ask.at));
            return Duration::from_millis(blocks) + waited + self.doubt();
        };
        let size = self.leaf().or(usual.leaf).unwrap_or(self.size());
        base + span(blocks * size, self.pace.rate().unwrap_or(usual.config.rate_assumed)) + self.doubt()
    }

    /// When it would be done if it got `backlog` more blocks.
    pub(crate) fn finish(&self, backlog: usize) -> Duration {
        let Some(rate) = self.pace.rate() else { return Duration::MAX };
        let blocks = (self.asks.len() as u64).saturating_add(backlog as u64);
        self.base.unwrap_or_default() + span(blocks.saturating_mul(self.size()), rate) + self.doubt()
    }

    /// What is added to its times when it did not answer lately.
    fn doubt(&self) -> Duration {
        Duration::from_secs(1) * (self.doubts + 5 * self.silences).min(60)
    }

    /// How long the `index`-th outstanding block is to be waited for. For one that is overdue, that is taken to be as long as it was waited for already.
    pub(crate) fn left(&self, index: usize, usual: &Usual<'_>) -> Duration {
        let Some(ask) = self.asks.get(index) else { return Duration::ZERO };
        if self.is_overdue(index, usual) {
            return usual.now.since(ask.at);
        }
        // Only what was measured says that a source is slow before it is late.
        self.pace.rate().map_or(Duration::ZERO, |_| self.expected(index, ask, usual).since(usual.now))
    }

    /// Whether the `index`-th outstanding block is so late that the want or the answer was probably lost.
    pub(crate) fn is_overdue(&self, index: usize, usual: &Usual<'_>) -> bool {
        self.overdue_at(index, usual).is_some_and(|at| at <= usual.now)
    }

    /// When, from now on, an outstanding block will next be overdue.
    pub(crate) fn next_overdue(&self, usual: &Usual<'_>) -> Option<Time> {
        (0..self.asks.len()).filter_map(|index| self.overdue_at(index, usual)).find(|at| *at > usual.now)
    }

    fn overdue_at(&self, index: usize, usual: &Usual<'_>) -> Option<Time> {
        let ask = self.asks.get(index)?;
        let deviation = if self.latency.is_some() { 4 * self.deviation } else { usual.latency / 4 };
        Some(self.expected(index, ask, usual) + deviation.max(usual.config.move_gain))
    }

    fn expected(&self, index: usize, ask: &Ask, usual: &Usual<'_>) -> Time {
        if let Some(at) = ask.overtaken {
            return at;
        }
        let size = self.leaf().or(usual.leaf).unwrap_or_else(|| self.block(usual.config));
        let rate = self.pace.rate().or(usual.rate).unwrap_or(usual.config.rate_assumed);
        self.heard.max(ask.at + self.latency.unwrap_or(usual.latency)) + span((index as u64 + 1) * size, rate)
    }

    pub(crate) fn ask(&mut self, cid: Cid, now: Time, config: &Config) {
        let ahead = self.asks.len() as u64 * self.block(config);
        self.asks.push_back(Ask { cid, at: now, ahead, overtaken: None });
        self.filling &= self.asks.len() < self.window as usize;
    }

    /// The want is no longer outstanding; an answer may still come.
    pub(crate) fn withdraw(&mut self, cid: &Cid, config: &Config) {
        self.asks.retain(|ask| ask.cid != *cid);
        self.refill(config);
        self.expect_late(*cid);
    }

    /// The want is taken away because it was overdue: it is not asked before others until it is heard again.
    pub(crate) fn doubted(&mut self) {
        self.doubts += 1;
    }

    /// How many of its blocks make a message; half its window at most, so that it never runs dry meanwhile.
    pub(crate) fn per_message(&self, config: &Config) -> u32 {
        let fit = config.message_target as u64 / (self.leaf().unwrap_or_else(|| self.block(config)) + LINE as u64);
        fit.clamp(1, u64::from(self.window / 2).max(1)) as u32
    }

    /// Small blocks are asked for by as many as make a message, not one by one as they come.
    fn refill(&mut self, config: &Config) {
        self.filling |= self.asks.len() + self.per_message(config) as usize <= self.window as usize;
    }

    /// All outstanding wants are taken back.
    pub(crate) fn withdraw_all(&mut self, config: &Config) -> Vec<Cid> {
        let cids: Vec<Cid> = self.asks.drain(..).map(|ask| ask.cid).collect();
        cids.iter().for_each(|cid| self.expect_late(*cid));
        self.refill(config);
        cids
    }

    /// An answer for `cid` may come although it is not wanted any more.
    pub(crate) fn expect_late(&mut self, cid: Cid) {
        if self.recent.len() >= RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(cid);
    }

    pub(crate) fn is_late_answer(&self, cid: &Cid) -> bool {
        self.recent.contains(cid)
    }

    /// The peer said something.
    pub(crate) fn heard(&mut self, now: Time) {
        self.heard = now;
        self.silences = 0;
        self.doubts = 0;
    }

    /// A block arrived. Says whether it was outstanding.
    pub(crate) fn delivered(&mut self, cid: &Cid, size: u32, now: Time, config: &Config) -> bool {
        self.heard(now);
        self.probes.retain(|(probe, _)| probe != cid);
        self.learn_size(cid, u64::from(size));
        let Some(index) = self.asks.iter().position(|ask| ask.cid == *cid) else { return false };
        let was_full = !self.is_free();
        if let Some(ask) = self.asks.remove(index) {
            self.pace.delivered(size, ask.at, self.base, now);
            self.steer(now.since(ask.at), ask.ahead, was_full, config);
            for earlier in self.asks.iter_mut().take(index).filter(|earlier| earlier.at < ask.at) {
                earlier.overtaken.get_or_insert(now);
            }
        }
        self.refill(config);
        true
    }

    /// Word came of a block that was wanted at `cid`.
    pub(crate) fn told(&mut self, cid: &Cid, now: Time) {
        self.heard(now);
        if let Some(index) = self.probes.iter().position(|(probe, _)| probe == cid)
            && let Some((_, at)) = self.probes.remove(index)
        {
            self.learn_latency(now.since(at));
        }
    }

    pub(crate) fn probe(&mut self, cid: Cid, now: Time) {
        self.probes.push_back((cid, now));
    }

    /// How many want-haves may be sent. Those without an answer for long are forgotten.
    pub(crate) fn free_probes(&mut self, now: Time, config: &Config) -> usize {
        while self.probes.front().is_some_and(|(_, at)| now.since(*at) > config.answer_max) {
            self.probes.pop_front();
        }
        config.probes.saturating_sub(self.probes.len())
    }

    /// When the first outstanding want is late.
    pub(crate) fn deadline(&self, config: &Config) -> Option<Time> {
        let first = self.asks.iter().map(|ask| self.deadline_of(ask, config)).min()?;
        Some(first.min(self.silent_at(config)?))
    }

    /// The wants that are late, and whether the peer was silent altogether. They stay outstanding until withdrawn.
    pub(crate) fn late(&self, now: Time, config: &Config) -> (Vec<Cid>, bool) {
        let silent = self.silent_at(config).is_some_and(|at| at <= now);
        let late = self.asks.iter().filter(|ask| silent || self.deadline_of(ask, config) <= now).map(|ask| ask.cid).collect();
        (late, silent)
    }

    pub(crate) fn punish(&mut self) {
        self.window = (self.window / 2).max(1);
    }

    fn deadline_of(&self, ask: &Ask, config: &Config) -> Time {
        let bytes = ask.ahead + self.block(config);
        ask.at + self.patience_for(bytes, config)
    }

    fn silent_at(&self, config: &Config) -> Option<Time> {
        let oldest = self.asks.front()?.at;
        Some(self.heard.max(oldest) + self.patience_for(self.block(config), config))
    }

    fn patience_for(&self, bytes: u64, config: &Config) -> Duration {
        let transfer = match self.pace.rate() {
            Some(rate) => span(3 * bytes, rate),
            None => span(bytes, config.rate_assumed),
        };
        (self.answer(config) + transfer) * if self.alone { ALONE } else { 1 }
    }

    /// How long an answer may take, apart from bytes.
    fn answer(&self, config: &Config) -> Duration {
        let usual = self.latency.map_or(config.answer_default, |latency| 2 * latency + config.answer_slack);
        usual.clamp(config.answer_min, config.answer_max) * (1 << self.silences.min(3))
    }

    /// The size of leaves, as soon as one came.
    fn leaf(&self) -> Option<u64> {
        Some(self.sizes[1]).filter(|size| *size > 0)
    }

    /// The size that blocks from it are taken to have.
    fn size(&self) -> u64 {
        self.leaf().unwrap_or(self.sizes[0])
    }

    /// The same for deadlines. What came before the rate could be measured was small, which says little of what follows.
    fn block(&self, config: &Config) -> u64 {
        if self.pace.rate().is_none() { self.size().max(u64::from(config.size_assumed)) } else { self.size() }
    }

    /// Sizes are learnt quickly upwards and slowly downwards.
    fn learn_size(&mut self, cid: &Cid, size: u64) {
        let known = &mut self.sizes[usize::from(cid.codec() == RAW)];
        *known = if size > *known { (*known + size).div_ceil(2) } else { (7 * *known + size) / 8 };
    }

    fn steer(&mut self, took: Duration, ahead: u64, was_full: bool, config: &Config) {
        let queued = self.pace.rate().map_or(Duration::ZERO, |rate| span(ahead, rate));
        self.learn_latency(took.saturating_sub(queued));
        let base = self.base.map_or(took, |base| base.min(took));
        self.base = Some(base);
        if took > base + config.queue_time {
            self.window = (self.window - 1).max(2.min(self.window));
        } else if was_full {
            let small = u32::try_from(config.window_bytes / self.size().max(1)).unwrap_or(u32::MAX).min(config.window_small);
            self.window = (self.window + 1).min(config.window.max(small));
        }
    }

    fn learn_latency(&mut self, sample: Duration) {
        if sample <= Duration::from_secs(30) {
            let (latency, deviation) = match self.latency {
                Some(old) => ((old + sample) / 2, (3 * self.deviation + old.abs_diff(sample)) / 4),
                None => (sample, sample / 4),
            };
            (self.latency, self.deviation) = (Some(latency), deviation);
        }
    }
}

impl<'c> Usual<'c> {
    pub(crate) fn of(links: &Links, now: Time, config: &'c Config) -> Self {
        let mut latencies: SmallVec<[Duration; 32]> = links.values().filter_map(|link| Some(link.latency? + 4 * link.deviation)).collect();
        latencies.sort_unstable();
        let latency = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
        let leaf = links.values().filter_map(Link::leaf).max();
        Self { now, config, latency, leaf, rate: links.values().filter_map(|link| link.pace.rate()).max() }
    }
}

/// The peer whose link it is, for sorted tables.
pub(crate) type Links = std::collections::BTreeMap<Peer, Link>;

#[cfg(test)]
mod tests;
