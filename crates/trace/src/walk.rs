//! [`Walk`]: one operation from its first step to its last, with the messages that it cost, to be gone through forwards and backwards.
//!
//! An operation (a lookup, a join, a fetch) tells its steps. The messages that it sends are found by cause, without knowing its protocol: when a step names a peer,
//! what is sent to that peer because of the same record is its request, and from there the causes lead on to the answer:
//!
//! ```text
//!   input ◀─cause─ step `query peer=p4`
//!     ▲
//!     └──cause─── sent to p4 ◀── received at p4 ◀── sent back ◀── received here: answered after its round trip
//!                    ▲                                 ▲
//!                    └─ or dropped                     └─ or dropped
//! ```
//!
//! `{walk}` is the text that a student reads first:
//!
//! ```text
//! p12 kad#7, from 3.204000 s
//!   +0.000 s  begin  job=lookup target=3fa0b1c2… key=3fa0b1c2…
//!               shortlist  p4 heard, p9 heard
//!   +0.000 s  query  peer=p4 distance=00ab…
//!               FIND_NODE to p4, 71 B: answered after 0.093 s
//!   +0.093 s  answer  peer=p4 closer=20
//!               shortlist  p31 heard (new), p4 answered, p9 waiting
//!   …
//!   +0.311 s  done  job=lookup hops=2 requests=3 failures=0
//! cost: 0.311 s, 3 requests (3 answered, 0 lost), 2,949 bytes
//! ```

use core::fmt;
use core::time::Duration;
use std::collections::BTreeMap;

use peerglass_core::{Peer, Time, Value};

use crate::Row;

/// One operation, step by step.
#[derive(Clone, Debug)]
pub struct Walk {
    peer: Peer,
    operation: String,
    moments: Vec<Moment>,
    /// Of a record, the requests that steps because of it have announced: to whom.
    announced: BTreeMap<Option<u64>, Vec<Peer>>,
    /// Of a record of a request or its answer, the request's place among the moments.
    requests: BTreeMap<u64, usize>,
}

/// Something that happened in the course of an operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Moment {
    /// It took a step.
    Step(Row),
    /// It asked a peer something.
    Request {
        /// The sent record.
        sent: Row,
        /// What became of it.
        fate: Fate,
    },
}

/// What became of a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fate {
    /// Nothing that is recorded.
    #[default]
    Unknown,
    /// It arrived, and no answer was sent.
    Arrived,
    /// It was answered, and the answer arrived after so long.
    Answered(Duration),
    /// It was lost.
    Lost,
    /// It arrived, and the answer was lost.
    AnswerLost,
}

/// The bounds of a walk: what an operation of more moments has beyond them is left out.
pub const MAX_MOMENTS: usize = 100_000;

impl Walk {
    /// The walk through the operation called `operation` (`kad#7`) of `peer`, of which nothing is known yet.
    #[must_use]
    pub fn new(peer: Peer, operation: &str) -> Self {
        Self { peer, operation: operation.to_owned(), moments: Vec::new(), announced: BTreeMap::new(), requests: BTreeMap::new() }
    }

    /// Looks at a record, in the order of their numbers; whether it is part of the operation.
    pub fn add(&mut self, row: &Row) -> bool {
        match &*row.kind {
            "step" => row.peer == self.peer && row.operation.as_ref() == Some(&self.operation) && self.step(row),
            "sent" if row.peer == self.peer => self.sent(row),
            "sent" | "received" | "dropped" => self.follow(row),
            _ => false,
        }
    }

    /// The moments, in order.
    #[must_use]
    pub fn moments(&self) -> &[Moment] {
        &self.moments
    }

    fn keep(&mut self, moment: Moment) -> bool {
        let room = self.moments.len() < MAX_MOMENTS;
        if room {
            self.moments.push(moment);
        }
        room
    }

    fn step(&mut self, row: &Row) -> bool {
        if let Some(Value::Peer(peer)) = row.field("peer") {
            self.announced.entry(row.cause).or_default().push(*peer);
        }
        self.keep(Moment::Step(row.clone()))
    }

    fn sent(&mut self, row: &Row) -> bool {
        let announced = self.announced.get_mut(&row.cause);
        let Some((peers, at)) = announced.and_then(|peers| peers.iter().position(|peer| row.other == Some(*peer)).map(|at| (peers, at))) else {
            return false;
        };
        // A step announces one request.
        peers.swap_remove(at);
        self.requests.insert(row.seq, self.moments.len());
        self.keep(Moment::Request { sent: row.clone(), fate: Fate::Unknown })
    }

