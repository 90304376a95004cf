//! [`Report`]: what was odd, counted by kind, with the first examples of each.

use core::fmt;
use std::collections::BTreeMap;

use peerglass_core::Peer;

/// Examples that are kept of each kind.
pub(super) const EXAMPLES: usize = 100;

/// Something odd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Anomaly {
    /// What kind of odd.
    pub kind: Kind,
    /// Whose, and with whom; of a message, sender and receiver.
    pub peers: (Peer, Option<Peer>),
    /// The records that show it.
    pub records: Vec<u64>,
    /// A sentence for people.
    pub says: String,
}

/// Kinds of what is odd; the module's documentation tells each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A question arrived and was given up without an answer.
    Unanswered,
    /// A message was received twice.
    Doubled,
    /// A message arrived after one that was sent later.
    Overtaken,
    /// A message was neither received nor dropped.
    NoFate,
    /// A peer answered, and the asker was not there any more, or nobody had asked.
    AnswerToNobody,
    /// A record's cause is not in the run.
    NoSuchCause,
    /// A record's cause is not older than it.
    CauseNotOlder,
    /// A record's number is not higher than the one before.
    NumberGoesBack,
}

impl Kind {
    /// Whether it shows that the records are damaged: no run as it was written has it.
    #[must_use]
    pub const fn is_damage(self) -> bool {
        matches!(self, Kind::NoSuchCause | Kind::CauseNotOlder | Kind::NumberGoesBack)
    }

    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Unanswered => "unanswered",
            Kind::Doubled => "doubled",
            Kind::Overtaken => "overtaken",
            Kind::NoFate => "no fate",
            Kind::AnswerToNobody => "answer to nobody",
            Kind::NoSuchCause => "no such cause",
            Kind::CauseNotOlder => "cause not older",
            Kind::NumberGoesBack => "number goes back",
        }
    }
}

/// What was odd in a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    kinds: BTreeMap<Kind, (u64, Vec<Anomaly>)>,
}

impl Report {
    /// How often something of `kind` was seen.
    #[must_use]
    pub fn seen(&self, kind: Kind) -> u64 {
        self.kinds.get(&kind).map_or(0, |(count, _)| *count)
    }

    /// The kinds that were seen, how often, and the first hundred of each (of overtaken messages, the first of each of a hundred pairs of peers).
    pub fn kinds(&self) -> impl Iterator<Item = (Kind, u64, &[Anomaly])> {
        self.kinds.iter().map(|(kind, (count, examples))| (*kind, *count, examples.as_slice()))
    }

    /// Whether nothing was odd.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.kinds.is_empty()
    }

    /// Whether the records are damaged.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.kinds.keys().any(|kind| kind.is_damage())
    }

    pub(super) fn note(&mut self, kind: Kind, peers: (Peer, Option<Peer>), records: &[u64], says: impl FnOnce() -> String) {
        let (count, examples) = self.kinds.entry(kind).or_default();
        *count += 1;
        if examples.len() < EXAMPLES {
            examples.push(Anomaly { kind, peers, records: records.to_vec(), says: says() });
        }
    }

    /// One more, without an example.
    pub(super) fn count(&mut self, kind: Kind) {
        self.kinds.entry(kind).or_default().0 += 1;
    }

    /// `count` of the kind of the examples, if there are any.
    pub(super) fn note_many(&mut self, count: u64, examples: impl IntoIterator<Item = Anomaly>) {
        let mut count = Some(count);
        for anomaly in examples {
            let (seen, kept) = self.kinds.entry(anomaly.kind).or_default();
            *seen += count.take().unwrap_or_default();
            if kept.len() < EXAMPLES {
                kept.push(anomaly);
            }
        }
    }
}

impl fmt::Display for Report {
    /// Kinds with their counts, and the first three of each.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing odd");
        }
        for (n, (kind, count, examples)) in self.kinds().enumerate() {
            write!(f, "{}{count:>9}  {}", if n > 0 { "\n" } else { "" }, kind.name())?;
            examples.iter().take(3).try_for_each(|anomaly| write!(f, "\n           {}", anomaly.says))?;
        }
        Ok(())
    }
}
