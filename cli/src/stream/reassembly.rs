//! Puts the parts of one direction in order by sequence number.
//!
//! What was seen before is dropped, also in part. What comes early is held until the missing bytes come, within a bound of
//! bytes, parts and time; then the missing bytes are a gap. The first part of a stream whose start was not seen is held
//! too, unless a message may start with it: the one before it may be late.

use std::collections::VecDeque;

use ehl_probes_common::record::flag;
use ehl_probes_common::walk::{Handover, RESTART_DISTANCE};

use super::Part;

/// Bytes held for one direction.
const MAX_HELD_BYTES: usize = 256 * 1024;
/// Parts held for one direction.
const MAX_HELD_PARTS: usize = 128;
/// How long missing bytes are waited for, in the time of the events: longer than a retransmission usually takes.
const MAX_WAIT_NS: u64 = 1_000_000_000;

/// What comes out.
#[derive(Debug)]
pub enum Piece<'a> {
    /// The next bytes of the stream.
    Part(Part<'a>),
    /// Bytes are missing.
    Gap {
        /// Sequence number of the first one.
        sequence: u32,
        /// How many.
        missing: u32,
    },
}

/// One direction.
#[derive(Debug, Default)]
pub struct Reassembly {
    /// Sequence number of the next byte, once the stream has begun.
    next: Option<u32>,
    held: VecDeque<Held>,
    held_bytes: usize,
}

#[derive(Debug)]
struct Held {
    time_ns: u64,
    sequence: u32,
    acknowledgement: u32,
    tcp_flags: u8,
    covered: u32,
    captured: Box<[u8]>,
    proven: u16,
    handover: Option<Handover>,
}

impl Reassembly {
    /// The stream begins with the byte at `sequence`; what was held belongs to an earlier one.
    pub fn restart(&mut self, sequence: u32) {
        self.next = Some(sequence);
        self.forget_held();
    }

    /// Sequence number of the next byte; `None` before the stream has begun.
    pub fn next(&self) -> Option<u32> {
        self.next
    }

