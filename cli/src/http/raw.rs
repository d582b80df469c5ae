//! A head of HTTP/1 as it stands on the wire: first line and fields.
//!
//! httparse reads what a strict server accepts. What it refuses (control characters, folding, spaces before the colon) a
//! lenient reader takes apart line by line: an observer logs what a server would reject.

use std::mem::MaybeUninit;

use smallvec::SmallVec;

use super::exchange::Flags;
use super::first_line::{self, First, Line};
use super::head::Version;
use super::sent::{self, Field, Sent};

/// Fields that httparse takes; more of them are the lenient reader's.
const STRICT_FIELDS: usize = 64;
/// Fields of one head that are looked at.
const MAX_FIELDS: usize = 1024;

/// Room for the fields of a head. Whoever reads one has it, as it is too large to be handed around.
pub(super) type Fields<'a> = SmallVec<[Field<'a>; 32]>;

/// A head without its fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outline<'a> {
    pub(super) line: Line<'a>,
    pub(super) version: Version,
    /// What is odd about it.
    pub(super) flags: Flags,
}

/// A head's first line and fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw<'a> {
    pub(super) line: Line<'a>,
    pub(super) version: Version,
    pub(super) fields: &'a [Field<'a>],
    /// What is odd about it.
    pub(super) flags: Flags,
}

impl<'a> Outline<'a> {
    /// With its fields.
    pub(super) fn with(self, fields: &'a [Field<'a>]) -> Raw<'a> {
        let Self { line, version, flags } = self;
        Raw { line, version, fields, flags }
    }
}

impl Raw<'_> {
    /// The same for all versions of HTTP.
    pub(super) fn sent(&self) -> Sent<'_> {
        let line = match self.line {
            Line::Request { method, target } => sent::Line::Request { method: Some(method), target: Some(target), authority: None },
            Line::Response { status } => sent::Line::Response { status: Some(status) },
        };
        Sent { line, version: self.version, fields: self.fields, is_whole: !self.flags.has(Flags::TRUNCATED) }
    }
}

/// Takes a head apart; `None` when its first line is not one of HTTP/1. It need not be complete: what is there is used.
pub(super) fn parse<'a, 'f>(bytes: &'a [u8], fields: &'f mut Fields<'a>) -> Option<Raw<'f>> {
    let outline = strict(bytes, fields).or_else(|| lenient(bytes, fields))?;
    Some(outline.with(fields))
}

/// Takes a head apart that a strict server accepts, and that ends where the bytes do.
pub(super) fn strict<'a>(bytes: &'a [u8], fields: &mut Fields<'a>) -> Option<Outline<'a>> {
    let mut room = [const { MaybeUninit::uninit() }; STRICT_FIELDS];
    let (line, minor, parsed) = if bytes.starts_with(b"HTTP/") {
        let mut head = httparse::Response::new(&mut []);
        let config = httparse::ParserConfig::default();
        match config.parse_response_with_uninit_headers(&mut head, bytes, &mut room) {
            Ok(httparse::Status::Complete(_)) => (Line::Response { status: head.code? }, head.version?, head.headers),
            _ => return None,
        }
    } else {
        let mut head = httparse::Request::new(&mut []);
        match head.parse_with_uninit_headers(bytes, &mut room) {
            Ok(httparse::Status::Complete(_)) => {
                (Line::Request { method: head.method?.as_bytes(), target: head.path?.as_bytes() }, head.version?, head.headers)
            }
            _ => return None,
        }
    };
    fields.extend(parsed.iter().map(|field| Field::new(field.name.as_bytes(), field.value)));
    let flags = if bytes.ends_with(b"\r\n\r\n") { Flags::default() } else { Flags::BARE_LF };
    Some(Outline { line, version: Version { major: 1, minor }, flags })
}

/// Takes apart what is there of a head.
pub(super) fn lenient<'a>(bytes: &'a [u8], fields: &mut Fields<'a>) -> Option<Outline<'a>> {
    let mut lines = Lines { rest: bytes };
    let first = lines.by_ref().find(|line| !line.bytes.is_empty())?;
    let First { line, version, is_odd } = if first.ended { first_line::parse(first.bytes) } else { first_line::parse_cut(first.bytes) }?;
    let mut flags = if first.bare { Flags::BARE_LF } else { Flags::default() };
    if is_odd || first.bytes.iter().any(u8::is_ascii_control) {
        flags |= Flags::MALFORMED;
    }
    for line in lines {
        // A line that is cut tells nothing for certain.
        if line.bytes.is_empty() || !line.ended {
            break;
        }
        if line.bare {
            flags |= Flags::BARE_LF;
        }
        if matches!(line.bytes.first(), Some(b' ' | b'\t')) {
            flags |= Flags::FOLDED;
            if let Some(last) = fields.last_mut() {
                last.value = join(bytes, last.value, line.bytes);
            }
            continue;
        }
        if fields.len() == MAX_FIELDS {
            flags |= Flags::TRUNCATED;
            break;
        }
        let Some(field) = field(line.bytes) else {
            flags |= Flags::MALFORMED;
            continue;
        };
        let is_plain = |byte: &u8| *byte >= b' ' && *byte != 0x7f || *byte == b'\t';
        if !field.name.iter().all(|byte| ehl_probes_common::walk::is_token(*byte)) || !field.value.iter().all(is_plain) {
            flags |= Flags::MALFORMED;
        }
        fields.push(field);
    }
    if version == Version::HTTP_0_9 && !fields.is_empty() {
        flags |= Flags::MALFORMED;
    }
    Some(Outline { line, version, flags })
}

/// Lines without their ends.
struct Lines<'a> {
    rest: &'a [u8],
}

