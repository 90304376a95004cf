//! The discrete-event simulator: event queue, virtual clock, network model, peers that come and go.
//!
//! It drives any [`Protocol`](peerglass_core::Protocol) through the same trait as the real node does, and knows none of them. Nothing runs at
//! "real" speed here: the clock jumps from event to event.
//!
//! ```text
//!                  ┌────────────────────────── Simulation ──────────────────────────┐
//!   join_at ─────▶ │  Queue ──next event──▶ the peer's Protocol ──effects──┐        │
//!   crash_at ────▶ │    ▲                        ▲    │ events            │        │
//!   command_at ──▶ │    │                commands│    ▼                   ▼        │ ──▶ Recorder, Totals
//!                  │    │                     the peer's Host          Network      │
//!                  │    └──arrivals, timers────────────────────────────────┘        │
//!                  └────────────────────────────────────────────────────────────────┘
//! ```
//!
//! # Determinism
//!
//! A run is a function of (engine version, setup, what is asked of it). Every event has a place in one total order, (time, destination, source,
//! the source's own counter), that does not depend on who computes it, and the dice of every step derive from (seed, peer, the peer's own
//! counter). There is no global stream of random numbers and no iteration over hash maps.
//!
//! # What the simulated world does
//!
//! A message passes the sender's uplink, the network and the receiver's downlink ([`network`]). A peer that is down gets nothing and loses its
//! timers; who sends to it is told so after a while ([`Detection`]). A panic in a handler is that peer's crash, and no other's ([`Panic`]). Failures of the
//! simulated world are data; only mistakes of the caller are errors ([`SetupError`], [`ControlError`]).
//!
//! # Example
//!
//! Two peers of a protocol that answers every ping with a pong, 20 ms apart:
//!
//! ```
//! # use peerglass_core::{Cx, Describe, Peer, Protocol, Time};
//! # struct Echo;
//! # #[derive(Clone)] enum Message { Ping, Pong }
//! # impl Describe for Message { fn name(&self) -> &'static str { match self { Message::Ping => "PING", Message::Pong => "PONG" } } }
//! # struct Call(Peer);
//! # impl Describe for Call { fn name(&self) -> &'static str { "call" } }
//! # impl Protocol for Echo {
//! #     type Config = (); type Message = Message; type Timer = (); type Command = Call; type Event = ();
//! #     fn start(&mut self, _: &mut Cx<'_, Self>) {}
//! #     fn on_message(&mut self, from: Peer, m: Message, cx: &mut Cx<'_, Self>) { if let Message::Ping = m { cx.send(from, Message::Pong); } else { cx.emit(()); } }
//! #     fn on_timer(&mut self, _: (), _: &mut Cx<'_, Self>) {}
//! #     fn on_command(&mut self, c: Call, cx: &mut Cx<'_, Self>) { cx.send(c.0, Message::Ping); }
//! #     fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
//! #     fn peers(&self, _: &mut dyn FnMut(Peer)) {}
//! # }
//! use core::time::Duration;
//! use peerglass_sim::{Latency, Network, Setup, Simulation, Stop};
//!
//! let network = Network { latency: Latency::Constant(Duration::from_millis(20)), ..Network::default() };
//! let mut sim = Simulation::new(Setup { seed: 1, config: (), network, wire_len: |_| 8, recorder: Vec::new() })?;
//! let a = sim.join_at(Time::ZERO, Echo, ());
//! let b = sim.join_at(Time::ZERO, Echo, ());
//! sim.command_at(Time::from_secs(1), a, Call(b))?;
//! assert_eq!(sim.run_until_idle(1_000), Stop::Idle);
//! assert_eq!(sim.now(), Time::from_millis(1040));
//! assert_eq!(sim.totals().message("PONG").delivered, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Table of contents
//!
//! | module | holds |
//! |---|---|
//! | [`fault`], `disturb` | what can go wrong, and how to ask for it |
//! | [`queue`] | the order of events, and the windowed queue that keeps it |
//! | [`network`] | what happens to a packet: access links, loss, latency, jitter, impairment |
//! | [`host`] | [`Host`], the local application of one peer |
//! | `engine`, `world`, `shard` | [`Simulation`] and its step; what all peers share; a share of the peers |
//! | `effects`, `deliver`, `lifecycle` | what a step does: handlers and their effects; messages; joins, crashes, faults and panics |
//! | `bulk` | large messages as flows that share access links |
//! | `condition`, `clock`, `weather` | peers that stand still, are slow or have a wrong clock; rules of links |
//! | `bend`, [`byzantine`] | [`Bend`], Byzantine peers; behaviours that need to know no protocol |
//! | `control` | what callers ask for: run, join, command, inspect |
//! | `parallel`, `fork` | several threads with the result of one; two futures of one past |
//! | [`laws`] | what must hold in every run, checked while it goes on |
//! | [`statistics`] | what replicated runs say: intervals, and comparisons with theory |

mod bend;
mod bulk;
pub mod byzantine;
mod clock;
mod condition;
mod control;
mod deliver;
mod disturb;
mod effects;
mod engine;
mod error;
pub mod fault;
mod fork;
pub mod host;
pub mod laws;
mod lifecycle;
pub mod network;
mod parallel;
pub mod queue;
mod shard;
mod slot;
pub mod statistics;
mod weather;
mod world;

pub use bend::{Bend, Bent};
pub use control::{Limits, Stats, Stop};
pub use engine::{Deed, Setup, Simulation};
pub use error::{ControlError, SetupError};
pub use fault::{Disk, LinkFault, LinkRule, PeerFault, PeerSet};
pub use host::{Host, HostCx};
pub use laws::{Law, Violation, Watch};
pub use lifecycle::{Panic, said};
pub use network::{Access, Detection, Impairment, Jitter, Latency, Link, Loss, NatKind, Network, Spread};
pub use weather::RuleId;
pub use world::{Encode, Garble, Meddling, Sight, Tap};
