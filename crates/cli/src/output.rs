//! Results on standard output: text for people, or one JSON object a line for scripts.

use std::fmt::Display;
use std::io::{self, Write};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

/// How results are printed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// Prints a result.
    pub(crate) fn result(self, value: &impl Serialize, text: impl Display) {
        let mut out = io::stdout().lock();
        // A reader that has gone away (`| head`) is no reason to fail.
        let _ = if self.json {
            serde_json::to_string(value).map_err(io::Error::from).and_then(|json| writeln!(out, "{json}"))
        } else {
            writeln!(out, "{text}")
        };
        let _ = out.flush();
    }

    /// Prints one result of many as a line, in the form that it has of itself.
    ///
    /// Tells whether anybody still reads.
    pub(crate) fn line(self, line: impl Display) -> bool {
        writeln!(io::stdout().lock(), "{line}").is_ok()
    }

    /// Says something to the person who watches; scripts do not hear it.
    pub(crate) fn say(self, text: impl Display) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{text}");
        }
    }

    /// Says that something is wrong, to people and scripts alike.
    pub(crate) fn warn(self, text: impl Display) {
        let _ = writeln!(io::stderr(), "warning: {text}");
    }

    /// A bar for work of so many units. It draws on standard error, only when that is a terminal, and vanishes when dropped.
    pub(crate) fn bar(self, what: &'static str, units: Units, length: u64) -> Bar {
        let bar = if self.json { ProgressBar::hidden() } else { ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr()) };
        let template = match units {
            Units::Bytes => "{msg} [{bar:30}] {bytes}/{total_bytes} {bytes_per_sec} {eta}",
            Units::Percent => "{msg} [{bar:30}] {percent} %",
            Units::Runs => "{msg} [{bar:30}] {pos}/{len} runs {eta}",
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_message(what);
        Bar(bar)
    }
}

/// What a bar counts.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Units {
    Bytes,
    Percent,
    Runs,
}

/// A progress bar that vanishes when dropped.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn set(&self, done: u64, length: u64) {
        self.0.set_length(length);
        self.0.set_position(done);
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// `1 block`, `2 blocks`.
pub(crate) fn count(number: u64, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
