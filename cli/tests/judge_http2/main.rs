//! What ehl makes of generated conversations of HTTP/2, judged by `tshark`: the same methods, paths and statuses on the same
//! streams.
//!
//! Needs no root. With `EHL_REQUIRE_JUDGE`, a missing tshark is a failure.

mod capture;
mod tshark;

#[path = "../http2/frame.rs"]
mod frame;
#[path = "../http2/generate.rs"]
#[expect(dead_code, reason = "the truth is not asked for here")]
mod generate;
#[path = "../http2/hpack.rs"]
mod hpack;
#[path = "../http2/line.rs"]
mod line;
#[path = "../conversation/message.rs"]
#[expect(dead_code, reason = "there are no chunks, and heads are others")]
mod message;
#[path = "../judge/needed.rs"]
mod needed;
#[path = "../http2/opening.rs"]
mod opening;
#[path = "../http2/plan.rs"]
mod plan;
#[path = "../conversation/random.rs"]
#[expect(dead_code, reason = "nothing is chosen by bytes here")]
mod random;
#[path = "../http2/rows.rs"]
#[expect(dead_code, reason = "sizes and times are not judged here")]
mod rows;
#[path = "../http2/talk.rs"]
mod talk;
#[path = "../conversation/tap.rs"]
#[expect(dead_code, reason = "the kernel is not judged here")]
mod tap;
#[path = "../conversation/wire.rs"]
#[expect(dead_code, reason = "some cuts are not made here")]
mod wire;

use std::collections::BTreeMap;

use ehl_probes_common::frame::PREFACE;
use generate::{Shape, conversation};
use needed::can_judge;
use random::Random;
use rows::from_packets;
use wire::{Cutting, Packet, reorder, wire};

/// What the heads of a stream say, by the client's port and the stream's number.
type Heads = BTreeMap<(u32, u32), Head>;

#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    method: String,
    path: String,
    status: u32,
}

#[test]
fn generated_conversations_are_read_as_tshark_reads_them() {
    judge(0, 0);
}

#[test]
fn swapped_segments_are_read_as_tshark_reads_them() {
    judge(1000, 5);
}

fn judge(seed: u64, late_percent: usize) {
    if !can_judge() {
        return;
    }
    let conversations = (0..100u32).map(|number| (10_000 + number, packets(seed + u64::from(number), late_percent)));
    let conversations: Vec<_> = conversations.filter(|(_, packets)| begins_at_once(packets)).collect();
    let (_directory, path) = capture::write(&conversations);
    let by_tshark = tshark::heads(&path);
    let by_ehl: Heads = conversations.iter().flat_map(|(port, packets)| heads(*port, packets)).collect();
    let keys: Vec<_> = by_ehl.keys().chain(by_tshark.keys()).filter(|key| by_ehl.get(key) != by_tshark.get(key)).collect();
    let differences: Vec<_> = keys.iter().map(|key| (key, by_ehl.get(key), by_tshark.get(key))).take(5).collect();
    assert!(keys.is_empty() && by_ehl.len() > 300, "{} of {} differ: {differences:#?}", keys.len(), by_ehl.len());
}

/// What tshark can judge: it takes the size of a table that SETTINGS allow for its size at once, and loses some heads that go on in CONTINUATION.
/// A connection starts with a preface, and no stream is reset.
fn packets(seed: u64, late_percent: usize) -> Vec<Packet> {
    let random = &mut Random::new(seed);
    let bytes = random.pick(&[500, 2000, 20_000]);
    let shape = Shape { bytes, streams: 20, depth: 5, traps: random.percent(50), pads: true, cuts: false, tables: false, odd: false };
    let conversation = conversation(shape, random);
    let cutting = random.pick(&[Cutting::Mss, Cutting::Offload, Cutting::UpTo(3000)]);
    let mut packets = wire(&conversation, cutting, true, false, random).packets;
    reorder(&mut packets, late_percent, random);
    packets
}

/// A preface that is cut is none to tshark.
fn begins_at_once(packets: &[Packet]) -> bool {
    packets.iter().any(|packet| packet.payload.starts_with(PREFACE))
}

fn heads(port: u32, packets: &[Packet]) -> Vec<((u32, u32), Head)> {
    let rows = from_packets(packets).rows.into_iter();
    let head = |row: rows::Row| {
        let (method, path) = (row.method.unwrap_or_default(), row.path.unwrap_or_default());
        let status = row.status.map_or(0, u32::from);
        ((port, row.stream_id.unwrap_or_default()), Head { method, path, status })
    };
    rows.map(head).collect()
}
