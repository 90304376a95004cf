use super::*;
use crate::tests::leaf;

const MIB: u32 = 1 << 20;

/// A link to a source of `rate` bytes a second that is kept as busy as its window allows, for `blocks` blocks.
fn busy(rate: u64, latency: Duration, blocks: u32) -> (Link, Time, u32) {
    let config = Config::default();
    let mut now = Time::ZERO;
    let mut link = Link::new(now, &config);
    let mut next = 0;
    let mut late = 0;
    let mut sent = Time::ZERO;
    for _ in 0..blocks {
        while link.is_free() {
            link.ask(leaf(next), now, &config);
            next += 1;
        }
        let first = *link.asks().next().unwrap();
        sent = sent.max(first.at + latency) + span(u64::from(MIB), rate);
        if link.deadline(&config).unwrap() < sent {
            late += 1;
        }
        now = now.max(sent);
        assert!(link.delivered(&first.cid, MIB, now, &config));
    }
    (link, now, late)
}

#[test]
fn a_fast_source_gets_the_whole_window_and_a_slow_one_little() {
    assert_eq!(busy(400 << 20, Duration::from_micros(100), 300).0.window(), 64);
    assert!(busy(1 << 20, Duration::from_millis(20), 100).0.window() <= 3);
}

#[test]
fn the_measured_rate_is_the_rate() {
    let (link, ..) = busy(10 << 20, Duration::from_millis(1), 100);
    let rate = link.pace.rate().unwrap() as f64 / f64::from(10 << 20);
    assert!((0.9..1.1).contains(&rate), "{rate}");
}

#[test]
fn blocks_queued_behind_others_on_a_slow_link_are_not_late() {
    assert_eq!(busy(200 << 10, Duration::from_millis(50), 100).2, 0);
}

#[test]
fn a_source_that_falls_silent_is_late_soon_and_wholly() {
    let config = Config::default();
    let (mut link, now, _) = busy(100 << 20, Duration::from_millis(1), 100);
    link.ask(leaf(1000), now, &config);
    let deadline = link.deadline(&config).unwrap();
    assert!(deadline.since(now) < Duration::from_secs(2), "{:?}", deadline.since(now));
    let (late, silent) = link.late(deadline, &config);
    assert!(silent);
    assert_eq!(late.len(), link.asks().len());
}
