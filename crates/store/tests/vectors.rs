//! The published CIDs of the profile `unixfs-v1-2025` come out, byte for byte. The two of 1 GiB are in `examples/measure.rs`.

#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::path::Path;

use peerglass_store::*;
use support::*;

fn cid_of_bytes(bytes: &[u8]) -> String {
    Dag::of_reader(&mut &bytes[..], &sha256()).unwrap().root().to_string()
}

#[test]
fn files_of_one_and_two_chunks() {
    let mut input = noise("chunk-v1-seed", (1 << 20) + 1);
    assert_eq!(cid_of_bytes(&input), "bafybeigmix7t42i6jacydtquhet7srwvgpizfg7gjbq7627d35mjomtu64");
    input.pop();
    assert_eq!(cid_of_bytes(&input), "bafkreiacndfy443ter6qr2tmbbdhadvxxheowwf75s6zehscklu6ezxmta");
    assert_eq!(cid_of_bytes(b"hello world"), "bafkreifzjut3te2nhyekklss27nh3k72ysco7y32koao5eei66wof36n5e");
    assert_eq!(cid_of_bytes(b""), "bafkreihdwdcefgh4dqkjv67uzcmw7ojee6xedzdetojuzjevtenxquvyku");
    assert_eq!(cid_of_bytes(&vec![0; 1 << 20]), "bafkreibq4fevl27rgurgnxbp7adh42aqiyd6ouflxhj3gzmcxcxzbh6lla");
}

#[test]
fn the_root_of_two_chunks_has_the_published_bytes() {
    let memory = MemoryStore::new();
    let made = import::import_reader(&mut &vec![0; (1 << 20) + 1][..], &sha256(), &mut &memory, &mut quiet).unwrap();
    assert_eq!(made.root.to_string(), "bafybeihd4yzq7n5umhjngdum4r6k2to7egxfkf2jz6thvwzf6djus22cmq");
    let hex: String = memory.read(&made.root).unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(
        hex,
        "122c0a240155122030e14955ebf1352266dc2ff8067e68104607e750abb9d3b36582b8af909fcb58120018808040122a0a24015512206e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d120018010a0c080218818040208080402001"
    );
}

#[test]
fn a_file_of_five_small_chunks_has_the_published_sizes() {
    let options = ImportOptions { shape: Shape { chunk: 256, width: 1024 }, ..sha256() };
    let made = import::import_reader(&mut &noise("multiblock", 1026)[..], &options, &mut &MemoryStore::new(), &mut quiet).unwrap();
    assert_eq!((made.dag_size, made.blocks), (1271, 6));
}

#[test]
fn the_empty_directory() {
    let dir = tempfile::tempdir().unwrap();
    assert_eq!(cid_of_path(dir.path()), "bafybeiczsscdsbs7ffqz55asqdf3smv6klcw3gofszvwlyarci47bgf354");
}

fn cid_of_path(path: &Path) -> String {
    Dag::of_path(path, &sha256()).unwrap().root().to_string()
}

/// Files that hold "x", named from the keystream; the last name has another length.
fn directory_of(count: usize, length: usize, last: usize) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let mut stream = Keystream::new("hamt-unixfs-v1-2025");
    for index in 0..count {
        let name = stream.take(if index + 1 == count { last } else { length });
        let name: String = name.iter().map(|byte| char::from(b"abcdefghijklmnopqrstuvwxyz01234567890-_"[usize::from(byte % 39)])).collect();
        std::fs::write(dir.path().join(name), "x").unwrap();
    }
    dir
}

#[test]
fn a_directory_of_exactly_256_kib_is_one_block() {
    let dir = directory_of(4766, 11, 21);
    assert_eq!(cid_of_path(dir.path()), "bafybeic3h7rwruealwxkacabdy45jivq2crwz6bufb5ljwupn36gicplx4");
}

#[test]
fn a_directory_of_one_byte_more_is_sharded_and_read_back_whole() {
    let dir = directory_of(4766, 11, 22);
    let memory = MemoryStore::new();
    let made = import::import_path(dir.path(), &sha256(), &mut &memory, &mut quiet).unwrap();
    assert_eq!(made.root.to_string(), "bafybeiegvuterwurhdtkikfhbxcldohmxp566vpjdofhzmnhv6o4freidu");
    let listed: Vec<_> = export::list(&memory, &made.root).unwrap().into_iter().map(|entry| String::from_utf8(entry.name).unwrap()).collect();
    let mut names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert_eq!(listed, names);
    let leaf = export::resolve(&memory, &made.root, &names[7]).unwrap();
    assert_eq!(leaf, cid_of(cid::RAW, HashKind::Sha256, b"x"));
}
