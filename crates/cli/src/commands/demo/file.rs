//! The file the demo shares when none is given: the program's own source tree as a tar archive, a real file of some MiB that anybody can open. An installed
//! program that finds no source tree packs itself instead.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use crate::failure::{Code, Failure, While};

/// Where the source tree was when the program was built.
const SOURCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What of the source tree goes in.
const PARTS: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "crates",
    "docs",
    "fuzz/Cargo.lock",
    "fuzz/corpus",
    "fuzz/src",
    "labs",
    "xtask",
];

/// Makes the archive and tells where it is.
pub(crate) fn make(out: &Path) -> Result<PathBuf, Failure> {
    let path = out.join("peerglass.tar");
    let archive = || -> io::Result<()> {
        let mut tar = BufWriter::new(File::create(&path)?);
        for part in PARTS {
            add(&mut tar, &Path::new(SOURCE).join(part), part)?;
        }
        if !Path::new(SOURCE).join("crates").is_dir() {
            add(&mut tar, &std::env::current_exe()?, "peerglass")?;
        }
        // Two empty records end an archive (POSIX ustar).
        tar.write_all(&[0; 1024])?;
        tar.flush()
    };
    archive().while_doing(|| format!("make the file to share, {}", path.display()))?;
    Ok(path)
}

/// How many bytes a file or directory has.
pub(crate) fn size(path: &Path) -> Result<u64, Failure> {
    let metadata = fs::metadata(path).map_err(|error| Failure::new(Code::Usage, format!("share {}", path.display()), error))?;
    if metadata.is_file() {
        return Ok(metadata.len());
    }
    Err(Failure::new(Code::Usage, format!("share {}", path.display()), "the demo takes one file"))
}

/// Adds a file, or a directory with all below it in the order of names. What is not there is left out.
fn add(tar: &mut impl Write, path: &Path, name: &str) -> io::Result<()> {
    let Ok(metadata) = fs::symlink_metadata(path) else { return Ok(()) };
    if metadata.is_dir() {
        let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
        entries.sort_by_key(fs::DirEntry::file_name);
        return entries.iter().try_for_each(|entry| add(tar, &entry.path(), &format!("{name}/{}", entry.file_name().to_string_lossy())));
    }
    if metadata.is_file() && name.len() < 100 { file(tar, path, name) } else { Ok(()) }
}

fn file(tar: &mut impl Write, path: &Path, name: &str) -> io::Result<()> {
    let content = fs::read(path)?;
    tar.write_all(&header(name, content.len() as u64))?;
    tar.write_all(&content)?;
    tar.write_all(&[0; 512][..(512 - content.len() % 512) % 512])
}

/// The header of a regular file in a POSIX ustar archive. Owner and time are left at zero, so that equal files give equal archives.
fn header(name: &str, size: u64) -> [u8; 512] {
    let mut header = [0; 512];
    let mut put = |at: usize, text: &str| header[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{size:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\0");
    put(263, "00");
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    header
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_archive_opens_with_the_tar_program() {
        let dir = tempfile::tempdir().unwrap();
        let path = make(dir.path()).unwrap();
        let listing = std::process::Command::new("tar").arg("-tf").arg(&path).output().unwrap();
        assert!(listing.status.success(), "{}", String::from_utf8_lossy(&listing.stderr));
        let names = String::from_utf8(listing.stdout).unwrap();
        assert!(names.lines().any(|name| name == "crates/core/src/protocol.rs"), "{names}");
    }
}
