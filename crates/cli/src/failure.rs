//! How a command ends when it does not end well: what was being done, why it failed, and the code that scripts see.

use std::error::Error;
use std::fmt::{self, Display};
use std::process::ExitCode;

/// A command that failed.
#[derive(Debug)]
pub(crate) struct Failure {
    doing: String,
    source: Box<dyn Error + Send + Sync>,
    code: Code,
}

/// What scripts see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// It could not be done.
    Failed = 1,
    /// The command line or an input file is wrong.
    Usage = 2,
    /// Nobody has what was asked for.
    NotFound = 3,
    /// A law is broken. No failure of the command: it was asked to find that.
    Broken = 4,
    /// Somebody pressed Ctrl-C.
    Interrupted = 130,
}

impl Failure {
    pub(crate) fn new(code: Code, doing: impl Into<String>, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { doing: doing.into(), source: source.into(), code }
    }

    pub(crate) fn code(&self) -> ExitCode {
        self.code.into()
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        ExitCode::from(code as u8)
    }
}

impl Display for Failure {
    /// `cannot DOING: WHY`, then the causes behind it that say something new, one a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = self.source.to_string();
        write!(f, "cannot {}: {said}", self.doing)?;
        let mut cause = self.source.source();
        while let Some(error) = cause {
            let text = error.to_string();
            // Many error types repeat their source in their own sentence.
            if !said.contains(&text) {
                write!(f, "\n  because {text}")?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        Ok(())
    }
}

/// Turns any error into a [`Failure`] that says what was being done.
pub(crate) trait While<T> {
    /// It failed while `doing`.
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
    /// It failed while `doing`, because of what the user gave.
    fn blaming_input(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Box<dyn Error + Send + Sync>>> While<T> for Result<T, E> {
    fn while_doing(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(Code::Failed, doing(), error))
    }

    fn blaming_input(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|error| Failure::new(Code::Usage, doing(), error))
    }
}
