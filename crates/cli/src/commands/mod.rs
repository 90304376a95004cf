//! The commands, one file each: resolve the arguments, call the library, print.

pub(crate) mod demo;
pub(crate) mod diff;
pub(crate) mod get;
pub(crate) mod hunt;
pub(crate) mod inspect;
pub(crate) mod merge;
pub(crate) mod node;
pub(crate) mod share;
pub(crate) mod sim;
pub(crate) mod topology;
pub(crate) mod trace;
