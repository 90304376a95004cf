//! Downloads into place: order, repetition, resumption, and all that can stand in the way.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::fs;
use std::os::unix::fs::{FileExt, PermissionsExt};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use peerglass_store::dag_pb::{PbLink, PbNode};
use peerglass_store::disk::RootKind;
use peerglass_store::unixfs::{Kind, NodeData};
use peerglass_store::*;
use support::*;

struct World {
    dir: tempfile::TempDir,
    source: MemoryStore,
    store: DiskStore,
}

impl World {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = store(&dir.path().join("store"));
        Self { dir, source: MemoryStore::new(), store }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    fn part(&self) -> PathBuf {
        self.dir.path().join("out.part")
    }

    fn import(&self, bytes: &[u8]) -> Cid {
        import::import_reader(&mut &bytes[..], &small(), &mut &self.source, &mut quiet).unwrap().root
    }

    fn begin(&self, root: Cid) -> Result<Download, DownloadError> {
        Download::begin(&self.store, root, &self.out(), false, 0)
    }

    fn block(&self, cid: Cid) -> Block {
        Block::verified(cid, self.source.read(&cid).unwrap()).unwrap()
    }
}

#[test]
fn a_large_file_can_be_read_as_it_is_written_by_many_threads() {
    let world = World::new();
    // Written past the page cache where the disk allows, but for the last leaf.
    let bytes: Vec<u8> = (1..=33).flat_map(|n: u8| vec![n; 1 << 20]).chain([77; 5000]).collect();
    let root = import::import_reader(&mut &bytes[..], &ImportOptions::default(), &mut &world.source, &mut quiet).unwrap().root;
    let download = world.begin(root).unwrap();
    download.accept(&world.block(root)).unwrap();
    let part = fs::File::open(world.part()).unwrap();
    let take = &|number: usize| {
        let range = number << 20..bytes.len().min((number + 1) << 20);
        let mut there = vec![1; range.len()];
        // Brings the place into the page cache while it is empty.
        part.read_exact_at(&mut there, range.start as u64).unwrap();
        assert!(there.iter().all(|byte| *byte == 0));
        download.accept(&world.block(cid_of(cid::RAW, HashKind::Blake3, &bytes[range.clone()]))).unwrap();
        part.read_exact_at(&mut there, range.start as u64).unwrap();
        assert!(there == bytes[range]);
    };
    std::thread::scope(|scope| (0..4).for_each(|first| drop(scope.spawn(move || (first..34).step_by(4).for_each(take)))));
    download.finish().unwrap();
    assert!(fs::read(world.out()).unwrap() == bytes);
}

#[test]
fn leaves_may_come_in_any_order_and_are_served_before_the_end() {
    let world = World::new();
    let bytes = noise("order", 20_500);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    // A leaf that nobody could know of yet is kept and found later.
    let early = cid_of(cid::RAW, HashKind::Blake3, &bytes[3000..4000]);
    download.accept(&world.block(early)).unwrap();
    while let Some(cid) = download.missing(usize::MAX).pop() {
        assert!(world.store.local(&cid).is_none() || cid == early);
        if download.local(&cid).unwrap().is_none() {
            let local = download.accept(&world.block(cid)).unwrap();
            assert_eq!(Some(local), world.source.local(&cid));
        }
        assert_eq!(download.local(&cid).unwrap(), world.source.local(&cid));
    }
    assert_eq!(download.progress().found, 1000);
    assert!(!world.out().exists());
    download.finish().unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
    for cid in world.source.cids() {
        assert_eq!(world.store.read(&cid).unwrap(), world.source.read(&cid).unwrap());
    }
    assert_eq!(world.store.roots().unwrap()[0].kind, RootKind::Downloaded);
    assert_eq!(world.store.collect().unwrap().blocks, 0);
}

#[test]
fn a_block_that_occurs_many_times_is_fetched_once_and_written_everywhere() {
    let world = World::new();
    let mut bytes = vec![7; 50_000];
    bytes.extend(noise("unique", 1500));
    bytes.extend([7; 10_000]);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    download.fill(&world.source).unwrap();
    assert_eq!(download.finish().unwrap().progress.blocks, world.source.len());
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
}

#[test]
fn blocks_may_be_accepted_by_several_threads() {
    let world = World::new();
    let bytes = noise("threads", 60_000);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let missing = download.missing(8);
                    if missing.is_empty() {
                        return;
                    }
                    for cid in missing {
                        if download.local(&cid).unwrap().is_none() {
                            download.accept(&world.block(cid)).unwrap();
                        }
                    }
                }
            });
        }
    });
    download.finish().unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
}

