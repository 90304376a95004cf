//! [`Log`]: numbers records and hands them to the recorder, and builds none when nobody wants them.

use peerglass_core::{Describe, Fields, Peer, Time};
use peerglass_trace::{Capture, Described, Record, Recorder, What};

/// A record's number plus one, so that zero can stand for none: pending events carry their cause in eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause(u64);

impl Cause {
    pub(crate) const NONE: Cause = Cause(0);
}

#[derive(Debug)]
pub(crate) struct Log<R> {
    pub(crate) recorder: R,
    capture: Capture,
    /// The number of the next record.
    next: u64,
}

impl<R: Recorder> Log<R> {
    pub(crate) fn new(recorder: R) -> Self {
        Self { capture: recorder.wants(), recorder, next: 0 }
    }

    /// A log that goes on in another recorder.
    pub(crate) fn with<S: Recorder>(&self, recorder: S) -> Log<S> {
        Log { capture: recorder.wants(), recorder, next: self.next }
    }

    pub(crate) fn records(&self) -> u64 {
        self.next
    }

    /// Whether nothing is recorded.
    pub(crate) fn is_off(&self) -> bool {
        self.capture == Capture::Off
    }

    /// Whether steps and contents are wanted.
    pub(crate) fn full(&self) -> bool {
        self.capture == Capture::Full
    }

    /// Records what `what` builds; builds nothing when recording is off. Gives the cause for what follows.
    #[inline]
    pub(crate) fn note(&mut self, time: Time, peer: Peer, cause: Cause, what: impl FnOnce(bool) -> What) -> Cause {
        if self.capture == Capture::Off {
            return Cause::NONE;
        }
        let what = what(self.full());
        self.recorder.record(Record { seq: self.next, time, peer, cause: cause.0.checked_sub(1), what });
        self.next += 1;
        Cause(self.next)
    }
}

/// `thing` with its contents, or its name alone.
pub(crate) fn describe(thing: &impl Describe, full: bool) -> Described {
    if full { Described::of(thing) } else { Described::name_of(thing) }
}

/// `thing` in a line of text: its name and, if wanted, what it holds.
pub(crate) fn in_words(thing: &impl Describe, full: bool) -> String {
    let fields = if full { Fields::of(thing) } else { Fields::new() };
    fields.iter().fold(thing.name().to_owned(), |words, field| format!("{words} {}={}", field.name, field.value))
}
