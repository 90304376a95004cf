//! [`Recorder`]: where records go, and the recorders that need no format.
//!
//! A driver asks [`Recorder::wants`] once, when the run starts, and builds only what is wanted: with [`Capture::Off`] no record is ever made.
//! A recorder that fails (a full disk) keeps its first error, drops what follows, and says so through [`Recorder::error`] and [`Recorder::finish`];
//! the run itself goes on or stops as its driver decides. Nothing is lost silently.

use std::io;

use crate::{Record, What};

/// How much a recorder wants to know.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Capture {
    /// Nothing.
    #[default]
    Off,
    /// What applications asked and were told, the steps of operations, and what became of peers and links: no messages, no timers.
    Operations,
    /// Every record but steps, without contents.
    Summary,
    /// Everything but bytes.
    Full,
    /// Everything, and the bytes of messages on the wire.
    Wire,
}

impl Capture {
    /// Whether messages and timers are recorded.
    #[must_use]
    pub const fn messages(self) -> bool {
        matches!(self, Capture::Summary | Capture::Full | Capture::Wire)
    }

    /// Whether steps are recorded, and contents wherever something is.
    #[must_use]
    pub const fn contents(self) -> bool {
        matches!(self, Capture::Operations | Capture::Full | Capture::Wire)
    }

    /// Whether the bytes of messages are recorded.
    #[must_use]
    pub const fn wire(self) -> bool {
        matches!(self, Capture::Wire)
    }

    /// What of `record` somebody gets who wants this much, where more may have been built for others; `None` for nothing.
    #[must_use]
    pub fn of(self, record: &Record) -> Option<Record> {
        let wanted = match &record.what {
            What::Sent { .. } | What::Received { .. } | What::Dropped { .. } | What::Timer(_) => self.messages(),
            What::Step { .. } => self.contents(),
            _ => self != Capture::Off,
        };
        let mut record = wanted.then(|| record.clone())?;
        if let Some(described) = record.what.described_mut() {
            if !self.contents() {
                described.fields.clear();
            }
            if !self.wire() {
                described.wire.clear();
            }
        }
        Some(record)
    }

    /// Its name in files and on command lines.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Capture::Off => "off",
            Capture::Operations => "operations",
            Capture::Summary => "summary",
            Capture::Full => "full",
            Capture::Wire => "wire",
        }
    }

    /// The least that holds both.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        match (self.messages() || other.messages(), self.contents() || other.contents()) {
            (true, true) if self.wire() || other.wire() => Capture::Wire,
            (true, true) => Capture::Full,
            (true, false) => Capture::Summary,
            (false, true) => Capture::Operations,
            (false, false) => Capture::Off,
        }
    }
}

/// Takes records, in the order of their numbers.
pub trait Recorder {
    /// How much to build. Asked once, when the run starts.
    fn wants(&self) -> Capture;

    /// Takes one record. It is lent: its driver uses the memory of its contents again for the next one.
    fn record(&mut self, record: &Record);

    /// The first error met, if any. Records after it were not kept.
    fn error(&self) -> Option<&io::Error> {
        None
    }

    /// Writes out what is still in memory. Returns the first error met, now or before; call it before the recorder is dropped.
    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<R: Recorder + ?Sized> Recorder for Box<R> {
    fn wants(&self) -> Capture {
        (**self).wants()
    }
    fn record(&mut self, record: &Record) {
        (**self).record(record);
    }
    fn error(&self) -> Option<&io::Error> {
        (**self).error()
    }
    fn finish(&mut self) -> io::Result<()> {
        (**self).finish()
    }
}

/// Records nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Off;

impl Recorder for Off {
    fn wants(&self) -> Capture {
        Capture::Off
    }
    fn record(&mut self, _: &Record) {}
}

/// Keeps everything in memory.
impl Recorder for Vec<Record> {
    fn wants(&self) -> Capture {
        Capture::Full
    }
    fn record(&mut self, record: &Record) {
        self.push(record.clone());
    }
}

/// Gives every record to two recorders. A recorder that wants less than the other simply gets more than it asked for, except [`Capture::Off`].
#[derive(Clone, Debug, Default)]
pub struct Tee<A, B>(pub A, pub B);

impl<A: Recorder, B: Recorder> Recorder for Tee<A, B> {
    fn wants(&self) -> Capture {
        self.0.wants().with(self.1.wants())
    }