#[test]
fn what_the_store_has_from_elsewhere_is_not_fetched() {
    let world = World::new();
    let bytes = noise("elsewhere", 30_000);
    let file = world.dir.path().join("file");
    fs::write(&file, &bytes).unwrap();
    let root = world.store.share(&file, &small(), 0, &mut quiet).unwrap().root;
    let download = world.begin(root).unwrap();
    download.fill(&MemoryStore::new()).unwrap();
    download.finish().unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
}

#[test]
fn a_dropped_download_resumes_and_trusts_only_what_hashes_right() {
    let world = World::new();
    let bytes = noise("resume", 30_000);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    for _ in 0..25 {
        let cid = download.missing(1)[0];
        download.accept(&world.block(cid)).unwrap();
    }
    drop(download);
    // Somebody writes into the part file meanwhile.
    let mut part = fs::read(world.part()).unwrap();
    part[500] ^= 1;
    fs::write(world.part(), &part).unwrap();
    let download = world.begin(root).unwrap();
    download.fill(&world.source).unwrap();
    let progress = download.finish().unwrap().progress;
    assert!(progress.found > 5000 && progress.found < progress.bytes, "{progress:?}");
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
}

#[test]
fn the_same_content_twice_needs_nothing_and_other_content_is_left_alone() {
    let world = World::new();
    let bytes = noise("twice", 10_000);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    download.fill(&world.source).unwrap();
    download.finish().unwrap();
    drop(download);
    let again = world.begin(root).unwrap();
    again.fill(&MemoryStore::new()).unwrap();
    again.finish().unwrap();
    drop(again);

    let other = world.import(b"other");
    let download = world.begin(other).unwrap();
    assert!(matches!(download.fill(&world.source), Err(DownloadError::OutputExists(path)) if path == world.out()));
    drop(download);
    assert_eq!(fs::read(world.out()).unwrap(), bytes);
    assert_eq!(world.store.roots().unwrap().len(), 1);

    let download = Download::begin(&world.store, other, &world.out(), true, 0).unwrap();
    download.fill(&world.source).unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), bytes, "replaced at the end only");
    download.finish().unwrap();
    assert_eq!(fs::read(world.out()).unwrap(), b"other");
    assert_eq!(world.store.roots().unwrap().iter().map(|root| root.cid).collect::<Vec<_>>(), [other]);
}

#[test]
fn a_kill_between_rename_and_index_is_recognised() {
    let world = World::new();
    let bytes = noise("rename", 10_000);
    let root = world.import(&bytes);
    let download = world.begin(root).unwrap();
    download.fill(&world.source).unwrap();
    drop(download);
    fs::rename(world.part(), world.out()).unwrap();
    let download = world.begin(root).unwrap();
    download.fill(&MemoryStore::new()).unwrap();
    download.finish().unwrap();
    drop(download);
    assert_eq!(world.store.roots().unwrap()[0].kind, RootKind::Downloaded);
    let mut out = Vec::new();
    export::cat(&world.store, &root, &mut out).unwrap();
    assert_eq!(out, bytes);
}

#[test]
fn somebody_elses_part_file_is_not_touched() {
    let world = World::new();
    fs::write(world.part(), "mine").unwrap();
    let root = world.import(b"content");
    assert!(matches!(world.begin(root), Err(DownloadError::PartExists(path)) if path == world.part()));
    assert_eq!(fs::read(world.part()).unwrap(), b"mine");
}

#[test]
fn one_output_belongs_to_one_download() {
    let world = World::new();
    let root = world.import(b"content");
    let first = world.begin(root).unwrap();
    assert!(matches!(world.begin(root), Err(DownloadError::Busy(_))));
    assert!(matches!(first.finish(), Err(DownloadError::Incomplete { missing: 1 })));
    first.abandon().unwrap();
    assert!(!world.part().exists() && world.store.roots().unwrap().is_empty());
    world.begin(root).unwrap();
}

