//! Where a download writes: `<output>.part`, or nowhere if the output is there already.
//!
//! | mode | when | what is written |
//! |---|---|---|
//! | fresh | nothing was there | everything, to `<output>.part` |
//! | resumed | `<output>.part` is ours, from before | what is not there yet |
//! | settled | the output itself exists | nothing: it must turn out to be this very content |
//!
//! Settled is how "already fetched" and "killed just after the rename" are recognised, and how somebody else's file under the same name is left alone.
//!
//! Symbolic links are made last, when all files are written, and those that a killed download made are removed before it goes on: nothing is ever written
//! through a link that came with the content, not even on a disk that takes `A` and `a` for the same name.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::DownloadError;
use super::ahead::Ahead;
use super::direct::Direct;
use super::plan::Symlink;
use crate::disk::index::Op;
use crate::disk::record::FileRecord;
use crate::error::Doing;
use crate::platform::{
    allocated, free_space, name_from_bytes, open_for_reading, open_for_writing, read_exact_at, rename_new, symlink, sync_directory, write_all_at,
};
use crate::{DiskStore, Stamp, StorageError};

/// Files that are kept open.
const MAX_OPEN: usize = 32;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Fresh,
    Resumed,
    Settled,
}

#[derive(Debug)]
struct OutFile {
    /// Below the base; empty for a download of a single file.
    path: PathBuf,
    /// Its id in the index.
    id: u64,
    size: u64,
}

/// A file with its name, for errors.
#[derive(Debug)]
pub(super) struct OpenFile {
    pub(super) file: File,
    pub(super) path: PathBuf,
    ahead: Arc<Ahead>,
    direct: Option<Direct>,
}

impl OpenFile {
    fn write(&self, data: &[u8], offset: u64) -> std::io::Result<()> {
        self.ahead.check()?;
        match &self.direct {
            Some(direct) if direct.write(data, offset)? => return Ok(()),
            Some(direct) => direct.aside(|| write_all_at(&self.file, data, offset))?,
            None => write_all_at(&self.file, data, offset)?,
        }
        self.ahead.wrote(&self.file, data.len());
        Ok(())
    }
}

#[derive(Debug)]
pub(super) struct Output {
    pub(super) out: PathBuf,
    /// What is being written to or compared with: the `.part`, or the output itself.
    base: PathBuf,
    pub(super) mode: Mode,
    pub(super) overwrite: bool,
    files: Vec<OutFile>,
    directories: Vec<PathBuf>,
    /// The last used first.
    open: Vec<(u32, Arc<OpenFile>)>,
    /// Ids of files that an earlier run of this download made.
    known: BTreeMap<PathBuf, u64>,
    ahead: Arc<Ahead>,
}

/// `<output>.part`.
pub(super) fn part_path(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".part");
    out.with_file_name(name)
}

impl Output {
    /// Looks at what is there and proves that the output can be written. A `.part` that exists must be of this very download.
    pub(super) fn prepare(store: &DiskStore, out: PathBuf, overwrite: bool) -> Result<Self, DownloadError> {
        let part = part_path(&out);
        let there = |path: &Path| path.symlink_metadata().is_ok();
        let mode = match (there(&out) && !overwrite, there(&part)) {
            (true, _) => Mode::Settled,
            (false, true) => Mode::Resumed,
            (false, false) => Mode::Fresh,
        };
        let base = if mode == Mode::Settled { out.clone() } else { part.clone() };
        let mut known = BTreeMap::new();
        for (id, record) in store.inner.index.files()? {
            let rest = record.path.strip_prefix(&part).or_else(|_| record.path.strip_prefix(&out));
            known.extend(rest.ok().map(|rest| (rest.to_owned(), id)));
        }
        let (files, directories, open, ahead) = (Vec::new(), Vec::new(), Vec::new(), Arc::default());
        let output = Self { out, base, mode, overwrite, files, directories, open, known, ahead };
        match mode {
            Mode::Settled => {}
            Mode::Fresh => drop(open_for_writing(&output.base).doing("create", &output.base)?),
            Mode::Resumed => remove_symlinks(&output.base)?,
        }
        Ok(output)
    }

    fn path(&self, below: &Path) -> PathBuf {
        // Joining an empty path would add a slash, which no file has.
        if below.as_os_str().is_empty() { self.base.clone() } else { self.base.join(below) }
    }

