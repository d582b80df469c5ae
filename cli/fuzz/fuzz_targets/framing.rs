//! Any bytes as the two directions of a connection: where they are cut makes no difference.
//!
//! The first byte of an input says how the connection ends. In the rest, `TURN` makes the other end speak and `CUT` cuts.

#![no_main]

use std::cell::RefCell;
use std::mem::take;

use ehl::http::counts::Counts;
use ehl::http::exchange::Exchange;
use ehl::http::head::{Version, Wanted};
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::stream::{Endpoint, Identity, Origin, Part, Segment};
use ehl_probes_common::record::tcp_flag;
use libfuzzer_sys::fuzz_target;

const TURN: u8 = 0xfe;
const CUT: u8 = 0xff;

thread_local! {
    static TRACKER: RefCell<Tracker> =
        RefCell::new(Tracker::new(Wanted::default(), Redactor::new(Mode::Off, [0, 0])));
}

fuzz_target!(|input: &[u8]| {
    let Some((end, said)) = input.split_first() else { return };
    let turns: Vec<Turn> = said.split(|byte| *byte == TURN).map(Turn::of).collect();
    TRACKER.with_borrow_mut(|tracker| {
        let whole = told(tracker, &turns, *end, &|turn| vec![&turn.bytes]);
        let cut = told(tracker, &turns, *end, &|turn| turn.parts());
        // Once lost, only the start of a segment is looked at.
        if whole.is_clean() && cut.is_clean() {
            assert_eq!(whole.rows, cut.rows);
        }
    });
});

/// What one end says until the other one speaks.
struct Turn {
    bytes: Vec<u8>,
    cuts: Vec<usize>,
}

impl Turn {
    fn of(said: &[u8]) -> Self {
        let mut turn = Self { bytes: Vec::with_capacity(said.len()), cuts: Vec::new() };
        for part in said.split(|byte| *byte == CUT) {
            turn.bytes.extend_from_slice(part);
            turn.cuts.push(turn.bytes.len());
        }
        turn
    }

    fn parts(&self) -> Vec<&[u8]> {
        let mut from = 0;
        self.cuts.iter().map(|cut| &self.bytes[std::mem::replace(&mut from, *cut)..*cut]).collect()
    }
}

struct Told {
    rows: Vec<Row>,
    /// How often bytes were no message.
    lost: u64,
}

impl Told {
    /// A request of one line ends with the segment that has no more of it, and what follows nonsense is looked for by segments.
    fn is_clean(&self) -> bool {
        let is_odd = |row: &Row| row.is_simple || ["bad-chunk", "bad-length", "bad-te"].iter().any(|flag| row.flags.contains(flag));
        self.lost == 0 && !self.rows.iter().any(is_odd)
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    method: Option<Vec<u8>>,
    path: Option<Vec<u8>>,
    status: Option<u16>,
    request_bytes: Option<u64>,
    response_bytes: Option<u64>,
    flags: Vec<&'static str>,
    is_simple: bool,
}

impl Row {
    fn of(exchange: &Exchange) -> Self {
        let request = exchange.request.as_ref();
        Self {
            method: request.and_then(|head| head.method()).map(<[u8]>::to_vec),
            path: request.and_then(|head| head.path()).map(<[u8]>::to_vec),
            status: exchange.response.as_ref().and_then(|head| head.status),
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            flags: exchange.flags.names(),
            is_simple: request.is_some_and(|head| head.version == Version::HTTP_0_9),
        }
    }
}

fn told<'t>(tracker: &mut Tracker, turns: &'t [Turn], end: u8, cut: &dyn Fn(&'t Turn) -> Vec<&'t [u8]>) -> Told {
    let before = lost(tracker);
    let mut wire = Wire { tracker, sent: [0; 2], rows: Vec::new() };
    wire.open();
    for (number, turn) in turns.iter().enumerate() {
        for part in cut(turn) {
            wire.say(number % 2, part);
        }
    }
    wire.end(end);
    let (rows, sent) = (take(&mut wire.rows), wire.sent);
    let bytes = |count: fn(&Row) -> Option<u64>| rows.iter().filter_map(count).sum::<u64>();
    assert!(bytes(|row| row.request_bytes) <= u64::from(sent[0]), "{rows:?}");
    assert!(bytes(|row| row.response_bytes) <= u64::from(sent[1]), "{rows:?}");
    Told { rows, lost: lost(tracker) - before }
}

fn lost(tracker: &Tracker) -> u64 {
    let Counts { undecodable, tls, other, .. } = tracker.counts();
    undecodable + tls + other
}

/// A connection whose segments come in order, each of which acknowledges all that the other end sent.
struct Wire<'t> {
    tracker: &'t mut Tracker,
    sent: [u32; 2],
    rows: Vec<Row>,
}

impl Wire<'_> {
    fn open(&mut self) {
        self.segment(0, u32::MAX, tcp_flag::SYN, b"");
        self.segment(1, u32::MAX, tcp_flag::SYN | tcp_flag::ACK, b"");
    }

    fn say(&mut self, from: usize, bytes: &[u8]) {
        if !bytes.is_empty() {
            self.segment(from, self.sent[from], tcp_flag::ACK, bytes);
            self.sent[from] += bytes.len() as u32;
        }
    }

    fn end(&mut self, how: u8) {
        let first = usize::from(how & 1);
        for (number, from) in [first, 1 - first].into_iter().enumerate() {
            match how >> 1 & 3 {
                0 => {}
                1 if number > 0 => {}
                1 => self.segment(from, self.sent[from], tcp_flag::RST | tcp_flag::ACK, b""),
                _ => self.segment(from, self.sent[from], tcp_flag::FIN | tcp_flag::ACK, b""),
            }
        }
        let rows = &mut self.rows;
        self.tracker.finish(&mut |exchange| rows.push(Row::of(exchange)));
    }

    fn segment(&mut self, from: usize, sequence: u32, tcp_flags: u8, bytes: &[u8]) {
        let end = |number: usize| Endpoint { address: [10; 16], port: 80 + number as u16 };
        let part = Part {
            time_ns: 0,
            sequence,
            acknowledgement: self.sent[1 - from],
            tcp_flags,
            covered: bytes.len() as u32,
            captured: bytes,
            proven: 0,
            handover: None,
        };
        let rows = &mut self.rows;
        let segment = Segment { source: end(from), destination: end(1 - from), origin: Origin::Unknown, identity: Identity::Ends, part };
        self.tracker.segment(&segment, &mut |exchange| rows.push(Row::of(exchange)));
    }
}
