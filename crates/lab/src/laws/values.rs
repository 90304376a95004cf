//! Whatever was stored can be read once its replicas meet.
//!
//! # What is promised
//!
//! Kademlia promises little at any one moment: a lookup may run into a partition, into dead contacts, into loss. What it does promise is about later. Whoever stored something told
//! the k peers closest to its key; whoever reads it asks the k peers closest to its key. So a record is found *if those two sets still have enough in common, and whoever reads
//! can find out who is closest*. The law turns every word of that into a condition that can be looked up, and where the conditions hold, the record must be found:
//!
//! | condition | why, and how it is seen to |
//! |---|---|
//! | the store was acknowledged | its peer was told of one replica or more; else nothing was promised |
//! | half of the k closest peers that are up hold it | a replica that crashed without its state holds nothing; one that is far by now, because others came in nearer, is not asked. With a bare majority, a lookup that misses a few of the k still finds it |
//! | those are sound | honest, behind no NAT that keeps strangers out, with a clock that never went wrong, so that nothing has expired early |
//! | the network is whole and quiet | the law makes it so in a fork ([`View::calm`]): no loss, no partition, nobody frozen or slow. The run itself goes on, or ends, as it was |
//! | tables have had time to heal | the fork waits for one refresh interval and a bit, in which every peer checks its contacts and looks itself up |
//! | a chain of acquaintances leads from the reader to them | links are routing tables and the peers that each was to join through, in either direction, over peers that are up: where all who knew both parts are dead, no code can bring them together |
//! | the reader is up, sound and has a contact | two readers are drawn for each record; the publisher itself is none |
//!
//! Then the reader looks the record up, with the very code of the stack, and has until its operation must have ended.
//!
//! # What is not promised
//!
//! That a record survives when most of its replicas die; that it is found during a partition, or through loss; that it is found when those around the key are attackers (an
//! eclipse makes them the k closest, so nothing is promised). *Liars elsewhere may break this law*: honest holders are of no use to a reader who is led astray on the way. That is
//! what the law is for: it finds where a stack without the means against it is weak, and the same goes for a k that is too small for tables to stay connected.
//!
//! What is stored in scenarios are provider records: who has which content.

use peerglass_core::{Key, Peer, Rng, Time};
use peerglass_kad::Name;
use peerglass_sim::Law;
use peerglass_sim::laws::{Breach, Verdict, View};
use peerglass_stack::{Command, Stack, Tag, provider_name};
use peerglass_store::Cid;

use crate::host::{Answer, Catalogue, LabHost};
use crate::plan::{Plan, Publish};

/// So many records are read: drawn, where there are more.
const MOST_RECORDS: usize = 64;
/// How many read each record.
const READERS: usize = 2;
/// The dice of readers are apart from all others.
const DICE: u64 = 0x7265_6164_6572_7321;
/// Tags of reads, beyond those of plans.
const FIRST_TAG: Tag = 1 << 40;

/// The law that what was stored can be read.
#[derive(Clone, Debug)]
pub struct Values {
    stored: Vec<Record>,
    /// Through whom each peer was to join.
    bootstrap: Vec<Vec<Peer>>,
}

/// A record that somebody was asked to store: that `provider` has the content `cid`.
#[derive(Clone, Debug)]
struct Record {
    tag: Tag,
    provider: Peer,
    cid: Cid,
    name: Name,
}

/// A read under way.
struct Read<'a> {
    tag: Tag,
    reader: Peer,
    record: &'a Record,
    holders: Vec<Peer>,
}

impl Values {
    /// The law over everything that `plan` has stored.
    #[must_use]
    pub fn new(plan: &Plan, catalogue: &Catalogue) -> Self {
        let record = |publish: &Publish| {
            let cid = *catalogue.content(publish.content)?.root();
            Some(Record { tag: publish.tag, provider: publish.peer, cid, name: provider_name(&cid)? })
        };
        let bootstrap = plan.joins.iter().map(|join| join.contacts.clone()).collect();
        Self { stored: plan.publishes.iter().filter_map(record).collect(), bootstrap }
    }

    /// For each peer, the lowest number of the part of the network that it belongs to, by acquaintances among those that are up.
    fn parts(&self, view: &View<'_, Stack, LabHost>) -> Vec<usize> {
        let mut parts: Vec<usize> = (0..view.peers().count()).collect();
        for (peer, stack) in view.peers().filter(|(peer, _)| view.alive(*peer)) {
            let contacts = stack.kad().table().contacts().iter().map(|contact| contact.peer);
            let bootstrap = self.bootstrap.get(peer.index()).into_iter().flatten().copied().take(view.config().kad.bootstrap);
            for other in contacts.chain(bootstrap).filter(|other| view.alive(*other)) {
                let (a, b) = (root(&mut parts, peer.index()), root(&mut parts, other.index()));
                parts[a.max(b)] = a.min(b);
            }
        }
        (0..parts.len()).for_each(|peer| parts[peer] = root(&mut parts, peer));
        parts
    }

