//! Wire primitives for hand-written codecs: varints, length-prefixed frames and protobuf fields.
//!
//! Protocol messages are small and their decoders face hostile bytes, so codecs here borrow from the input, allocate nothing by a length that
//! somebody else claims, and return errors instead of panicking. The encodings:
//!
//! * *unsigned varint*: seven bits a byte, least significant first, the high bit says that more follow (multiformats unsigned-varint; protobuf
//!   allows non-minimal forms, multiformats and frames here do not);
//! * *frame*: a varint length, then that many bytes;
//! * *protobuf field*: a varint tag `number << 3 | type`, then a varint (type 0), eight bytes (1), a length and bytes (2) or four bytes (5).
//!   Fields that a decoder does not know are skipped, as protobuf asks.

use thiserror::Error;

use crate::Peer;

/// Why bytes could not be decoded. Every variant is the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WireError {
    /// The bytes end in the middle of a value.
    #[error("the message ends in the middle of a value")]
    Truncated,
    /// A varint of more than 64 bits, or longer than needed where the shortest form is required.
    #[error("a varint is too long")]
    Varint,
    /// A frame or field that claims more bytes than allowed.
    #[error("a length of {length} bytes is over the limit of {limit}")]
    TooLong {
        /// What was claimed.
        length: u64,
        /// What is allowed.
        limit: u64,
    },
    /// A field type that protobuf does not have, or a field number of zero.
    #[error("a field has the unknown or mismatched wire type {0}")]
    WireType(u8),
    /// A value that the format does not allow.
    #[error("{0}")]
    Invalid(&'static str),
}

/// The longest varint of a 64-bit number.
pub const MAX_VARINT: usize = 10;

/// Appends `value` as an unsigned varint.
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// How many bytes the varint of `value` takes: 1 to 10.
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    (64 - (value | 1).leading_zeros() as usize).div_ceil(7)
}

/// Takes a varint from the front of `bytes`. Non-minimal forms are accepted, as in protobuf.
pub fn take_varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let mut value = 0u64;
    for (i, byte) in bytes.iter().enumerate().take(MAX_VARINT) {
        let part = u64::from(byte & 0x7f);
        if i == 9 && part > 1 {
            return Err(WireError::Varint);
        }
        value |= part << (7 * i);
        if byte & 0x80 == 0 {
            *bytes = &bytes[i + 1..];
            return Ok(value);
        }
    }
    Err(if bytes.len() < MAX_VARINT { WireError::Truncated } else { WireError::Varint })
}

/// Takes a varint that must be in its shortest form, as multiformats and frame lengths require.
pub fn take_minimal_varint(bytes: &mut &[u8]) -> Result<u64, WireError> {
    let before = bytes.len();
    let value = take_varint(bytes)?;
    if before - bytes.len() == varint_len(value) { Ok(value) } else { Err(WireError::Varint) }
}

/// Takes `length` bytes from the front of `bytes`.
pub fn take_bytes<'a>(bytes: &mut &'a [u8], length: u64) -> Result<&'a [u8], WireError> {
    let length = usize::try_from(length).map_err(|_| WireError::Truncated)?;
    let (taken, rest) = bytes.split_at_checked(length).ok_or(WireError::Truncated)?;
    *bytes = rest;
    Ok(taken)
}

/// Appends `body` as a frame.
pub fn put_frame(out: &mut Vec<u8>, body: &[u8]) {
    put_varint(out, body.len() as u64);
    out.extend_from_slice(body);
}

/// Takes a frame of at most `limit` bytes from the front of `bytes`. [`WireError::Truncated`] means that more bytes are needed.
pub fn take_frame<'a>(bytes: &mut &'a [u8], limit: usize) -> Result<&'a [u8], WireError> {
    let mut rest = *bytes;
    let length = take_minimal_varint(&mut rest)?;
    if length > limit as u64 {
        return Err(WireError::TooLong { length, limit: limit as u64 });
    }
    let body = take_bytes(&mut rest, length)?;
    *bytes = rest;
    Ok(body)
}

/// Appends a protobuf varint field.
pub fn put_varint_field(out: &mut Vec<u8>, number: u32, value: u64) {
    put_varint(out, u64::from(number) << 3);
    put_varint(out, value);
}

/// Appends a protobuf bytes field: also strings and embedded messages.
pub fn put_bytes_field(out: &mut Vec<u8>, number: u32, value: &[u8]) {
    put_varint(out, u64::from(number) << 3 | 2);
    put_frame(out, value);
}

/// How many bytes [`put_varint_field`] writes.
#[must_use]
pub const fn varint_field_len(number: u32, value: u64) -> usize {
    varint_len((number as u64) << 3) + varint_len(value)
}

/// How many bytes [`put_bytes_field`] writes for a value of `length` bytes.
#[must_use]
pub const fn bytes_field_len(number: u32, length: usize) -> usize {
    varint_len((number as u64) << 3) + varint_len(length as u64) + length
}

/// The value of a protobuf field, as it is on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FieldValue<'a> {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64(u64),
    /// Wire type 2.
    Bytes(&'a [u8]),
    /// Wire type 5.
    Fixed32(u32),
}

impl<'a> FieldValue<'a> {
    /// The varint, or an error if the field is of another type.
    pub fn varint(self) -> Result<u64, WireError> {
        match self {
            FieldValue::Varint(value) => Ok(value),
            other => Err(WireError::WireType(other.wire_type())),
        }
    }

