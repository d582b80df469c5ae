//! Durations as a [`Histogram`] tells them, in memory for those sizes only that occur: there may be
//! thousands of these at a time, most of them with few durations.

use std::collections::BTreeMap;

use super::histogram::Histogram;

/// How many durations there were of each size.
#[derive(Clone, Debug, Default)]
pub struct Spread {
    counts: BTreeMap<u16, u32>,
    len: u64,
}

/// How many sizes are told apart from a duration to twice as much: neighbours differ by less than 1 %.
const PER_OCTAVE: u64 = 128;
/// The finest difference that is told, in nanoseconds, as a power of two.
const FINEST: u32 = 7;

impl Spread {
    /// Counts a duration in nanoseconds. Says no, and does not count it, where that takes room for another size and there is none.
    pub fn record(&mut self, ns: u64, room: &mut usize) -> bool {
        let size = size_of(ns);
        if !self.counts.contains_key(&size) {
            let Some(left) = room.checked_sub(1) else { return false };
            *room = left;
        }
        *self.counts.entry(size).or_default() += 1;
        self.len += 1;
        true
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        for (size, count) in &other.counts {
            *self.counts.entry(*size).or_default() += count;
        }
        self.len += other.len;
    }

    /// How many durations there were.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The duration in nanoseconds that a share `quantile` of all did not exceed, by the nearest rank; `None` when there were none.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = ((quantile * self.len as f64).ceil() as u64).clamp(1, self.len.max(1));
        let mut counted = 0;
        let reaches = |(_, count): &(&u16, &u32)| {
            counted += u64::from(**count);
            counted >= rank
        };
        self.counts.iter().find(reaches).map(|(size, _)| middle_of(*size))
    }

    /// How many durations were longer, in nanoseconds.
    pub fn longer_than(&self, ns: u64) -> u64 {
        self.counts.range(size_of(ns) + 1..).map(|(_, count)| u64::from(*count)).sum()
    }

    /// The same as a histogram.
    pub fn histogram(&self) -> Histogram {
        let mut histogram = Histogram::default();
        for (size, count) in &self.counts {
            histogram.record_many(middle_of(*size), *count);
        }
        histogram
    }
}

/// A number for durations that are not told apart; those of longer ones are greater.
fn size_of(ns: u64) -> u16 {
    let octave = ns.max(1).ilog2().saturating_sub(FINEST + PER_OCTAVE.ilog2() - 1);
    // In the first octave that is told apart as finely as it can be, and before it, all steps are of the same width.
    let step = ns >> (FINEST + octave.saturating_sub(1));
    let before = u64::from(octave.saturating_sub(1)) * PER_OCTAVE;
    (before + step) as u16
}

/// The middle of the durations of this number, in nanoseconds.
fn middle_of(size: u16) -> u64 {
    let size = u64::from(size);
    let octave = (size / PER_OCTAVE).saturating_sub(1);
    let width = 1 << (FINEST + octave as u32);
    (size - octave * PER_OCTAVE) * width + width / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread(all: impl IntoIterator<Item = u64>) -> Spread {
        let (mut spread, mut room) = (Spread::default(), usize::MAX);
        all.into_iter().for_each(|ns| assert!(spread.record(ns, &mut room)));
        spread
    }

    #[test]
    fn sizes_are_in_order_and_within_half_a_percent() {
        let mut ns = 1_u64;
        let mut last = 0;
        while ns < u64::MAX / 2 {
            let size = size_of(ns);
            assert!(size >= last && size - last <= 2, "{ns}: {last} to {size}");
            assert!(middle_of(size).abs_diff(ns) <= 64.max(ns / 250), "{ns}: {}", middle_of(size));
            last = size;
            ns += 1 + ns / 300;
        }
        assert!(size_of(u64::MAX) > size_of(u64::MAX / 2));
        assert!(middle_of(size_of(u64::MAX)) > u64::MAX / 2);
    }

    #[test]
    fn it_says_what_a_histogram_says() {
        let all: Vec<u64> = (0..5000_u64).map(|number| 20_000 + number * number * 13).collect();
        let spread = spread(all.iter().copied());
        let mut histogram = Histogram::default();
        all.iter().for_each(|ns| histogram.record(*ns));
        for quantile in [0.0, 0.25, 0.5, 0.9, 0.99, 1.0] {
            let (told, expected) = (spread.quantile(quantile), histogram.quantile(quantile));
            let (told, expected) = (told.expect("some") as f64, expected.expect("some") as f64);
            assert!((told - expected).abs() <= expected * 0.01, "{quantile}: {told} for {expected}");
        }
        assert_eq!(spread.histogram().len(), 5000);
        assert!(spread.longer_than(all[2499]).abs_diff(2500) <= 25);
        assert_eq!(Spread::default().quantile(0.5), None);
    }

    #[test]
    fn merged_ones_say_what_one_would_have_said() {
        let (mut even, odd) = (spread((0..500).map(|number| number * 20_000)), spread((0..500).map(|number| number * 20_000 + 10_000)));
        let all = spread((0..1000).map(|number| number * 10_000));
        even.merge(&odd);
        assert_eq!((even.quantile(0.5), even.len()), (all.quantile(0.5), 1000));
    }

    #[test]
    fn without_room_only_known_sizes_are_counted() {
        let mut room = 1;
        let mut spread = Spread::default();
        let counted = [5_000_000, 5_000_000, 9_000_000].map(|ns| spread.record(ns, &mut room));
        assert_eq!((counted, spread.len()), ([true, true, false], 2));
    }
}
