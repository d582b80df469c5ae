//! Repeatable choices: the same seed, or the same bytes, give the same case on every machine.

use std::ops::Range;
use std::vec::IntoIter;

/// splitmix64 (Steele, Lea, Flood, 2014); as long as there are bytes, they choose instead.
pub(crate) struct Random {
    state: u64,
    bytes: IntoIter<u8>,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        let state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(0x9e37_79b9_7f4a_7c15);
        Self { state, bytes: Vec::new().into_iter() }
    }

    /// Chooses by the bytes, and when they run out, by a seed that depends on all of them.
    pub(crate) fn of_bytes(bytes: &[u8]) -> Self {
        // FNV-1a.
        let seed = bytes.iter().fold(0xcbf2_9ce4_8422_2325u64, |seed, byte| (seed ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3));
        Self { bytes: Vec::from(bytes).into_iter(), ..Self::new(seed) }
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.state ^ self.state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number of the range, which must not be empty.
    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        let count = range.end - range.start;
        let number = self.chosen(count).unwrap_or_else(|| self.number());
        range.start + (number % count as u64) as usize
    }

    /// True in so many of a hundred cases.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.within(0..100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.within(0..from.len())]
    }

    /// As many bytes as it takes to choose among `count`.
    fn chosen(&mut self, count: usize) -> Option<u64> {
        let first = self.bytes.next()?;
        let second = if count > 256 { self.bytes.next()? } else { 0 };
        let third = if count > 65_536 { self.bytes.next()? } else { 0 };
        Some(u64::from_le_bytes([first, second, third, 0, 0, 0, 0, 0]))
    }
}
