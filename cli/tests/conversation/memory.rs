//! How much memory is kept.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// Counts what each thread keeps.
struct Counting;

thread_local! {
    static KEPT: Cell<isize> = const { Cell::new(0) };
}

/// Bytes that this thread allocated and did not free.
pub(crate) fn kept() -> isize {
    KEPT.get()
}

// SAFETY: all is left to the system's allocator; counting neither allocates nor unwinds (the cell needs no destructor).
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        KEPT.set(KEPT.get() + layout.size() as isize);
        // SAFETY: the caller keeps the promises of this method.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        KEPT.set(KEPT.get() - layout.size() as isize);
        // SAFETY: the caller keeps the promises of this method.
        unsafe { System.dealloc(memory, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;
