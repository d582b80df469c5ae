//! Where a message starts, and what else may stand there: a PROXY header, another protocol, nothing that is known.

use ehl_probes_common::frame::PREFACE;
use ehl_probes_common::record::flag;
use ehl_probes_common::walk::is_token;

use super::head::{Partial, is_first_line};
use super::{Messages, Protocol, Sink, Start, State};
use crate::http::first_line::is_version;
use crate::http::http2::{self, Begin};
use crate::http::proxy::{self, Proxy};
use crate::stream::Part;

/// A first token of more bytes starts no head.
const MAX_TOKEN: usize = 64;

/// What may be a PROXY header.
#[derive(Debug, Default)]
pub(super) struct Opening {
    /// The start of the connection was not seen.
    pub(super) joined: bool,
    pub(super) partial: Partial,
}

impl Messages {
    /// The first bytes of the connection: kept until it is clear whether they are a PROXY header. When the start of the
    /// connection was not seen, only a whole signature makes them one.
    pub(super) fn read_proxy(&mut self, captured: &[u8], rest: usize, at: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let State::Proxy(Opening { joined, partial }) = &mut self.state else { return rest };
        let before = partial.bytes.len();
        let parsed = match before {
            0 if *joined && !proxy::is_signed(captured) => Proxy::No,
            0 => proxy::parse(captured),
            _ => {
                partial.bytes.extend_from_slice(captured);
                proxy::parse(&partial.bytes)
            }
        };
        match parsed {
            Proxy::Header { len, client } => {
                sink.proxied(client);
                self.state = State::Boundary;
                len - before
            }
            Proxy::Partial if captured.len() == rest => {
                if before == 0 {
                    let sequence = part.sequence.wrapping_add(at as u32);
                    let Part { time_ns, acknowledgement, .. } = *part;
                    partial.start = Start { time_ns, sequence, acknowledgement, ..Start::default() };
                    partial.bytes.extend_from_slice(captured);
                }
                rest
            }
            // None, or cut by the capture.
            Proxy::No | Proxy::Partial => {
                partial.bytes.truncate(before);
                self.settle(sink);
                0
            }
        }
    }

    /// No PROXY header comes, or no more of it: what was kept of it are the first bytes of a message, or none.
    pub(super) fn settle(&mut self, sink: &mut impl Sink) {
        let State::Proxy(Opening { joined, partial }) = &mut self.state else { return };
        let Partial { start, bytes, .. } = std::mem::take(partial);
        self.state = if *joined { State::Resync } else { State::Boundary };
        let Start { time_ns, sequence, acknowledgement, .. } = start;
        let covered = bytes.len() as u32;
        let part = Part { time_ns, sequence, acknowledgement, tcp_flags: 0, covered, captured: &bytes, proven: 0, handover: None };
        self.read(&part, sink);
    }

    /// After a head that does not tell how long its body is.
    pub(super) fn decide(&mut self, captured: &[u8], rest: usize, at: usize, sink: &mut impl Sink) -> usize {
        if is_first_line(captured) || at == 0 && may_start(captured) {
            self.state = State::Boundary;
            return 0;
        }
        self.lose(sink);
        rest
    }

    /// At a boundary, or waiting for one. `at` is the place in the part: only its start is trusted to be one when lost.
    pub(super) fn find_start(&mut self, captured: &[u8], rest: usize, at: usize, part: &Part<'_>, sink: &mut impl Sink) -> usize {
        let lost = matches!(self.state, State::Resync);
        let is_trusted = !lost || at == 0;
        if captured.is_empty() {
            self.lose(sink);
            return rest;
        }
        if !lost && matches!(captured[0], b'\r' | b'\n') {
            return 1;
        }
        let sequence = part.sequence.wrapping_add(at as u32);
        let Part { time_ns, acknowledgement, .. } = *part;
        let (answered, follows) = self.since_last(part);
        let start = Start { time_ns, sequence, acknowledgement, guessed: lost, answered, follows };
        if is_trusted && !is_version(captured) && sink.headless(&start) {
            self.is_http = true;
            self.state = State::Close;
            return 0;
        }
        if let Some(begin) = self.begins_http2(captured, is_trusted, sink) {
            self.state = State::Http2(begin);
            return 0;
        }
        let starts = if sink.is_server() { is_version(captured) } else { may_start(captured) };
        if is_trusted && starts {
            self.state = State::Head(Partial { start, bytes: Vec::new(), has_line: false });
            return 0;
        }
        if !self.is_http && is_trusted && is_tls(captured) {
            self.foreign(Protocol::Tls, sink);
            self.state = State::Foreign;
        } else if !lost {
            self.give_up(sink);
        }
        rest
    }

