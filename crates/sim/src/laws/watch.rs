//! [`Watch`]: a recorder that holds records, and the run itself, against laws.

use core::time::Duration;

use peerglass_core::{Protocol, Time};
use peerglass_trace::{Capture, Record, Recorder};

use super::{Breach, Law, View, Violation};
use crate::{Host, Limits, Simulation};

/// A recorder around another, with laws. From the first violation on it passes no records on: the last one recorded is the one that broke the law.
pub struct Watch<P: Protocol, H, R> {
    inner: R,
    /// Whether the recorder inside wants records.
    passes: bool,
    laws: Vec<Box<dyn Law<P, H>>>,
    every: Option<Duration>,
    /// When the next look is due.
    next: Time,
    seed: u64,
    /// The number of the last record.
    last: Option<u64>,
    violation: Option<Violation>,
}

impl<P: Protocol, H, R: Recorder> Watch<P, H, R> {
    /// A watch under no law yet, over a run that is recorded into `inner`; [`Off`](peerglass_trace::Off) for one that is only watched.
    #[must_use]
    pub fn new(inner: R) -> Self {
        let passes = inner.wants() != Capture::Off;
        Self { inner, passes, laws: Vec::new(), every: None, next: Time::MAX, seed: 0, last: None, violation: None }
    }

    /// Under one more law.
    #[must_use]
    pub fn with(mut self, law: impl Law<P, H> + 'static) -> Self {
        self.add(Box::new(law));
        self
    }

    /// One more law, before the run begins: it has to see everything.
    pub fn add(&mut self, law: Box<dyn Law<P, H>>) {
        self.laws.push(law);
    }

    /// Has laws look at the state so often, and not only at the end.
    #[must_use]
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = Some(interval.max(Duration::from_nanos(1)));
        self.next = Time::ZERO + self.every.unwrap_or_default();
        self
    }

    /// The first violation, if there was one.
    #[must_use]
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// The recorder inside.
    #[must_use]
    pub fn inner(&self) -> &R {
        &self.inner
    }

    /// Gives the recorder inside back.
    #[must_use]
    pub fn into_inner(self) -> R {
        self.inner
    }

    /// Keeps the first breach among the verdicts of all laws.
    fn judge(&mut self, time: Time, at_look: bool, mut ask: impl FnMut(&mut dyn Law<P, H>) -> Result<(), Breach>) {
        let broken = self.laws.iter_mut().find_map(|law| ask(&mut **law).err().map(|breach| (law.name(), law.says(), breach)));
        self.violation = broken.map(|(law, says, Breach { peer, expected, found })| Violation {
            law,
            says,
            seed: self.seed,
            time,
            record: self.last,
            at_look,
            peer,
            expected,
            found,
        });
    }
}

impl<P: Protocol, H, R: Recorder> Recorder for Watch<P, H, R> {
    /// At least what happens, without contents: laws live on it.
    fn wants(&self) -> Capture {
        self.inner.wants().with(Capture::Summary)
    }

    fn record(&mut self, record: &Record) {
        if self.violation.is_some() {
            return;
        }
        self.last = Some(record.seq);
        self.judge(record.time, false, |law| law.on_record(record));
        if self.passes {
            self.inner.record(record);
        }
    }

    fn error(&self) -> Option<&std::io::Error> {
        self.inner.error()
    }

    fn finish(&mut self) -> std::io::Result<()> {
        self.inner.finish()
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, Watch<P, H, R>> {
    /// Runs up to and including `time` as [`Simulation::run_until`] does, or until a law is broken: what led to it has happened, and nothing after the event that
    /// it is part of. Gives the violation; from then on nothing happens any more.
    pub fn run_watched(&mut self, time: Time) -> Option<&Violation> {
        self.log.recorder.seed = self.world.seed;
        loop {
            let look = self.log.recorder.next;
            let until = look.min(time);
            self.run_while(Limits::until(until), |sim| sim.log.recorder.violation.is_none());
            if self.log.recorder.violation.is_some() {
                break;
            }
            self.set_now(self.now.max(until));
            if look <= until {
                self.log.recorder.next = look + self.log.recorder.every.unwrap_or(Duration::MAX);
                self.look(false);
            }
            if until >= time {
                break;
            }
        }
        self.log.recorder.violation()
    }

    /// The run is over: a last look. Gives the first violation of the run, if there is one.
    pub fn end_watched(&mut self) -> Option<&Violation> {
        self.log.recorder.seed = self.world.seed;
        self.look(true);
        self.log.recorder.violation()
    }

    fn look(&mut self, end: bool) {
        let Simulation { world, shards, log, now, peers, asked, rules, .. } = self;
        if log.recorder.violation.is_none() {
            let view = View { world, shards, now: *now, peers: *peers, asked: *asked, rules: *rules, end };
            log.recorder.judge(*now, true, |law| law.on_look(&view));
        }
    }
}
