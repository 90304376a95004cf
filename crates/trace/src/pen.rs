//! [`Pen`]: numbers records, builds those that are wanted, and hands them to a recorder. Both drivers write with one.
//!
//! Contents are filled into the same memory again and again: a record is only lent to its recorder.

use std::io;

use peerglass_core::describe::Step;
use peerglass_core::{Describe, Fields, Peer, Time, Told};

use crate::{Capture, Described, Record, Recorder, What};

/// A record's number plus one, so that zero can stand for none: pending events carry their cause in eight bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cause(u64);

impl Cause {
    /// Nothing that was recorded.
    pub const NONE: Cause = Cause(0);
}

/// Tells what things are, as fully as is wanted.
#[derive(Debug)]
pub struct Words {
    contents: bool,
    wire: bool,
    /// Memory of earlier contents.
    spare: Vec<Fields>,
}

/// How many things one record describes at most; more memory is not kept.
const SPARE: usize = 2;

impl Words {
    /// `thing` with its contents, or its name alone.
    pub fn describe(&mut self, thing: &impl Describe) -> Described {
        let mut described = Described { fields: self.spare.pop().unwrap_or_default(), ..Described::name_of(thing) };
        if self.contents {
            thing.fields(&mut described.fields);
        }
        described
    }

    /// `thing` in a line of text: its name and, if wanted, what it holds.
    pub fn in_words(&mut self, thing: &impl Describe) -> String {
        let mut described = self.describe(thing);
        let words = described.fields.iter().fold(described.name.to_owned(), |words, field| format!("{words} {}={}", field.name, field.value));
        self.keep(&mut described.fields);
        words
    }

    /// Whether the bytes of messages on the wire are wanted.
    #[must_use]
    pub fn wants_wire(&self) -> bool {
        self.wire
    }

    fn keep(&mut self, fields: &mut Fields) {
        if self.spare.len() < SPARE {
            fields.clear();
            self.spare.push(core::mem::take(fields));
        }
    }
}

/// Writes records into a recorder.
#[derive(Debug)]
pub struct Pen<R> {
    /// Where the records go.
    pub recorder: R,
    capture: Capture,
    /// The number of the next record.
    next: u64,
    words: Words,
}

impl<R: Recorder> Pen<R> {
    /// A pen that has written nothing yet.
    pub fn new(recorder: R) -> Self {
        Self::from(recorder, 0)
    }

    fn from(recorder: R, next: u64) -> Self {
        let capture = recorder.wants();
        Self { recorder, capture, next, words: Words { contents: capture.contents(), wire: capture.wire(), spare: Vec::new() } }
    }

    /// Asks the recorder once more how much it wants, when that may have changed.
    pub fn ask_again(&mut self) {
        self.capture = self.recorder.wants();
        (self.words.contents, self.words.wire) = (self.capture.contents(), self.capture.wire());
    }

    /// A pen that goes on in another recorder.
    pub fn with<S: Recorder>(&self, recorder: S) -> Pen<S> {
        Pen::from(recorder, self.next)
    }

    /// How many records were written.
    pub fn records(&self) -> u64 {
        self.next
    }

    /// Whether nothing is recorded.
    #[inline]
    pub fn is_off(&self) -> bool {
        self.capture == Capture::Off
    }

    /// Whether the bytes of messages on the wire are wanted.
    pub fn watches_wire(&self) -> bool {
        self.capture.wire()
    }

    /// Whether the steps of operations are wanted.
    pub fn watches_steps(&self) -> bool {
        self.capture.contents()
    }

    /// Records what `what` builds; builds nothing when recording is off. Gives the cause for what follows.
    #[inline]
    pub fn note(&mut self, time: Time, peer: Peer, cause: Cause, what: impl FnOnce(&mut Words) -> What) -> Cause {
        if self.is_off() {
            return Cause::NONE;
        }
        self.write(time, peer, cause, what)
    }

    /// The same for messages and timers. Where they are not wanted, what follows has the cause that they would have had.
    #[inline]
    pub fn note_traffic(&mut self, time: Time, peer: Peer, cause: Cause, what: impl FnOnce(&mut Words) -> What) -> Cause {
        if !self.capture.messages() {
            return cause;
        }
        self.write(time, peer, cause, what)
    }

    /// Records a step, and leaves no more than its memory.
    pub fn note_step(&mut self, time: Time, peer: Peer, cause: Cause, told: &mut Told) {
        if !self.is_off() {
            let step = core::mem::replace(&mut told.step, Step::new(""));
            let what = What::Step { operation: told.operation, step };
            let record = Record { seq: self.next, time, peer, cause: cause.0.checked_sub(1), what };
            self.recorder.record(&record);
            self.next += 1;
            told.step.fields = record.what.into_fields().unwrap_or_default();
        }
        told.step.fields.clear();
    }

    fn write(&mut self, time: Time, peer: Peer, cause: Cause, what: impl FnOnce(&mut Words) -> What) -> Cause {
        let record = Record { seq: self.next, time, peer, cause: cause.0.checked_sub(1), what: what(&mut self.words) };
        self.recorder.record(&record);
        if let Some(mut fields) = record.what.into_fields() {
            self.words.keep(&mut fields);
        }
        self.next += 1;
        Cause(self.next)
    }

    /// Writes out what is still in memory.
    pub fn finish(&mut self) -> io::Result<()> {
        self.recorder.finish()
    }
}
