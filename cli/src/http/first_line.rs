//! The first line of a message: a request line or a status line (RFC 9112 sections 3 and 4), and what a client or a server
//! writes that means one. An observer logs what a server would refuse, as long as it is clearly HTTP.
//!
//! Not HTTP for its word GET or OPTIONS alone: redis, SIP, RTSP and others have these words too.

use ehl_probes_common::walk::is_token;

use super::head::Version;

/// RFC 9112 sections 3 and 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Request { method: &'a [u8], target: &'a [u8] },
    Response { status: u16 },
}

/// A first line, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct First<'a> {
    pub(super) line: Line<'a>,
    /// HTTP/0.9 when there is none, and HTTP/1.0 when it is none that is known.
    pub(super) version: Version,
    /// Whether it is not as the grammar has it.
    pub(super) is_odd: bool,
}

/// What a line is that a message may start with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A request line or a status line; fields follow.
    OfHead,
    /// A request of HTTP/0.9, all of it (RFC 1945 section 4.1: `Simple-Request = "GET" SP Request-URI CRLF`).
    Simple,
    /// What follows will tell.
    Open,
    /// Neither.
    Other,
}

/// Tells by its first line, without its end, and by what is here of what follows it, what a message is.
pub(super) fn kind(line: &[u8], after: &[u8]) -> Kind {
    let Some(first) = parse(line) else { return Kind::Other };
    if first.version != Version::HTTP_0_9 {
        return Kind::OfHead;
    }
    match (first.is_odd, next_line(after)) {
        (_, Next::Field) | (true, Next::Blank) => Kind::OfHead,
        (false, _) => Kind::Simple,
        (true, Next::Open) => Kind::Open,
        (true, Next::Other) => Kind::Other,
    }
}

/// Takes a line apart; `None` when it is not meant to be one of HTTP/1.
pub(super) fn parse(line: &[u8]) -> Option<First<'_>> {
    if is_version(line) { status_line(line) } else { request_line(line) }
}

/// Whether the bytes start with `HTTP/` and a digit, or are the start of it.
pub(super) fn is_version(bytes: &[u8]) -> bool {
    const NAME: &[u8] = b"HTTP/";
    let shared = bytes.len().min(NAME.len());
    shared > 0 && bytes[..shared] == NAME[..shared] && bytes.get(NAME.len()).is_none_or(u8::is_ascii_digit)
}

/// Takes a line apart of which the end is missing: a status, or a known method and the start of a target.
pub(super) fn parse_cut(line: &[u8]) -> Option<First<'_>> {
    if is_version(line) {
        return status_line(line);
    }
    let space = memchr::memchr(b' ', line).filter(|space| is_known(&line[..*space]))?;
    let rest = &line[space + 1..];
    let is_start_of_version = |word: &[u8]| b"HTTP/1.".starts_with(word) || version(word).is_some();
    let target = match memchr::memrchr(b' ', rest) {
        Some(last) if is_start_of_version(&rest[last + 1..]) => &rest[..last],
        _ => rest,
    };
    is_target(target).then_some(First { line: Line::Request { method: &line[..space], target }, version: Version::UNKNOWN, is_odd: false })
}

fn status_line(line: &[u8]) -> Option<First<'_>> {
    let space = memchr::memchr(b' ', line)?;
    let (version, is_odd) = version(&line[..space])?;
    let rest = line[space..].trim_ascii_start();
    let digits = rest.get(..3)?;
    let status = digits.iter().try_fold(0u16, |status, digit| digit.is_ascii_digit().then(|| status * 10 + u16::from(digit - b'0')))?;
    let is_apart = line.len() - rest.len() > space + 1;
    Some(First { line: Line::Response { status }, version, is_odd: is_odd || is_apart })
}

