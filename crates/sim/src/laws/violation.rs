//! [`Breach`] and [`Violation`]: how a law was broken, as the law tells it and as the run does.

use core::fmt;

use peerglass_core::{Peer, Time};

/// How a law was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Breach {
    /// By whom, or with whom; `None` when it concerns no peer in particular.
    pub peer: Option<Peer>,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub found: String,
}

impl Breach {
    /// This was expected, and that was found.
    #[must_use]
    pub fn new(expected: impl Into<String>, found: impl Into<String>) -> Self {
        Self { peer: None, expected: expected.into(), found: found.into() }
    }

    /// The same, of `peer`.
    #[must_use]
    pub fn of(self, peer: Peer) -> Self {
        Self { peer: Some(peer), ..self }
    }
}

/// The first time in a run that a law was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The name of the law.
    pub law: &'static str,
    /// The law, in a sentence.
    pub says: &'static str,
    /// The seed of the run.
    pub seed: u64,
    /// When, in virtual time.
    pub time: Time,
    /// The number of the last record: the one that broke the law, or the last one before the look that showed it. `None` when there was none yet.
    pub record: Option<u64>,
    /// Whether a look at the state showed it, and not that very record.
    pub at_look: bool,
    /// Who broke it, or with whom it was broken.
    pub peer: Option<Peer>,
    /// What should have been.
    pub expected: String,
    /// What was.
    pub found: String,
}

impl fmt::Display for Violation {
    /// Four lines, without a line feed at the end.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "the law `{}` is broken: {}", self.law, self.says)?;
        write!(f, "  when       {} s of virtual time, seed {}", self.time, self.seed)?;
        match self.record {
            Some(record) if self.at_look => write!(f, ", after record {record}")?,
            Some(record) => write!(f, ", by record {record}")?,
            None => {}
        }
        if let Some(peer) = self.peer {
            write!(f, ", {peer}")?;
        }
        writeln!(f)?;
        writeln!(f, "  expected   {}", self.expected)?;
        write!(f, "  found      {}", self.found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_violation_says_what_when_and_who() {
        let Breach { peer, expected, found } = Breach::new("nothing", "something").of(Peer(3));
        let time = Time::from_millis(1500);
        let violation = Violation { law: "quiet", says: "nobody speaks", seed: 7, time, record: Some(12), at_look: false, peer, expected, found };
        let expected = format!(
            "the law `quiet` is broken: nobody speaks\n  when       {time} s of virtual time, seed 7, by record 12, p3\n  expected   nothing\n  found      something"
        );
        assert_eq!(violation.to_string(), expected);
        assert!(Violation { at_look: true, ..violation }.to_string().contains(", after record 12, p3\n"));
    }
}
