//! A request and its response: what a row is made of.

use std::net::IpAddr;
use std::ops::{BitOr, BitOrAssign};

use super::api_version::Source;
use super::forwarded::Client;
use super::head::Head;
use crate::stream::{Endpoint, Origin};

/// The ends of a connection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ends {
    pub(super) client: Endpoint,
    /// By the PROXY protocol.
    pub(super) proxied: Option<Endpoint>,
    pub(super) server: Endpoint,
    pub(super) origin: Origin,
}

/// One exchange, or the half of it that was seen. Times are nanoseconds since 1970.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// Who sent the request; [`Endpoint::UNKNOWN`] when that is not known (TLS).
    pub client: Endpoint,
    /// Who connected to the proxy that sent the request, as that said with the PROXY protocol.
    pub proxied: Option<Endpoint>,
    /// Who answered, likewise.
    pub server: Endpoint,
    /// Where it was seen.
    pub origin: Origin,
    /// The request's head; `None` when it was not seen.
    pub request: Option<Head>,
    /// The final response's head; `None` when it was not seen.
    pub response: Option<Head>,
    /// First byte of the request.
    pub request_first_ns: Option<u64>,
    /// First byte of the final response.
    pub response_first_ns: Option<u64>,
    /// Last byte of the response; `None` until it is complete.
    pub response_last_ns: Option<u64>,
    /// Head and body of the request above TCP, in bytes, as far as it was followed.
    pub request_bytes: Option<u64>,
    /// Head and body of the final response above TCP, in bytes.
    pub response_bytes: Option<u64>,
    /// Its stream in the connection, with HTTP/2.
    pub stream_id: Option<u32>,
    /// What is odd about it.
    pub flags: Flags,
}

/// Exchanges that are complete.
pub(super) type Exchanges = Vec<Box<Exchange>>;

impl Exchange {
    /// Nothing is known yet but who.
    pub(super) fn between(ends: &Ends) -> Self {
        let Ends { client, proxied, server, origin } = *ends;
        Self {
            client,
            proxied,
            server,
            origin,
            request: None,
            response: None,
            request_first_ns: None,
            response_first_ns: None,
            response_last_ns: None,
            request_bytes: None,
            response_bytes: None,
            stream_id: None,
            flags: Flags::default(),
        }
    }

    /// When it began: the earliest byte that was seen of it.
    pub fn time_ns(&self) -> u64 {
        self.request_first_ns.or(self.response_first_ns).unwrap_or(0)
    }

    /// Who the request is from in the end, past the proxies that say so: by `Forwarded`, else by `X-Forwarded-For`, else by the
    /// PROXY protocol, else who sent it. `None` when the first of them that is there names no IP address. Not verified: a
    /// client may write these fields itself.
    pub fn client_address(&self) -> Option<IpAddr> {
        match self.request.as_ref().map(|head| head.client).unwrap_or_default() {
            Client::Address(address) => Some(address),
            Client::Unknown => None,
            Client::Unsaid => self.proxied.or(Some(self.client)).filter(Endpoint::is_known).map(|client| client.ip()),
        }
    }

    /// The version of the API, and where it stood: the best statement of both heads, of equal ones the request's. `None` when
    /// fields of the request that were not seen may say more.
    pub fn api_version(&self) -> Option<(&[u8], Source)> {
        let heads = [self.request.as_ref(), self.response.as_ref()];
        let best = heads.iter().flatten().filter_map(|head| head.api_version()).min_by_key(|(_, source)| *source)?;
        let is_known = self.request.as_ref().is_none_or(|request| request.is_whole() || request.api_version().is_some());
        is_known.then_some(best)
    }

    /// What the exchange is called in other logs; `None` when fields of the request that were not seen may say it.
    pub fn request_id(&self) -> Option<&[u8]> {
        let in_request = self.request.as_ref().and_then(Head::request_id);
        let is_known = self.request.as_ref().is_none_or(Head::is_whole);
        in_request.or_else(|| self.response.as_ref().filter(|_| is_known)?.request_id())
    }

    /// Service and method of a gRPC call: `/package.Service/Method` (gRPC over HTTP2, Requests).
    pub fn grpc_call(&self) -> Option<(&[u8], &[u8])> {
        let heads = [self.request.as_ref(), self.response.as_ref()];
        let is_grpc = |head: &&Head| head.content_type().is_some_and(|content_type| content_type.starts_with(b"application/grpc"));
        heads.iter().flatten().copied().find(is_grpc)?;
        let path = self.request.as_ref()?.path()?.strip_prefix(b"/")?;
        let slash = memchr::memrchr(b'/', path)?;
        Some((&path[..slash], &path[slash + 1..]))
    }

