use std::collections::BTreeMap;

use peerglass_core::layout::{Holding, Name as Label, Part, parts};
use peerglass_core::wire::{Directory, put_frame, take_frame};
use peerglass_core::{Key, Peer};
use proptest::prelude::*;

use super::super::*;
use super::MAX_SENT;
use crate::message::{Message, Record, Request, Response};
use crate::{Name, Target};

fn hex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap()).collect()
}

const PEER: &str = "0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d";
const CONTENT: &str = "1220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe";
const ADDRESS: &str = "04c0000201060fa1";

/// An address book for tests: ids by handle, in the order met.
#[derive(Default)]
struct Book {
    rows: Vec<(Vec<u8>, Vec<Vec<u8>>)>,
    handles: BTreeMap<Vec<u8>, Peer>,
}

impl Book {
    fn with(peers: &[(&[u8], &[Vec<u8>])]) -> Book {
        let mut book = Book::default();
        for (id, addresses) in peers {
            let addresses: Vec<&[u8]> = addresses.iter().map(Vec::as_slice).collect();
            book.intern(id, &addresses);
        }
        book
    }
}

impl Directory for Book {
    fn intern(&mut self, id: &[u8], addresses: &[&[u8]]) -> Option<Peer> {
        if id.len() < 2 {
            return None;
        }
        let peer = *self.handles.entry(id.to_vec()).or_insert(Peer(self.rows.len() as u32));
        if peer.index() == self.rows.len() {
            self.rows.push((id.to_vec(), Vec::new()));
        }
        self.rows[peer.index()].1.extend(addresses.iter().map(|a| a.to_vec()));
        Some(peer)
    }
    fn id(&self, peer: Peer) -> &[u8] {
        self.rows.get(peer.index()).map_or(&[], |row| &row.0)
    }
    fn addresses(&self, peer: Peer) -> Vec<Vec<u8>> {
        self.rows.get(peer.index()).map_or(Vec::new(), |row| row.1.clone())
    }
}

fn frame(message: &WireMessage) -> Vec<u8> {
    let (mut body, mut out) = (Vec::new(), Vec::new());
    message.encode(&mut body);
    assert_eq!(body.len(), message.encoded_len());
    put_frame(&mut out, &body);
    out
}

fn name(text: &str) -> Name {
    Name::new(&hex(text)).unwrap()
}

fn request(request: Request) -> Message {
    Message::Request { id: 1, request }
}

/// The golden frames of `reference/libp2p-kad.md`, section 3, with the message each stands for.
fn golden() -> Vec<(&'static str, Message)> {
    let pk = hex(&format!("2f706b2f{PEER}"));
    let record = Record { key: Name::new(&pk).unwrap(), value: hex(&PEER[4..]).into() };
    vec![
        (
            "2a080412260024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d",
            request(Request::FindNode { target: Target::Peer(Peer(0)) }),
        ),
        ("26080312221220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe", request(Request::GetProviders { key: name(CONTENT) })),
        (
            "5a080212221220e536c7f88d731f374dccb568aff6f56e838a19382e488039b1ca8ad2599e82fe4a320a260024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d120804c0000201060fa1",
            request(Request::AddProvider { key: name(CONTENT), provider: Peer(0) }),
        ),
        (
            "8001122a2f706b2f0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d1a520a2a2f706b2f0024080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d1224080112209e3b433cbd31c2b8a6ebbdca998bd0f4c2141c9c9af5422e976051b1e63af14d",
            request(Request::PutValue { record: Box::new(record) }),
        ),
    ]
}

fn vector_book() -> Book {
    Book::with(&[(&hex(PEER), &[hex(ADDRESS)])])
}

#[test]
fn the_golden_frames_are_written_byte_for_byte() {
    let book = vector_book();
    for (golden, message) in golden() {
        assert_eq!(frame(&to_wire(&message, &book).unwrap()), hex(golden), "{message:?}");
        assert_eq!(wire_len(&message), golden.len() / 2, "the simulator charges what the wire takes");
    }
}