fn request_line(line: &[u8]) -> Option<First<'_>> {
    let space = memchr::memchr(b' ', line).filter(|space| *space > 0)?;
    let (method, all) = (&line[..space], &line[space + 1..]);
    let rest = all.trim_ascii();
    if method == b"CONNECT"
        && let Some((target, (version, _))) = overlong_authority(rest)
    {
        return Some(First { line: Line::Request { method, target }, version, is_odd: true });
    }
    let last = memchr::memrchr(b' ', rest);
    let found = last.and_then(|last| Some((rest[..last].trim_ascii(), version(&rest[last + 1..])?)));
    if let Some((target, (version, is_odd))) = found {
        let is_odd = is_odd || rest.len() < all.len();
        return (!is_odd || is_known(method)).then_some(First { line: Line::Request { method, target }, version, is_odd });
    }
    if !is_known(method) {
        return None;
    }
    // Without a target, the version is where that should be: "Recipients of an invalid request-line SHOULD respond with ... 400".
    if let Some((version, _)) = version(rest).filter(|_| rest.len() > 4) {
        return Some(First { line: Line::Request { method, target: rest }, version, is_odd: true });
    }
    let is_odd = method != b"GET" || rest.len() < all.len();
    is_target(rest).then_some(First { line: Line::Request { method, target: rest }, version: Version::HTTP_0_9, is_odd })
}

/// The target of CONNECT is a host and a port (RFC 9112 section 3.2.3): a further word before the version is none of it.
fn overlong_authority(rest: &[u8]) -> Option<(&[u8], (Version, bool))> {
    let end = memchr::memchr(b' ', rest)?;
    let last = memchr::memrchr(b' ', rest).filter(|last| *last > end)?;
    Some((&rest[..end], version(&rest[last + 1..])?))
}

/// Methods of the IANA registry, and others in wide use. Only with one of them a line counts that the grammar does not have.
#[rustfmt::skip]
fn is_known(method: &[u8]) -> bool {
    matches!(
        method,
        b"ACL" | b"BASELINE-CONTROL" | b"BCOPY" | b"BDELETE" | b"BIND" | b"BITS_POST" | b"BMOVE" | b"CCM_POST" | b"CHECKIN" |
        b"CHECKOUT" | b"CONNECT" | b"COPY" | b"DELETE" | b"GET" | b"HEAD" | b"LABEL" | b"LINK" | b"LOCK" | b"M-SEARCH" |
        b"MERGE" | b"MKACTIVITY" | b"MKCALENDAR" | b"MKCOL" | b"MKREDIRECTREF" | b"MKWORKSPACE" | b"MOVE" | b"NOTIFY" |
        b"OPTIONS" | b"ORDERPATCH" | b"PATCH" | b"POLL" | b"POST" | b"PROPFIND" | b"PROPPATCH" | b"PURGE" | b"PUT" | b"QUERY" |
        b"REBIND" | b"REPORT" | b"RPC_IN_DATA" | b"RPC_OUT_DATA" | b"SEARCH" | b"SUBSCRIBE" | b"TRACE" | b"UNBIND" |
        b"UNCHECKOUT" | b"UNLINK" | b"UNLOCK" | b"UNSUBSCRIBE" | b"UPDATE" | b"UPDATEREDIRECTREF" | b"VERSION-CONTROL"
    )
}

/// What cannot be but a path or a URL.
fn is_target(word: &[u8]) -> bool {
    let starts = word.starts_with(b"/") || word.starts_with(b"http://") || word.starts_with(b"https://");
    starts && word.iter().all(u8::is_ascii_graphic)
}

/// The version that a word tells, and whether it is not one as the grammar has it. RFC 9112 section 2.3: `HTTP-version =
/// HTTP-name "/" DIGIT "." DIGIT`, with the name in capitals.
fn version(word: &[u8]) -> Option<(Version, bool)> {
    const MOST: usize = 12;
    if let Some([minor @ b'0'..=b'9']) = word.strip_prefix(b"HTTP/1.") {
        return Some((Version { major: 1, minor: minor - b'0' }, false));
    }
    let (name, number) = word.split_at_checked(4)?;
    let is_number = number.is_empty() || number[0] == b'/' && number[1..].iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'.');
    (name.eq_ignore_ascii_case(b"HTTP") && is_number && word.len() <= MOST).then_some((meant(number), true))
}

fn meant(number: &[u8]) -> Version {
    match number.strip_prefix(b"/1.").and_then(<[u8]>::first) {
        Some(minor @ b'0'..=b'9') => Version { major: 1, minor: minor - b'0' },
        _ => Version::HTTP_1_0,
    }
}

/// What follows a first line.
enum Next {
    Field,
    Blank,
    /// Not enough is here to tell.
    Open,
    Other,
}

