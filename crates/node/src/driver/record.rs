//! [`Log`]: the same records, in the same order and with the same causes, as the simulator writes.
//!
//! An input's record names what led to it as far as this node knows: a timer the input that set it, an answer the question. What came from outside
//! has no cause here. Counts are kept even when nobody records.

use std::io;

use peerglass_core::Time;
use peerglass_core::{Describe, Peer};
use peerglass_trace::{Capture, Described, DropCause, Record, Totals, What};

use crate::book::ME;
use crate::options::BoxedRecorder;

/// The record that led to something, if it was recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause(Option<u64>);

impl Cause {
    pub(crate) const NONE: Cause = Cause(None);
}

pub(crate) struct Log {
    recorder: BoxedRecorder,
    capture: Capture,
    next: u64,
    totals: Totals,
}

impl Log {
    pub(crate) fn new(recorder: BoxedRecorder) -> Self {
        Self { capture: recorder.wants(), recorder, next: 0, totals: Totals::new() }
    }

    /// Whether steps and contents are wanted.
    pub(crate) fn full(&self) -> bool {
        self.capture == Capture::Full
    }

    /// Records what `what` builds; builds nothing when recording is off.
    pub(crate) fn note(&mut self, time: Time, cause: Cause, what: impl FnOnce(bool) -> What) -> Cause {
        if self.capture == Capture::Off {
            return Cause::NONE;
        }
        let what = what(self.full());
        let seq = self.next;
        self.recorder.record(Record { seq, time, peer: ME, cause: cause.0, what });
        self.next += 1;
        Cause(Some(seq))
    }

    pub(crate) fn sent(&mut self, time: Time, cause: Cause, to: Peer, message: &impl Describe, bytes: u64) -> Cause {
        let kind = self.totals.kind(message.name());
        self.totals.sent(kind, bytes);
        self.note(time, cause, |full| What::Sent { to, message: describe(message, full), bytes })
    }

    pub(crate) fn received(&mut self, time: Time, cause: Cause, from: Peer, message: &impl Describe, bytes: u64) -> Cause {
        let kind = self.totals.kind(message.name());
        self.totals.delivered(kind, bytes);
        // The sender's record is elsewhere, so the fields stand here, unlike in the simulator.
        self.note(time, cause, |full| What::Received { from, message: describe(message, full), bytes })
    }

    pub(crate) fn dropped(&mut self, time: Time, cause: Cause, to: Peer, message: &'static str, bytes: u64, why: DropCause) {
        let kind = self.totals.kind(message);
        self.totals.dropped(kind, why);
        self.note(time, cause, |_| What::Dropped { to, message, bytes, why });
    }

    pub(crate) fn event(&mut self, time: Time, cause: Cause, event: &impl Describe) -> Cause {
        self.totals.event(event.name());
        self.note(time, cause, |full| What::Event(describe(event, full)))
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The first error met in writing.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.recorder.finish()
    }
}

/// `thing` with its contents, or its name alone.
pub(crate) fn describe(thing: &impl Describe, full: bool) -> Described {
    if full { Described::of(thing) } else { Described::name_of(thing) }
}
