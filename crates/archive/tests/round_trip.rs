//! What is recorded is read back, filtered as the filter language says, and found by operation; a run that was cut off can be read up to there.

use std::fs;
use std::path::Path;

use peerglass_archive::{OpenError, OperationAt, Recording, Run, State};
use peerglass_core::describe::Step;
use peerglass_core::{Fields, Key, Operation, Peer, Time, Value};
use peerglass_trace::{Capture, Described, DropCause, Filter, Record, Recorder, Row, RunHeader, What};
use proptest::prelude::*;

/// The `seq`th record of a made-up run of some peers that look things up.
fn record(seq: u64) -> Record {
    let peer = Peer((seq * 7 % 10) as u32);
    let other = Peer((seq * 3 % 10) as u32);
    let mut fields = Fields::new();
    let what = match seq % 9 {
        0 => What::Up,
        1 => What::Down { why: "crash, \"hard\"\n".into() },
        2 | 3 => {
            fields.add("target", Key::derived(1, Peer(seq as u32)));
            fields.add("id", seq);
            What::Sent {
                to: other,
                message: Described { protocol: "kad", name: "FIND_NODE", fields, wire: vec![seq as u8; (seq % 70) as usize] },
                bytes: 71,
            }
        }
        4 => {
            fields.add("closer", &[Peer(1), Peer(2)][..]);
            fields.add("none", Vec::<Value>::new());
            What::Received { from: other, message: Described { protocol: "kad", name: "NODES", fields, ..Described::default() }, bytes: 71 + seq }
        }
        5 => {
            let message = Described { protocol: "transfer", name: "BLOCK", fields, ..Described::default() };
            What::Dropped { to: other, message, bytes: 1 << 20, why: DropCause::Loss }
        }
        6 => What::Timer(Described { name: "alarm", fields, ..Described::default() }),
        7 => What::Fault { name: "partition", detail: "".into() },
        _ => What::Step { operation: Operation { protocol: "kad", number: (seq / 500) as u32 }, step: Step::new("query").with("peer", other) },
    };
    Record { seq, time: Time::from_nanos(seq * 1_000_000), peer, cause: seq.checked_sub(2).filter(|_| !seq.is_multiple_of(5)), what }
}

fn recorded(dir: &Path, records: impl Iterator<Item = Record>) {
    let mut recording = Recording::create(dir, RunHeader::sim("made up", 7), Capture::Full).expect("the directory is ours");
    records.for_each(|record| recording.record(&record));
    recording.finish().expect("the disk takes it");
}

fn rows(run: &Run, filter: Option<&str>) -> Vec<Row> {
    let filter: Option<Filter> = filter.map(|text| text.parse().expect("a filter"));
    run.rows(filter.as_ref()).collect::<Result<_, _>>().expect("the run can be read")
}

#[test]
fn all_that_was_recorded_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), (0..1000).map(record));
    let run = Run::open(dir.path()).unwrap();
    assert_eq!((run.len(), run.manifest().header.seed, run.manifest().rest.state), (1000, Some(7), State::Finished));
    assert_eq!(run.manifest().rest.records, Some(1000));
    let expected: Vec<Row> = (0..1000).map(|seq| Row::from(&record(seq))).collect();
    assert_eq!(rows(&run, None), expected);
}

#[test]
fn a_run_of_no_records_is_a_run() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), std::iter::empty());
    let run = Run::open(dir.path()).unwrap();
    assert!(run.is_empty());
    assert_eq!(rows(&run, None), []);
}

#[test]
fn a_run_over_several_row_groups_and_files_is_filtered_as_its_rows_are() {
    const MANY: u64 = (1 << 20) + 70_000;
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), (0..MANY).map(record));
    assert_eq!(fs::read_dir(dir.path().join("records")).unwrap().count(), 2);
    let run = Run::open(dir.path()).unwrap();
    assert_eq!(run.len(), MANY);
    for text in [
        "seq in 65530..65545",
        "time > 1048s && kind == sent",
        "peer == 3 && type == NODES && size > 1MiB",
        "fields.peer == 4 && seq < 1000",
        "operation == \"kad#2\"",
        "why ~ hard && seq >= 1100000",
        "proto == transfer && seq <= 3000",
        "type == nothing",
        "from == 4 && to == 6 && seq < 400",
    ] {
        let filter: Filter = text.parse().unwrap();
        let expected: Vec<u64> = (0..MANY).map(record).filter(|record| filter.matches(&Row::from(record))).map(|record| record.seq).collect();
        let found: Vec<u64> = rows(&run, Some(text)).into_iter().map(|row| row.seq).collect();
        assert_eq!(found, expected, "{text}");
        assert_eq!(run.count(&filter).unwrap(), expected.len() as u64, "{text}");
    }
    // The operation that goes over the end of a file is one.
    let number = (1 << 20) / 500;
    let at = run.operations(Some("kad"), Some(Peer(1)), Some(number)).unwrap();
    let steps = |record: &Record| matches!(record.what, What::Step { operation, .. } if operation.number == number) && record.peer == Peer(1);
    let seqs: Vec<u64> = (0..MANY).map(record).filter(steps).map(|record| record.seq).collect();
    let (first, last) = (seqs[0], seqs[seqs.len() - 1]);
    assert!(first < 1 << 20 && last >= 1 << 20);
    assert_eq!(at, [OperationAt { protocol: "kad".to_owned(), peer: Peer(1), number, first, last, steps: seqs.len() as u32 }]);
}

