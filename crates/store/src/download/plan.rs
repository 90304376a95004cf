//! What a download still needs, and where each block's bytes belong: no input or output here.
//!
//! At first only the root is known. Each node that arrives tells of its children: at which offset of which file they belong, or which entry of which
//! directory they are. A block can have many roles, because files repeat themselves and each other:
//!
//! ```text
//!   root ── Entry "" ──► File, 3 MiB
//!             ├─ Part file 0 at 0      ┐
//!             ├─ Part file 0 at 1 MiB  ┘ one block of zeroes, two roles
//!             └─ Part file 0 at 2 MiB
//! ```
//!
//! The author of the root may be hostile. Sizes must agree from level to level; a DAG that unfolds into more roles than [`MAX_ROLES`] is refused (a few small
//! nodes that link to each other a thousandfold would otherwise fill the memory); empty parts are left out, since there could be any number.

use std::collections::{BTreeSet, HashMap};
use std::path::PathBuf;

use super::DownloadError;
use crate::Cid;
use crate::export::MAX_LEVELS;
use crate::hamt::Shard;
use crate::import::MAX_DEPTH;
use crate::platform::name_from_bytes;
use crate::unixfs::{Chunk, Entry, Node};

/// More parts and entries than this are refused: 4 TiB in chunks of 1 MiB. At 24 bytes each, that is the memory which hostile content can take.
pub(super) const MAX_ROLES: u64 = 1 << 22;
/// More bytes of paths than this are refused: directories that contain each other a thousandfold would make them without end.
const MAX_PATH_BYTES: usize = 256 << 20;

/// What a block is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// A part of a file, with all below it.
    Part { file: u32, offset: u64, size: u64, level: u8 },
    /// What stands at a path below the output: a file, directory or link.
    Entry(Box<EntryRole>),
    /// A part of a sharded directory.
    Shard(Box<ShardRole>),
}

/// Parts are many: they must stay small.
const _: () = assert!(size_of::<Role>() == 24);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct EntryRole {
    pub(super) path: PathBuf,
    depth: u16,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ShardRole {
    directory: PathBuf,
    depth: u16,
    level: u8,
    fanout: u64,
}

/// Something to be done on disk because a block arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Action {
    MakeDirectory(PathBuf),
    MakeFile {
        file: u32,
        path: PathBuf,
        size: u64,
    },
    /// Write the bytes that stand in the block itself.
    Write {
        file: u32,
        offset: u64,
    },
}

#[derive(Debug)]
struct Wanted {
    cid: Cid,
    /// Not acted on yet.
    roles: Vec<Role>,
    present: bool,
    /// Somebody is writing its bytes.
    busy: bool,
    /// The index knows it, or will with the next commit.
    noted: bool,
    /// A place where its bytes have been written.
    home: Option<Home>,
}

/// A place in the output that holds a whole block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Home {
    pub(super) file: u32,
    pub(super) offset: u64,
    pub(super) size: u32,
}

/// A link to make when all else is done.
#[derive(Clone, Debug)]
pub(super) struct Symlink {
    pub(super) path: PathBuf,
    pub(super) target: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Plan {
    blocks: Vec<Wanted>,
    /// Only for look-ups.
    index: HashMap<Cid, u32>,
    roles: u64,
    files: u32,
    path_bytes: usize,
    /// Paths in sharded directories: a name that stands in two shards is seen only here.
    sharded: BTreeSet<PathBuf>,
    pub(super) symlinks: Vec<Symlink>,
    missing: usize,
    /// Before this index all blocks are present.
    first_missing: usize,
    /// Present blocks that were found to have another role.
    again: Vec<u32>,
}

impl Plan {
    pub(super) fn new(root: Cid) -> Self {
        let mut plan = Self {
            blocks: Vec::new(),
            index: HashMap::new(),
            roles: 0,
            files: 0,
            path_bytes: 0,
            sharded: BTreeSet::new(),
            symlinks: Vec::new(),
            missing: 0,
            first_missing: 0,
            again: Vec::new(),
        };
        plan.add(root, Role::Entry(Box::new(EntryRole { path: PathBuf::new(), depth: 0 })));
        plan
    }

