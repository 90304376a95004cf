//! Both worlds side by side.

use std::collections::BTreeSet;

use peerglass_lab::Summary;
use peerglass_lab::units::Size;

use crate::commands::demo::real;

/// The table that the demo ends with.
pub(crate) fn side_by_side(real: &real::Summary, simulated: &Summary) -> String {
    let content = simulated.contents.first();
    let fetches = content.map_or_else(String::new, |c| format!("{} of {} ({} down)", c.whole, c.fetchers, c.down_at_end));
    let took = content.and_then(|c| c.seconds).map_or_else(|| "-".to_owned(), |s| format!("{:.2} s median, virtual", s.p50));
    let hops = simulated.lookups.as_ref().map_or_else(|| "-".to_owned(), |l| format!("{:.2} mean, {:.0} most", l.hops.mean, l.hops.max));
    let sum = |messages: &std::collections::BTreeMap<String, peerglass_lab::summary::MessageSummary>| messages.values().map(|m| m.bytes).sum::<u64>();
    let lost: u64 = simulated.dropped.values().sum();
    let mut rows = vec![
        row("", "real", "simulated"),
        row("peers", &real.nodes.to_string(), &format!("{} ({} down)", simulated.peers, simulated.down_at_end)),
        row("file", &Size(real.bytes).to_string(), &content.map_or_else(String::new, |c| Size(c.bytes).to_string())),
        row("CID", &middle(&real.cid), &content.map_or_else(String::new, |c| middle(&c.cid))),
        row(
            "sharers found or told",
            &format!("{} found", real.providers_found),
            &content.map_or_else(String::new, |c| format!("{:.1} told by each", c.mean_replicas)),
        ),
        row("whole fetches", if real.verified { "1 of 1, identical" } else { "0 of 1" }, &fetches),
        row("time of a fetch", &format!("{:.2} s", real.fetch_seconds), &took),
        row("hops of a lookup", &real.lookup_hops.to_string(), &hops),
        row("bytes sent", &Size(sum(&real.messages)).to_string(), &Size(sum(&simulated.messages)).to_string()),
        row("messages lost", "0", &lost.to_string()),
    ];
    let names: BTreeSet<&String> = real.messages.keys().chain(simulated.messages.keys()).collect();
    let sent =
        |messages: &std::collections::BTreeMap<String, peerglass_lab::summary::MessageSummary>, name: &str| messages.get(name).map_or(0, |m| m.sent);
    rows.extend(names.into_iter().map(|name| row(name, &sent(&real.messages, name).to_string(), &sent(&simulated.messages, name).to_string())));
    let causes: Vec<String> = simulated.dropped.iter().map(|(cause, count)| format!("{count} {cause}")).collect();
    rows.push(format!("what the crashes and the network cost: {}", if causes.is_empty() { "nothing".to_owned() } else { causes.join(", ") }));
    rows.join("\n") + "\n"
}

fn row(what: &str, real: &str, simulated: &str) -> String {
    format!("{what:<22} {real:>22} {simulated:>28}")
}

/// A CID that fits a column: its beginning and end.
fn middle(cid: &str) -> String {
    if cid.len() <= 20 { cid.to_owned() } else { format!("{}…{}", &cid[..9], &cid[cid.len() - 9..]) }
}
