//! [`Anomalies`]: what is odd in a run.
//!
//! Odd is not wrong. A network that loses, doubles and reorders messages does all of this, and a protocol is made for it; but who looks for a fault begins here.
//! Some of it cannot happen in a run as it was written, and tells that the records are damaged.
//!
//! | kind | what is odd |
//! |---|---|
//! | unanswered | a question arrived and was given up without an answer, though others of its type are answered |
//! | doubled | a message was received twice |
//! | overtaken | between two peers a message arrived after one that was sent later |
//! | no fate | a message was sent and neither received nor dropped |
//! | answer to nobody | a peer answered, and the asker was not there any more, or nobody had asked |
//! | no such cause | a record names one that is not in the run (damaged) |
//! | cause not older | a record names one that is not older (damaged) |
//! | number goes back | a record's number is not higher than the one before (damaged) |
//!
//! A type of message that nobody ever answers asks for nothing, so whether a question is unanswered shows at the end. A real node records its own side: there
//! every message is without a fate, which is not odd, an answer may have no cause, and of a question without an answer it is not known whether it arrived.
//!
//! # Memory
//!
//! What was sent within the horizon, as for [`Pairs`]; a pair of peers while one has sent to the other within the horizon; and of each kind, the first examples
//! and how many there are. A message that arrives later than the horizon is not judged.

mod report;
#[cfg(test)]
mod tests;

use core::time::Duration;
use std::collections::{BTreeMap, VecDeque};

use peerglass_core::{Peer, Time};

pub use report::{Anomaly, Kind, Report};

use crate::line::Shortened;
use crate::pairs::Fate;
use crate::{Exchange, Pairs, Row, Source};

/// Types of questions, and pairs of peers, that are told apart.
const MAX_GROUPS: usize = 100_000;
/// Places where numbers are left out that are remembered. After more, causes are not looked for.
const MAX_GAPS: usize = 10_000;

/// Looks for what is odd, in the records of a whole run in the order of their numbers.
#[derive(Clone, Debug)]
pub struct Anomalies {
    horizon: Duration,
    source: Source,
    pairs: Pairs,
    over: Vec<Exchange>,
    flights: BTreeMap<u64, Flight>,
    /// The records of `flights`, oldest first.
    ages: VecDeque<(Time, u64)>,
    /// Of the messages from one peer to another that arrived, the last that was sent.
    arrivals: BTreeMap<(Peer, Peer), Arrival>,
    /// How large `arrivals` may grow before old ones are forgotten.
    room: usize,
    overtaken: BTreeMap<(Peer, Peer), (u64, Anomaly)>,
    questions: BTreeMap<String, Questions>,
    /// The lowest number that the next record can have.
    next: u64,
    /// Numbers that no record has, in ascending order, without their ends.
    gaps: Vec<(u64, u64)>,
    report: Report,
}

/// A message that was sent.
#[derive(Clone, Debug)]
struct Flight {
    from: Peer,
    to: Peer,
    name: Option<String>,
    received: Option<u64>,
    dropped: bool,
}

#[derive(Clone, Copy, Debug)]
struct Arrival {
    sent: u64,
    received: u64,
    time: Time,
}

/// The messages of a type that are no answers, as far as causes tell.
#[derive(Clone, Debug, Default)]
struct Questions {
    is_answered: bool,
    /// Whether others of the type are answers.
    is_answer: bool,
    all: u64,
    first: Vec<Anomaly>,
    unanswered: u64,
    examples: Vec<Anomaly>,
}

impl Anomalies {
    /// Nothing seen yet. `horizon` is that of [`Pairs`].
    #[must_use]
    pub fn new(source: Source, horizon: Duration) -> Self {
        Self {
            horizon,
            source,
            pairs: Pairs::new(horizon),
            over: Vec::new(),
            flights: BTreeMap::new(),
            ages: VecDeque::new(),
            arrivals: BTreeMap::new(),
            room: 1024,
            overtaken: BTreeMap::new(),
            questions: BTreeMap::new(),
            next: 0,
            gaps: Vec::new(),
            report: Report::default(),
        }
    }