    /// First byte of the request to first byte of the final response, in nanoseconds.
    pub fn response_time_ns(&self) -> Option<u64> {
        self.response_first_ns?.checked_sub(self.request_first_ns?)
    }

    /// First byte of the request to last byte of the response, in nanoseconds.
    pub fn duration_ns(&self) -> Option<u64> {
        self.response_last_ns?.checked_sub(self.request_first_ns?)
    }
}

/// What is odd about an exchange, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags(u32);

impl Flags {
    /// A head was longer than what is followed or captured: fields may be missing.
    pub const TRUNCATED: Self = Self(1);
    /// Not complete when the run ended.
    pub const OPEN: Self = Self(1 << 1);
    /// Bytes of the stream are missing: sizes, times or the pairing may be incomplete.
    pub const GAP: Self = Self(1 << 2);
    /// Obsolete line folding (RFC 9112 section 5.2).
    pub const FOLDED: Self = Self(1 << 3);
    /// Both Transfer-Encoding and Content-Length.
    pub const TE_AND_CL: Self = Self(1 << 4);
    /// Content-Length that is no number, or several ones that differ.
    pub const BAD_LENGTH: Self = Self(1 << 5);
    /// Lines that end with LF alone.
    pub const BARE_LF: Self = Self(1 << 6);
    /// A first line or field lines that are none, or with characters that are not allowed.
    pub const MALFORMED: Self = Self(1 << 7);
    /// The connection ended before the response did, or without one.
    pub const ABORTED: Self = Self(1 << 8);
    /// A chunked body that is none.
    pub const BAD_CHUNK: Self = Self(1 << 9);
    /// A request of HTTP/1.1 without Host, or with several (RFC 9112 section 3.2).
    pub const BAD_HOST: Self = Self(1 << 10);
    /// Transfer-Encoding where it may not be, or in a form that two readers may read differently (RFC 9112 section 6.1).
    pub const BAD_TE: Self = Self(1 << 11);
    /// Its stream was reset before the response was complete (RFC 9113 section 6.4).
    pub const RST: Self = Self(1 << 12);
    /// The server said that it did not and will not process it (RFC 9113 section 6.8).
    pub const GOAWAY: Self = Self(1 << 13);
    /// The server promised it and answered unasked (RFC 9113 section 8.4).
    pub const PUSH: Self = Self(1 << 14);
    /// Fields refer to entries of the dynamic table that are not known, because they were sent before the capture or lost.
    pub const UNKNOWN_FIELDS: Self = Self(1 << 15);
    /// A head, or its trailers, could not be decoded.
    pub const UNDECODED: Self = Self(1 << 16);

    const NAMES: [(Self, &'static str); 17] = [
        (Self::TRUNCATED, "truncated"),
        (Self::OPEN, "open"),
        (Self::GAP, "gap"),
        (Self::FOLDED, "folded"),
        (Self::TE_AND_CL, "te-and-cl"),
        (Self::BAD_LENGTH, "bad-length"),
        (Self::BARE_LF, "bare-lf"),
        (Self::MALFORMED, "malformed"),
        (Self::ABORTED, "aborted"),
        (Self::BAD_CHUNK, "bad-chunk"),
        (Self::BAD_HOST, "bad-host"),
        (Self::BAD_TE, "bad-te"),
        (Self::RST, "rst"),
        (Self::GOAWAY, "goaway"),
        (Self::PUSH, "push"),
        (Self::UNKNOWN_FIELDS, "unknown-fields"),
        (Self::UNDECODED, "undecoded"),
    ];

    /// Whether all of `other` are in the set.
    pub fn has(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The names, in a fixed order.
    pub fn names(self) -> Vec<&'static str> {
        Self::NAMES.iter().filter(|(flag, _)| self.has(*flag)).map(|(_, name)| *name).collect()
    }

    /// Whether the set is empty.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Flags {
    fn bitor_assign(&mut self, other: Self) {
        self.0 |= other.0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_that_run_backwards_are_unknown() {
        let end = Endpoint { address: [0; 16], port: 80 };
        let ends = Ends { client: end, proxied: None, server: end, origin: Origin::Unknown };
        let exchange =
            Exchange { request_first_ns: Some(20), response_first_ns: Some(10), response_last_ns: Some(19), ..Exchange::between(&ends) };
        assert_eq!((exchange.response_time_ns(), exchange.duration_ns()), (None, None));
        let later = Exchange { response_first_ns: Some(25), response_last_ns: Some(30), ..exchange };
        assert_eq!((later.response_time_ns(), later.duration_ns()), (Some(5), Some(10)));
    }
}
