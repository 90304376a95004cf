//! [`WireMessage`]: the protobuf message, with ids and addresses as bytes.

use peerglass_core::wire::{FieldReader, FieldValue, WireError, bytes_field_len, put_bytes_field, put_varint, put_varint_field, varint_len};

/// Frames up to this length are accepted: 4 MiB, as in Go, Nim and Python.
pub const MAX_FRAME: usize = 4 << 20;
/// Frames that are sent stay below this whenever leaving addresses out makes it possible: the limit of rust-libp2p.
pub(super) const MAX_SENT: usize = 16 << 10;
/// Closer peers taken from a message: 2k, as in Go.
pub const MAX_CLOSER: usize = 40;
/// Provider peers taken from a message.
pub const MAX_PROVIDERS: usize = 1024;
/// Bytes of addresses taken for one peer: 8 KiB, as in Go.
pub const MAX_PEER_BYTES: usize = 8 << 10;

/// The type of a message.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kind {
    /// 0, and also what an absent type means.
    #[default]
    PutValue,
    /// 1.
    GetValue,
    /// 2.
    AddProvider,
    /// 3.
    GetProviders,
    /// 4.
    FindNode,
    /// 5. Deprecated.
    Ping,
}

impl Kind {
    const ALL: [Kind; 6] = [Kind::PutValue, Kind::GetValue, Kind::AddProvider, Kind::GetProviders, Kind::FindNode, Kind::Ping];

    fn from_number(number: u64) -> Result<Kind, WireError> {
        let index = usize::try_from(number).ok();
        index.and_then(|i| Self::ALL.get(i)).copied().ok_or(WireError::Invalid("the message has an unknown type"))
    }
}

/// A message as it stands on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireMessage {
    /// What it is. Requests and answers have the same type.
    pub kind: Kind,
    /// A binary peer id, a multihash or a record key.
    pub key: Vec<u8>,
    /// The record of PUT_VALUE and of the answer to GET_VALUE.
    pub record: Option<WireRecord>,
    /// Peers that are closer to the key.
    pub closer: Vec<WirePeer>,
    /// Peers that have the content.
    pub providers: Vec<WirePeer>,
}

/// A record as it stands on the wire. The receiver's time stamp in it is ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WireRecord {
    /// Must be the message's key.
    pub key: Vec<u8>,
    /// What is stored.
    pub value: Vec<u8>,
}

/// A peer as it stands on the wire. The connection hint in it is ignored: it is not to be trusted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WirePeer {
    /// The binary peer id.
    pub id: Vec<u8>,
    /// Binary multiaddrs, best first.
    pub addresses: Vec<Vec<u8>>,
}

impl WireMessage {
    /// Reads the body of a frame. Bounded by the length of `bytes`, whatever is in them.
    ///
    /// # Errors
    /// When the bytes are not protobuf, a known field has the wrong type, or the message's type is unknown.
    pub fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut message = Self::default();
        let mut reader = FieldReader::new(bytes);
        while let Some((number, value)) = reader.next()? {
            match number {
                1 => message.kind = Kind::from_number(value.varint()?)?,
                2 => message.key = value.bytes()?.to_vec(),
                3 => message.record = Some(WireRecord::decode(value.bytes()?)?),
                8 => push_peer(&mut message.closer, MAX_CLOSER, value)?,
                9 => push_peer(&mut message.providers, MAX_PROVIDERS, value)?,
                _ => {}
            }
        }
        Ok(message)
    }

    /// Appends the body of the frame to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        if self.kind != Kind::PutValue {
            put_varint_field(out, 1, self.kind as u64);
        }
        if !self.key.is_empty() {
            put_bytes_field(out, 2, &self.key);
        }
        if let Some(record) = &self.record {
            put_varint(out, 3 << 3 | 2);
            put_varint(out, record.len() as u64);
            record.encode(out);
        }
        self.closer.iter().for_each(|peer| peer.encode(8, out));
        self.providers.iter().for_each(|peer| peer.encode(9, out));
    }

    /// How many bytes [`WireMessage::encode`] writes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let kind = if self.kind == Kind::PutValue { 0 } else { 2 };
        let key = optional_len(&self.key, 2);
        let record = self.record.as_ref().map_or(0, |record| bytes_field_len(3, record.len()));
        let peers = self.closer.iter().chain(&self.providers).map(|peer| bytes_field_len(8, peer.len()));
        kind + key + record + peers.sum::<usize>()
    }

    /// Leaves addresses out, the last of each peer first and at least one kept, until the frame is short enough or no address can be spared.
    pub(super) fn trim(&mut self) {
        let mut most = self.peers_mut().map(|peer| peer.addresses.len()).max().unwrap_or(0);
        while most > 1 && varint_len(self.encoded_len() as u64) + self.encoded_len() > MAX_SENT {
            most -= 1;
            self.peers_mut().for_each(|peer| peer.addresses.truncate(most));
        }
    }

    fn peers_mut(&mut self) -> impl Iterator<Item = &mut WirePeer> {
        self.closer.iter_mut().chain(&mut self.providers)
    }
}

fn push_peer(peers: &mut Vec<WirePeer>, limit: usize, value: FieldValue<'_>) -> Result<(), WireError> {
    let peer = WirePeer::decode(value.bytes()?)?;
    if peers.len() < limit {
        peers.push(peer);
    }
    Ok(())
}

fn optional_len(bytes: &[u8], number: u32) -> usize {
    if bytes.is_empty() { 0 } else { bytes_field_len(number, bytes.len()) }
}

impl WireRecord {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut record = Self::default();
        let mut reader = FieldReader::new(bytes);
        while let Some((number, value)) = reader.next()? {
            match number {
                1 => record.key = value.bytes()?.to_vec(),
                2 => record.value = value.bytes()?.to_vec(),
                _ => {}
            }
        }
        Ok(record)
    }

    fn len(&self) -> usize {
        optional_len(&self.key, 1) + optional_len(&self.value, 2)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for (number, bytes) in [(1, &self.key), (2, &self.value)] {
            if !bytes.is_empty() {
                put_bytes_field(out, number, bytes);
            }
        }
    }
}

impl WirePeer {
    fn decode(bytes: &[u8]) -> Result<Self, WireError> {
        let mut peer = Self::default();
        let mut used = 0;
        let mut reader = FieldReader::new(bytes);
        while let Some((number, value)) = reader.next()? {
            match number {
                1 => peer.id = value.bytes()?.to_vec(),
                2 => {
                    let address = value.bytes()?;
                    // Trailing addresses are cut: once one does not fit, none after it counts.
                    used += address.len();
                    if used <= MAX_PEER_BYTES && !address.is_empty() {
                        peer.addresses.push(address.to_vec());
                    }
                }
                _ => {}
            }
        }
        Ok(peer)
    }

    fn len(&self) -> usize {
        optional_len(&self.id, 1) + self.addresses.iter().map(|address| bytes_field_len(2, address.len())).sum::<usize>()
    }

    fn encode(&self, number: u32, out: &mut Vec<u8>) {
        put_varint(out, u64::from(number) << 3 | 2);
        put_varint(out, self.len() as u64);
        if !self.id.is_empty() {
            put_bytes_field(out, 1, &self.id);
        }
        self.addresses.iter().for_each(|address| put_bytes_field(out, 2, address));
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;
