//! Captures: a reader of our own checks their form, tshark what it makes of them.

use std::collections::BTreeMap;
use std::process::Command;

use peerglass_core::{Peer, Value};
use peerglass_trace::Row;
use peerglass_trace::export::{DISSECTOR, Options};

use crate::outside::{file, said, skip};
use crate::samples::{bytes, made_up, nasty, row};

/// A packet as a reader finds it.
#[derive(Debug, PartialEq)]
pub(crate) struct Packet {
    interface: String,
    ns: u64,
    /// The whole length, of which less may be captured.
    length: u32,
    items: BTreeMap<u8, Vec<u8>>,
    comment: String,
    flags: u32,
    id: u64,
}

fn le32(bytes: &[u8]) -> u32 {
    u32::from_le_bytes(bytes[..4].try_into().unwrap())
}

fn options(mut bytes: &[u8]) -> BTreeMap<u16, Vec<u8>> {
    let mut found = BTreeMap::new();
    loop {
        let code = u16::from_le_bytes([bytes[0], bytes[1]]);
        let length = usize::from(u16::from_le_bytes([bytes[2], bytes[3]]));
        if code == 0 {
            assert_eq!((length, bytes.len()), (0, 4), "options end with their block");
            return found;
        }
        assert!(found.insert(code, bytes[4..4 + length].to_vec()).is_none());
        assert!(bytes[4 + length..4 + length.next_multiple_of(4)].iter().all(|byte| *byte == 0));
        bytes = &bytes[4 + length.next_multiple_of(4)..];
    }
}

/// The tags of an exported PDU, then the items of a record; items that were cut off are left out.
fn items(data: &[u8]) -> BTreeMap<u8, Vec<u8>> {
    let mut data = data;
    loop {
        let (tag, length) = (u16::from_be_bytes([data[0], data[1]]), usize::from(u16::from_be_bytes([data[2], data[3]])));
        assert!(length % 4 == 0 && (tag != 12 || data[4..4 + length].starts_with(b"peerglass\0")));
        data = &data[4 + length..];
        if tag == 0 {
            break;
        }
    }
    let mut items = BTreeMap::new();
    while data.len() > 5 {
        let length = u32::from_be_bytes(data[1..5].try_into().unwrap()) as usize;
        let Some(value) = data.get(5..5 + length) else { break };
        assert!(length > 0 && items.insert(data[0], value.to_vec()).is_none());
        data = &data[5 + length..];
    }
    items
}

/// Reads a capture: the comment of its section, and its packets.
pub(crate) fn read(mut file: &[u8]) -> (String, Vec<Packet>) {
    let (mut section, mut interfaces, mut packets) = (String::new(), Vec::new(), Vec::new());
    while !file.is_empty() {
        let (kind, length) = (le32(file), le32(&file[4..]) as usize);
        assert!(length % 4 == 0 && le32(&file[length - 4..]) as usize == length);
        let body = &file[8..length - 4];
        match kind {
            0x0a0d_0d0a => {
                assert_eq!((le32(body), &body[4..8], &body[8..16]), (0x1a2b_3c4d, &[1u8, 0, 0, 0][..], &[255u8; 8][..]));
                section = String::from_utf8(options(&body[16..])[&1].clone()).unwrap();
            }
            1 => {
                let options = options(&body[8..]);
                assert_eq!((&body[..4], &options[&9][..]), (&[252u8, 0, 0, 0][..], &[9u8][..]));
                interfaces.push(String::from_utf8(options[&2].clone()).unwrap());
            }
            6 => packets.push(packet(body, &interfaces)),
            _ => panic!("a block of type {kind}"),
        }
        file = &file[length..];
    }
    let mut names = interfaces.clone();
    names.sort();
    names.dedup();
    assert_eq!(names.len(), interfaces.len(), "each peer is one interface");
    (section, packets)
}

fn packet(body: &[u8], interfaces: &[String]) -> Packet {
    let captured = le32(&body[12..]) as usize;
    let options = options(&body[20 + captured.next_multiple_of(4)..]);
    Packet {
        interface: interfaces[le32(body) as usize].clone(),
        ns: u64::from(le32(&body[4..])) << 32 | u64::from(le32(&body[8..])),
        length: le32(&body[16..]),
        items: items(&body[20..20 + captured]),
        comment: String::from_utf8(options[&1].clone()).unwrap(),
        flags: le32(&options[&2]),
        id: u64::from_le_bytes(options[&5][..].try_into().unwrap()),
    }
}

fn capture(rows: &[Row], filter: Option<&str>) -> (String, Vec<Packet>) {
    read(&bytes("pcapng", rows, filter, &Options::default()).unwrap())
}

/// What a packet of `row` should be called: its fate, and the record of that.
fn fate(rows: &[Row], row: &Row) -> (String, Option<u64>) {
    let sent = if row.kind == "sent" { Some(row.seq) } else { None };
    let ends = |end: &&Row| ["received", "dropped"].contains(&&*end.kind);
    let first = rows.iter().filter(ends).find(|end| sent.map_or(end.seq == row.seq, |sent| end.cause == Some(sent)));
    first.map_or(("under way".to_owned(), None), |end| (end.kind.clone(), Some(end.seq)))
}

