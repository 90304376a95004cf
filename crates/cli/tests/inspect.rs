//! Recorded runs, looked at as a user does.

mod support;

use support::{ALONE, Home, field};

const SCENARIO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../labs/first-look.toml");

/// A home with a recorded run in it.
fn recorded() -> Home {
    let home = Home::new();
    home.run(&["sim", SCENARIO, "--peers", "60", "--out", "run"]).fine();
    home
}

#[test]
fn a_run_is_overviewed_filtered_counted_and_traced() {
    let home = recorded();
    let overview = home.run(&["inspect", "run", "--json"]).fine().json();
    assert_eq!((&overview["source"], &overview["finished"]), (&"sim".into(), &true.into()));
    let finds = &overview["types"]["groups"]["kad FIND_NODE"];
    let sent = finds["sent"].as_u64().unwrap();
    assert!(sent > 100 && sent >= finds["received"].as_u64().unwrap() + finds["dropped"].as_u64().unwrap(), "{finds}");
    let text = home.run(&["inspect", "run"]).fine().out;
    assert!(text.starts_with("run: ") && text.contains("kad FIND_NODE"), "{text}");

    let lines = home.run(&["inspect", "run", "--filter", "type == FIND_NODE && kind == sent && peer == 7", "--limit", "3"]).fine().out;
    assert_eq!(lines.lines().count(), 3, "{lines}");
    assert!(lines.lines().all(|line| line.contains(" p7 → ") && line.contains("FIND_NODE")), "{lines}");

    let counted = home.run(&["inspect", "run", "--by", "kind", "--filter", "type == FIND_NODE", "--json"]).fine().json();
    assert_eq!(counted["groups"]["sent"]["sent"].as_u64(), Some(sent));

    let list = home.run(&["trace", "run", "p7", "--json"]).fine().json();
    let operations = list["operations"].as_array().unwrap();
    let join = operations.iter().find(|operation| operation["operation"] == "kad#1").expect("every peer joins");
    let walk = home.run(&["trace", "run", "p7:kad#1"]).fine().out;
    assert!(walk.starts_with("p7 kad#1, from ") && walk.contains("begin") && walk.contains("done") && walk.contains("answered after"), "{walk}");
    assert!(join["steps"].as_u64().unwrap() >= 3, "{join}");
}

#[test]
fn the_topology_is_shown_at_any_time_and_written_for_other_tools() {
    let home = recorded();
    let end = home.run(&["topology", "run", "--json"]).fine().json();
    assert_eq!(end["contacts"]["components"], 1, "{end}");
    assert!(end["contacts"]["completeness"].as_f64().unwrap() > 0.5 && end["down"].as_u64() > Some(0), "{end}");
    let early = home.run(&["topology", "run", "--at", "1 s", "--json"]).fine().json();
    assert!(early["contacts"]["links"].as_u64() < end["contacts"]["links"].as_u64() && early["t_ns"].as_u64() <= Some(1_000_000_000), "{early}");
    let text = home.run(&["topology", "run"]).fine().out;
    assert!(text.contains("peers up") && text.contains("% of what ideal ones"), "{text}");
    let json = home.run(&["topology", "run", "--as", "json"]).fine().json();
    // Links to peers that are down are drawn, and are none of the graph of those that are up.
    let nodes = json["nodes"].as_array().unwrap().iter();
    let down: Vec<&serde_json::Value> = nodes.filter(|node| node["up"] == false).map(|node| &node["id"]).collect();
    let contacts = json["edges"].as_array().unwrap().iter().filter(|edge| edge["key"] == "contact");
    let up = contacts.filter(|edge| !down.contains(&&edge["target"])).count();
    assert_eq!(Some(up as u64), end["contacts"]["links"].as_u64());
    home.run(&["topology", "run", "--as", "gexf", "-o", "run.gexf"]).fine();
    assert!(String::from_utf8(home.read("run.gexf")).unwrap().contains("<spell start="));
}