#[test]
fn what_was_flushed_is_readable_while_the_run_goes_on_and_after_it_was_cut_off() {
    let dir = tempfile::tempdir().unwrap();
    let mut recording = Recording::create(dir.path(), RunHeader::node("n", 5), Capture::Full).unwrap();
    (0..100).for_each(|seq| recording.record(&record(seq)));
    recording.flush();
    (100..150).for_each(|seq| recording.record(&record(seq)));
    // The thread writes on: what is asked for here is that it comes, not when.
    while fs::read_dir(dir.path().join("records")).unwrap().all(|entry| entry.unwrap().path().extension().unwrap() != "parquet") {
        std::thread::yield_now();
    }
    // As `kill -9` leaves it: nothing is finished, and a file is half written.
    let killed = tempfile::tempdir().unwrap();
    for folder in ["records", "operations"] {
        fs::create_dir(killed.path().join(folder)).unwrap();
        for entry in fs::read_dir(dir.path().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, killed.path().join(folder).join(path.file_name().unwrap())).unwrap();
        }
    }
    fs::copy(dir.path().join("run.json"), killed.path().join("run.json")).unwrap();
    fs::write(killed.path().join("records/000001.parquet.part"), b"PAR1 and no more").unwrap();
    let run = Run::open(killed.path()).unwrap();
    assert_eq!((run.len(), run.manifest().rest.state, run.manifest().rest.records), (100, State::Running, None));
    assert_eq!(rows(&run, None).len(), 100);
    recording.finish().unwrap();
    assert_eq!(Run::open(dir.path()).unwrap().len(), 150);
}

#[test]
fn equal_runs_are_equal_bytes() {
    let read = |dir: &Path| fs::read(dir.join("records/000000.parquet")).unwrap();
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    recorded(one.path(), (0..70_000).map(record));
    recorded(two.path(), (0..70_000).map(record));
    assert!(read(one.path()) == read(two.path()));
}

#[test]
fn a_run_replaces_a_run_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    recorded(dir.path(), (0..100).map(record));
    fs::write(dir.path().join("notes.txt"), "mine").unwrap();
    recorded(dir.path(), (0..3).map(record));
    assert_eq!(Run::open(dir.path()).unwrap().len(), 3);
    assert_eq!(fs::read_to_string(dir.path().join("notes.txt")).unwrap(), "mine");

    let other = tempfile::tempdir().unwrap();
    fs::create_dir(other.path().join("records")).unwrap();
    fs::write(other.path().join("records/vinyl.parquet"), "somebody else's").unwrap();
    let refused = Recording::create(other.path(), RunHeader::sim("x", 1), Capture::Full);
    assert!(matches!(refused, Err(OpenError::Occupied(_))));
    assert_eq!(fs::read_to_string(other.path().join("records/vinyl.parquet")).unwrap(), "somebody else's");
}

#[test]
fn what_is_no_run_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(Run::open(dir.path()), Err(OpenError::NotARun(_))));
    assert!(matches!(Run::open(&dir.path().join("nothing")), Err(OpenError::NotARun(_))));
    fs::write(dir.path().join("run.json"), "{\"format\":\"something else\"}").unwrap();
    assert!(matches!(Run::open(dir.path()), Err(OpenError::NotARun(_))));

    recorded_over(dir.path());
    let text = fs::read_to_string(dir.path().join("run.json")).unwrap();
    fs::write(dir.path().join("run.json"), text.replace("\"schema\":1", "\"schema\":99")).unwrap();
    assert!(matches!(Run::open(dir.path()), Err(OpenError::Schema { found: 99, .. })));

    fs::write(dir.path().join("run.json"), text).unwrap();
    fs::write(dir.path().join("records/000000.parquet"), "PAR1 cut off").unwrap();
    let Err(OpenError::Damaged { path, .. }) = Run::open(dir.path()) else { panic!("a damaged file is told") };
    assert!(path.ends_with("records/000000.parquet"));
}

fn recorded_over(dir: &Path) {
    recorded(dir, (0..10).map(record));
}

#[test]
fn a_disk_that_is_full_is_told_and_the_rest_of_the_run_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let mut recording = Recording::create(dir.path(), RunHeader::sim("full", 1), Capture::Full).unwrap();
    // Where its first file belongs is no place for files any more.
    fs::remove_dir(dir.path().join("records")).unwrap();
    (0..300_000).for_each(|seq| recording.record(&record(seq)));
    assert!(recording.finish().is_err());
    assert!(recording.error().is_some());
    assert_eq!(Run::open(dir.path()).err().map(|error| matches!(error, OpenError::Io { .. })), Some(true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_damaged_file_is_an_error_and_never_a_panic(at in 0usize..20_000, byte: u8, cut in 0usize..20_000) {
        let dir = tempfile::tempdir().unwrap();
        recorded(dir.path(), (0..500).map(record));
        let path = dir.path().join("records/000000.parquet");
        let mut bytes = fs::read(&path).unwrap();
        let length = bytes.len();
        bytes[at % length] ^= byte;
        if cut < 2000 {
            bytes.truncate(cut % length);
        }
        fs::write(&path, bytes).unwrap();
        if let Ok(run) = Run::open(dir.path()) {
            let _ = run.rows(None).count();
        }
    }
}
