//! Kademlia: finding peers, values and content among millions, with nobody in charge.
//!
//! A distributed hash table answers one question: *who is responsible for this key?* Kademlia (Petar Maymounkov and David Mazières, *Kademlia: A
//! Peer-to-peer Information System Based on the XOR Metric*, IPTPS 2002) answers it in about log(N) steps with a table of about log(N) contacts, by
//! one idea: peers and keys are numbers of 256 bits, and the distance of two numbers is their XOR. This crate is a complete Kademlia as it is spoken
//! on libp2p networks, the public IPFS network among them, written as a protocol in the sense of [`peerglass_core`]: no sockets, no clock, no dice of
//! its own, so that the same code runs in the simulator and on the Internet.
//!
//! # The chapter, in reading order
//!
//! | module | question |
//! |---|---|
//! | [`name`] | what is looked for? |
//! | [`bucket`], [`table`] | whom does a peer remember? |
//! | [`lookup`], [`paths`] | how does it find those it does not remember? |
//! | [`message`] | what do peers say to each other? |
//! | [`event`] | what can the application ask for, and what is it told? |
//! | [`validator`] | which values are believed? |
//! | [`preimage`] | how does one search for a random key? |
//! | [`config`] | all parameters and bounds, with their sources |
//! | [`wire`] | the bytes of libp2p's `/kad/1.0.0` |
//! | [`Kad`] | the protocol; its rooms are `search`, `join`, `upkeep`, `server`, `values`, `providers`, `republish`, `requests` |
//!
//! # Why a lookup is short
//!
//! The contact a peer knows in the target's direction shares, of k in that bucket, the one bit that defines the bucket and then, being the best of k
//! random ones, about log2(k) + 0.33 bits more. So every hop gains log2(k) + 1.33 bits, out of log2(N/k) that have to be gained before the target's
//! neighbourhood is known completely:
//!
//! ```text
//!   hops  =  (log2 N − log2 k) / (log2 k + 1.333) + 1        k = 20:  2.0 at N = 1,000   2.6 at 10,000   3.8 at 1,000,000
//! ```
//!
//! The test `a_lookup_takes_the_hops_that_theory_says` measures it in a network of this crate's peers.
//!
//! # Use
//!
//! ```
//! use peerglass_core::{Acquaintances, Cx, Effect, Peer, Protocol, Rng, Time};
//! use peerglass_kad::{Config, Event, Kad, Message, Request, Response, Target};
//!
//! let config = Config::default();
//! let mut kad = Kad::new(&config);
//! let (mut rng, mut effects) = (Rng::new(1), Vec::new());
//! let mut cx = Cx::new(Time::ZERO, Peer(0), &config, Acquaintances::derived(7), &mut rng, &mut effects);
//! kad.start(&mut cx);
//! kad.join(&[Peer(1)], &mut cx);
//!
//! // It asks the contact for its own surroundings …
//! let asked = effects.iter().find_map(|effect| match effect {
//!     Effect::Send { to: Peer(1), message: Message::Request { id, request } } => Some((*id, request.clone())),
//!     _ => None,
//! });
//! let Some((id, request)) = asked else { panic!() };
//! assert_eq!(request, Request::FindNode { target: Target::Peer(Peer(0)) });
//!
//! // … and when that one knows nobody else, the network has two members.
//! effects.clear();
//! let mut cx = Cx::new(Time::from_millis(50), Peer(0), &config, Acquaintances::derived(7), &mut rng, &mut effects);
//! kad.on_message(Peer(1), Message::Response { id, response: Response::Nodes { closer: vec![] } }, &mut cx);
//! assert!(effects.iter().any(|e| matches!(e, Effect::Event(event) if matches!(**event, Event::Joined { contacts: 1, .. }))));
//! ```

pub mod bucket;
pub mod config;
pub mod event;
pub mod lookup;
pub mod message;
pub mod name;
pub mod paths;
pub mod preimage;
pub mod table;
pub mod validator;
pub mod wire;

mod join;
mod kad;
mod operation;
mod providers;
mod republish;
mod requests;
mod search;
mod server;
mod upkeep;
mod values;

/// What the protocol is called in records.
pub const PROTOCOL: &str = "kad";

pub use config::{Config, Mode};
pub use event::{Command, Event, Outcome, Report, Timer};
pub use kad::Kad;
pub use message::{Message, Record, Request, Response};
pub use name::{Name, Target};
pub use validator::{Invalid, Validator, Validators};
pub use values::PutError;
