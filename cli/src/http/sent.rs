//! A head as it was sent, in whatever version of HTTP, still with its secrets. Stays inside `http`.

use super::head::{Direction, Version};

/// A first line, or pseudo-header fields, and the fields after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    pub(super) line: Line<'a>,
    pub(super) version: Version,
    pub(super) fields: &'a [Field<'a>],
    /// All its fields are here.
    pub(super) is_whole: bool,
}

/// What a message is; `None` is what was not sent, or is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Request {
        method: Option<&'a [u8]>,
        /// In any form of RFC 9112 section 3.2, or `:path` (RFC 9113 section 8.3.1).
        target: Option<&'a [u8]>,
        /// `:authority`.
        authority: Option<&'a [u8]>,
    },
    Response {
        status: Option<u16>,
    },
}

impl Line<'_> {
    pub(super) fn direction(&self) -> Direction {
        match self {
            Self::Request { .. } => Direction::Request,
            Self::Response { .. } => Direction::Response,
        }
    }
}

/// A field line without the white space around the value; a folded value is one piece with its line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
    pub(super) known: Known,
}

impl<'a> Field<'a> {
    pub(super) fn new(name: &'a [u8], value: &'a [u8]) -> Self {
        Self { name, value, known: Known::of(name) }
    }

    /// Field names have no case (RFC 9110 section 5.1).
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}

/// The names that most fields have: found once, as all of them are looked for in each head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    Accept,
    Authorization,
    ContentLength,
    ContentType,
    Cookie,
    Forwarded,
    Host,
    RequestId,
    TransferEncoding,
    UserAgent,
    ForwardedFor,
    /// Says nothing that is kept by its name.
    Plain,
    /// None of these.
    Other,
}

impl Known {
    fn of(name: &[u8]) -> Self {
        Self::as_written(name).or_else(|| Self::in_any_case(name)).unwrap_or(Self::Other)
    }

    /// As nearly all clients and servers write them.
    fn as_written(name: &[u8]) -> Option<Self> {
        // By length first: the compiler compares one literal after the other.
        Some(match (name.len(), name) {
            (4, b"Host" | b"host") => Self::Host,
            (4, b"Date" | b"date" | b"Vary" | b"vary" | b"ETag" | b"etag") => Self::Plain,
            (6, b"Accept" | b"accept") => Self::Accept,
            (6, b"Cookie" | b"cookie") => Self::Cookie,
            (6, b"Server" | b"server" | b"Origin" | b"origin") => Self::Plain,
            (7, b"Referer" | b"referer") => Self::Plain,
            (9, b"Forwarded" | b"forwarded") => Self::Forwarded,
            (10, b"User-Agent" | b"user-agent") => Self::UserAgent,
            (10, b"Connection" | b"connection" | b"Set-Cookie" | b"set-cookie") => Self::Plain,
            (11, b"traceparent" | b"Traceparent") => Self::Plain,
            (12, b"Content-Type" | b"content-type") => Self::ContentType,
            (12, b"X-Request-Id" | b"x-request-id" | b"X-Request-ID") => Self::RequestId,
            (13, b"Authorization" | b"authorization") => Self::Authorization,
            (13, b"Cache-Control" | b"cache-control" | b"Last-Modified" | b"last-modified" | b"Accept-Ranges" | b"accept-ranges") => {
                Self::Plain
            }
            (14, b"Content-Length" | b"content-length") => Self::ContentLength,
            (15, b"X-Forwarded-For" | b"x-forwarded-for") => Self::ForwardedFor,
            (15, b"Accept-Encoding" | b"accept-encoding" | b"Accept-Language" | b"accept-language") => Self::Plain,
            (16, b"Content-Encoding" | b"content-encoding") => Self::Plain,
            (17, b"Transfer-Encoding" | b"transfer-encoding") => Self::TransferEncoding,
            (17, b"X-Forwarded-Proto" | b"x-forwarded-proto") => Self::Plain,
            _ => return None,
        })
    }

    fn in_any_case(name: &[u8]) -> Option<Self> {
        const LONGEST: usize = 17;
        let mut lower = [0; LONGEST];
        let lower = lower.get_mut(..name.len()).filter(|_| name.iter().any(u8::is_ascii_uppercase))?;
        lower.copy_from_slice(name);
        lower.make_ascii_lowercase();
        Self::as_written(lower)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_in_any_case() {
        for (name, known) in [
            ("Host", Known::Host),
            ("content-length", Known::ContentLength),
            ("CONTENT-TYPE", Known::ContentType),
            ("x-Forwarded-for", Known::ForwardedFor),
            ("Hosts", Known::Other),
            ("Data", Known::Other),
            ("", Known::Other),
        ] {
            assert_eq!(Known::of(name.as_bytes()), known, "{name}");
        }
    }
}
