//! HTTP/1.1 messages as the demo's API and its clients read them. Lenient where that is harmless; bodies are
//! read and thrown away.

use std::io::{self, BufRead, Read};

const MAX_HEAD_BYTES: u64 = 16 * 1024;
const MAX_BODY_BYTES: u64 = 4 * 1024 * 1024;
const MAX_HEADERS: usize = 64;

/// The head of a request, its body already read.
#[derive(Debug)]
pub(super) struct Request {
    pub(super) method: String,
    /// Path and query.
    pub(super) target: String,
    headers: Headers,
    http_1_0: bool,
}

impl Request {
    pub(super) fn read(from: &mut impl BufRead) -> io::Result<Self> {
        let head = read_head(from)?;
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut parsed = httparse::Request::new(&mut headers);
        complete(parsed.parse(&head))?;
        let request = Self {
            method: parsed.method.unwrap_or_default().to_owned(),
            target: parsed.path.unwrap_or_default().to_owned(),
            headers: Headers::from(&*parsed.headers),
            http_1_0: parsed.version == Some(0),
        };
        skip_body(from, &request.headers)?;
        Ok(request)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// True when the client wants no other request on this connection (RFC 9112 section 9.3).
    pub(super) fn is_last(&self) -> bool {
        let wants = |option| self.headers.lists("connection", option);
        wants("close") || (self.http_1_0 && !wants("keep-alive"))
    }
}

/// Reads an answer to its last byte and gives its status. `method` is what the request asked: HEAD has no body.
pub(super) fn read_answer(from: &mut impl BufRead, method: &str) -> io::Result<u16> {
    let head = read_head(from)?;
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Response::new(&mut headers);
    complete(parsed.parse(&head))?;
    let status = parsed.code.unwrap_or_default();
    if method != "HEAD" && !matches!(status, 100..200 | 204 | 304) {
        skip_body(from, &Headers::from(&*parsed.headers))?;
    }
    Ok(status)
}

#[derive(Debug)]
struct Headers(Vec<(String, String)>);

impl Headers {
    fn from(parsed: &[httparse::Header<'_>]) -> Self {
        let owned = |header: &httparse::Header<'_>| (header.name.to_owned(), String::from_utf8_lossy(header.value).into_owned());
        Self(parsed.iter().map(owned).collect())
    }

    fn get(&self, name: &str) -> Option<&str> {
        let found = self.0.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// True when the comma-separated header `name` lists `option`.
    fn lists(&self, name: &str, option: &str) -> bool {
        self.get(name).is_some_and(|value| value.split(',').any(|item| item.trim().eq_ignore_ascii_case(option)))
    }
}

fn read_head(from: &mut impl BufRead) -> io::Result<Vec<u8>> {
    let mut limited = from.take(MAX_HEAD_BYTES);
    let mut head = Vec::with_capacity(512);
    loop {
        let line_at = head.len();
        limited.read_until(b'\n', &mut head)?;
        match &head[line_at..] {
            b"\r\n" | b"\n" => return Ok(head),
            [.., b'\n'] => {}
            _ if limited.limit() == 0 => return Err(invalid("the head is too long")),
            _ => return Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

fn complete(parsed: httparse::Result<usize>) -> io::Result<()> {
    match parsed {
        Ok(httparse::Status::Complete(_)) => Ok(()),
        Ok(httparse::Status::Partial) => Err(invalid("the head is incomplete")),
        Err(error) => Err(io::Error::new(io::ErrorKind::InvalidData, error)),
    }
}

fn skip_body(from: &mut impl BufRead, headers: &Headers) -> io::Result<()> {
    if headers.lists("transfer-encoding", "chunked") {
        return skip_chunks(from);
    }
    match headers.get("content-length").map(str::parse) {
        None => Ok(()),
        Some(Ok(length)) => skip(from, length),
        Some(Err(_)) => Err(invalid("Content-Length is not a number")),
    }
}

fn skip_chunks(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let line = read_line(from)?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16).map_err(|_| invalid("a chunk's length is not a number"))?;
        if length == 0 {
            break;
        }
        skip(from, length)?;
        read_line(from)?;
    }
    while !read_line(from)?.is_empty() {}
    Ok(())
}

fn skip(from: &mut impl BufRead, length: u64) -> io::Result<()> {
    if length > MAX_BODY_BYTES {
        return Err(invalid("the body is too long"));
    }
    match io::copy(&mut from.take(length), &mut io::sink())? {
        skipped if skipped == length => Ok(()),
        _ => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

/// A line without its line end.
fn read_line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.take(MAX_HEAD_BYTES).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(text) => Ok(text.trim_end_matches('\r').to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn invalid(what: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    use super::{Request, read_answer};
    use std::io::ErrorKind;

    #[test]
    fn reads_a_request_and_leaves_the_next() {
        let mut bytes =
            &b"POST /a?b=c HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\nConnection: TE, close\r\n\r\n"[..];
        let first = Request::read(&mut bytes).expect("a request");
        assert_eq!((&*first.method, &*first.target), ("POST", "/a?b=c"));
        assert_eq!(first.header("HOST"), Some("x"));
        assert!(!first.is_last());
        let second = Request::read(&mut bytes).expect("the next request");
        assert!(second.is_last());
        assert!(bytes.is_empty());
    }

    #[test]
    fn takes_a_request_of_http_1_0_as_the_last() {
        let last = |bytes: &[u8]| Request::read(&mut &*bytes).expect("a request").is_last();
        assert!(last(b"GET / HTTP/1.0\r\n\r\n"));
        assert!(!last(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    }

    #[test]
    fn reads_a_chunked_answer_to_its_end() {
        let mut bytes = &b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: 1\r\n\r\nrest"[..];
        assert_eq!(read_answer(&mut bytes, "GET").ok(), Some(200));
        assert_eq!(bytes, b"rest");
    }

    #[test]
    fn expects_no_body_after_head() {
        let mut bytes = &b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nrest"[..];
        assert_eq!(read_answer(&mut bytes, "HEAD").ok(), Some(200));
        assert_eq!(bytes, b"rest");
    }

    #[test]
    fn refuses_what_is_cut_long_or_not_http() {
        let kind = |bytes: &[u8]| read_answer(&mut &*bytes, "GET").map_err(|error| error.kind()).err();
        assert_eq!(kind(b""), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(b"HTTP/1.1 200 OK\r\n"), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab"), Some(ErrorKind::UnexpectedEof));
        assert_eq!(kind(&[b'a'; 20_000]), Some(ErrorKind::InvalidData));
        assert_eq!(kind(b"SSH-2.0-x\r\n\r\n"), Some(ErrorKind::InvalidData));
        assert_eq!(kind(b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n"), Some(ErrorKind::InvalidData));
    }
}
