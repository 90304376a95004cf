//! Messages of every kind that the stack sends, with bits flipped: refused, or understood as a message that a peer could have sent.

use std::collections::BTreeSet;

use peerglass_core::{Acquaintances, Cx, Describe, Effect, Peer, Protocol, Rng, Time};
use peerglass_kad::{self as kad, Name, Record, Request, Response, Target};
use peerglass_sim::Sight;
use peerglass_stack::{Command, Config, Message, Stack, wire_len};
use peerglass_store::{Cid, HashKind, cid_of};
use peerglass_transfer::wire::{Version, WireMessage, encode, frame_length};
use peerglass_transfer::{self as transfer, Block, Presence, Want, WantKind};
use proptest::collection::vec;
use proptest::prelude::*;

use super::{Flips, Refusal, blocks};

const FROM: Peer = Peer(3);
const TO: Peer = Peer(4);

fn cid(number: u8) -> Cid {
    let codec = if number.is_multiple_of(3) { 0x70 } else { 0x55 };
    cid_of(codec, HashKind::Blake3, &[number])
}

fn any_peer() -> impl Strategy<Value = Peer> {
    prop_oneof![4 => (0u32..10_000_000).prop_map(Peer), 1 => ((1u32 << 31)..u32::MAX).prop_map(Peer)]
}

fn any_name() -> impl Strategy<Value = Name> {
    vec(any::<u8>(), 1..80).prop_map(|bytes| Name::new(&bytes).expect("1 to 80 bytes are a name"))
}

fn any_record() -> impl Strategy<Value = Record> {
    (any_name(), vec(any::<u8>(), 0..200)).prop_map(|(key, value)| Record { key, value: value.into() })
}

fn any_request() -> impl Strategy<Value = kad::Message> {
    let target = prop_oneof![any_peer().prop_map(Target::Peer), any_name().prop_map(Target::Name)];
    let request = prop_oneof![
        target.prop_map(|target| Request::FindNode { target }),
        any_name().prop_map(|key| Request::GetValue { key }),
        any_record().prop_map(|record| Request::PutValue { record: Box::new(record) }),
        any_name().prop_map(|key| Request::GetProviders { key }),
        any_name().prop_map(|key| Request::AddProvider { key, provider: FROM }),
    ];
    (any::<u64>(), request).prop_map(|(id, request)| kad::Message::Request { id, request })
}

fn any_response() -> impl Strategy<Value = kad::Message> {
    let peers = || vec(any_peer(), 0..21);
    let response = prop_oneof![
        peers().prop_map(|closer| Response::Nodes { closer }),
        (proptest::option::of(any_record()), peers()).prop_map(|(record, closer)| Response::Value { record: record.map(Box::new), closer }),
        any_record().prop_map(|record| Response::Stored { record: Box::new(record) }),
        (peers(), peers()).prop_map(|(providers, closer)| Response::Providers { providers: Box::new(providers), closer }),
    ];
    (any::<u64>(), response).prop_map(|(id, response)| kad::Message::Response { id, response })
}

fn any_want() -> impl Strategy<Value = Want> {
    (any::<u8>(), 1i32.., any::<bool>(), any::<bool>(), any::<bool>()).prop_map(|(number, priority, have, cancel, send_dont_have)| Want {
        cid: cid(number),
        priority,
        kind: if have { WantKind::Have } else { WantKind::Block },
        cancel,
        send_dont_have,
    })
}

fn any_transfer() -> impl Strategy<Value = transfer::Message> {
    let blocks = vec((any::<u8>(), 0u32..3000).prop_map(|(number, size)| Block { cid: cid(number), size }), 0..4);
    let presences = vec((any::<u8>(), any::<bool>()).prop_map(|(number, have)| Presence { cid: cid(number), have }), 0..8);
    (any::<bool>(), vec(any_want(), 0..8), blocks, presences, 0u32..1 << 31)
        .prop_map(|(full, wants, blocks, presences, pending_bytes)| transfer::Message { full, wants, blocks, presences, pending_bytes })
}

fn boxed(message: transfer::Message) -> Message {
    Message::Transfer(Box::new(message))
}

fn any_message() -> impl Strategy<Value = Message> {
    prop_oneof![any_request().prop_map(Message::Kad), any_response().prop_map(Message::Kad), any_transfer().prop_map(boxed)]
}