#[test]
fn a_message_is_a_packet_at_both_ends_with_one_id_and_its_fate() {
    for rows in [made_up(1, 6, 600), nasty(1, 6, 600)] {
        let (section, packets) = capture(&rows, None);
        assert!(section.contains("seed: 42\n") && section.contains("scenario_hash: 00ff"), "{section}");
        let wanted: Vec<&Row> = rows.iter().filter(|row| ["sent", "received"].contains(&&*row.kind)).collect();
        assert_eq!(packets.len(), wanted.len());
        for (packet, row) in packets.iter().zip(wanted) {
            assert_eq!((&packet.interface, packet.ns), (&format!("p{}", row.peer.0), row.time.as_nanos()));
            assert_eq!((packet.id, packet.flags), if row.kind == "sent" { (row.seq, 2) } else { (row.cause.unwrap(), 1) });
            let (fate, end) = fate(&rows, row);
            assert!(packet.comment.starts_with(&format!("record {}, ", row.seq)) && packet.comment.contains(&fate), "{packet:?}");
            assert!(!packet.comment.contains(char::is_control));
            let item = |kind: u8| packet.items.get(&kind).map(|value| String::from_utf8_lossy(value).into_owned());
            assert_eq!((item(7), item(9)), (row.name.clone().filter(|name| !name.is_empty()), Some(fate.clone())));
            assert_eq!(packet.items.get(&10).map(|value| u64::from_be_bytes(value[..].try_into().unwrap())), end);
            // They come with the message at both ends, but not with its copies.
            let fields = item(13).map(|text| serde_json::from_str::<serde_json::Value>(&text));
            assert!(matches!(fields, Some(Ok(_))) || fields.is_none() && row.fields.is_empty() && fate == "received", "{fields:?}");
        }
    }
}

#[test]
fn a_filter_that_one_end_passes_shows_the_message_at_both() {
    let rows = made_up(2, 6, 600);
    let (section, packets) = capture(&rows, Some("kind == received && peer == p2"));
    assert!(section.contains("filter: kind == received && peer == p2"), "{section}");
    let arrived = rows.iter().filter(|row| row.kind == "received" && row.peer == Peer(2)).count();
    assert_eq!(packets.iter().filter(|packet| packet.flags == 1 && packet.interface == "p2").count(), arrived);
    assert!(packets.iter().filter(|packet| packet.flags == 2).count() > arrived / 2);
    assert!(capture(&rows, Some("kind == dropped")).1.iter().all(|packet| packet.flags == 2 && packet.comment.contains("dropped as record ")));
}

/// A message of `size` bytes of text, and many others behind it that arrive nowhere.
fn long_and_many(size: usize, many: u64) -> Vec<Row> {
    let message = |seq, kind: &str, cause| Row { other: Some(Peer(1)), ..row(seq, seq, 0, cause, kind) };
    let mut rows = vec![message(0, "sent", None)];
    rows[0].fields.push(("text".to_owned(), Value::Text("x".repeat(size))));
    rows.extend((1..=many).map(|seq| message(seq, "sent", None)));
    rows.push(message(many + 1, "dropped", Some(0)));
    rows
}

#[test]
fn a_message_longer_than_wireshark_takes_is_captured_in_part() {
    let (_, packets) = capture(&long_and_many(1 << 20, 0), None);
    assert!(packets[0].length > 1 << 20 && packets[0].items.contains_key(&9) && !packets[0].items.contains_key(&13));
}

#[test]
fn a_message_that_is_under_way_for_very_long_holds_nothing_up_for_ever() {
    let (_, packets) = capture(&long_and_many(1, 70_000), None);
    assert_eq!((packets.len(), &packets[0].comment[..]), (70_001, "record 0, unknown"));
    assert_eq!(packets[70_000].comment, "record 70000, under way");
}

