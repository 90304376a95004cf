//! What goes in comes out: random trees, imported, kept, exported and downloaded.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use peerglass_store::*;
use proptest::prelude::*;
use support::*;

#[derive(Clone, Debug)]
enum Item {
    File(Vec<u8>),
    Link(String),
    Directory(BTreeMap<String, Item>),
}

fn item() -> impl Strategy<Value = Item> {
    // Repetitive bytes make repeated blocks.
    let bytes = (any::<u8>(), 0usize..9000, any::<bool>())
        .prop_map(|(seed, length, flat)| (0..length).map(|at| if flat { seed } else { (at / 7) as u8 ^ seed }).collect());
    let leaf = prop_oneof![4 => bytes.prop_map(Item::File), 1 => "[a-z./]{1,9}".prop_map(Item::Link)];
    leaf.prop_recursive(3, 24, 6, |inner| proptest::collection::btree_map("[a-zé ]{1,8}", inner, 0..6).prop_map(Item::Directory))
}

fn write(item: &Item, path: &Path) {
    match item {
        Item::File(bytes) => std::fs::write(path, bytes).unwrap(),
        Item::Link(target) => std::os::unix::fs::symlink(target, path).unwrap(),
        Item::Directory(entries) => {
            std::fs::create_dir(path).unwrap();
            entries.iter().for_each(|(name, item)| write(item, &path.join(name)));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn a_shared_tree_is_downloaded_to_the_same_tree(entries in proptest::collection::btree_map("[a-z]{1,8}", item(), 0..6)) {
        let dir = tempfile::tempdir().unwrap();
        let (source, out) = (dir.path().join("source"), dir.path().join("out"));
        write(&Item::Directory(entries), &source);
        let (here, there) = (store(&dir.path().join("here")), store(&dir.path().join("there")));
        let shared = here.share(&source, &small(), 0, &mut quiet).unwrap();
        let copied = there.copy_in(&source, &small(), 0, &mut quiet).unwrap();
        prop_assert_eq!(&shared, &copied);
        prop_assert_eq!(*Dag::of_path(&source, &small()).unwrap().root(), shared.root);

        let fetched = store(&dir.path().join("fetched"));
        let download = Download::begin(&fetched, shared.root, &out, false, 1).unwrap();
        download.fill(&here).unwrap();
        prop_assert!(!out.exists());
        download.finish().unwrap();
        prop_assert_eq!(snapshot(&out), snapshot(&source));
        prop_assert!(!dir.path().join("out.part").exists());

        // The fetched tree serves every block again.
        drop(download);
        let again = MemoryStore::new();
        import::import_path(&out, &small(), &mut &again, &mut quiet).unwrap();
        for cid in again.cids() {
            prop_assert_eq!(fetched.read(&cid).unwrap(), again.read(&cid).unwrap());
            prop_assert_eq!(fetched.local(&cid), again.local(&cid));
        }
    }

    #[test]
    fn any_range_of_a_file_is_read(length in 0usize..20_000, range in any::<(u16, u16)>(), chunk in 1usize..3000, width in 2usize..5) {
        let bytes = noise("range", length);
        let memory = MemoryStore::new();
        let options = ImportOptions { shape: Shape { chunk, width }, ..ImportOptions::default() };
        let made = import::import_reader(&mut &bytes[..], &options, &mut &memory, &mut quiet).unwrap();
        prop_assert_eq!(export::stat(&memory, &made.root).unwrap(), export::Stat::File(length as u64));
        let (from, to) = (u64::from(range.0), u64::from(range.1));
        let mut out = Vec::new();
        export::cat_range(&memory, &made.root, from..to, &mut out).unwrap();
        let expected = bytes.get((from as usize).min(length)..(to as usize).min(length)).unwrap_or_default();
        prop_assert_eq!(&out[..], expected);
    }
}

#[test]
fn the_cid_does_not_depend_on_how_many_threads_hash() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    let bytes = noise("threads", 50_001);
    std::fs::write(&path, &bytes).unwrap();
    // A stream is hashed by one thread, a file of many chunks by several.
    let one = Dag::of_reader(&mut &bytes[..], &small()).unwrap();
    let many = Dag::of_path(&path, &small()).unwrap();
    assert_eq!(one.root(), many.root());
    assert_eq!(one.len(), many.len());
}

#[test]
fn hidden_files_come_only_when_asked_for_and_the_named_path_is_never_hidden() {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join(".root");
    std::fs::create_dir_all(root.join(".git")).unwrap();
    std::fs::write(root.join("a"), "a").unwrap();
    std::fs::write(root.join(".env"), "secret").unwrap();
    let names = |hidden| {
        let memory = MemoryStore::new();
        let made = import::import_path(&root, &ImportOptions { hidden, ..small() }, &mut &memory, &mut quiet).unwrap();
        export::list(&memory, &made.root).unwrap().into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(names(false), ["a"]);
    assert_eq!(names(true), [".env", ".git", "a"]);
    assert_eq!(import::measure(&root, &small()).unwrap(), 1);
}

#[test]
fn sockets_are_left_out_and_reported() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let made = import::import_path(dir.path(), &small(), &mut &MemoryStore::new(), &mut quiet).unwrap();
    assert_eq!(made.skipped, std::slice::from_ref(&socket));
    let error = import::import_path(&socket, &small(), &mut &MemoryStore::new(), &mut quiet).unwrap_err();
    assert!(matches!(error, ImportError::NotAFile(_)));
    let error = import::import_path(&dir.path().join("nothing"), &small(), &mut &MemoryStore::new(), &mut quiet).unwrap_err();
    assert!(matches!(error, ImportError::NotFound(_)));
}

#[test]
fn a_file_that_grows_or_shrinks_while_it_is_read_is_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("log");
    for new_size in [0, 40_000] {
        std::fs::write(&path, noise("log", 30_000)).unwrap();
        let mut changed = false;
        let mut change = |_| {
            if !std::mem::replace(&mut changed, true) {
                std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(new_size).unwrap();
            }
            std::ops::ControlFlow::Continue(())
        };
        let error = import::import_path(&path, &small(), &mut &MemoryStore::new(), &mut change).unwrap_err();
        assert!(matches!(&error, ImportError::Changed(changed) if *changed == path), "{error}");
    }
}

#[test]
fn an_import_can_be_cancelled() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    std::fs::write(&path, noise("cancel", 30_000)).unwrap();
    let mut stop = |bytes| if bytes > 5000 { std::ops::ControlFlow::Break(()) } else { std::ops::ControlFlow::Continue(()) };
    let store = store(&dir.path().join("store"));
    let error = store.share(&path, &small(), 0, &mut stop).unwrap_err();
    assert!(matches!(error, ImportError::Cancelled));
    assert!(store.roots().unwrap().is_empty());
}
