//! Running on several threads, with the same result as on one.
//!
//! Nothing that a peer does reaches another sooner than the *lookahead*: the smallest latency, or the time after which a sender hears of a dead receiver, if
//! that is shorter. So all shards compute the events of one window of that length at the same time, and exchange what they have for each other when all are
//! done (conservative synchronisation; Fujimoto, *Parallel Discrete Event Simulation*, CACM 1990):
//!
//! ```text
//!   thread 0   ▓▓▓▓▓▓▓▓░ │ ▓▓▓▓▓▓░░░ │ …        ▓ events   ░ waiting for the others
//!   thread 1   ▓▓▓▓▓▓▓▓▓ │ ▓▓▓▓▓▓▓▓▓ │ …
//!              ├─ window ─┤ exchange
//! ```
//!
//! The order of events is total and their dice are their peers' own, so it does not matter who computes what when. Windows begin with the first event that
//! is pending anywhere, so an empty hour costs nothing.
//!
//! A recorded run is computed on one thread, because a record's number is its place in the order of all; so is one whose lookahead is zero, or whose network
//! has flows, which couple all peers. All give the identical result, as they must.

use core::time::Duration;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use peerglass_core::{Peer, Protocol, Time};
use peerglass_trace::{Off, Pen, Recorder};

use crate::shard::{BATCH, Mail, Shard, Stage};
use crate::world::World;
use crate::{Detection, Host, Network, Simulation, Stop};

/// More threads than this are not asked of a simulation.
const MOST_SHARDS: usize = 64;

impl<P, H, R> Simulation<P, H, R>
where
    P: Protocol<Config: Send + Sync, Message: Send, Timer: Send, Command: Send, Event: Send> + Send,
    H: Host<P> + Send,
    R: Recorder,
{
    /// Runs up to and including `time` on `threads` threads. The result is that of [`Simulation::run_until`].
    pub fn run_until_on(&mut self, time: Time, threads: usize) -> Stop {
        let lookahead = lookahead(&self.world.network);
        if threads <= 1 || !self.log.is_off() || lookahead.is_zero() || self.world.network.bulk.is_some() {
            return self.run_until(time);
        }
        self.deal(threads.next_power_of_two().min(MOST_SHARDS));
        loop {
            // Up to the agenda, then the agenda.
            let due = self.is_due(time);
            let bound = if due { self.horizon.as_nanos().checked_sub(1).map(Time::from_nanos) } else { Some(time) };
            if let Some(bound) = bound {
                self.run_windows(bound, lookahead, threads);
            }
            if !due {
                break;
            }
            self.act();
        }
        // What is left, at the very end of time, is not worth a window.
        self.run_until(time)
    }

    /// Lets everything happen up to and including `bound`.
    fn run_windows(&mut self, bound: Time, lookahead: Duration, threads: usize) {
        let (world, shards) = (&self.world, &mut self.shards);
        let share = shards.len().div_ceil(threads);
        let meeting = Meeting::new(shards.len(), shards.len().div_ceil(share), bound, lookahead);
        std::thread::scope(|scope| {
            for lane in shards.chunks_mut(share) {
                scope.spawn(|| meeting.work(world, lane));
            }
        });
        if let Some(panic) = lock(&meeting.panic).take() {
            resume_unwind(panic);
        }
        let now = self.shards.iter().map(|shard| shard.now).fold(self.now, Time::max);
        self.set_now(now);
    }
}

impl<P: Protocol, H: Host<P>, R: Recorder> Simulation<P, H, R> {
    /// Deals peers and events out to `count` shards.
    fn deal(&mut self, count: usize) {
        if self.shards.len() == count {
            return;
        }
        let bits = count.ilog2();
        let window = self.world.network.window();
        let old = core::mem::take(&mut self.shards);
        self.shards = (0..count as u32).map(|number| Shard::new(number, bits, window, self.log.watches_steps())).collect();
        let old_bits = old.len().ilog2();
        let mut slots: Vec<_> = old.into_iter().map(|shard| self.unpack(shard)).collect();
        for i in 0..self.peers as usize {
            if let Some(slot) = slots[i & ((1 << old_bits) - 1)].next() {
                self.shard_of(Peer(i as u32)).slots.push(slot);
            }
        }
    }

