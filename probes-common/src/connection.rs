//! The kernel's memory of one TCP connection: the key of the map, and per direction how far the stream is understood.

use core::ptr::write_volatile;

use crate::chunked;
use crate::head::Scan;
use crate::packet::{Address, Tcp};

/// Both ends of a connection, addresses and ports (host byte order), in a fixed order, so that both directions find the same entry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Key {
    low: Address,
    high: Address,
    low_port: u16,
    high_port: u16,
    /// Zero, so that the key has no undefined bytes.
    zero: u32,
}

const _: () = assert!(size_of::<Key>() == 40);

impl Key {
    /// The lower end and the other one, addresses and ports.
    pub fn ends(&self) -> [(Address, u16); 2] {
        [(self.low, self.low_port), (self.high, self.high_port)]
    }

    /// Becomes the key of the connection that a segment belongs to; returns which of its directions that segment has (0:
    /// from the lower end).
    #[inline(always)]
    pub fn set(&mut self, segment: &Tcp) -> u32 {
        self.zero = 0;
        if sorts_lower(segment) {
            self.low = segment.source;
            self.high = segment.destination;
            self.low_port = segment.source_port;
            self.high_port = segment.destination_port;
            0
        } else {
            self.low = segment.destination;
            self.high = segment.source;
            self.low_port = segment.destination_port;
            self.high_port = segment.source_port;
            1
        }
    }
}

/// Whether the sender is the lower end. Ports first, because they differ most often.
#[inline(always)]
fn sorts_lower(segment: &Tcp) -> bool {
    if segment.source_port != segment.destination_port {
        return segment.source_port < segment.destination_port;
    }
    !segment.destination.sorts_below(segment.source)
}

/// Values of [`Direction::phase`]: what the byte at [`Direction::next`] belongs to.
pub mod phase {
    /// Nothing was seen yet.
    pub const NEW: u8 = 0;
    /// The first byte of a message, known for certain.
    pub const BOUNDARY: u8 = 1;
    /// Within a head.
    pub const HEAD: u8 = 2;
    /// Within a body of known length.
    pub const BODY: u8 = 3;
    /// Within a chunked body.
    pub const CHUNKED: u8 = 4;
    /// A body that ends with the connection, or a tunnel: no more heads.
    pub const CLOSE: u8 = 5;
    /// Joined in the middle and not yet understood: what looks like a head is taken for one.
    pub const JOINED: u8 = 6;
    /// Out of step: everything goes up.
    pub const DESYNC: u8 = 7;
    /// TLS from the first byte on.
    pub const TLS: u8 = 8;
    /// HTTP/2, in step: [`super::frame_part`] tells more.
    pub const HTTP2: u8 = 9;
    /// It may be HTTP/2, or it is and where frames start is not known: everything goes up.
    pub const HTTP2_GUESS: u8 = 10;
    /// The first byte after an upgrade (`101`): HTTP/2 or another protocol.
    pub const UPGRADED: u8 = 11;
}

/// Values of [`Direction::frame_part`]: what [`Direction::left`] counts, in [`phase::HTTP2`] and [`phase::HTTP2_GUESS`].
pub mod frame_part {
    /// Nothing: where a frame starts is not known.
    pub const NONE: u8 = 0;
    /// Bytes of a frame header; those before are in [`super::Direction::cut`].
    pub const HEADER: u8 = 1;
    /// Bytes of the connection preface.
    pub const PREFACE: u8 = 2;
    /// Payload that goes up.
    pub const PAYLOAD: u8 = 3;
    /// Payload of a DATA frame that stays down.
    pub const DATA: u8 = 4;
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Direction {
    /// Bytes of body (or of chunk data, or of a part of a frame) still to come; of a chunk size, what was read of it.
    pub left: u64,
    /// Requests: whether each of the last 64 was HEAD or CONNECT (or may have been), bit `messages % 64`.
    pub bodyless: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds of the last record.
    pub reported_ns: u64,
    /// `CLOCK_MONOTONIC` in nanoseconds of the last byte of body that stayed down.
    pub skipped_ns: u64,
    /// The head that is being read.
    pub scan: Scan,
    /// The bytes of a frame header that the end of a segment cut, the first one lowest; zero beyond.
    pub cut: u64,
    /// Sequence number after the last byte that was understood.
    pub next: u32,
    /// Body bytes before `next` that no record covers yet.
    pub skipped: u32,
    /// Requests seen, or final responses seen.
    pub messages: u32,
    /// Unproven bytes that may still go up before a joined direction is taken for something else.
    pub budget: u32,
    /// Interface on which new bytes were last seen.
    pub interface: u32,
    /// In HTTP/2: from this sequence number up to `next` nothing is missing.
    pub since: u32,
    /// In HTTP/2: frame headers seen in a row, up to [`crate::walk::frames::CONFIRMED`].
    pub in_row: u16,
    /// One of [`frame_part`].
    pub frame_part: u8,
    /// In [`phase::HTTP2_GUESS`]: the [`phase`] to go back to when it is not HTTP/2.
    pub before: u8,
    /// One of [`phase`].
    pub phase: u8,
    /// One of [`chunked::phase`], in [`phase::CHUNKED`].
    pub chunk_phase: u8,
    /// 1 when a head was seen, or enough frames: a direction of HTTP.
    pub http: u8,
    /// 1 when a FIN or RST was seen: what comes late is told at once.
    pub closed: u8,
}

const _: () = assert!(size_of::<Direction>() == 88);

/// What the map holds: the direction from the lower end of the key, then the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Connection {
    /// Indexed by what [`Key::set`] tells.
    pub directions: [Direction; 2],
}

