//! Networks as profiles: which DHT to join, how to find the first peer, which addresses count.
//!
//! Two DHTs with one protocol id merge for ever on the first contact between any two of their members, so each profile has its own id and only
//! `ipfs` uses Amino's. There a node is a client unless told otherwise: a server must be reachable from everywhere (libp2p kad-dht specification,
//! "client and server mode").
//!
//! | | `lan` | `private` | `ipfs` |
//! |---|---|---|---|
//! | Kademlia id | `/peerglass/lan/kad/1.0.0` | `/peerglass/kad/1.0.0` | `/ipfs/kad/1.0.0` |
//! | first peers | mDNS | `--bootstrap` | Amino's list |
//! | addresses | private, link-local, loopback | all that can be dialled | public, DNS |
//! | mode at first | server | server | client |

use std::fmt;
use std::str::FromStr;

use libp2p::{Multiaddr, StreamProtocol};
use peerglass_kad as kad;
use thiserror::Error;

use crate::scope::Scope;

/// The protocol id of block exchange, the same on all networks so that others' software can fetch from us.
pub const BITSWAP: StreamProtocol = StreamProtocol::new("/ipfs/bitswap/1.2.0");

/// Amino's bootstrap peers, as go-libp2p-kad-dht ships them.
const AMINO: [&str; 5] = [
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmNnooDu7bfjPFoTZYxMNLWUQJyrVwtbZg5gBMjTezGAJN",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmQCU2EcMqAqQPR2i9bChDtGNJchTbq5TbXJJ16u19uLTa",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmbLHAnMoJPWSCR5Zhtx6BHJX9KiKNN6tpvbUcqanj75Nb",
    "/dnsaddr/bootstrap.libp2p.io/p2p/QmcZf59bWwK5XFi76CZX8cbJ4BhTzzA3gU1ZjYZcYW3dwt",
    "/ip4/104.131.131.82/tcp/4001/p2p/QmaCpDMGvV2BGHeYERUEnRQAwe3N8SzbUtfsmvsqQLuvuJ",
];

/// Which network to join.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Network {
    /// The machines around: peers are found by mDNS.
    Lan,
    /// Peers of one's own: the first one is named.
    #[default]
    Private,
    /// The public IPFS network.
    Ipfs,
}

/// A network by a name that there is not.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("there is no network called `{0}`: choose lan, private or ipfs")]
pub struct UnknownNetwork(pub String);

impl Network {
    /// The protocol id of its Kademlia.
    #[must_use]
    pub const fn kad_protocol(self) -> StreamProtocol {
        match self {
            Network::Lan => StreamProtocol::new("/peerglass/lan/kad/1.0.0"),
            Network::Private => StreamProtocol::new("/peerglass/kad/1.0.0"),
            Network::Ipfs => StreamProtocol::new("/ipfs/kad/1.0.0"),
        }
    }

    /// What identify says this network is.
    #[must_use]
    pub const fn identify_version(self) -> &'static str {
        match self {
            Network::Lan => "/peerglass/lan/1",
            Network::Private => "/peerglass/private/1",
            Network::Ipfs => "ipfs/0.1.0",
        }
    }

    /// Whether peers are looked for by mDNS.
    #[must_use]
    pub const fn mdns(self) -> bool {
        matches!(self, Network::Lan)
    }

    /// Which addresses count.
    #[must_use]
    pub const fn scope(self) -> Scope {
        match self {
            Network::Lan => Scope::Local,
            Network::Private => Scope::Any,
            Network::Ipfs => Scope::Public,
        }
    }

    /// Whether a node serves Kademlia to others from the start.
    #[must_use]
    pub const fn mode(self) -> kad::Mode {
        match self {
            Network::Lan | Network::Private => kad::Mode::Server,
            Network::Ipfs => kad::Mode::Client,
        }
    }

    /// The peers to start from when none are named.
    #[must_use]
    pub fn bootstrap(self) -> Vec<Multiaddr> {
        match self {
            Network::Lan | Network::Private => Vec::new(),
            Network::Ipfs => AMINO.iter().filter_map(|address| address.parse().ok()).collect(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Network::Lan => "lan",
            Network::Private => "private",
            Network::Ipfs => "ipfs",
        })
    }
}

impl FromStr for Network {
    type Err = UnknownNetwork;

    fn from_str(name: &str) -> Result<Self, UnknownNetwork> {
        match name {
            "lan" => Ok(Network::Lan),
            "private" => Ok(Network::Private),
            "ipfs" => Ok(Network::Ipfs),
            _ => Err(UnknownNetwork(name.to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_networks_are_read_as_they_are_written() {
        for network in [Network::Lan, Network::Private, Network::Ipfs] {
            assert_eq!(network.to_string().parse(), Ok(network));
        }
        assert!("amino".parse::<Network>().unwrap_err().to_string().contains("lan, private or ipfs"));
    }

    #[test]
    fn only_ipfs_has_peers_to_start_from_and_all_of_them_parse() {
        assert_eq!(Network::Ipfs.bootstrap().len(), AMINO.len());
        assert!(Network::Private.bootstrap().is_empty());
    }
}