    /// Takes a part, and passes on what is now in order. `may_start` tells whether a message may start with these bytes.
    pub fn push(&mut self, part: Part<'_>, may_start: impl Fn(&[u8]) -> bool, deliver: &mut dyn FnMut(Piece<'_>)) {
        let Some(next) = self.next else {
            if part.proven & flag::HEAD_START == 0 && !may_start(part.captured) {
                self.hold(part);
                return;
            }
            self.pass(part, deliver);
            self.pass_held(deliver);
            return;
        };
        let distance = part.sequence.wrapping_sub(next) as i32;
        if distance.unsigned_abs() > RESTART_DISTANCE {
            // Another connection on the same ports.
            deliver(Piece::Gap { sequence: next, missing: 0 });
            self.forget_held();
            self.pass(part, deliver);
        } else if distance <= 0 {
            self.pass_new(part, distance.unsigned_abs(), deliver);
            self.pass_held(deliver);
        } else if part.proven & flag::UNPROVEN == 0 && part.proven != 0 {
            // The kernel saw this part in order, so what is missing before it was lost on the way here.
            self.give_up(part.sequence, deliver);
            self.push(part, may_start, deliver);
        } else {
            self.hold(part);
            while self.is_overdue(part.time_ns) {
                self.give_up_first(deliver);
            }
        }
    }

    /// The receiver has all bytes before `acknowledgement`: those of them that are missing here were not captured, and will
    /// not come any more.
    pub fn acknowledged(&mut self, acknowledgement: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        while self.next.is_some() && self.held.front().is_some_and(|first| acknowledgement.wrapping_sub(first.sequence) as i32 >= 0) {
            self.give_up_first(deliver);
        }
    }

    /// No more parts will come: passes on what is held, with its gaps.
    pub fn finish(&mut self, deliver: &mut dyn FnMut(Piece<'_>)) {
        while self.next.is_some() && !self.held.is_empty() {
            self.give_up_first(deliver);
        }
    }

    /// Bytes that are held.
    pub fn held_bytes(&self) -> usize {
        self.held_bytes
    }

    fn pass(&mut self, part: Part<'_>, deliver: &mut dyn FnMut(Piece<'_>)) {
        self.next = Some(part.sequence.wrapping_add(part.covered));
        deliver(Piece::Part(part));
    }

    /// Passes on what lies beyond the first `known` bytes of the part.
    fn pass_new(&mut self, mut part: Part<'_>, known: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        if known > 0 {
            if known >= part.covered && part.handover.is_none() && part.covered > 0 || known > part.covered {
                return;
            }
            part.sequence = part.sequence.wrapping_add(known);
            part.covered -= known;
            part.captured = part.captured.get(known as usize..).unwrap_or(&[]);
            part.proven &= !flag::HEAD_START;
        }
        self.pass(part, deliver);
    }

    fn hold(&mut self, part: Part<'_>) {
        if self.held.iter().any(|held| held.has(&part)) {
            return;
        }
        while self.held.len() >= MAX_HELD_PARTS || self.held_bytes + part.captured.len() > MAX_HELD_BYTES {
            // Reached only before the stream has begun: else the gap is given up first.
            let Some(oldest) = self.held.pop_front() else { break };
            self.held_bytes -= oldest.captured.len();
        }
        let at = self.held.partition_point(|held| (held.sequence.wrapping_sub(part.sequence) as i32) < 0);
        self.held_bytes += part.captured.len();
        self.held.insert(
            at,
            Held {
                time_ns: part.time_ns,
                sequence: part.sequence,
                acknowledgement: part.acknowledgement,
                tcp_flags: part.tcp_flags,
                covered: part.covered,
                captured: part.captured.into(),
                proven: part.proven,
                handover: part.handover,
            },
        );
    }

    fn pass_held(&mut self, deliver: &mut dyn FnMut(Piece<'_>)) {
        while let (Some(next), Some(first)) = (self.next, self.held.front()) {
            let distance = first.sequence.wrapping_sub(next) as i32;
            if distance > 0 {
                return;
            }
            let Some(held) = self.held.pop_front() else { return };
            self.held_bytes -= held.captured.len();
            self.pass_new(held.part(), distance.unsigned_abs(), deliver);
        }
    }

    fn is_overdue(&self, now_ns: u64) -> bool {
        let oldest = self.held.iter().map(|held| held.time_ns).min();
        oldest.is_some_and(|oldest| now_ns.saturating_sub(oldest) > MAX_WAIT_NS)
            || self.held.len() >= MAX_HELD_PARTS - 1
            || self.held_bytes > MAX_HELD_BYTES / 2
    }

    fn give_up_first(&mut self, deliver: &mut dyn FnMut(Piece<'_>)) {
        match self.held.front().map(|first| first.sequence) {
            Some(sequence) => self.give_up(sequence, deliver),
            None => self.forget_held(),
        }
    }

    /// What is missing before `sequence` will not come any more.
    fn give_up(&mut self, sequence: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        while let Some(next) = self.next {
            let until = match self.held.front() {
                Some(first) if (first.sequence.wrapping_sub(sequence) as i32) < 0 => first.sequence,
                _ => sequence,
            };
            let missing = until.wrapping_sub(next) as i32;
            if missing > 0 {
                deliver(Piece::Gap { sequence: next, missing: missing.unsigned_abs() });
                self.next = Some(until);
            }
            self.pass_held(deliver);
            if until == sequence {
                return;
            }
        }
    }

    fn forget_held(&mut self) {
        self.held.clear();
        self.held_bytes = 0;
    }
}

impl Held {
    /// Whether the part tells nothing more.
    fn has(&self, part: &Part<'_>) -> bool {
        self.sequence == part.sequence
            && self.covered >= part.covered
            && self.captured.len() >= part.captured.len()
            && part.handover.is_none()
    }

    fn part(&self) -> Part<'_> {
        Part {
            time_ns: self.time_ns,
            sequence: self.sequence,
            acknowledgement: self.acknowledgement,
            tcp_flags: self.tcp_flags,
            covered: self.covered,
            captured: &self.captured,
            proven: self.proven,
            handover: self.handover,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(sequence: u32, captured: &[u8]) -> Part<'_> {
        let covered = captured.len() as u32;
        Part { time_ns: 0, sequence, acknowledgement: 0, tcp_flags: 0, covered, captured, proven: 0, handover: None }
    }

    fn run(parts: &[Part<'_>]) -> String {
        let mut stream = Reassembly::default();
        let mut text = String::new();
        let mut deliver = |piece: Piece<'_>| match piece {
            Piece::Part(part) => text.push_str(&String::from_utf8_lossy(part.captured)),
            Piece::Gap { missing, .. } => text.push_str(&format!("[{missing}]")),
        };
        for part in parts {
            stream.push(*part, |bytes| bytes.starts_with(b"G"), &mut deliver);
        }
        stream.finish(&mut deliver);
        text
    }

    #[test]
    fn orders_swapped_parts_and_drops_what_was_seen() {
        assert_eq!(run(&[part(10, b"GE"), part(14, b"45"), part(12, b"T3"), part(10, b"GET3456")]), "GET3456");
        assert_eq!(run(&[part(10, b"GE"), part(10, b"GE"), part(11, b"ET")]), "GET");
    }

    #[test]
    fn waits_for_the_start_of_a_stream_that_it_did_not_see() {
        assert_eq!(run(&[part(12, b"T 1"), part(10, b"GE")]), "GET 1");
        assert_eq!(run(&[part(12, b"T 1"), part(15, b"23"), part(10, b"GE"), part(17, b"4")]), "GET 1234");
    }

    #[test]
    fn follows_sequence_numbers_around_zero() {
        assert_eq!(run(&[part(u32::MAX - 1, b"GE"), part(1, b"34"), part(0, b"2")]), "GE234");
    }

    #[test]
    fn tells_a_gap_once_it_waited_long_enough() {
        let late = Part { time_ns: MAX_WAIT_NS + 2, ..part(30, b"z") };
        let early = Part { time_ns: 1, ..part(20, b"x") };
        assert_eq!(run(&[part(10, b"GET"), early, late]), "GET[7]x[9]z");
    }

    #[test]
    fn does_not_wait_for_what_the_receiver_has() {
        let mut stream = Reassembly::default();
        let mut text = String::new();
        let mut deliver = |piece: Piece<'_>| match piece {
            Piece::Part(part) => text.push_str(&String::from_utf8_lossy(part.captured)),
            Piece::Gap { missing, .. } => text.push_str(&format!("[{missing}]")),
        };
        stream.push(part(10, b"GET"), |_| true, &mut deliver);
        stream.push(part(20, b"x"), |_| true, &mut deliver);
        stream.push(part(30, b"y"), |_| true, &mut deliver);
        stream.acknowledged(19, &mut deliver);
        stream.acknowledged(20, &mut deliver);
        assert_eq!(text, "GET[7]x");
    }

    #[test]
    fn does_not_wait_for_what_the_kernel_saw_and_the_ring_lost() {
        let proven = Part { proven: flag::HEAD_START, ..part(20, b"GET") };
        assert_eq!(run(&[part(10, b"GET"), proven]), "GET[7]GET");
    }

    #[test]
    fn bounds_what_it_holds() {
        let byte = [b'x'; 1000];
        let mut stream = Reassembly::default();
        let mut gaps = 0;
        stream.restart(0);
        for number in 1..2000u32 {
            stream.push(part(number * 2000, &byte), |_| true, &mut |piece| gaps += usize::from(matches!(piece, Piece::Gap { .. })));
            assert!(stream.held_bytes() <= MAX_HELD_BYTES && stream.held.len() <= MAX_HELD_PARTS);
        }
        assert!(gaps > 1800);
        let mut stream = Reassembly::default();
        for number in 1..2000u32 {
            stream.push(part(number * 2000, &byte), |_| false, &mut |_| panic!("nothing starts"));
            assert!(stream.held_bytes() <= MAX_HELD_BYTES && stream.held.len() <= MAX_HELD_PARTS);
        }
    }

    #[test]
    fn holds_what_comes_twice_once() {
        let mut stream = Reassembly::default();
        stream.restart(0);
        for _ in 0..2 {
            stream.push(part(100, b"late"), |_| true, &mut |_| panic!("bytes are missing before it"));
            assert_eq!(stream.held_bytes(), 4);
        }
    }

    #[test]
    fn takes_a_far_jump_for_another_connection() {
        assert_eq!(run(&[part(10, b"GET"), part(0x9000_0000, b"GOT")]), "GET[0]GOT");
    }
}
