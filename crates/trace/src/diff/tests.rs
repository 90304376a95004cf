use super::*;
use crate::told::{self, Told};
use core::convert::Infallible;
use peerglass_core::Value;
use proptest::prelude::*;

fn diff(a: &[Row], b: &[Row]) -> Diff {
    let rows = |rows: &[Row]| rows.iter().cloned().map(Ok::<_, Infallible>).collect::<Vec<_>>();
    let Ok(diff) = Diff::of(rows(a), rows(b));
    diff
}

fn run(ms: u64) -> Told {
    let mut told = Told::new();
    told.command(0, 1);
    told.round_trip(5, 10, (1, 2));
    told.round_trip(100, ms, (1, 3));
    told
}

#[test]
fn a_run_is_the_same_as_itself() {
    let mut told = run(10);
    told.with("load", Value::Real(f64::NAN));
    let diff = diff(&told.rows, &told.rows);
    assert!(diff.is_same() && diff.changes().next().is_none());
    assert_eq!(diff.to_string(), "the runs are the same: 9 records");
}

#[test]
fn where_runs_part_is_shown_with_what_changed() {
    let (a, mut b) = (run(10), run(20));
    let lost = b.sent(200, None, (1, 4), "PING");
    b.dropped(201, lost, (1, 4), "PING", "loss");
    assert_eq!(
        diff(&a.rows, &b.rows).to_string(),
        "6 records are the same, then the runs part\n  \
         =  #5           0.100000 s  p1 → p3            sent      FIND_NODE  70 B\n  \
         A  #6           0.110000 s  p3 ← p1            received  FIND_NODE  70 B  (#5)\n  \
         B  #6           0.120000 s  p3 ← p1            received  FIND_NODE  70 B  (#5)\n     differ in time\n\
         \u{20}                                              A              B         change  relative\n\
         records                                        9             11             +2   +22.2 %\n\
         kad FIND_NODE mean round trip, µs          30000          45000         +15000   +50.0 %\n\
         kad PING sent                                  0              1             +1       new\n\
         kad PING dropped                               0              1             +1       new\n\
         kad PING bytes sent                            0             70            +70       new"
    );
}

#[test]
fn a_run_that_ends_early_parts_where_it_ends() {
    let told = run(10);
    let diff = diff(&told.rows, &told.rows[..7]);
    assert_eq!(diff.common, 7);
    assert!(diff.parted.as_ref().is_some_and(|parted| parted.a.as_ref() == told.rows.get(7) && parted.b.is_none()));
    assert!(diff.to_string().contains("\n  B  the run ends\n"), "{diff}");
}

#[test]
fn what_cannot_be_read_is_told() {
    assert_eq!(Diff::of([Err("broken")], [Ok(run(10).rows.remove(0))]), Err("broken"));
}

proptest! {
    /// One column of one record is changed: they part there, and it is that column.
    #[test]
    fn runs_part_at_the_first_record_that_differs_in_any_column(at in 0usize..9, column in 0usize..12) {
        let (a, mut b) = (run(10).rows, run(10).rows);
        let row = &mut b[at];
        let name = match column {
            0 => { row.seq += 100; "seq" }
            1 => { row.time += core::time::Duration::from_nanos(1); "time" }
            2 => { row.peer.0 += 100; "peer" }
            3 => { row.cause = Some(99); "cause" }
            4 => { row.kind = "fault".to_owned(); "kind" }
            5 => { row.other = None; row.peer.0 += u32::from(at == 0); if at == 0 { "peer" } else { "other" } }
            6 => { row.protocol = None; "proto" }
            7 => { row.name = Some("X".to_owned()); "type" }
            8 => { row.bytes = Some(1); "size" }
            9 => { row.why = Some("because".to_owned()); "why" }
            10 => { row.operation = Some("kad#1".to_owned()); "operation" }
            _ => { row.fields.push(("x".to_owned(), Value::Bool(true))); "fields" }
        };
        let diff = diff(&a, &b);
        prop_assert_eq!(diff.common, at as u64);
        let parted = diff.parted.expect("they differ");
        prop_assert_eq!((parted.a, parted.b, parted.columns), (Some(a[at].clone()), Some(b[at].clone()), vec![name]));
        let records = diff.counts.iter().find(|(counter, _)| counter.what == Counted::Records).map(|(_, change)| *change);
        prop_assert_eq!(records, Some(Change { a: 9, b: 9 }), "no record was added");
    }

    #[test]
    fn nothing_in_the_records_makes_it_panic(a in told::damaged(), b in told::damaged()) {
        prop_assert!(diff(&a, &a).is_same());
        prop_assert_eq!(diff(&a, &b).is_same(), a == b);
        prop_assert!(!diff(&a, &b).to_string().is_empty());
    }
}