fn with_flips(message: &Message, flips: &Flips, dice: &mut Rng) -> Result<Message, Refusal> {
    match message {
        Message::Kad(message) => super::kad::understood(message, FROM, TO, flips).map(Message::Kad),
        Message::Transfer(message) => blocks::understood(message, flips, dice).map(boxed),
    }
}

/// The message that the frame of `message` is decoded to; `None` for a stream reset.
fn through_the_codec(message: &Message) -> Option<Message> {
    let none = Flips(BTreeSet::new());
    match message {
        Message::Kad(kad::Message::Response { response: Response::Rejected, .. }) => None,
        Message::Kad(message) => Some(Message::Kad(super::kad::understood(message, FROM, TO, &none).expect("an honest frame is understood"))),
        Message::Transfer(message) => {
            let zeros: Vec<Vec<u8>> = message.blocks.iter().map(|block| vec![0; block.size as usize]).collect();
            let frame = encode(message, Version::V1_2, &zeros.iter().map(Vec::as_slice).collect::<Vec<_>>());
            let (head, _) = frame_length(&frame).expect("a frame has a length").expect("all of it is there");
            let wire = WireMessage::decode(&frame[head..].to_vec().into()).expect("an honest frame is understood");
            assert!(wire.blocks.iter().zip(&message.blocks).all(|(wire, block)| wire.prefix == transfer::wire::Prefix::of(&block.cid)));
            Some(boxed(wire.into_message(message.blocks.iter().map(|block| block.cid))))
        }
    }
}

/// How much a message holds, in things that take at least a byte on the wire.
fn held(message: &Message) -> usize {
    match message {
        Message::Kad(message) => crate::wire::named(message).len(),
        Message::Transfer(message) => message.wants.len() + message.blocks.len() + message.presences.len() + message.block_bytes() as usize,
    }
}

