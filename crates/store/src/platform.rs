//! The few things that operating systems do differently, or that std does not offer.

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::Path;

/// Opens a file for reading. A pipe that took a file's place does not block the caller.
pub(crate) fn open_for_reading(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, rustix::fs::OFlags::NONBLOCK.bits() as i32);
    options.open(path)
}

/// Opens or creates a file to read and write, refusing to go through a symbolic link in its place.
pub(crate) fn open_for_writing(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    {
        let flags = rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
        std::os::unix::fs::OpenOptionsExt::custom_flags(&mut options, flags.bits() as i32);
    }
    options.open(path)
}

/// Opens a file that exists, to write to it past the page cache. Whether the disk can do so may show only at the first write.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(crate) fn open_past_cache(path: &Path) -> io::Result<File> {
    let flags = rustix::fs::OFlags::DIRECT | rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK;
    std::os::unix::fs::OpenOptionsExt::custom_flags(OpenOptions::new().write(true), flags.bits() as i32).open(path)
}

/// Opens a file that exists, to write to it past the page cache. Here the system cannot.
#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(crate) fn open_past_cache(_: &Path) -> io::Result<File> {
    Err(ErrorKind::Unsupported.into())
}

/// Fills `buffer` with exactly `length` bytes from `offset`, without writing zeroes into it first.
#[cfg(unix)]
pub(crate) fn read_exact_at(file: &File, buffer: &mut Vec<u8>, length: usize, offset: u64) -> io::Result<()> {
    buffer.clear();
    buffer.reserve_exact(length);
    while buffer.len() < length {
        // `take` below the capacity: an allocator may have given more than was asked for.
        let wanted = length - buffer.len();
        let at = offset + buffer.len() as u64;
        let read = if buffer.capacity() - buffer.len() == wanted {
            rustix::io::pread(file, rustix::buffer::spare_capacity(buffer), at)
        } else {
            pread_part(file, buffer, wanted, at)
        };
        match read {
            Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

#[cfg(unix)]
fn pread_part(file: &File, buffer: &mut Vec<u8>, wanted: usize, at: u64) -> rustix::io::Result<usize> {
    let before = buffer.len();
    buffer.resize(before + wanted, 0);
    let read = rustix::io::pread(file, &mut buffer[before..], at);
    buffer.truncate(before + read.unwrap_or(0));
    read
}

/// Writes all of `bytes` at `offset`.
#[cfg(unix)]
pub(crate) fn write_all_at(file: &File, bytes: &[u8], offset: u64) -> io::Result<()> {
    std::os::unix::fs::FileExt::write_all_at(file, bytes, offset)
}

/// Fills `buffer` with exactly `length` bytes from `offset`.
#[cfg(not(unix))]
pub(crate) fn read_exact_at(file: &File, buffer: &mut Vec<u8>, length: usize, offset: u64) -> io::Result<()> {
    use std::io::{Read, Seek, SeekFrom};
    buffer.clear();
    let mut file = file.try_clone()?;
    file.seek(SeekFrom::Start(offset))?;
    file.take(length as u64).read_to_end(buffer)?;
    if buffer.len() == length { Ok(()) } else { Err(ErrorKind::UnexpectedEof.into()) }
}

/// Writes all of `bytes` at `offset`.
#[cfg(windows)]
pub(crate) fn write_all_at(file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        let written = std::os::windows::fs::FileExt::seek_write(file, bytes, offset)?;
        bytes = &bytes[written..];
        offset += written as u64;
    }
    Ok(())
}

/// Writes all of `bytes` at `offset`.
#[cfg(not(any(unix, windows)))]
pub(crate) fn write_all_at(_: &File, _: &[u8], _: u64) -> io::Result<()> {
    Err(ErrorKind::Unsupported.into())
}

/// The bytes of a file name or link target, `None` if the system's form has none that others could read.
pub(crate) fn name_bytes(name: &OsStr) -> Option<Vec<u8>> {
    #[cfg(unix)]
    return Some(std::os::unix::ffi::OsStrExt::as_bytes(name).to_vec());
    #[cfg(not(unix))]
    return name.to_str().map(|name| name.as_bytes().to_vec());
}

/// The other way.
pub(crate) fn name_from_bytes(name: &[u8]) -> Option<OsString> {
    #[cfg(unix)]
    return Some(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(name).to_owned());
    #[cfg(not(unix))]
    return std::str::from_utf8(name).ok().map(OsString::from);
}

/// Makes renames and new names in a directory durable.
pub(crate) fn sync_directory(path: &Path) -> io::Result<()> {
    if cfg!(unix) { File::open(path)?.sync_all() } else { Ok(()) }
}

/// Bytes that may still be written below `path`, as far as the system tells.
pub(crate) fn free_space(path: &Path) -> Option<u64> {
    #[cfg(unix)]
    return rustix::fs::statvfs(path).ok().map(|stat| stat.f_bavail.saturating_mul(stat.f_frsize));
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Bytes on disk that a file takes up already.
pub(crate) fn allocated(file: &File) -> u64 {
    let Ok(metadata) = file.metadata() else { return 0 };
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::blocks(&metadata).saturating_mul(512);
    #[cfg(not(unix))]
    return metadata.len();
}

/// Renames, refusing with `AlreadyExists` if there is something under the new name.
pub(crate) fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        use rustix::fs::{CWD, RenameFlags, renameat_with};
        match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
            // Some file systems do not know the flag.
            Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {}
            other => return Ok(other?),
        }
    }
    if to.symlink_metadata().is_ok() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    std::fs::rename(from, to)
}

/// Makes a symbolic link where the system has them.
pub(crate) fn symlink(target: &OsStr, at: &Path) -> io::Result<()> {
    #[cfg(unix)]
    return std::os::unix::fs::symlink(target, at);
    #[cfg(not(unix))]
    return Err(io::Error::new(ErrorKind::Unsupported, format!("{} would link to {}", at.display(), target.display())));
}
