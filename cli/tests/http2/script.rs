//! Conversations of a few segments, written by hand.

use ehl_probes_common::frame::{PREFACE, frame_flag, kind};
use ehl_probes_common::record::tcp_flag;

use crate::case::ways;
use crate::frame::{frame, settings};
use crate::generate::{CLIENT, SERVER};
use crate::wire::Packet;

pub(crate) const END_HEADERS: u8 = frame_flag::END_HEADERS;
pub(crate) const ENDS: u8 = END_HEADERS | frame_flag::END_STREAM;
/// `GET /`, of `a`.
pub(crate) const GET: &[u8] = b"\x82\x86\x84\x01\x01a";
/// 200, with an answer that is kept in the table.
pub(crate) const OK: &[u8] = b"\x88\x40\x08x-answer\x010";
pub(crate) const TOLD: &str = "1: GET a / -> 200 answer 0 grpc ?, 15 22 bytes []";
pub(crate) const UPGRADE: &[u8] =
    b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAQAA\r\n\r\n";
pub(crate) const SWITCHING: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n";

/// Segments in the order in which they are sent; each end acknowledges all that the other one sent.
pub(crate) struct Script {
    packets: Vec<Packet>,
    sent: [usize; 2],
}

impl Script {
    /// After the handshake.
    pub(crate) fn opened() -> Self {
        let script = Self::joined().push(CLIENT, usize::MAX, tcp_flag::SYN, b"");
        script.push(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK, b"")
    }

    pub(crate) fn joined() -> Self {
        Self { packets: Vec::new(), sent: [0; 2] }
    }

    pub(crate) fn client(self, bytes: &[u8]) -> Self {
        self.send(CLIENT, bytes)
    }

    pub(crate) fn server(self, bytes: &[u8]) -> Self {
        self.send(SERVER, bytes)
    }

    /// Nothing, if there is none.
    pub(crate) fn send(self, from: usize, bytes: &[u8]) -> Self {
        if bytes.is_empty() {
            return self;
        }
        let offset = self.sent[from];
        let mut script = self.push(from, offset, tcp_flag::ACK, bytes);
        script.sent[from] += bytes.len();
        script
    }

    pub(crate) fn push(mut self, from: usize, offset: usize, flags: u8, bytes: &[u8]) -> Self {
        let sequence = |end: usize, offset: usize| (1000 * (end as u32 + 1)).wrapping_add(offset as u32);
        self.packets.push(Packet {
            time_ns: 1000 * (self.packets.len() as u64 + 1),
            from,
            interface: 2,
            sequence: sequence(from, offset),
            acknowledgement: sequence(1 - from, self.sent[1 - from]),
            flags,
            payload: bytes.to_vec(),
            offset,
        });
        self
    }

    /// Sent, and not seen.
    pub(crate) fn lost(mut self, from: usize, bytes: &[u8]) -> Self {
        self.sent[from] += bytes.len();
        self
    }

    #[track_caller]
    pub(crate) fn tells(self, expected: &[&str]) {
        self.tells_with(0, expected);
    }

    /// And so many were undecodable.
    #[track_caller]
    pub(crate) fn tells_with(self, undecodable: u64, expected: &[&str]) {
        for (what, told) in ways(&self.packets) {
            let rows: Vec<_> = told.rows.iter().map(|row| format!("{row:?}")).collect();
            assert_eq!(
                (rows.iter().map(String::as_str).collect::<Vec<_>>().as_slice(), told.undecodable),
                (expected, undecodable),
                "{what}"
            );
        }
    }
}

pub(crate) fn get(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, ENDS, stream, GET)
}

pub(crate) fn ok(stream: u32) -> Vec<u8> {
    frame(kind::HEADERS, ENDS, stream, OK)
}

/// What the server says to an exchange.
pub(crate) fn answer() -> Vec<u8> {
    [settings(&[]), ok(1)].concat()
}

pub(crate) fn preface() -> Vec<u8> {
    [PREFACE, &settings(&[])[..]].concat()
}