    /// The bytes, or an error if the field is of another type.
    pub fn bytes(self) -> Result<&'a [u8], WireError> {
        match self {
            FieldValue::Bytes(value) => Ok(value),
            other => Err(WireError::WireType(other.wire_type())),
        }
    }

    fn wire_type(self) -> u8 {
        match self {
            FieldValue::Varint(_) => 0,
            FieldValue::Fixed64(_) => 1,
            FieldValue::Bytes(_) => 2,
            FieldValue::Fixed32(_) => 5,
        }
    }
}

/// Reads the fields of a protobuf message, in the order they stand.
#[derive(Clone, Debug)]
pub struct FieldReader<'a> {
    rest: &'a [u8],
}

impl<'a> FieldReader<'a> {
    /// A reader of `message`.
    #[must_use]
    pub const fn new(message: &'a [u8]) -> Self {
        Self { rest: message }
    }

    /// The next field's number and value, or `None` at the end.
    #[allow(clippy::should_implement_trait, reason = "an iterator of results would go on after an error")]
    pub fn next(&mut self) -> Result<Option<(u32, FieldValue<'a>)>, WireError> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let tag = take_varint(&mut self.rest)?;
        let number = u32::try_from(tag >> 3).ok().filter(|n| *n != 0).ok_or(WireError::Invalid("a field number is out of range"))?;
        let value = match tag & 7 {
            0 => FieldValue::Varint(take_varint(&mut self.rest)?),
            1 => FieldValue::Fixed64(u64::from_le_bytes(self.take_array()?)),
            2 => {
                let length = take_varint(&mut self.rest)?;
                FieldValue::Bytes(take_bytes(&mut self.rest, length)?)
            }
            5 => FieldValue::Fixed32(u32::from_le_bytes(self.take_array()?)),
            other => return Err(WireError::WireType(other as u8)),
        };
        Ok(Some((number, value)))
    }

    fn take_array<const N: usize>(&mut self) -> Result<[u8; N], WireError> {
        let (taken, rest) = self.rest.split_first_chunk().ok_or(WireError::Truncated)?;
        self.rest = rest;
        Ok(*taken)
    }
}

/// Translates between the handles that protocols use and the ids and addresses that stand on the wire.
///
/// The real node's address book is one; the simulator has one that makes ids up.
pub trait Directory {
    /// The handle of the peer with this binary id. Valid `addresses` are remembered. `None` when the id is malformed or the book is full.
    fn intern(&mut self, id: &[u8], addresses: &[&[u8]]) -> Option<Peer>;
    /// The binary id of `peer`, empty when the handle is unknown.
    fn id(&self, peer: Peer) -> &[u8];
    /// The binary multiaddrs to give to others for `peer`, best first.
    fn addresses(&self, peer: Peer) -> Vec<Vec<u8>>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn varints_are_the_published_ones() {
        for (value, bytes) in
            [(0, &[0][..]), (127, &[0x7f]), (128, &[0x80, 1]), (300, &[0xac, 2]), (u64::MAX, &[255, 255, 255, 255, 255, 255, 255, 255, 255, 1])]
        {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            assert_eq!(out, bytes);
        }
    }

    #[test]
    fn hostile_varints_are_errors() {
        assert_eq!(take_varint(&mut &[0x80][..]), Err(WireError::Truncated));
        assert_eq!(take_varint(&mut &[0xff; 11][..]), Err(WireError::Varint));
        assert_eq!(take_varint(&mut &[255, 255, 255, 255, 255, 255, 255, 255, 255, 2][..]), Err(WireError::Varint));
        assert_eq!(take_minimal_varint(&mut &[0x80, 0][..]), Err(WireError::Varint));
    }

    #[test]
    fn a_frame_over_the_limit_is_refused_before_its_body_is_there() {
        assert_eq!(take_frame(&mut &[0xff, 0xff, 0x03][..], 1024), Err(WireError::TooLong { length: 65535, limit: 1024 }));
    }

    proptest! {
        #[test]
        fn varints_round_trip(value: u64) {
            let mut out = Vec::new();
            put_varint(&mut out, value);
            prop_assert_eq!(out.len(), varint_len(value));
            let mut rest = &out[..];
            prop_assert_eq!(take_minimal_varint(&mut rest), Ok(value));
            prop_assert!(rest.is_empty());
        }

        #[test]
        fn fields_round_trip(number in 1u32..1 << 29, value: u64, bytes: Vec<u8>) {
            let mut out = Vec::new();
            put_varint_field(&mut out, number, value);
            prop_assert_eq!(out.len(), varint_field_len(number, value));
            put_bytes_field(&mut out, number, &bytes);
            prop_assert_eq!(out.len(), varint_field_len(number, value) + bytes_field_len(number, bytes.len()));
            let mut reader = FieldReader::new(&out);
            prop_assert_eq!(reader.next(), Ok(Some((number, FieldValue::Varint(value)))));
            prop_assert_eq!(reader.next(), Ok(Some((number, FieldValue::Bytes(&bytes)))));
            prop_assert_eq!(reader.next(), Ok(None));
        }

        #[test]
        fn any_bytes_are_read_without_panic_and_to_an_end(bytes: Vec<u8>) {
            let mut reader = FieldReader::new(&bytes);
            let mut fields = 0;
            while let Ok(Some(_)) = reader.next() {
                fields += 1;
            }
            prop_assert!(fields <= bytes.len());
        }
    }
}
