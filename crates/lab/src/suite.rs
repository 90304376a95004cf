//! The conformance suite: what must hold whichever driver runs the peers.
//!
//! A [`Case`] is a description, not code: so many peers, some content, and steps with what is expected of each. One description is carried out twice, by
//! the simulator ([`crate::suite_sim`]) and by real nodes over real sockets (in the tests of the `peerglass` binary), and must come out the same. A protocol
//! that only works in one of its two worlds is caught here.

use peerglass_core::Key;

/// One case: a small network and what happens in it.
#[derive(Clone, Copy, Debug)]
pub struct Case {
    /// What it shows.
    pub name: &'static str,
    /// How many peers join, all through peer 0.
    pub peers: usize,
    /// How many bytes of content there are.
    pub bytes: u64,
    /// What happens, one after the other.
    pub steps: &'static [Step],
}

/// Something done to the network, and what must come of it.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Peers share the content.
    Publish {
        /// Which.
        by: &'static [usize],
    },
    /// A peer serves blocks that are not what they are called, from now on.
    Corrupt {
        /// Which.
        peer: usize,
    },
    /// A peer dies without a word.
    Stop {
        /// Which.
        peer: usize,
    },
    /// A peer fetches the content, knowing nothing but its CID.
    Fetch {
        /// Which.
        by: usize,
        /// What happens while it does.
        meanwhile: Option<Meanwhile>,
        /// How it ends.
        expect: Fetch,
    },
    /// A peer asks who provides the content.
    Providers {
        /// Who asks.
        by: usize,
        /// The providers found, in ascending order.
        expect: &'static [usize],
    },
    /// A peer asks who provides something that nobody ever shared.
    MissingKey {
        /// Who asks.
        by: usize,
    },
    /// A peer stores a value under a key.
    Put {
        /// Which.
        by: usize,
    },
    /// A peer reads that value.
    Get {
        /// Which.
        by: usize,
        /// Whether it is found.
        expect: bool,
    },
}

/// What happens during a fetch.
#[derive(Clone, Copy, Debug)]
pub struct Meanwhile {
    /// Once so many blocks have arrived.
    pub after_blocks: u64,
    /// This happens.
    pub what: Mishap,
}

/// What can go wrong during a fetch.
#[derive(Clone, Copy, Debug)]
pub enum Mishap {
    /// A peer dies.
    Stop {
        /// Which.
        peer: usize,
    },
    /// The file that a peer shares in place is changed.
    SourceChanges {
        /// Whose.
        peer: usize,
    },
}

/// How a fetch must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fetch {
    /// Every byte is there and right.
    Whole,
    /// With an error, and nothing under the final name.
    Fails,
}

/// The value that the suite stores, and the key that it hashes to.
pub const VALUE: &[u8] = b"the same in both worlds";

/// The key of [`VALUE`].
#[must_use]
pub fn key() -> Vec<u8> {
    [b"/sha256/", &Key::of(VALUE).to_bytes()[..]].concat()
}

const MIB: u64 = 1 << 20;

/// All cases.
pub const CASES: &[Case] = &[
    Case {
        name: "a peer that joined through one contact finds what another shares",
        peers: 5,
        bytes: 3 * MIB + 5,
        steps: &[Step::Publish { by: &[1] }, Step::Providers { by: 4, expect: &[1] }, Step::Fetch { by: 3, meanwhile: None, expect: Fetch::Whole }],
    },
    Case {
        name: "a file is fetched from several peers",
        peers: 6,
        bytes: 12 * MIB,
        steps: &[
            Step::Publish { by: &[1, 2, 3] },
            Step::Providers { by: 5, expect: &[1, 2, 3] },
            Step::Fetch { by: 4, meanwhile: None, expect: Fetch::Whole },
        ],
    },
    Case {
        name: "the lookup of a missing key ends and finds nobody",
        peers: 4,
        bytes: 1,
        steps: &[Step::MissingKey { by: 2 }, Step::Fetch { by: 3, meanwhile: None, expect: Fetch::Fails }],
    },
    Case {
        name: "a provider vanishes in the middle and another takes over",
        peers: 5,
        bytes: 64 * MIB,
        steps: &[
            Step::Publish { by: &[1, 2] },
            Step::Fetch { by: 4, meanwhile: Some(Meanwhile { after_blocks: 3, what: Mishap::Stop { peer: 1 } }), expect: Fetch::Whole },
        ],
    },
    Case {
        name: "the only provider vanishes and the fetch fails cleanly",
        peers: 4,
        bytes: 64 * MIB,
        steps: &[
            Step::Publish { by: &[1] },
            Step::Fetch { by: 3, meanwhile: Some(Meanwhile { after_blocks: 2, what: Mishap::Stop { peer: 1 } }), expect: Fetch::Fails },
        ],
    },
    Case {
        name: "corrupt blocks of one provider do not enter and the other provider's do",
        peers: 5,
        bytes: 8 * MIB,
        steps: &[Step::Publish { by: &[1, 2] }, Step::Corrupt { peer: 1 }, Step::Fetch { by: 4, meanwhile: None, expect: Fetch::Whole }],
    },
    Case {
        name: "corrupt blocks of the only provider make the fetch fail",
        peers: 4,
        bytes: 4 * MIB,
        steps: &[Step::Publish { by: &[1] }, Step::Corrupt { peer: 1 }, Step::Fetch { by: 3, meanwhile: None, expect: Fetch::Fails }],
    },
    Case {
        name: "a source changes during the fetch and the other source has the rest",
        peers: 5,
        bytes: 64 * MIB,
        steps: &[
            Step::Publish { by: &[1, 2] },
            Step::Fetch { by: 4, meanwhile: Some(Meanwhile { after_blocks: 2, what: Mishap::SourceChanges { peer: 1 } }), expect: Fetch::Whole },
        ],
    },
    Case {
        name: "the only source changes during the fetch and the fetch fails",
        peers: 4,
        bytes: 64 * MIB,
        steps: &[
            Step::Publish { by: &[1] },
            Step::Fetch { by: 3, meanwhile: Some(Meanwhile { after_blocks: 2, what: Mishap::SourceChanges { peer: 1 } }), expect: Fetch::Fails },
        ],
    },
    Case {
        name: "a value put by one peer is got by another, also when the first is gone",
        peers: 5,
        bytes: 1,
        steps: &[
            Step::Get { by: 2, expect: false },
            Step::Put { by: 1 },
            Step::Get { by: 4, expect: true },
            Step::Stop { peer: 1 },
            Step::Get { by: 3, expect: true },
        ],
    },
];
