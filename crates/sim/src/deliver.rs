//! Messages: from a protocol's send to the other protocol's handler, or to the reason why not.
//!
//! ```text
//!   send ──▶ weather ──▶ uplink ──▶ network ──▶ (queue) ──▶ arrive ──▶ downlink ──▶ (queue) ──▶ arrive again ──▶ handler
//!             │cut,loss    │full       │lost,corrupt           │down, no such peer      │full
//!             ▼            ▼           ▼                       ▼                        ▼
//!           dropped      dropped     dropped                 dropped ──▶ (queue) ──▶ unreachable, at the sender
//! ```
//!
//! A packet keeps its sender's counter all the way, so every event made of it has a place of its own in the order. A message that has left its
//! sender arrives even if the sender crashes meanwhile.

use core::time::Duration;

use peerglass_core::{Describe, Peer, Protocol, Rng, Time};
use peerglass_trace::{Cause, Described, DropCause, Recorder, What, Words};

use crate::Host;
use crate::fault::LinkFault;
use crate::network::{Packet, Source, Verdict};
use crate::queue::Stamp;
use crate::shard::{Input, Parcel, Pending, Stage, source};
use crate::slot::State;
use crate::weather::Forecast;
use crate::world::{Meddling, Sight};

/// Sets the dice of link rules apart from those of the network.
const WEATHER: u64 = 0x7765_6174_6865_7221;

/// What befalls a packet on its way.
struct Passage {
    arrives: Time,
    /// When a second copy arrives, if it was duplicated.
    copy: Option<Time>,
    corrupt: bool,
}

