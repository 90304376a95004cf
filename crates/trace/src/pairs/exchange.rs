//! [`Exchange`]: a question and what came of it.

use core::fmt;
use core::time::Duration;

use peerglass_core::{Peer, Time};

use crate::Row;
use crate::line::Shortened;

/// A question and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exchange {
    /// Who asked.
    pub asker: Peer,
    /// Whom.
    pub asked: Peer,
    /// In which protocol.
    pub protocol: Option<String>,
    /// The question's type.
    pub question: String,
    /// The question's sent record; at a real node that is asked, its receipt.
    pub seq: u64,
    /// The time of that record.
    pub began: Time,
    /// The question's size on the wire.
    pub bytes: u64,
    /// What came of it.
    pub fate: Fate,
    /// Why it or its answer was lost.
    pub why: Option<String>,
    /// The answer, once it was sent.
    pub answer: Option<Answer>,
    /// From sending the question to the receipt of the answer.
    pub round_trip: Option<Duration>,
    /// From the receipt of the question to sending the answer.
    pub service: Option<Duration>,
    /// The sent record of the same question to the same peer, asked before and not answered.
    pub repeats: Option<u64>,
    /// Whether it was given up at the horizon, rather than at the end of the run.
    pub given_up: bool,
}

/// The first message that was sent back.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Its type.
    pub name: String,
    /// Its sent record; where only its receipt is recorded, that.
    pub seq: u64,
    /// Its size on the wire.
    pub bytes: u64,
}

/// What came of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// The answer arrived; at a real node that is asked, it was sent.
    Answered,
    /// The question was lost on its way.
    Lost,
    /// The answer was lost on its way.
    AnswerLost,
    /// The question arrived, and no answer was sent.
    Unanswered,
    /// The question or its answer has no fate that was recorded.
    UnderWay,
}

impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Fate::Answered => "answered",
            Fate::Lost => "lost",
            Fate::AnswerLost => "answer lost",
            Fate::Unanswered => "not answered",
            Fate::UnderWay => "under way",
        })
    }
}

impl fmt::Display for Exchange {
    /// One line for people.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exchange { seq, began, asker, asked, bytes, fate, .. } = self;
        write!(f, "#{seq:<8} {:>4}.{:06} s  ", began.as_secs(), began.as_nanos() % 1_000_000_000 / 1000)?;
        write!(f, "{:<18} {}  {bytes} B  {fate}", format!("{asker} → {asked}"), Shortened(&self.question))?;
        if let Some(Answer { name, bytes, .. }) = &self.answer {
            write!(f, ": {}, {bytes} B", Shortened(name))?;
        }
        if let Some(round_trip) = self.round_trip {
            write!(f, ", after {:.6} s", round_trip.as_secs_f64())?;
        }
        if let Some(service) = self.service {
            write!(f, ", served in {:.6} s", service.as_secs_f64())?;
        }
        if let Some(why) = &self.why {
            write!(f, " ({})", Shortened(why))?;
        }
        self.repeats.map_or(Ok(()), |first| write!(f, ", repeats #{first}"))
    }
}

impl Exchange {
    /// An exchange of which nothing is known but its question.
    pub(super) fn begun(row: &Row, (asker, asked): (Peer, Peer), fate: Fate) -> Self {
        Self {
            asker,
            asked,
            protocol: row.protocol.clone(),
            question: row.name.clone().unwrap_or_default(),
            seq: row.seq,
            began: row.time,
            bytes: row.bytes.unwrap_or_default(),
            fate,
            why: None,
            answer: None,
            round_trip: None,
            service: None,
            repeats: None,
            given_up: false,
        }
    }
}

impl Answer {
    pub(super) fn of(row: &Row) -> Self {
        Self { name: row.name.clone().unwrap_or_default(), seq: row.seq, bytes: row.bytes.unwrap_or_default() }
    }
}
