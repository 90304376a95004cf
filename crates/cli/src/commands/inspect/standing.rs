//! How a running node stands.

use serde_json::Value;

use crate::failure::Failure;
use crate::live::LiveNode;
use crate::output::{Output, count};

/// Shows what the node says of itself, and how to go on.
pub(super) fn show(live: &LiveNode, output: Output) -> Result<(), Failure> {
    let status = &live.status;
    let text = |name: &str| status[name].as_str().unwrap_or("?").to_owned();
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let (messages, records) = (&status["messages"], &status["records"]);
    let lines = [
        format!("peer {} on the network {}, {} of Kademlia, version {}", text("peer"), text("network"), text("mode"), text("version")),
        format!("running for {:.0} s", status["running_for_seconds"].as_f64().unwrap_or_default()),
        format!(
            "connected to {}, {} in the routing table, {} known",
            peers(&status["connected"]),
            number(&status["contacts"]),
            number(&status["known_peers"])
        ),
        connections(&status["connected"]),
        format!(
            "messages: {} sent ({} B), {} received ({} B), {} dropped",
            number(&messages["sent"]),
            number(&messages["bytes_sent"]),
            number(&messages["received"]),
            number(&messages["bytes_received"]),
            number(&messages["dropped"])
        ),
        format!("{} made, {} watching{}", count(number(&records["made"]), "record"), number(&records["watchers"]), failed(&records["error"])),
    ];
    output.result(status, lines.into_iter().filter(|line| !line.is_empty()).collect::<Vec<_>>().join("\n"));
    output.say("its records as they come: --filter FILTER, --limit N, --by WHAT or --as FORMAT; until Ctrl-C");
    Ok(())
}

fn peers(connected: &Value) -> String {
    count(connected.as_array().map_or(0, Vec::len) as u64, "peer")
}

/// Each connection on a line of its own.
fn connections(connected: &Value) -> String {
    let all = connected.as_array().into_iter().flatten().flat_map(|peer| {
        let who = peer["peer"].as_str().unwrap_or("?");
        peer["connections"].as_array().into_iter().flatten().map(move |connection| {
            let direction = if connection["dialled"] == true { "to" } else { "from" };
            format!("  {direction} {who} at {}", connection["address"].as_str().unwrap_or("?"))
        })
    });
    all.collect::<Vec<_>>().join("\n")
}

fn failed(error: &Value) -> String {
    error.as_str().map_or_else(String::new, |why| format!("; recording has ended: {why}"))
}
