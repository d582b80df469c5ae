//! The bytes of one message, and what each of them is.

use std::ops::Range;

use crate::random::Random;

/// What a body may contain and nobody may take for a message.
const TRAPS: [&[u8]; 9] = [
    b"HTTP/1.1 200 OK\r\nX-Answer: trap\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nX-Answer: trap\r\n\r\n",
    b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    b"GET /trap HTTP/1.1\r\nHost: trap\r\n\r\n",
    b"POST /trap HTTP/1.1\r\nHost: trap\r\nContent-Length: 100000\r\n\r\n",
    b"0\r\n\r\n",
    b"\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00",
];

/// Bytes under construction.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bytes {
    pub(crate) bytes: Vec<u8>,
    /// Which of them are body, without what frames its chunks.
    pub(crate) body: Vec<bool>,
    /// Where a cut is likely to hurt.
    pub(crate) cuts: Vec<usize>,
}

impl Bytes {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn text(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        self.body.resize(self.bytes.len(), false);
    }

    pub(crate) fn cut(&mut self) {
        self.cuts.push(self.bytes.len());
    }

    pub(crate) fn append(&mut self, other: &Self) {
        let offset = self.len();
        self.bytes.extend_from_slice(&other.bytes);
        self.body.extend_from_slice(&other.body);
        self.cuts.extend(other.cuts.iter().map(|cut| cut + offset));
    }

    pub(crate) fn slice(&self, range: Range<usize>) -> Self {
        let cuts = self.cuts.iter().filter(|cut| range.contains(cut)).map(|cut| cut - range.start).collect();
        Self { bytes: self.bytes[range.clone()].to_vec(), body: self.body[range].to_vec(), cuts }
    }

    /// So many bytes of body: filler, lines, binary, and traps.
    pub(crate) fn body(&mut self, len: usize, traps: bool, random: &mut Random) {
        let end = self.len() + len;
        while self.bytes.len() < end {
            let filler: &[u8] = match random.within(0..4) {
                0 => b"lorem ipsum\n",
                1 => b"\0\x01\xff\xfe",
                2 => b"{\"a\": [1, 2]}\r\n",
                _ => b"GET",
            };
            for _ in 0..random.within(0..200) {
                self.bytes.extend_from_slice(filler);
            }
            if traps {
                self.cuts.push(self.bytes.len().min(end));
                self.bytes.extend_from_slice(random.pick(&TRAPS));
            }
        }
        self.bytes.truncate(end);
        self.body.resize(end, true);
    }

    /// RFC 9112 section 7.1.
    pub(crate) fn chunked(&mut self, len: usize, traps: bool, random: &mut Random) {
        let mut left = len;
        while left > 0 {
            let size = if random.percent(20) { random.within(0..left.min(20)) + 1 } else { random.within(0..left) + 1 };
            self.cut();
            match random.within(0..6) {
                0 => self.text(format!("{size:X}\r\n").as_bytes()),
                1 => self.text(format!("000{size:x}\r\n").as_bytes()),
                2 => self.text(format!("{size:x};name=value;quoted=\"HTTP/1.1 200 OK\"\r\n").as_bytes()),
                3 => self.text(format!("{size:x} \t\r\n").as_bytes()),
                _ => self.text(format!("{size:x}\r\n").as_bytes()),
            }
            self.cut();
            self.body(size, traps, random);
            self.text(b"\r");
            self.cut();
            self.text(b"\n");
            left -= size;
        }
        self.text(random.pick(&[b"0\r\n", b"000\r\n", b"0;last\r\n"]));
        if random.percent(30) {
            self.text(b"Expires: never\r\n");
            self.cut();
            self.text(b"Server-Timing: a;dur=1\r\n");
        }
        self.text(b"\r");
        self.cut();
        self.text(b"\n");
    }
}

/// A head under construction.
pub(crate) struct Head {
    first: String,
    fields: Vec<String>,
}

impl Head {
    pub(crate) fn new(first: String) -> Self {
        Self { first, fields: Vec::new() }
    }

    pub(crate) fn is_response(&self) -> bool {
        self.first.starts_with("HTTP/")
    }

    pub(crate) fn field(&mut self, field: impl Into<String>) {
        self.fields.push(field.into());
    }

    /// Fields that say nothing, up to about so many bytes.
    pub(crate) fn pad(&mut self, mut len: usize, traps: bool, random: &mut Random) {
        while len > 20 {
            let value = match random.within(if traps { 0 } else { 2 }..4) {
                0 => "GET /trap HTTP/1.1".to_owned(),
                1 => "HTTP/1.1 200 OK".to_owned(),
                2 => "v".repeat(random.within(1..len.min(10_000))),
                _ => "w".repeat(random.within(1..len.min(100))),
            };
            let field = format!("X-Pad-{}: {value}", random.within(0..1000));
            len = len.saturating_sub(field.len());
            self.fields.push(field);
        }
    }

    /// The bytes, fields in any order; what is odd only if wanted.
    pub(crate) fn bytes(mut self, odd: bool, random: &mut Random) -> Bytes {
        for at in (1..self.fields.len()).rev() {
            let other = random.within(0..at + 1);
            self.fields.swap(at, other);
        }
        if odd && random.percent(20) {
            let folded = random.pick(&["X-Folded: a\r\n b", "X-Folded:\r\n\tGET /trap HTTP/1.1", "X-Folded: c\r\n Content-Length: 9"]);
            self.fields.push(folded.to_owned());
        }
        let bare = odd && random.percent(15);
        let mut bytes = Bytes::default();
        for (number, line) in std::iter::once(&self.first).chain(&self.fields).enumerate() {
            let framing = line.starts_with("Content-L") || line.starts_with("Transfer-E");
            if number == 0 || framing {
                let middle = random.within(0..line.len());
                bytes.text(&line.as_bytes()[..middle]);
                bytes.cut();
                bytes.text(&line.as_bytes()[middle..]);
            } else {
                bytes.text(line.as_bytes());
            }
            if !bare {
                bytes.text(b"\r");
            }
            bytes.text(b"\n");
        }
        bytes.cut();
        if !bare {
            bytes.text(b"\r");
            bytes.cut();
        }
        bytes.text(b"\n");
        bytes
    }
}
