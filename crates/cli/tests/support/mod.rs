//! The program as a process: in a home of its own, with a limit on every wait, and killed when the test ends.

#![allow(dead_code, reason = "each test binary uses a part of this")]
#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A hang is a failure.
pub(crate) const LIMIT: Duration = Duration::from_secs(90);
/// A network of the test's own, whatever else runs on this machine.
pub(crate) const ALONE: [&str; 4] = ["--network", "private", "--listen", "/ip4/127.0.0.1/tcp/0"];

/// A user's home, which is also where the commands run.
pub(crate) struct Home(TempDir);

impl Home {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file with bytes that differ from block to block, and those bytes.
    pub(crate) fn file(&self, name: &str, bytes: usize) -> Vec<u8> {
        let content = noise(bytes, name);
        std::fs::write(self.path(name), &content).unwrap();
        content
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Whether there is anything under this name.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Runs `peerglass` to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        self.start(arguments).end()
    }

    /// Starts `peerglass` and leaves it running.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        Running::start(self.command().args(arguments))
    }

    /// Shares in a network of the test's own, and waits until it is served. Returns what it says of what it shares.
    pub(crate) fn share(&self, arguments: &[&str]) -> (Running, Value) {
        let mut running = self.start(&[&["share", "--json"], &ALONE[..], arguments].concat());
        let shown = running.json();
        (running, shown)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_peerglass"));
        command.current_dir(self.0.path()).env("HOME", self.0.path()).env("XDG_DATA_HOME", self.path("data")).env_remove("PEERGLASS_DATA_DIR");
        command
    }
}

/// A process that runs.
pub(crate) struct Running {
    child: Child,
    out: Stream,
    err: Stream,
}

/// A process that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Running {
    fn start(command: &mut Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (out, err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
        Self { child, out: Stream::of(out), err: Stream::of(err) }
    }

    /// Waits for a line of standard output that `wanted` picks.
    #[track_caller]
    pub(crate) fn out<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> T {
        let found = self.out.hear(wanted);
        found.unwrap_or_else(|why| panic!("{why}; output:\n{}\nerrors:\n{}", self.out.heard(), self.err.heard()))
    }

    /// Waits for a line of standard error with this in it.
    #[track_caller]
    pub(crate) fn err(&mut self, wanted: &str) {
        let found = self.err.hear(|line| line.contains(wanted).then_some(()));
        found.unwrap_or_else(|why| panic!("`{wanted}`: {why}; output:\n{}\nerrors:\n{}", self.out.heard(), self.err.heard()));
    }

    /// Waits for the next line of standard output, which is JSON.
    #[track_caller]
    pub(crate) fn json(&mut self) -> Value {
        self.out(|line| Some(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))))
    }

    /// Presses Ctrl-C and waits for the end.
    pub(crate) fn interrupt(self) -> Ended {
        self.signal("INT");
        self.end()
    }

    /// Ends it as `kill -9` does: it cannot tidy up.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status().unwrap();
        assert!(sent.success(), "the process has ended before it was told to");
    }

    /// Waits until it ends by itself. Both outputs end with the process.
    #[track_caller]
    pub(crate) fn end(mut self) -> Ended {
        let (out, err) = (self.out.hear(|_| None::<()>), self.err.hear(|_| None::<()>));
        let (out, err) = (out.err().filter(is_end).is_some(), err.err().filter(is_end).is_some());
        let ended = |code| Ended { code, out: self.out.heard().to_owned(), err: self.err.heard().to_owned() };
        assert!(out && err, "it did not end: {:#?}", ended(None));
        let ended = ended(self.child.wait().unwrap().code());
        // Whatever is not a terminal gets no bars, no colours, no cursor movements.
        assert!(!ended.out.contains(['\r', '\x1b']) && !ended.err.contains(['\r', '\x1b']), "{ended:#?}");
        ended
    }
}

/// One of the outputs of a process.
struct Stream {
    lines: Receiver<String>,
    heard: String,
}

impl Stream {
    fn of(from: impl Read + Send + 'static) -> Self {
        let (sender, lines) = channel();
        let read = BufReader::new(from).split(b'\n').map_while(Result::ok).map(|line| String::from_utf8_lossy(&line).into_owned());
        // Whoever listened may have gone; then the rest is of no interest.
        std::thread::spawn(move || read.map(|line| sender.send(line)).take_while(Result::is_ok).count());
        Self { lines, heard: String::new() }
    }

    /// Waits for a line that `wanted` picks.
    fn hear<T>(&mut self, wanted: impl Fn(&str) -> Option<T>) -> Result<T, RecvTimeoutError> {
        let until = Instant::now() + LIMIT;
        loop {
            let line = self.lines.recv_timeout(until.saturating_duration_since(Instant::now()))?;
            self.heard.push_str(&line);
            self.heard.push('\n');
            if let Some(found) = wanted(&line) {
                return Ok(found);
            }
        }
    }

    fn heard(&self) -> &str {
        &self.heard
    }
}

fn is_end(why: &RecvTimeoutError) -> bool {
    *why == RecvTimeoutError::Disconnected
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// It went well.
    #[track_caller]
    pub(crate) fn fine(self) -> Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        self
    }

    /// It failed with this code and one error, which has all of `words` in it.
    #[track_caller]
    pub(crate) fn fails(self, code: i32, words: &[&str]) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        assert_eq!(self.err.lines().filter(|line| line.starts_with("error: ")).count(), 1, "one error: {self:#?}");
        assert!(!self.err.contains("panicked"), "{self:#?}");
        for word in words {
            assert!(self.err.contains(word), "`{word}` is not in {self:#?}");
        }
        self
    }

    /// Its standard output, which is one JSON object.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }
}

/// Waits until something is so that no process tells of.
#[track_caller]
pub(crate) fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + LIMIT;
    while !is_so() {
        assert!(Instant::now() < end, "it did not come to it that {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// Says that a test cannot run on this machine; `cargo xtask test` counts it.
pub(crate) fn skip(name: &str, why: &str) {
    println!("skipped {name}: {why}");
    if let Some(file) = std::env::var_os("PEERGLASS_SKIPS") {
        let mut file = File::options().append(true).create(true).open(file).unwrap();
        writeln!(file, "{name}: {why}").unwrap();
    }
}

/// A field of an object, as text.
#[track_caller]
pub(crate) fn field<'a>(object: &'a Value, name: &str) -> &'a str {
    object[name].as_str().unwrap_or_else(|| panic!("no {name} in {object}"))
}

/// The files below a directory, with their bytes.
pub(crate) fn tree(directory: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut open = vec![directory.to_owned()];
    while let Some(path) = open.pop() {
        if path.is_dir() {
            open.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push((path.strip_prefix(directory).unwrap().to_owned(), std::fs::read(&path).unwrap()));
        }
    }
    found.sort();
    found
}

pub(crate) fn noise(bytes: usize, seed: &str) -> Vec<u8> {
    let mut state = seed.bytes().fold(bytes as u64, |state, byte| state.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_le_bytes()
    };
    let mut content: Vec<u8> = (0..bytes.div_ceil(8)).flat_map(|_| next()).collect();
    content.truncate(bytes);
    content
}