#[test]
fn the_bytes_of_a_message_are_shown_field_by_field() {
    let home = Home::new();
    home.run(&["sim", SCENARIO, "--peers", "60", "--out", "run", "--capture", "wire"]).fine();
    let first = |filter: &str| home.run(&["inspect", "run", "--filter", filter, "--limit", "1", "--as", "jsonl"]).fine().out;
    let record = |filter: &str| serde_json::from_str::<serde_json::Value>(first(filter).lines().nth(1).unwrap()).unwrap();
    let nodes = record("type == NODES && kind == received");
    let seq = nodes["seq"].to_string();
    let text = home.run(&["inspect", "run", "--packet", &seq]).fine().out;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("0001 08 04 type FIND_NODE (4) 0003 42 ") && words.contains(" address /ip4/0.0.0."), "{text}");
    let parts = home.run(&["inspect", "run", "--packet", &seq, "--json"]).fine().json();
    let parts = parts.as_array().unwrap();
    // The peers that the record names, in its order.
    let sent = record(&format!("seq == {}", nodes["cause"]));
    let closer = sent["fields"]["closer"]["peers"].as_array().unwrap().iter().map(|peer| format!("the made-up id of p{peer}"));
    let ids = parts.iter().filter(|part| part["name"] == "id").map(|part| part["value"].as_str().unwrap().to_owned());
    assert!(closer.eq(ids), "{text}");
    // All bytes one after the other are what was recorded, as long as was charged.
    let bytes: String = parts.iter().map(|part| part["bytes"].as_str().unwrap()).collect();
    assert_eq!((&bytes, Some(bytes.len() as u64)), (&sent["wire"].as_str().unwrap().to_owned(), sent["bytes"].as_u64().map(|bytes| 2 * bytes)));

    let timer = record("kind == timer")["seq"].to_string();
    home.run(&["inspect", "run", "--packet", &timer]).fails(3, &["`timer`", "only messages"]);
    home.run(&["inspect", "run", "--packet", "99999999"]).fails(3, &["there is none"]);
    let plain = recorded();
    let sent = plain.run(&["inspect", "run", "--filter", "kind == sent", "--limit", "1", "--json"]).fine().out;
    let seq = serde_json::from_str::<serde_json::Value>(sent.lines().nth(1).unwrap()).unwrap()["seq"].to_string();
    plain.run(&["inspect", "run", "--packet", &seq]).fails(3, &["--capture wire"]);
}

#[test]
fn a_recorded_run_can_be_made_again_from_its_directory_alone() {
    let home = Home::new();
    home.run(&["sim", SCENARIO, "--peers", "40", "--seed", "9", "--out", "run"]).fine();
    home.run(&["sim", "run/scenario.toml", "--out", "deep/er/again"]).fine();
    assert_eq!(home.run(&["diff", "run", "deep/er/again", "--json"]).fine().json()["same"], true);
    assert_eq!(home.read("run/records/000000.parquet").len(), home.read("deep/er/again/records/000000.parquet").len());
}

#[test]
fn records_go_out_in_the_formats_of_other_programs() {
    let home = recorded();
    let filter = ["--filter", "peer == 3 && time < 3s"];
    let lines = home.run(&[&["inspect", "run", "--as", "jsonl"][..], &filter].concat()).fine().out;
    let records = lines.lines().count() - 1;
    assert!(records > 10 && lines.lines().all(|line| serde_json::from_str::<serde_json::Value>(line).is_ok()), "{lines}");
    // What is written as JSON Lines is a run again.
    home.run(&[&["inspect", "run", "--as", "jsonl", "-o", "part.jsonl"][..], &filter].concat()).fine();
    let part = home.run(&["inspect", "part.jsonl", "--json"]).fine().json();
    assert_eq!(part["records"].as_u64(), Some(records as u64));
    for (format, file) in
        [("mermaid", "chart.mmd"), ("pcapng", "run.pcapng"), ("csv", "run.csv"), ("chrome", "run.json"), ("vega:alive", "alive.vl.json")]
    {
        home.run(&[&["inspect", "run", "--as", format, "-o", file][..], &filter].concat()).fine();
        assert!(!home.read(file).is_empty(), "{format}");
    }
    assert!(home.has("peerglass.lua") && home.has("run.csv.about.json"), "what Wireshark needs, and where the table comes from");
    home.run(&["inspect", "run", "--as", "mermaid", "-o", "long.mmd"]).fails(1, &["50000", "mermaid:parts"]);
    home.run(&["inspect", "run", "--as", "png"]).fails(2, &["mermaid", "pcapng"]);
}

