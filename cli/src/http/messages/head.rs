//! A head from its first byte to the empty line that ends it.

use ehl_probes_common::chunked;

use super::start::{PREFACE_LINE, may_start};
use super::{Extent, Messages, Protocol, Sink, Start, State};
use crate::http::exchange::Flags;
use crate::http::first_line::{self, Kind, is_version};
use crate::http::framing::Framing;
use crate::http::http2::Begin;
use crate::http::raw::{self, Fields};
use crate::stream::Part;

/// A longer head is cut here, and its row flagged.
const MAX_HEAD: usize = 128 * 1024;

#[derive(Debug, Default)]
pub(super) struct Partial {
    pub(super) start: Start,
    pub(super) bytes: Vec<u8>,
    /// The first line is here, and is one of a head.
    pub(super) has_line: bool,
}

impl Partial {
    /// Whether what was taken for the start of a head was text, and the head starts with `captured` instead.
    fn is_superseded(&self, captured: &[u8]) -> bool {
        self.start.guessed && !self.has_line && self.bytes.contains(&b' ') && is_first_line(captured)
    }
}

impl Messages {
    pub(super) fn read_head(&mut self, captured: &[u8], rest: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Head(partial) = &mut self.state else { return rest };
        if partial.is_superseded(captured) {
            sink.undecodable();
            self.state = State::Resync;
            return 0;
        }
        let start = partial.start;
        let before = partial.bytes.len();
        if before > 0 {
            partial.bytes.extend_from_slice(captured);
        }
        let bytes = if before > 0 { &partial.bytes } else { captured };
        let end = head_end(bytes, before.saturating_sub(3));
        // Nearly all heads come like this: whole, and as a strict server takes them.
        if let Some(end) = end
            && before == 0
        {
            let mut fields = Fields::new();
            if let Some(outline) = raw::strict(&captured[..end], &mut fields) {
                let framing = sink.head(outline.with(&fields), end, &start, Extent::AtOnce);
                self.go_on(framing, end, &start, part.time_ns, sink);
                return end;
            }
        }
        if !partial.has_line
            && let Some(newline) = memchr::memchr(b'\n', bytes)
        {
            let may_turn = (!self.is_http || !start.guessed) && !sink.is_server();
            if may_turn && before < PREFACE_LINE.len() && bytes.starts_with(PREFACE_LINE) {
                self.state = State::Http2(Begin::Preface(before));
                return 0;
            }
            // Of a head that comes in parts, only the first one was looked at.
            let line = trim_line_end(&bytes[..newline]);
            let kind = if may_start(bytes) { first_line::kind(line, &bytes[newline + 1..]) } else { Kind::Other };
            match kind {
                Kind::OfHead => partial.has_line = true,
                Kind::Open => {}
                Kind::Simple => return self.complete(before, newline + 1, captured, part, sink),
                // It looked like a status line for a while.
                Kind::Other if sink.headless(&start) => {
                    self.is_http = true;
                    self.state = State::Close;
                    sink.bytes(before as u64, start.time_ns);
                    return 0;
                }
                Kind::Other if start.guessed => {
                    self.state = State::Resync;
                    if !self.is_http {
                        self.foreign(Protocol::Other, sink);
                    }
                    return rest;
                }
                Kind::Other => {
                    self.give_up(sink);
                    return rest;
                }
            }
        }
        if let Some(end) = end {
            return self.complete(before, end, captured, part, sink);
        }
        if before == 0 {
            partial.bytes.extend_from_slice(captured);
        }
        if captured.len() == rest && partial.bytes.len() <= MAX_HEAD {
            return rest;
        }
        // Cut by the capture, or too long: what is there makes the row, and the end is not known.
        let bytes = std::mem::take(&mut partial.bytes);
        self.state = State::Resync;
        match read(&bytes, &start, Extent::Cut, sink) {
            Some(_) => sink.end(Flags::TRUNCATED),
            None => sink.undecodable(),
        }
        sink.lost_head();
        rest
    }

    /// The head's `end` bytes are here, `before` of them from earlier parts. Answers how many of this one they are.
    fn complete(&mut self, before: usize, end: usize, captured: &[u8], part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Head(Partial { start, bytes, .. }) = std::mem::take(&mut self.state) else { return end - before };
        let (bytes, extent) = if before == 0 { (captured, Extent::AtOnce) } else { (&bytes[..], Extent::InParts) };
        let framing = read(&bytes[..end], &start, extent, sink);
        self.go_on(framing, end, &start, part.time_ns, sink);
        end - before
    }

