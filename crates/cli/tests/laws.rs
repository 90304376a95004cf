//! `sim --check` and `hunt` as users run them.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "the helpers of tests may panic as tests do")]

mod support;

use support::*;

const SOUND: &str = r#"
title = "Thirty peers keep records"
peers = 30
duration = "40 s"
[join]
within = "4 s"
[kademlia]
k = 8
[[workload]]
kind = "publish"
count = 10
from = "6 s"
until = "30 s"
popularity = { exponent = 0.0, items = 10, size = "16 KiB" }
"#;

/// Most peers name nobody, and records are kept by two.
fn weak() -> String {
    let liars = "[[fault]]\nkind = \"byzantine\"\nbehaviour = \"lie\"\nlie = \"contacts\"\nwho = { range = \"0..20\" }\nat = \"5 s\"\n";
    SOUND.replace("k = 8", "k = 2") + liars
}

fn home() -> Home {
    let home = Home::new();
    std::fs::write(home.path("sound.toml"), SOUND).unwrap();
    std::fs::write(home.path("weak.toml"), weak()).unwrap();
    home
}

#[track_caller]
fn breaks(ended: &Ended) {
    assert_eq!(ended.code, Some(4), "{ended:#?}");
    assert!(!ended.err.contains("error") && !ended.err.contains("panicked"), "{ended:#?}");
}

#[test]
fn laws_that_are_kept_are_said_to_be() {
    let home = home();
    let text = home.run(&["sim", "sound.toml", "--check"]).fine().out;
    assert!(text.contains("laws       all: kept"), "{text}");
    let text = home.run(&["sim", "sound.toml", "--check", "silence,tables"]).fine().out;
    assert!(text.contains("laws       silence,tables: kept"), "{text}");
    let json = home.run(&["sim", "sound.toml", "--check", "--json"]).fine().json();
    assert!(json["violation"].is_null() && json["peers"] == 30, "{json}");
    assert_eq!(json, home.run(&["sim", "sound.toml", "--json"]).fine().json(), "under laws it is the same run");
    let json = home.run(&["hunt", "sound.toml", "--seeds", "5..15", "--json"]).fine().json();
    assert!(json["seeds"] == 10 && json["messages"].as_u64() > Some(1000) && json["case"].is_null(), "{json}");
    let text = home.run(&["hunt", "sound.toml", "--seeds", "5..15"]).fine().out;
    assert!(text.starts_with("no law is broken in 10 runs, "), "{text}");
    assert!(!home.has("sound.hunt-5.toml"));
}

#[test]
fn a_hunt_leaves_a_small_case_that_breaks_the_same_law_again() {
    let home = home();
    let one = home.run(&["hunt", "weak.toml", "--seeds", "0..12", "--threads", "1", "--json"]);
    breaks(&one);
    let report = one.json();
    let (case, found) = (&report["case"], &report["found"][0]);
    let (file, seed) = (field(case, "file"), found["seed"].as_u64().unwrap());
    assert!(file == format!("weak.hunt-{seed}.toml") && found["law"] == "values" && case["peers"].as_u64() < Some(30), "{report}");
    let written = home.read(file);
    let text = String::from_utf8(written.clone()).unwrap();
    let replay = field(&case["violation"], "replay");
    assert!(
        text.starts_with("# Found by peerglass hunt in weak.toml.\n# the law `values` is broken")
            && text.contains(&format!("# replay:    {replay}\n")),
        "{text}"
    );

    // The command that it gives, word for word.
    let command: Vec<&str> = replay.split(' ').skip(1).collect();
    let again = home.run(&[&command[..], &["--json"]].concat());
    breaks(&again);
    let again = again.json();
    assert_eq!(again["violation"], case["violation"]);
    // So does the file with nothing but --check, recorded or not; the last record is that of the violation.
    let recorded = home.run(&["sim", file, "--check", "--out", "run", "--json"]);
    breaks(&recorded);
    assert_eq!(recorded.json(), again);
    let records = peerglass_archive::Run::open(&home.path("run")).unwrap().len();
    assert_eq!(Some(records - 1), case["violation"]["record"].as_u64(), "nothing follows the violation");
    let summary: serde_json::Value = serde_json::from_slice(&home.read("run/summary.json")).unwrap();
    assert_eq!(summary["violation"]["law"], "values");
    let text = home.run(&["sim", file, "--check"]);
    breaks(&text);
    for part in [
        "the law `values` is broken: what was stored can be read once its replicas meet",
        "\n  expected   ",
        "\n  found      ",
        &format!("\n  replay     {replay}"),
    ] {
        assert!(text.out.contains(part), "`{part}` is not in {text:#?}");
    }

    // Another number of threads finds, shrinks and writes the same; the case that is there stays.
    home.run(&["hunt", "weak.toml", "--seeds", "0..12", "--out", file]).fails(2, &[file, "exists already", "--out"]);
    breaks(&home.run(&["hunt", "weak.toml", "--seeds", "0..12", "--threads", "2", "--out", "two.toml"]));
    assert!(home.read("two.toml") == text_of(&written, file, "two.toml") && home.read(file) == written);
    assert!(!home.has("two.toml.part"));
}

