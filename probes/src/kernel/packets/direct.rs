//! Reads packets in place as far as they are linear, and through a helper beyond that.

use ehl_probes_common::packet::{
    Header, Load,
    headers::{Headers, present},
    ip::{Content, Flaw},
};

/// A hook's context.
pub trait Context: Copy {
    /// The linear part of the packet.
    fn linear(self) -> Linear;
    /// Length of the whole packet in bytes.
    fn len(self) -> u32;
    /// Copies `len` bytes from `offset` on, wherever they are; false when the packet is shorter.
    ///
    /// # Safety
    /// `len` bytes are writable at `to`.
    unsafe fn copy(self, offset: u32, to: *mut u8, len: u32) -> bool;
    /// [`Load::extensions`], in a global function (see the module `kernel`).
    fn extensions(self, content: &mut Content) -> Result<(), Flaw>;
}

/// A packet at a hook.
#[derive(Clone, Copy)]
pub struct Packet<C>(C);

impl<C: Context> Packet<C> {
    /// The packet that the context is about.
    #[inline(always)]
    pub fn new(context: C) -> Self {
        Self(context)
    }

    /// Length of the whole packet, in which these headers were found. If their payload ends within the linear part, this is all: another
    /// part begins where the first is full, and padding follows short packets only.
    #[inline(always)]
    pub fn len(&self, headers: &Headers) -> u32 {
        let linear = self.0.linear().len();
        if headers.has(present::PAYLOAD) && headers.header_len + headers.payload_len <= linear { linear } else { self.0.len() }
    }
}

impl<C: Context> Load for Packet<C> {
    #[inline(always)]
    fn load<'h, const N: usize>(&mut self, offset: u32, header: &'h mut Header<N>) -> Option<&'h [u8; N]> {
        // SAFETY: the header has room for N bytes, and all are written when either succeeds.
        unsafe {
            let to = header.0.as_mut_ptr().cast();
            if self.0.linear().copy::<N>(offset, to) || self.0.copy(offset, to, N as u32) { Some(header.0.assume_init_ref()) } else { None }
        }
    }

    #[inline(always)]
    fn packet_len(&self) -> u32 {
        self.0.len()
    }

    /// Asks for the whole length only where it matters.
    #[inline(always)]
    fn end(&self, claimed: u32) -> u32 {
        if claimed <= self.0.linear().len() {
            return claimed;
        }
        let len = self.0.len();
        if claimed < len { claimed } else { len }
    }

    #[inline(always)]
    fn extensions(&mut self, content: &mut Content) -> Result<(), Flaw> {
        self.0.extensions(content)
    }
}

/// The linear part of a packet.
#[derive(Clone, Copy)]
pub struct Linear {
    start: *const u8,
    end: *const u8,
}

/// Headers start before that, or are read through the helper: the verifier takes offsets of 16 bits.
const REACH: u32 = 0x7fff;

impl Linear {
    /// Between two addresses that the kernel gave.
    #[inline(always)]
    pub fn new(start: u32, end: u32) -> Self {
        Self { start: start as usize as *const u8, end: end as usize as *const u8 }
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        (self.end as usize - self.start as usize) as u32
    }

    /// Copies N bytes from `offset` on; false when the linear part is shorter.
    ///
    /// # Safety
    /// N bytes are writable at `to`, which is aligned for words.
    #[inline(always)]
    unsafe fn copy<const N: usize>(&self, offset: u32, to: *mut u8) -> bool {
        if offset > REACH {
            return false;
        }
        let from = self.start.wrapping_add(offset as usize);
        if from.wrapping_add(N) > self.end {
            return false;
        }
        // SAFETY: N bytes from `from` on are before the end, and as many writable by the caller's promise.
        unsafe { copy::<N>(from, to) };
        true
    }
}

/// Copies in words.
///
/// # Safety
/// N bytes are readable at `from` and writable at `to`.
#[inline(always)]
unsafe fn copy<const N: usize>(from: *const u8, to: *mut u8) {
    let mut at = 0;
    // SAFETY: each copies what is left of N, by the caller's promise.
    unsafe {
        while at + 8 <= N {
            word::<u64>(from.add(at), to.add(at));
            at += 8;
        }
        if at + 4 <= N {
            word::<u32>(from.add(at), to.add(at));
            at += 4;
        }
        if at + 2 <= N {
            word::<u16>(from.add(at), to.add(at));
            at += 2;
        }
        if at < N {
            word::<u8>(from.add(at), to.add(at));
        }
    }
}

/// # Safety
/// A `T` is readable at `from` and writable at `to`, which is aligned.
#[inline(always)]
unsafe fn word<T>(from: *const u8, to: *mut u8) {
    // SAFETY: by the caller's promise. The load may not be aligned: the kernels ehl supports take that from packets, and volatile keeps
    // the compiler from making loads of bytes of it.
    unsafe { to.cast::<T>().write(core::ptr::read_volatile(from.cast::<T>())) };
}
