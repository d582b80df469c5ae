//! HTTP/2: any bytes as frames, and conversations that the bytes choose.
//!
//! The first byte of an input says which. Of any bytes, `TURN` makes the other end speak and `CUT` cuts; where they are cut
//! makes no difference. With `EHL_SHOW`, what was on the wire is shown.

#![no_main]

#[path = "../../tests/http2/case.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod case;
#[path = "../../tests/http2/frame.rs"]
mod frame;
#[path = "../../tests/http2/generate.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod generate;
#[path = "../../tests/http2/hpack.rs"]
mod hpack;
#[path = "../../tests/http2/line.rs"]
mod line;
#[path = "../../tests/conversation/message.rs"]
#[allow(dead_code, reason = "heads of HTTP/1 are not made here")]
mod message;
#[path = "../../tests/http2/opening.rs"]
mod opening;
#[path = "../../tests/http2/plan.rs"]
mod plan;
#[path = "../../tests/conversation/random.rs"]
mod random;
#[path = "../../tests/http2/rows.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod rows;
#[path = "../../tests/conversation/show.rs"]
mod show;
#[path = "../../tests/http2/talk.rs"]
mod talk;
#[path = "../../tests/conversation/tap.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod tap;
#[path = "../../tests/http2/truth.rs"]
mod truth;
#[path = "../../tests/conversation/wire.rs"]
#[allow(dead_code, reason = "some of it is for the tests alone")]
mod wire;

use ehl_probes_common::frame::PREFACE;
use ehl_probes_common::record::tcp_flag;
use libfuzzer_sys::fuzz_target;

use crate::generate::{CLIENT, SERVER};
use crate::rows::{Row, Told, from_packets};
use crate::wire::Packet;

const TURN: u8 = 0xfe;
const CUT: u8 = 0xfd;

fuzz_target!(|input: &[u8]| {
    let Some((what, bytes)) = input.split_first() else { return };
    match what % 4 {
        0 => case::is_truth_told(bytes).unwrap_or_else(|why| panic!("{why}")),
        1 => cuts_make_no_difference(bytes, &[PREFACE, &frame::settings(&[])[..]].concat()),
        2 => cuts_make_no_difference(bytes, b""),
        _ => joined(bytes),
    }
});

/// A connection that starts with `begin`.
fn cuts_make_no_difference(said: &[u8], begin: &[u8]) {
    let whole = from_packets(&packets(said, begin, false));
    let cut = from_packets(&packets(said, begin, true));
    if is_clean(&whole) && is_clean(&cut) && !begin.is_empty() {
        assert_eq!(whole.rows, cut.rows);
    }
}

fn joined(said: &[u8]) {
    let packets = packets(said, b"", true);
    from_packets(&packets[2..]);
}

/// Once lost, only the start of a segment is looked at.
fn is_clean(told: &Told) -> bool {
    told.undecodable + told.foreign == 0 && told.rows.iter().all(|row: &Row| row.stream_id.is_some() && !row.flags.contains(&"gap"))
}

/// Each segment acknowledges all that the other end sent.
fn packets(said: &[u8], begin: &[u8], are_cut: bool) -> Vec<Packet> {
    let mut packets =
        vec![packet(CLIENT, [u32::MAX; 2], tcp_flag::SYN, b""), packet(SERVER, [u32::MAX; 2], tcp_flag::SYN | tcp_flag::ACK, b"")];
    packets[1].acknowledgement = 0;
    let mut sent = [0; 2];
    let mut say = |from: usize, bytes: &[u8]| {
        if !bytes.is_empty() {
            packets.push(packet(from, sent, tcp_flag::ACK, bytes));
            sent[from] += bytes.len() as u32;
        }
    };
    say(CLIENT, begin);
    for (number, turn) in said.split(|byte| *byte == TURN).enumerate() {
        let parts = turn.split(|byte| *byte == CUT);
        if are_cut {
            parts.for_each(|part| say(number % 2, part));
        } else {
            say(number % 2, &parts.flatten().copied().collect::<Vec<_>>());
        }
    }
    packets
}

fn packet(from: usize, sent: [u32; 2], flags: u8, bytes: &[u8]) -> Packet {
    let (sequence, acknowledgement) = (sent[from], sent[1 - from]);
    Packet { time_ns: 0, from, interface: 2, sequence, acknowledgement, flags, payload: bytes.to_vec(), offset: 0 }
}