    /// Whether frames of HTTP/2 start here, or may.
    fn begins_http2(&self, captured: &[u8], is_trusted: bool, sink: &impl Sink) -> Option<Begin> {
        let is_lost = matches!(self.state, State::Resync);
        // After a request too: what turned the connection to HTTP/2 may not have been seen.
        if is_trusted && (!self.is_http || !is_lost) && !sink.is_server() && captured.starts_with(PREFACE_LINE) {
            return Some(Begin::Preface(0));
        }
        if self.is_http || !is_trusted || !sink.may_be_http2() {
            return None;
        }
        // Some servers do not wait for the client.
        if !is_lost && http2::starts_server_preface(captured) {
            return Some(Begin::PerhapsFirst);
        }
        (!is_lost && http2::is_server_preface(captured)).then_some(Begin::First).or_else(|| {
            let is_likely = is_lost && !self.is_no_frame && http2::looks_like_frame(captured);
            is_likely.then_some(Begin::Guess)
        })
    }

    /// Whether the source follows frames here, of which the start was not seen.
    pub(super) fn is_proven_http2(&self, part: &Part<'_>) -> bool {
        let is_expected = match &self.state {
            State::Boundary | State::Http2(_) => true,
            State::Proxy(opening) => !opening.joined,
            State::Head(partial) => PREFACE.starts_with(&partial.bytes),
            _ => false,
        };
        part.proven & flag::HTTP2 != 0 && !is_expected && !self.is_http && !part.captured.starts_with(PREFACE_LINE)
    }

    /// Whether the sender received more than an interim response since the part before, and whether this one follows it.
    fn since_last(&self, part: &Part<'_>) -> (bool, bool) {
        const CONTINUE: i32 = "HTTP/1.1 100 Continue\r\n\r\n".len() as i32;
        let Some((end, received)) = self.last else { return (false, false) };
        (part.acknowledgement.wrapping_sub(received) as i32 > CONTINUE, end == part.sequence)
    }

    /// What stands at a boundary is no message.
    pub(super) fn give_up(&mut self, sink: &mut impl Sink) {
        if self.is_http {
            sink.undecodable();
        } else {
            self.foreign(Protocol::Other, sink);
        }
        sink.lost_head();
        self.state = State::Resync;
    }

    pub(super) fn foreign(&mut self, protocol: Protocol, sink: &mut impl Sink) {
        if !std::mem::replace(&mut self.is_foreign, true) {
            sink.foreign(protocol);
        }
    }
}

/// The first line of [`PREFACE`].
pub(super) const PREFACE_LINE: &[u8] = PREFACE.first_chunk::<16>().unwrap();

/// Whether the bytes start with the header of a TLS record (RFC 8446 section 5.1).
fn is_tls(bytes: &[u8]) -> bool {
    matches!(bytes, [0x14..=0x17, 3, 0..=4, ..])
}

/// Whether a connection may start with these bytes, where that was not seen.
pub(in crate::http) fn may_begin(bytes: &[u8]) -> bool {
    may_start(bytes) || proxy::is_signed(bytes) || bytes.starts_with(PREFACE_LINE) || http2::looks_like_frame(bytes)
}

/// Whether a head may start with these bytes: `HTTP/` and a digit, or a token and a space (RFC 9112 sections 3 and 4), or as much of
/// that as is here.
pub(in crate::http) fn may_start(bytes: &[u8]) -> bool {
    if bytes.is_empty() || bytes.starts_with(PREFACE_LINE) {
        return false;
    }
    if is_version(bytes) {
        return true;
    }
    match bytes.iter().take(MAX_TOKEN).position(|byte| !is_token(*byte)) {
        Some(end) => end > 0 && bytes[end] == b' ',
        None => bytes.len() < MAX_TOKEN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_what_a_head_may_start_with() {
        for start in ["GET /", "FROBNICATE x", "G", "GET", "H", "HTTP/1", "HTTP/1.1 200", "HTTP/2 200", "a-b! c"] {
            assert!(may_start(start.as_bytes()), "{start}");
        }
        for start in ["", " GET", "GET/", "PRI * HTTP/2.0\r\n", "HTTP/x 200", "\x16\x03\x01", "(x) y"] {
            assert!(!may_start(start.as_bytes()), "{start}");
        }
        assert!(!may_start(&[b'x'; 100]));
    }
}
