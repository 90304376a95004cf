//! Binary ids and addresses as people write them.

use libp2p::{Multiaddr, PeerId};

/// A peer id in base 58, if `bytes` are one.
#[must_use]
pub fn peer_id(bytes: &[u8]) -> Option<String> {
    PeerId::from_bytes(bytes).ok().map(|id| id.to_base58())
}

/// A multiaddr as text, if `bytes` are one.
#[must_use]
pub fn address(bytes: &[u8]) -> Option<String> {
    Multiaddr::try_from(bytes.to_vec()).ok().map(|address| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_addresses_are_written_as_people_write_them() {
        let address_bytes = [0x04, 192, 0, 2, 7, 0x06, 0x0f, 0xa1];
        assert_eq!(address(&address_bytes).as_deref(), Some("/ip4/192.0.2.7/tcp/4001"));
        let id = PeerId::random();
        assert_eq!(peer_id(&id.to_bytes()), Some(id.to_base58()));
        assert_eq!((peer_id(b"nobody"), address(b"nowhere")), (None, None));
    }
}
