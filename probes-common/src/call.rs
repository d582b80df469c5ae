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
}

/// What the program is told of its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// The call.
    pub call: Call,
    /// Where its length will be.
    pub length: Length,
}

impl Cookie {
    /// As the kernel keeps it.
    pub const fn pack(self) -> u64 {
        self.call as u64 | (self.length as u64) << 8
    }
}
