//! Laws: what must hold in every run, checked while the run goes on.
//!
//! A test says what comes of one scenario. A law says what may never come of any, whatever goes wrong: it watches a run from its beginning, and the run stops where
//! the law is first broken. A law may look at two things, at either or at both:
//!
//! ```text
//!   every record, as it is made       ──▶ Law::on_record ─┐
//!                                                         ├─▶ Ok, or what was expected and what was found ──▶ the run stops, with a Violation
//!   the state of all peers, at        ──▶ Law::on_look   ─┘
//!   intervals and at the end
//! ```
//!
//! Laws that hold for every protocol are here, one a file; laws about a protocol stand with those who know it. They are handed to a [`Watch`], a recorder around
//! whatever recorder the run has, so a run without laws does not know that there are any. A law sees and changes nothing of the run: under laws it is the same run, and a
//! violation comes again, at the same record, whenever the same seed is run under the same laws.
//!
//! What a law finds is about the simulated world. A law that panics, like anything else that is no handler of a protocol or host, ends the run as the fault of the
//! program that it is.
//!
//! # A law of one's own
//!
//! Nobody hears the same peer twice within a millisecond:
//!
//! ```
//! # use peerglass_core::{Cx, Describe, Peer, Protocol, Time};
//! # #[derive(Clone)] struct Ping; #[derive(Clone)] struct Call(Peer);
//! # impl Describe for Ping { fn name(&self) -> &'static str { "PING" } }
//! # impl Describe for Call { fn name(&self) -> &'static str { "call" } }
//! # #[derive(Clone)] struct Chatter;
//! # impl Protocol for Chatter {
//! #     type Config = (); type Message = Ping; type Timer = (); type Command = Call; type Event = ();
//! #     fn start(&mut self, _: &mut Cx<'_, Self>) {}
//! #     fn on_message(&mut self, _: Peer, _: Ping, _: &mut Cx<'_, Self>) {}
//! #     fn on_timer(&mut self, _: (), _: &mut Cx<'_, Self>) {}
//! #     fn on_command(&mut self, c: Call, cx: &mut Cx<'_, Self>) { cx.send(c.0, Ping); }
//! #     fn on_unreachable(&mut self, _: Peer, _: &mut Cx<'_, Self>) {}
//! #     fn peers(&self, _: &mut dyn FnMut(Peer)) {}
//! # }
//! use std::collections::BTreeMap;
//! use peerglass_sim::laws::{Breach, Law, Verdict, Watch};
//! use peerglass_sim::{Network, Setup, Simulation};
//! use peerglass_trace::{Off, Record, What};
//!
//! #[derive(Default)]
//! struct Patience(BTreeMap<(Peer, Peer), Time>);
//!
//! impl<P: Protocol, H> Law<P, H> for Patience {
//!     fn name(&self) -> &'static str { "patience" }
//!     fn says(&self) -> &'static str { "nobody hears the same peer twice within a millisecond" }
//!     fn on_record(&mut self, record: &Record) -> Verdict {
//!         let What::Received { from, .. } = record.what else { return Ok(()) };
//!         let before = self.0.insert((record.peer, from), record.time).filter(|before| record.time < *before + core::time::Duration::from_millis(1));
//!         before.map_or(Ok(()), |before| Err(Breach::new("a millisecond between them", format!("{from} before at {before}")).of(record.peer)))
//!     }
//! }
//!
//! let recorder = Watch::new(Off).with(Patience::default());
//! let mut sim = Simulation::new(Setup { seed: 1, config: (), network: Network::default(), wire_len: |_| 8, recorder })?;
//! let [a, b] = [(); 2].map(|()| sim.join_at(Time::ZERO, Chatter, ()));
//! sim.command_at(Time::from_secs(1), a, Call(b))?;
//! sim.command_at(Time::from_secs(2), a, Call(b))?;
//! assert!(sim.run_watched(Time::from_secs(3)).is_none());
//! sim.command_at(Time::from_secs(4), a, Call(b))?;
//! sim.command_at(Time::from_secs(4), a, Call(b))?;
//! let violation = sim.run_watched(Time::from_secs(5)).expect("two at once");
//! assert_eq!((violation.law, violation.peer, violation.time), ("patience", Some(b), Time::from_millis(4050)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod calm;
pub mod conservation;
pub mod panic;
pub mod silence;
#[cfg(test)]
mod tests;
mod view;
mod violation;
mod watch;

use peerglass_core::Protocol;
use peerglass_trace::Record;

pub use conservation::Conservation;
pub use panic::NoPanic;
pub use silence::Silence;
pub use view::View;
pub use violation::{Breach, Violation};
pub use watch::Watch;

/// What a law has to say of what it is shown.
pub type Verdict = Result<(), Breach>;

/// Something that must hold in every run of protocol `P` with local applications `H`.
pub trait Law<P: Protocol, H> {
    /// What it is called: one word, or a few with hyphens.
    fn name(&self) -> &'static str;

    /// The law itself, in a sentence.
    fn says(&self) -> &'static str;

    /// A record has been made. All records come, in order, from the beginning of the run; their contents are empty unless the run is recorded in full.
    fn on_record(&mut self, _record: &Record) -> Verdict {
        Ok(())
    }

    /// The run stands still for a look at the state of everything: at intervals of virtual time ([`Watch::every`]), and at the end ([`View::is_end`]).
    fn on_look(&mut self, _view: &View<'_, P, H>) -> Verdict {
        Ok(())
    }
}
