//! An allocator that refuses what no decoder needs.
//!
//! A decoder that allocates by a claimed length looks harmless: memory that is never touched costs nothing, so a fuzzer's limit on resident memory does not see it.
//! This allocator does: one allocation of more than [`MOST`] bytes fails, which ends the process, which is a finding.

use std::alloc::{GlobalAlloc, Layout, System};

/// The largest single allocation. The largest honest input of a target is 64 KiB, of a block 2 MiB.
pub const MOST: usize = 16 << 20;

/// The system's allocator with that limit.
pub struct Frugal;

// SAFETY: every call goes to the system's allocator as it came, or fails, which an allocator may do.
unsafe impl GlobalAlloc for Frugal {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        if layout.size() > MOST { std::ptr::null_mut() } else { unsafe { System.alloc(layout) } }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        if layout.size() > MOST { std::ptr::null_mut() } else { unsafe { System.alloc_zeroed(layout) } }
    }

    unsafe fn realloc(&self, old: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's promises are passed on.
        if size > MOST { std::ptr::null_mut() } else { unsafe { System.realloc(old, layout, size) } }
    }

    unsafe fn dealloc(&self, old: *mut u8, layout: Layout) {
        // SAFETY: the caller's promises are passed on.
        unsafe { System.dealloc(old, layout) }
    }
}
