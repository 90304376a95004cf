//! What users get wrong, and what goes wrong for them: one error that says what to do, a code for scripts, and nothing half-written.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use support::*;

const MIB: usize = 1 << 20;
/// Content that nobody has.
const NOWHERE: &str = "bafkr4ig4ljhnxasawambeqcsymycobuw7ftxdjr3iusquxax2maa5artku";
/// The id of a peer that does not run.
const NOBODY: &str = "12D3KooWQ8mzfHEfVuQKgQPPFGUvNhqcKWjGUhWVAbqYjCrCjTpm";

/// `get` in a network of the test's own, with little patience.
fn get<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["get", "--patience", "2"], &ALONE[..], arguments].concat()
}

fn share<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    [&["share"], &ALONE[..], arguments].concat()
}

/// Nothing is left in the current directory, whole or half.
#[track_caller]
fn leaves_nothing(home: &Home) {
    let left: Vec<_> = tree(&home.path(".")).into_iter().map(|(path, _)| path).filter(|path| !path.starts_with("data")).collect();
    assert!(left.is_empty(), "{left:?}");
    assert!(!home.has("data/peerglass/get") || tree(&home.path("data/peerglass/get")).is_empty());
}

#[test]
fn what_is_neither_cid_nor_ticket_is_refused_before_anything_begins() {
    let home = Home::new();
    home.run(&get(&["nonsense"])).fails(2, &["\"nonsense\" is not a CID", "copy it again"]);
    home.run(&get(&[&NOWHERE[..40]])).fails(2, &["is not a CID", "copy it again"]);
    home.run(&get(&["pg1bisac4a6eapkactbhrawep"])).fails(2, &["ticket is damaged or cut short", "copy it again"]);
    home.run(&get(&[])).fails(2, &["CID|TICKET", "--help"]);
    assert!(!home.has("data"));
    leaves_nothing(&home);
}

#[test]
fn a_ticket_that_lost_a_letter_is_not_taken_for_another() {
    let (here, there) = (Home::new(), Home::new());
    here.file("file", 1000);
    let (_sharer, shared) = here.share(&["file"]);
    let ticket = field(&shared, "ticket");
    there.run(&get(&[&ticket[..ticket.len() - 1]])).fails(2, &["damaged or cut short"]);
    there.run(&get(&[&ticket.replacen("pg1b", "pg1c", 1)])).fails(2, &["damaged or cut short"]);
    leaves_nothing(&there);
}

#[test]
fn what_nobody_has_is_not_found_and_its_output_stays_free_for_something_else() {
    let (here, there) = (Home::new(), Home::new());
    here.file("file", 2 * MIB);
    there.run(&get(&[NOWHERE, "-o", "copy"])).fails(3, &["nobody was found", "check the CID"]);
    leaves_nothing(&there);
    let (_sharer, shared) = here.share(&["file"]);
    there.run(&get(&[field(&shared, "ticket"), "-o", "copy"])).fine();
}

#[test]
fn a_bootstrap_peer_that_does_not_answer_is_named() {
    let home = Home::new();
    home.file("file", 10);
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("/ip4/127.0.0.1/tcp/{port}/p2p/{NOBODY}");
    for command in [get(&[NOWHERE, "--bootstrap", &address]), share(&["file", "--bootstrap", &address])] {
        let ended = home.run(&command).fails(1, &["none of the --bootstrap peers answered", &address, "check"]);
        assert_eq!(ended.err.matches(NOBODY).count(), 1, "said once: {}", ended.err);
        assert_eq!(ended.out, "");
    }
    home.run(&get(&[NOWHERE, "--bootstrap", "127.0.0.1:4001"])).fails(2, &["127.0.0.1:4001", "/ip4/192.0.2.1/tcp/4001"]);
}

#[test]
fn a_port_in_use_is_named() {
    let home = Home::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("/ip4/127.0.0.1/tcp/{}", taken.local_addr().unwrap().port());
    home.run(&["node", "--network", "private", "--listen", &address]).fails(1, &[&address, "in use by another program", "port 0"]);
    home.run(&["node", "--network", "private", "--listen", "localhost:80"]).fails(2, &["localhost:80", "multiaddr"]);
}

#[test]
fn a_data_directory_in_use_is_named_and_its_user_not_disturbed() {
    let home = Home::new();
    home.file("file", 10);
    let mut node = home.start(&[&["node", "--data-dir", "mine"], &ALONE[..]].concat());
    node.err("serving");
    for command in [share(&["file", "--data-dir", "mine"]), get(&[NOWHERE, "--data-dir", "mine"])] {
        home.run(&command).fails(1, &["mine is in use by another peerglass", "--data-dir"]);
    }
    node.interrupt().fine();
}

