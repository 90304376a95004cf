//! What the tests share.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, reason = "each test binary uses a part")]

use std::ops::ControlFlow;
use std::path::Path;

use peerglass_store::*;

/// The ChaCha20 keystream whose key is the SHA-256 of `seed`, nonce and counter from zero: what the published inputs are made of.
pub struct Keystream {
    state: [u32; 16],
    block: Vec<u8>,
}

impl Keystream {
    pub fn new(seed: &str) -> Self {
        let key = HashKind::Sha256.digest(seed.as_bytes());
        let mut state = [0x6170_7865, 0x3320_646e, 0x7962_2d32, 0x6b20_6574, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        for (word, bytes) in state[4..12].iter_mut().zip(key.as_chunks::<4>().0) {
            *word = u32::from_le_bytes(*bytes);
        }
        Self { state, block: Vec::new() }
    }

    pub fn take(&mut self, count: usize) -> Vec<u8> {
        while self.block.len() < count {
            self.next_block();
        }
        let rest = self.block.split_off(count);
        std::mem::replace(&mut self.block, rest)
    }

    /// A reader of the first `count` bytes.
    pub fn take_bytes(self, count: u64) -> std::io::Take<Self> {
        std::io::Read::take(self, count)
    }

    fn next_block(&mut self) {
        let mut x = self.state;
        for _ in 0..10 {
            for [a, b, c, d] in
                [[0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15], [0, 5, 10, 15], [1, 6, 11, 12], [2, 7, 8, 13], [3, 4, 9, 14]]
            {
                x[a] = x[a].wrapping_add(x[b]);
                x[d] = (x[d] ^ x[a]).rotate_left(16);
                x[c] = x[c].wrapping_add(x[d]);
                x[b] = (x[b] ^ x[c]).rotate_left(12);
                x[a] = x[a].wrapping_add(x[b]);
                x[d] = (x[d] ^ x[a]).rotate_left(8);
                x[c] = x[c].wrapping_add(x[d]);
                x[b] = (x[b] ^ x[c]).rotate_left(7);
            }
        }
        for (mixed, before) in x.iter().zip(self.state) {
            self.block.extend(mixed.wrapping_add(before).to_le_bytes());
        }
        self.state[12] += 1;
    }
}

impl std::io::Read for Keystream {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let bytes = self.take(buffer.len().min(1 << 16));
        buffer[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

pub fn quiet(_: u64) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

pub fn sha256() -> ImportOptions {
    ImportOptions { hash: HashKind::Sha256, ..ImportOptions::default() }
}

/// Small chunks and narrow nodes: deep trees from few bytes.
pub fn small() -> ImportOptions {
    ImportOptions { shape: Shape { chunk: 1000, width: 3 }, ..ImportOptions::default() }
}

/// Bytes that no chunk repeats.
pub fn noise(seed: &str, count: usize) -> Vec<u8> {
    Keystream::new(seed).take(count)
}

pub fn store(dir: &Path) -> DiskStore {
    DiskStore::open(dir).unwrap()
}

/// All files, links and directories below `path`, with what is in them.
pub fn snapshot(path: &Path) -> Vec<(String, Option<Vec<u8>>)> {
    let mut found = Vec::new();
    let mut open = vec![path.to_owned()];
    while let Some(at) = open.pop() {
        let kind = at.symlink_metadata().unwrap().file_type();
        let name = at.strip_prefix(path).unwrap().to_string_lossy().into_owned();
        if kind.is_symlink() {
            found.push((name, Some(std::fs::read_link(&at).unwrap().to_string_lossy().into_owned().into_bytes())));
        } else if kind.is_dir() {
            found.push((name, None));
            open.extend(std::fs::read_dir(&at).unwrap().map(|entry| entry.unwrap().path()));
        } else {
            found.push((name, Some(std::fs::read(&at).unwrap())));
        }
    }
    found.sort();
    found
}
