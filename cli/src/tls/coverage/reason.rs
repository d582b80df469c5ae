//! Why the TLS of a process cannot be seen.

use std::fmt;

/// Why the TLS of a process cannot be seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// Go's own crypto/tls.
    Go,
    /// rustls, in the program or in a library.
    Rustls,
    /// A Java virtual machine, which has its own.
    Java,
    /// GnuTLS.
    GnuTls,
    /// NSS.
    Nss,
    /// Mbed TLS.
    MbedTls,
    /// wolfSSL.
    WolfSsl,
    /// OpenSSL or BoringSSL is inside, without the names of its functions.
    StrippedStatic,
    /// It may not be looked into.
    NotPermitted,
    /// Its library was not there when the probe was attached.
    LibraryAppeared,
    /// Its library was there and is not among those that were probed.
    NotProbed,
    /// It serves a port that was asked for and shows no sign of TLS.
    NoTlsFound,
}

impl Reason {
    /// The word for machine formats.
    pub fn name(self) -> &'static str {
        match self {
            Self::Go => "go",
            Self::Rustls => "rustls",
            Self::Java => "java",
            Self::GnuTls => "gnutls",
            Self::Nss => "nss",
            Self::MbedTls => "mbedtls",
            Self::WolfSsl => "wolfssl",
            Self::StrippedStatic => "stripped_static",
            Self::NotPermitted => "not_permitted",
            Self::LibraryAppeared => "library_appeared",
            Self::NotProbed => "not_probed",
            Self::NoTlsFound => "no_tls_found",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Go => "Go's own TLS",
            Self::Rustls => "rustls",
            Self::Java => "Java's own TLS",
            Self::GnuTls => "GnuTLS",
            Self::Nss => "NSS",
            Self::MbedTls => "Mbed TLS",
            Self::WolfSsl => "wolfSSL",
            Self::StrippedStatic => "OpenSSL inside, without symbols",
            Self::NotPermitted => "not permitted to look into it",
            Self::LibraryAppeared => "its libssl appeared after the probe was attached",
            Self::NotProbed => "its libssl is not probed",
            Self::NoTlsFound => "no sign of TLS in it",
        })
    }
}