#[test]
fn an_output_that_cannot_be_written_is_an_error_before_anything_is_fetched() {
    let world = World::new();
    let root = world.import(b"content");
    let begin = |path: &Path| Download::begin(&world.store, root, path, false, 0);
    assert!(matches!(begin(&world.dir.path().join("no/such/directory")), Err(DownloadError::NoDirectory(_))));
    assert!(matches!(begin(Path::new("/")), Err(DownloadError::NoName(_))));
    let closed = world.dir.path().join("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    // Root may write everywhere; then there is nothing to refuse but in /proc.
    let place = if fs::write(closed.join("probe"), "").is_ok() { PathBuf::from("/proc/out") } else { closed.join("out") };
    assert!(matches!(begin(&place), Err(DownloadError::Storage(_))));
    assert!(world.store.roots().unwrap().is_empty());
    let unknown =
        parse_cid("bafkrgqe3ohjcjplc6n4f3fwunlj6upltggn7xqujbsvnvyw764srszz4u4rshq6ztos4chl4plgg4ffyyxnayrtdi5oc4xb2332g645433aeg").unwrap();
    assert!(matches!(Download::begin(&world.store, unknown, &world.out(), false, 0), Err(DownloadError::Unsupported { .. })));
}

fn file_of(size: u64) -> Block {
    let chunk = Link { cid: cid_of(cid::RAW, HashKind::Blake3, b"x"), size };
    let data = NodeData { file_size: Some(size), block_sizes: vec![size], ..NodeData::new(Kind::File) };
    let node = PbNode { links: vec![PbLink::chunk(chunk)], data: Some(data.encode()) };
    Block::new(cid::DAG_PB, HashKind::Blake3, node.encode().into())
}

fn directory_of(entries: &[(&str, Cid)]) -> Block {
    let links = entries.iter().map(|(name, cid)| PbLink::named(name.as_bytes().to_vec(), Link { cid: *cid, size: 1 })).collect();
    Block::new(cid::DAG_PB, HashKind::Blake3, PbNode { links, data: Some(NodeData::new(Kind::Directory).encode()) }.encode().into())
}

#[test]
fn a_file_larger_than_the_disk_is_refused_at_its_root() {
    let world = World::new();
    let root = file_of(1 << 60);
    let download = world.begin(*root.cid()).unwrap();
    assert!(matches!(download.accept(&root), Err(DownloadError::NoSpace { needed, .. }) if needed == 1 << 60));
}

#[test]
fn a_leaf_of_another_size_than_its_parent_says_is_refused() {
    let world = World::new();
    let root = file_of(2);
    let download = world.begin(*root.cid()).unwrap();
    download.accept(&root).unwrap();
    let leaf = Block::new(cid::RAW, HashKind::Blake3, Bytes::from_static(b"x"));
    assert!(matches!(download.accept(&leaf), Err(DownloadError::Malformed { .. })));
}

#[test]
fn names_that_climb_out_are_refused_and_links_lead_nothing_out() {
    let world = World::new();
    let leaf = Block::new(cid::RAW, HashKind::Blake3, Bytes::from_static(b"x"));
    for name in ["..", "../up", "/abs", "", "a/b"] {
        let root = directory_of(&[(name, *leaf.cid())]);
        let download = world.begin(*root.cid()).unwrap();
        assert!(matches!(download.accept(&root), Err(DownloadError::Node { .. })), "{name}");
        download.abandon().unwrap();
    }
    // A link to a directory outside, and a directory of nearly the same name: links come last, so nothing can go through them.
    let link = Block::new(cid::DAG_PB, HashKind::Blake3, unixfs::symlink_block(world.dir.path().join("store").to_str().unwrap().as_bytes()).into());
    let inner = directory_of(&[("evil", *leaf.cid())]);
    let root = directory_of(&[("a", *link.cid()), ("b", *inner.cid())]);
    let download = world.begin(*root.cid()).unwrap();
    download.accept(&root).unwrap();
    download.accept(&link).unwrap();
    drop(download);
    // After a kill, a link may stand where a directory belongs.
    std::os::unix::fs::symlink(world.dir.path().join("store"), world.part().join("b")).unwrap();
    let download = world.begin(*root.cid()).unwrap();
    for block in [&root, &link, &inner, &leaf] {
        if download.local(block.cid()).unwrap().is_none() {
            download.accept(block).unwrap();
        }
    }
    download.finish().unwrap();
    assert_eq!(fs::read(world.out().join("b/evil")).unwrap(), b"x");
    assert!(!world.dir.path().join("store/evil").exists());
    assert!(world.out().join("a").symlink_metadata().unwrap().is_symlink());
}

#[test]
fn content_that_unfolds_without_end_is_refused() {
    let world = World::new();
    let mut block = Block::new(cid::RAW, HashKind::Blake3, Bytes::from_static(b"x"));
    world.source.put(block.clone());
    let mut size = 1;
    for _ in 0..3 {
        let data = NodeData { file_size: Some(size * 1000), block_sizes: vec![size; 1000], ..NodeData::new(Kind::File) };
        let links = vec![PbLink::chunk(Link { cid: *block.cid(), size }); 1000];
        block = Block::new(cid::DAG_PB, HashKind::Blake3, PbNode { links, data: Some(data.encode()) }.encode().into());
        world.source.put(block.clone());
        size *= 1000;
    }
    let download = world.begin(*block.cid()).unwrap();
    let error = download.fill(&world.source).unwrap_err();
    assert!(matches!(error, DownloadError::TooManyBlocks), "{error}");
}