#[test]
fn an_output_that_exists_with_other_content_is_kept() {
    let (here, there) = (Home::new(), Home::new());
    let content = here.file("file", 2 * MIB + 1);
    let other = there.file("copy", 2 * MIB + 1);
    std::fs::create_dir(there.path("directory")).unwrap();
    let (_sharer, shared) = here.share(&["file"]);
    let ticket = field(&shared, "ticket");
    there.run(&get(&[ticket, "-o", "copy"])).fails(1, &["copy exists already and is not this content", "another output"]);
    there.run(&get(&[ticket, "-o", "directory"])).fails(1, &["directory exists already", "another output"]);
    there.run(&get(&[ticket, "-o", "directory", "--overwrite"])).fails(1, &["directory exists already"]);
    assert!(there.read("copy") == other && !there.has("copy.part") && !there.has("directory.part"));
    there.run(&get(&[ticket, "-o", "copy", "--overwrite"])).fine();
    assert!(there.read("copy") == content);
}

#[test]
fn an_output_that_cannot_be_written_is_said_before_anything_is_fetched() {
    let home = Home::new();
    home.file("file", 10);
    home.run(&get(&[NOWHERE, "-o", "no/such/place"])).fails(1, &["no/such for the output does not exist", "create it"]);
    home.run(&get(&[NOWHERE, "-o", "file/copy"])).fails(1, &["file for the output does not exist"]);
    home.run(&get(&[NOWHERE, "-o", "."])).fails(1, &["exists already", "another output"]);
    let Some(locked) = Locked::new(&home) else {
        return skip("an_output_that_cannot_be_written_is_said_before_anything_is_fetched", "this user may write everywhere and mount nothing");
    };
    home.run(&get(&[NOWHERE, "-o", "locked/copy"])).fails(1, &["no permission to create", "locked/copy.part", "another place"]);
    home.run(&["sim", SCENARIO, "--peers", "20", "--out", "locked/run"]).fails(1, &["locked/run", "another"]);
    home.run(&["demo", "--peers", "20", "--out", "locked/demo"]).fails(1, &["locked/demo", "--out"]);
    drop(locked);
}

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/first-look.toml");

/// A directory `locked` that cannot be written to.
struct Locked {
    _mount: Option<Mount>,
}

impl Locked {
    /// None for a user who may write everywhere and mount nothing.
    fn new(home: &Home) -> Option<Self> {
        let path = home.path("locked");
        std::fs::create_dir(&path).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o555)).unwrap();
        if std::fs::write(path.join("probe"), "").is_err() {
            return Some(Self { _mount: None });
        }
        std::fs::remove_file(path.join("probe")).unwrap();
        Mount::new(&path, "ro").map(|mount| Self { _mount: Some(mount) })
    }
}

/// A file system in memory.
struct Mount(std::path::PathBuf);

impl Mount {
    /// None where mounting is not allowed.
    fn new(path: &Path, options: &str) -> Option<Self> {
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(path).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(path.to_owned()))
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // Nothing else can be done about a mount that stays.
        let _ = Command::new("umount").arg(&self.0).output();
    }
}

#[test]
fn a_disk_without_room_for_the_output_is_said_with_numbers_and_resumes_elsewhere() {
    let (here, there) = (Home::new(), Home::new());
    let content = here.file("file", 6 * MIB);
    let small = there.path("small");
    std::fs::create_dir(&small).unwrap();
    let Some(_small) = Mount::new(&small, "size=4m") else {
        return skip("a_disk_without_room_for_the_output_is_said_with_numbers_and_resumes_elsewhere", "this user may not mount a small disk");
    };
    let (_sharer, shared) = here.share(&["file"]);
    let ticket = field(&shared, "ticket");
    let needed = content.len().to_string();
    there.run(&get(&[ticket, "-o", "small/copy"])).fails(1, &["small/copy.part", &needed, "free some space", "same command again"]);
    assert!(!there.has("small/copy"));
    there.run(&get(&[ticket, "-o", "copy"])).fine();
    assert!(there.read("copy") == content);
}

