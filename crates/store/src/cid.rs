//! Content identifiers: reading them from text that a person typed, and from bytes that a stranger sent.
//!
//! A CID names a block by what is in it. Version 1 is four parts, version 0 only the last of them (then the codec is dag-pb):
//!
//! ```text
//!   varint version | varint codec | varint hash function | varint digest length | digest
//!        1         |  0x55 raw    |     0x1e blake3      |         32           | ...
//! ```
//!
//! As text, version 1 has a letter for the base in front (`b` = base32, the default) and version 0 is base58 and starts with `Qm`. People paste CIDs
//! with `ipfs://` or `/ipfs/` before them and paths behind them, cut them short, or paste a peer id instead: [`parse_cid`] says which it was.
//!
//! Specification: <https://github.com/multiformats/cid>.

use thiserror::Error;

use crate::Cid;

/// The codec of a block that is bytes and nothing else: a leaf of a file.
pub const RAW: u64 = 0x55;
/// The codec of a block with links: [`crate::dag_pb`].
pub const DAG_PB: u64 = 0x70;
/// The hash "function" whose digest is the data itself.
pub const IDENTITY: u64 = 0x00;
/// The longest identity digest that we take: also the longest digest of any kind that a [`Cid`] holds here (specification: 128).
pub const MAX_DIGEST: usize = 64;

/// Why a text or some bytes are not a CID that can be used.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CidError {
    /// Nothing was given.
    #[error(
        "the CID is empty: give the text that `peerglass share` printed, for example bafkr4ig4ljhnxasawambeqcsymycobuw7ftxdjr3iusquxax2maa5artku"
    )]
    Empty,
    /// The text has a path behind the CID.
    #[error("\"{0}\" has a path behind the CID: give the CID alone, it stands before the first slash")]
    HasPath(String),
    /// A peer id in place of a CID.
    #[error("\"{0}\" is a peer id, not a CID: it says who, not what. Give the CID that `peerglass share` printed")]
    PeerId(String),
    /// A link to something that changes.
    #[error("\"{0}\" is an IPNS name, which points to changing content: resolve it first and give the CID")]
    Ipns(String),
    /// Not the text form of any CID.
    #[error("\"{text}\" is not a CID: {why}")]
    Malformed {
        /// What was given.
        text: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Bytes that are not a CID.
    #[error("these bytes are not a CID: {0}")]
    Binary(&'static str),
    /// A digest that is longer than allowed.
    #[error("the CID holds a digest of {0} bytes and at most {MAX_DIGEST} are accepted: data that long must travel as a block")]
    DigestTooLong(u64),
}

/// Reads a CID from text: version 0 or 1, any multibase, with or without `ipfs://` or `/ipfs/` before it.
pub fn parse_cid(text: &str) -> Result<Cid, CidError> {
    let bare = strip(text)?;
    let malformed = |why| CidError::Malformed { text: bare.to_owned(), why };
    if let Some(why) = obvious_mistake(bare) {
        return Err(malformed(why));
    }
    let cid = Cid::try_from(bare).map_err(|error| malformed(explain(bare, &error)))?;
    if cid.codec() == 0x72 {
        return Err(CidError::PeerId(bare.to_owned()));
    }
    Ok(cid)
}

/// Takes away what people paste around a CID.
fn strip(text: &str) -> Result<&str, CidError> {
    let text = text.trim().trim_matches(|c| c == '"' || c == '\'' || c == '`');
    if text.starts_with("ipns://") || text.starts_with("/ipns/") {
        return Err(CidError::Ipns(text.to_owned()));
    }
    let bare = ["ipfs://", "/ipfs/", "ipfs/"].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    let bare = bare.strip_suffix('/').unwrap_or(bare);
    match bare {
        "" => Err(CidError::Empty),
        _ if bare.contains('/') => Err(CidError::HasPath(text.to_owned())),
        _ if bare.starts_with("12D3Koo") || (bare.starts_with("16Uiu2HA")) => Err(CidError::PeerId(bare.to_owned())),
        _ => Ok(bare),
    }
}

fn obvious_mistake(text: &str) -> Option<&'static str> {
    if text.chars().any(char::is_whitespace) {
        Some("there is a space in it; give one CID, without line breaks")
    } else if !text.is_ascii() {
        Some("it has letters that no CID has; copy it again")
    } else if text.contains("...") || text.contains('…') {
        Some("it was shortened for display; copy the whole of it")
    } else if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Some("it looks like a bare hash in hexadecimal; a CID also says which hash function and codec")
    } else {
        None
    }
}

