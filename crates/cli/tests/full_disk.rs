//! A disk that fills while it is recorded on: a real one, small, in memory.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod support;

#[path = "../../trace/tests/exports/outside.rs"]
#[allow(dead_code, reason = "only skipping is needed")]
mod outside;

use std::path::Path;
use std::process::Command;

use support::{ALONE, Home, field};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/first-look.toml");

/// A file system of so many KiB, mounted until this is dropped.
struct Small<'a>(&'a Path);

impl<'a> Small<'a> {
    /// `None` where nothing may be mounted.
    fn mount(at: &'a Path, kib: u32) -> Option<Self> {
        std::fs::create_dir(at).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={kib}k"), "none"]).arg(at).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Small<'_> {
    fn drop(&mut self) {
        // What still uses it keeps it until then.
        let _ = Command::new("umount").arg("-l").arg(self.0).output();
    }
}

const WHY: &str = "a small file system cannot be mounted: that takes root";

#[test]
fn a_simulation_says_where_there_is_no_room_and_leaves_what_is_whole() {
    let home = Home::new();
    let small = home.path("small");
    let Some(_mounted) = Small::mount(&small, 2048) else {
        return outside::skip("a_simulation_says_where_there_is_no_room_and_leaves_what_is_whole", WHY);
    };
    home.run(&["sim", SCENARIO, "--peers", "100", "--out", "small/run"]).fails(1, &["small/run", "No space left", "make room", "--out"]);
    let left = home.run(&["inspect", "small/run"]).fine().out;
    assert!(left.contains("or was cut off"), "{left}");
}

#[test]
fn a_node_whose_record_cannot_grow_says_so_and_goes_on_serving() {
    let (home, there) = (Home::new(), Home::new());
    let small = home.path("small");
    let Some(_mounted) = Small::mount(&small, 64) else {
        return outside::skip("a_node_whose_record_cannot_grow_says_so_and_goes_on_serving", WHY);
    };
    home.file("file", 3 << 20);
    let (mut sharer, shared) = home.share(&["file", "--record", "small/run"]);
    // Room for one page: no record file fits any more.
    std::fs::write(small.join("fill"), vec![0; 44 << 10]).unwrap();
    while std::fs::write(small.join(format!("fill-{}", std::fs::read_dir(&small).unwrap().count())), vec![0; 4 << 10]).is_ok() {}
    there.run(&[&["get", field(&shared, "ticket"), "-o", "copy"], &ALONE[..]].concat()).fine();
    sharer.err("nothing more is recorded (small/run: No space left");
    there.run(&[&["get", field(&shared, "ticket"), "-o", "again"], &ALONE[..]].concat()).fine();
    sharer.interrupt().fails(1, &["No space left", "--record"]);
    home.run(&["inspect", "small/run"]).fine();
}
