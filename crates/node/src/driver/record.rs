//! [`Log`]: the same records, in the same order and with the same causes, as the simulator writes.
//!
//! An input's record names what led to it as far as this node knows: a timer the input that set it, an answer the question. What came from outside
//! has no cause here. Counts are kept even when nobody records.

use std::io;

use peerglass_core::{Describe, Peer, Time, Told};
use peerglass_trace::{Capture, Cause, Described, DropCause, Pen, Recorder, Totals, What, Words};
use tokio::sync::mpsc;

use super::watchers::{Recorders, Watched};
use crate::book::ME;
use crate::node::RecordingStatus;
use crate::options::BoxedRecorder;
use crate::streams::link::OnWire;

pub(crate) struct Log {
    pen: Pen<Recorders>,
    totals: Totals,
    /// Whether it was told that recording has ended.
    told: bool,
}

impl Log {
    pub(crate) fn new(recorder: BoxedRecorder) -> Self {
        Self { pen: Pen::new(Recorders::new(recorder)), totals: Totals::new(), told: false }
    }

    /// Whether the steps of operations are wanted.
    pub(crate) fn watches_steps(&self) -> bool {
        self.pen.watches_steps()
    }

    /// Whether the bytes of messages are wanted.
    pub(crate) fn watches_wire(&self) -> bool {
        self.pen.watches_wire()
    }

    /// Records what `what` builds; builds nothing when recording is off.
    pub(crate) fn note(&mut self, time: Time, cause: Cause, what: impl FnOnce(&mut Words) -> What) -> Cause {
        self.pen.note(time, ME, cause, what)
    }

    pub(crate) fn step(&mut self, time: Time, cause: Cause, told: &mut Told) {
        self.pen.note_step(time, ME, cause, told);
    }

    pub(crate) fn timer(&mut self, time: Time, cause: Cause, timer: &impl Describe) -> Cause {
        self.pen.note_traffic(time, ME, cause, |words| What::Timer(words.describe(timer)))
    }

    pub(crate) fn sent(&mut self, time: Time, cause: Cause, to: Peer, message: &impl Describe, wire: OnWire) -> Cause {
        let kind = self.totals.kind(message.name());
        self.totals.sent(kind, wire.bytes);
        self.pen.note_traffic(time, ME, cause, |words| What::Sent {
            to,
            bytes: wire.bytes,
            message: Described { wire: wire.kept, ..words.describe(message) },
        })
    }

    pub(crate) fn received(&mut self, time: Time, cause: Cause, from: Peer, message: &impl Describe, wire: OnWire) -> Cause {
        let kind = self.totals.kind(message.name());
        self.totals.delivered(kind, wire.bytes);
        // The sender's record is elsewhere, so the fields stand here, unlike in the simulator.
        self.pen.note_traffic(time, ME, cause, |words| What::Received {
            from,
            bytes: wire.bytes,
            message: Described { wire: wire.kept, ..words.describe(message) },
        })
    }

    pub(crate) fn dropped(&mut self, time: Time, cause: Cause, to: Peer, message: Described, bytes: u64, why: DropCause) {
        let kind = self.totals.kind(message.name);
        self.totals.dropped(kind, why);
        self.pen.note_traffic(time, ME, cause, |_| What::Dropped { to, message, bytes, why });
    }

    pub(crate) fn event(&mut self, time: Time, cause: Cause, event: &impl Describe) -> Cause {
        self.totals.event(event.name());
        self.note(time, cause, |words| What::Event(words.describe(event)))
    }

    /// Lets somebody watch ([`Recorders::watch`]).
    pub(crate) fn watch(&mut self, wants: Capture) -> Option<mpsc::Receiver<Watched>> {
        let watching = self.pen.recorder.watch(wants);
        self.pen.ask_again();
        watching
    }

    /// Builds no more for watchers that have gone.
    pub(crate) fn tidy(&mut self) {
        if self.pen.recorder.forget_gone() {
            self.pen.ask_again();
        }
    }

    /// Why nothing more is recorded, once.
    pub(crate) fn news(&mut self) -> Option<String> {
        let why = self.pen.recorder.error().filter(|_| !self.told)?.to_string();
        self.told = true;
        Some(why)
    }

    /// How recording goes.
    pub(crate) fn recording(&self) -> RecordingStatus {
        let recorders = &self.pen.recorder;
        RecordingStatus {
            records: self.pen.records(),
            watchers: recorders.watchers(),
            lost_to_watchers: recorders.lost(),
            error: recorders.error().map(ToString::to_string),
        }
    }

    pub(crate) fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The first error met in writing.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.pen.finish()
    }
}