    /// Those that were acknowledged, in an order that the dice choose.
    fn acknowledged(&self, view: &View<'_, Stack, LabHost>, dice: &mut Rng) -> Vec<&Record> {
        let told = |record: &&Record| {
            let answers = view.host(record.provider).map_or(&[][..], LabHost::answers);
            answers.iter().any(|answered| answered.tag == record.tag && matches!(answered.answer, Answer::Shared { replicas } if replicas > 0))
        };
        let mut records: Vec<&Record> = self.stored.iter().filter(told).collect();
        dice.shuffle(&mut records);
        records
    }
}

/// The first of the part that `peer` belongs to; the way there is halved on the way (Tarjan and van Leeuwen 1984).
fn root(parts: &mut [usize], mut peer: usize) -> usize {
    while parts[peer] != peer {
        parts[peer] = parts[parts[peer]];
        peer = parts[peer];
    }
    peer
}

/// The peers that are up and closest to `key`.
fn closest(view: &View<'_, Stack, LabHost>, key: Key) -> Vec<Peer> {
    let mut near: Vec<(peerglass_core::Distance, Peer)> =
        view.peers().filter(|(peer, _)| view.alive(*peer)).map(|(peer, _)| (view.key(peer) ^ key, peer)).collect();
    near.sort_unstable();
    near.truncate(view.config().kad.k);
    near.into_iter().map(|(_, peer)| peer).collect()
}

impl Law<Stack, LabHost> for Values {
    fn name(&self) -> &'static str {
        "values"
    }

    fn says(&self) -> &'static str {
        "what was stored can be read once its replicas meet"
    }

    fn on_look(&mut self, view: &View<'_, Stack, LabHost>) -> Verdict {
        if !view.is_end() {
            return Ok(());
        }
        let mut dice = Rng::new(view.seed() ^ DICE);
        let records = self.acknowledged(view, &mut dice);
        if records.is_empty() {
            return Ok(());
        }
        let mut calm = view.calm();
        let kad = &view.config().kad;
        calm.run_until(calm.now() + kad.refresh_interval * 11 / 10 + kad.operation_timeout);

        let holds = |record: &Record, peer: Peer| calm.peer(peer).is_some_and(|stack| stack.kad().holds_provider(&record.name, record.provider));
        let parts = self.parts(view);
        let readers: Vec<Peer> =
            calm.living().filter(|(peer, stack)| view.is_sound(*peer) && stack.kad().contacts() > 0).map(|(peer, _)| peer).collect();
        let mut reads: Vec<Read<'_>> = Vec::new();
        for record in records.into_iter().take(MOST_RECORDS) {
            let near = closest(view, record.name.key());
            let holders: Vec<Peer> = near.iter().copied().filter(|peer| view.is_sound(*peer) && calm.alive(*peer) && holds(record, *peer)).collect();
            let within_reach = |reader: Peer| holders.iter().filter(|holder| parts[holder.index()] == parts[reader.index()]).count();
            let promised = |reader: &Peer| *reader != record.provider && within_reach(*reader) * 2 >= near.len();
            let mut others: Vec<Peer> = readers.iter().copied().filter(promised).collect();
            dice.shuffle(&mut others);
            for reader in others.into_iter().take(READERS) {
                reads.push(Read { tag: FIRST_TAG + reads.len() as Tag, reader, record, holders: holders.clone() });
            }
        }
        for read in &reads {
            let command = Command::FindProviders { tag: read.tag, cid: read.record.cid, wanted: 0 };
            let known = calm.command_at(calm.now(), read.reader, command);
            debug_assert!(known.is_ok(), "readers are peers of the simulation");
        }
        let time: Time = calm.now() + kad.operation_timeout * 2;
        calm.run_until(time);
        reads.iter().try_for_each(|read| read.judge(calm.host(read.reader)))
    }
}

impl Read<'_> {
    fn judge(&self, host: Option<&LabHost>) -> Verdict {
        let answer = host.and_then(|host| host.answers().iter().find(|answered| answered.tag == self.tag)).map(|answered| &answered.answer);
        let found = match answer {
            Some(Answer::Providers(providers)) if providers.contains(&self.record.provider) => return Ok(()),
            Some(Answer::Providers(providers)) => format!("{} finds {} others and not that one", self.reader, providers.len()),
            Some(other) => format!("{} is told {other:?}", self.reader),
            None => format!("{} gets no answer", self.reader),
        };
        let holders: Vec<String> = self.holders.iter().map(ToString::to_string).collect();
        let expected =
            format!("{} finds that {} has {}: {} of the closest hold it", self.reader, self.record.provider, self.record.cid, holders.join(" "));
        Err(Breach::new(expected, found).of(self.reader))
    }
}

#[cfg(test)]
mod tests {
    use super::root;

    #[test]
    fn everybody_finds_the_first_of_its_part() {
        // 4 and 2 through 1 to 0; 5 through 3 to itself.
        let mut parts = [0, 0, 1, 3, 2, 3];
        assert_eq!((0..6).map(|peer| root(&mut parts, peer)).collect::<Vec<_>>(), [0, 0, 0, 3, 0, 3]);
    }
}
