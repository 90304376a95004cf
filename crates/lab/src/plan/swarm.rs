//! Attackers that join: Sybils near a key, and around a content's key an eclipse.
//!
//! The dice choose the ids of honest peers; an attacker chooses its own. The nearest of N honest peers shares about `log2 N` leading bits with a key, so an attacker
//! whose ids share ten bits more is nearer than any of them: with as many of such ids as a lookup wants contacts, it is all that a lookup finds.

use peerglass_core::{Key, Peer, Rng, Time};
use peerglass_stack::provider_name;
use peerglass_store::Cid;

use super::cast::{Part, dice};
use super::lives::Hold;
use super::strike::{PeerStrike, Strike};
use super::{Join, Planner};
use crate::scenario::{Fault, FaultSpec, Near};

impl Planner<'_> {
    /// Swarms join behind the honest peers, in the order of their faults.
    pub(super) fn plan_swarms(&mut self, faults: &[FaultSpec], roots: &[Cid]) {
        for (number, fault) in faults.iter().enumerate() {
            let Fault::Swarm { count, near, bits, behaviour } = &fault.what else { continue };
            let mut rng = dice(self.seed, Part::Swarms, number);
            let target = self.target(near, roots, &mut rng);
            let honest = self.scenario.peers;
            let bits = bits.unwrap_or_else(|| honest.max(1).ilog2() + 10);
            for i in 0..*count {
                let at = Time::ZERO + fault.at.0 + super::spread(fault.within, i, *count);
                let peer = Peer(self.joins.len() as u32);
                let known = self.arrived(fault.at)(super::cast::Members::Range(0, honest));
                let contacts = known.draw(self.scenario.join.contacts, &mut rng);
                self.joins.push(Join { at, contacts, key: Some(near_to(target, bits, &mut rng)) });
                if let Some(behaviour) = behaviour {
                    self.strikes.push((at, Strike::Peer { peer, what: PeerStrike::Bend(Some(*behaviour)) }));
                }
                if let Some(lasting) = fault.lasting {
                    self.lives.holds.push(Hold { peer, from: at + lasting.0, until: Time::MAX, fresh: false });
                }
            }
        }
    }

    fn target(&self, near: &Near, roots: &[Cid], rng: &mut Rng) -> Key {
        let random = random_key(rng);
        match near {
            Near::Random => random,
            Near::Key(digits) => key_of(digits).unwrap_or(random),
            Near::Content(name) => {
                let number = self.scenario.content.iter().position(|content| content.name == *name);
                number.and_then(|number| provider_name(roots.get(number)?)).map_or(random, |name| name.key())
            }
        }
    }
}

fn random_key(rng: &mut Rng) -> Key {
    let mut bytes = [0; 32];
    rng.fill(&mut bytes);
    Key::from_bytes(bytes)
}

/// The key that 64 hexadecimal digits say.
fn key_of(digits: &str) -> Option<Key> {
    let mut bytes = [0; 32];
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * i..2 * i + 2)?, 16).ok()?;
    }
    Some(Key::from_bytes(bytes))
}

/// A random key that shares `bits` leading bits with `target`.
fn near_to(target: Key, bits: u32, rng: &mut Rng) -> Key {
    let (mut bytes, near) = (random_key(rng).to_bytes(), target.to_bytes());
    let whole = (bits / 8).min(32) as usize;
    bytes[..whole].copy_from_slice(&near[..whole]);
    if whole < 32 {
        let mask = 0xffu8.checked_shr(bits % 8).unwrap_or(0);
        bytes[whole] = near[whole] & !mask | bytes[whole] & mask;
    }
    Key::from_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attackers_id_shares_the_bits_it_was_made_to() {
        let mut rng = Rng::new(1);
        let target = random_key(&mut rng);
        for bits in [0, 1, 7, 8, 9, 20, 255, 256] {
            assert!((0..50).all(|_| near_to(target, bits, &mut rng).common_prefix(target) >= bits), "{bits}");
        }
        assert!((0..50).any(|_| near_to(target, 20, &mut rng).common_prefix(target) == 20));
    }

    #[test]
    fn digits_are_a_key_and_its_text_again() {
        let key = random_key(&mut Rng::new(2));
        assert_eq!(key_of(&key.to_string()), Some(key));
    }
}
