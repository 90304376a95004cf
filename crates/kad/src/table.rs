//! [`Table`]: the routing table of one peer.
//!
//! Bucket *i* holds up to k contacts that share exactly *i* leading bits with the owner's key, so half the network belongs into bucket 0, a quarter
//! into bucket 1, and so on: the table knows its own neighbourhood well and the rest of the world coarsely. The last bucket covers everything nearer
//! than the buckets before it, and *splits* when it is full (Kademlia, section 2.4), so a table has about log2(N/k) + 2 buckets and not 256:
//!
//! ```text
//!   shared bits      0                 1            2          3 and more
//!               ├──────────────────┼─────────┼────┼─┤        before
//!               ├──────────────────┼─────────┼────┼┼┤        after the last bucket has split: 3, and 4 and more
//! ```
//!
//! # In memory
//!
//! All contacts stand in one vector, bucket after bucket, and within a bucket from the least to the most recently seen. A bucket is only the
//! position where it ends. So a table is one allocation that grows by a few entries at a time, a bucket is a slice, and moving a contact to the
//! fresh end of its bucket is a rotation of at most 160 bytes.
//!
//! # Who stays
//!
//! *Seniority*: a contact that answers is never given up for a newer one. Peers that have been up long are likely to stay up (Kademlia, section
//! 2.1), and an attacker cannot flush a table with fresh identities. A newcomer to a full bucket waits in a small *replacement cache* while the
//! least recently seen contact is asked for a sign of life; only when that fails too often does the replacement take its place.
//!
//! *Spread*: a lookup for a random key in a far bucket ends with the k peers closest to that key, a tiny corner of the bucket. If they filled it, every
//! later lookup that goes there would have to begin in that corner, and lookups at 10,000 peers would take a fifth more hops than theory says. So a far
//! bucket takes only two contacts from each of its sixteenths until others had their chance. Near buckets take everybody: they must be complete.
//!
//! *Diversity*: peers of one [`Group`] (by address) take at most a few places per table and per bucket.
//!
//! # The hot path
//!
//! [`Table::closest`] runs for every request. Relative to a target, every bucket is an interval of distances and the intervals do not overlap, so
//! it walks buckets from near to far and takes whole buckets unseen; keys are computed only for the one bucket that it takes a part of, and
//! compared by their first 64 bits.

use peerglass_core::{Acquaintances, Group, Key, Peer, Time};
use smallvec::SmallVec;

use crate::Config;
use crate::bucket::Contact;

mod closest;
#[cfg(test)]
mod tests;

use closest::{FEW, take_closest};

/// How many entries the vector of contacts grows by: doubling would waste up to half of it in each of a million peers.
const GROWTH: usize = 16;

/// How many of the last buckets must be complete, and therefore take whoever comes.
const NEAR: usize = 5;

/// The contacts of one peer.
#[derive(Clone, Debug, Default)]
pub struct Table {
    own: Key,
    contacts: Vec<Contact>,
    /// Where the contacts of each bucket end; they begin where the previous bucket's end. Here and not behind a pointer, because every request needs it.
    ends: SmallVec<[u16; 24]>,
    /// When a lookup last went to each bucket, in seconds.
    refreshed: Vec<u32>,
    spares: Vec<Spare>,
}

/// A peer that answered when its bucket was full.
#[derive(Clone, Copy, Debug)]
struct Spare {
    peer: Peer,
    /// How many bits it shares with the owner, which says to which bucket it belongs, also after splits.
    prefix: u16,
}

/// What became of a peer that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Insert {
    /// It was there already, and is now the most recently seen of its bucket.
    Known,
    /// It is a contact now, after this many splits.
    Added {
        /// Of which bucket.
        bucket: usize,
        /// How often the last bucket split to make room.
        splits: usize,
    },
    /// Its bucket is full; it waits as a replacement. `oldest` is the least recently seen contact of the bucket.
    Full {
        /// Which bucket.
        bucket: usize,
        /// Who would be replaced.
        oldest: Contact,
    },
    /// Its group has as many places as it may have.
    Capped,
    /// Its bucket is a far one, and holds enough peers of its part of the key space.
    Crowded,
    /// It has the owner's key.
    Own,
}