impl<P: Protocol, H: Host<P>, R: Recorder> Stage<'_, P, H, R> {
    #[inline]
    pub(crate) fn send(&mut self, from: Peer, to: Peer, message: P::Message, cause: Cause) {
        if self.world.taps.is_empty() {
            self.dispatch(from, to, message, cause, None);
        } else {
            self.send_tapped(from, to, message, cause);
        }
    }

    /// Sends what taps let pass, late, doubled or damaged as they want it, and then what they send themselves.
    #[cold]
    fn send_tapped(&mut self, from: Peer, to: Peer, message: P::Message, cause: Cause) {
        let sight = Sight { time: self.shard.now, from, to, message: &message, bytes: (self.world.wire_len)(&message) };
        let (mut faults, mut others) = (Forecast::default(), Vec::new());
        for meddling in self.world.taps.iter().flat_map(|tap| tap(&sight)) {
            match meddling {
                Meddling::Fault(fault) => faults.add(fault),
                Meddling::Replace(message) => {
                    faults.add(LinkFault::Cut);
                    others.push(("replaced", to, message));
                }
                Meddling::Inject { to, message } => others.push(("injected", to, message)),
            }
        }
        let cause = self.dispatch(from, to, message, cause, Some(&faults));
        for (name, to, message) in others {
            self.send_other(name, from, to, message, cause);
        }
    }

    /// Sends what no protocol has sent.
    fn send_other(&mut self, name: &'static str, from: Peer, to: Peer, message: P::Message, cause: Cause) {
        let detail = |words: &mut Words| format!("{} to {to}", words.in_words(&message)).into();
        let cause = self.log.note(self.shard.now, from, cause, |words| What::Fault { name, detail: detail(words) });
        self.dispatch(from, to, message, cause, None);
    }

    /// Code sends a message in the name of `from`.
    pub(crate) fn injected(&mut self, from: Peer, (to, message): (Peer, P::Message)) {
        if self.is_up(from) {
            self.send_other("injected", from, to, message, Cause::NONE);
        } else {
            self.shard.counts.ignored += 1;
        }
    }

    /// A message sets out. Gives the record of that.
    #[inline]
    fn dispatch(&mut self, from: Peer, to: Peer, message: P::Message, cause: Cause, tapped: Option<&Forecast>) -> Cause {
        let bytes = (self.world.wire_len)(&message);
        let kind = self.shard.totals.kind(message.name());
        self.shard.totals.sent(kind, bytes);
        self.shard.counts.in_flight += 1;
        let (now, encode) = (self.shard.now, self.world.encode);
        let cause = self.log.note_traffic(now, from, cause, |words| {
            let mut described = words.describe(&message);
            if let Some(encode) = encode.filter(|_| words.wants_wire()) {
                encode(&Sight { time: now, from, to, message: &message, bytes }, &mut described.wire);
            }
            What::Sent { to, message: described, bytes }
        });
        let order = self.shard.own(from).tick();
        let packet = Packet { from, to, order };
        // A message of 4 GiB or more has no arrival: see `depart`.
        let mut parcel: Parcel<P> = Parcel { message, bytes: bytes as u32, source: Source::PUBLIC, queued: false };
        let passage = match self.depart(packet, bytes, tapped) {
            Ok(passage) => passage,
            Err(why) => {
                self.lose(from, to, &parcel.message, bytes, why, cause);
                return cause;
            }
        };
        parcel.source = self.map_outbound(from, to);
        if let Some(time) = passage.copy {
            // What happens to the one does not happen to the other.
            let order = self.shard.own(from).tick();
            self.shard.counts.duplicated += 1;
            self.shard.counts.in_flight += 1;
            let copy = Parcel { message: parcel.message.clone(), ..parcel };
            self.shard.push(Stamp { time, dest: to.0, source: source(from), order }, Pending { cause, input: Input::Packet(copy) });
        }
        if passage.corrupt {
            match self.garble(&packet, &parcel.message, bytes, cause) {
                Some(message) => parcel.message = message,
                None => {
                    self.lose(from, to, &parcel.message, bytes, DropCause::Corrupt, cause);
                    return cause;
                }
            }
        }
        let stamp = Stamp { time: passage.arrives, dest: to.0, source: source(from), order };
        if self.is_bulk(from, to, bytes) {
            self.start_flow(stamp, passage.arrives.since(self.shard.now), parcel, cause);
        } else {
            self.shard.push(stamp, Pending { cause, input: Input::Packet(parcel) });
        }
        cause
    }

    /// What befalls a packet that leaves now.
    #[inline]
    fn depart(&mut self, packet: Packet, bytes: u64, tapped: Option<&Forecast>) -> Result<Passage, DropCause> {
        if u32::try_from(bytes).is_err() {
            return Err(DropCause::TooLong);
        }
        if packet.from == packet.to {
            return Ok(Passage { arrives: self.shard.now + self.world.network.loopback, copy: None, corrupt: false });
        }
        let forecast = self.forecast(&packet, tapped)?;
        let (now, up, bulk) = (self.shard.now, self.access_of(packet.from).up, self.is_bulk(packet.from, packet.to, bytes));
        let slot = self.shard.own(packet.from);
        let left = if bulk { now } else { up.admit(&mut slot.up_busy, now, bytes).ok_or(DropCause::UplinkFull)? };
        let Verdict::Arrives { after, copy, corrupt } = self.world.network.verdict(self.world.seed, &packet, &mut slot.bad) else {
            return Err(DropCause::Loss);
        };
        let mut passage = Passage { arrives: left + after, copy: copy.map(|after| left + after), corrupt };
        if let Some(forecast) = forecast {
            self.befall(&packet, forecast, &mut passage)?;
        }
        Ok(passage)
    }

    /// What is understood of a packet whose bits flip on the way; `None` if the codec notices. What it was turned into, or why not, is recorded.
    #[cold]
    fn garble(&mut self, packet: &Packet, message: &P::Message, bytes: u64, cause: Cause) -> Option<P::Message> {
        let garble = self.world.garble?;
        let (now, Packet { from, to, order }) = (self.shard.now, *packet);
        let mut dice = Rng::for_step(self.world.seed ^ WEATHER, from, !order);
        let understood = garble(&Sight { time: now, from, to, message, bytes }, &mut dice);
        self.log.note(now, from, cause, |words| match &understood {
            Ok(message) => What::Fault { name: "garbled", detail: words.in_words(message).into() },
            Err(why) => What::Fault { name: "garbled", detail: format!("rejected: {why}").into() },
        });
        understood.ok()
    }

    /// What the receiver's NAT will see of a packet that passes the sender's.
    #[inline]
    fn map_outbound(&mut self, from: Peer, to: Peer) -> Source {
        let now = self.shard.now;
        let nat = self.shard.own(from).condition.as_deref_mut().and_then(|condition| condition.nat.as_mut());
        nat.map_or(Source::PUBLIC, |nat| nat.outbound(to, now))
    }

    /// What rules and taps have in store for a packet; `None` for nothing.
    #[inline]
    fn forecast(&self, packet: &Packet, tapped: Option<&Forecast>) -> Result<Option<Forecast>, DropCause> {
        if self.world.weather.is_fair() && tapped.is_none() {
            return Ok(None);
        }
        let forecast = self.world.weather.forecast(packet.from, packet.to, tapped.copied().unwrap_or_default());
        if forecast.cut { Err(DropCause::Fault) } else { Ok(Some(forecast).filter(|forecast| *forecast != Forecast::default())) }
    }

    fn befall(&self, packet: &Packet, forecast: Forecast, passage: &mut Passage) -> Result<(), DropCause> {
        let mut dice = Rng::for_step(self.world.seed ^ WEATHER, packet.from, packet.order);
        if dice.chance(forecast.loss) {
            return Err(DropCause::Fault);
        }
        passage.arrives += forecast.delay;
        passage.copy = passage.copy.map(|copy| copy + forecast.delay);
        passage.corrupt |= dice.chance(forecast.corrupt);
        if dice.chance(forecast.duplicate) {
            passage.copy = passage.copy.or(Some(passage.arrives + Duration::from_nanos(1)));
        }
        Ok(())
    }

    /// A message that was in flight is lost. Gives the record of it.
    pub(crate) fn lose(&mut self, from: Peer, to: Peer, message: &P::Message, bytes: u64, why: DropCause, cause: Cause) -> Cause {
        self.shard.counts.in_flight -= 1;
        let kind = self.shard.totals.kind(message.name());
        self.shard.totals.dropped(kind, why);
        self.log.note_traffic(self.shard.now, from, cause, |_| What::Dropped { to, message: Described::name_of(message), bytes, why })
    }

    /// A packet reaches its receiver's downlink or, once it has passed that, the receiver itself.
    #[inline]
    pub(crate) fn arrive(&mut self, stamp: Stamp, parcel: Parcel<P>, cause: Cause) {
        let (from, to, now) = (Peer(stamp.source.wrapping_sub(1)), Peer(stamp.dest), self.shard.now);
        let Some(slot) = self.shard.slot_mut(to) else {
            return self.refuse(from, to, stamp, &parcel, DropCause::NoSuchPeer, cause);
        };
        if slot.state != State::Up {
            return self.refuse(from, to, stamp, &parcel, DropCause::PeerDown, cause);
        }
        let nat = slot.condition.as_deref_mut().and_then(|condition| condition.nat.as_mut());
        if let Some(nat) = nat.filter(|_| !parcel.queued && from != to)
            && !nat.inbound(from, parcel.source, now)
        {
            // Silently: the sender learns nothing, as on the Internet.
            self.lose(from, to, &parcel.message, u64::from(parcel.bytes), DropCause::Filtered, cause);
            return;
        }
        let down = slot.access(&self.world.accesses).down;
        if down.rate.is_some() && !parcel.queued && from != to {
            return match down.admit(&mut slot.down_busy, now, u64::from(parcel.bytes)) {
                Some(time) => {
                    let input = Input::Packet(Parcel { queued: true, ..parcel });
                    self.shard.push(Stamp { time, ..stamp }, Pending { cause, input });
                }
                None => {
                    self.lose(from, to, &parcel.message, u64::from(parcel.bytes), DropCause::DownlinkFull, cause);
                }
            };
        }
        self.deliver(from, to, parcel, cause);
    }

    #[inline]
    fn deliver(&mut self, from: Peer, to: Peer, parcel: Parcel<P>, cause: Cause) {
        let Parcel { message, bytes, .. } = parcel;
        let bytes = u64::from(bytes);
        self.shard.counts.in_flight -= 1;
        let kind = self.shard.totals.kind(message.name());
        self.shard.totals.delivered(kind, bytes);
        // The fields stand in the sent record, the cause: writing them twice would double the cost of recording.
        let cause = self.log.note_traffic(self.shard.now, to, cause, |_| What::Received { from, message: Described::name_of(&message), bytes });
        self.handle(to, cause, |protocol, cx| protocol.on_message(from, message, cx));
    }

    /// The receiver is not there: the message is lost, and its sender hears of it after a while.
    pub(crate) fn refuse(&mut self, from: Peer, to: Peer, stamp: Stamp, parcel: &Parcel<P>, why: DropCause, cause: Cause) {
        let cause = self.lose(from, to, &parcel.message, u64::from(parcel.bytes), why, cause);
        if from == to {
            return;
        }
        if let Some(delay) = self.world.network.refusal(self.world.seed, &Packet { from, to, order: stamp.order }) {
            // The packet's own place in the order is free again, and now at its sender.
            let stamp = Stamp { time: self.shard.now + delay, dest: from.0, source: stamp.source, order: stamp.order };
            self.shard.push(stamp, Pending { cause, input: Input::Unreachable { peer: to } });
        }
    }

    /// The sender hears that `other` could not be reached.
    pub(crate) fn unreachable(&mut self, peer: Peer, other: Peer, cause: Cause) {
        if !self.is_up(peer) {
            self.shard.counts.ignored += 1;
            return;
        }
        let cause = self.log.note(self.shard.now, peer, cause, |_| What::Unreachable { peer: other });
        self.handle(peer, cause, |protocol, cx| protocol.on_unreachable(other, cx));
    }
}