    /// The number of a block that this download is about.
    pub(super) fn find(&self, cid: &Cid) -> Option<u32> {
        self.index.get(cid).copied()
    }

    pub(super) fn cid(&self, block: u32) -> Cid {
        self.blocks[block as usize].cid
    }

    pub(super) fn is_present(&self, block: u32) -> bool {
        self.blocks[block as usize].present
    }

    /// Roles that have not been acted on.
    pub(super) fn roles(&self, block: u32) -> &[Role] {
        &self.blocks[block as usize].roles
    }

    /// Where a leaf's bytes were written first.
    pub(super) fn home(&self, block: u32) -> Option<Home> {
        self.blocks[block as usize].home
    }

    pub(super) fn set_home(&mut self, block: u32, home: Home) {
        self.blocks[block as usize].home.get_or_insert(home);
    }

    /// How many blocks are known, and how many of them are not present.
    pub(super) fn counts(&self) -> (usize, usize) {
        (self.blocks.len(), self.missing)
    }

    /// Blocks that are not present, in the order in which the DAG told of them.
    pub(super) fn missing(&mut self, limit: usize) -> Vec<Cid> {
        while self.blocks.get(self.first_missing).is_some_and(|block| block.present) {
            self.first_missing += 1;
        }
        self.blocks[self.first_missing..].iter().filter(|block| !block.present).map(|block| block.cid).take(limit).collect()
    }

    /// A present block that has got another role since.
    pub(super) fn next_again(&mut self) -> Option<u32> {
        self.again.pop()
    }

    /// Whether the caller is to write the block: it has roles to be acted on, and nobody else is at it.
    pub(super) fn claim(&mut self, block: u32) -> bool {
        let state = &mut self.blocks[block as usize];
        !state.roles.is_empty() && !std::mem::replace(&mut state.busy, true)
    }

    /// `true` the first time it is called for a block.
    pub(super) fn note(&mut self, block: u32) -> bool {
        !std::mem::replace(&mut self.blocks[block as usize].noted, true)
    }

    /// Its bytes have been written everywhere. `false` if it got another role meanwhile, which must be acted on first.
    pub(super) fn set_present(&mut self, block: u32) -> bool {
        let state = &mut self.blocks[block as usize];
        if !state.roles.is_empty() {
            return false;
        }
        state.busy = false;
        if !std::mem::replace(&mut state.present, true) {
            self.missing -= 1;
        }
        true
    }

    /// Takes in what a block is, and says what is to be done with it. Its children become known.
    pub(super) fn apply(&mut self, block: u32, node: &Node) -> Result<Vec<Action>, DownloadError> {
        let roles = std::mem::take(&mut self.blocks[block as usize].roles);
        let mut actions = Vec::new();
        roles.into_iter().try_for_each(|role| self.act(role, node, &mut actions)).map_err(|why| match why {
            Refused::Malformed(why) => DownloadError::Malformed { cid: self.cid(block), why },
            Refused::TooMany => DownloadError::TooManyBlocks,
        })?;
        Ok(actions)
    }

    fn act(&mut self, role: Role, node: &Node, actions: &mut Vec<Action>) -> Result<(), Refused> {
        match (role, node) {
            (Role::Part { file, offset, size, level }, Node::File { data, children, size: actual }) => {
                if size != *actual || usize::from(level) > MAX_LEVELS {
                    return Err(Refused::Malformed("its size is not what the node above says"));
                }
                self.part(file, offset, level, data.len(), children, actions)
            }
            (Role::Part { .. }, _) => Err(Refused::Malformed("a part of a file is not a file")),
            (Role::Entry(role), node) => self.entry(*role, node, actions),
            (Role::Shard(role), Node::Shard(shard)) if shard.fanout == role.fanout => self.shard(*role, shard),
            (Role::Shard(_), _) => Err(Refused::Malformed("a part of a sharded directory is something else")),
        }
    }

