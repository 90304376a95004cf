//! One file: read, hash and lay out.
//!
//! Hashing is the work, so large files are hashed by several threads. Thread `i` of `n` reads and hashes chunks `i`, `i + n`, `i + 2n`, ... and hands
//! them over through a channel of its own that holds one; taking from the channels in turn gives the chunks in order, with no sorting and with a bound
//! on what is in flight. Buffers travel back to be filled again.

use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::layout::Layout;
use super::{Import, ImportError, Shape};
use crate::cid::RAW;
use crate::error::Doing;
use crate::hash::{HashKind, cid_of};
use crate::platform::{open_for_reading, read_exact_at};
use crate::{BlockSink, Cid, Leaf, Link, SourceFile, Stamp};

/// More threads than this do not help: memory is the limit then.
const MAX_THREADS: usize = 8;
/// Smaller files are not worth starting threads for.
const MIN_CHUNKS: u64 = 4;

impl Import<'_> {
    /// Imports the regular file at `path`.
    pub(super) fn file(&mut self, path: &Path) -> Result<Link, ImportError> {
        let file = open_for_reading(path).doing("read", path)?;
        let source = SourceFile { path: path.to_owned(), stamp: stamp(&file, path)? };
        let mut layout = Layout::new(self.options.shape, self.options.hash);
        self.made.entries += 1;
        self.chunks(&file, &source, &mut layout)?;
        if stamp(&file, path)? != source.stamp {
            return Err(ImportError::Changed(source.path));
        }
        layout.finish(&mut self.sink)
    }

    fn chunks(&mut self, file: &File, source: &SourceFile, layout: &mut Layout) -> Result<(), ImportError> {
        let cut = Cut::new(file, source.stamp.size, self.options.shape, self.options.hash);
        let threads = std::thread::available_parallelism().map_or(1, |n| n.get().min(MAX_THREADS));
        if threads == 1 || cut.count() < MIN_CHUNKS {
            let mut buffer = Vec::new();
            return (0..cut.count()).try_for_each(|index| {
                let cid = cut.hash(index, &mut buffer).map_err(|error| read_error(source, error))?;
                self.leaf(cid, &buffer, Some((source, cut.offset(index))), layout)
            });
        }
        std::thread::scope(|scope| {
            let hashers: Vec<Hasher> = (0..threads as u64).map(|first| Hasher::start(scope, cut, first, threads)).collect();
            for index in 0..cut.count() {
                let hasher = &hashers[(index % threads as u64) as usize];
                let (cid, buffer) = hasher.next().map_err(|error| read_error(source, error))?;
                self.leaf(cid, &buffer, Some((source, cut.offset(index))), layout)?;
                hasher.give_back(buffer);
            }
            Ok(())
        })
    }

    /// Imports what `input` gives, as one file.
    pub(super) fn stream(&mut self, input: &mut dyn Read) -> Result<Link, ImportError> {
        let chunk = self.options.shape.bounded().chunk;
        let mut layout = Layout::new(self.options.shape, self.options.hash);
        let (mut buffer, mut first) = (Vec::with_capacity(chunk), true);
        self.made.entries += 1;
        loop {
            buffer.clear();
            input.take(chunk as u64).read_to_end(&mut buffer).map_err(ImportError::Input)?;
            if buffer.is_empty() && !first {
                return layout.finish(&mut self.sink);
            }
            let cid = cid_of(RAW, self.options.hash, &buffer);
            self.leaf(cid, &buffer, None, &mut layout)?;
            first = false;
        }
    }

    fn leaf(&mut self, cid: Cid, bytes: &[u8], place: Option<(&SourceFile, u64)>, layout: &mut Layout) -> Result<(), ImportError> {
        self.sink.leaf(Leaf { cid, size: bytes.len() as u32, bytes, place })?;
        layout.chunk(Link { cid, size: bytes.len() as u64 }, &mut self.sink)?;
        self.advance(bytes.len() as u64)
    }
}

fn stamp(file: &File, path: &Path) -> Result<Stamp, ImportError> {
    Ok(Stamp::of(&file.metadata().doing("read", path)?))
}

/// A file that ends before its time has been cut short by somebody.
fn read_error(source: &SourceFile, error: std::io::Error) -> ImportError {
    match error.kind() {
        std::io::ErrorKind::UnexpectedEof => ImportError::Changed(source.path.clone()),
        _ => crate::StorageError::new("read", &source.path, error).into(),
    }
}

/// How a file is cut into chunks. An empty file is one empty chunk.
#[derive(Clone, Copy)]
struct Cut<'a> {
    file: &'a File,
    size: u64,
    chunk: u64,
    hash: HashKind,
}

impl<'a> Cut<'a> {
    fn new(file: &'a File, size: u64, shape: Shape, hash: HashKind) -> Self {
        Self { file, size, chunk: shape.bounded().chunk as u64, hash }
    }

    fn count(&self) -> u64 {
        self.size.div_ceil(self.chunk).max(1)
    }

    fn offset(&self, index: u64) -> u64 {
        index * self.chunk
    }

    /// Reads a chunk into `buffer` and names it.
    fn hash(&self, index: u64, buffer: &mut Vec<u8>) -> std::io::Result<Cid> {
        let length = self.chunk.min(self.size - self.offset(index)) as usize;
        read_exact_at(self.file, buffer, length, self.offset(index))?;
        Ok(cid_of(RAW, self.hash, buffer))
    }
}

type Hashed = std::io::Result<(Cid, Vec<u8>)>;

/// A thread that hashes every n-th chunk. It ends when it is done or when its channel is dropped.
struct Hasher {
    done: Receiver<Hashed>,
    spare: SyncSender<Vec<u8>>,
}

impl Hasher {
    fn start<'s>(scope: &'s std::thread::Scope<'s, '_>, cut: Cut<'s>, first: u64, step: usize) -> Self {
        let (sender, done) = sync_channel::<Hashed>(1);
        let (spare, spares) = sync_channel::<Vec<u8>>(4);
        scope.spawn(move || {
            for index in (first..cut.count()).step_by(step) {
                let mut buffer = spares.try_recv().unwrap_or_default();
                let hashed = cut.hash(index, &mut buffer).map(|cid| (cid, buffer));
                let failed = hashed.is_err();
                if sender.send(hashed).is_err() || failed {
                    return;
                }
            }
        });
        Self { done, spare }
    }

    fn next(&self) -> Hashed {
        self.done.recv().unwrap_or_else(|_| Err(std::io::Error::other("a hashing thread ended too early")))
    }

    fn give_back(&self, buffer: Vec<u8>) {
        // A full channel only means that there are spares enough.
        let _ = self.spare.try_send(buffer);
    }
}
