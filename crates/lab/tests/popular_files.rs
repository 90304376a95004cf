//! The lab on workloads: groups, phases, libraries and streams of operations, from the file to the summary.

use std::path::Path;
use std::time::Duration;

use peerglass_core::Time;
use peerglass_lab::plan::Plan;
use peerglass_lab::{Run, Scenario};
use peerglass_store::{Dag, Shape};
use peerglass_trace::Off;

fn scenario() -> Scenario {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/popular-files.toml");
    Scenario::load(&file).expect("the lab is valid")
}

#[test]
fn what_begins_in_the_initialisation_is_not_counted_and_nearly_every_fetch_ends_well() {
    let scenario = scenario();
    let roots: Vec<_> = (0..40).map(|item| *Dag::synthetic(item, 4 << 20, Shape::default()).root()).collect();
    let plan = Plan::new(&scenario, 1, &roots).expect("the lab can be planned");
    let mut run = Run::new(scenario, 1, Off).expect("the lab can be run");
    run.run(|_| {});
    let summary = run.summary();
    let from = Time::ZERO + Duration::from_secs(80);
    let lookups = summary.lookups.as_ref().expect("there are lookups");
    assert_eq!(lookups.ended + lookups.unanswered, plan.lookups.iter().filter(|lookup| lookup.at >= from).count(), "{summary}");
    assert!(plan.lookups.iter().any(|lookup| lookup.at < from), "some begin before");
    let library = summary.library.as_ref().expect("there are fetches");
    assert_eq!(library.fetches, plan.fetches.len(), "{summary}");
    assert_eq!(library.whole + library.down_at_end + library.failed, library.fetches, "{summary}");
    assert!(library.whole * 10 > library.fetches * 8, "{summary}");
    assert_eq!((summary.peers, summary.down_at_end), (300, 20), "{summary}");
    assert!(plan.publishes.iter().all(|publish| publish.peer.0 < 50) && plan.fetches.iter().all(|fetch| fetch.peer.0 >= 50));
}
