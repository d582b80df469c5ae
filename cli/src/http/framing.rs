//! How the body after a head is framed, for user space, which also decides the odd cases. Quotes are from RFC 9112 section 6,
//! unless they name another one.

use ehl_probes_common::walk::is_token;

use super::exchange::Flags;
use super::head::Version;
use super::raw::Raw;
use super::sent::Known;

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
    /// The same, but there is HTTP/2 instead, and the answer comes with it.
    Http2,
    /// The length of a request is nonsense: a server refuses it, reads no body, or one of a length that it makes up.
    Unknown,
    /// There is one, in a coding that does not tell where it ends.
    Unreadable,
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
    let (declared, mut flags) = declared(raw);
    flags |= host(raw);
    let framing = match declared {
        Declared::Chunked => Framing::Chunked,
        // Who is lenient decodes what may be decoded, and the next request is where that ends.
        Declared::OtherCoding { chunked: true } => {
            flags |= Flags::BAD_TE;
            Framing::Chunked
        }
        // "If a Transfer-Encoding header field is present in a request and the chunked transfer coding is not the final encoding,
        // the message body length cannot be determined reliably; the server MUST respond with the 400 (Bad Request) status code
        // and then close the connection."
        Declared::OtherCoding { chunked: false } => {
            flags |= Flags::BAD_TE;
            Framing::Unreadable
        }
        Declared::Length(length) => Framing::Length(length),
        Declared::Nothing if flags.has(Flags::BAD_LENGTH) => Framing::Unknown,
        // "If this is a request message and none of the above are true, then the message body length is zero (no message body
        // is present)."
        Declared::Nothing => Framing::Length(0),
    };
    (framing, flags)
}

/// A final response's framing, and what is odd about it.
pub(super) fn response(raw: &Raw<'_>, status: u16, method: Method) -> (Framing, Flags) {
    let (declared, flags) = declared(raw);
    let framing = match (method, status) {
        // "Any response to a HEAD request and any response with a 1xx (Informational), 204 (No Content), or 304 (Not Modified)
        // status code is always terminated by the first empty line after the header fields, regardless of the header fields
        // present in the message, and thus cannot contain a message body or trailer section."
        (Method::Head, _) | (_, 204 | 304) => Framing::Length(0),
        // "Any 2xx (Successful) response to a CONNECT request implies that the connection will become a tunnel immediately after
        // the empty line that concludes the header fields. A client MUST ignore any Content-Length or Transfer-Encoding header
        // fields received in such a message."
        (Method::Connect, 200..=299) => Framing::Tunnel,
        // RFC 9110 section 15.2.2: the protocol changes "immediately after the empty line that terminates the 101 response".
        // What answers no request that was seen may be body that was taken for a head: it ends nothing for good.
        (Method::Plain, 101) => Framing::Tunnel,
        _ => match declared {
            // "If a Transfer-Encoding header field is present and the chunked transfer coding (Section 7.1) is the final
            // encoding, the message body length is determined by reading and decoding the chunked data until the transfer
            // coding indicates the data is complete."
            Declared::Chunked => Framing::Chunked,
            // "If a valid Content-Length header field is present without Transfer-Encoding, its decimal value defines the
            // expected message body length in octets."
            Declared::Length(length) => Framing::Length(length),
            // "Otherwise, this is a response message without a declared message body length, so the message body length is
            // determined by the number of octets received prior to the server closing the connection." The same where "the
            // chunked transfer coding is not the final encoding".
            Declared::Nothing | Declared::OtherCoding { .. } => Framing::Close,
        },
    };
    (framing, flags)
}

/// What the fields say of the body.
enum Declared {
    Nothing,
    Length(u64),
    Chunked,
    /// Transfer-Encoding whose last coding is not chunked, though another one may be.
    OtherCoding {
        chunked: bool,
    },
}

fn declared(raw: &Raw<'_>) -> (Declared, Flags) {
    let mut length = None;
    let mut codings = Codings::default();
    let mut flags = Flags::default();
    for field in raw.fields {
        if field.known == Known::ContentLength {
            match lengths(field.value) {
                Some(value) if length.is_none_or(|before| before == value) => length = Some(value),
                // "If a message is received without Transfer-Encoding and with an invalid Content-Length header field, then the
                // message framing is invalid and the recipient MUST treat it as an unrecoverable error".
                // Who is lenient reads a sign as `strtol` does, and goes on after the body.
                _ => {
                    flags |= Flags::BAD_LENGTH;
                    length = length.or_else(|| lengths(field.value.strip_prefix(b"+")?));
                }
            }
        } else if field.known == Known::TransferEncoding {
            codings.add(field.value);
        }
    }
    let Codings { last, chunked, odd } = codings;
    // "A server or client that receives an HTTP/1.0 message containing a Transfer-Encoding header field MUST treat the message as
    // if the framing is faulty"; "A sender MUST NOT apply the chunked transfer coding more than once".
    if odd || chunked > 1 || last.is_some() && raw.version <= Version::HTTP_1_0 {
        flags |= Flags::BAD_TE;
    }
    // "If a message is received with both a Transfer-Encoding and a Content-Length header field, the Transfer-Encoding overrides
    // the Content-Length. Such a message might indicate an attempt to perform request smuggling (Section 11.2) or response
    // splitting (Section 11.1) and ought to be handled as an error."
    if (last.is_some() || odd) && length.is_some() {
        flags |= Flags::TE_AND_CL;
    }
    let declared = match (last, length) {
        (Some(Last::Chunked), _) => Declared::Chunked,
        (Some(Last::Other), _) => Declared::OtherCoding { chunked: chunked > 0 },
        (None, Some(length)) => Declared::Length(length),
        (None, None) => Declared::Nothing,
    };
    (declared, flags)
}