fn next_line(bytes: &[u8]) -> Next {
    match bytes.iter().position(|byte| !is_token(*byte)) {
        None => Next::Open,
        Some(0) if bytes.starts_with(b"\n") || bytes.starts_with(b"\r\n") => Next::Blank,
        Some(0) if bytes == b"\r" => Next::Open,
        Some(end) if end > 0 && bytes[end] == b':' => Next::Field,
        Some(_) => Next::Other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(line: &str) -> String {
        let Some(First { line, version, is_odd }) = parse(line.as_bytes()) else { return "none".to_owned() };
        let what = match line {
            Line::Request { method, target } => format!("{} {}", method.escape_ascii(), target.escape_ascii()),
            Line::Response { status } => status.to_string(),
        };
        format!("{what} {}{}", version.as_str().unwrap_or("?"), if is_odd { " odd" } else { "" })
    }

    #[test]
    fn reads_lines_as_the_grammar_has_them() {
        for (line, expected) in [
            ("GET /a?b HTTP/1.1", "GET /a?b 1.1"),
            ("frobnicate * HTTP/1.0", "frobnicate * 1.0"),
            ("GET /a b HTTP/1.1", "GET /a b 1.1"),
            ("GET /a", "GET /a 0.9"),
            ("GET https://h/a", "GET https://h/a 0.9"),
            ("HTTP/1.1 200 OK", "200 1.1"),
            ("HTTP/1.0 404", "404 1.0"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn reads_what_is_meant_and_says_so() {
        for (line, expected) in [
            ("PUT / HTTP/1.", "PUT / 1.0 odd"),
            ("PUT / HTTP/1.x", "PUT / 1.0 odd"),
            ("PUT / HTTP/1.10", "PUT / 1.1 odd"),
            ("PUT / http/1.1", "PUT / 1.1 odd"),
            ("PUT / HTTP/2.0", "PUT / 1.0 odd"),
            ("PUT / HTTP", "PUT / 1.0 odd"),
            ("PUT / HTTP/1.1 ", "PUT / 1.1 odd"),
            ("GET HTTP/1.1", "GET HTTP/1.1 1.1 odd"),
            ("PUT /HTTP/1.1", "PUT /HTTP/1.1 0.9 odd"),
            ("HEAD /a", "HEAD /a 0.9 odd"),
            ("HTTP/1.x 200 OK", "200 1.0 odd"),
            ("HTTP/1 200 OK", "200 1.0 odd"),
            ("HTTP/2 200", "200 1.0 odd"),
            ("HTTP/1.1  200 OK", "200 1.1 odd"),
        ] {
            assert_eq!(told(line), expected, "{line}");
        }
    }

    #[test]
    fn refuses_lines_of_other_protocols() {
        for line in [
            "",
            "GET",
            "OPTIONS",
            "GET key",
            "get /a",
            "SET /a",
            "T / HTTP",
            "X / HTTP/1.",
            " GET / HTTP/1.1",
            "GET/ HTTP/1.1",
            "INVITE sip:a@b SIP/2.0",
            "OPTIONS sip:a@b SIP/2.0",
            "OPTIONS rtsp://a/b RTSP/1.0",
            "OPTIONS * RTSP/1.0",
            "OPTIONS icap://a/b ICAP/1.0",
            "DELETE FROM a",
            "SEARCH 1",
            "GET HTTP",
            "GET /a b",
            "SIP/2.0 200 OK",
            "RTSP/1.0 200 OK",
            "http/1.1 200 OK",
            "HTTP/1.1 2x0 OK",
            "HTTP/1.1 OK",
            "HTTP/x 200 OK",
            "HTTP/1.1200 OK",
        ] {
            assert_eq!(told(line), "none", "{line}");
        }
    }

    #[test]
    fn what_follows_tells_whether_a_line_without_version_is_all() {
        for (line, after, expected) in [
            ("GET /a", "", Kind::Simple),
            ("GET /a", "\r\n", Kind::Simple),
            ("GET /a", "GET /b\r\n", Kind::Simple),
            ("GET /a", "Host: h\r\n\r\n", Kind::OfHead),
            ("PUT /a", "", Kind::Open),
            ("PUT /a", "Hos", Kind::Open),
            ("PUT /a", "\r", Kind::Open),
            ("PUT /a", "\r\n", Kind::OfHead),
            ("PUT /a", "Host: h\r\n\r\n", Kind::OfHead),
            ("PUT /a", "and more", Kind::Other),
            ("PUT / HTTP/1.", "", Kind::OfHead),
            ("PUT key", "Host: h\r\n\r\n", Kind::Other),
        ] {
            assert_eq!(kind(line.as_bytes(), after.as_bytes()), expected, "{line} {after}");
        }
    }
}
