//! Calls of a TLS library, and the cookie by which a uprobe's program knows at which of them it is.

/// What a function of the library does (names as in OpenSSL).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Call {
    /// `SSL_read` and what it is built on: (ssl, buffer, size, ...).
    Read = 1,
    /// `SSL_write` and what it is built on: (ssl, buffer, length, ...).
    Write = 2,
    /// `SSL_sendfile`: (ssl, descriptor, ...), a body that never is in the process.
    SendFile = 3,
    /// `SSL_clear`, which `SSL_new` calls too: (ssl), about to be another connection.
    Clear = 4,
    /// `SSL_free`: (ssl).
    Free = 5,
}

/// Where the number of bytes stands when a call has returned and succeeded (result above zero).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Length {
    /// It is the result.
    Returned = 0,
    /// In the `size_t` that the fourth argument points to.
    Fourth = 1,
    /// In the `size_t` that the fifth argument points to.
    Fifth = 2,
    /// It is the third argument, and nothing can fail any more.
    Third = 3,
}

/// Where something is when a probe is hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Slot {
    /// In a register, by the processor's number for it: rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, r8 to r15.
    Register(u8),
    /// So many bytes above the stack pointer, a multiple of 4 up to [`Slot::MOST`].
    Stack(u16),
}

impl Slot {
    /// Stands for no slot.
    pub const NOWHERE: u64 = 0xfff;
    /// The farthest in the stack.
    pub const MOST: u16 = 4 * 0x7fe;
    /// Bits of a slot as the kernel keeps it.
    pub const BITS: u32 = 12;
    /// What tells the stack from a register: the rest counts words of 4 bytes.
    pub const IN_STACK: u64 = 0x800;

    /// As the kernel keeps it.
    pub const fn pack(self) -> u64 {
        match self {
            Self::Register(number) => number as u64 & 15,
            Self::Stack(offset) => Self::IN_STACK | (offset / 4) as u64 & 0x7ff,
        }
    }

    /// As the kernel keeps it with [`Copying`]: to the byte, and no farther than [`Copying::REACH`].
    const fn pack_near(self) -> u64 {
        match self {
            Self::Register(number) => number as u64 & 15,
            Self::Stack(offset) => Copying::IN_STACK | offset as u64 & (Copying::IN_STACK - 1),
        }
    }
}

/// Where what tells a read is, at a call of `memcpy(to, from, length)` that hands out what was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copying {
    /// The `SSL`.
    pub ssl: Slot,
    /// The type of the record (RFC 8446 section 5.1), of which one byte counts.
    pub kind: Slot,
    /// Whether it only peeks, an `int`.
    pub peek: Slot,
}

impl Copying {
    /// Where each slot is in the cookie.
    pub const SSL: u32 = Cookie::BEGIN_BITS;
    /// As [`Copying::SSL`].
    pub const KIND: u32 = Self::SSL + Self::BITS;
    /// As [`Copying::SSL`].
    pub const PEEK: u32 = Self::KIND + Self::BITS;
    /// Bits of a slot as the kernel keeps it.
    pub const BITS: u32 = 8;
    /// What tells the stack from a register.
    pub const IN_STACK: u64 = 0x80;
    /// So many bytes above the stack pointer are looked at, at once.
    pub const REACH: u16 = 64;

    const fn pack(self) -> u64 {
        self.ssl.pack_near() << Self::SSL | self.kind.pack_near() << Self::KIND | self.peek.pack_near() << Self::PEEK
    }
}

/// Where what a read was given is, at an instruction where it has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Held {
    /// The `SSL`.
    pub ssl: Slot,
    /// The buffer.
    pub buffer: Slot,
    /// The address of the number of bytes.
    pub length_at: Slot,
    /// Whether it only peeks, an `int`; `None` where none does.
    pub peek: Option<Slot>,
}

impl Held {
    /// Where each slot is in the cookie.
    pub const SSL: u32 = Cookie::BEGIN_BITS;
    /// As [`Held::SSL`].
    pub const BUFFER: u32 = Self::SSL + Slot::BITS;
    /// As [`Held::SSL`].
    pub const LENGTH_AT: u32 = Self::BUFFER + Slot::BITS;
    /// As [`Held::SSL`]; [`Slot::NOWHERE`] where none peeks.
    pub const PEEK: u32 = Self::LENGTH_AT + Slot::BITS;

    const fn pack(self) -> u64 {
        let peek = match self.peek {
            Some(slot) => slot.pack(),
            None => Slot::NOWHERE,
        };
        self.ssl.pack() << Self::SSL | self.buffer.pack() << Self::BUFFER | self.length_at.pack() << Self::LENGTH_AT | peek << Self::PEEK
    }
}

/// What the program is told of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The call.
    pub call: Call,
    /// Where its length will be.
    pub length: Length,
    /// Where the rest is.
    pub rest: Rest,
}

/// Where the rest of what matters of a call is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rest {
    /// In the registers of its arguments: the place is where it begins.
    Arguments,
    /// The place is at the end of a call of which nothing else is seen.
    Held(Held),
    /// The place is where it hands out what it has read, and nothing else is seen. The length is [`Length::Third`].
    Copying(Copying),
}

impl Cookie {
    /// Of a place where a call has ended that was seen to begin.
    pub const END: u64 = 0;
    /// Bits of a cookie where a call begins.
    pub const BEGIN_BITS: u32 = 16;

    /// As the kernel keeps it.
    pub const fn pack(self) -> u64 {
        let rest = match self.rest {
            Rest::Arguments => 0,
            Rest::Held(held) => held.pack(),
            Rest::Copying(copying) => copying.pack(),
        };
        self.call as u64 | (self.length as u64) << 8 | rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_where_things_are() {
        let held = Held { ssl: Slot::Register(3), buffer: Slot::Register(14), length_at: Slot::Stack(Slot::MOST), peek: None };
        let cookie = Cookie { call: Call::Read, length: Length::Fourth, rest: Rest::Held(held) };
        assert_eq!(cookie.pack(), 0xffff_fe00_e003_0101);
        let peeking = Held { length_at: Slot::Stack(8), peek: Some(Slot::Register(13)), ..held };
        assert_eq!(Cookie { rest: Rest::Held(peeking), ..cookie }.pack(), 0x00d8_0200_e003_0101);
        assert_eq!(Cookie { rest: Rest::Arguments, ..cookie }.pack(), 0x01_01);
        let copying = Copying { ssl: Slot::Stack(40), kind: Slot::Stack(30), peek: Slot::Register(9) };
        assert_eq!(Cookie { length: Length::Third, rest: Rest::Copying(copying), ..cookie }.pack(), 0x09_9e_a8_03_01);
    }
}