    /// Moves a shard's events and counts to the new shards, and gives its slots.
    fn unpack(&mut self, mut shard: Shard<P, H>) -> std::vec::IntoIter<crate::slot::Slot<P, H>> {
        while let Some((stamp, pending)) = shard.queue.pop(Time::MAX) {
            self.shard_of(Peer(stamp.dest)).queue.push(stamp, pending);
        }
        let first = &mut self.shards[0];
        first.totals.add(&shard.totals);
        first.counts = first.counts.add(shard.counts);
        first.panics.append(&mut shard.panics);
        self.shards.iter_mut().for_each(|new| new.now = new.now.max(shard.now));
        shard.slots.into_iter()
    }
}

/// How long nothing that a peer does can reach another.
fn lookahead(network: &Network) -> Duration {
    match network.detection {
        Detection::After(delay) => network.min_latency().min(delay),
        Detection::Never | Detection::RoundTrip => network.min_latency(),
    }
}

/// Where the threads of a run meet between windows.
struct Meeting<P: Protocol, H> {
    bound: Time,
    lookahead: Duration,
    barrier: Barrier,
    /// What has come for each shard.
    mail: Vec<Mutex<Mail<P, H>>>,
    /// When each shard's next event is, in nanoseconds.
    next: Vec<AtomicU64>,
    panic: Mutex<Option<Box<dyn Any + Send>>>,
}

impl<P: Protocol, H: Host<P>> Meeting<P, H> {
    fn new(shards: usize, threads: usize, bound: Time, lookahead: Duration) -> Self {
        Self {
            bound,
            lookahead,
            barrier: Barrier::new(threads),
            mail: (0..shards).map(|_| Mutex::new(Vec::new())).collect(),
            next: (0..shards).map(|_| AtomicU64::new(u64::MAX)).collect(),
            panic: Mutex::new(None),
        }
    }

    /// What each thread does: window after window, until none is left.
    fn work(&self, world: &World<P>, lane: &mut [Shard<P, H>]) {
        loop {
            for shard in &mut *lane {
                let at = shard.number as usize;
                core::mem::take(&mut *lock(&self.mail[at])).into_iter().for_each(|(stamp, pending)| shard.queue.push(stamp, pending));
                self.next[at].store(shard.queue.first().map_or(u64::MAX, |stamp| stamp.time.as_nanos()), Ordering::Relaxed);
            }
            self.barrier.wait();
            let start = self.next.iter().map(|next| next.load(Ordering::Relaxed)).min().unwrap_or(u64::MAX);
            if start == u64::MAX || Time::from_nanos(start) > self.bound {
                return;
            }
            let end = (Time::from_nanos(start) + self.lookahead - Duration::from_nanos(1)).min(self.bound);
            // A panic that is no protocol's and no host's ends the run; the other threads must not wait for ever.
            let outcome = catch_unwind(AssertUnwindSafe(|| lane.iter_mut().for_each(|shard| self.run_window(world, shard, end))));
            if let Err(panic) = outcome {
                *lock(&self.panic) = Some(panic);
            }
            self.barrier.wait();
            // Nobody can panic between this meeting and the next, so all threads see the same here.
            if lock(&self.panic).is_some() {
                return;
            }
        }
    }

    fn run_window(&self, world: &World<P>, shard: &mut Shard<P, H>, end: Time) {
        let mut log = Pen::new(Off);
        for event in 0u64.. {
            if event % BATCH == 0 {
                shard.warm_up(world.acquaintances());
            }
            let Some((stamp, pending)) = shard.queue.pop(end) else { break };
            Stage { world, shard, log: &mut log }.play(stamp, pending);
        }
        for (mail, sent) in self.mail.iter().zip(&mut shard.outbox).filter(|(_, sent)| !sent.is_empty()) {
            lock(mail).append(sent);
        }
    }
}

/// The threads of a run panic only through what `catch_unwind` hands over, so a poisoned lock holds nothing broken.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
