//! The first lab, run small: its story holds, and equal seeds tell it in equal words.

use std::path::Path;

use peerglass_lab::scenario::BandwidthSpec;
use peerglass_lab::{Run, Scenario, Summary};
use peerglass_trace::{JsonLines, Off, RunHeader};

fn scenario() -> Scenario {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../labs/first-look.toml");
    Scenario::load(&file).expect("the lab is valid").with_peers(200)
}

fn records(seed: u64) -> (Vec<u8>, Summary) {
    let mut run = Run::new(scenario(), seed, JsonLines::new(Vec::new(), &RunHeader::sim("first look", seed))).expect("the lab can be run");
    run.run(|_| {});
    let summary = run.summary();
    let recorder = run.into_recorder().expect("memory takes all records");
    (recorder.into_inner().expect("memory takes all records"), summary)
}

#[test]
fn every_fetcher_that_lives_gets_the_whole_content_although_a_fifth_of_the_peers_die() {
    let mut run = Run::new(scenario(), 1, Off).expect("the lab can be run");
    run.run(|_| {});
    let summary = run.summary();
    let content = &summary.contents[0];
    assert_eq!((summary.peers, summary.down_at_end, summary.crashes), (200, 40, 40));
    assert_eq!(content.fetchers, 20);
    assert!(content.whole >= 14, "{summary}");
    assert_eq!(content.whole + content.down_at_end, content.fetchers, "nobody gives up: {summary}");
    assert!(content.mean_replicas > 19.0, "{summary}");
    let lookups = summary.lookups.as_ref().expect("there are lookups");
    assert!(lookups.exact > 0.9, "{summary}");
    let lost: u64 = summary.dropped.values().sum();
    let (sent, delivered) = summary.messages.values().fold((0, 0), |(s, d), m| (s + m.sent, d + m.delivered));
    assert_eq!(sent, delivered + lost + run.stats().in_flight, "no message is lost without a cause");
}

#[test]
fn equal_seeds_give_equal_records_and_other_seeds_others() {
    let (first, summary) = records(7);
    let (again, _) = records(7);
    assert!(first == again, "the records of two runs with one seed differ");
    assert!(first.len() > 1 << 20, "there are records to compare");
    let (other, changed) = records(8);
    assert!(first != other);
    assert_ne!(summary, changed);
}

#[test]
fn the_story_is_the_same_where_blocks_share_links_as_flows() {
    let mut scenario = scenario();
    scenario.network.bandwidth = BandwidthSpec::MaxMin;
    let mut run = Run::new(scenario, 1, Off).expect("the lab can be run");
    run.run_on(2, |_| {});
    let summary = run.summary();
    let content = &summary.contents[0];
    assert!(content.whole >= 14 && content.whole + content.down_at_end == content.fetchers, "{summary}");
}
