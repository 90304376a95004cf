//! Laws of the stack: what must hold in every run of every scenario, whatever goes wrong.

pub mod blocks;
