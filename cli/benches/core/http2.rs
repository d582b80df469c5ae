//! Conversations of HTTP/2: one stream after the other, with header blocks as clients and servers encode them.

use crate::integer::integer;
use crate::traffic::{ACK, Conversation, Packet, SYN};

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const END_STREAM_AND_HEADERS: u8 = 5;

/// All packets of the connections, which take turns.
pub(crate) fn packets(connections: u32, each: u32) -> Vec<Packet> {
    let mut packets = Vec::new();
    let mut talks: Vec<_> = (0..connections).map(Talk::new).collect();
    for number in 0..each {
        for talk in &mut talks {
            if number == 0 {
                talk.open(&mut packets);
            }
            let id = number * connections + talk.conversation.connection;
            talk.exchange(1 + 2 * number, id, &mut packets);
        }
    }
    packets
}

struct Talk {
    conversation: Conversation,
    encoders: [Encoder; 2],
}

impl Talk {
    fn new(connection: u32) -> Self {
        Self { conversation: Conversation::new(connection), encoders: [Encoder::default(), Encoder::default()] }
    }

    fn open(&mut self, packets: &mut Vec<Packet>) {
        packets.push(self.conversation.packet(0, true, SYN, Vec::new()));
        packets.push(self.conversation.packet(0, false, SYN | ACK, Vec::new()));
        let settings = frame(SETTINGS, 0, 0, &[]);
        packets.push(self.conversation.packet(0, true, ACK, [PREFACE, &settings].concat()));
        packets.push(self.conversation.packet(0, false, ACK, settings));
    }

    fn exchange(&mut self, stream: u32, id: u32, packets: &mut Vec<Packet>) {
        let id = format!("{id:08}-7d3a-4a53-9c57-1f0f3f6b2a10");
        let [request, response] = &mut self.encoders;
        let asked = request.block(&[
            (":method", "GET", true),
            (":scheme", "http", true),
            (":authority", "api.internal.example", true),
            (":path", &format!("/v1/threads/{id}/runs?limit=20"), false),
            ("user-agent", "OpenAI/Python 1.30.1", true),
            ("accept", "application/json", true),
            ("accept-encoding", "gzip, deflate", true),
            ("authorization", "Bearer sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5", true),
            ("x-request-id", &id, false),
            ("x-forwarded-for", "203.0.113.7", true),
        ]);
        let answered = response.block(&[
            (":status", "200", true),
            ("date", "Fri, 02 Jan 2026 03:04:05 GMT", true),
            ("content-type", "application/json", true),
            ("content-length", "0", true),
            ("server", "nginx", true),
            ("x-request-id", &id, false),
            ("cache-control", "no-store", true),
        ]);
        let time_us = u64::from(stream) * 1000 + u64::from(self.conversation.connection);
        for (by_client, block) in [(true, asked), (false, answered)] {
            let frame = frame(HEADERS, END_STREAM_AND_HEADERS, stream, &block);
            packets.push(self.conversation.packet(time_us + if by_client { 0 } else { 50 }, by_client, ACK, frame));
        }
    }
}

/// RFC 9113 section 4.1.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let head = [&(payload.len() as u32).to_be_bytes()[1..], &[kind, flags], &stream.to_be_bytes()].concat();
    [head, payload.to_vec()].concat()
}

/// Of header blocks (RFC 7541): what comes again is in its table, texts are packed.
#[derive(Default)]
struct Encoder {
    /// The newest is the first.
    entries: Vec<(String, String)>,
}

impl Encoder {
    /// Names, values, and whether a field is worth an entry. Others get one once, for their names.
    fn block(&mut self, fields: &[(&str, &str, bool)]) -> Vec<u8> {
        let mut block = Vec::new();
        fields.iter().for_each(|(name, value, comes_again)| self.field(name, value, *comes_again, &mut block));
        block
    }

    fn field(&mut self, name: &str, value: &str, comes_again: bool, block: &mut Vec<u8>) {
        /// Of the static table (appendix A), the places of the names used here.
        const NAMES: [(&str, usize); 13] = [
            (":authority", 1),
            (":method", 2),
            (":path", 4),
            (":scheme", 6),
            (":status", 8),
            ("accept-encoding", 16),
            ("accept", 19),
            ("authorization", 23),
            ("cache-control", 24),
            ("content-length", 28),
            ("content-type", 31),
            ("date", 33),
            ("user-agent", 58),
        ];
        const DYNAMIC: usize = 62;
        if let Some(at) = self.entries.iter().position(|entry| entry.0 == name && entry.1 == value) {
            return integer(0x80, 7, DYNAMIC + at, block);
        }
        let in_static = NAMES.iter().find(|(known, _)| *known == name).map(|(_, at)| *at);
        let known = in_static.or_else(|| Some(DYNAMIC + self.entries.iter().position(|entry| entry.0 == name)?));
        let is_kept = comes_again || known.is_none();
        let (pattern, bits) = if is_kept { (0x40, 6) } else { (0, 4) };
        integer(pattern, bits, known.unwrap_or(0), block);
        if known.is_none() {
            text(name, block);
        }
        text(value, block);
        if is_kept {
            self.entries.insert(0, (name.to_owned(), value.to_owned()));
        }
    }
}

/// Section 5.2.
fn text(text: &str, block: &mut Vec<u8>) {
    let mut packed = Vec::new();
    httlib_huffman::encode(text.as_bytes(), &mut packed).expect("all bytes have a code");
    integer(0x80, 7, packed.len(), block);
    block.extend_from_slice(&packed);
}