    /// A record that a request led to, if it is one.
    fn follow(&mut self, row: &Row) -> bool {
        let Some(at) = row.cause.and_then(|cause| self.requests.get(&cause)).copied() else { return false };
        let Some(Moment::Request { sent, fate }) = self.moments.get_mut(at) else { return false };
        let answered = matches!(*fate, Fate::Arrived) && sent.seq != row.cause.unwrap_or(sent.seq);
        match &*row.kind {
            "received" if row.peer == self.peer => {
                *fate = Fate::Answered(row.time.since(sent.time));
                return true;
            }
            "received" => *fate = Fate::Arrived,
            "dropped" => *fate = if answered { Fate::AnswerLost } else { Fate::Lost },
            // What the asked peer sends to others because of the request is no answer.
            _ if row.other != Some(self.peer) => return false,
            _ => {}
        }
        self.requests.insert(row.seq, at);
        true
    }

    fn began(&self) -> Time {
        self.moments.first().map_or(Time::ZERO, Moment::time)
    }
}

impl Moment {
    /// When it was.
    #[must_use]
    pub fn time(&self) -> Time {
        match self {
            Moment::Step(row) | Moment::Request { sent: row, .. } => row.time,
        }
    }
}

/// What an operation cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// From the first step to the last.
    pub time: Duration,
    /// Requests sent.
    pub requests: u64,
    /// Of those, answered.
    pub answered: u64,
    /// Of those, lost, or their answers.
    pub lost: u64,
    /// Bytes of the requests.
    pub bytes: u64,
}

impl Walk {
    /// What it cost so far.
    #[must_use]
    pub fn cost(&self) -> Cost {
        let last = self.moments.iter().rev().find(|moment| matches!(moment, Moment::Step(_))).map_or(self.began(), Moment::time);
        let mut cost = Cost { time: last.since(self.began()), ..Cost::default() };
        for moment in &self.moments {
            if let Moment::Request { sent, fate } = moment {
                cost.requests += 1;
                cost.answered += u64::from(matches!(fate, Fate::Answered(_)));
                cost.lost += u64::from(matches!(fate, Fate::Lost | Fate::AnswerLost));
                cost.bytes += sent.bytes.unwrap_or_default();
            }
        }
        cost
    }
}

impl fmt::Display for Walk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let began = self.began();
        writeln!(f, "{} {}, from {:.6} s", self.peer, self.operation, began.as_nanos() as f64 / 1e9)?;
        let mut known = Vec::new();
        for moment in &self.moments {
            match moment {
                Moment::Step(row) => {
                    let words = row.words(&["shortlist", "states"]);
                    writeln!(f, "  +{:.3} s  {words}", moment.time().since(began).as_secs_f64())?;
                    put_shortlist(f, row, &mut known)?;
                }
                Moment::Request { sent, fate } => {
                    let (name, to) = (sent.name.as_deref().unwrap_or_default(), sent.other.unwrap_or(sent.peer));
                    writeln!(f, "              {name} to {to}, {} B: {fate}", sent.bytes.unwrap_or_default())?;
                }
            }
        }
        let Cost { time, requests, answered, lost, bytes } = self.cost();
        write!(f, "cost: {:.3} s, {requests} requests ({answered} answered, {lost} lost), {bytes} bytes asked", time.as_secs_f64())
    }
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fate::Unknown => f.write_str("nothing came of it while it was recorded"),
            Fate::Arrived => f.write_str("arrived, not answered"),
            Fate::Answered(after) => write!(f, "answered after {:.3} s", after.as_secs_f64()),
            Fate::Lost => f.write_str("lost"),
            Fate::AnswerLost => f.write_str("arrived, the answer was lost"),
        }
    }
}

/// The candidates of a lookup and where they stand, those marked that the step before did not know.
fn put_shortlist(f: &mut fmt::Formatter<'_>, row: &Row, known: &mut Vec<Value>) -> fmt::Result {
    let (Some(Value::List(list)), Some(Value::Text(states))) = (row.field("shortlist"), row.field("states")) else { return Ok(()) };
    f.write_str("              shortlist")?;
    for (i, (peer, state)) in list.iter().zip(states.chars()).enumerate() {
        let new = if known.is_empty() || known.contains(peer) { "" } else { " (new)" };
        write!(f, "{} {peer} {}{new}", if i > 0 { "," } else { " " }, state_name(state))?;
    }
    known.clone_from(list);
    writeln!(f)
}

