//! Conversations of HTTP/1: connections that take turns, each request and each response in one packet.

use ehl::http::exchange::Exchange;
use ehl::http::head::Wanted;
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};

/// As API clients and gateways send them, with a secret, ids and what proxies add. Zeros stand for digits that are others each time.
pub(crate) const FULL: Turn = Turn {
    request: "POST /v1/threads/00000000/runs HTTP/1.1\r\nHost: api.internal.example\r\n\
        User-Agent: OpenAI/Python 1.30.1\r\nAccept: application/json\r\nAccept-Encoding: gzip, deflate\r\n\
        Connection: keep-alive\r\nAuthorization: Bearer sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5\r\n\
        X-Request-Id: 00000000-7d3a-4a53-9c57-1f0f3f6b2a10\r\nX-Forwarded-For: 203.0.113.7\r\n\
        traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\nContent-Type: application/json\r\n\
        Content-Length: 27\r\n\r\n{\"model\":\"m\",\"input\":\"abc\"}",
    response: "HTTP/1.1 200 OK\r\nDate: Fri, 02 Jan 2026 03:04:05 GMT\r\nContent-Type: application/json\r\n\
        Content-Length: 13\r\nConnection: keep-alive\r\nServer: nginx\r\nX-Request-Id: 00000000-7d3a-4a53-9c57-1f0f3f6b2a10\r\n\
        Cache-Control: no-store\r\n\r\n{\"text\":\"ok\"}",
};
/// With next to nothing in their heads.
pub(crate) const LEAST: Turn =
    Turn { request: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", response: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n" };

/// Connections, all at the same time.
pub(crate) const CONNECTIONS: u32 = 250;
/// Of one connection, one after the other.
pub(crate) const EACH: u32 = 20;
pub(crate) const EXCHANGES: u64 = CONNECTIONS as u64 * EACH as u64;
const FIRST_SECOND: u64 = 1_767_323_045;

pub(crate) const SYN: u8 = 0x02;
pub(crate) const ACK: u8 = 0x10;

/// What is said in an exchange.
pub(crate) struct Turn {
    request: &'static str,
    response: &'static str,
}

/// A TCP segment.
pub(crate) struct Packet {
    time_us: u64,
    connection: u32,
    by_client: bool,
    flags: u8,
    sequence: u32,
    acknowledgement: u32,
    payload: Vec<u8>,
}

/// All packets of the connections.
pub(crate) fn packets(turn: &Turn) -> Vec<Packet> {
    let mut conversations: Vec<_> = (0..CONNECTIONS).map(Conversation::new).collect();
    let mut packets = Vec::new();
    for number in 0..EACH {
        for conversation in &mut conversations {
            let id = number * CONNECTIONS + conversation.connection;
            let time_us = u64::from(id);
            if number == 0 {
                packets.push(conversation.packet(time_us, true, SYN, Vec::new()));
                packets.push(conversation.packet(time_us, false, SYN | ACK, Vec::new()));
            }
            let numbered = |text: &str| text.replace("00000000", &format!("{id:08}")).into();
            packets.push(conversation.packet(time_us, true, ACK, numbered(turn.request)));
            packets.push(conversation.packet(time_us + 50, false, ACK, numbered(turn.response)));
        }
    }
    packets
}

/// A connection, and how much each end has sent.
pub(crate) struct Conversation {
    pub(crate) connection: u32,
    /// Of the server and the client.
    sent: [u32; 2],
}

impl Conversation {
    pub(crate) fn new(connection: u32) -> Self {
        Self { connection, sent: [0, 0] }
    }

    /// The next packet, of an end that has received all that the other has sent.
    pub(crate) fn packet(&mut self, time_us: u64, by_client: bool, flags: u8, payload: Vec<u8>) -> Packet {
        let (sequence, acknowledgement) = (self.sent[usize::from(by_client)], self.sent[usize::from(!by_client)]);
        self.sent[usize::from(by_client)] += payload.len() as u32 + u32::from(flags & SYN != 0);
        Packet { time_us, connection: self.connection, by_client, flags, sequence, acknowledgement, payload }
    }
}

impl Packet {
    /// As a source tells it.
    pub(crate) fn segment(&self) -> Segment<'_> {
        let (client, server) = (endpoint(client(self.connection)), endpoint(SERVER));
        let (source, destination) = if self.by_client { (client, server) } else { (server, client) };
        let part = Part {
            time_ns: FIRST_SECOND * 1_000_000_000 + self.time_us * 1000,
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            tcp_flags: self.flags,
            covered: self.payload.len() as u32,
            captured: &self.payload,
            proven: 0,
            handover: None,
        };
        Segment { source, destination, origin: Origin::Unknown, identity: Identity::Ends, part }
    }

    fn write(&self, pcap: &mut Vec<u8>) {
        let len = 40 + self.payload.len() as u32;
        for word in [(FIRST_SECOND + self.time_us / 1_000_000) as u32, (self.time_us % 1_000_000) as u32, len, len] {
            pcap.extend_from_slice(&word.to_le_bytes());
        }
        let client = client(self.connection);
        let (from, to) = if self.by_client { (client, SERVER) } else { (SERVER, client) };
        pcap.extend_from_slice(&[0x45, 0]);
        pcap.extend_from_slice(&(len as u16).to_be_bytes());
        pcap.extend_from_slice(&[0, 0, 0x40, 0, 64, 6, 0, 0]);
        pcap.extend_from_slice(&from.0);
        pcap.extend_from_slice(&to.0);
        pcap.extend_from_slice(&from.1.to_be_bytes());
        pcap.extend_from_slice(&to.1.to_be_bytes());
        pcap.extend_from_slice(&self.sequence.to_be_bytes());
        pcap.extend_from_slice(&self.acknowledgement.to_be_bytes());
        pcap.extend_from_slice(&[0x50, self.flags, 0xff, 0xff, 0, 0, 0, 0]);
        pcap.extend_from_slice(&self.payload);
    }
}

const SERVER: ([u8; 4], u16) = ([192, 0, 2, 1], 8080);

fn client(connection: u32) -> ([u8; 4], u16) {
    ((0x0a00_0000 + connection).to_be_bytes(), 32_768 + connection as u16)
}

fn endpoint((address, port): ([u8; 4], u16)) -> Endpoint {
    let mut mapped = [0; 16];
    mapped[10..12].fill(0xff);
    mapped[12..].copy_from_slice(&address);
    Endpoint { address: mapped, port }
}

/// The packets as a pcap file, of raw IP.
pub(crate) fn pcap(packets: &[Packet]) -> Vec<u8> {
    let mut pcap = Vec::new();
    for word in [0xa1b2_c3d4, 0x0004_0002, 0, 0, 0xffff, 101_u32] {
        pcap.extend_from_slice(&word.to_le_bytes());
    }
    packets.iter().for_each(|packet| packet.write(&mut pcap));
    pcap
}

/// A tracker that keeps what is wanted; redacts as by default.
pub(crate) fn tracker(wanted: Wanted) -> Tracker {
    Tracker::new(wanted, Redactor::new(Mode::Mask, [0, 0]))
}

/// What a tracker makes of the segments; all of it, so that no benchmark is one of segments that are refused.
pub(crate) fn follow(tracker: &mut Tracker, segments: &[Segment<'_>], each: &mut dyn FnMut(&Exchange)) {
    let mut found = 0;
    for segment in segments {
        tracker.segment(segment, &mut |exchange| {
            found += 1;
            each(exchange);
        });
    }
    assert_eq!(found, EXCHANGES, "exchanges");
}
