//! The ring buffer.

use aya_ebpf::{bindings::BPF_RB_NO_WAKEUP, helpers::generated::bpf_ringbuf_output, macros::map, maps::RingBuf};
use ehl_probes_common::{
    counter::Counter,
    packet::record::PacketRecord,
    record::{HEADER_LEN, RecordHeader},
    window::{WINDOW, Window, bounded},
};

use super::counters::{count, count_here};

/// Its size is set by user space before loading.
#[map]
static RECORDS: RingBuf = RingBuf::with_byte_size(8 << 20, 0);

/// A record under construction: the header, and behind it the bytes to capture.
#[repr(C)]
pub struct Draft {
    /// The fixed part.
    pub header: RecordHeader,
    /// The bytes looked at, of which the first may be captured.
    pub window: Window,
}

impl Draft {
    /// Nothing yet.
    pub const NEW: Self = Self { header: RecordHeader::ZERO, window: Window::ZERO };
}

const _: () = assert!(core::mem::offset_of!(Draft, window) == HEADER_LEN);

/// Submits the header and the first `captured` bytes of the window. Wakes nobody: user space looks every few
/// milliseconds.
#[inline(always)]
pub fn submit(draft: &mut Draft, captured: u32) {
    // SAFETY: the draft is a reference.
    unsafe { ehl_submit(draft, captured) };
}

/// Submits the record of a packet, which `write` makes in place and whole. Wakes nobody, likewise.
#[inline(always)]
pub fn submit_packet(write: impl FnOnce(*mut PacketRecord)) {
    match RECORDS.reserve::<PacketRecord>(0) {
        Some(mut room) => {
            write(room.as_mut_ptr());
            room.submit(BPF_RB_NO_WAKEUP as u64);
            count_here(Counter::Submitted);
        }
        None => count(Counter::Lost),
    }
}

/// [`submit`]. A global function (see the module `kernel`).
///
/// # Safety
/// `draft` is null or valid.
#[inline(never)]
#[unsafe(no_mangle)]
unsafe extern "C" fn ehl_submit(draft: *mut Draft, captured: u32) -> u32 {
    let captured = bounded(captured);
    if draft.is_null() || captured > WINDOW as u64 {
        return 0;
    }
    // SAFETY: the map is a ring buffer; the draft has HEADER_LEN + WINDOW readable bytes, and `captured` is at most WINDOW.
    let result = unsafe {
        bpf_ringbuf_output((&raw const RECORDS).cast_mut().cast(), draft.cast(), HEADER_LEN as u64 + captured, BPF_RB_NO_WAKEUP as u64)
    };
    count_here(if result == 0 { Counter::Submitted } else { Counter::Lost });
    0
}
