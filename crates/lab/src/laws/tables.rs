//! Routing tables hold only peers that exist or existed: each once, never the owner, each in the bucket where its key belongs, and no bucket holds more than k.
//!
//! Only a peer that has answered becomes a contact, so whoever is in a table has been up; where liars invent peers, or messages are damaged, that is what keeps the
//! inventions out. A contact may have died since: tables notice that in their own time, and are allowed to.

use std::collections::BTreeSet;

use peerglass_core::Peer;
use peerglass_kad::table::Table;
use peerglass_sim::Law;
use peerglass_sim::laws::{Breach, Verdict, View};
use peerglass_stack::Stack;

use crate::host::LabHost;

/// The law of routing tables.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tables;

impl Law<Stack, LabHost> for Tables {
    fn name(&self) -> &'static str {
        "tables"
    }

    fn says(&self) -> &'static str {
        "routing tables hold only peers that exist or existed, each once and in its place"
    }

    fn on_look(&mut self, view: &View<'_, Stack, LabHost>) -> Verdict {
        let world = World { k: view.config().kad.k, joined: &|peer| view.has_joined(peer), key: &|peer| view.key(peer) };
        for (peer, stack) in view.peers().filter(|(peer, _)| view.alive(*peer)) {
            world.check(peer, stack.kad().table()).map_err(|breach| breach.of(peer))?;
        }
        Ok(())
    }
}

/// What a table is held against.
struct World<'a> {
    k: usize,
    joined: &'a dyn Fn(Peer) -> bool,
    key: &'a dyn Fn(Peer) -> peerglass_core::Key,
}

impl World<'_> {
    fn check(&self, owner: Peer, table: &Table) -> Verdict {
        if let Some(ghost) = table.contacts().iter().map(|contact| contact.peer).chain(table.replacements()).find(|peer| !(self.joined)(*peer)) {
            return Err(Breach::new("contacts that have come in", format!("{ghost}, which never has")));
        }
        let mut seen = BTreeSet::from([owner]);
        let last = table.buckets().saturating_sub(1);
        for index in 0..table.buckets() {
            let bucket = table.bucket(index);
            if bucket.len() > self.k {
                return Err(Breach::new(format!("at most {} contacts in a bucket", self.k), format!("{} in bucket {index}", bucket.len())));
            }
            for contact in bucket {
                if !seen.insert(contact.peer) {
                    return Err(Breach::new("every contact once, and never the owner", format!("{} again, in bucket {index}", contact.peer)));
                }
                let belongs = ((self.key)(contact.peer).common_prefix(table.own()) as usize).min(last);
                if belongs != index {
                    return Err(Breach::new(format!("{} in bucket {belongs}", contact.peer), format!("it is in bucket {index}")));
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use peerglass_core::{Acquaintances, Key, Time};
    use peerglass_kad::Config;

    const SEED: u64 = 9;

    /// The table of p0 with these contacts, in a world where keys derive from `seed`.
    fn table(contacts: std::ops::Range<u32>, seed: u64) -> Table {
        let mut table = Table::new(Key::derived(SEED, Peer(0)));
        for peer in contacts {
            table.insert(Peer(peer), Time::ZERO, Acquaintances::derived(seed), &Config::default());
        }
        table
    }

    fn verdict(table: &Table, joined: u32, k: usize) -> Verdict {
        World { k, joined: &|peer| peer.0 < joined, key: &|peer| Key::derived(SEED, peer) }.check(Peer(0), table)
    }

    #[test]
    fn a_table_of_those_who_have_come_in_is_lawful() {
        assert_eq!(verdict(&table(1..300, SEED), 300, 20), Ok(()));
        assert_eq!(verdict(&table(1..1, SEED), 300, 20), Ok(()));
    }

    #[test]
    fn a_peer_that_never_was_is_found_among_contacts_and_replacements() {
        let found = verdict(&table(1..300, SEED), 250, 20).unwrap_err().found;
        assert!(found.contains("which never has"), "{found}");
        let full = table(1..300, SEED);
        let spare = full.replacements().next().unwrap();
        let without = World { k: 20, joined: &|peer| peer != spare, key: &|peer| Key::derived(SEED, peer) }.check(Peer(0), &full);
        assert!(without.unwrap_err().found.contains(&spare.to_string()));
    }

    #[test]
    fn a_contact_in_the_wrong_bucket_or_one_too_many_is_found() {
        assert!(verdict(&table(1..300, SEED + 1), 300, 20).unwrap_err().found.contains("it is in bucket"));
        assert!(verdict(&table(1..300, SEED), 300, 5).unwrap_err().expected.contains("at most 5"));
        // p7's own table, looked at as if it were p0's.
        let foreign = World { k: 20, joined: &|_| true, key: &|peer| Key::derived(SEED, peer) }.check(Peer(7), &table(1..300, SEED));
        assert!(foreign.unwrap_err().expected.contains("never the owner"));
    }
}