#[test]
fn a_scenario_that_is_missing_or_malformed_is_named_with_the_line() {
    let home = Home::new();
    home.run(&["sim", "missing.toml"]).fails(2, &["missing.toml", "labs/"]);
    let scenario = std::fs::read_to_string(SCENARIO).unwrap();
    let line = |text: &str| scenario.lines().position(|line| line.contains(text)).unwrap() + 1;
    for (from, to, words) in
        [("loss = 0.01", "loss = 3", "0.0 to 1.0"), ("loss = 0.01", "lost = 0.01", "unknown field `lost`"), ("peers = 1000", "peers = many", "")]
    {
        std::fs::write(home.path("bad.toml"), scenario.replace(from, to)).unwrap();
        home.run(&["sim", "bad.toml", "--out", "run"]).fails(2, &[&format!("bad.toml:{}:", line(from)), words]);
    }
    home.run(&["sim", "bad.toml", "--peers", "0"]).fails(2, &["--peers"]);
    assert!(!home.has("run"));
}

#[test]
fn a_scenario_that_does_not_fit_into_memory_is_refused_before_it_starts() {
    let home = Home::new();
    // More than any computer has: every peer is slow, and again, and again.
    let flood =
        "title = \"flood\"\npeers = 10000000\nduration = \"1 h\"\n[[fault]]\nkind = \"slow\"\nat = \"0 s\"\neach = \"1 s\"\nevery = \"1 s\"\n";
    std::fs::write(home.path("flood.toml"), flood).unwrap();
    if !Path::new("/proc/meminfo").exists() {
        return skip("a_scenario_that_does_not_fit_into_memory_is_refused_before_it_starts", "how much memory is free is only known on Linux");
    }
    home.run(&["sim", "flood.toml", "--out", "run"]).fails(1, &["flood.toml:2: 10000000 peers", "of memory", "--peers", "--force"]);
    assert!(!home.has("run"));
}

#[test]
fn what_cannot_be_shared_is_named_before_anything_is_served() {
    let home = Home::new();
    home.file("file", 10);
    assert!(Command::new("mkfifo").arg(home.path("pipe")).status().unwrap().success());
    for (path, words) in [("missing", "missing does not exist: check the spelling"), ("pipe", "neither a file nor a directory")] {
        let ended = home.run(&share(&["file", path])).fails(2, &[path, words]);
        assert_eq!(ended.out, "");
    }
    home.run(&["demo", "missing"]).fails(2, &["missing"]);
    assert!(!home.has("peerglass-demo") && !home.has("data"));
    // In a directory it is left out, and that is said.
    std::fs::create_dir(home.path("tree")).unwrap();
    std::fs::rename(home.path("pipe"), home.path("tree/pipe")).unwrap();
    let mut sharer = home.start(&share(&["tree"]));
    sharer.err("tree/pipe");
    sharer.err("serving");
    sharer.interrupt().fine();
}

#[test]
fn an_identity_key_that_cannot_be_used_is_named_with_the_remedy() {
    let home = Home::new();
    let node = [&["node", "--data-dir", "mine"], &ALONE[..]].concat();
    let mut first = home.start(&node);
    first.err("serving");
    first.interrupt().fine();
    let key = home.path("mine/identity.key");
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    home.run(&node).fails(1, &["mine/identity.key", "can be read by other users", "chmod 600"]);
    std::fs::write(&key, "no key").unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    home.run(&node).fails(1, &["mine/identity.key", "restore it from a backup, or delete it"]);
    assert_eq!(home.read("mine/identity.key"), b"no key");
    std::fs::remove_file(&key).unwrap();
    std::fs::create_dir(&key).unwrap();
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o700)).unwrap();
    home.run(&node).fails(1, &["mine/identity.key cannot be read", "another data directory"]);
}

#[test]
fn a_shared_file_that_vanishes_is_named_to_its_owner_and_the_other_side_fails_cleanly() {
    let (here, there) = (Home::new(), Home::new());
    here.file("file", 3 * MIB);
    let (mut sharer, shared) = here.share(&["file"]);
    let gone = here.path("file").canonicalize().unwrap();
    std::fs::remove_file(&gone).unwrap();
    let failed = there.run(&get(&[field(&shared, "ticket"), "-o", "copy"]));
    // Not found or nothing arrived: which comes first is the clock's choice.
    let code = failed.code.filter(|code| [1, 3].contains(code)).unwrap_or_else(|| panic!("{failed:#?}"));
    failed.fails(code, &["try again", "resumes"]);
    assert!(!there.has("copy"));
    sharer.err(&format!("{} was shared and is gone", gone.display()));
    sharer.interrupt().fine();
}
