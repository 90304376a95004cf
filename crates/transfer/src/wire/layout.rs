//! [`FORMAT`]: the fields of a message, for whoever looks at its bytes.

use peerglass_core::layout::{Format, Holds, Known};

/// The fields of a Bitswap message (Bitswap 1.2.0, section "Wire format").
pub const FORMAT: Format = Format(&[
    Known(1, "wantlist", Holds::Message(&WANTLIST)),
    Known(2, "block", Holds::Data),
    Known(3, "payload", Holds::Message(&BLOCK)),
    Known(4, "presence", Holds::Message(&PRESENCE)),
    Known(5, "pending_bytes", Holds::Number),
]);

const WANTLIST: Format = Format(&[Known(1, "entry", Holds::Message(&ENTRY)), Known(2, "full", Holds::Flag)]);

const ENTRY: Format = Format(&[
    Known(1, "cid", Holds::Cid),
    Known(2, "priority", Holds::Number),
    Known(3, "cancel", Holds::Flag),
    Known(4, "want_type", Holds::Choice(&["Block", "Have"])),
    Known(5, "send_dont_have", Holds::Flag),
]);

const BLOCK: Format = Format(&[Known(1, "prefix", Holds::Bytes), Known(2, "data", Holds::Data)]);

const PRESENCE: Format = Format(&[Known(1, "cid", Holds::Cid), Known(2, "type", Holds::Choice(&["Have", "DontHave"]))]);