    pub(super) fn make_directory(&mut self, below: PathBuf) -> Result<(), DownloadError> {
        let path = self.path(&below);
        let root_was_a_file = below.as_os_str().is_empty() && self.mode != Mode::Settled && path.is_file();
        self.directories.push(below);
        if root_was_a_file {
            // Made to prove that the place can be written to, before it was known what would stand there.
            fs::remove_file(&path).doing("remove", &path)?;
        }
        if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Ok(());
        }
        match self.mode {
            Mode::Settled => Err(DownloadError::OutputExists(self.out.clone())),
            _ => match fs::create_dir(&path) {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(DownloadError::Collision(path)),
                other => Ok(other.doing("create", &path)?),
            },
        }
    }

    /// Makes the file, or finds it, and returns what the index is to learn. `number` counts up from 0.
    pub(super) fn make_file(&mut self, number: u32, below: PathBuf, size: u64, store: &DiskStore) -> Result<Op, DownloadError> {
        let path = self.path(&below);
        let file = if self.mode == Mode::Settled { self.find_file(&path, size)? } else { self.create_file(&path, &below, size)? };
        let id = self.known.get(&below).copied().unwrap_or_else(|| store.inner.index.new_file());
        let growing = self.mode != Mode::Settled;
        let stamp = if growing { Stamp { size, modified: 0 } } else { Stamp::of(&file.metadata().doing("read", &path)?) };
        self.files.push(OutFile { path: below, id, size });
        self.remember(number, Arc::new(self.opened(file, path.clone(), size)));
        Ok(Op::File(id, FileRecord { path, stamp, growing }))
    }

    fn find_file(&self, path: &Path, size: u64) -> Result<File, DownloadError> {
        let exists = || DownloadError::OutputExists(self.out.clone());
        let metadata = path.symlink_metadata().map_err(|_| exists())?;
        if metadata.is_file() && metadata.len() == size { Ok(open_for_reading(path).doing("read", path)?) } else { Err(exists()) }
    }

    fn create_file(&self, path: &Path, below: &Path, size: u64) -> Result<File, DownloadError> {
        if self.mode == Mode::Fresh && !below.as_os_str().is_empty() && path.symlink_metadata().is_ok() {
            return Err(DownloadError::Collision(path.to_owned()));
        }
        let file = open_for_writing(path).doing("create", path)?;
        let needed = size.saturating_sub(allocated(&file));
        if let Some(free) = free_space(path).filter(|free| *free < needed) {
            return Err(DownloadError::NoSpace { path: path.to_owned(), needed, free });
        }
        file.set_len(size).doing("write", path)?;
        Ok(file)
    }

    /// The open file with this number.
    pub(super) fn file(&mut self, number: u32) -> Result<Arc<OpenFile>, StorageError> {
        if let Some(at) = self.open.iter().position(|(open, _)| *open == number) {
            self.open[..=at].rotate_right(1);
            return Ok(Arc::clone(&self.open[0].1));
        }
        let OutFile { path, size, .. } = &self.files[number as usize];
        let path = self.path(path);
        let open = if self.mode == Mode::Settled { open_for_reading(&path) } else { open_for_writing(&path) };
        let file = Arc::new(self.opened(open.doing("open", &path)?, path, *size));
        self.remember(number, Arc::clone(&file));
        Ok(file)
    }

    fn opened(&self, file: File, path: PathBuf, size: u64) -> OpenFile {
        let direct = if self.mode == Mode::Settled { None } else { Direct::open(&path, size) };
        OpenFile { file, path, ahead: Arc::clone(&self.ahead), direct }
    }

    fn remember(&mut self, number: u32, file: Arc<OpenFile>) {
        self.open.truncate(MAX_OPEN - 1);
        self.open.insert(0, (number, file));
    }

    /// The index's id of a file.
    pub(super) fn id(&self, number: u32) -> u64 {
        self.files[number as usize].id
    }

    /// What an earlier run left in the place of a whole file.
    pub(super) fn leftover(&self, below: &Path) -> Option<(Arc<OpenFile>, u64)> {
        let path = self.path(below);
        let length = path.symlink_metadata().ok().filter(fs::Metadata::is_file)?.len();
        let file = open_for_reading(&path).ok()?;
        Some((Arc::new(OpenFile { file, path, ahead: Arc::clone(&self.ahead), direct: None }), length))
    }

    /// Puts bytes in their place. Outside of any lock.
    pub(super) fn put(mode: Mode, to: &OpenFile, out: &Path, offset: u64, data: &[u8]) -> Result<(), DownloadError> {
        if mode != Mode::Fresh {
            let mut before = Vec::new();
            if read_exact_at(&to.file, &mut before, data.len(), offset).is_ok() && before == data {
                return Ok(());
            }
        }
        match mode {
            Mode::Settled => Err(DownloadError::OutputExists(out.to_owned())),
            _ => Ok(to.write(data, offset).doing("write", &to.path)?),
        }
    }

    /// Makes everything durable and gives it its final name. Returns what the index is to learn.
    pub(super) fn finish(&mut self, symlinks: &[Symlink]) -> Result<Vec<Op>, DownloadError> {
        self.open.clear();
        if self.mode == Mode::Settled {
            self.compare_symlinks(symlinks)?;
        } else {
            self.make_symlinks(symlinks)?;
            self.sync()?;
            self.rename()?;
        }
        self.base.clone_from(&self.out);
        self.mode = Mode::Settled;
        self.files.iter().map(|file| self.final_record(file)).collect()
    }

    fn final_record(&self, file: &OutFile) -> Result<Op, DownloadError> {
        let path = self.path(&file.path);
        let stamp = Stamp::of(&fs::metadata(&path).doing("read", &path)?);
        debug_assert_eq!(stamp.size, file.size);
        Ok(Op::File(file.id, FileRecord { path, stamp, growing: false }))
    }

    fn sync(&self) -> Result<(), StorageError> {
        self.ahead.check().doing("flush", &self.base)?;
        for file in &self.files {
            let path = self.path(&file.path);
            File::open(&path).and_then(|file| file.sync_all()).doing("flush", &path)?;
        }
        self.directories.iter().map(|below| self.path(below)).try_for_each(|path| sync_directory(&path).doing("flush", &path))
    }

    fn make_symlinks(&self, symlinks: &[Symlink]) -> Result<(), DownloadError> {
        for link in symlinks {
            let path = self.path(&link.path);
            if link.path.as_os_str().is_empty() {
                // The content is nothing but a link: it takes the place of the empty file.
                fs::remove_file(&path).doing("remove", &path)?;
            }
            let target = name_from_bytes(&link.target).unwrap_or_default();
            symlink(&target, &path).map_err(|error| match error.kind() {
                ErrorKind::AlreadyExists => DownloadError::Collision(path.clone()),
                _ => StorageError::new("create", &path, error).into(),
            })?;
        }
        Ok(())
    }

    fn compare_symlinks(&self, symlinks: &[Symlink]) -> Result<(), DownloadError> {
        let same = |link: &Symlink| {
            let target = fs::read_link(self.path(&link.path)).ok();
            target.is_some_and(|target| Some(target.into_os_string()) == name_from_bytes(&link.target))
        };
        if symlinks.iter().all(same) { Ok(()) } else { Err(DownloadError::OutputExists(self.out.clone())) }
    }

    fn rename(&self) -> Result<(), DownloadError> {
        let renamed = if self.overwrite { fs::rename(&self.base, &self.out) } else { rename_new(&self.base, &self.out) };
        match renamed {
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty | ErrorKind::IsADirectory | ErrorKind::NotADirectory
                ) =>
            {
                Err(DownloadError::OutputExists(self.out.clone()))
            }
            other => {
                other.doing("rename", &self.base)?;
                let parent = self.out.parent().unwrap_or(Path::new("."));
                Ok(sync_directory(parent).doing("flush", parent)?)
            }
        }
    }

    /// Removes what was written. Never touches the final name.
    pub(super) fn remove(&mut self) -> Result<Vec<Op>, StorageError> {
        self.open.clear();
        let part = part_path(&self.out);
        let removed =
            if part.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) { fs::remove_dir_all(&part) } else { fs::remove_file(&part) };
        match removed {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(StorageError::new("remove", &part, error)),
            _ => Ok(self.known.values().copied().chain(self.files.iter().map(|file| file.id)).map(Op::RemoveFile).collect()),
        }
    }
}

/// Removes all symbolic links in the tree at `path`, without following any.
fn remove_symlinks(path: &Path) -> Result<(), StorageError> {
    let mut open = vec![path.to_owned()];
    while let Some(path) = open.pop() {
        let kind = path.symlink_metadata().doing("read", &path)?.file_type();
        if kind.is_symlink() {
            fs::remove_file(&path).doing("remove", &path)?;
        } else if kind.is_dir() {
            for entry in fs::read_dir(&path).doing("list", &path)? {
                open.push(entry.doing("list", &path)?.path());
            }
        }
    }
    Ok(())
}