/// The transfer codings of a message, those of all its field lines in one list (RFC 9110 section 5.3).
#[derive(Default)]
struct Codings {
    last: Option<Last>,
    chunked: u32,
    odd: bool,
}

#[derive(Clone, Copy)]
enum Last {
    Chunked,
    Other,
}

impl Codings {
    fn add(&mut self, value: &[u8]) {
        for coding in value.split(|byte| *byte == b',') {
            let coding = coding.trim_ascii();
            let name = coding.split(|byte| !is_token(*byte)).next().unwrap_or(coding);
            if name.eq_ignore_ascii_case(b"chunked") {
                self.last = Some(Last::Chunked);
                self.chunked += 1;
                // It has no parameters.
                self.odd |= name.len() != coding.len();
            } else if name.eq_ignore_ascii_case(b"identity") {
                // RFC 2616 section 4.4 had it for "none", and RFC 7230 took it away.
                self.odd = true;
            } else if !coding.is_empty() {
                self.last = Some(Last::Other);
                self.odd |= name.is_empty() || !matches!(coding.get(name.len()), None | Some(b';' | b' ' | b'\t'));
            }
        }
    }
}

/// Whether a response of 101 turns the connection to HTTP/2 in clear (RFC 7540 section 3.2).
pub(super) fn turns_to_http2(raw: &Raw<'_>) -> bool {
    let upgrades = raw.fields.iter().filter(|field| field.is("upgrade"));
    upgrades.flat_map(|field| field.value.split(|byte| *byte == b',')).any(|protocol| protocol.trim_ascii().eq_ignore_ascii_case(b"h2c"))
}

/// "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message that lacks a Host header field and
/// to any request message that contains more than one Host header field line" (section 3.2).
fn host(raw: &Raw<'_>) -> Flags {
    let lines = raw.fields.iter().filter(|field| field.known == Known::Host).count();
    if lines > 1 || lines == 0 && raw.version > Version::HTTP_1_0 { Flags::BAD_HOST } else { Flags::default() }
}

/// One number, or the same number several times: "the recipient ... MAY process the message as if it contained a single
/// Content-Length field" (RFC 9110 section 8.6). A number that no server counts to is as good as none.
fn lengths(value: &[u8]) -> Option<u64> {
    let mut found = None;
    for part in value.split(|byte| *byte == b',') {
        let digits = part.trim_ascii();
        if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = std::str::from_utf8(digits).ok()?.parse().ok().filter(|number| *number <= i64::MAX as u64)?;
        if found.is_some_and(|before| before != number) {
            return None;
        }
        found = Some(number);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::first_line::Line;
    use super::super::raw;
    use super::*;

    fn of(head: &str, method: Method) -> (Framing, Vec<&'static str>) {
        let head = format!("{head}\r\n\r\n");
        let mut fields = raw::Fields::new();
        let raw = raw::parse(head.as_bytes(), &mut fields).expect("a head");
        let (framing, flags) = match raw.line {
            Line::Request { .. } => request(&raw),
            Line::Response { status } => response(&raw, status, method),
        };
        (framing, flags.names())
    }

    #[test]
    fn follows_the_order_of_the_rfc() {
        use Framing::{Chunked, Close, Length, Tunnel};
        use Method::{Connect, Head, Plain};
        for (head, method, framing, flags) in [
            ("GET / HTTP/1.1", Plain, Length(0), &["bad-host"][..]),
            ("GET / HTTP/1.1\r\nHost: a", Plain, Length(0), &[]),
            ("GET / HTTP/1.1\r\nHost: a\r\nhost: b", Plain, Length(0), &["bad-host"]),
            ("GET / HTTP/1.0", Plain, Length(0), &[]),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked", Plain, Chunked, &["bad-te"]),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked", Plain, Chunked, &["bad-te"]),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: gzip", Plain, Framing::Unreadable, &["bad-te"]),
            ("POST / HTTP/1.0\r\nTransfer-Encoding: chunked, gzip", Plain, Chunked, &["bad-te"]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip", Plain, Close, &[]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked", Plain, Chunked, &[]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\nContent-Length: 3", Plain, Length(3), &["te-and-cl", "bad-te"]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked;q=1", Plain, Chunked, &["bad-te"]),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: \"chunked\"", Plain, Close, &["bad-te"]),
            ("POST / HTTP/1.0\r\nContent-Length: 7", Plain, Length(7), &[]),
            ("POST / HTTP/1.0\r\nContent-Length: 7, 7\r\nContent-Length: 7", Plain, Length(7), &[]),
            ("POST / HTTP/1.0\r\nContent-Length: 7\r\nContent-Length: 8", Plain, Length(7), &["bad-length"]),
            ("POST / HTTP/1.0\r\nContent-Length: +7", Plain, Length(7), &["bad-length"]),
            ("POST / HTTP/1.0\r\nContent-Length: -7", Plain, Framing::Unknown, &["bad-length"]),
            ("POST / HTTP/1.0\r\nContent-Length: 99999999999999999999999", Plain, Framing::Unknown, &["bad-length"]),
            ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, Chunked\r\nContent-Length: 7", Plain, Chunked, &["te-and-cl"]),
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