    /// After a head of `len` bytes, which is none without framing.
    fn go_on(&mut self, framing: Option<Framing>, len: usize, start: &Start, time_ns: u64, sink: &mut impl Sink) {
        self.state = match framing {
            Some(Framing::Length(length)) => State::Length(length),
            Some(Framing::Chunked) => State::Chunked(chunked::State::START),
            Some(Framing::Close) => State::Close,
            Some(Framing::Tunnel) => State::Tunnel,
            Some(Framing::Http2) => State::Http2(Begin::First),
            Some(Framing::Unknown) => State::Doubt,
            Some(Framing::Unreadable) => {
                self.is_http = true;
                sink.bytes(len as u64, time_ns);
                sink.end(Flags::default());
                sink.lost_head();
                State::Resync
            }
            None => {
                sink.undecodable();
                if !start.guessed {
                    sink.lost_head();
                }
                State::Resync
            }
        };
        if !matches!(self.state, State::Resync) {
            self.is_http = true;
            sink.bytes(len as u64, time_ns);
            if matches!(self.state, State::Doubt) {
                sink.end(Flags::default());
            }
            self.end_if_over(sink);
        }
    }
}

/// Takes a head apart, and tells of it.
fn read(bytes: &[u8], start: &Start, extent: Extent, sink: &mut impl Sink) -> Option<Framing> {
    let mut fields = Fields::new();
    sink.head(raw::parse(bytes, &mut fields)?, bytes.len(), start, extent)
}

fn trim_line_end(line: &[u8]) -> &[u8] {
    line.strip_suffix(b"\r").unwrap_or(line)
}

/// Whether the bytes start with a whole first line of a head.
pub(super) fn is_first_line(bytes: &[u8]) -> bool {
    let Some(end) = memchr::memchr(b'\n', bytes) else { return false };
    may_start(bytes) && first_line::kind(trim_line_end(&bytes[..end]), &bytes[end + 1..]) == Kind::OfHead
}

/// Where a line starts that is a whole request line.
pub(super) fn next_request(bytes: &[u8]) -> Option<usize> {
    let mut starts = memchr::memchr_iter(b'\n', bytes).map(|newline| newline + 1);
    starts.find(|start| !is_version(&bytes[*start..]) && is_first_line(&bytes[*start..]))
}

/// Index after the empty line that ends a head, looking from `from` on. Lines may end with LF alone.
fn head_end(bytes: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while !may_end(bytes.get(at..)?) {
        at += STEP;
    }
    memchr::memchr_iter(b'\n', &bytes[at..]).find_map(|newline| {
        let after = at + newline + 1;
        match bytes.get(after..)? {
            [b'\n', ..] => Some(after + 1),
            [b'\r', b'\n', ..] => Some(after + 2),
            _ => None,
        }
    })
}

/// So many bytes are looked at in one step: of a fixed size and without an early end, so that the compiler takes many at a time.
const STEP: usize = 32;

/// Whether the first bytes end a line before one that may be empty, or are too few for a step.
fn may_end(bytes: &[u8]) -> bool {
    let next = bytes.get(1..).and_then(<[u8]>::first_chunk::<STEP>);
    let Some((bytes, next)) = bytes.first_chunk::<STEP>().zip(next) else { return true };
    let is_end = |byte: u8, next: u8| (byte == b'\n') & ((next == b'\n') | (next == b'\r'));
    bytes.iter().zip(next).fold(false, |any, (byte, next)| any | is_end(*byte, *next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_empty_line() {
        assert_eq!(head_end(b"a\r\n\r\nb", 0), Some(5));
        assert_eq!(head_end(b"a\n\nb", 0), Some(3));
        assert_eq!(head_end(b"a\r\n\nb", 0), Some(4));
        assert_eq!(head_end(b"a\r\nb\r\n", 0), None);
        assert_eq!(head_end(b"a\r\n\r", 0), None);
        for len in 0..100 {
            let head = format!("{}\r\n\r\nb", "a".repeat(len));
            assert_eq!(head_end(head.as_bytes(), 0), Some(len + 4));
            assert_eq!(head_end(head.as_bytes(), len), Some(len + 4));
        }
    }
}
