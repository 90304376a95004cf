//! Networks without checksums: bits flip in what is sent, the true codecs see it, and nothing wrong is ever accepted.

use std::path::Path;

use peerglass_lab::{Run, Scenario};
use peerglass_trace::{DropCause, Record, Recorder, What};

fn scenario(corrupt: f64, duration: &str) -> Scenario {
    let text = format!(
        r#"
title = "a link without checksums"
peers = 60
duration = "{duration}"

[network]
corrupt = {corrupt}
up = "20 Mbit/s"
down = "50 Mbit/s"

[join]
within = "10 s"

[[content]]
name = "a file"
size = "12 MiB"
publishers = 4
publish_at = "20 s"
fetchers = 6
fetch_at = "30 s"
fetch_within = "10 s"

[[lookup]]
count = 40
at = "20 s"
within = "20 s"
"#
    );
    Scenario::parse(&text, Path::new("corruption.toml")).expect("the scenario is valid")
}

/// Every peer is up, has accepted nothing wrong, and every message has its fate.
fn is_sound<R: Recorder>(run: &Run<R>) {
    let (simulation, stats, all) = (run.simulation(), run.stats(), run.totals().all());
    for (peer, stack) in simulation.peers() {
        assert!(simulation.alive(peer), "{peer} went down");
        let contacts = stack.kad().table().contacts();
        assert!(contacts.iter().all(|contact| contact.peer.index() < stats.peers), "{peer} counts on a peer that does not exist");
        assert_eq!(simulation.host(peer).expect("every peer has a host").wrong, None, "{peer} accepted a block that is none");
    }
    assert_eq!((stats.crashes, all.sent + stats.duplicated), (0, all.delivered + all.dropped + stats.in_flight));
}

#[test]
fn with_a_twentieth_of_all_messages_damaged_lookups_resolve_and_files_arrive_whole() {
    let mut run = Run::new(scenario(0.05, "200 s"), 1, Vec::<Record>::new()).expect("the scenario can be run");
    run.run(|_| {});
    is_sound(&run);
    let summary = run.summary();
    let content = &summary.contents[0];
    assert_eq!((content.whole, content.fetchers), (6, 6), "{summary}");
    let lookups = summary.lookups.as_ref().expect("there are lookups");
    assert!(lookups.ended == 40 && lookups.exact >= 0.9, "{summary}");
    // Peers that do not exist were heard of, and asked.
    assert!(run.totals().drops(DropCause::NoSuchPeer) > 0 && run.totals().drops(DropCause::Corrupt) > 0, "{summary}");

    // Every damaged message says what became of it, right after it was sent.
    let records = run.into_recorder().expect("memory takes all records");
    let garbled = records.iter().filter_map(|record| match &record.what {
        What::Fault { name: "garbled", detail } => Some((record.cause, detail.as_ref())),
        _ => None,
    });
    let (refused, understood): (Vec<_>, Vec<_>) = garbled.partition(|(_, detail)| detail.starts_with("rejected: "));
    assert!(refused.len() > 50 && understood.len() > 50, "{} refused, {} understood", refused.len(), understood.len());
    assert!(understood.iter().any(|(_, detail)| detail.starts_with("BLOCK ")), "data of blocks was hit");
    for (cause, _) in refused.iter().chain(&understood) {
        assert!(cause.is_some_and(|sent| matches!(records[sent as usize].what, What::Sent { .. })));
    }
}

#[test]
fn with_every_message_damaged_the_run_ends_and_nothing_wrong_is_accepted() {
    for seed in [1, 2] {
        let mut run = Run::new(scenario(1.0, "120 s"), seed, peerglass_trace::Off).expect("the scenario can be run");
        run.run_on(2, |_| {});
        is_sound(&run);
        let summary = run.summary();
        assert_eq!(summary.contents[0].whole, 0, "{summary}");
        let (all, contacts) = (run.totals().all(), summary.mean_contacts);
        assert!(all.delivered > 0 && all.sent < 100_000 && contacts < 60.0, "no storm comes of it: {summary}");
        let held = run.simulation().peers().map(|(_, stack)| {
            let mut held = 0;
            peerglass_core::Protocol::peers(stack, &mut |_| held += 1);
            held
        });
        assert!(held.max() < Some(2_000), "nobody remembers peers without bound");
    }
}