#[test]
fn the_golden_frames_are_understood() {
    for (golden, message) in golden() {
        let (mut book, bytes) = (vector_book(), hex(golden));
        let body = take_frame(&mut &bytes[..], MAX_FRAME).unwrap();
        let understood = request_from_wire(WireMessage::decode(body).unwrap(), Peer(0), 1, &mut book).unwrap();
        // A target comes as a name: whether it is a peer id is nobody's business.
        let expected = match message {
            Message::Request { request: Request::FindNode { .. }, .. } => request(Request::FindNode { target: Target::Name(name(PEER)) }),
            other => other,
        };
        assert_eq!(understood, expected);
    }
}

#[test]
fn the_name_of_a_peer_id_sits_where_the_published_vector_says() {
    let key: [u8; 32] = hex("e43d28f0996557c0d5571d75c62a57a59d7ac1d30a51ecedcdb9d5e4afa56100").try_into().unwrap();
    assert_eq!(name(PEER).key(), Key::from_bytes(key));
}

#[test]
fn an_empty_message_is_a_put_value_without_key() {
    let message = WireMessage::decode(&[]).unwrap();
    assert_eq!(message.kind, Kind::PutValue);
    assert_eq!(request_from_wire(message, Peer(0), 1, &mut Book::default()), Err(TranslateError::Key(0)));
}

#[test]
fn hints_stamps_levels_and_unknown_fields_are_skipped() {
    // type FIND_NODE, clusterLevelRaw 1, an unknown varint and bytes field, a record with author, signature, stamp, publisher and ttl.
    let record = [&hex("0a016b")[..], &hex("120176"), &hex("1a0161"), &hex("220162"), &hex("2a0163"), &hex("d22901ff"), &hex("883007")].concat();
    let peer = [&hex("0a021234")[..], &hex("1802"), &hex("12020102")].concat();
    let mut bytes = hex("08045001600142");
    bytes.push(peer.len() as u8);
    bytes.extend(&peer);
    bytes.extend([0x1a, record.len() as u8]);
    bytes.extend(&record);
    bytes.extend(hex("6a0100"));
    let message = WireMessage::decode(&bytes).unwrap();
    assert_eq!(message.record, Some(WireRecord { key: b"k".to_vec(), value: b"v".to_vec() }));
    assert_eq!(message.closer, [WirePeer { id: hex("1234"), addresses: vec![hex("0102")] }]);
}

#[test]
fn unknown_types_and_wrong_field_types_are_errors() {
    for bytes in ["0806", "0a01ff", "1001", "12ff", "1a020a05"] {
        assert!(WireMessage::decode(&hex(bytes)).is_err(), "{bytes}");
    }
}

#[test]
fn closer_peers_and_addresses_are_cut_to_their_bounds() {
    let long = WirePeer { id: vec![0, 1], addresses: vec![vec![7; 3000]; 5] };
    let message = WireMessage { kind: Kind::FindNode, closer: vec![long; 60], providers: vec![WirePeer::default(); 2000], ..WireMessage::default() };
    let mut bytes = Vec::new();
    message.encode(&mut bytes);
    let read = WireMessage::decode(&bytes).unwrap();
    assert_eq!((read.closer.len(), read.providers.len()), (MAX_CLOSER, MAX_PROVIDERS));
    assert_eq!(read.closer[0].addresses.len(), 2, "6,000 of 8,192 bytes, then the rest is cut");
}

#[test]
fn what_is_sent_is_trimmed_to_16_kib_and_keeps_an_address_of_each_peer() {
    let peers: Vec<Vec<u8>> = (0..20u8).map(|i| [&[0, 36, i][..], &[9; 35]].concat()).collect();
    let addresses = vec![vec![4; 100]; 30];
    let rows: Vec<(&[u8], &[Vec<u8>])> = peers.iter().map(|id| (&id[..], &addresses[..])).collect();
    let book = Book::with(&rows);
    let message = Message::Response { id: 1, response: Response::Nodes { closer: (0..20).map(Peer).collect() } };
    let wire = to_wire(&message, &book).unwrap();
    let length = frame(&wire).len();
    assert!(length <= MAX_SENT && length > MAX_SENT / 2, "{length} bytes");
    assert!(wire.closer.len() == 20 && wire.closer.iter().all(|peer| !peer.addresses.is_empty()));
}

