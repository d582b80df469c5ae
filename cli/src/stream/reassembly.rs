//! Puts the parts of one direction in order by sequence number.
//!
//! What was seen before is dropped, also in part: the bytes that came first count. What comes early is held until the missing bytes come, within a bound of
//! bytes, parts and time; then the missing bytes are a gap. The first part of a stream whose start was not seen is held
//! too, unless a message may start with it: the one before it may be late.

use std::collections::VecDeque;

use ehl_probes_common::record::flag;
use ehl_probes_common::walk::{Handover, RESTART_DISTANCE};

use super::Part;

/// Bytes held for one direction.
const MAX_HELD_BYTES: usize = 1 << 20;
/// Parts held for one direction.
const MAX_HELD_PARTS: usize = 1024;
/// Of a stream whose start was not seen, the same until it is begun with what is there.
const MAX_EARLY_BYTES: usize = 128 << 10;
const MAX_EARLY_PARTS: usize = 16;
/// How long missing bytes are waited for, in the time of the events: longer than a retransmission that was lost itself, and was
/// repeated after twice the time, usually takes (RFC 6298 section 5).
const MAX_WAIT_NS: u64 = 5_000_000_000;

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
    /// All bytes of a part had been seen before.
    Duplicate,
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
    /// When it came.
    since_ns: u64,
    /// When the last of its bytes came.
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

    /// Takes a part, and passes on what is now in order. `may_start` tells whether a message may start with these bytes;
    /// `body_left` is how many bytes from the next one on are of no interest, whatever they are.
    pub fn push(&mut self, part: Part<'_>, may_start: impl Fn(&[u8]) -> bool, body_left: u64, deliver: &mut dyn FnMut(Piece<'_>)) {
        let Some(next) = self.next else {
            if part.proven & flag::HEAD_START == 0 && !may_start(part.captured) {
                self.hold(part, deliver);
                if self.held.len() > MAX_EARLY_PARTS || self.held_bytes > MAX_EARLY_BYTES {
                    self.begin(deliver);
                }
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
        } else if part.proven & (flag::UNPROVEN | flag::HTTP2) == 0 && part.proven != 0 {
            // The kernel saw this part in order, so what is missing before it was lost on the way here. With HTTP/2, it may have
            // come in step after what it missed.
            self.give_up(part.sequence, deliver);
            self.push(part, may_start, body_left, deliver);
        } else {
            let end = u64::from(distance.unsigned_abs()) + u64::from(part.covered);
            let is_body = end <= body_left && part.handover.is_none();
            self.hold(if is_body { Part { captured: &[], ..part } } else { part }, deliver);
            while self.is_overdue(part.time_ns) {
                self.give_up_first(deliver);
            }
        }
    }

    /// Takes a part of a stream whose parts come in order: what is missing before it was lost on the way here.
    pub fn push_next(&mut self, part: Part<'_>, deliver: &mut dyn FnMut(Piece<'_>)) {
        let distance = self.next.map_or(0, |next| part.sequence.wrapping_sub(next) as i32);
        if distance < 0 {
            return self.pass_new(part, distance.unsigned_abs(), deliver);
        }
        if let Some(sequence) = self.next.filter(|_| distance > 0) {
            deliver(Piece::Gap { sequence, missing: distance.unsigned_abs() });
        }
        self.pass(part, deliver);
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

    /// The start will not come.
    fn begin(&mut self, deliver: &mut dyn FnMut(Piece<'_>)) {
        self.next = self.held.front().map(|first| first.sequence);
        self.pass_held(deliver);
    }

    fn pass(&mut self, part: Part<'_>, deliver: &mut dyn FnMut(Piece<'_>)) {
        self.next = Some(part.sequence.wrapping_add(part.covered));
        deliver(Piece::Part(part));
    }

    /// Passes on what lies beyond the first `known` bytes of the part.
    fn pass_new(&mut self, mut part: Part<'_>, known: u32, deliver: &mut dyn FnMut(Piece<'_>)) {
        if known > 0 {
            if known >= part.covered && part.handover.is_none() && part.covered > 0 || known > part.covered {
                deliver(Piece::Duplicate);
                return;
            }
            part.sequence = part.sequence.wrapping_add(known);
            part.covered -= known;
            part.captured = part.captured.get(known as usize..).unwrap_or(&[]);
            part.proven &= !flag::HEAD_START;
        }
        self.pass(part, deliver);
    }

    fn hold(&mut self, part: Part<'_>, deliver: &mut dyn FnMut(Piece<'_>)) {
        let at = self.held.partition_point(|held| (held.sequence.wrapping_sub(part.sequence) as i32) < 0);
        if self.held.get(at).is_some_and(|held| held.has(&part)) {
            deliver(Piece::Duplicate);
            return;
        }
        if at > 0 && self.held[at - 1].extend(&part) {
            return;
        }
        self.held_bytes += part.captured.len();
        self.held.insert(
            at,
            Held {
                since_ns: part.time_ns,
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
        let oldest = self.held.iter().map(|held| held.since_ns).min();
        oldest.is_some_and(|oldest| now_ns.saturating_sub(oldest) > MAX_WAIT_NS)
            || self.held.len() > MAX_HELD_PARTS
            || self.held_bytes > MAX_HELD_BYTES
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

    /// Takes in a part that follows, if neither has bytes of interest.
    fn extend(&mut self, part: &Part<'_>) -> bool {
        let is_plain = |captured: &[u8], proven, handover: Option<Handover>| captured.is_empty() && proven == 0 && handover.is_none();
        let follows = self.sequence.wrapping_add(self.covered) == part.sequence;
        let both = is_plain(&self.captured, self.proven, self.handover) && is_plain(part.captured, part.proven, part.handover);
        let covered = self.covered.checked_add(part.covered);
        let Some(covered) = covered.filter(|_| follows && both) else { return false };
        self.covered = covered;
        self.time_ns = part.time_ns;
        true
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
            Piece::Duplicate => {}
        };
        for part in parts {
            stream.push(*part, |bytes| bytes.starts_with(b"G"), 0, &mut deliver);
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
            Piece::Duplicate => {}
        };
        stream.push(part(10, b"GET"), |_| true, 0, &mut deliver);
        stream.push(part(20, b"x"), |_| true, 0, &mut deliver);
        stream.push(part(30, b"y"), |_| true, 0, &mut deliver);
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
        for number in 1..4000u32 {
            stream.push(part(number * 2000, &byte), |_| true, 0, &mut |piece| gaps += usize::from(matches!(piece, Piece::Gap { .. })));
            assert!(stream.held_bytes() <= MAX_HELD_BYTES && stream.held.len() <= MAX_HELD_PARTS);
        }
        assert!(gaps > 2900, "{gaps}");
    }

    #[test]
    fn waits_for_no_start_for_long() {
        let mut stream = Reassembly::default();
        let mut parts = 0;
        for number in 0..20u32 {
            stream.push(part(1000 + number, b"x"), |_| false, 0, &mut |_| parts += 1);
        }
        assert_eq!((parts, stream.next()), (20, Some(1020)));
    }

    #[test]
    fn keeps_the_bytes_that_came_first() {
        assert_eq!(run(&[part(10, b"GET /a"), part(14, b"/b "), part(10, b"GET /c")]), "GET /a ");
        assert_eq!(run(&[part(10, b"GET"), part(14, b"/a"), part(13, b" /b!")]), "GET /b!");
    }

    #[test]
    fn holds_no_bytes_of_a_body() {
        let mut stream = Reassembly::default();
        let mut pieces = Vec::new();
        stream.restart(0);
        for number in 1..5000u32 {
            stream.push(part(number * 1000, &[b'x'; 1000]), |_| true, 5_000_000, &mut |_| panic!("bytes are missing before it"));
            assert_eq!((stream.held_bytes(), stream.held.len()), (0, 1));
        }
        stream.push(part(0, &[b'y'; 1000]), |_| true, 5_000_000, &mut |piece| match piece {
            Piece::Part(part) => pieces.push((part.sequence, part.covered)),
            other => panic!("{other:?}"),
        });
        assert_eq!(pieces, [(0, 1000), (1000, 4_999_000)]);
    }

    #[test]
    fn tells_what_comes_again() {
        let mut stream = Reassembly::default();
        let mut again = 0;
        stream.restart(0);
        for (sequence, bytes) in [(0, b"GET"), (0, b"GET"), (9, b"abc"), (9, b"abc"), (2, b"T /")] {
            stream.push(part(sequence, bytes), |_| true, 0, &mut |piece| again += usize::from(matches!(piece, Piece::Duplicate)));
        }
        assert_eq!(again, 2);
    }

    #[test]
    fn holds_what_comes_twice_once() {
        let mut stream = Reassembly::default();
        stream.restart(0);
        for _ in 0..2 {
            stream.push(part(100, b"late"), |_| true, 0, &mut |piece| assert!(matches!(piece, Piece::Duplicate), "{piece:?}"));
            assert_eq!(stream.held_bytes(), 4);
        }
    }

    #[test]
    fn tells_at_once_what_was_lost_of_a_stream_in_order() {
        let mut stream = Reassembly::default();
        let mut text = String::new();
        for (sequence, bytes) in [(10, &b"GET"[..]), (13, b" /"), (20, b"x"), (21, b"y"), (21, b"yz")] {
            stream.push_next(part(sequence, bytes), &mut |piece| match piece {
                Piece::Part(part) => text.push_str(&String::from_utf8_lossy(part.captured)),
                Piece::Gap { sequence, missing } => text.push_str(&format!("[{missing} at {sequence}]")),
                Piece::Duplicate => panic!("no part came twice"),
            });
        }
        assert_eq!(text, "GET /[5 at 15]xyz");
    }

    #[test]
    fn takes_a_far_jump_for_another_connection() {
        assert_eq!(run(&[part(10, b"GET"), part(0x9000_0000, b"GOT")]), "GET[0]GOT");
    }
}