    /// Looks at a record.
    pub fn add(&mut self, row: &Row) {
        self.check_numbers(row);
        self.forget(row.time);
        match (&*row.kind, row.other) {
            ("sent", Some(to)) => {
                let flight = Flight { from: row.peer, to, name: row.name.clone(), received: None, dropped: false };
                self.flights.insert(row.seq, flight);
                self.ages.push_back((row.time, row.seq));
            }
            ("received", Some(_)) => self.received(row),
            ("dropped", Some(_)) => {
                if let Some(flight) = row.cause.and_then(|cause| self.flights.get_mut(&cause)) {
                    flight.dropped = true;
                }
            }
            _ => {}
        }
        self.pairs.add(row, &mut self.over);
        while let Some(exchange) = self.over.pop() {
            self.exchange(&exchange);
        }
    }

    /// What was odd, now that the run is over.
    #[must_use]
    pub fn finish(mut self) -> Report {
        let (flights, pairs) = (std::mem::take(&mut self.flights), std::mem::take(&mut self.pairs));
        flights.into_iter().for_each(|(seq, flight)| self.landed(seq, &flight, "when the records end"));
        pairs.finish().iter().for_each(|exchange| self.exchange(exchange));
        for (count, mut anomaly) in self.overtaken.into_values() {
            if count > 1 {
                anomaly.says.push_str(&format!("; so did {} more between the two", count - 1));
            }
            self.report.note_many(count, [anomaly]);
        }
        for questions in self.questions.into_values() {
            if questions.is_answered {
                self.report.note_many(questions.unanswered, questions.examples);
            } else if questions.is_answer && self.source == Source::Sim {
                self.report.note_many(questions.all, questions.first);
            }
        }
        self.report
    }

    fn check_numbers(&mut self, row: &Row) {
        let Row { seq, peer, .. } = *row;
        if seq < self.next {
            self.report
                .note(Kind::NumberGoesBack, (peer, None), &[seq], || format!("#{seq} comes after a record of a higher number, or of the same"));
        } else if seq > self.next && self.gaps.len() < MAX_GAPS {
            self.gaps.push((self.next, seq));
        }
        self.next = self.next.max(seq.saturating_add(1));
        let Some(cause) = row.cause else { return };
        if cause >= seq {
            self.report
                .note(Kind::CauseNotOlder, (peer, row.other), &[seq, cause], || format!("#{seq} names #{cause} as its cause, which is not older"));
        } else if self.gaps.len() < MAX_GAPS && self.is_missing(cause) {
            self.report
                .note(Kind::NoSuchCause, (peer, row.other), &[seq, cause], || format!("#{seq} names #{cause} as its cause, which is not in the run"));
        }
    }

    fn is_missing(&self, seq: u64) -> bool {
        let after = self.gaps.partition_point(|(start, _)| *start <= seq);
        after.checked_sub(1).and_then(|at| self.gaps.get(at)).is_some_and(|(_, end)| seq < *end)
    }

    fn received(&mut self, row: &Row) {
        let Some(sent) = row.cause else { return };
        let Some(flight) = self.flights.get_mut(&sent).filter(|flight| (flight.to, Some(flight.from)) == (row.peer, row.other)) else { return };
        if let Some(first) = flight.received {
            let Flight { from, to, .. } = *flight;
            let says = || format!("{to} received {} from {from} again (#{}), which it had received as #{first}", named(row.name.as_deref()), row.seq);
            return self.report.note(Kind::Doubled, (from, Some(to)), &[sent, first, row.seq], says);
        }
        flight.received = Some(row.seq);
        let ends = (flight.from, flight.to);
        let arrival = Arrival { sent, received: row.seq, time: row.time };
        match self.arrivals.get_mut(&ends) {
            Some(last) if last.sent > sent => {
                let last = *last;
                self.overtaken(ends, arrival, last);
            }
            Some(last) => *last = arrival,
            None => {
                self.make_room(row.time);
                self.arrivals.insert(ends, arrival);
            }
        }
    }