#[test]
fn peers_without_addresses_are_not_told() {
    let book = Book::with(&[(b"\0\x01a", &[]), (b"\0\x01b", &[hex(ADDRESS)])]);
    let message = Message::Response { id: 1, response: Response::Nodes { closer: vec![Peer(0), Peer(1), Peer(77)] } };
    assert_eq!(to_wire(&message, &book).unwrap().closer.len(), 1);
}

#[test]
fn a_provider_must_be_the_sender_and_have_an_address() {
    let add = |providers: Vec<WirePeer>| WireMessage { kind: Kind::AddProvider, key: hex(CONTENT), providers, ..WireMessage::default() };
    let peer = |id: &str, addresses: Vec<Vec<u8>>| WirePeer { id: hex(id), addresses };
    let mut book = vector_book();
    let stranger = peer("00010a", vec![hex(ADDRESS)]);
    for wrong in [vec![], vec![stranger.clone()], vec![peer(PEER, vec![])]] {
        assert_eq!(request_from_wire(add(wrong), Peer(0), 1, &mut book), Err(TranslateError::Provider));
    }
    let both = add(vec![stranger, peer(PEER, vec![hex(ADDRESS)])]);
    assert!(matches!(
        request_from_wire(both, Peer(0), 1, &mut book),
        Ok(Message::Request { request: Request::AddProvider { provider: Peer(0), .. }, .. })
    ));
    assert_eq!(book.rows.len(), 1, "the stranger that the sender spoke for is not remembered");
}

#[test]
fn an_echo_of_key_and_record_is_an_acknowledgement_and_anything_else_a_rejection() {
    let record = Box::new(Record { key: name(CONTENT), value: b"v"[..].into() });
    let put = Request::PutValue { record: record.clone() };
    let mut book = vector_book();
    let echo = to_wire(&Message::Response { id: 1, response: Response::Stored { record: record.clone() } }, &book).unwrap();
    let answer = |wire, book: &mut Book| match response_from_wire(wire, &put, Peer(0), 1, book) {
        Ok(Message::Response { response, .. }) => response,
        other => panic!("{other:?}"),
    };
    assert_eq!(answer(echo.clone(), &mut book), Response::Stored { record });
    assert_eq!(answer(WireMessage { record: None, ..echo.clone() }, &mut book), Response::Rejected);
    assert_eq!(answer(WireMessage { key: vec![], ..echo.clone() }, &mut book), Response::Rejected);
    let find = Request::FindNode { target: Target::Peer(Peer(0)) };
    assert_eq!(response_from_wire(echo, &find, Peer(0), 1, &mut book), Err(TranslateError::Mismatch));
}

#[test]
fn a_rejection_is_no_message() {
    assert_eq!(to_wire(&Message::Response { id: 1, response: Response::Rejected }, &Book::default()), None);
}

fn arb_bytes(max: usize) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), 0..max)
}

fn arb_peer() -> impl Strategy<Value = WirePeer> {
    let address = proptest::collection::vec(any::<u8>(), 1..40);
    (arb_bytes(40), proptest::collection::vec(address, 0..4)).prop_map(|(id, addresses)| WirePeer { id, addresses })
}

fn arb_message() -> impl Strategy<Value = WireMessage> {
    let kind = prop_oneof![
        Just(Kind::PutValue),
        Just(Kind::GetValue),
        Just(Kind::AddProvider),
        Just(Kind::GetProviders),
        Just(Kind::FindNode),
        Just(Kind::Ping)
    ];
    let record = proptest::option::of((arb_bytes(40), arb_bytes(80)).prop_map(|(key, value)| WireRecord { key, value }));
    let peers = || proptest::collection::vec(arb_peer(), 0..5);
    (kind, arb_bytes(60), record, peers(), peers()).prop_map(|(kind, key, record, closer, providers)| WireMessage {
        kind,
        key,
        record,
        closer,
        providers,
    })
}

