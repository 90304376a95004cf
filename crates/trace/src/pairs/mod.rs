//! [`Pairs`]: questions and their answers, found by cause, whatever the protocol.
//!
//! A peer that is asked answers because it was asked, and the records say so. Nothing of the protocol has to be known:
//!
//! ```text
//!   peer A    sent S1 ─────────┐                       ┌────▶ received          round trip: S1 to the end
//!                              │ cause                 │ cause
//!   peer B                     └───▶ received ───▶ sent S2                      service time: what B took
//!                                            cause
//! ```
//!
//! Between the receipt and the answer the peer may have asked its application, so commands and events that led from the receipt count as it. Not all that is
//! sent back is the answer: who is asked by a stranger may ask back. An answer is of another type than its question and has its number, where messages have
//! numbers; more of the same type is part of the answer. An answer is not a question: what is sent because of it begins a new exchange.
//!
//! A message that asks for nothing looks like a question that is not answered; a type of message that is never answered is a notice, and the [`Summary`] shows
//! it.
//!
//! A real node records its own side only, and where the wire tells (Kademlia's does), the receipt of an answer names the question as its cause. So of what it
//! asks the round trip is known, and of what it is asked the service time:
//!
//! ```text
//!   node asks     sent S1 ◀──cause── received          node is asked     received ◀──cause── sent
//! ```
//!
//! # Memory
//!
//! A question is given up when it is older than the horizon, 30 seconds unless told otherwise, and everything that led from it is forgotten at the same age. So
//! what is kept is what was sent within the horizon, and the contents of twice that as one number each, by which a repetition is known. An exchange is handed
//! out when nothing can change it any more: when its answer arrives, else when it is given up. A network that doubles messages may lose one copy and deliver the
//! other; then it was not lost.

mod exchange;
mod summary;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use peerglass_core::{Peer, Time};

pub use exchange::{Answer, Exchange, Fate};
pub use summary::{Summary, TypeSummary};

use crate::Row;
use crate::fingerprint::{self, Peers};

/// After how long a question is given up, unless told otherwise.
pub const HORIZON: Duration = Duration::from_secs(30);

/// A record that belongs to an exchange.
#[derive(Clone, Copy, Debug)]
struct Known {
    /// The record that began the exchange.
    id: u64,
    role: Role,
    /// The other peer of the message that was sent or received.
    other: Peer,
}

/// What a record is to an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// The question was sent.
    Question,
    /// It arrived.
    Arrival,
    /// An answer was sent.
    Answer,
}

/// A question by its ends and contents.
type Wording = (Peer, Peer, u64);

/// An exchange within the horizon.
#[derive(Clone, Debug)]
struct Open {
    /// `None` once it was handed out.
    exchange: Option<Exchange>,
    ends: (Peer, Peer),
    /// When the question arrived.
    arrived: Option<Time>,
    /// Whether a real node was asked.
    is_served: bool,
    wording: Option<Wording>,
    number: Option<u64>,
    question: u64,
    answer: Option<u64>,
}

impl Open {
    fn new(row: &Row, ends: (Peer, Peer), fate: Fate) -> Self {
        Self {
            exchange: Some(Exchange::begun(row, ends, fate)),
            ends,
            arrived: None,
            is_served: false,
            wording: None,
            number: fingerprint::number(row),
            question: fingerprint::type_of(row),
            answer: None,
        }
    }

    /// Whether `row`, which was sent back because the question arrived, answers it.
    fn is_answered_by(&self, row: &Row) -> bool {
        let kind = fingerprint::type_of(row);
        let fits = match self.number.zip(fingerprint::number(row)) {
            Some((asked, answered)) => asked == answered,
            None => self.answer.is_none_or(|answer| answer == kind),
        };
        // Both sides count their questions, so the numbers of two questions meet now and then.
        fits && kind != self.question
    }

    fn answer(&mut self, row: &Row) {
        let (arrived, is_served) = (self.arrived, self.is_served);
        if self.answer.is_some() {
            return;
        }
        self.answer = Some(fingerprint::type_of(row));
        if let Some(exchange) = &mut self.exchange {
            exchange.answer = Some(Answer::of(row));
            exchange.service = arrived.map(|arrived| row.time.since(arrived));
            // Of what a real node is asked the answer's way is not recorded.
            exchange.fate = if is_served { Fate::Answered } else { Fate::UnderWay };
        }
    }
}

/// Finds exchanges in records, in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Pairs {
    horizon: Duration,
    /// By the record that began it.
    open: BTreeMap<u64, Open>,
    /// Records that others may name as their cause.
    roles: BTreeMap<u64, Known>,
    /// The records of `roles`, oldest first.
    ages: VecDeque<(Time, u64)>,
    /// Questions not answered, by what they say: the last.
    worded: BTreeMap<Wording, u64>,
    /// The questions of `worded`, oldest first.
    wordings: VecDeque<(Time, u64, Wording)>,
}

impl Default for Pairs {
    fn default() -> Self {
        Self::new(HORIZON)
    }
}

impl Pairs {
    /// Nothing seen yet. A question is given up when it is older than `horizon`.
    #[must_use]
    pub fn new(horizon: Duration) -> Self {
        Self { horizon, open: BTreeMap::new(), roles: BTreeMap::new(), ages: VecDeque::new(), worded: BTreeMap::new(), wordings: VecDeque::new() }
    }