fn same(a: &Message, b: &Message) -> bool {
    match (a, b) {
        (Message::Kad(a), Message::Kad(b)) => a == b,
        (Message::Transfer(a), Message::Transfer(b)) => a == b,
        _ => false,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn unharmed_frames_say_what_was_said_and_are_as_long_as_charged(message in any_message()) {
        prop_assert!(through_the_codec(&message).is_some_and(|read| same(&read, &message)), "{message:?}");
        if let Message::Kad(message) = &message {
            let frame = crate::wire::kad_frame(message, &crate::wire::directory_of(message, FROM, TO));
            prop_assert_eq!(frame.map(|frame| frame.len()), Some(kad::wire::wire_len(message)));
        }
        let mut kept = Vec::new();
        crate::wire::encode(&Sight { time: Time::ZERO, from: FROM, to: TO, message: &message, bytes: wire_len(&message) }, &mut kept);
        let blocks = if let Message::Transfer(message) = &message { message.blocks.len() } else { 0 };
        let whole = wire_len(&message);
        let told = kept.len() as u64;
        prop_assert!(told == whole || blocks > 0 && told < whole, "{} of {} bytes", told, whole);
    }

    #[test]
    fn flipped_bits_are_refused_or_make_another_message_and_never_a_larger_one(message in any_message(), count in 1u32..=8, seed: u64) {
        let (bytes, mut dice) = (wire_len(&message), Rng::new(seed));
        let flips = Flips::exactly(count, bytes, &mut dice);
        let Ok(understood) = with_flips(&message, &flips, &mut dice) else { return Ok(()) };
        prop_assert!(held(&understood) as u64 <= bytes, "{bytes} bytes became {understood:?}");
        if let Some(again) = through_the_codec(&understood) {
            prop_assert!(same(&again, &understood), "{again:?} is not {understood:?}");
        }
    }

    /// A peer in the midst of a lookup and a fetch, told nothing but damaged messages by those it asks.
    #[test]
    fn no_damaged_message_makes_a_peer_panic_or_talk_without_end(messages in vec((any_message(), 1u32..=8), 1..30), seed: u64) {
        let config = Config::default();
        let (mut stack, mut dice, mut effects) = (Stack::new(&config), Rng::new(seed), Vec::new());
        let mut run = |input: &mut dyn FnMut(&mut Stack, &mut Cx<'_, Stack>)| {
            effects.clear();
            let mut rng = Rng::new(seed);
            input(&mut stack, &mut Cx::new(Time::ZERO, TO, &config, Acquaintances::derived(1), &mut rng, &mut effects));
            effects.iter().filter(|effect| matches!(effect, Effect::Send { .. })).count()
        };
        run(&mut |stack, cx| stack.start(cx));
        run(&mut |stack, cx| stack.on_command(Command::Join { contacts: vec![FROM] }, cx));
        run(&mut |stack, cx| stack.on_command(Command::Fetch { tag: 1, root: cid(3), sources: vec![FROM] }, cx));
        run(&mut |stack, cx| stack.on_command(Command::Local { cid: cid(3), found: None }, cx));
        for (message, count) in &messages {
            let flips = Flips::exactly(*count, wire_len(message), &mut dice);
            let Ok(Message::Kad(_) | Message::Transfer(_)) = with_flips(message, &flips, &mut dice) else { continue };
            let understood = with_flips(message, &flips, &mut Rng::new(seed));
            let Ok(mut understood) = understood else { continue };
            // As if it were the answer to the first thing that was asked.
            if let Message::Kad(kad::Message::Response { id, .. }) = &mut understood {
                *id = 1;
            }
            let sent = run(&mut |stack, cx| stack.on_message(FROM, understood.clone(), cx));
            prop_assert!(sent <= 50, "{sent} messages after {}", understood.name());
        }
    }
}

fn block(size: u32) -> Message {
    boxed(transfer::Message { blocks: vec![Block { cid: cid(1), size }], ..transfer::Message::default() })
}

#[test]
fn a_flip_in_the_data_of_a_block_makes_it_a_block_of_another_name() {
    let message = block(1 << 20);
    let bytes = wire_len(&message);
    let names = (0..200u64).map(|seed| {
        let mut dice = Rng::new(seed);
        let flips = Flips::exactly(1, bytes, &mut dice);
        let Ok(Message::Transfer(message)) = with_flips(&message, &flips, &mut dice) else { panic!("15 of a million bytes are not data") };
        assert_eq!((message.blocks.len(), message.blocks[0].size), (1, 1 << 20));
        message.blocks[0].cid
    });
    let names: BTreeSet<Cid> = names.collect();
    assert!(names.len() == 200 && !names.contains(&cid(1)), "each its own, and none the true one");
}

#[test]
fn a_flip_before_the_data_is_refused_or_names_the_same_data_otherwise() {
    let message = block(1000);
    let head = wire_len(&message) - 1000;
    let mut names = BTreeSet::new();
    for bit in 0..head * 8 {
        if let Ok(Message::Transfer(message)) = with_flips(&message, &Flips(BTreeSet::from([bit])), &mut Rng::new(bit)) {
            assert!(message.blocks.iter().all(|block| block.cid != cid(1) || block.size == 1000), "bit {bit}: {message:?}");
            names.extend(message.blocks.iter().map(|block| block.cid));
        }
    }
    assert!(names.iter().any(|name| name.hash() == cid(1).hash() && name.codec() != 0x55), "the same digest under another codec: {names:?}");
}

#[test]
fn a_flip_in_a_peer_makes_it_a_peer_that_does_not_exist() {
    let nodes = |closer| Message::Kad(kad::Message::Response { id: 9, response: Response::Nodes { closer } });
    let message = nodes((0..20).map(Peer).collect());
    let (mut strangers, mut refused) = (0, 0);
    for bit in 0..wire_len(&message) * 8 {
        match with_flips(&message, &Flips(BTreeSet::from([bit])), &mut Rng::new(0)) {
            Ok(Message::Kad(kad::Message::Response { id: 9, response: Response::Nodes { closer } })) => {
                assert!(closer.iter().all(|peer| peer.0 < 20 || peer.0 >= 1 << 31), "nobody else is named: {closer:?}");
                strangers += u32::from(closer.iter().any(|peer| peer.0 >= 1 << 31));
            }
            Ok(_) | Err(_) => refused += 1,
        }
    }
    assert!(strangers > 6000 && refused > 100, "{strangers} of {} bits name a stranger, {refused} are refused", wire_len(&message) * 8);
}

#[test]
fn one_bit_in_half_of_all_cases_and_eight_at_most() {
    let mut counts = [0u32; 9];
    (0..10_000).for_each(|seed| counts[Flips::draw(1000, &mut Rng::new(seed)).len()] += 1);
    assert!(counts[0] == 0 && counts[1].abs_diff(5000) < 200 && counts[2].abs_diff(2500) < 200 && counts[8] > 0, "{counts:?}");
    assert_eq!(Flips::exactly(8, 0, &mut Rng::new(1)).len(), 0, "nothing has no bits");
}
