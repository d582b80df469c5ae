//! Peers that want much to be kept: what is kept is bounded.

use ehl::http::tracker::Tracker;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};
use ehl_probes_common::frame::{PREFACE, frame_flag, kind};

use crate::frame::{frame, settings};
use crate::generate::{CLIENT, SERVER};
use crate::memory::kept;
use crate::rows::tracker;

/// More is not kept for one connection.
const MOST_OF_ONE: isize = 8 << 20;
/// Nor for all: the tracker's own limit, and what so many connections take that have nothing to say.
const MOST_OF_ALL: isize = 64 << 20;
const LONGEST: usize = 16_384;
/// `GET / http`.
const GET: &[u8] = b"\x82\x84\x86";

struct Hostile {
    tracker: Tracker,
    before: isize,
    most: isize,
}

impl Hostile {
    fn new() -> Self {
        let tracker = tracker();
        Self { tracker, before: kept(), most: 0 }
    }

    fn say(&mut self, connection: u16, from: usize, sequence: &mut u32, bytes: &[u8]) {
        let end = |number: usize| Endpoint { address: [number as u8; 16], port: if number == CLIENT { connection } else { 80 } };
        let part = Part {
            time_ns: 1,
            sequence: *sequence,
            acknowledgement: 0,
            tcp_flags: 0x10,
            covered: bytes.len() as u32,
            captured: bytes,
            proven: 0,
            handover: None,
        };
        let segment = Segment { source: end(from), destination: end(1 - from), origin: Origin::Unknown, identity: Identity::Ends, part };
        self.tracker.segment(&segment, &mut |_| {});
        *sequence = sequence.wrapping_add(bytes.len() as u32);
        self.most = self.most.max(kept() - self.before);
    }

    #[track_caller]
    fn keeps_less_than(mut self, most: isize) {
        self.tracker.finish(&mut |_| {});
        assert!(self.most < most, "{} bytes were kept", self.most);
    }
}

fn opening() -> Vec<u8> {
    [PREFACE, &settings(&[])[..]].concat()
}

/// What one client says after its preface.
fn one(frames: impl Iterator<Item = Vec<u8>>) -> Hostile {
    let (mut hostile, mut sequence) = (Hostile::new(), 0);
    hostile.say(1, CLIENT, &mut sequence, &opening());
    frames.for_each(|frame| hostile.say(1, CLIENT, &mut sequence, &frame));
    hostile
}

#[test]
fn a_head_without_end() {
    let first = std::iter::once(frame(kind::HEADERS, 0, 1, GET));
    one(first.chain((0..4000).map(|_| frame(kind::CONTINUATION, 0, 1, &[0; LONGEST])))).keeps_less_than(MOST_OF_ONE);
}

#[test]
fn a_frame_without_end() {
    let first = std::iter::once([&[0xff, 0xff, 0xff, kind::HEADERS, 0, 0, 0, 0, 1], GET].concat());
    one(first.chain((0..1000).map(|_| vec![0; 16_000]))).keeps_less_than(MOST_OF_ONE);
}

#[test]
fn streams_that_never_end() {
    let head = [GET, b"\x40\x05x-pad\x64", &[b'v'; 100]].concat();
    let stream = |number: u32| frame(kind::HEADERS, frame_flag::END_HEADERS, 2 * number + 1, &head);
    one((0..100_000).map(stream)).keeps_less_than(MOST_OF_ONE);
}

#[test]
fn streams_that_are_reset_at_once() {
    let stream = |number: u32| {
        let head = frame(kind::HEADERS, frame_flag::END_HEADERS, 2 * number + 1, GET);
        [head, frame(kind::RST_STREAM, 0, 2 * number + 1, &[0, 0, 0, 8])].concat()
    };
    one((0..100_000).map(stream)).keeps_less_than(MOST_OF_ONE);
}

#[test]
fn heads_that_say_much_with_few_bytes() {
    let value = vec![b'v'; 4000];
    let bomb = [GET, b"\x40\x01x\x7f\xa1\x1e", &value, &[0xbe; 12_000]].concat();
    let stream = |number: u32| frame(kind::HEADERS, frame_flag::END_HEADERS, 2 * number + 1, &bomb);
    one((0..2000).map(stream)).keeps_less_than(2 * MOST_OF_ONE);
}

#[test]
fn settings_and_promises_and_pings() {
    let promise = [&[0, 0, 0, 2], GET].concat();
    let frames = (0..20_000u32).map(|number| match number % 4 {
        0 => settings(&[(1, number); 100]),
        1 => frame(kind::PUSH_PROMISE, frame_flag::END_HEADERS, 1, &promise),
        2 => frame(kind::GOAWAY, 0, 0, &[0; 1000]),
        _ => frame(kind::PING, 0, 0, &[0; 8]),
    });
    one(frames).keeps_less_than(MOST_OF_ONE);
}

#[test]
fn many_connections() {
    let mut hostile = Hostile::new();
    let table = settings(&[(1, 65_536)]);
    let head = [GET, b"\x40\x05x-pad\x7f\x81\x1f", &[b'v'; 4096]].concat();
    for connection in 1..3000 {
        let mut sequences = [0; 2];
        hostile.say(connection, CLIENT, &mut sequences[CLIENT], &opening());
        hostile.say(connection, SERVER, &mut sequences[SERVER], &table);
        for stream in 0..10 {
            let bytes = frame(kind::HEADERS, frame_flag::END_HEADERS, 2 * stream + 1, &head);
            hostile.say(connection, CLIENT, &mut sequences[CLIENT], &bytes);
        }
        let unfinished = [frame(kind::HEADERS, 0, 101, GET), frame(kind::CONTINUATION, 0, 101, &[0; 10_000])].concat();
        hostile.say(connection, CLIENT, &mut sequences[CLIENT], &unfinished);
    }
    hostile.keeps_less_than(MOST_OF_ALL);
}
