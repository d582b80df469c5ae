//! The bytes of a segment that the kernel looks at: one fixed buffer, filled from the packet at some offset.

/// How many bytes are looked at, and submitted, at a time.
pub const WINDOW: usize = 1024;

/// Loads of 8 bytes may start at any byte of the window.
const PADDING: usize = 8;

/// A view of up to [`WINDOW`] bytes of a segment. What lies beyond the part that was filled is left from earlier ones:
/// every user keeps the length beside it.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(8))]
pub struct Window {
    bytes: [u8; WINDOW + PADDING],
}

impl Window {
    /// A window of zeros.
    pub const ZERO: Self = Self { bytes: [0; WINDOW + PADDING] };

    /// Where the packet's bytes are copied to: [`WINDOW`] bytes.
    #[inline(always)]
    pub fn as_mut_ptr(&mut self) -> *mut u8 {
        self.bytes.as_mut_ptr()
    }

    /// The first `len` bytes.
    pub fn filled(&self, len: usize) -> &[u8] {
        self.bytes.get(..len.min(WINDOW)).unwrap_or(&[])
    }

    /// Fills the window from `bytes`, at most [`WINDOW`] of them.
    pub fn fill(&mut self, bytes: &[u8]) {
        for (to, from) in self.bytes[..WINDOW].iter_mut().zip(bytes) {
            *to = *from;
        }
    }

    /// The byte at `at`; 0 beyond the window.
    #[inline(always)]
    pub fn byte(&self, at: u32) -> u8 {
        let at = bounded(at);
        if at >= WINDOW as u64 {
            return 0;
        }
        // SAFETY: `at` is below WINDOW.
        unsafe { *self.bytes.as_ptr().add(at as usize) }
    }

    /// Eight bytes from `at` on, the first one lowest; 0 beyond the window.
    #[inline(always)]
    pub fn word(&self, at: u32) -> u64 {
        let at = bounded(at);
        if at >= WINDOW as u64 {
            return 0;
        }
        // SAFETY: `at + 8` is at most WINDOW + PADDING.
        unsafe { load(self.bytes.as_ptr().add(at as usize)) }
    }
}

/// What [`Window::find`] answers when the byte is not there.
pub const NOT_FOUND: u32 = u32::MAX;

/// How many bytes [`Window::find`] looks at.
pub const REACH: u32 = 64;

impl Window {
    /// Where `byte` is at or after `from`, looking at [`REACH`] bytes at most, and none at or after `end`.
    #[inline(always)]
    pub fn find(&self, byte: u8, from: u32, end: u32) -> u32 {
        // SAFETY: the window is a reference.
        unsafe { ehl_find(self, byte as u32, from, end) }
    }
}

/// [`Window::find`]. A global function (see the crate's documentation).
///
/// # Safety
/// `window` is null or valid.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_find(window: *const Window, byte: u32, from: u32, end: u32) -> u32 {
    // SAFETY: by the caller's promise.
    let Some(window) = (unsafe { window.as_ref() }) else {
        return NOT_FOUND;
    };
    let pattern = ONES.wrapping_mul(byte as u64);
    let mut at = from;
    for _ in 0..REACH / 8 {
        if at >= end {
            break;
        }
        let zero_where_found = window.word(at) ^ pattern;
        // The lowest bit that is set is exact: borrows only go upwards.
        let found = zero_where_found.wrapping_sub(ONES) & !zero_where_found & TOPS;
        if found != 0 {
            let found = at + lowest(found);
            return if found < end { found } else { NOT_FOUND };
        }
        at += 8;
    }
    NOT_FOUND
}

const ONES: u64 = 0x0101_0101_0101_0101;
const TOPS: u64 = 0x8080_8080_8080_8080;

/// Index of the lowest byte with its top bit set. BPF has no instruction for it, and what a branch would guess wrong costs more.
#[inline(always)]
fn lowest(tops: u64) -> u32 {
    let below = (tops & tops.wrapping_neg()).wrapping_sub(1);
    // The lowest bits of that byte and of all below it, added up in the top byte.
    ((below & ONES).wrapping_mul(ONES) >> 56) as u32 - 1
}

/// Hides a number's origin from the compiler, which would otherwise prove a bound check away that the verifier needs. It comes as a whole
/// register, so that what is checked is what is used.
#[inline(always)]
#[cfg(target_arch = "bpf")]
pub fn bounded(number: u32) -> u64 {
    let mut wide = number as u64;
    // SAFETY: no instruction. `black_box` is four, which go through the stack.
    unsafe { core::arch::asm!("/* {wide} */", wide = inout(reg) wide, options(nomem, nostack, preserves_flags)) };
    wide
}

/// As where there is a verifier.
#[inline(always)]
#[cfg(not(target_arch = "bpf"))]
pub fn bounded(number: u32) -> u64 {
    number as u64
}

/// # Safety
/// Eight bytes from `at` on are readable.
#[inline(always)]
#[cfg(target_arch = "bpf")]
unsafe fn load(at: *const u8) -> u64 {
    // SAFETY: readable by the caller's promise. The load is not aligned: BPF has no unaligned load of its own and the
    // compiler would make eight byte loads of it, while the kernels ehl supports take an unaligned one from a map value.
    unsafe { core::ptr::read_volatile(at.cast::<u64>()) }
}

/// # Safety
/// Eight bytes from `at` on are readable.
#[inline(always)]
#[cfg(not(target_arch = "bpf"))]
unsafe fn load(at: *const u8) -> u64 {
    // SAFETY: readable by the caller's promise.
    u64::from_le(unsafe { core::ptr::read_unaligned(at.cast::<u64>()) })
}