#[test]
fn causes_round_trips_and_differences_are_told() {
    let home = recorded();
    let why = home.run(&["inspect", "run", "--why", "2000"]).fine().out;
    let lines: Vec<&str> = why.lines().collect();
    assert!(
        lines.len() > 1 && lines[lines.len() - 1].starts_with("#2000 ") && !lines[0].contains("  (#"),
        "it begins with what nothing led to: {why}"
    );
    let first = lines[0].trim_start_matches('#').split(' ').next().unwrap();
    let after = home.run(&["inspect", "run", "--follow", first, "--limit", "5"]).fine();
    assert!(after.out.starts_with(&format!("#{first} ")) && after.out.lines().count() == 5 && after.err.contains("more than 5"), "{after:?}");
    home.run(&["inspect", "run", "--why", "999999999"]).fails(3, &["999999999"]);
    // An operation is followed from what began it: a join from the command to join, on to what other peers did for it.
    let join = home.run(&["inspect", "run", "--follow", "p7:kad#1", "--limit", "40"]).fine().out;
    assert!(
        join.lines().next().unwrap().contains(" command ") && join.contains(" kad#1 begin") && join.contains(" p7  ") && join.contains(" ← p7"),
        "{join}"
    );
    home.run(&["inspect", "run", "--follow", "p7"]).fails(3, &["several"]);
    home.run(&["inspect", "run", "--follow", "seven"]).fails(2, &["p12:kad#7", "number of a record"]);
    let early = home.run(&["inspect", "run", "--at", "2 s", "--json"]).fine().json();
    assert!(early["last_ns"].as_u64() <= Some(2_000_000_000) && early["records"].as_u64() > Some(100), "{early}");
    let early = home.run(&["inspect", "run", "--at", "2 s", "--by", "kind", "--filter", "kind == sent || kind == step", "--json"]).fine().json();
    assert_eq!(early["groups"].as_object().unwrap().len(), 2, "{early}");

    let trips = home.run(&["inspect", "run", "--round-trips", "--json"]).fine().json();
    let finds = trips["types"].as_array().unwrap().iter().find(|of| of["name"] == "kad FIND_NODE").expect("there are lookups");
    assert!(finds["answered"].as_u64() > Some(100) && finds["round_trip_ns"][0].as_u64() > Some(10_000_000), "{finds}");
    let odd = home.run(&["inspect", "run", "--odd", "--json"]).fine().json();
    assert_eq!(odd["damaged"], false, "{odd}");

    home.run(&["sim", SCENARIO, "--peers", "60", "--out", "again"]).fine();
    home.run(&["sim", SCENARIO, "--peers", "60", "--seed", "77", "--out", "other"]).fine();
    assert_eq!(home.run(&["diff", "run", "again", "--json"]).fine().json()["same"], true);
    let other = home.run(&["diff", "run", "other", "--json"]).fine().json();
    assert!(other["same"] == false && !other["changes"].as_array().unwrap().is_empty(), "{other}");
    assert!(home.run(&["diff", "run", "other"]).fine().out.contains("then the runs part"));
}