/// What became of a contact that failed to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// It was no contact.
    Unknown,
    /// It is now the first to be replaced, and not told to others.
    Demoted {
        /// Whether somebody waits for its place.
        wanted: bool,
    },
    /// It is gone.
    Evicted {
        /// Who took its place.
        replacement: Option<Peer>,
    },
}

impl Table {
    /// An empty table of the peer at `own`.
    #[must_use]
    pub fn new(own: Key) -> Self {
        Self { own, ..Self::default() }
    }

    /// Where the owner sits.
    #[must_use]
    pub fn own(&self) -> Key {
        self.own
    }

    /// How many contacts there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.contacts.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.contacts.is_empty()
    }

    /// How many buckets there are. All but the last cover one prefix length each.
    #[must_use]
    pub fn buckets(&self) -> usize {
        self.ends.len()
    }

    /// The contacts of bucket `index`, the least recently seen first.
    #[must_use]
    pub fn bucket(&self, index: usize) -> &[Contact] {
        match self.ends.get(index) {
            Some(end) => &self.contacts[self.start(index)..usize::from(*end)],
            None => &[],
        }
    }

    /// All contacts, bucket after bucket.
    #[must_use]
    pub fn contacts(&self) -> &[Contact] {
        &self.contacts
    }

    /// Whom the replacement caches hold.
    pub fn replacements(&self) -> impl Iterator<Item = Peer> {
        self.spares.iter().map(|spare| spare.peer)
    }

    /// How many bytes the table takes besides the struct itself.
    #[must_use]
    pub fn heap_bytes(&self) -> usize {
        let ends = if self.ends.spilled() { self.ends.capacity() * size_of::<u16>() } else { 0 };
        let refreshed = self.refreshed.capacity() * size_of::<u32>();
        self.contacts.capacity() * size_of::<Contact>() + ends + refreshed + self.spares.capacity() * size_of::<Spare>()
    }

    /// Reads the words that lead to the contacts.
    pub(crate) fn glance(&self) -> u64 {
        self.own.high() ^ self.contacts.len() as u64 ^ self.ends.first().map_or(0, |end| u64::from(*end)) ^ self.spares.len() as u64
    }

    /// Reads a word of each cache line of the bucket around a key with these first 64 bits.
    pub(crate) fn touch(&self, key: u64) -> u64 {
        let bucket = self.bucket(self.index((key ^ self.own.high()).leading_zeros()));
        let lines = bucket.iter().step_by(64 / size_of::<Contact>()).chain(bucket.last());
        lines.fold(0, |word, contact| word ^ u64::from(contact.peer.0))
    }

    /// Whether `peer` is a contact.
    #[must_use]
    pub fn contains(&self, peer: Peer, acquaintances: Acquaintances<'_>) -> bool {
        self.find(peer, acquaintances).is_some()
    }

    /// Appends to `out` the `n` healthy contacts closest to `target`, without `skip`: the exact set, in no promised order.
    pub fn closest(&self, target: Key, n: usize, skip: Peer, acquaintances: Acquaintances<'_>, out: &mut Vec<Peer>) {
        let end = out.len() + n;
        for index in self.nearest_first(target) {
            let bucket = self.bucket(index);
            // Both looks go over the whole bucket without leaving early: that takes a few vector instructions.
            let odd = bucket.iter().fold(0, |odd, c| odd | c.failures() | u32::from(c.peer == skip)) != 0;
            let room = end - out.len();
            if !odd && bucket.len() <= room {
                out.extend(bucket.iter().map(|c| c.peer));
            } else if bucket.len() <= FEW {
                let (mut eligible, mut count) = ([Peer(0); FEW], bucket.len());
                eligible.iter_mut().zip(bucket).for_each(|(peer, contact)| *peer = contact.peer);
                if odd {
                    count = 0;
                    for contact in bucket {
                        // Written in any case, and overwritten by the next if it is not to be named: a branch would be guessed wrong now and then.
                        eligible[count % FEW] = contact.peer;
                        count += usize::from(contact.is_healthy() & (contact.peer != skip));
                    }
                }
                take_closest(&eligible[..count], target, room, self.shared_bits(index), acquaintances, out);
            } else {
                let eligible: Vec<Peer> = bucket.iter().filter(|c| c.is_healthy() && c.peer != skip).map(|c| c.peer).collect();
                take_closest(&eligible, target, room, self.shared_bits(index), acquaintances, out);
            }
            if out.len() == end {
                return;
            }
        }
    }

    /// How many leading bits all contacts of a bucket share with each other. They differ from the owner in the bit after those that they share with it; of the
    /// last bucket, that is not known.
    fn shared_bits(&self, bucket: usize) -> u32 {
        (bucket as u32 + u32::from(bucket + 1 < self.ends.len())).min(60)
    }

    /// The buckets from the nearest to `target` to the farthest.
    ///
    /// Bit *j* of the distance between owner and target says on which side of bucket *j* the target is: where it is set, the bucket is nearer than
    /// everything that shares more bits with the owner; where it is clear, farther. So: up over the set bits, the last bucket, down over the clear
    /// ones. The configuration allows at most 64 buckets, so the first word of the distance is enough.
    fn nearest_first(&self, target: Key) -> impl Iterator<Item = usize> + use<> {
        let last = self.ends.len().saturating_sub(1);
        let below_last = !(u64::MAX.checked_shr(last as u32).unwrap_or(0));
        let distance = self.own.distance(target).high();
        let (mut up, mut down, mut middle) = (distance & below_last, !distance & below_last, true);
        core::iter::from_fn(move || {
            if up != 0 {
                let j = up.leading_zeros();
                up ^= 1 << (63 - j);
                return Some(j as usize);
            }
            if core::mem::take(&mut middle) {
                return Some(last);
            }
            let j = 63u32.checked_sub(down.trailing_zeros())?;
            down &= down - 1;
            Some(j as usize)
        })
    }

    /// `peer` gave a sign of life. Says whether it is a contact, and if not, whether there would be room for it.
    pub fn see(&mut self, peer: Peer, now: Time, acquaintances: Acquaintances<'_>, config: &Config) -> Sight {
        let prefix = self.prefix(peer, acquaintances);
        let bucket = self.index(prefix);
        if let Some(at) = self.position(bucket, peer) {
            self.freshen(bucket, at, now);
            return Sight::Contact;
        }
        let room = self.bucket(bucket).len() < config.bucket_size() || bucket + 1 == self.ends.len() && self.can_split(config);
        let fits = room && prefix < Key::BITS && !self.is_crowded(bucket, peer, acquaintances, config);
        if fits { Sight::Room } else { Sight::Full }
    }

    /// `peer` answered a request: it becomes a contact if there is room, and a replacement otherwise.
    pub fn insert(&mut self, peer: Peer, now: Time, acquaintances: Acquaintances<'_>, config: &Config) -> Insert {
        let prefix = self.prefix(peer, acquaintances);
        if prefix == Key::BITS {
            return Insert::Own;
        }
        let mut bucket = self.index(prefix);
        if let Some(at) = self.position(bucket, peer) {
            self.freshen(bucket, at, now);
            return Insert::Known;
        }
        let group = acquaintances.group(peer);
        if self.group_is_full(group, acquaintances, config) {
            return Insert::Capped;
        }
        let mut splits = 0;
        while self.bucket(bucket).len() >= config.bucket_size() && bucket + 1 == self.ends.len() && self.can_split(config) {
            self.split(acquaintances);
            bucket = self.index(prefix);
            splits += 1;
        }
        if group != Group::NONE && count_group(self.bucket(bucket), group, acquaintances) >= config.group_per_bucket {
            return Insert::Capped;
        }
        if self.bucket(bucket).len() < config.bucket_size() && self.is_crowded(bucket, peer, acquaintances, config) {
            return Insert::Crowded;
        }
        if let (true, Some(oldest)) = (self.bucket(bucket).len() >= config.bucket_size(), self.bucket(bucket).first().copied()) {
            self.keep_spare(Spare { peer, prefix: prefix as u16 }, config);
            return Insert::Full { bucket, oldest };
        }
        self.spares.retain(|spare| spare.peer != peer);
        self.add(bucket, Contact::new(peer, now), now);
        Insert::Added { bucket, splits }
    }

    /// `peer` failed to answer: it is demoted, or evicted when that happened more often in a row than the configuration tolerates.
    pub fn fail(&mut self, peer: Peer, acquaintances: Acquaintances<'_>, config: &Config) -> Failure {
        self.spares.retain(|spare| spare.peer != peer);
        let Some((bucket, at)) = self.find(peer, acquaintances) else { return Failure::Unknown };
        if self.contacts[at].fail() > config.tolerated_failures {
            return Failure::Evicted { replacement: self.evict(bucket, at, acquaintances, config) };
        }
        let start = self.start(bucket);
        self.contacts[start..=at].rotate_right(1);
        Failure::Demoted { wanted: self.newest_spare(bucket).is_some() }
    }

    /// Takes `peer` out, because it turned out to serve nothing. Says whether it was a contact.
    pub fn remove(&mut self, peer: Peer, acquaintances: Acquaintances<'_>, config: &Config) -> Option<Failure> {
        self.spares.retain(|spare| spare.peer != peer);
        let (bucket, at) = self.find(peer, acquaintances)?;
        Some(Failure::Evicted { replacement: self.evict(bucket, at, acquaintances, config) })
    }

    /// A lookup went to bucket `index`.
    pub fn mark_refreshed(&mut self, key: Key, now: Time) {
        let index = self.index(self.own.common_prefix(key));
        if let Some(refreshed) = self.refreshed.get_mut(index) {
            *refreshed = seconds(now);
        }
    }

    /// When a lookup last went to bucket `index`.
    #[must_use]
    pub fn refreshed(&self, index: usize) -> Time {
        self.refreshed.get(index).map_or(Time::ZERO, |secs| Time::from_secs(u64::from(*secs)))
    }

    /// Whether `bucket` is far and holds its share of peers as near to `peer` as a sixteenth of the bucket.
    fn is_crowded(&self, bucket: usize, peer: Peer, acquaintances: Acquaintances<'_>, config: &Config) -> bool {
        if config.per_sixteenth == 0 || bucket + NEAR >= self.ends.len() {
            return false;
        }
        let (key, together) = (acquaintances.key_high(peer), bucket as u32 + 1 + 4);
        let same = |c: &&Contact| (acquaintances.key_high(c.peer) ^ key) >> (64 - together) == 0;
        self.bucket(bucket).iter().filter(same).count() >= config.per_sixteenth
    }

    /// How many bits `peer` shares with the owner.
    fn prefix(&self, peer: Peer, acquaintances: Acquaintances<'_>) -> u32 {
        match acquaintances.key_high(peer) ^ self.own.high() {
            0 => self.own.common_prefix(acquaintances.key(peer)),
            apart => apart.leading_zeros(),
        }
    }

    /// Which bucket a peer belongs to that shares `prefix` bits with the owner.
    fn index(&self, prefix: u32) -> usize {
        (prefix as usize).min(self.ends.len().saturating_sub(1))
    }

    fn start(&self, bucket: usize) -> usize {
        bucket.checked_sub(1).map_or(0, |before| usize::from(self.ends[before]))
    }

    fn find(&self, peer: Peer, acquaintances: Acquaintances<'_>) -> Option<(usize, usize)> {
        let bucket = self.index(self.prefix(peer, acquaintances));
        Some((bucket, self.position(bucket, peer)?))
    }

    /// Where `peer` stands among all contacts, if it is in `bucket`. From the fresh end: whoever was seen lately will soon be seen again.
    fn position(&self, bucket: usize, peer: Peer) -> Option<usize> {
        let contacts = self.bucket(bucket);
        // Most peers that are looked for are not there, which a look over the whole bucket tells in a few vector instructions.
        if contacts.iter().fold(0, |found, c| found | u32::from(c.peer == peer)) == 0 {
            return None;
        }
        Some(self.start(bucket) + contacts.iter().rposition(|c| c.peer == peer)?)
    }

    fn freshen(&mut self, bucket: usize, at: usize, now: Time) {
        let end = usize::from(self.ends[bucket]);
        let mut contact = self.contacts[at];
        contact.see(now);
        self.contacts.copy_within(at + 1..end, at);
        self.contacts[end - 1] = contact;
    }

    fn can_split(&self, config: &Config) -> bool {
        self.ends.len() < config.max_buckets.min(64)
    }

    /// Splits the last bucket. Both halves keep their order.
    fn split(&mut self, acquaintances: Acquaintances<'_>) {
        let last = self.ends.len() - 1;
        let start = self.start(last);
        let (own, contacts) = (self.own, &mut self.contacts[start..]);
        contacts.sort_by_key(|c| own.common_prefix(acquaintances.key(c.peer)) as usize > last);
        let stay = contacts.partition_point(|c| own.common_prefix(acquaintances.key(c.peer)) as usize == last);
        self.ends.push(self.ends[last]);
        self.ends[last] = (start + stay) as u16;
        self.refreshed.reserve_exact(1);
        self.refreshed.push(self.refreshed[last]);
    }

    fn add(&mut self, bucket: usize, contact: Contact, now: Time) {
        if self.ends.is_empty() {
            self.ends.push(0);
            self.refreshed.push(seconds(now));
        }
        if self.contacts.len() == self.contacts.capacity() {
            self.contacts.reserve_exact(GROWTH);
        }
        self.contacts.insert(usize::from(self.ends[bucket]), contact);
        self.ends[bucket..].iter_mut().for_each(|end| *end += 1);
    }

    /// Takes the contact at `at` out, and lets the replacement that was seen last take its place, as the first to be replaced itself.
    fn evict(&mut self, bucket: usize, at: usize, acquaintances: Acquaintances<'_>, config: &Config) -> Option<Peer> {
        self.contacts.remove(at);
        self.ends[bucket..].iter_mut().for_each(|end| *end -= 1);
        let spare = self.spares.remove(self.newest_spare(bucket)?);
        let group = acquaintances.group(spare.peer);
        let crowded = group != Group::NONE && count_group(self.bucket(bucket), group, acquaintances) >= config.group_per_bucket;
        if crowded || self.group_is_full(group, acquaintances, config) {
            return None;
        }
        let start = self.start(bucket);
        // It answered some time ago: it begins as the one to be checked first.
        self.contacts.insert(start, Contact::new(spare.peer, Time::ZERO));
        self.ends[bucket..].iter_mut().for_each(|end| *end += 1);
        Some(spare.peer)
    }

    fn newest_spare(&self, bucket: usize) -> Option<usize> {
        self.spares.iter().rposition(|spare| self.index(u32::from(spare.prefix)) == bucket)
    }

    /// Puts a peer at the fresh end of the replacement cache, where the least recently seen of its bucket makes room.
    fn keep_spare(&mut self, spare: Spare, config: &Config) {
        let bucket = self.index(u32::from(spare.prefix));
        let mut same = 0;
        let mut oldest = None;
        for (i, other) in self.spares.iter().enumerate() {
            if other.peer == spare.peer {
                return self.spares[i..].rotate_left(1);
            }
            if self.index(u32::from(other.prefix)) == bucket {
                same += 1;
                oldest = oldest.or(Some(i));
            }
        }
        match oldest {
            Some(oldest) if same >= config.replacements => {
                self.spares[oldest..].rotate_left(1);
                self.spares.pop();
            }
            _ if config.replacements == 0 => return,
            _ => {}
        }
        if self.spares.len() == self.spares.capacity() {
            self.spares.reserve_exact(4);
        }
        self.spares.push(spare);
    }

    fn group_is_full(&self, group: Group, acquaintances: Acquaintances<'_>, config: &Config) -> bool {
        group != Group::NONE && count_group(&self.contacts, group, acquaintances) >= config.group_per_table
    }
}

/// What a sign of life told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// The peer is a contact.
    Contact,
    /// It is not, and its bucket has room.
    Room,
    /// It is not, and its bucket is full.
    Full,
}

fn count_group(contacts: &[Contact], group: Group, acquaintances: Acquaintances<'_>) -> usize {
    contacts.iter().filter(|c| acquaintances.group(c.peer) == group).count()
}

fn seconds(time: Time) -> u32 {
    u32::try_from(time.as_secs()).unwrap_or(u32::MAX)
}