struct LineBytes<'a> {
    bytes: &'a [u8],
    /// It has an end.
    ended: bool,
    /// That is LF alone.
    bare: bool,
}

impl<'a> Iterator for Lines<'a> {
    type Item = LineBytes<'a>;

    fn next(&mut self) -> Option<LineBytes<'a>> {
        if self.rest.is_empty() {
            return None;
        }
        let end = memchr::memchr(b'\n', self.rest);
        let (line, rest) = match end {
            Some(end) => (&self.rest[..end], &self.rest[end + 1..]),
            None => (self.rest, &self.rest[self.rest.len()..]),
        };
        self.rest = rest;
        let stripped = line.strip_suffix(b"\r");
        let ended = end.is_some();
        Some(LineBytes { bytes: stripped.unwrap_or(line), ended, bare: ended && stripped.is_none() })
    }
}

fn field(line: &[u8]) -> Option<Field<'_>> {
    let colon = memchr::memchr(b':', line)?;
    Some(Field::new(line[..colon].trim_ascii_end(), line[colon + 1..].trim_ascii()))
}

/// The bytes of `head` from the start of `value` to the end of `line`, both parts of it.
fn join<'a>(head: &'a [u8], value: &'a [u8], line: &'a [u8]) -> &'a [u8] {
    let offset = |part: &[u8]| part.as_ptr() as usize - head.as_ptr() as usize;
    let start = if value.is_empty() { offset(line) } else { offset(value) };
    head.get(start..offset(line) + line.len()).map_or(value, <[u8]>::trim_ascii)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(bytes: &[u8]) -> String {
        match parse(bytes, &mut Fields::new()) {
            None => "none".to_owned(),
            Some(raw) => {
                let line = match raw.line {
                    Line::Request { method, target } => format!("{} {}", method.escape_ascii(), target.escape_ascii()),
                    Line::Response { status } => status.to_string(),
                };
                let fields: Vec<_> =
                    raw.fields.iter().map(|field| format!("{}={}", field.name.escape_ascii(), field.value.escape_ascii())).collect();
                format!("{line} {} {} {:?}", raw.version.as_str().unwrap_or("?"), fields.join(","), raw.flags.names())
            }
        }
    }

    #[test]
    fn reads_plain_heads() {
        assert_eq!(request(b"GET /a?b HTTP/1.1\r\nHost: x\r\nA:  b c \r\n\r\n"), "GET /a?b 1.1 Host=x,A=b c []");
        assert_eq!(request(b"HTTP/1.0 404 Not Found\r\nServer: s\r\n\r\n"), "404 1.0 Server=s []");
        assert_eq!(request(b"HTTP/1.1 200\r\n\r\n"), "200 1.1  []");
        assert_eq!(request(b"FROBNICATE * HTTP/1.1\r\n\r\n"), "FROBNICATE * 1.1  []");
    }

    #[test]
    fn reads_what_a_server_would_refuse_and_says_so() {
        assert_eq!(request(b"GET / HTTP/1.1\nHost: x\n\n"), "GET / 1.1 Host=x [\"bare-lf\"]");
        assert_eq!(request(b"GET / HTTP/1.1\r\nA: b\r\n  c\r\nD: e\r\n\r\n"), "GET / 1.1 A=b\\r\\n  c,D=e [\"folded\"]");
        assert_eq!(request(b"GET / HTTP/1.1\r\nA:\r\n c\r\n\r\n"), "GET / 1.1 A=c [\"folded\"]");
        assert_eq!(request(b"GET / HTTP/1.1\r\nA: \x1b[2J\0\r\n\r\n"), "GET / 1.1 A=\\x1b[2J\\x00 [\"malformed\"]");
        assert_eq!(request(b"GET / HTTP/1.1\r\nA : b\r\nno colon\r\n\r\n"), "GET / 1.1 A=b [\"malformed\"]");
        assert_eq!(request(b"GET /\xff\x01 x HTTP/1.1\r\nA: b\r\n\r\n"), "GET /\\xff\\x01 x 1.1 A=b [\"malformed\"]");
    }

    #[test]
    fn reads_requests_of_http_0_9() {
        assert_eq!(request(b"GET /a?b\r\n"), "GET /a?b 0.9  []");
        assert_eq!(request(b"GET http://h/a\n"), "GET http://h/a 0.9  [\"bare-lf\"]");
    }

    #[test]
    fn reads_requests_with_odd_first_lines() {
        assert_eq!(request(b"PUT / HTTP/1.\r\nHost: x\r\n\r\n"), "PUT / 1.0 Host=x [\"malformed\"]");
        assert_eq!(request(b"GET HTTP/1.1\r\nHost: x\r\n\r\n"), "GET HTTP/1.1 1.1 Host=x [\"malformed\"]");
        assert_eq!(request(b"GET /\r\nHost: x\r\n\r\n"), "GET / 0.9 Host=x [\"malformed\"]");
    }

    #[test]
    fn uses_what_is_there_of_a_cut_head() {
        assert_eq!(request(b"GET / HTTP/1.1\r\nA: b\r\nCookie: x=12"), "GET / 1.1 A=b []");
        assert_eq!(request(b"GET /a/b HTT"), "GET /a/b ?  []");
        assert_eq!(request(b"GET /a/b"), "GET /a/b ?  []");
        assert_eq!(request(b"POST http://h/a/b HTTP/1.1"), "POST http://h/a/b ?  []");
        assert_eq!(request(b"HTTP/1.1 200 O"), "200 1.1  []");
        assert_eq!(request(b"FROB /a/b HTT"), "none");
        assert_eq!(request(b"GET a"), "none");
    }

    #[test]
    fn refuses_other_first_lines() {
        for line in [
            &b"GET key\r\n\r\n"[..],
            b"POST key\r\n",
            b"GET /a b\r\n",
            b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b" GET / HTTP/1.1\r\n\r\n",
            b"",
        ] {
            assert_eq!(request(line), "none", "{}", line.escape_ascii());
        }
    }

    #[test]
    fn takes_any_number_of_fields() {
        let mut head = b"GET / HTTP/1.1\r\n".to_vec();
        for number in 0..2000 {
            head.extend_from_slice(format!("A{number}: b\r\n").as_bytes());
        }
        head.extend_from_slice(b"\r\n");
        let mut fields = Fields::new();
        let raw = parse(&head, &mut fields).expect("a head");
        assert_eq!((raw.fields.len(), raw.flags.names()), (MAX_FIELDS, vec!["truncated"]));
    }
}