#[test]
fn runs_of_two_real_nodes_become_one_and_their_clocks_agree() {
    let (here, there) = (Home::new(), Home::new());
    here.file("file", 3 << 20);
    let (sharer, shared) = here.share(&["file", "--record", "run", "--capture", "wire"]);
    let ticket = field(&shared, "ticket");
    there.run(&[&["get", ticket, "-o", "copy", "--record", "run", "--capture", "wire"], &ALONE[..]].concat()).fine();
    sharer.interrupt().fine();
    let (a, b) = (here.path("run"), there.path("run"));
    let merged = there.run(&["merge", a.to_str().unwrap(), b.to_str().unwrap(), "-o", "all.jsonl", "--json"]).fine().json();
    assert!(merged["matched"].as_u64() > Some(5) && merged["peers"].as_array().unwrap().len() >= 2, "{merged}");
    // Both ran on this machine, by one clock. The one that the other is compared with has no bound.
    let clocks = merged["clocks"].as_array().unwrap();
    let differences: Vec<(i64, u64)> =
        clocks.iter().filter_map(|clock| Some((clock["ahead_ns"].as_i64().unwrap(), clock["bound_ns"].as_u64()?))).collect();
    assert_eq!((clocks.len(), differences.len()), (2, 1), "they talked in both directions: {merged}");
    assert!(differences.iter().all(|(ahead, bound)| ahead.unsigned_abs() <= bound + 1), "{merged}");
    // The receipt of a block leads back to the other node's sending, and on to what made it send.
    let received = there.run(&["inspect", "all.jsonl", "--json", "--filter", "kind == received && type == BLOCK", "--limit", "1"]).fine().out;
    let record: serde_json::Value = serde_json::from_str(received.lines().nth(1).expect("a block arrived")).unwrap();
    let why = there.run(&["inspect", "all.jsonl", "--why", &record["seq"].to_string()]).fine().out;
    assert!(why.lines().rev().nth(1).is_some_and(|line| line.contains(" sent ") && line.contains("BLOCK")), "{why}");
    assert!(why.lines().any(|line| line.contains("received  WANT")), "who serves a block knows what for: {why}");

    // The bytes are those of the wire: what one wrote, the other read.
    let all = String::from_utf8(there.read("all.jsonl")).unwrap();
    let rows: Vec<serde_json::Value> = all.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect();
    let sent_as = |row: &serde_json::Value| rows.get(row["cause"].as_u64()? as usize).filter(|sent| sent["kind"] == "sent").cloned();
    let pairs: Vec<_> = rows.iter().filter(|row| row["kind"] == "received").filter_map(|row| Some((sent_as(row)?, row))).collect();
    assert!(pairs.len() > 5 && pairs.iter().all(|(sent, row)| sent["seq"] == row["cause"]), "{}", pairs.len());
    for (sent, received) in &pairs {
        assert_eq!((&sent["wire"], &sent["bytes"]), (&received["wire"], &received["bytes"]), "{sent} {received}");
    }
    let block = pairs.iter().find(|(sent, _)| sent["name"] == "BLOCK").expect("a block was sent").1;
    let packet = there.run(&["inspect", "all.jsonl", "--packet", &block["seq"].to_string()]).fine().out;
    assert!(packet.contains("payload") && packet.contains("prefix") && packet.contains("not recorded"), "{packet}");
}

#[test]
fn a_filter_with_a_mistake_shows_where_and_what_is_allowed() {
    let home = recorded();
    let ended = home.run(&["inspect", "run", "--filter", "proto == kad && tpye == FIND_NODE"]);
    ended.fails(2, &["tpye", "^^^^", "type"]);
}

#[test]
fn what_is_no_run_is_told_apart() {
    let home = Home::new();
    home.run(&["inspect", "nothing"]).fails(2, &["nothing", "is not a run"]);
    home.file("text", 100);
    home.run(&["inspect", "text"]).fails(2, &["JSON Lines"]);
    home.run(&["inspect", ".", "--by", "colour"]).fails(2, &["colour", "pair"]);
    let home = recorded();
    home.run(&["trace", "run", "p7:kad#999999"]).fails(3, &["peerglass trace RUN"]);
    home.run(&["trace", "run", "seven"]).fails(2, &["p12:kad#7"]);
}
