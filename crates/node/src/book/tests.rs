use super::*;

fn id(n: u8) -> PeerId {
    libp2p::identity::Keypair::ed25519_from_bytes([n; 32]).unwrap().public().to_peer_id()
}

fn book(scope: Scope, peers: usize) -> Book {
    Book::new(id(0), scope, Bounds { peers, addresses: 3, address_bytes: 256 })
}

fn at(text: &str) -> Multiaddr {
    text.parse().unwrap()
}

#[test]
fn a_peer_keeps_its_handle_and_its_key_is_the_hash_of_its_id() {
    let mut book = book(Scope::Any, 10);
    let peer = book.peer(id(1)).unwrap();
    assert_eq!(book.peer(id(1)), Some(peer));
    assert_eq!(book.key(peer), Key::of(&id(1).to_bytes()));
    assert_eq!(book.peer(id(0)), Some(ME));
}

#[test]
fn a_full_book_takes_nobody_until_it_is_swept_and_never_gives_a_handle_twice() {
    let mut book = book(Scope::Any, 4);
    let (a, b, c) = (book.peer(id(1)).unwrap(), book.peer(id(2)).unwrap(), book.peer(id(3)).unwrap());
    assert_eq!(book.peer(id(4)), None);
    assert!(book.wants_sweep());
    assert_eq!(book.sweep(|visit| visit(b)), 2);
    assert_eq!((book.id_of(a), book.id_of(b), book.id_of(c)), (None, Some(id(2)), None));
    let d = book.peer(id(4)).unwrap();
    assert!(d != a && d != c, "a stale handle must not come to mean another peer");
    assert_eq!(book.find(&id(1)), None);
}

#[test]
fn hearsay_does_not_displace_what_a_peer_says_of_itself() {
    let mut book = book(Scope::Any, 10);
    let peer = book.peer(id(1)).unwrap();
    assert!(book.learn(peer, &at("/ip4/10.0.0.1/tcp/1"), Source::Itself));
    for port in 2..20 {
        book.learn(peer, &at(&format!("/ip4/10.6.6.6/tcp/{port}")), Source::Hearsay);
    }
    let addresses = book.addresses_of(peer);
    assert_eq!(addresses.len(), 3);
    assert_eq!(addresses[0], at("/ip4/10.0.0.1/tcp/1"));
    assert!(book.learn(peer, &at("/ip4/10.0.0.2/tcp/1"), Source::Itself), "but the peer's own word displaces hearsay");
}

#[test]
fn an_address_that_names_another_peer_is_refused() {
    let mut book = book(Scope::Any, 10);
    let peer = book.peer(id(1)).unwrap();
    assert!(!book.learn(peer, &at(&format!("/ip4/10.0.0.1/tcp/1/p2p/{}", id(2))), Source::Hearsay));
    assert!(book.learn(peer, &at(&format!("/ip4/10.0.0.1/tcp/1/p2p/{}", id(1))), Source::Hearsay));
    assert_eq!(book.addresses_of(peer), [at("/ip4/10.0.0.1/tcp/1")]);
}

#[test]
fn hearsay_that_fails_three_times_is_forgotten_and_what_worked_comes_first() {
    let mut book = book(Scope::Any, 10);
    let peer = book.peer(id(1)).unwrap();
    let (bad, good) = (at("/ip4/10.0.0.1/tcp/1"), at("/ip4/10.0.0.2/tcp/1"));
    book.learn(peer, &bad, Source::Hearsay);
    book.learn(peer, &good, Source::Hearsay);
    book.tried(peer, &good, true);
    assert_eq!(book.addresses_of(peer)[0], good);
    (0..3).for_each(|_| book.tried(peer, &bad, false));
    assert_eq!(book.addresses_of(peer), [good]);
}

#[test]
fn malformed_ids_and_addresses_from_the_wire_are_left_out() {
    let mut book = book(Scope::Public, 10);
    assert_eq!(book.intern(&[1, 2, 3], &[]), None);
    let private = at("/ip4/192.168.0.1/tcp/1").to_vec();
    let public = at("/ip4/8.8.4.4/tcp/1").to_vec();
    let peer = book.intern(&id(1).to_bytes(), &[&[0xff; 40], &private, &public, &[0; 1000]]).unwrap();
    assert_eq!(Directory::addresses(&book, peer), [public]);
    assert_eq!(book.intern(&id(0).to_bytes(), &[&at("/ip4/8.8.8.8/tcp/1").to_vec()]), Some(ME));
    assert!(book.addresses_of(ME).is_empty(), "nobody else says where we are");
}

#[test]
fn groups_are_prefixes_of_global_addresses() {
    let mut book = book(Scope::Any, 10);
    let mut group_at = |n: u8, address: &str| {
        let peer = book.peer(id(n)).unwrap();
        book.learn(peer, &at(address), Source::Connection);
        book.group(peer)
    };
    let a = group_at(1, "/ip4/8.8.8.8/tcp/1");
    assert_eq!(group_at(2, "/ip4/8.8.200.1/tcp/1"), a);
    assert_ne!(group_at(3, "/ip4/8.9.8.8/tcp/1"), a);
    let b = group_at(4, "/ip6/2a00:1:2::1/tcp/1");
    assert_eq!(group_at(5, "/ip6/2a00:1:ffff::1/tcp/1"), b);
    assert_eq!(group_at(6, "/ip4/127.0.0.1/tcp/1"), Group::NONE);
}

#[test]
fn loopback_is_given_to_others_only_when_there_is_nothing_else() {
    let mut book = book(Scope::Any, 10);
    book.set_own(&[at("/ip4/127.0.0.1/tcp/1")]);
    assert_eq!(book.addresses_of(ME), [at("/ip4/127.0.0.1/tcp/1")]);
    book.set_own(&[at("/ip4/127.0.0.1/tcp/1"), at("/ip4/192.168.0.9/tcp/1")]);
    assert_eq!(book.addresses_of(ME), [at("/ip4/192.168.0.9/tcp/1")]);
}