fn explain(text: &str, error: &::cid::Error) -> &'static str {
    use ::cid::Error;
    let first = text.bytes().next().unwrap_or(b' ');
    match error {
        _ if text.starts_with("Qm") => "a CID of version 0 has 46 characters of base58; some are missing, too many or mistyped",
        _ if first == b'B' || text.starts_with("bA") => "capital and small letters are mixed; the base32 form is all small letters",
        Error::ParsingError if first == b'b' => "a character is mistyped or missing (base32 has only a-z and 2-7); copy it again",
        Error::InputTooShort | Error::VarIntDecodeError | Error::Io(_) => "it is too short; copy the whole of it",
        Error::InvalidCidVersion => "it decodes to an unknown CID version; copy it again",
        _ => "a CID starts with b (or Qm) and has about 60 characters; copy it again",
    }
}

/// Reads the binary form of a CID, which must take up all of `bytes`. For hostile input: never panics.
pub fn cid_from_bytes(bytes: &[u8]) -> Result<Cid, CidError> {
    if bytes.len() > MAX_DIGEST + 40 {
        return Err(CidError::DigestTooLong(bytes.len() as u64));
    }
    let mut rest = bytes;
    let cid = Cid::read_bytes(&mut rest).map_err(|_| CidError::Binary("version, codec, hash and digest do not fit together"))?;
    if !rest.is_empty() {
        return Err(CidError::Binary("bytes are left over behind the digest"));
    }
    Ok(cid)
}

/// The data of an identity CID, which holds it in place of a hash.
#[must_use]
pub fn inline_data(cid: &Cid) -> Option<&[u8]> {
    (cid.hash().code() == IDENTITY).then(|| cid.hash().digest())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const RAW_CID: &str = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4";
    const V0: &str = "QmUNLLsPACCz1vLxQVkXqqLX5R1X345qqfHbsf67hvA3Nn";

    #[test]
    fn what_people_paste_around_a_cid_is_taken_away() {
        let cid = parse_cid(RAW_CID).unwrap();
        for form in ["ipfs://", "/ipfs/", " ", "\"", ""] {
            assert_eq!(parse_cid(&format!("{form}{RAW_CID}")).unwrap(), cid);
        }
        assert_eq!(parse_cid(&format!("/ipfs/{V0}/")).unwrap().codec(), DAG_PB);
    }

    #[test]
    fn each_mistake_gets_its_own_advice() {
        assert_eq!(parse_cid(" "), Err(CidError::Empty));
        assert!(matches!(parse_cid(&format!("{RAW_CID}/a/b")), Err(CidError::HasPath(_))));
        assert!(matches!(parse_cid("12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN"), Err(CidError::PeerId(_))));
        assert!(matches!(parse_cid("/ipns/docs.ipfs.tech"), Err(CidError::Ipns(_))));
        for (text, words) in [
            (&RAW_CID[..40], "mistyped or missing"),
            (&V0[..45], "46 characters"),
            ("hello", "copy it again"),
            ("a948904f2f0f479b8f8197694b30184b0d2ed1c1cd2a1ec0fb85d299a192a447", "bare hash"),
            ("bafk... ", "shortened"),
        ] {
            let error = parse_cid(text).unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn binary_cids_are_taken_whole_or_not_at_all() {
        let bytes = parse_cid(RAW_CID).unwrap().to_bytes();
        assert_eq!(cid_from_bytes(&bytes).unwrap().to_string(), RAW_CID);
        assert!(cid_from_bytes(&bytes[..bytes.len() - 1]).is_err());
        assert!(cid_from_bytes(&[&bytes[..], &[0]].concat()).is_err());
        assert_eq!(inline_data(&parse_cid("bafkqaaa").unwrap()), Some(&[][..]));
    }

    #[test]
    fn an_identity_cid_with_too_long_a_digest_is_refused() {
        let mut bytes = vec![1, RAW as u8, IDENTITY as u8, 0x81, 0x01];
        bytes.extend([0; 129]);
        assert!(matches!(cid_from_bytes(&bytes), Err(CidError::DigestTooLong(_))));
        let mut bytes = vec![1, RAW as u8, IDENTITY as u8, 65];
        bytes.extend([0; 65]);
        assert!(cid_from_bytes(&bytes).is_err());
    }

    proptest! {
        #[test]
        fn no_text_and_no_bytes_make_the_parsers_panic(text: String, bytes: Vec<u8>) {
            let _ = parse_cid(&text);
            if let Ok(cid) = cid_from_bytes(&bytes) {
                prop_assert_eq!(cid_from_bytes(&cid.to_bytes()), Ok(cid));
            }
        }
    }
}
