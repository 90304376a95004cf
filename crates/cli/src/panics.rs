//! Panics, kept apart: a simulated peer's are data, and everything else is a mistake in this program.
//!
//! In a simulation a handler that panics is its peer's crash; the run goes on, and says so in its own words. Printed as any other panic would be, with a thread's name and the
//! advice to look at a backtrace, it would be taken for a crash of the simulator. So nothing is printed when a panic happens: what nobody catches is told here, as a failure
//! of the program.

use std::any::Any;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind, set_hook};
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};

use peerglass_lab::said;

use crate::failure::{Code, Failure};

/// Where in the source the last panic was.
static LAST: Mutex<Option<String>> = Mutex::new(None);

/// Runs a command that simulates.
pub(crate) fn apart(command: impl FnOnce() -> Result<ExitCode, Failure>) -> Result<ExitCode, Failure> {
    set_hook(Box::new(note));
    // The command is over whichever way it ends: nothing half changed is looked at.
    catch_unwind(AssertUnwindSafe(command)).unwrap_or_else(|panic| Err(fault(&*panic)))
}

/// Where the last panic was, if there was one.
pub(crate) fn last() -> Option<String> {
    LAST.lock().unwrap_or_else(PoisonError::into_inner).clone()
}

fn note(info: &PanicHookInfo<'_>) {
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = info.location().map(ToString::to_string);
}

fn fault(panic: &(dyn Any + Send)) -> Failure {
    let place = last().map_or_else(String::new, |place| format!(" at {place}"));
    let why =
        format!("the simulator itself failed{place}: {}. This is a mistake in Peerglass; please report it", said(panic).unwrap_or("no message"));
    Failure::new(Code::Failed, "go on", why)
}
