//! A server and clients for large bodies at full speed, beside small requests on the same port.

use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;

use super::exchange::SERVER;
use super::netns::Netns;

/// Bytes of a body that are sent at once, and of one chunk.
const PIECE: usize = 1 << 16;

/// How a body's length is known.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Framing {
    ContentLength,
    Chunked,
}

/// Bytes of one exchange on the wire, head and body.
#[derive(Debug, PartialEq)]
pub(crate) struct Sizes {
    pub(crate) request: u64,
    pub(crate) response: u64,
}

/// Serves until the test process ends: its thread holds no more than a listener in a namespace that goes away.
pub(crate) struct Server {
    _accepting: JoinHandle<()>,
}

impl Server {
    pub(crate) fn start(netns: &Netns) -> Self {
        let listener = netns.run(|| TcpListener::bind(SocketAddr::from(SERVER))).expect("the port is free");
        let accepting = std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                std::thread::spawn(move || serve(&connection));
            }
        });
        Self { _accepting: accepting }
    }
}

/// `GET /down/FRAMING/LEN` sends a body, `PUT /up` takes one, `GET /small/N` answers with a status made of N.
fn serve(connection: &TcpStream) -> Option<()> {
    let mut reader = BufReader::with_capacity(PIECE, connection);
    let mut writer = BufWriter::with_capacity(2 * PIECE, connection);
    loop {
        let head = read_head(&mut reader)?;
        let target = head.split(' ').nth(1)?;
        match target.split('/').collect::<Vec<_>>()[1..] {
            ["down", "ContentLength", len] => {
                send(&mut writer, "HTTP/1.1 200 OK", Framing::ContentLength, len.parse().ok()?);
            }
            ["down", _, len] => send(&mut writer, "HTTP/1.1 200 OK", Framing::Chunked, len.parse().ok()?),
            ["small", number] => {
                write!(writer, "HTTP/1.1 {} Small\r\nContent-Length: 2\r\n\r\nok", status_of(number.parse().ok()?)).ok()?;
            }
            _ => {
                take_body(&mut reader, &head)?;
                write!(writer, "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\nok").ok()?;
            }
        }
        writer.flush().ok()?;
    }
}

/// The status that `/small/N` is answered with.
pub(crate) fn status_of(number: u64) -> u64 {
    [200, 201, 404, 500, 503][usize::try_from(number % 5).expect("less than five")]
}

/// Downloads `len` bytes of body on a connection of its own.
pub(crate) fn download(netns: &Netns, framing: Framing, len: u64) -> Sizes {
    netns.run(|| {
        let mut connection = TcpStream::connect(SocketAddr::from(SERVER)).expect("the server listens");
        let request = format!("GET /down/{framing:?}/{len} HTTP/1.1\r\nHost: big.example\r\n\r\n");
        connection.write_all(request.as_bytes()).expect("the request is sent");
        let counted = AtomicU64::new(0);
        let mut reader = BufReader::with_capacity(PIECE, Counting { stream: &connection, counted: &counted });
        let head = read_head(&mut reader).expect("a response head");
        take_body(&mut reader, &head).expect("a whole body");
        Sizes { request: request.len() as u64, response: counted.into_inner() }
    })
}

/// Uploads `len` bytes of body on a connection of its own.
pub(crate) fn upload(netns: &Netns, framing: Framing, len: u64) -> Sizes {
    netns.run(|| {
        let connection = TcpStream::connect(SocketAddr::from(SERVER)).expect("the server listens");
        let counted = AtomicU64::new(0);
        let counting = Counting { stream: &connection, counted: &counted };
        let mut writer = BufWriter::with_capacity(2 * PIECE, counting);
        send(&mut writer, &format!("PUT /up/{framing:?} HTTP/1.1\r\nHost: big.example"), framing, len);
        writer.flush().expect("the body is sent");
        drop(writer);
        connection.shutdown(std::net::Shutdown::Write).expect("a connection can be half closed");
        let mut response = Vec::new();
        (&connection).read_to_end(&mut response).expect("a response");
        Sizes { request: counted.into_inner(), response: response.len() as u64 }
    })
}

/// Small requests `numbers`, one after the other on one connection; the answers are checked.
pub(crate) fn ask_small(netns: &Netns, numbers: std::ops::Range<u64>) {
    netns.run(|| {
        let connection = TcpStream::connect(SocketAddr::from(SERVER)).expect("the server listens");
        let mut reader = BufReader::new(&connection);
        for number in numbers {
            let request = format!("GET /small/{number} HTTP/1.1\r\nHost: small.example\r\n\r\n");
            (&connection).write_all(request.as_bytes()).expect("the request is sent");
            let head = read_head(&mut reader).expect("a response head");
            assert!(head.contains(&format!(" {} ", status_of(number))), "{head}");
            take_body(&mut reader, &head).expect("a whole body");
        }
    });
}

/// A head and a body, whose every piece starts like a head itself.
fn send(writer: &mut impl Write, start: &str, framing: Framing, len: u64) {
    let trap = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nGET /trap HTTP/1.1\r\nHost: trap.example\r\n\r\n";
    let mut piece = vec![b'x'; PIECE];
    piece[..trap.len()].copy_from_slice(trap);
    let mut all = |bytes: &[u8]| writer.write_all(bytes).expect("the other end takes it all");
    match framing {
        Framing::ContentLength => {
            all(format!("{start}\r\nContent-Length: {len}\r\n\r\n").as_bytes());
        }
        Framing::Chunked => {
            all(format!("{start}\r\nTransfer-Encoding: chunked\r\n\r\n").as_bytes());
        }
    }
    let mut left = len;
    while left > 0 {
        let part = usize::try_from(left).map_or(PIECE, |left| left.min(PIECE));
        match framing {
            Framing::ContentLength => all(&piece[..part]),
            Framing::Chunked => {
                all(format!("{part:x}\r\n").as_bytes());
                all(&piece[..part]);
                all(b"\r\n");
            }
        }
        left -= part as u64;
    }
    if matches!(framing, Framing::Chunked) {
        all(b"0\r\n\r\n");
    }
}

fn read_head(reader: &mut impl BufRead) -> Option<String> {
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        if reader.read_line(&mut head).ok()? == 0 {
            return None;
        }
    }
    Some(head)
}

fn take_body(reader: &mut impl BufRead, head: &str) -> Option<()> {
    if let Some((_, rest)) = head.split_once("Content-Length: ") {
        return skip(reader, rest.split("\r\n").next()?.parse().ok()?);
    }
    loop {
        let mut size = String::new();
        reader.read_line(&mut size).ok()?;
        let len = u64::from_str_radix(size.trim(), 16).ok()?;
        skip(reader, len + 2)?;
        if len == 0 {
            return Some(());
        }
    }
}

fn skip(reader: &mut impl BufRead, len: u64) -> Option<()> {
    let skipped = std::io::copy(&mut reader.take(len), &mut std::io::sink()).ok()?;
    (skipped == len).then_some(())
}

/// Counts what goes through a connection in either direction.
struct Counting<'a> {
    stream: &'a TcpStream,
    counted: &'a AtomicU64,
}

impl Read for Counting<'_> {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = self.stream.read(into)?;
        self.counted.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }
}

impl Write for Counting<'_> {
    fn write(&mut self, from: &[u8]) -> std::io::Result<usize> {
        let len = self.stream.write(from)?;
        self.counted.fetch_add(len as u64, Ordering::Relaxed);
        Ok(len)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}