/// Where a candidate stands, by the letter in which a shortlist tells it.
fn state_name(letter: char) -> &'static str {
    match letter {
        'h' => "heard",
        'w' => "waiting",
        's' => "slow",
        'a' => "answered",
        'f' => "failed",
        _ => "?",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(seq: u64, cause: Option<u64>, kind: &str, (peer, other): (u32, Option<u32>)) -> Row {
        Row {
            seq,
            time: Time::from_millis(1000 + seq * 10),
            peer: Peer(peer),
            cause,
            kind: kind.to_owned(),
            other: other.map(Peer),
            protocol: Some("kad".to_owned()),
            name: Some("FIND_NODE".to_owned()),
            bytes: Some(71),
            ..Row::default()
        }
    }

    fn step(seq: u64, cause: u64, name: &str, peer: Option<u32>) -> Row {
        let fields = peer.map(|peer| ("peer".to_owned(), Value::Peer(Peer(peer)))).into_iter().collect();
        Row { name: Some(name.to_owned()), operation: Some("kad#7".to_owned()), bytes: None, fields, ..row(seq, Some(cause), "step", (1, None)) }
    }

    fn walk(rows: &[Row]) -> (Walk, Vec<u64>) {
        let mut walk = Walk::new(Peer(1), "kad#7");
        let part = rows.iter().filter(|row| walk.add(row)).map(|row| row.seq).collect();
        (walk, part)
    }

    #[test]
    fn requests_and_their_answers_are_found_by_cause() {
        let rows = [
            row(0, None, "command", (1, None)),
            step(1, 0, "query", Some(4)),
            row(2, Some(0), "sent", (1, Some(4))),
            // To somebody else, because of the same command: not of this operation.
            row(3, Some(0), "sent", (1, Some(5))),
            row(4, Some(2), "received", (4, Some(1))),
            // The asked peer also turns to a third.
            row(5, Some(4), "sent", (4, Some(9))),
            row(6, Some(4), "sent", (4, Some(1))),
            row(7, Some(6), "received", (1, Some(4))),
            step(8, 7, "answer", Some(4)),
            row(9, Some(7), "sent", (1, Some(6))),
        ];
        let (walk, part) = walk(&rows);
        assert_eq!(part, [1, 2, 4, 6, 7, 8]);
        assert!(matches!(walk.moments()[1], Moment::Request { fate: Fate::Answered(after), .. } if after == Duration::from_millis(50)));
        assert_eq!(walk.cost(), Cost { time: Duration::from_millis(70), requests: 1, answered: 1, lost: 0, bytes: 71 });
    }

    #[test]
    fn what_is_lost_on_either_way_is_told_apart() {
        let asked = [step(1, 0, "query", Some(4)), row(2, Some(0), "sent", (1, Some(4)))];
        let fate = |rest: &[Row]| {
            let (walk, _) = walk(&[&asked[..], rest].concat());
            let Moment::Request { fate, .. } = walk.moments()[1] else { panic!("a request") };
            fate
        };
        assert_eq!(fate(&[]), Fate::Unknown);
        assert_eq!(fate(&[row(3, Some(2), "dropped", (1, Some(4)))]), Fate::Lost);
        let arrived = row(3, Some(2), "received", (4, Some(1)));
        assert_eq!(fate(std::slice::from_ref(&arrived)), Fate::Arrived);
        let answer = row(4, Some(3), "sent", (4, Some(1)));
        assert_eq!(fate(&[arrived, answer, row(5, Some(4), "dropped", (4, Some(1)))]), Fate::AnswerLost);
    }

    #[test]
    fn a_shortlist_is_told_in_words_with_what_is_new() {
        let with = |seq, peers: &[u32], states: &str| {
            let list = peers.iter().map(|peer| Value::Peer(Peer(*peer))).collect();
            let fields = vec![("shortlist".to_owned(), Value::List(list)), ("states".to_owned(), states.into())];
            Row { fields, ..step(seq, 0, "begin", None) }
        };
        let (walk, _) = walk(&[with(0, &[4, 9], "hh"), with(10, &[31, 4, 9], "haw")]);
        assert_eq!(
            walk.to_string(),
            "p1 kad#7, from 1.000000 s\n  +0.000 s  begin\n              shortlist  p4 heard, p9 heard\n  \
             +0.100 s  begin\n              shortlist  p31 heard (new), p4 answered, p9 waiting\n\
             cost: 0.100 s, 0 requests (0 answered, 0 lost), 0 bytes asked"
        );
    }
}
