//! No handler panics.
//!
//! The contract of protocols says so (`peerglass_core::protocol`, rule 5): whatever a hostile peer sends, a handler returns. In the simulator a panic is its peer's
//! crash and nobody else's, so a run survives it; under this law it stops there, and the last record is the crash.

use peerglass_core::Protocol;
use peerglass_trace::{Record, What};

use super::{Breach, Law, Verdict};
use crate::lifecycle::PANIC;

/// The law that no handler of a protocol or of a local application panics.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoPanic;

impl<P: Protocol, H> Law<P, H> for NoPanic {
    fn name(&self) -> &'static str {
        "panic"
    }

    fn says(&self) -> &'static str {
        "no handler panics, whatever it is told"
    }

    fn on_record(&mut self, record: &Record) -> Verdict {
        let What::Down { why } = &record.what else { return Ok(()) };
        match why.strip_prefix(PANIC) {
            Some(said) => {
                let input = record.cause.map_or_else(String::new, |cause| format!(" while it handled record {cause}"));
                Err(Breach::new("it returns", format!("it panicked{input}: {said}")).of(record.peer))
            }
            None => Ok(()),
        }
    }
}