proptest! {
    #[test]
    fn messages_round_trip(message in arb_message()) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        prop_assert_eq!(bytes.len(), message.encoded_len());
        prop_assert_eq!(WireMessage::decode(&bytes), Ok(message));
    }

    #[test]
    fn arbitrary_bytes_never_panic_and_what_is_read_round_trips(bytes in arb_bytes(400)) {
        if let Ok(message) = WireMessage::decode(&bytes) {
            let mut again = Vec::new();
            message.encode(&mut again);
            prop_assert_eq!(WireMessage::decode(&again), Ok(message));
        }
    }

    #[test]
    fn damaged_messages_never_panic(message in arb_message(), at: usize, flip: u8, from in 0u32..3) {
        let mut bytes = Vec::new();
        message.encode(&mut bytes);
        if !bytes.is_empty() {
            let at = at % bytes.len();
            bytes[at] ^= flip;
        }
        if let Ok(message) = WireMessage::decode(&bytes) {
            let mut book = vector_book();
            let _ = request_from_wire(message.clone(), Peer(from), 1, &mut book);
            let asked = Request::GetProviders { key: name(CONTENT) };
            let _ = response_from_wire(message, &asked, Peer(from), 1, &mut book);
        }
    }
}

/// What the layout says of the fields called `name`, as bytes.
fn laid_out<'a>(parts: &[Part<'a>], name: &'static str) -> Vec<&'a [u8]> {
    let named = parts.iter().filter(|part| part.name == Label::Field(name));
    named.filter_map(|part| if let Holding::Bytes(bytes, _) = part.value { Some(bytes) } else { None }).collect()
}

#[test]
fn the_layout_of_a_golden_frame_names_its_bytes() {
    let bytes = hex(golden()[2].0);
    let parts = parts(&bytes, bytes.len() as u64, &FORMAT);
    let told: Vec<(usize, usize, String)> = parts.iter().map(|part| (part.range.start, part.depth, part.name.to_string())).collect();
    let expected = [(0, 0, "length"), (1, 0, "type"), (3, 0, "key"), (39, 0, "provider"), (41, 1, "id"), (81, 1, "address")];
    assert_eq!(told, expected.map(|(at, depth, name)| (at, depth, name.to_owned())));
    assert_eq!(parts[1].value, Holding::Number(2, Some("ADD_PROVIDER")));
    assert_eq!((laid_out(&parts, "key"), laid_out(&parts, "id")), (vec![&hex(CONTENT)[..]], vec![&hex(PEER)[..]]));
}

proptest! {
    /// The table of fields and the codec are two descriptions of one format: they must agree.
    #[test]
    fn the_layout_shows_what_the_codec_reads(message in arb_message()) {
        let bytes = frame(&message);
        let parts = parts(&bytes, bytes.len() as u64, &FORMAT);
        prop_assert!(parts.iter().all(|part| !matches!(part.name, Label::Unknown(_) | Label::Malformed | Label::Missing)), "{parts:?}");
        let (closer, providers) = (&message.closer, &message.providers);
        let ids: Vec<&[u8]> = closer.iter().chain(providers).map(|peer| &peer.id[..]).filter(|id| !id.is_empty()).collect();
        let addresses: Vec<&[u8]> = closer.iter().chain(providers).flat_map(|peer| &peer.addresses).map(|address| &address[..]).collect();
        prop_assert_eq!((laid_out(&parts, "id"), laid_out(&parts, "address")), (ids, addresses));
        let values: Vec<&[u8]> = message.record.iter().map(|record| &record.value[..]).filter(|value| !value.is_empty()).collect();
        prop_assert_eq!(laid_out(&parts, "value"), values);
        let kind = parts.iter().find(|part| part.name == Label::Field("type")).map_or(Holding::Number(0, Some("PUT_VALUE")), |part| part.value);
        prop_assert!(matches!(kind, Holding::Number(number, Some(_)) if number == message.kind as u64));
    }
}
