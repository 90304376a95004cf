//! Every fault, every weather, NATs and attackers in one scenario: it is carried out whole, ends, keeps its books, and comes out the same on any number of threads.

use std::path::Path;

use peerglass_lab::{Run, Scenario};
use peerglass_trace::{Capture, Counting, DropCause, Off};

fn scenario() -> Scenario {
    Scenario::load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/bad-day.toml")).expect("the lab is valid")
}

#[test]
fn everything_that_a_scenario_asks_for_happens() {
    let mut run = Run::new(scenario(), 1, Vec::new()).expect("the lab can be run");
    run.run(|_| {});
    let (all, stats, totals) = (run.totals().all(), run.stats(), run.totals().into_owned());
    assert_eq!(all.sent + stats.duplicated, all.delivered + all.dropped + stats.in_flight);
    assert!(stats.duplicated > 0);
    for why in [DropCause::Loss, DropCause::PeerDown, DropCause::Fault, DropCause::Corrupt, DropCause::Filtered] {
        assert!(totals.drops(why) > 0, "no message was lost to {}", why.name());
    }
    let summary = run.summary();
    assert!(summary.crashes > summary.down_at_end as u64 + 30, "those that came back have crashed too: {summary}");
    let content = &summary.contents[0];
    assert!(content.whole * 3 >= content.fetchers, "most fetches end well all the same: {summary}");
    let records = run.into_recorder().expect("memory takes all records");
    let names: std::collections::BTreeSet<&str> =
        records.iter().filter_map(|r| if let "fault" = r.what.kind() { r.view().name } else { None }).collect();
    let expected = ["access", "byzantine", "clock", "corrupt", "cut", "delay", "disk", "duplicate", "freeze", "garbled", "loss", "slow"];
    assert_eq!(names.into_iter().collect::<Vec<_>>(), expected);
    assert!(records.iter().filter(|record| record.what.kind() == "up").count() > 210 + 30, "those that crashed came back");
}

#[test]
fn one_thread_and_several_come_to_the_same_and_so_does_recording() {
    let summary_on = |threads| {
        let mut run = Run::new(scenario(), 2, Off).expect("the lab can be run");
        run.run_on(threads, |_| {});
        run.summary()
    };
    let one = summary_on(1);
    assert_eq!(one, summary_on(3));
    let mut recorded = Run::new(scenario(), 2, Counting::new(Capture::Full)).expect("the lab can be run");
    recorded.run_on(2, |_| {});
    assert_eq!(recorded.summary(), one);
}
