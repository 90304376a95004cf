//! [`Recording`]: the recorder that writes a run.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;

use peerglass_trace::{Capture, Record, Recorder, RunHeader};

use crate::chunk::{Chunk, Names};
use crate::error::OpenError;
use crate::files::Files;
use crate::manifest::{Manifest, State};

/// Chunks on their way to the thread at most; a driver that is faster waits.
const AHEAD: usize = 2;

/// Writes the records of a run into its directory.
#[derive(Debug)]
pub struct Recording {
    dir: PathBuf,
    manifest: Manifest,
    capture: Capture,
    chunk: Box<Chunk>,
    names: Names,
    /// How many records there were.
    records: u64,
    /// None once it is over.
    thread: Option<(SyncSender<Message>, JoinHandle<()>)>,
    /// Chunks that come back from it.
    written: Receiver<Box<Chunk>>,
    /// The first thing that went wrong, on either side.
    error: Arc<OnceLock<io::Error>>,
}

enum Message {
    Write(Box<Chunk>),
    /// What is there shall be readable.
    Flush,
}

impl Recording {
    /// Begins a run in `dir`, which is made if need be. An earlier run in it is replaced.
    ///
    /// # Errors
    ///
    /// When `dir` cannot be written, or holds record files that are not of a run.
    pub fn create(dir: &Path, header: RunHeader, capture: Capture) -> Result<Self, OpenError> {
        let files = Files::create(dir, &header)?;
        let manifest = Manifest::begin(header, capture);
        manifest.write(dir).map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        let (sender, messages) = mpsc::sync_channel(AHEAD);
        let (back, written) = mpsc::channel();
        let error = Arc::new(OnceLock::new());
        let fault = Arc::clone(&error);
        let thread = std::thread::Builder::new().name("records".to_owned()).spawn(move || write_all(files, &messages, &back, &fault));
        let thread = thread.map_err(|source| OpenError::Io { path: dir.to_owned(), source })?;
        Ok(Self {
            dir: dir.to_owned(),
            manifest,
            capture,
            chunk: Box::new(Chunk::with_room()),
            names: Names::new(),
            records: 0,
            thread: Some((sender, thread)),
            written,
            error,
        })
    }

    /// Has what was recorded so far be readable soon, whatever happens to this process. Each call begins a file, so it is for slow recorders: nodes.
    pub fn flush(&mut self) {
        self.hand_over();
        self.send(Message::Flush);
    }

    /// The first error met, now or later, on whichever thread.
    pub(crate) fn fault(&self) -> Arc<OnceLock<io::Error>> {
        Arc::clone(&self.error)
    }

    fn hand_over(&mut self) {
        if self.chunk.is_empty() {
            return;
        }
        let next = self.written.try_recv().unwrap_or_else(|_| Box::new(Chunk::with_room()));
        let mut chunk = std::mem::replace(&mut self.chunk, next);
        chunk.names = self.names.all();
        self.send(Message::Write(chunk));
    }

    fn send(&mut self, message: Message) {
        // The thread goes away only when it failed, and then the error is kept.
        if let Some((sender, _)) = &self.thread {
            let _ = sender.send(message);
        }
    }

    /// Waits until everything is written.
    fn end(&mut self) {
        self.hand_over();
        let Some((sender, thread)) = self.thread.take() else { return };
        drop(sender);
        if thread.join().is_err() {
            let _ = self.error.set(io::Error::other("the thread that writes records panicked"));
        }
        if self.error.get().is_some() {
            return;
        }
        self.manifest.rest.state = State::Finished;
        self.manifest.rest.records = Some(self.records);
        if let Err(error) = self.manifest.write(&self.dir) {
            let _ = self.error.set(error);
        }
    }
}

fn write_all(mut files: Files, messages: &Receiver<Message>, back: &Sender<Box<Chunk>>, fault: &OnceLock<io::Error>) {
    let mut write = || -> io::Result<()> {
        for message in messages {
            match message {
                Message::Write(mut chunk) => {
                    files.write(&chunk)?;
                    chunk.clear();
                    // At the end nobody needs it any more.
                    let _ = back.send(chunk);
                }
                Message::Flush => files.close()?,
            }
        }
        files.close()
    };
    if let Err(error) = write() {
        let told = io::Error::new(error.kind(), format!("{}: {error}", files.dir().display()));
        let _ = fault.set(told);
    }
}

impl Recorder for Recording {
    fn wants(&self) -> Capture {
        self.capture
    }

    fn record(&mut self, record: &Record) {
        self.chunk.push(record, &mut self.names);
        self.records += 1;
        if self.chunk.is_full() {
            self.hand_over();
        }
    }

    fn error(&self) -> Option<&io::Error> {
        self.error.get()
    }

    fn finish(&mut self) -> io::Result<()> {
        self.end();
        // `io::Error` cannot be cloned: the same kind and text go to the caller, and the first error stays for `error()`.
        self.error.get().map_or(Ok(()), |error| Err(io::Error::new(error.kind(), error.to_string())))
    }
}

impl Drop for Recording {
    /// Saves what it can when a run ends early. Only [`Recorder::finish`] tells whether that went well.
    fn drop(&mut self) {
        self.end();
    }
}
