//! [`Table`]: the flows under way and the links that they pass, each found from the other.
//!
//! Rates are computed for thousands of flows at each change, so neither search nor hash: flows and links sit in numbered places, freed places are
//! taken again, and each knows the places of its others. Only what comes from outside, an id or a peer, is searched.

use std::collections::BTreeMap;

use core::time::Duration;

use peerglass_core::{Peer, Time};

/// A direction of a peer's access.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Direction {
    Up,
    Down,
}

pub(super) type LinkId = (Peer, Direction);

/// The flows and links in use.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) flows: Vec<Active>,
    pub(super) links: Vec<Shared>,
    by_id: BTreeMap<u64, u32>,
    by_link: BTreeMap<LinkId, u32>,
    free_flows: Vec<u32>,
    free_links: Vec<u32>,
}

/// A link that flows pass.
#[derive(Clone, Debug)]
pub(super) struct Shared {
    pub(super) id: LinkId,
    /// Bits a second, if it is limited.
    pub(super) rate: Option<u64>,
    /// The places of its flows, in no particular order. The place of a link without any is free.
    pub(super) flows: Vec<u32>,
    /// The last computation that reached it, and its index in that.
    pub(super) reached: (u64, u32),
}

/// A flow under way.
#[derive(Clone, Debug)]
pub(super) struct Active {
    pub(super) id: u64,
    pub(super) bytes: u64,
    /// The places of its links: none for a peer's transfer to itself.
    pub(super) path: [Option<u32>; 2],
    /// What was left at `since`.
    bits_left: f64,
    /// Bits a second from `since` on.
    pub(super) rate: f64,
    since: Time,
    /// When it completes at this rate. The end of time for never, and for a free place.
    pub(super) finish: Time,
    /// The last computation that reached it.
    pub(super) reached: u64,
}

impl Table {
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// The place of a flow.
    pub(super) fn find(&self, id: u64) -> Option<u32> {
        self.by_id.get(&id).copied()
    }

    pub(super) fn flow(&self, place: u32) -> &Active {
        &self.flows[place as usize]
    }

    /// The place of a link, if anything passes it.
    pub(super) fn link(&self, id: LinkId) -> Option<u32> {
        self.by_link.get(&id).copied()
    }

    /// Puts a flow that begins now over these links, without a rate. Gives its place.
    pub(super) fn insert(&mut self, now: Time, id: u64, bytes: u64, links: [Option<LinkId>; 2]) -> u32 {
        let path = links.map(|link| link.map(|link| self.link_or_new(link)));
        let (bits_left, finish) = (bytes as f64 * 8.0, Time::MAX);
        let flow = Active { id, bytes, path, bits_left, rate: 0.0, since: now, finish, reached: 0 };
        let place = place(&mut self.flows, &mut self.free_flows, flow);
        self.by_id.insert(id, place);
        path.into_iter().flatten().for_each(|link| self.links[link as usize].flows.push(place));
        place
    }

    fn link_or_new(&mut self, id: LinkId) -> u32 {
        let (links, free) = (&mut self.links, &mut self.free_links);
        *self.by_link.entry(id).or_insert_with(|| place(links, free, Shared { id, rate: None, flows: Vec::new(), reached: (0, 0) }))
    }

    /// Takes a flow out, and the links that nothing passes any more.
    pub(super) fn remove(&mut self, place: u32) {
        let flow = &mut self.flows[place as usize];
        flow.finish = Time::MAX;
        self.by_id.remove(&flow.id);
        self.free_flows.push(place);
        for index in flow.path.into_iter().flatten() {
            let link = &mut self.links[index as usize];
            if let Some(at) = link.flows.iter().position(|other| *other == place) {
                link.flows.swap_remove(at);
            }
            if link.flows.is_empty() {
                self.by_link.remove(&link.id);
                self.free_links.push(index);
            }
        }
    }
}

/// Puts something into a free place, or into a new one.
fn place<T>(all: &mut Vec<T>, free: &mut Vec<u32>, value: T) -> u32 {
    match free.pop() {
        Some(place) => {
            all[place as usize] = value;
            place
        }
        None => {
            all.push(value);
            (all.len() - 1) as u32
        }
    }
}

impl Active {
    /// How many bits are left at `now`.
    pub(super) fn left(&self, now: Time) -> f64 {
        let elapsed = now.since(self.since);
        if elapsed.is_zero() { self.bits_left } else { (self.bits_left - self.rate * elapsed.as_secs_f64()).max(0.0) }
    }

    /// From now on it has this rate.
    pub(super) fn change(&mut self, now: Time, rate: f64) {
        self.bits_left = self.left(now);
        (self.rate, self.since) = (rate, now);
        // A rate of zero gives infinity or, when nothing is left, no number at all: the casts make them the end of time and zero.
        self.finish = now + Duration::from_nanos((self.bits_left / rate * 1e9).ceil() as u64);
    }
}
