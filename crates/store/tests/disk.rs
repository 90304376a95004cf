//! The store on disk: what it keeps, what it refuses to serve, and what it says then.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::fs;

use bytes::Bytes;
use peerglass_store::disk::RootKind;
use peerglass_store::*;
use support::*;

fn block(bytes: Vec<u8>) -> Block {
    Block::new(cid::RAW, HashKind::Blake3, Bytes::from(bytes))
}

#[test]
fn small_and_large_blocks_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let blocks = [block(vec![]), block(vec![1; 100]), block(vec![2; 1 << 20])];
    let first = store(dir.path());
    first.put_all(&blocks).unwrap();
    drop(first);
    let second = store(dir.path());
    for block in &blocks {
        assert_eq!(second.read(block.cid()).unwrap(), block.data());
        assert_eq!(second.local(block.cid()).unwrap().size as usize, block.data().len());
    }
    assert!(matches!(second.read(block(vec![3]).cid()), Err(ReadError::NotFound(_))));
}

#[test]
fn a_second_opening_is_refused_and_names_the_directory() {
    let dir = tempfile::tempdir().unwrap();
    let first = store(dir.path());
    let error = DiskStore::open(dir.path()).unwrap_err();
    assert!(matches!(&error, OpenError::InUse(named) if named == dir.path()), "{error}");
    drop(first);
    DiskStore::open(dir.path()).unwrap();
}

#[test]
fn many_threads_put_at_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    std::thread::scope(|scope| {
        for thread in 0..8u8 {
            let store = &store;
            scope.spawn(move || (0..20u8).for_each(|number| store.put(&block(vec![thread, number])).unwrap()));
        }
    });
    for thread in 0..8 {
        for number in 0..20 {
            assert!(store.read(block(vec![thread, number]).cid()).is_ok());
        }
    }
}

#[test]
fn a_damaged_copy_is_not_served_and_can_be_put_again() {
    let dir = tempfile::tempdir().unwrap();
    let store = store(dir.path());
    let large = block(noise("damage", 200_000));
    store.put(&large).unwrap();
    let file = snapshot(&dir.path().join("blocks")).into_iter().find(|(_, bytes)| bytes.is_some()).unwrap().0;
    let path = dir.path().join("blocks").join(file);
    for damage in [&b"torn"[..], &[0; 200_000]] {
        fs::write(&path, damage).unwrap();
        assert!(matches!(store.read(large.cid()), Err(ReadError::Damaged { .. })));
        assert_eq!(store.local(large.cid()), None);
        store.put(&large).unwrap();
        assert_eq!(store.read(large.cid()).unwrap(), large.data());
    }
}

#[test]
fn sharing_copies_no_file_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    fs::write(&file, noise("in place", 5_000_000)).unwrap();
    let store = store(&dir.path().join("store"));
    let made = store.share(&file, &ImportOptions::default(), 1234, &mut quiet).unwrap();
    let mut out = Vec::new();
    export::cat(&store, &made.root, &mut out).unwrap();
    assert_eq!(out, fs::read(&file).unwrap());
    assert!(snapshot(&dir.path().join("store/blocks")).iter().all(|(_, bytes)| bytes.is_none()));
    let roots = store.roots().unwrap();
    let root = &roots[0];
    assert_eq!(
        (root.cid, &root.path, &root.name[..], root.kind, root.when, root.size),
        (made.root, &file, "file", RootKind::Shared, 1234, 5_000_000)
    );
}