    fn entry(&mut self, role: EntryRole, node: &Node, actions: &mut Vec<Action>) -> Result<(), Refused> {
        let EntryRole { path, depth } = role;
        match node {
            Node::File { data, children, size } => {
                let file = self.files;
                self.files += 1;
                actions.push(Action::MakeFile { file, path, size: *size });
                self.part(file, 0, 0, data.len(), children, actions)
            }
            Node::Symlink(target) => {
                self.symlinks.push(Symlink { path, target: target.clone() });
                Ok(())
            }
            Node::Directory(entries) => {
                actions.push(Action::MakeDirectory(path.clone()));
                self.entries(&path, depth, entries, false)
            }
            Node::Shard(shard) => {
                actions.push(Action::MakeDirectory(path.clone()));
                self.shard(ShardRole { directory: path, depth, level: 1, fanout: shard.fanout }, shard)
            }
        }
    }

    fn part(&mut self, file: u32, offset: u64, level: u8, data: usize, children: &[Chunk], actions: &mut Vec<Action>) -> Result<(), Refused> {
        if data > 0 {
            actions.push(Action::Write { file, offset });
        }
        let mut at = offset + data as u64;
        for child in children.iter().filter(|child| child.size > 0) {
            self.checked_add(child.cid, Role::Part { file, offset: at, size: child.size, level: level + 1 })?;
            at += child.size;
        }
        Ok(())
    }

    fn entries(&mut self, directory: &std::path::Path, depth: u16, entries: &[Entry], sharded: bool) -> Result<(), Refused> {
        if usize::from(depth) >= MAX_DEPTH {
            return Err(Refused::Malformed("directories are nested too deeply"));
        }
        for entry in entries {
            let name = name_from_bytes(&entry.name).ok_or(Refused::Malformed("a name cannot exist on this system"))?;
            let path = directory.join(name);
            self.path_bytes += path.as_os_str().len();
            if self.path_bytes > MAX_PATH_BYTES {
                return Err(Refused::TooMany);
            }
            if sharded && !self.sharded.insert(path.clone()) {
                return Err(Refused::Malformed("a name stands twice in a directory"));
            }
            self.checked_add(entry.cid, Role::Entry(Box::new(EntryRole { path, depth: depth + 1 })))?;
        }
        Ok(())
    }

    fn shard(&mut self, role: ShardRole, shard: &Shard) -> Result<(), Refused> {
        if u32::from(role.level) >= shard.max_depth() && !shard.shards.is_empty() {
            return Err(Refused::Malformed("a sharded directory is too deep"));
        }
        self.entries(&role.directory, role.depth, &shard.entries, true)?;
        for link in &shard.shards {
            self.path_bytes += role.directory.as_os_str().len();
            self.checked_add(link.cid, Role::Shard(Box::new(ShardRole { level: role.level + 1, ..role.clone() })))?;
        }
        Ok(())
    }

    fn checked_add(&mut self, cid: Cid, role: Role) -> Result<(), Refused> {
        if self.roles >= MAX_ROLES {
            return Err(Refused::TooMany);
        }
        self.add(cid, role);
        Ok(())
    }

    fn add(&mut self, cid: Cid, role: Role) {
        self.roles += 1;
        let next = self.blocks.len() as u32;
        let block = *self.index.entry(cid).or_insert(next);
        if block == next {
            self.blocks.push(Wanted { cid, roles: vec![role], present: false, busy: false, noted: false, home: None });
            self.missing += 1;
            return;
        }
        let state = &mut self.blocks[block as usize];
        state.roles.push(role);
        if std::mem::replace(&mut state.present, false) {
            self.missing += 1;
            self.first_missing = self.first_missing.min(block as usize);
            self.again.push(block);
        }
    }
}

enum Refused {
    Malformed(&'static str),
    TooMany,
}