fn text_of(bytes: &[u8], name: &str, other: &str) -> Vec<u8> {
    String::from_utf8_lossy(bytes).replace(name, other).into_bytes()
}

#[test]
fn all_seeds_that_break_a_law_are_listed_when_asked_for() {
    let home = home();
    let ended = home.run(&["hunt", "weak.toml", "--seeds", "0..12", "--keep-going", "--shrink", "0", "--json", "--out", "case.toml"]);
    breaks(&ended);
    let report = ended.json();
    let seeds: Vec<u64> = report["found"].as_array().unwrap().iter().map(|found| found["seed"].as_u64().unwrap()).collect();
    assert!(report["seeds"] == 12 && seeds.len() > 1 && seeds.is_sorted() && report["case"]["runs"] == 0, "{report}");
    // Each says how to come back to it.
    let command: Vec<&str> = field(&report["found"][1], "replay").split(' ').skip(1).collect();
    let second = home.run(&[&command[..], &["--shrink", "0", "--json", "--out", "second.toml"]].concat());
    breaks(&second);
    assert_eq!(second.json()["found"][0]["found"], report["found"][1]["found"]);
}

#[test]
fn what_cannot_be_hunted_is_refused_with_what_to_do() {
    let home = home();
    home.run(&["sim", "sound.toml", "--check", "gravity"]).fails(2, &["no law `gravity`", "conservation, silence, panic, tables, blocks, values"]);
    home.run(&["hunt", "sound.toml", "--check", "values,gravity"])
        .fails(2, &["no law `gravity`", "conservation, silence, panic, tables, blocks, values"]);
    home.run(&["hunt", "sound.toml", "--seeds", "9..9"]).fails(2, &["9..9", "no seed in this range"]);
    home.run(&["hunt", "sound.toml", "--seeds", "all"]).fails(2, &["no range of seeds", "0..100"]);
    home.run(&["hunt", "sound.toml", "--threads", "0"]).fails(2, &["--threads"]);
    home.run(&["hunt", "missing.toml"]).fails(2, &["missing.toml", "labs/"]);
    home.run(&["hunt", "sound.toml", "--out", "no/such/case.toml"]).fails(2, &["no/such/case.toml", "no directory no/such"]);
    std::fs::write(home.path("bad.toml"), SOUND.replace("peers = 30", "peers = \"many\"")).unwrap();
    home.run(&["hunt", "bad.toml"]).fails(2, &["bad.toml:3:"]);
    assert!(!home.has("no"));
}

#[test]
fn ctrl_c_ends_a_hunt_and_says_how_far_it_came() {
    let home = home();
    let mut hunt = home.start(&["hunt", "sound.toml", "--seeds", "0..100000000"]);
    hunt.err("hunting through 100000000 seeds");
    let ended = hunt.interrupt().fails(130, &["interrupted after", "no law was broken"]);
    assert_eq!(ended.out, "");
    assert!(!home.has("sound.hunt-0.toml"));
}
