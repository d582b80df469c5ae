//! When something was: as a set of tenths of a second.

/// Tenths of a second. Those 102.4 seconds apart are the same.
#[derive(Clone, Debug, Default)]
pub struct Tenths([u64; WORDS]);

const WORDS: usize = 16;
const BITS: usize = WORDS * 64;
const TENTH_NS: u64 = 100_000_000;

impl Tenths {
    /// Adds the one that this time is in.
    pub fn add(&mut self, time_ns: u64) {
        let bit = (time_ns / TENTH_NS) as usize % BITS;
        self.0[bit / 64] |= 1 << (bit % 64);
    }

    /// Adds all of another set.
    pub fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, more)| *word |= more);
    }

    /// Whether they are many in a row, or in as many places.
    pub fn last_or_recur(&self, in_a_row: usize, places: usize) -> bool {
        // Twice around, so that a row may go on at the beginning; no row is longer than once.
        let (mut row, mut longest, mut begins) = (0, 0, 0);
        for bit in (0..BITS).chain(0..BITS) {
            if self.has(bit) {
                row = (row + 1).min(BITS);
                longest = longest.max(row);
                begins += usize::from(row == 1);
            } else {
                row = 0;
            }
        }
        longest >= in_a_row || begins / 2 >= places
    }

    fn has(&self, bit: usize) -> bool {
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tenths(all: impl IntoIterator<Item = u64>) -> Tenths {
        let mut tenths = Tenths::default();
        all.into_iter().for_each(|tenth| tenths.add(1_767_323_045_000_000_000 + tenth * TENTH_NS));
        tenths
    }

    #[test]
    fn ten_in_a_row_are_lasting_wherever_the_row_begins() {
        for first in [0, 60, 500, 1000, 1019, 5000] {
            assert!(tenths(first..first + 10).last_or_recur(10, 20), "{first}");
            assert!(!tenths(first..first + 9).last_or_recur(10, 20), "{first}");
        }
        assert!(tenths(0..5000).last_or_recur(10, 20));
        assert!(!tenths([]).last_or_recur(10, 20));
    }

    #[test]
    fn so_is_what_happens_again_and_again() {
        assert!(tenths((0..20).map(|time| time * 3)).last_or_recur(10, 20));
        assert!(!tenths((0..19).flat_map(|time| [time * 4, time * 4 + 1])).last_or_recur(10, 20));
    }

    #[test]
    fn sets_are_put_together() {
        let mut both = tenths(0..5);
        both.merge(&tenths(5..10));
        assert!(both.last_or_recur(10, 20));
    }
}
