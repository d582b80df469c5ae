//! How the body after a head is framed (RFC 9112 section 6.3), for user space, which also decides the odd cases.

use super::exchange::Flags;
use super::raw::{Field, Raw};

/// Where a body ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// With its last chunk and trailers.
    Chunked,
    /// With the connection.
    Close,
    /// There is no more HTTP/1 in either direction (101, or 2xx to CONNECT).
    Tunnel,
}

/// What the request's method means for the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Method {
    Plain,
    Head,
    Connect,
    /// The request was not seen.
    Unknown,
}

impl Method {
    pub(super) fn of(method: &[u8]) -> Self {
        match method {
            b"HEAD" => Self::Head,
            b"CONNECT" => Self::Connect,
            _ => Self::Plain,
        }
    }
}

/// A request's framing, and what is odd about it.
pub(super) fn request(raw: &Raw<'_>) -> (Framing, Flags) {
    let (declared, flags) = declared(&raw.fields);
    match declared {
        Declared::Chunked => (Framing::Chunked, flags),
        Declared::Length(length) => (Framing::Length(length), flags),
        // "If this is a request message and none of the above are true, then the message body length is zero."
        Declared::Nothing | Declared::OtherCoding => (Framing::Length(0), flags),
    }
}

/// A final response's framing, and what is odd about it.
pub(super) fn response(raw: &Raw<'_>, status: u16, method: Method) -> (Framing, Flags) {
    let (declared, flags) = declared(&raw.fields);
    let framing = match (method, status) {
        // "Any response to a HEAD request and any response with a 1xx, 204, or 304 status code is always terminated by the
        // first empty line after the header fields."
        (Method::Head, _) | (_, 204 | 304) => Framing::Length(0),
        // "Any 2xx response to a CONNECT request implies that the connection will become a tunnel."
        (Method::Connect, 200..=299) => Framing::Tunnel,
        // What answers no request that was seen may be body that was taken for a head: it ends nothing for good.
        (Method::Plain, 101) => Framing::Tunnel,
        _ => match declared {
            Declared::Chunked => Framing::Chunked,
            Declared::Length(length) => Framing::Length(length),
            // "... the message body length is determined by the number of octets received prior to the server closing the
            // connection."
            Declared::Nothing | Declared::OtherCoding => Framing::Close,
        },
    };
    (framing, flags)
}

enum Declared {
    Nothing,
    Length(u64),
    Chunked,
    /// Transfer-Encoding whose last coding is not chunked.
    OtherCoding,
}

fn declared(fields: &[Field<'_>]) -> (Declared, Flags) {
    let mut length = None;
    let mut coding = None;
    let mut flags = Flags::default();
    for field in fields {
        if field.name.eq_ignore_ascii_case(b"content-length") {
            match lengths(field.value) {
                Some(value) if length.is_none_or(|before| before == value) => length = Some(value),
                _ => flags |= Flags::BAD_LENGTH,
            }
        } else if field.name.eq_ignore_ascii_case(b"transfer-encoding") {
            coding = Some(ends_chunked(field.value));
        }
    }
    let declared = match (coding, length) {
        (Some(chunked), length) => {
            if length.is_some() {
                // "... such a message might indicate an attempt to perform request smuggling"
                flags |= Flags::TE_AND_CL;
            }
            if chunked { Declared::Chunked } else { Declared::OtherCoding }
        }
        (None, Some(length)) => Declared::Length(length),
        (None, None) => Declared::Nothing,
    };
    (declared, flags)
}

/// One number, or the same number several times: "a recipient ... MAY replace the duplicated field values".
fn lengths(value: &[u8]) -> Option<u64> {
    let mut found = None;
    for part in value.split(|byte| *byte == b',') {
        let digits = part.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
        if found.is_some_and(|before| before != number) {
            return None;
        }
        found = Some(number);
    }
    found
}

fn ends_chunked(value: &[u8]) -> bool {
    let last = value.rsplit(|byte| *byte == b',').next().unwrap_or(value);
    last.trim_ascii().eq_ignore_ascii_case(b"chunked")
}

#[cfg(test)]
mod tests {
    use super::super::raw;
    use super::*;

    fn of(head: &str, method: Method) -> (Framing, Vec<&'static str>) {
        let head = format!("{head}\r\n\r\n");
        let raw = raw::parse(head.as_bytes()).expect("a head");
        let (framing, flags) = match raw.line {
            raw::Line::Request { .. } => request(&raw),
            raw::Line::Response { status } => response(&raw, status, method),
        };
        (framing, flags.names())
    }

    #[test]
    fn follows_the_order_of_the_rfc() {
        use Framing::{Chunked, Close, Length, Tunnel};
        use Method::{Connect, Head, Plain};
        for (head, method, framing, flags) in [
            ("GET / HTTP/1.1", Plain, Length(0), &[][..]),
            ("POST / HTTP/1.1\r\nContent-Length: 7", Plain, Length(7), &[]),
            ("POST / HTTP/1.1\r\nContent-Length: 7, 7\r\nContent-Length: 7", Plain, Length(7), &[]),
            ("POST / HTTP/1.1\r\nContent-Length: 7\r\nContent-Length: 8", Plain, Length(7), &["bad-length"]),
            ("POST / HTTP/1.1\r\nContent-Length: -7", Plain, Length(0), &["bad-length"]),
            ("POST / HTTP/1.1\r\nContent-Length: 99999999999999999999999", Plain, Length(0), &["bad-length"]),
            ("POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 7", Plain, Chunked, &["te-and-cl"]),
            ("HTTP/1.1 200 OK", Plain, Close, &[]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", Plain, Close, &[]),
            ("HTTP/1.1 200 OK\r\nContent-Length: 7", Head, Length(0), &[]),
            ("HTTP/1.1 304 Not Modified\r\nContent-Length: 7", Plain, Length(0), &[]),
            ("HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked", Plain, Length(0), &[]),
            ("HTTP/1.1 200 OK\r\nContent-Length: 7", Connect, Tunnel, &[]),
            ("HTTP/1.1 407 No\r\nContent-Length: 7", Connect, Length(7), &[]),
            ("HTTP/1.1 101 Switching", Plain, Tunnel, &[]),
        ] {
            assert_eq!(of(head, method), (framing, flags.to_vec()), "{head}");
        }
    }
}