#[test]
fn a_changed_source_is_not_served_and_the_error_names_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    let bytes = noise("source", 3000);
    fs::write(&file, &bytes).unwrap();
    let store = store(&dir.path().join("store"));
    store.share(&file, &small(), 0, &mut quiet).unwrap();
    let leaf = |number: usize| *block(bytes[number * 1000..(number + 1) * 1000].to_vec()).cid();

    let mut changed = bytes.clone();
    changed[1500] ^= 1;
    fs::write(&file, &changed).unwrap();
    fs::File::open(&file).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
    assert!(matches!(store.read(&leaf(1)), Err(ReadError::SourceChanged { path, .. }) if path == file));
    assert!(matches!(store.find(&leaf(1)), Err(ReadError::SourceChanged { .. })));
    assert_eq!(store.local(&leaf(1)), None);
    assert!(store.read(&leaf(0)).is_ok(), "the other chunks are what they were");
    assert!(store.local(&leaf(0)).is_some());

    fs::write(&file, &bytes[..1500]).unwrap();
    assert!(matches!(store.read(&leaf(2)), Err(ReadError::SourceChanged { .. })));
    fs::remove_file(&file).unwrap();
    assert!(matches!(store.read(&leaf(0)), Err(ReadError::SourceGone { path, .. }) if path == file));
    assert_eq!(store.local(&leaf(0)), None);
    fs::write(&file, &bytes).unwrap();
    assert!(store.read(&leaf(1)).is_ok(), "put back, it is served again");
}

#[test]
fn a_block_that_lies_in_two_files_outlives_one_of_them() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    for path in [&one, &two] {
        fs::write(path, "the same").unwrap();
    }
    let store = store(&dir.path().join("store"));
    let made = store.share(&one, &small(), 0, &mut quiet).unwrap();
    store.share(&two, &small(), 0, &mut quiet).unwrap();
    for gone in [&one, &two] {
        assert!(store.read(&made.root).is_ok());
        fs::remove_file(gone).unwrap();
    }
    assert!(matches!(store.read(&made.root), Err(ReadError::SourceGone { .. })));
}

#[test]
fn unshared_blocks_are_collected_and_shared_ones_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    fs::write(&one, noise("one", 9000)).unwrap();
    fs::write(&two, noise("two", 9000)).unwrap();
    let store = store(&dir.path().join("store"));
    let kept = store.share(&one, &small(), 0, &mut quiet).unwrap();
    let wide = ImportOptions { shape: Shape { chunk: 200_000, width: 3 }, ..small() };
    let copied = store.copy_stream(&mut &noise("three", 400_000)[..], "three", &wide, 0).unwrap();
    let gone = store.share(&two, &small(), 0, &mut quiet).unwrap();
    assert_eq!(store.collect().unwrap().blocks, 0);

    assert_eq!(store.unshare_path(&two).unwrap().len(), 1);
    assert_eq!(store.unshare(&copied.root).unwrap().len(), 1);
    let collected = store.collect().unwrap();
    assert_eq!((collected.blocks, collected.bytes), (gone.blocks + copied.blocks, 400_000));
    assert!(matches!(store.read(&gone.root), Err(ReadError::NotFound(_))));
    let mut out = Vec::new();
    export::cat(&store, &kept.root, &mut out).unwrap();
    assert_eq!(out, fs::read(&one).unwrap());
    assert!(two.exists(), "the user's files are never touched");
}

#[test]
fn content_made_to_exhaust_its_reader_is_refused() {
    use dag_pb::{PbLink, PbNode};
    use unixfs::{Kind, NodeData};
    let memory = MemoryStore::new();
    let node = |cid: Cid, links: u64, size: u64, kind| {
        let data = NodeData { file_size: Some(size * links), block_sizes: vec![size; links as usize], ..NodeData::new(kind) };
        let links = (0..links).map(|_| PbLink::chunk(Link { cid, size })).collect();
        Block::new(cid::DAG_PB, HashKind::Blake3, PbNode { links, data: Some(data.encode()) }.encode().into())
    };
    let leaf = block(vec![]);
    memory.put(leaf.clone());
    // Ten levels of a thousand links each: 10^30 empty chunks, were they followed.
    let (mut bomb, mut deep) = (*leaf.cid(), *block(vec![7]).cid());
    for _ in 0..10 {
        let block = node(bomb, 1000, 0, Kind::File);
        bomb = *block.cid();
        memory.put(block);
    }
    assert_eq!(export::cat(&memory, &bomb, &mut Vec::new()).unwrap(), 0);
    memory.put(block(vec![7]));
    for _ in 0..100 {
        let block = node(deep, 1, 1, Kind::File);
        deep = *block.cid();
        memory.put(block);
    }
    assert!(matches!(export::cat(&memory, &deep, &mut Vec::new()), Err(export::ExportError::Malformed { .. })));
}