    fn record(&mut self, record: &Record) {
        if self.0.wants() != Capture::Off {
            self.0.record(record);
        }
        if self.1.wants() != Capture::Off {
            self.1.record(record);
        }
    }

    fn error(&self) -> Option<&io::Error> {
        self.0.error().or_else(|| self.1.error())
    }

    fn finish(&mut self) -> io::Result<()> {
        // Both are finished, whichever fails.
        let first = self.0.finish();
        first.and(self.1.finish())
    }
}

/// Counts records by kind and keeps none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counting {
    capture: Capture,
    counts: [u64; What::KINDS],
}

impl Counting {
    /// A counter that has the driver build as much as `capture` says.
    #[must_use]
    pub fn new(capture: Capture) -> Self {
        Self { capture, counts: [0; What::KINDS] }
    }

    /// How many records of the kind called `kind` there were: `sent`, `received`, … 0 for a name that is no kind.
    #[must_use]
    pub fn count(&self, kind: &str) -> u64 {
        What::NAMES.iter().position(|name| *name == kind).map_or(0, |i| self.counts[i])
    }

    /// How many records there were.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

impl Recorder for Counting {
    fn wants(&self) -> Capture {
        self.capture
    }
    fn record(&mut self, record: &Record) {
        self.counts[record.what.index()] += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Described;
    use peerglass_core::{Peer, Time};

    fn up(seq: u64) -> Record {
        Record { seq, time: Time::ZERO, peer: Peer(1), cause: None, what: What::Up }
    }

    #[test]
    fn who_wants_less_than_others_gets_less() {
        let mut fields = peerglass_core::Fields::new();
        fields.add("id", 3u64);
        let message = Described { protocol: "kad", name: "PING", fields, wire: vec![1] };
        let sent = Record { what: What::Sent { to: Peer(2), message, bytes: 1 }, ..up(0) };
        let got = |capture: Capture| {
            let what = capture.of(&sent)?.what;
            if let What::Sent { message, .. } = what { Some((message.fields.is_empty(), message.wire.is_empty())) } else { None }
        };
        assert_eq!((got(Capture::Off), got(Capture::Operations)), (None, None));
        assert_eq!((got(Capture::Summary), got(Capture::Full), got(Capture::Wire)), (Some((true, true)), Some((false, true)), Some((false, false))));
        assert!(Capture::Operations.of(&up(0)).is_some() && Capture::Off.of(&up(0)).is_none());
    }

    struct Broken;
    impl Recorder for Broken {
        fn wants(&self) -> Capture {
            Capture::Summary
        }
        fn record(&mut self, _: &Record) {}
        fn finish(&mut self) -> io::Result<()> {
            Err(io::Error::other("full"))
        }
    }

    #[test]
    fn a_tee_wants_the_most_and_feeds_both_but_not_one_that_is_off() {
        let mut tee = Tee(Vec::new(), Counting::new(Capture::Summary));
        assert_eq!(tee.wants(), Capture::Full);
        tee.record(&up(0));
        assert_eq!((tee.0.len(), tee.1.count("up"), tee.1.total()), (1, 1, 1));

        let mut half = Tee(Counting::new(Capture::Off), Counting::new(Capture::Summary));
        half.record(&up(0));
        assert_eq!((half.0.total(), half.1.total()), (0, 1));
    }

    #[test]
    fn a_tee_reports_the_failure_of_either_side() {
        assert!(Tee(Broken, Vec::new()).finish().is_err());
        assert!(Tee(Vec::new(), Broken).finish().is_err());
        assert!(Tee(Off, Off).finish().is_ok());
    }
}
