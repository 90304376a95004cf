//! [`FORMAT`]: the fields of a message, for whoever looks at its bytes.

use peerglass_core::layout::{Format, Holds, Known};

/// The fields of libp2p's Kademlia message (libp2p/specs, kad-dht, "RPC messages"), those that we neither send nor heed included.
pub const FORMAT: Format = Format(&[
    Known(1, "type", Holds::Choice(&["PUT_VALUE", "GET_VALUE", "ADD_PROVIDER", "GET_PROVIDERS", "FIND_NODE", "PING"])),
    Known(2, "key", Holds::Bytes),
    Known(3, "record", Holds::Message(&RECORD)),
    Known(8, "closer", Holds::Message(&PEER)),
    Known(9, "provider", Holds::Message(&PEER)),
    Known(10, "cluster_level", Holds::Number),
]);

const PEER: Format = Format(&[
    Known(1, "id", Holds::PeerId),
    Known(2, "address", Holds::Address),
    Known(3, "connection", Holds::Choice(&["NOT_CONNECTED", "CONNECTED", "CAN_CONNECT", "CANNOT_CONNECT"])),
]);

const RECORD: Format = Format(&[Known(1, "key", Holds::Bytes), Known(2, "value", Holds::Bytes), Known(5, "time_received", Holds::Bytes)]);