    /// Looks at a record, and adds to `over` the exchanges of which nothing more can come.
    pub fn add(&mut self, row: &Row, over: &mut Vec<Exchange>) {
        self.forget(row.time, over);
        let known = row.cause.and_then(|cause| self.roles.get(&cause).copied());
        match (&*row.kind, row.other, known) {
            ("sent", Some(other), _) => self.sent(row, other, known),
            ("received", Some(other), _) => self.received(row, other, known, over),
            ("dropped", Some(_), Some(known)) => self.dropped(row, known),
            // The asked peer's application is asked in turn.
            ("command" | "event", _, Some(Known { id, role: Role::Arrival, other })) => self.note(row, other, id, Role::Arrival),
            _ => {}
        }
    }

    /// What is open at the end of the run, oldest first.
    #[must_use]
    pub fn finish(self) -> Vec<Exchange> {
        self.open.into_values().filter_map(|open| open.exchange).collect()
    }

    /// How many exchanges are open. They are counted one by one.
    #[must_use]
    pub fn open(&self) -> usize {
        self.open.values().filter(|open| open.exchange.is_some()).count()
    }

    fn sent(&mut self, row: &Row, other: Peer, known: Option<Known>) {
        // Whom a peer turns to because of a question is asked in turn, but for the asker, who is answered.
        let back = known.filter(|known| known.role == Role::Arrival && known.other == other);
        match back.and_then(|known| Some((known.id, self.open.get_mut(&known.id)?))) {
            Some((id, open)) if open.is_answered_by(row) => {
                open.answer(row);
                self.note(row, other, id, Role::Answer);
            }
            _ => self.ask(row, other),
        }
    }

    fn received(&mut self, row: &Row, other: Peer, known: Option<Known>, over: &mut Vec<Exchange>) {
        let Some(Known { id, role, .. }) = known else {
            if row.cause.is_none() {
                self.asked(row, other);
            }
            return;
        };
        let Some(open) = self.open.get_mut(&id) else { return };
        let (asker, asked) = open.ends;
        if role == Role::Question && (row.peer, other) == (asked, asker) {
            // Of a doubled question the first copy counts.
            if let (None, Some(exchange)) = (open.arrived, &mut open.exchange) {
                open.arrived = Some(row.time);
                // A real node numbers the questions of others by itself.
                open.number = fingerprint::number(row).or(open.number);
                exchange.fate = Fate::Unanswered;
                exchange.why = None;
            }
            self.note(row, other, id, Role::Arrival);
        } else if role != Role::Arrival && (row.peer, other) == (asker, asked) {
            over.extend(self.answered(row, id));
        }
    }

    fn answered(&mut self, row: &Row, id: u64) -> Option<Exchange> {
        let open = self.open.get_mut(&id)?;
        let exchange = open.exchange.take()?;
        if let Some(wording) = open.wording {
            self.worded.remove(&wording);
        }
        let answer = exchange.answer.or_else(|| Some(Answer::of(row)));
        let round_trip = Some(row.time.since(exchange.began));
        Some(Exchange { fate: Fate::Answered, why: None, answer, round_trip, ..exchange })
    }

    fn dropped(&mut self, row: &Row, Known { id, role, .. }: Known) {
        let Some(exchange) = self.open.get_mut(&id).and_then(|open| open.exchange.as_mut()) else { return };
        exchange.fate = match role {
            Role::Question if exchange.fate == Fate::UnderWay && exchange.answer.is_none() => Fate::Lost,
            Role::Answer if exchange.answer.as_ref().is_some_and(|answer| row.cause == Some(answer.seq)) => Fate::AnswerLost,
            _ => return,
        };
        exchange.why.clone_from(&row.why);
    }

    /// Begins an exchange with a question that was sent.
    fn ask(&mut self, row: &Row, to: Peer) {
        let mut open = Open::new(row, (row.peer, to), Fate::UnderWay);
        open.wording = fingerprint::contents(row, Peers::Same).map(|contents| (row.peer, to, contents));
        if let (Some(wording), Some(exchange)) = (open.wording, &mut open.exchange) {
            self.wordings.push_back((row.time, row.seq, wording));
            exchange.repeats = self.worded.insert(wording, row.seq);
        }
        self.open.insert(row.seq, open);
        self.note(row, to, row.seq, Role::Question);
    }

    /// Begins an exchange with a question that arrived at a real node.
    fn asked(&mut self, row: &Row, from: Peer) {
        let open = Open { arrived: Some(row.time), is_served: true, ..Open::new(row, (from, row.peer), Fate::Unanswered) };
        self.open.insert(row.seq, open);
        self.note(row, from, row.seq, Role::Arrival);
    }

    fn note(&mut self, row: &Row, other: Peer, id: u64, role: Role) {
        self.roles.insert(row.seq, Known { id, role, other });
        self.ages.push_back((row.time, row.seq));
    }

    fn forget(&mut self, now: Time, over: &mut Vec<Exchange>) {
        while let Some((_, seq)) = self.ages.front().copied().filter(|(time, _)| now.since(*time) > self.horizon) {
            self.ages.pop_front();
            self.roles.remove(&seq);
            let given_up = self.open.remove(&seq).and_then(|open| open.exchange);
            over.extend(given_up.map(|exchange| Exchange { given_up: true, ..exchange }));
        }
        while let Some((_, seq, wording)) = self.wordings.front().copied().filter(|(time, ..)| now.since(*time) > self.horizon.saturating_mul(2)) {
            self.wordings.pop_front();
            if self.worded.get(&wording) == Some(&seq) {
                self.worded.remove(&wording);
            }
        }
    }
}