impl Direction {
    /// Nothing was seen yet.
    pub const NEW: Self = Self {
        left: 0,
        bodyless: 0,
        reported_ns: 0,
        skipped_ns: 0,
        scan: Scan::START,
        cut: 0,
        next: 0,
        skipped: 0,
        messages: 0,
        budget: 0,
        interface: 0,
        since: 0,
        in_row: 0,
        frame_part: frame_part::NONE,
        before: phase::NEW,
        phase: phase::NEW,
        chunk_phase: 0,
        http: 0,
        closed: 0,
    };

    /// Forgets everything: the byte at `next` comes next, and belongs to `phase`.
    #[inline(always)]
    pub fn restart(&mut self, next: u32, phase: u8, interface: u32, budget: u32) {
        // SAFETY: the direction is a reference.
        unsafe { ehl_restart(self, next, phase as u32, interface, budget) };
    }

    /// Body bytes that no record covers yet: the sequence number of the first one, how many there are, and the time of the
    /// last one (`CLOCK_MONOTONIC` in nanoseconds).
    pub fn unreported(&self) -> Option<(u32, u32, u64)> {
        (self.skipped > 0).then(|| (self.next.wrapping_sub(self.skipped), self.skipped, self.skipped_ns))
    }

    /// The chunked body's state.
    #[inline(always)]
    pub fn chunk(&self) -> chunked::State {
        chunked::State { left: self.left, phase: self.chunk_phase }
    }

    /// Stores the chunked body's state.
    #[inline(always)]
    pub fn set_chunk(&mut self, state: chunked::State) {
        self.left = state.left;
        self.chunk_phase = state.phase;
    }
}

/// [`Direction::restart`]. A global function (see the crate's documentation).
///
/// # Safety
/// `this` is null or valid.
#[inline(never)]
#[cfg_attr(target_arch = "bpf", unsafe(no_mangle))]
unsafe extern "C" fn ehl_restart(this: *mut Direction, next: u32, phase: u32, interface: u32, budget: u32) -> u32 {
    // SAFETY: by the caller's promise.
    if let Some(this) = unsafe { this.as_mut() } {
        this.left = 0;
        // SAFETY: references. Volatile, because what sets many fields at once is a call that goes byte by byte.
        unsafe {
            write_volatile(&raw mut this.bodyless, 0);
            write_volatile(&raw mut this.reported_ns, 0);
            write_volatile(&raw mut this.skipped_ns, 0);
            write_volatile(&raw mut this.cut, 0);
        }
        this.scan.clear();
        this.next = next;
        this.skipped = 0;
        this.messages = 0;
        this.budget = budget;
        this.interface = interface;
        this.since = next;
        this.in_row = 0;
        this.frame_part = frame_part::NONE;
        this.before = phase::NEW;
        this.phase = phase as u8;
        this.chunk_phase = 0;
        this.http = 0;
        this.closed = 0;
    }
    0
}

impl Connection {
    /// Nothing was seen yet.
    pub const NEW: Self = Self { directions: [Direction::NEW; 2] };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_directions_have_one_key() {
        let mut ends = Vec::new();
        for port in [80, 40_000] {
            for last in [1, 2, 200] {
                let mut address = [0; 16];
                address[15] = last;
                ends.push((Address::v6(address), port));
                address[0] = 0xfe;
                ends.push((Address::v6(address), port));
            }
        }
        for a in &ends {
            for b in ends.iter().filter(|b| *b != a) {
                let there = Tcp { source: a.0, source_port: a.1, destination: b.0, destination_port: b.1, ..Tcp::default() };
                let back = Tcp { source: b.0, source_port: b.1, destination: a.0, destination_port: a.1, ..Tcp::default() };
                let (mut key, mut other) = (Key::default(), Key::default());
                assert_eq!(key.set(&there) + other.set(&back), 1);
                assert_eq!(key, other);
            }
        }
    }
}
