//! [`Woven`]: the records of several runs as one stream.
//!
//! Each run keeps its own order, and of the runs' next records that of the earliest corrected time comes first, but for a receipt whose message has not been
//! sent yet: it waits. So an effect never stands before its cause, whatever the clocks say; a receipt that waited gets the time of the sending, and is counted.

use std::collections::BTreeMap;

use peerglass_core::{Peer, Time, Value};

use super::{Identities, Plan};
use crate::Row;

/// Merges runs, record by record.
#[derive(Debug)]
pub struct Woven<'a, I> {
    plan: &'a Plan,
    runs: Vec<Run<I>>,
    peers: Peers<'a>,
    seq: u64,
    last: Time,
    clamped: u64,
    untied: u64,
}

#[derive(Debug)]
struct Run<I> {
    rows: I,
    next: Option<Row>,
    /// Of the records so far, the numbers before and now, in order.
    numbers: Vec<(u64, u64)>,
}

impl<I> Run<I> {
    fn number(&self, seq: u64) -> Option<u64> {
        let at = self.numbers.binary_search_by_key(&seq, |(before, _)| *before).ok()?;
        self.numbers.get(at).map(|(_, now)| *now)
    }
}

impl Plan {
    /// The records of `runs`, which are those that were surveyed, in the same order.
    pub fn weave<E, I: Iterator<Item = Result<Row, E>>>(&self, runs: impl IntoIterator<Item = I>) -> Woven<'_, I> {
        let runs: Vec<_> = runs.into_iter().take(self.identities.len()).map(|rows| Run { rows, next: None, numbers: Vec::new() }).collect();
        Woven { plan: self, runs, peers: Peers::of(&self.identities), seq: 0, last: Time::ZERO, clamped: 0, untied: 0 }
    }
}

impl<I> Woven<'_, I> {
    /// Receipts that by the corrected clocks came before their sending, and were moved to it.
    #[must_use]
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Receipts that would have waited for each other, and so were given the cause that their own run tells.
    #[must_use]
    pub fn untied(&self) -> u64 {
        self.untied
    }

    /// Who the peers of the merged run are that have appeared so far, by their numbers: ids, or `run#handle` of those whose id no record told.
    #[must_use]
    pub fn peers(&self) -> &[String] {
        &self.peers.names
    }

    /// The run whose record comes next, and whether it waits for its message in vain.
    fn choose(&self) -> Option<(usize, bool)> {
        let heads = || self.runs.iter().enumerate().filter_map(|(n, run)| Some((n, run.next.as_ref()?)));
        let time = |(n, row): &(usize, &Row)| (self.plan.clocks.get(*n).map_or(0, |clock| clock.at_ns(row.time)), *n);
        let free = heads().filter(|(n, row)| !self.waits(*n, row)).min_by_key(time);
        free.map(|(n, _)| (n, false)).or_else(|| heads().min_by_key(time).map(|(n, _)| (n, true)))
    }

    /// Whether the message that `row` receives is still to come.
    fn waits(&self, run: usize, row: &Row) -> bool {
        let Some(of) = self.plan.sending(run, row.seq).filter(|_| row.kind == "received") else { return false };
        self.runs.get(of.sender).and_then(|sender| sender.next.as_ref()).is_some_and(|next| next.seq <= of.sent)
    }

    fn rewrite(&mut self, run: usize, mut row: Row, waits: bool) -> Row {
        let clock = self.plan.clocks.get(run).copied().unwrap_or(super::Clock::its_own(run));
        let time = clock.correct(row.time);
        let sending = self.plan.sending(run, row.seq).filter(|_| row.kind == "received" && !waits);
        let cause = sending.and_then(|of| self.runs.get(of.sender)?.number(of.sent));
        self.untied += u64::from(waits);
        if let Some((of, sender)) = sending.and_then(|of| Some((of, self.plan.clocks.get(of.sender)?)))
            && sender.correct(of.sent_at) > time
        {
            self.clamped += 1;
        }
        self.last = self.last.max(time);
        row.cause = cause.or_else(|| row.cause.and_then(|cause| self.runs.get(run)?.number(cause)));
        if let Some(run) = self.runs.get_mut(run) {
            run.numbers.push((row.seq, self.seq));
        }
        row.seq = self.seq;
        row.time = self.last;
        row.peer = self.peers.number(run, row.peer);
        row.other = row.other.map(|other| self.peers.number(run, other));
        row.fields.iter_mut().for_each(|(_, value)| self.peers.translate(run, value, &clock));
        self.seq += 1;
        row
    }
}

impl<E, I: Iterator<Item = Result<Row, E>>> Iterator for Woven<'_, I> {
    type Item = Result<Row, E>;

    fn next(&mut self) -> Option<Self::Item> {
        for run in &mut self.runs {
            if run.next.is_none() {
                match run.rows.next() {
                    Some(Ok(row)) => run.next = Some(row),
                    Some(Err(error)) => return Some(Err(error)),
                    None => {}
                }
            }
        }
        let (run, waits) = self.choose()?;
        let row = self.runs.get_mut(run)?.next.take()?;
        Some(Ok(self.rewrite(run, row, waits)))
    }
}

/// The numbers of peers in the merged run: first the runs' nodes, in their order, then others as they appear.
#[derive(Debug)]
struct Peers<'a> {
    identities: &'a [Identities],
    names: Vec<String>,
    by_name: BTreeMap<String, Peer>,
    by_handle: BTreeMap<(usize, Peer), Peer>,
}

impl<'a> Peers<'a> {
    fn of(identities: &'a [Identities]) -> Self {
        let mut peers = Self { identities, names: Vec::new(), by_name: BTreeMap::new(), by_handle: BTreeMap::new() };
        for run in 0..identities.len() {
            peers.number(run, Identities::ME);
        }
        peers
    }

    fn number(&mut self, run: usize, handle: Peer) -> Peer {
        if let Some(peer) = self.by_handle.get(&(run, handle)) {
            return *peer;
        }
        let id = self.identities.get(run).and_then(|identities| identities.id(handle));
        let name = id.map_or_else(|| format!("{run}#{}", handle.0), str::to_owned);
        let next = Peer(u32::try_from(self.names.len()).unwrap_or(u32::MAX));
        let peer = *self.by_name.entry(name.clone()).or_insert(next);
        if peer == next {
            self.names.push(name);
        }
        self.by_handle.insert((run, handle), peer);
        peer
    }

    /// Handles and times inside contents.
    fn translate(&mut self, run: usize, value: &mut Value, clock: &super::Clock) {
        match value {
            Value::Peer(handle) => *handle = self.number(run, *handle),
            Value::Time(time) => *time = clock.correct(*time),
            Value::List(list) => list.iter_mut().for_each(|element| self.translate(run, element, clock)),
            _ => {}
        }
    }
}