    /// A message arrived after one that was sent later. Of each pair the first is told.
    fn overtaken(&mut self, (from, to): (Peer, Peer), late: Arrival, later: Arrival) {
        if self.overtaken.len() >= MAX_GROUPS && !self.overtaken.contains_key(&(from, to)) {
            return self.report.count(Kind::Overtaken);
        }
        let anomaly = || Anomaly {
            kind: Kind::Overtaken,
            peers: (from, Some(to)),
            records: vec![late.sent, late.received, later.sent, later.received],
            says: format!("{from} sent #{} to {to} before #{}, and it arrived after it", late.sent, later.sent),
        };
        self.overtaken.entry((from, to)).or_insert_with(|| (0, anomaly())).0 += 1;
    }

    /// Forgets pairs of which the last arrival cannot be overtaken by anything that is still known. Each doubling pays for the next.
    fn make_room(&mut self, now: Time) {
        if self.arrivals.len() >= self.room {
            let horizon = self.horizon;
            self.arrivals.retain(|_, arrival| now.since(arrival.time) <= horizon);
            self.room = (self.arrivals.len() * 2).max(1024);
        }
    }

    fn forget(&mut self, now: Time) {
        while let Some((_, seq)) = self.ages.front().copied().filter(|(time, _)| now.since(*time) > self.horizon) {
            self.ages.pop_front();
            if let Some(flight) = self.flights.remove(&seq) {
                self.landed(seq, &flight, &format!("after {} s", self.horizon.as_secs_f64()));
            }
        }
    }

    /// A message is forgotten: whether anything became of it.
    fn landed(&mut self, seq: u64, flight: &Flight, when: &str) {
        if flight.received.is_none() && !flight.dropped && self.source == Source::Sim {
            let Flight { from, to, .. } = *flight;
            let says = || format!("{} from {from} to {to} (#{seq}) is still under way {when}", named(flight.name.as_deref()));
            self.report.note(Kind::NoFate, (from, Some(to)), &[seq], says);
        }
    }

    fn exchange(&mut self, exchange: &Exchange) {
        let Exchange { asker, asked, seq, fate, .. } = *exchange;
        if let (Fate::AnswerLost, Some(why), Some(answer)) = (fate, exchange.why.as_deref(), &exchange.answer)
            && matches!(why, "peer_down" | "no_such_peer" | "not_connected" | "closed")
        {
            let says = || format!("{asked} answered {asker} (#{}), and there was nobody: {why}", answer.seq);
            self.report.note(Kind::AnswerToNobody, (asked, Some(asker)), &[seq, answer.seq], says);
        }
        if let Some(answer) = &exchange.answer
            && let Some(of) = self.of_type(exchange, &answer.name)
        {
            of.is_answer = true;
        }
        let source = self.source;
        let Some(questions) = self.of_type(exchange, &exchange.question) else { return };
        let name = named(Some(&exchange.question));
        questions.is_answered |= exchange.answer.is_some();
        questions.all += 1;
        if questions.first.len() < report::EXAMPLES {
            let says = format!("{asker} sent {asked} {name} (#{seq}), for which nobody had asked");
            questions.first.push(Anomaly { kind: Kind::AnswerToNobody, peers: (asker, Some(asked)), records: vec![seq], says });
        }
        // A real node does not know whether its question arrived.
        let is_open = fate == Fate::Unanswered || (fate == Fate::UnderWay && source == Source::Node);
        if is_open && exchange.given_up {
            questions.unanswered += 1;
            if questions.examples.len() < report::EXAMPLES {
                let says = format!("{asker} asked {asked} {name} (#{seq}), and no answer was sent");
                questions.examples.push(Anomaly { kind: Kind::Unanswered, peers: (asker, Some(asked)), records: vec![seq], says });
            }
        }
    }
}

impl Anomalies {
    /// What is known of a type of message, unless there are too many types.
    fn of_type(&mut self, exchange: &Exchange, name: &str) -> Option<&mut Questions> {
        let key = exchange.protocol.as_deref().into_iter().chain([name]).collect::<Vec<_>>().join(" ");
        let has_room = self.questions.len() < MAX_GROUPS || self.questions.contains_key(&key);
        has_room.then(|| self.questions.entry(key).or_default())
    }
}

fn named(name: Option<&str>) -> Shortened<'_> {
    Shortened(name.unwrap_or("a message"))
}
