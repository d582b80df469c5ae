//! How much memory all elements may take together: whoever sends them must not choose that.

/// What there is room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Elements.
    pub(super) elements: usize,
    /// Values that one element keeps.
    pub(super) values_each: usize,
    /// Values that the tables of all elements have room for.
    pub(super) values: usize,
    /// Bytes of values' texts; beyond it they are cut short.
    pub(super) text: usize,
    /// Bytes of sketches.
    pub(super) sketches: usize,
}

/// Some 70 MiB, if somebody tries to use it all.
///
/// Tables grow by doubling, and are full at 7/8 of a power of two. With 28,672 values of one element, a purge takes away at least
/// 14,336 counts for each one that it adds to the error of counts: that stays below 0.7 % of what 1 % of the messages have.
pub(super) const LIMITS: Limits = Limits { elements: 28_672, values_each: 28_672, values: 10 * 28_672, text: 8 << 20, sketches: 8 << 20 };

/// The longest text of a value in bytes; what is longer is cut.
const LONGEST_TEXT: usize = 1024;
/// The same when texts take as much as they may.
const SHORT_TEXT: usize = 48;

/// What is taken of it.
#[derive(Debug)]
pub(super) struct Room {
    pub(super) limits: Limits,
    /// Values that there are tables for.
    pub(super) values: usize,
    pub(super) text: usize,
    pub(super) sketches: usize,
}

impl Room {
    pub(super) fn new(limits: Limits) -> Self {
        Self { limits, values: 0, text: 0, sketches: 0 }
    }

    /// Whether tables take more than they may.
    pub(super) fn is_overdrawn(&self) -> bool {
        self.values > self.limits.values
    }

    /// The text of a value as it is kept.
    pub(super) fn text(&mut self, display: &[u8]) -> Box<[u8]> {
        let longest = if self.text + display.len() <= self.limits.text { LONGEST_TEXT } else { SHORT_TEXT };
        let kept: Box<[u8]> = if display.len() <= longest { display.into() } else { cut(display, longest).into() };
        self.text += kept.len();
        kept
    }
}

/// The first `longest` bytes at most, no character in two.
fn cut(text: &[u8], longest: usize) -> Vec<u8> {
    let is_start = |place: &usize| text[*place] & 0b1100_0000 != 0b1000_0000;
    let end = (0..=longest).rev().find(is_start).unwrap_or(longest);
    [&text[..end], "…".as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_are_cut_between_characters() {
        let mut room = Room::new(LIMITS);
        assert_eq!(*room.text(b"short"), *b"short");
        let kept = room.text("ü".repeat(600).as_bytes());
        assert_eq!(str::from_utf8(&kept), Ok(format!("{}…", "ü".repeat(512)).as_str()));
        let kept = room.text(format!("x{}", "ü".repeat(600)).as_bytes());
        assert_eq!(str::from_utf8(&kept), Ok(format!("x{}…", "ü".repeat(511)).as_str()));
        assert_eq!(room.text(&[0x80; 2000]).len(), 1024 + "…".len());
    }

    #[test]
    fn texts_are_short_when_there_are_many() {
        let mut room = Room::new(Limits { text: 100, ..LIMITS });
        assert_eq!(room.text(&[b'x'; 90]).len(), 90);
        assert_eq!(room.text(&[b'x'; 90]).len(), 48 + "…".len());
        assert_eq!(room.text, 90 + 48 + "…".len());
    }
}
