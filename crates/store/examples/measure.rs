//! Measures the paths that a transfer leans on, on 1 GiB, and checks the two published CIDs that are too slow for a test.
//!
//! `cargo run --release -p peerglass-store --example measure [DIRECTORY]`

#![allow(clippy::disallowed_methods, reason = "a measurement reads the clock")]

use std::error::Error;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::time::Instant;

use bytes::Bytes;
use peerglass_store::import::{import_path, unwatched};
use peerglass_store::*;

const GIB: u64 = 1 << 30;

#[path = "../tests/support/mod.rs"]
mod support;

fn main() -> Result<(), Box<dyn Error>> {
    let base = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let dir = tempfile::tempdir_in(base)?;
    let file = dir.path().join("input");
    write_input(&file)?;
    let sha256 = ImportOptions { hash: HashKind::Sha256, ..ImportOptions::default() };

    let dag = timed("import, SHA2-256, sizes only", || Dag::of_path(&file, &sha256))?;
    assert_eq!(dag.root().to_string(), "bafybeihmf37wcuvtx4hpu7he5zl5qaf2ineo2lqlfrapokkm5zzw7zyhvm", "the published CID of 2^30 bytes");
    timed("import, BLAKE3, sizes only", || Dag::of_path(&file, &ImportOptions::default()))?;

    let store = DiskStore::open(&dir.path().join("store"))?;
    let made = timed("share in place, BLAKE3", || store.share(&file, &ImportOptions::default(), 0, &mut unwatched))?;
    timed("read verified, in order, to nowhere", || export::cat(&store, &made.root, &mut std::io::sink()))?;

    let memory = MemoryStore::new();
    import_path(&file, &ImportOptions::default(), &mut &memory, &mut unwatched)?;
    let blocks: Vec<Block> = Dag::of_path(&file, &ImportOptions::default()).map(|dag| {
        (0..dag.len() as u32)
            .rev()
            .map(|index| Block::verified(*dag.cid(index), memory.read(dag.cid(index)).unwrap_or_default()))
            .collect::<Result<_, _>>()
    })??;
    let other = DiskStore::open(&dir.path().join("other"))?;
    let download = Download::begin(&other, made.root, &dir.path().join("output"), false, 0)?;
    timed("download: accept hashed blocks", || blocks.iter().try_for_each(|block| download.accept(block).map(drop)))?;
    timed("download: flush and rename", || download.finish())?;
    drop(download);
    let begun = Download::begin(&other, made.root, &dir.path().join("output"), false, 0)?;
    timed("download: the same again, found by hashing", || begun.fill(&memory))?;

    let small: Vec<Block> = (0..10_000u32).map(|n| Block::new(cid::RAW, HashKind::Blake3, Bytes::copy_from_slice(&n.to_le_bytes()))).collect();
    let start = Instant::now();
    std::thread::scope(|scope| small.chunks(625).for_each(|part| drop(scope.spawn(|| part.iter().for_each(|block| store.put(block).expect("put"))))));
    println!("{:<45} {:8.0} blocks/s", "put, one by one, 16 threads", 10_000.0 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    (0..10_000).for_each(|_| assert!(store.local(blocks[5].cid()).is_some()));
    println!("{:<45} {:8.1} us", "local() of a leaf", start.elapsed().as_secs_f64() * 100.0);

    std::fs::OpenOptions::new().append(true).open(&file)?.write_all(&last_byte()?)?;
    let dag = Dag::of_path(&file, &sha256)?;
    assert_eq!(dag.root().to_string(), "bafybeibdsi225ugbkmpbdohnxioyab6jsqrmkts3twhpvfnzp77xtzpyhe", "the published CID of 2^30 + 1 bytes");
    println!("the published CIDs of 1 GiB and 1 GiB + 1 byte: right");
    Ok(())
}

fn write_input(path: &std::path::Path) -> std::io::Result<()> {
    let mut out = std::fs::File::create(path)?;
    std::io::copy(&mut support::Keystream::new("v1-2025-seed").take_bytes(GIB), &mut out)?;
    Ok(())
}

fn last_byte() -> std::io::Result<Vec<u8>> {
    let mut stream = support::Keystream::new("v1-2025-seed").take_bytes(GIB + 1);
    std::io::copy(&mut (&mut stream).take(GIB), &mut std::io::sink())?;
    let mut last = Vec::new();
    stream.read_to_end(&mut last)?;
    Ok(last)
}

fn timed<T, E>(what: &str, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    let start = Instant::now();
    let made = work()?;
    println!("{what:<45} {:8.0} MiB/s", 1024.0 / start.elapsed().as_secs_f64());
    Ok(made)
}
