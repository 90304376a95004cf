//! Rules about groups, and about scopes wherever peers are named.

use super::Rules;
use crate::scenario::{ALL, FETCHERS, PUBLISHERS, PeerRange, Scenario, ScenarioError, Scope, Table};

impl Rules<'_> {
    pub(super) fn groups(&self) -> Result<(), ScenarioError> {
        let groups = &self.scenario.group;
        for (i, group) in groups.iter().enumerate() {
            let table = Table::nth("group", i);
            let fresh = ![ALL, PUBLISHERS, FETCHERS, ""].contains(&group.name.as_str()) && groups[..i].iter().all(|other| other.name != group.name);
            self.require(fresh, table, "name", || format!("the name `{}` is taken: give the group one of its own", group.name))?;
            let key = match group.members {
                Scope::Peers(_) => "peers",
                Scope::Range(_) => "range",
                Scope::Fraction(..) => "fraction",
                Scope::Count(..) => "count",
                Scope::Group(_) => "of",
            };
            let known = |name: &str| name == ALL || groups[..i].iter().any(|other| other.name == name);
            let of = group.members.group();
            self.require(of.is_none_or(known), table, "of", || {
                format!("there is no group `{}` above this one: groups are made of `all` or of groups that stand before them", of.unwrap_or_default())
            })?;
            self.scope(table, key, &group.members)?;
            let empty = self.scenario.peers > 0 && size(self.scenario, &group.members) == Some(0);
            self.require(!empty, table, key, || format!("nobody is in the group `{}`: make it larger", group.name))?;
        }
        Ok(())
    }

    /// Whoever is named must exist, and so many.
    pub(super) fn scope(&self, table: Table<'_>, key: &str, scope: &Scope) -> Result<(), ScenarioError> {
        let peers = self.scenario.peers;
        let unknown = scope.group().filter(|name| !self.is_group(name));
        self.require(unknown.is_none(), table, key, || {
            let mut names = vec![ALL, PUBLISHERS, FETCHERS];
            names.extend(self.scenario.group.iter().map(|group| group.name.as_str()));
            format!("there is no group `{}`: there are {}", unknown.unwrap_or_default(), names.join(", "))
        })?;
        match scope {
            Scope::Peers(named) => {
                self.require(!named.is_empty(), table, key, || "no peer is named here: name some".into())?;
                let last = named.last().copied().unwrap_or(0);
                self.require(last < peers, table, key, || no_such_peer(last, peers))
            }
            Scope::Range(range) => self.require(range.to <= peers, table, key, || no_such_peer(range.to - 1, peers)),
            Scope::Count(count, of) => {
                let most = size(self.scenario, &Scope::Group(of.clone()));
                self.require(most.is_none_or(|most| *count <= most), table, key, || {
                    format!("{count} peers are asked for, but there are {} of {{{of}}}", most.unwrap_or(0))
                })
            }
            Scope::Group(_) | Scope::Fraction(..) => Ok(()),
        }
    }

    fn is_group(&self, name: &str) -> bool {
        [ALL, PUBLISHERS, FETCHERS].contains(&name) || self.scenario.group.iter().any(|group| group.name == name)
    }
}

fn no_such_peer(peer: u32, peers: u32) -> String {
    match peers {
        0 => format!("there is no peer {peer}: there are no peers at all"),
        _ => format!("there is no peer {peer}: they are numbered from 0 to {}", peers - 1),
    }
}

/// How many a scope means, if that does not depend on the dice.
pub(crate) fn size(scenario: &Scenario, scope: &Scope) -> Option<u32> {
    match scope {
        Scope::Peers(peers) => Some(peers.len() as u32),
        Scope::Range(range) => Some(range.to - range.from),
        Scope::Fraction(share, of) => size(scenario, &Scope::Group(of.clone())).map(|all| share.of(all)),
        Scope::Count(count, _) => Some(*count),
        Scope::Group(name) if name == ALL => Some(scenario.peers),
        Scope::Group(name) => scenario.group.iter().find(|group| group.name == *name).and_then(|group| size(scenario, &group.members)),
    }
}

/// The very peers that a scope means, if that does not depend on the dice.
pub(super) fn exact(scenario: &Scenario, scope: &Scope) -> Option<Vec<PeerRange>> {
    match scope {
        Scope::Peers(peers) => Some(peers.iter().map(|peer| PeerRange { from: *peer, to: peer.saturating_add(1) }).collect()),
        Scope::Range(range) => Some(vec![*range]),
        Scope::Fraction(..) | Scope::Count(..) => None,
        Scope::Group(name) if name == ALL => Some(vec![PeerRange { from: 0, to: scenario.peers }]),
        Scope::Group(name) => scenario.group.iter().find(|group| group.name == *name).and_then(|group| exact(scenario, &group.members)),
    }
}
