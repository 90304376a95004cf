//! A node that runs, looked at from outside: its control port, and the traces that it sends.

#![allow(clippy::unwrap_used, reason = "a test that unwraps nothing fails, as it should")]

mod support;

#[path = "../../trace/tests/exports/outside.rs"]
mod outside;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};

use serde_json::Value;
use support::{ALONE, Home, LIMIT, Running, field};

/// A node that shares a file and may be looked at: where, and what it says of what it shares.
fn observed(home: &Home, arguments: &[&str]) -> (Running, String, Value) {
    home.file("file", 3 << 20);
    let mut running = home.start(&[&["share", "--json", "file", "--control", "127.0.0.1:0"], &ALONE[..], arguments].concat());
    let control = running.json()["control"].as_str().expect("it says where").to_owned();
    let shared = running.json();
    (running, control, shared)
}

/// What the control port answers to `GET path`, with its head.
fn asked(control: &str, head: &str) -> String {
    let mut stream = TcpStream::connect(control).unwrap();
    stream.set_read_timeout(Some(LIMIT)).unwrap();
    // Who is refused may not read to the end.
    let _ = stream.write_all(head.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn get(control: &str, path: &str) -> String {
    asked(control, &format!("GET {path} HTTP/1.1\r\nHost: {control}\r\nConnection: close\r\n\r\n"))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{answer}")).1
}

#[test]
fn a_running_node_tells_how_it_stands_and_what_happens() {
    let (here, there) = (Home::new(), Home::new());
    let (sharer, control, shared) = observed(&here, &[]);
    let standing = there.run(&["inspect", "--live", &control]).fine().out;
    assert!(
        standing.contains("server of Kademlia") && standing.contains("connected to 0 peers") && standing.contains("0 records made"),
        "{standing}"
    );

    // Somebody watches while a file goes out.
    let mut watching = there.start(&["inspect", "--live", &control, "--filter", "kind == sent && type == BLOCK", "--limit", "3"]);
    let mut counting = there.start(&["inspect", "--live", &control, "--by", "type", "--json"]);
    let watched = || there.run(&["inspect", "--live", &control, "--json"]).fine().json()["records"]["watchers"].as_u64();
    while watched() < Some(2) {}
    there.run(&[&["get", field(&shared, "ticket"), "-o", "copy"], &ALONE[..]].concat()).fine();
    for _ in 0..3 {
        let line = watching.out(|line| Some(line.to_owned()));
        assert!(line.contains(" sent ") && line.contains("BLOCK"), "{line}");
    }
    watching.end().fine();
    let status = there.run(&["inspect", "--live", &control, "--json"]).fine().json();
    assert!(status["messages"]["bytes_sent"].as_u64() > Some(3 << 20) && status["records"]["made"].as_u64() > Some(10), "{status}");

    // The routing table is there as a graph.
    let topology: Value = serde_json::from_str(body(&get(&control, "/topology"))).unwrap();
    assert_eq!(topology["nodes"].as_array().unwrap().iter().filter(|node| node["me"] == true).count(), 1);
    // The node's end is the end of the stream, and the counts come then.
    sharer.interrupt().fine();
    let counts: Value = serde_json::from_str(&counting.out(|line| Some(line.to_owned()))).unwrap();
    assert_eq!(counts["groups"]["transfer BLOCK"]["sent"].as_u64(), Some(4), "{counts}");
    counting.end().fine();
}

#[test]
fn watching_leaves_a_recording_as_it_is() {
    let (here, there) = (Home::new(), Home::new());
    let (sharer, control, shared) = observed(&here, &["--record", "run", "--capture", "summary"]);
    let mut watching = there.start(&["inspect", "--live", &control, "--as", "jsonl", "--limit", "20"]);
    while there.run(&["inspect", "--live", &control, "--json"]).fine().json()["records"]["watchers"] == 0 {}
    there.run(&[&["get", field(&shared, "ticket"), "-o", "copy"], &ALONE[..]].concat()).fine();
    watching.out(|line| line.contains("\"fields\":{").then_some(()));
    watching.end().fine();
    sharer.interrupt().fine();
    let recorded = here.run(&["inspect", "run", "--as", "jsonl"]).fine().out;
    assert!(recorded.lines().count() > 10 && !recorded.contains("\"fields\"") && !recorded.contains("\"kind\":\"step\""), "{recorded}");
}

#[test]
fn prometheus_reads_the_metrics() {
    let name = "prometheus_reads_the_metrics";
    let Some(python) = outside::python("prometheus_client") else {
        return outside::skip(name, "Python has no prometheus_client; cargo xtask test sets it up");
    };
    let (here, there) = (Home::new(), Home::new());
    let (sharer, control, shared) = observed(&here, &[]);
    there.run(&[&["get", field(&shared, "ticket"), "-o", "copy"], &ALONE[..]].concat()).fine();
    let answer = get(&control, "/metrics");
    assert!(answer.contains("content-type: application/openmetrics-text; version=1.0.0"), "{answer}");
    let file = outside::file("node.metrics", body(&answer).as_bytes());
    let said = outside::said(Command::new(python).arg(outside::script("metrics.py")).arg(file)).expect("there is a Python");
    let samples: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let value = |name: &str, label: Option<(&str, &str)>| {
        let fits = |sample: &&Value| sample["name"] == name && label.is_none_or(|(label, value)| sample["labels"][label] == value);
        samples.iter().find(fits).and_then(|sample| sample["value"].as_f64()).unwrap_or_else(|| panic!("{name}: {said}"))
    };
    assert_eq!(value("peerglass_messages_sent_total", Some(("type", "BLOCK"))), 4.0);
    assert!(value("peerglass_messages_sent_bytes_total", Some(("type", "BLOCK"))) > f64::from(3 << 20));
    assert_eq!((value("peerglass_recording_failed", None), value("peerglass_watchers", None)), (0.0, 0.0));
    assert!(value("peerglass_running_seconds", None) > 0.0);
    assert_eq!(value("peerglass_node_info", Some(("network", "private"))), 1.0);
    sharer.interrupt().fine();
}

/// A collector that answers with these statuses, and the last of them from then on: its address, and what it was sent with success.
fn collector(statuses: &'static [u16]) -> (String, Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let (sender, bodies) = channel();
    std::thread::spawn(move || {
        for (at, stream) in listener.incoming().enumerate() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut length, mut line) = (0, String::new());
            while stream.read_line(&mut line).unwrap() > 2 {
                let header = line.to_ascii_lowercase();
                length = header.strip_prefix("content-length:").map_or(length, |value| value.trim().parse().unwrap());
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let status = statuses[at.min(statuses.len() - 1)];
            write!(stream.get_mut(), "HTTP/1.1 {status} x\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{{}}").unwrap();
            if status == 200 && sender.send(body).is_err() {
                return;
            }
        }
    });
    (address, bodies)
}

#[test]
fn traces_reach_a_collector_that_was_away_at_first() {
    let (here, there) = (Home::new(), Home::new());
    let (address, bodies) = collector(&[503, 200]);
    let (mut sharer, _, shared) = observed(&here, &["--otlp", &address]);
    there.run(&[&["get", field(&shared, "ticket"), "-o", "copy"], &ALONE[..]].concat()).fine();
    sharer.err("traces cannot be sent, and wait");
    let first = bodies.recv_timeout(LIMIT).expect("it tries again");
    let ended = sharer.interrupt().fine();
    assert!(!ended.err.contains("lost"), "{ended:?}");
    let mut files = vec![outside::file("live-0.otlp.json", &first)];
    for (at, body) in bodies.try_iter().enumerate() {
        files.push(outside::file(&format!("live-{}.otlp.json", at + 1), &body));
    }
    let spans: Vec<Value> = files.iter().flat_map(|file| spans(&std::fs::read(file).unwrap())).collect();
    let named = |name: &str| spans.iter().filter(|span| span["name"] == name).count();
    assert!(named("BLOCK") == 4 && spans.iter().any(|span| span["name"].as_str().unwrap().starts_with("command ")), "{spans:#?}");
    // Each block stands below what asked for it.
    let ids: Vec<&Value> = spans.iter().map(|span| &span["spanId"]).collect();
    assert!(spans.iter().filter(|span| span["name"] == "BLOCK").all(|span| ids.contains(&&span["parentSpanId"])), "{spans:#?}");
    let name = "traces_reach_a_collector_that_was_away_at_first";
    let Some(python) = outside::python("opentelemetry.proto.trace.v1.trace_pb2") else {
        return outside::skip(name, "Python has no opentelemetry-proto; cargo xtask test sets it up");
    };
    let said = outside::said(Command::new(python).arg(outside::script("otlp.py")).args(&files)).expect("there is a Python");
    assert_eq!(said.lines().map(|line| line.parse::<usize>().unwrap()).sum::<usize>(), spans.len());
}

fn spans(json: &[u8]) -> Vec<Value> {
    let json: Value = serde_json::from_slice(json).unwrap();
    let resources = json["resourceSpans"].as_array().unwrap().iter();
    resources.flat_map(|resource| resource["scopeSpans"][0]["spans"].as_array().unwrap().clone()).collect()
}

#[test]
fn traces_that_a_collector_refuses_are_lost_aloud() {
    let home = Home::new();
    let (address, _bodies) = collector(&[400]);
    let (mut sharer, ..) = observed(&home, &["--otlp", &address]);
    sharer.err("answers 400");
    let ended = sharer.interrupt().fine();
    assert!(ended.err.contains("traces were lost"), "{ended:?}");
    home.run(&[&["share", "file", "--otlp", "https://collector.example"], &ALONE[..]].concat()).fails(2, &["encryption", "http://"]);
}

#[test]
fn hostile_requests_get_nothing_and_do_no_harm() {
    let home = Home::new();
    let (sharer, control, _) = observed(&home, &[]);
    let long = "x".repeat(64 << 10);
    for (head, status) in [
        ("GET /status HTTP/1.1\r\nHost: evil.example\r\n\r\n".to_owned(), "403"),
        (format!("GET /status HTTP/1.1\r\nHost: {control}\r\nOrigin: http://evil.example\r\n\r\n"), "403"),
        (format!("POST /status HTTP/1.1\r\nHost: {control}\r\nContent-Length: 5\r\n\r\nhello"), "405"),
        (format!("GET /nothing HTTP/1.1\r\nHost: {control}\r\n\r\n"), "404"),
        (format!("GET /records?capture=everything HTTP/1.1\r\nHost: {control}\r\n\r\n"), "400"),
        (format!("GET /records?filter=kind%20%3D%3D HTTP/1.1\r\nHost: {control}\r\n\r\n"), "400"),
        (format!("GET /status HTTP/1.1\r\nHost: {control}\r\nX: {long}\r\n\r\n"), "431"),
        ("\0\u{1}\u{2}garbage\r\n\r\n".to_owned(), "400"),
        (String::new(), ""),
    ] {
        let head = head.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
        let answer = asked(&control, if head.is_empty() { "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" } else { &head });
        let expected = if status.is_empty() { "HTTP/1.1 200".to_owned() } else { format!("HTTP/1.1 {status}") };
        assert!(answer.starts_with(&expected), "{status}: {answer}");
    }
    // Who sits on all places keeps others out only as long as it is patient with half a request.
    let sitting: Vec<TcpStream> = (0..80).filter_map(|_| TcpStream::connect(&control).ok()).collect();
    sitting.iter().for_each(|mut stream| _ = stream.write_all(b"GET /"));
    assert_eq!(get(&control, "/status"), "");
    for mut stream in sitting {
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        // It is hung up on, sooner or later; being told so first is a courtesy.
        let _ = stream.read_to_end(&mut Vec::new());
    }
    assert!(get(&control, "/status").starts_with("HTTP/1.1 200"));
    sharer.interrupt().fine();
}

#[test]
fn what_is_no_node_that_runs_is_said() {
    let home = Home::new();
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    home.run(&["inspect", "--live", &nobody]).fails(1, &["nobody answers", &nobody]);
    let (other, _bodies) = collector(&[200]);
    home.run(&["inspect", "--live", other.trim_start_matches("http://")]).fails(1, &["no node's control port", "--control"]);
    home.run(&["inspect", "--live", "not an address"]).fails(2, &["is not an address"]);
    home.run(&["inspect", "run", "--live", &nobody]).fails(2, &["cannot be used with"]);
    home.run(&["inspect"]).fails(2, &["RUN"]);
    home.file("file", 10);
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    home.run(&[&["share", "file", "--control", &taken], &ALONE[..]].concat()).fails(2, &["control", &taken, "port 0"]);
}
