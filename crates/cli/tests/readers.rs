//! What we write, read by programs that are not ours: Parquet by DuckDB, Polars, pandas and pyarrow, graphs by networkx and Graphviz.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod support;

#[path = "../../trace/tests/exports/outside.rs"]
#[allow(dead_code, reason = "a part of it is needed")]
mod outside;

use std::process::Command;

use serde_json::Value;
use support::Home;

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/popular-files.toml");

/// What a script of a reader says of files in `home`; `None` where Python lacks something.
fn read(home: &Home, modules: &str, script: &str, files: &[&str]) -> Option<Value> {
    let python = outside::python(modules)?;
    let mut command = Command::new(python);
    command.arg(outside::script(script)).args(files.iter().map(|file| home.path(file)));
    let said = outside::said(&mut command).expect("there is a Python");
    Some(serde_json::from_str(&said).unwrap())
}

#[test]
fn four_programs_read_the_records_of_a_run_as_we_do() {
    let home = Home::new();
    home.run(&["sim", SCENARIO, "--peers", "60", "--seed", "5", "--out", "run", "--capture", "wire"]).fine();
    home.run(&["inspect", "run", "--as", "jsonl", "-o", "run.jsonl"]).fine();
    let Some(said) = read(&home, "duckdb, pandas, polars, pyarrow", "tables.py", &["run", "run.jsonl"]) else {
        return outside::skip("four_programs_read_the_records_of_a_run_as_we_do", "Python lacks a reader of Parquet; cargo xtask test sets it up");
    };
    let overview = home.run(&["inspect", "run", "--json"]).fine().json();
    assert_eq!(said["records"], overview["records"]);
    assert_eq!((&said["metadata"]["seed"], &said["metadata"]["engine"]), (&"5".into(), &overview["engine"]));
    assert!(said["records"].as_u64() > Some(10_000) && said["targets"].as_u64() > Some(100), "{said}");
}

#[test]
fn networkx_and_graphviz_open_the_topology_and_duckdb_finds_the_same() {
    let name = "networkx_and_graphviz_open_the_topology_and_duckdb_finds_the_same";
    let home = Home::new();
    home.run(&["sim", SCENARIO, "--peers", "60", "--seed", "5", "--out", "run"]).fine();
    let formats = ["graphml", "gexf", "json", "dot"];
    for format in formats {
        let file = format!("run.{format}");
        let more: &[&str] = if format == "graphml" { &["--betweenness"] } else { &[] };
        home.run(&[&["topology", "run", "--as", format, "-o", &file], more].concat()).fine();
    }
    if Command::new("dot").arg("-V").output().is_err() {
        return outside::skip(name, "Graphviz is not installed; on Debian: apt-get install graphviz");
    }
    let Some(said) = read(&home, "duckdb, networkx", "graphs.py", &["run", "run.graphml", "run.gexf", "run.json", "run.dot"]) else {
        return outside::skip(name, "Python lacks networkx or DuckDB; cargo xtask test sets it up");
    };
    let shown = home.run(&["topology", "run", "--json"]).fine().json();
    assert_eq!((&said["up"], &said["nodes"]), (&shown["up"], &60.into()), "{said}");
    let series = home.run(&["topology", "run", "--every", "50 s", "--json"]).fine().out;
    let last: Value = serde_json::from_str(series.lines().last().unwrap()).unwrap();
    assert_eq!((&last["contacts"], &last["transfers"], &last["up"]), (&said["contacts"], &said["transfers"], &said["up"]), "{last}");
    assert!(said["transfers"].as_u64() > Some(50) && series.lines().count() > 4, "{said}");
    let most = home.run(&["topology", "run", "--betweenness", "3"]).fine().out;
    assert!(most.contains("most paths go through") && most.lines().rev().take(3).all(|line| line.ends_with("shortest paths")), "{most}");
}
