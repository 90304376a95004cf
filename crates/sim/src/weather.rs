//! [`Weather`]: the rules of links that hold at the moment.
//!
//! Every packet asks which rules match it, and there may be ten thousand of them, each about a few peers. So rules are found by their peers: a rule that names
//! its senders is listed under each of them, else under each of its receivers, and only rules about everybody are looked at for every packet.

use std::collections::BTreeMap;

use core::time::Duration;

use peerglass_core::Peer;

use crate::{LinkFault, LinkRule, PeerSet};

/// The number of a rule that was set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RuleId(pub(crate) u32);

/// What the rules make of one packet.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Forecast {
    pub(crate) cut: bool,
    /// The probability of being lost to any of the rules.
    pub(crate) loss: f64,
    pub(crate) delay: Duration,
    pub(crate) duplicate: f64,
    pub(crate) corrupt: f64,
}

impl Forecast {
    pub(crate) fn add(&mut self, fault: LinkFault) {
        // Independent causes: it is spared only if every one of them spares it.
        let either = |a: f64, b: f64| 1.0 - (1.0 - a) * (1.0 - b);
        match fault {
            LinkFault::Cut => self.cut = true,
            LinkFault::Loss(p) => self.loss = either(self.loss, p),
            LinkFault::Delay(extra) => self.delay = self.delay.saturating_add(extra),
            LinkFault::Duplicate(p) => self.duplicate = either(self.duplicate, p),
            LinkFault::Corrupt(p) => self.corrupt = either(self.corrupt, p),
        }
    }
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Weather {
    rules: BTreeMap<RuleId, LinkRule>,
    everybody: Vec<RuleId>,
    by_sender: BTreeMap<Peer, Vec<RuleId>>,
    by_receiver: BTreeMap<Peer, Vec<RuleId>>,
}

impl Weather {
    /// Whether no rule holds.
    #[inline]
    pub(crate) fn is_fair(&self) -> bool {
        self.rules.is_empty()
    }

    pub(crate) fn set(&mut self, id: RuleId, rule: LinkRule) {
        self.lift(id);
        match (&rule.from, &rule.to) {
            (PeerSet::These(senders), _) => senders.iter().for_each(|peer| self.by_sender.entry(*peer).or_default().push(id)),
            (_, PeerSet::These(receivers)) => receivers.iter().for_each(|peer| self.by_receiver.entry(*peer).or_default().push(id)),
            (PeerSet::All, PeerSet::All) => self.everybody.push(id),
        }
        self.rules.insert(id, rule);
    }

    /// Ends a rule, and gives it. `None` when it did not hold.
    pub(crate) fn lift(&mut self, id: RuleId) -> Option<LinkRule> {
        let rule = self.rules.remove(&id)?;
        let forget = |index: &mut BTreeMap<Peer, Vec<RuleId>>, peers: &[Peer]| {
            for peer in peers {
                if let Some(rules) = index.get_mut(peer) {
                    rules.retain(|known| *known != id);
                    if rules.is_empty() {
                        index.remove(peer);
                    }
                }
            }
        };
        match (&rule.from, &rule.to) {
            (PeerSet::These(senders), _) => forget(&mut self.by_sender, senders),
            (_, PeerSet::These(receivers)) => forget(&mut self.by_receiver, receivers),
            (PeerSet::All, PeerSet::All) => self.everybody.retain(|known| *known != id),
        }
        Some(rule)
    }

    /// What befalls a packet, beside what is known already.
    pub(crate) fn forecast(&self, from: Peer, to: Peer, mut forecast: Forecast) -> Forecast {
        let named = self.by_sender.get(&from).into_iter().flatten();
        let reached = self.by_receiver.get(&to).into_iter().flatten();
        for id in self.everybody.iter().chain(named).chain(reached) {
            if let Some(rule) = self.rules.get(id).filter(|rule| rule.from.contains(from) && rule.to.contains(to)) {
                forecast.add(rule.what);
            }
        }
        forecast
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(from: PeerSet, to: PeerSet, what: LinkFault) -> LinkRule {
        LinkRule { from, to, what }
    }

    #[test]
    fn rules_befall_those_they_name_and_add_up_until_they_are_lifted() {
        let mut weather = Weather::default();
        let (some, others) = (PeerSet::of([Peer(1), Peer(2)]), PeerSet::of([Peer(3)]));
        weather.set(RuleId(1), rule(some.clone(), others.clone(), LinkFault::Cut));
        weather.set(RuleId(2), rule(PeerSet::All, others, LinkFault::Delay(Duration::from_millis(5))));
        weather.set(RuleId(3), rule(PeerSet::All, PeerSet::All, LinkFault::Loss(0.5)));
        weather.set(RuleId(4), rule(some, PeerSet::All, LinkFault::Loss(0.5)));
        let there = weather.forecast(Peer(1), Peer(3), Forecast::default());
        assert!(there.cut && there.delay == Duration::from_millis(5) && there.loss == 0.75);
        let back = weather.forecast(Peer(3), Peer(1), Forecast::default());
        assert!(!back.cut && back.delay == Duration::ZERO && back.loss == 0.5);
        for id in 1..=4 {
            assert!(weather.lift(RuleId(id)).is_some() && weather.lift(RuleId(id)).is_none());
        }
        assert!(weather.is_fair() && weather.by_sender.is_empty() && weather.by_receiver.is_empty() && weather.everybody.is_empty());
    }
}
