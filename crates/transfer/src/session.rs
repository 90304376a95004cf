//! One fetch: its walk, its sources, and whether it gets on.
//!
//! A source begins *trusted*: it was said to have the DAG, so it is asked for blocks outright. After a DONT_HAVE it is *partial*: it is asked
//! want-have first, and for blocks only after a HAVE. Enough blocks without another DONT_HAVE make it trusted again.
//!
//! ```text
//!              DONT_HAVE                 16 DONT_HAVEs in a row
//!   trusted ──────────────▶ partial ─────────────────────────────▶ dropped
//!      ▲                       │                                      ▲
//!      └──── 16 good answers ──┘          3 wrong blocks ─────────────┘
//!   any ── unreachable, or silent 3 times ──▶ lost ── after a while, if the fetch is stuck ──▶ as before
//! ```

use core::time::Duration;

use peerglass_core::{Operation, Peer, Time};
use peerglass_store::Cid;

use crate::walk::Walk;
use crate::{Config, FetchError, FetchSummary};

/// This many good answers in a row make a partial source trusted again.
const TRUST: u32 = 16;

/// Why a source is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Gone {
    Without,
    Unreachable,
    Silent,
    Misbehaved,
}

impl Gone {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Gone::Without => "does not have the blocks",
            Gone::Unreachable => "unreachable",
            Gone::Silent => "silent",
            Gone::Misbehaved => "sent blocks that were not asked of it",
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(crate) peer: Peer,
    pub(crate) gone: Option<Gone>,
    pub(crate) trusted: bool,
    misses: u32,
    good: u32,
    gave: bool,
}

impl Source {
    pub(crate) fn new(peer: Peer) -> Self {
        Self { peer, gone: None, trusted: true, misses: 0, good: 0, gave: false }
    }

    /// It has the block, or gave it.
    pub(crate) fn hit(&mut self, gave: bool) {
        self.misses = 0;
        self.good += 1;
        self.trusted |= self.good >= TRUST;
        self.gave |= gave;
    }

    /// It does not have the block. Says how many that makes in a row.
    pub(crate) fn miss(&mut self) -> u32 {
        self.trusted = false;
        self.good = 0;
        self.misses += 1;
        self.misses
    }

    fn revive(&mut self) {
        if matches!(self.gone, Some(Gone::Unreachable | Gone::Silent)) {
            self.gone = None;
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) number: u32,
    pub(crate) root: Cid,
    pub(crate) walk: Walk,
    pub(crate) sources: Vec<Source>,
    /// How many of its blocks are in flight, and how many of those are looked up.
    pub(crate) open: usize,
    pub(crate) looking: usize,
    pub(crate) summary: FetchSummary,
    pub(crate) armed: Option<Time>,
    started: Time,
    progress: Time,
    alone: Option<Time>,
    check: Time,
    gap: Duration,
}

/// What a fetch should do now that it was checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    GoOn,
    TryAgain,
    GiveUp(FetchError),
}

impl Session {
    pub(crate) fn new(number: u32, root: Cid, now: Time, config: &Config) -> Self {
        Self {
            number,
            root,
            walk: Walk::new(root),
            sources: Vec::new(),
            open: 0,
            looking: 0,
            summary: FetchSummary::default(),
            armed: None,
            started: now,
            progress: now,
            alone: Some(now),
            check: now + config.retry,
            gap: config.retry,
        }
    }

    pub(crate) fn operation(&self) -> Operation {
        operation(self.number)
    }

    pub(crate) fn active(&self) -> impl Iterator<Item = &Source> {
        self.sources.iter().filter(|source| source.gone.is_none())
    }

    pub(crate) fn knows(&self, peer: Peer) -> bool {
        self.sources.iter().any(|source| source.peer == peer)
    }

    pub(crate) fn source(&mut self, peer: Peer) -> Option<&mut Source> {
        self.sources.iter_mut().find(|source| source.peer == peer)
    }

    /// Adds a source, or brings back one that was lost. Says whether it may be asked now and could not before.
    pub(crate) fn add(&mut self, peer: Peer, config: &Config) -> bool {
        if let Some(source) = self.source(peer) {
            let was_gone = source.gone.is_some();
            source.revive();
            return was_gone && source.gone.is_none();
        }
        if self.sources.len() >= config.sources {
            let Some(index) = self.sources.iter().position(|source| source.gone.is_some()) else { return false };
            self.sources.remove(index);
        }
        self.sources.push(Source::new(peer));
        self.alone = None;
        true
    }

    /// A block of it came or was found.
    pub(crate) fn progressed(&mut self, now: Time) {
        self.progress = now;
    }

    /// A source said something.
    pub(crate) fn answered(&mut self) {
        self.alone = None;
    }

    /// A source is asked no more. Says whether it was before.
    pub(crate) fn lose(&mut self, peer: Peer, why: Gone, now: Time) -> bool {
        let Some(source) = self.source(peer) else { return false };
        if source.gone.is_some() {
            return false;
        }
        source.gone = Some(why);
        if self.active().next().is_none() {
            self.alone.get_or_insert(now);
        }
        true
    }

    /// When it should be checked next.
    pub(crate) fn due(&self, config: &Config) -> Time {
        self.check.min(self.ends(config))
    }

    fn ends(&self, config: &Config) -> Time {
        let alone = self.alone.map_or(Time::MAX, |since| since.max(self.progress) + config.patience_alone);
        alone.min(self.progress + config.patience)
    }

    /// Looks whether it gets on. `stuck` says whether it has wants that nobody can be asked for.
    pub(crate) fn check(&mut self, now: Time, stuck: bool, config: &Config) -> Verdict {
        if now >= self.ends(config) {
            return Verdict::GiveUp(self.why(now));
        }
        if now < self.check {
            return Verdict::GoOn;
        }
        let idle = now.since(self.progress) >= config.retry;
        self.gap = if stuck || idle { (self.gap * 2).min(config.retry_max) } else { config.retry };
        self.check = now + self.gap;
        if stuck || idle { Verdict::TryAgain } else { Verdict::GoOn }
    }

    /// Lost sources get another chance.
    pub(crate) fn revive(&mut self) {
        self.sources.iter_mut().for_each(Source::revive);
    }

    fn why(&self, now: Time) -> FetchError {
        let count = |why| self.sources.iter().filter(|source| source.gone == Some(why)).count() as u32;
        match self.alone {
            _ if self.sources.is_empty() => FetchError::NoSources,
            None => FetchError::TimedOut { idle: now.since(self.progress) },
            Some(_) => FetchError::AllSourcesFailed {
                sources: self.sources.len() as u32,
                without: count(Gone::Without),
                unreachable: count(Gone::Unreachable),
                silent: count(Gone::Silent) + self.active().count() as u32,
                misbehaved: count(Gone::Misbehaved),
            },
        }
    }

    pub(crate) fn into_summary(mut self, now: Time) -> FetchSummary {
        self.summary.sources = self.sources.iter().filter(|source| source.gave).count() as u32;
        self.summary.took = now.since(self.started);
        self.summary
    }
}

/// The operation of a fetch.
pub(crate) fn operation(number: u32) -> Operation {
    Operation { protocol: crate::PROTOCOL, number }
}