/// What tshark finds in `capture`, by packet; `None` where there is no tshark.
fn tshark(name: &str, capture: &[u8], arguments: &[&str]) -> Option<Vec<Vec<String>>> {
    let (capture, script) = (file(&format!("{name}.pcapng"), capture), file(&format!("{name}.lua"), DISSECTOR.as_bytes()));
    let mut command = Command::new("tshark");
    command.arg("-X").arg(format!("lua_script:{}", script.display())).arg("-r").arg(capture).args(arguments);
    let text = said(&mut command)?;
    Some(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
}

const FIELDS: [&str; 12] = [
    "frame.time_epoch",
    "frame.interface_name",
    "frame.packet_id",
    "frame.comment",
    "peerglass.seq",
    "peerglass.peer",
    "peerglass.other",
    "peerglass.cause",
    "peerglass.protocol",
    "peerglass.type",
    "peerglass.size",
    "peerglass.fate",
];

#[test]
fn tshark_reads_with_our_dissector_what_the_records_say() {
    let rows = made_up(3, 20, 2_000);
    let capture = bytes("pcapng", &rows, None, &Options::default()).unwrap();
    let mut arguments = vec!["-T", "fields"];
    FIELDS.iter().for_each(|field| arguments.extend(["-e", field]));
    let Some(found) = tshark("read", &capture, &arguments) else {
        return skip("tshark_reads_with_our_dissector_what_the_records_say", "tshark is not installed; on Debian: apt-get install tshark");
    };
    let (_, packets) = read(&capture);
    let wanted = rows.iter().filter(|row| ["sent", "received"].contains(&&*row.kind)).zip(packets).map(|(row, packet)| {
        let ns = row.time.as_nanos();
        let time = format!("{}.{:09}", ns / 1_000_000_000, ns % 1_000_000_000);
        let (peer, other) = (row.peer.0.to_string(), row.other.unwrap().0.to_string());
        let cause = row.cause.map(|cause| cause.to_string()).unwrap_or_default();
        let size = row.bytes.unwrap().to_string();
        let fate = fate(&rows, row).0;
        [
            time,
            packet.interface,
            packet.id.to_string(),
            packet.comment,
            row.seq.to_string(),
            peer,
            other,
            cause,
            "kad".to_owned(),
            "FIND_NODE".to_owned(),
            size,
            fate,
        ]
    });
    let wanted: Vec<Vec<String>> = wanted.map(Vec::from).collect();
    assert!(wanted.len() > 500);
    assert_eq!(found, wanted);
    assert_eq!(tshark("read", &capture, &["-Y", "_ws.malformed || peerglass.malformed"]), Some(Vec::new()));
    let lost = rows.iter().filter(|row| row.kind == "dropped").count();
    assert_eq!(tshark("read", &capture, &["-Y", r#"peerglass.fate == "dropped" && peerglass.fields"#]).map(|found| found.len()), Some(lost));
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// The id, key and address of the published frames below.
const ID: &str = "0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d";
const KEY: &str = "1220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe";
const ADDRESS: &str = "04c0000201060fa1";
const CID: &str = "01551220a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447";

#[test]
fn tshark_shows_which_bytes_of_the_wire_are_which_field() {
    let frames = [
        ("kad", format!("5a08021222{KEY}4a320a26{ID}1208{ADDRESS}")),
        ("transfer", format!("300a2e0a2c0a24{CID}100120012801")),
        // The data of a block is not kept: the frame is cut, which is no fault.
        ("transfer", "9880041a948004".to_owned() + "0a04015512201288800468656c6c6f"),
        ("kad", "ff08".to_owned()),
    ];
    let rows: Vec<Row> = (0..)
        .zip(&frames)
        .map(|(seq, (protocol, frame))| Row {
            other: Some(Peer(1)),
            protocol: Some((*protocol).to_owned()),
            wire: Some(unhex(frame)),
            ..row(seq, seq, 0, None, "sent")
        })
        .collect();
    let capture = bytes("pcapng", &rows, None, &Options::default()).unwrap();
    let fields = [
        "wire",
        "kad.type",
        "kad.key",
        "kad.id",
        "kad.address",
        "transfer.cid",
        "transfer.priority",
        "transfer.want_type",
        "transfer.send_dont_have",
        "transfer.data",
    ];
    let fields = fields.map(|field| format!("peerglass.{field}"));
    let arguments: Vec<&str> = ["-T", "fields"].into_iter().chain(fields.iter().flat_map(|field| ["-e", field])).collect();
    let Some(found) = tshark("wire", &capture, &arguments) else {
        return skip("tshark_shows_which_bytes_of_the_wire_are_which_field", "tshark is not installed; on Debian: apt-get install tshark");
    };
    let wanted = [
        [&frames[0].1, "2", KEY, ID, ADDRESS, "", "", "", "", ""],
        [&frames[1].1, "", "", "", "", CID, "1", "1", "1", ""],
        [&frames[2].1, "", "", "", "", "", "", "", "", "68656c6c6f"],
        [&frames[3].1, "", "", "", "", "", "", "", "", ""],
    ];
    assert_eq!(found, wanted.map(|row| row.map(str::to_owned).to_vec()).to_vec());
    assert_eq!(tshark("wire", &capture, &["-Y", "_ws.malformed || peerglass.malformed || _ws.lua.error"]), Some(Vec::new()));
}

#[test]
fn tshark_takes_hostile_texts_and_messages_that_were_cut() {
    for (name, rows) in [("nasty", nasty(4, 6, 600)), ("long", long_and_many(1 << 20, 3))] {
        let capture = bytes("pcapng", &rows, None, &Options::default()).unwrap();
        let Some(bad) = tshark(name, &capture, &["-Y", "_ws.malformed || peerglass.malformed"]) else {
            return skip("tshark_takes_hostile_texts_and_messages_that_were_cut", "tshark is not installed; on Debian: apt-get install tshark");
        };
        assert_eq!(bad, Vec::<Vec<String>>::new(), "{name}");
        let seen = tshark(name, &capture, &["-T", "fields", "-e", "peerglass.seq"]).unwrap();
        let wanted = rows.iter().filter(|row| ["sent", "received"].contains(&&*row.kind)).map(|row| vec![row.seq.to_string()]);
        assert_eq!(seen, wanted.collect::<Vec<_>>(), "{name}");
    }
}
