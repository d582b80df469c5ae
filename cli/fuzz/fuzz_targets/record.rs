//! Any bytes as records of a ring buffer, of connections that meet: nothing panics, and what is kept is bounded.

#![no_main]

#[path = "../../tests/conversation/memory.rs"]
mod memory;

use std::cell::RefCell;

use ehl::http::head::Wanted;
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::source::ring;
use ehl_probes_common::record::{ProbeId, RecordHeader};
use libfuzzer_sys::fuzz_target;
use memory::kept;

/// The tracker itself keeps more, but not of so short an input.
const MOST: isize = 1 << 20;

thread_local! {
    static TRACKER: RefCell<Tracker> = RefCell::new(Tracker::new(Wanted::default(), Redactor::new(Mode::Mask, [1, 2])));
}

fuzz_target!(|input: &[u8]| {
    TRACKER.with_borrow_mut(|tracker| {
        let before = kept();
        let mut ring = Ring { rest: input, time_ns: 0, next: [[0; 2]; 4] };
        let mut record = Vec::new();
        while ring.next_record(&mut record).is_some() {
            if let Ok(segment) = ring::decode(&record, 5) {
                assert!(segment.part.captured.len() <= segment.part.covered as usize);
                tracker.segment(&segment, &mut |_| {});
            }
            assert!(kept() - before < MOST, "{} bytes are kept", kept() - before);
        }
        tracker.finish(&mut |_| {});
    });
});

/// What the bytes of an input lay out.
struct Ring<'i> {
    rest: &'i [u8],
    time_ns: u64,
    /// Where the streams of each connection stand.
    next: [[u32; 2]; 4],
}

impl<'i> Ring<'i> {
    /// Lays out the next record; `None` when the input is used up.
    fn next_record(&mut self, record: &mut Vec<u8>) -> Option<()> {
        let [ends, kind, flags, tcp_flags] = self.take(4)?.try_into().ok()?;
        let (connection, from) = (usize::from(ends >> 1 & 3), usize::from(ends & 1));
        self.time_ns += [1_000, 1_000_000, 400_000_000, 2_000_000_000][usize::from(ends >> 3 & 3)];
        let next = self.next[connection];
        let sequence = next[from].wrapping_add(self.offset(kind)?);
        let acknowledgement = next[1 - from].wrapping_add(self.offset(kind >> 2)?);
        let framing = if kind & 0x80 != 0 { self.number(8)? } else { 0 };
        let beyond = self.offset(kind >> 4)?;
        let len = self.number(1)? as usize;
        let captured = self.take(len.min(self.rest.len()))?;
        let covered = (captured.len() as u32).wrapping_add(beyond);
        self.next[connection][from] = sequence.wrapping_add(covered);
        let address = |end: usize| [end as u8 + 1; 16];
        let port = |end: usize| [40_000 + connection as u16, 80][end];
        let header = RecordHeader {
            time_ns: self.time_ns,
            framing,
            source: address(from),
            destination: address(1 - from),
            source_port: port(from),
            destination_port: port(1 - from),
            sequence,
            acknowledgement,
            payload_len: covered,
            captured_len: captured.len() as u32,
            origin: 2,
            // Most records are the socket filter's.
            flags: u16::from(flags),
            probe: if ends & 0x80 == 0 { ProbeId::SockHttp } else { ProbeId::SslUprobe } as u8,
            tcp_flags,
            ..RecordHeader::ZERO
        };
        record.clear();
        record.extend_from_slice(header.as_bytes());
        record.extend_from_slice(captured);
        if ends & 0x40 != 0 {
            // Not what the kernel writes.
            let at = self.number(1)? as usize % record.len();
            record[at] = self.number(1)? as u8;
            record.truncate(record.len() - at % 2);
        }
        Some(())
    }

    /// Nothing, a few bytes on or back, or far away.
    fn offset(&mut self, kind: u8) -> Option<u32> {
        match kind & 3 {
            0 | 1 => Some(0),
            2 => Some(self.number(1)? as u8 as i8 as u32),
            _ => Some(self.number(4)? as u32),
        }
    }

    fn number(&mut self, width: usize) -> Option<u64> {
        Some(self.take(width)?.iter().fold(0, |number, byte| number << 8 | u64::from(*byte)))
    }

    fn take(&mut self, count: usize) -> Option<&'i [u8]> {
        let (taken, rest) = self.rest.split_at_checked(count)?;
        self.rest = rest;
        Some(taken)
    }
}
