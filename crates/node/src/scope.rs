//! Which addresses count on a network.
//!
//! Every network sees addresses that mean nothing on it: a private address in a public DHT is useless to others and tells them about our network;
//! a public one on a LAN leads out of it. They are left out both of what we believe and of what we give to others. What our transports cannot
//! dial is left out everywhere.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

/// Which addresses count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Private, link-local and loopback addresses.
    Local,
    /// Every address that can be dialled.
    Any,
    /// Global addresses and names.
    Public,
}

impl Scope {
    /// Whether `address` can be dialled by our transports and lies in this scope.
    #[must_use]
    pub fn admits(self, address: &Multiaddr) -> bool {
        let mut parts = address.iter();
        let host = match parts.next() {
            Some(Protocol::Ip4(ip)) => self.admits_ip(IpAddr::V4(ip)),
            Some(Protocol::Ip6(ip)) => self.admits_ip(IpAddr::V6(ip)),
            Some(Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_)) => self != Scope::Local,
            Some(Protocol::Dnsaddr(_)) => return self != Scope::Local && parts.next().is_none(),
            _ => false,
        };
        host && match (parts.next(), parts.next(), parts.next()) {
            (Some(Protocol::Tcp(port)), None, None) => port != 0,
            (Some(Protocol::Udp(port)), Some(Protocol::QuicV1), None) => port != 0,
            _ => false,
        }
    }

    fn admits_ip(self, ip: IpAddr) -> bool {
        let dialable = !(ip.is_unspecified() || ip.is_multicast() || ip == IpAddr::V4(Ipv4Addr::BROADCAST));
        dialable
            && match self {
                Scope::Any => true,
                Scope::Local => !is_global(ip),
                Scope::Public => is_global(ip),
            }
    }
}

/// The first IP address of a multiaddr.
#[must_use]
pub fn ip_of(address: &Multiaddr) -> Option<IpAddr> {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => Some(IpAddr::V4(ip)),
        Some(Protocol::Ip6(ip)) => Some(IpAddr::V6(ip)),
        _ => None,
    }
}

/// Whether `ip` is meant to be reachable from everywhere (IANA special-purpose address registries).
#[must_use]
pub fn is_global(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_global_v4(ip),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_global_v4(ip),
            None => is_global_v6(ip),
        },
    }
}

fn is_global_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    let shared = a == 100 && b & 0xc0 == 64;
    let benchmark = a == 198 && b & 0xfe == 18;
    let special = a == 0 || a >= 240 || (a, b, c) == (192, 0, 0);
    !(ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation() || ip.is_multicast() || shared || benchmark || special)
}

fn is_global_v6(ip: Ipv6Addr) -> bool {
    let first = ip.segments()[0];
    let documentation = first == 0x2001 && ip.segments()[1] == 0xdb8;
    // Global unicast is 2000::/3 so far.
    first & 0xe000 == 0x2000 && !documentation
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(scope: Scope, address: &str) -> bool {
        scope.admits(&address.parse().unwrap())
    }

    #[test]
    fn each_scope_admits_what_its_network_can_use() {
        for (address, local, any, public) in [
            ("/ip4/127.0.0.1/tcp/4001", true, true, false),
            ("/ip4/192.168.1.7/udp/4001/quic-v1", true, true, false),
            ("/ip4/100.64.0.1/tcp/1", true, true, false),
            ("/ip6/fe80::1/tcp/4001", true, true, false),
            ("/ip6/fd00::1/tcp/4001", true, true, false),
            ("/ip4/8.8.8.8/tcp/4001", false, true, true),
            ("/ip6/2a00::1/udp/4001/quic-v1", false, true, true),
            ("/ip6/::ffff:10.0.0.1/tcp/4001", true, true, false),
            ("/dns4/example.org/tcp/4001", false, true, true),
            ("/dnsaddr/bootstrap.libp2p.io", false, true, true),
        ] {
            let found = (admitted(Scope::Local, address), admitted(Scope::Any, address), admitted(Scope::Public, address));
            assert_eq!(found, (local, any, public), "{address}");
        }
    }

    #[test]
    fn what_cannot_be_dialled_is_admitted_nowhere() {
        for address in [
            "/ip4/0.0.0.0/tcp/4001",
            "/ip4/8.8.8.8/tcp/0",
            "/ip4/224.0.0.251/udp/5353/quic-v1",
            "/ip4/255.255.255.255/tcp/1",
            "/ip4/8.8.8.8/udp/4001",
            "/ip4/8.8.8.8/tcp/4001/ws",
            "/ip4/8.8.8.8",
            "/memory/7",
            "/unix/socket",
        ] {
            assert!(!admitted(Scope::Any, address), "{address}");
        }
    }
}
