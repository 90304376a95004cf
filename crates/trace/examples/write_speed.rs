//! How many records a second the text formats take, on one thread, written to nowhere:
//! `cargo run --release -p peerglass-trace --example write_speed`.
#![allow(clippy::disallowed_methods, reason = "a measurement needs the clock")]

use std::io::{BufReader, Cursor, sink};
use std::time::Instant;

use peerglass_core::{Fields, Key, Peer, Time};
use peerglass_trace::{Csv, Described, JsonLines, Reader, Record, Recorder, RunHeader, What};

/// A sent message with a key and twenty contacts every second time, else a received one without contents.
fn record(seq: u64) -> Record {
    let mut fields = Fields::new();
    let what = if seq.is_multiple_of(2) {
        fields.add("id", seq);
        fields.add("target", Key::derived(1, Peer(seq as u32)));
        fields.add("closer", &(0..20).map(|i| Peer(seq as u32 + i)).collect::<Vec<_>>()[..]);
        What::Sent { to: Peer(7), message: Described { protocol: "kad", name: "FIND_NODE", fields, ..Described::default() }, bytes: 900 }
    } else {
        What::Received { from: Peer(7), message: Described { protocol: "kad", name: "FIND_NODE", fields, ..Described::default() }, bytes: 900 }
    };
    Record { seq, time: Time::from_nanos(seq * 1_234_567), peer: Peer(seq as u32), cause: seq.checked_sub(1), what }
}

fn rate(name: &str, records: &[Record], mut recorder: impl Recorder) {
    // What the format costs, without building the records.
    let clock = Instant::now();
    records.iter().for_each(|record| recorder.record(record));
    recorder.finish().expect("nowhere is never full");
    println!("{name:<12} {:>8.2} million records/s", records.len() as f64 / clock.elapsed().as_secs_f64() / 1e6);
}

fn main() {
    let header = RunHeader::sim("speed", 1);
    let full: Vec<Record> = (0..400_000).map(record).collect();
    let bare: Vec<Record> = (0..400_000).map(|seq| record(2 * seq + 1)).collect();
    rate("JSON, full", &full, JsonLines::new(sink(), &header));
    rate("JSON, bare", &bare, JsonLines::new(sink(), &header));
    rate("CSV, full", &full, Csv::new(sink()));
    rate("CSV, bare", &bare, Csv::new(sink()));

    let mut file = JsonLines::new(Vec::new(), &header);
    full.iter().for_each(|record| file.record(record));
    let bytes = file.into_inner().expect("a Vec takes everything");
    let clock = Instant::now();
    let rows = Reader::new(BufReader::new(Cursor::new(&bytes))).expect("the header is there").count();
    println!("reading JSON {:>8.2} million records/s, {} bytes a record", rows as f64 / clock.elapsed().as_secs_f64() / 1e6, bytes.len() / rows);
}
