//! Exact counts of durations from one power of two to the next, in milliseconds.

use std::collections::BTreeMap;
use std::ops::Range;

/// How many durations there were in each range.
#[derive(Clone, Debug, Default)]
pub struct Powers(BTreeMap<u32, u64>);

/// Shorter durations are in one range: 1/128 of a millisecond.
const SHORTEST: Ratio = Ratio { ns: 15_625, of: 2 };

/// Nanoseconds that are no whole number.
struct Ratio {
    ns: u64,
    of: u64,
}

impl Powers {
    /// Counts a duration in nanoseconds.
    pub fn record(&mut self, ns: u64) {
        let shortest = u128::from(ns) * u128::from(SHORTEST.of) / u128::from(SHORTEST.ns);
        *self.0.entry(shortest.checked_ilog2().map_or(0, |power| power + 1)).or_default() += 1;
    }

    /// Ranges in milliseconds, which begin where the one before ends, and how many durations each has: from the shortest that there was
    /// to the longest.
    pub fn ranges(&self) -> impl Iterator<Item = (Range<f64>, u64)> {
        let first = self.0.first_key_value().map_or(0, |(range, _)| *range);
        let end = self.0.last_key_value().map_or(0, |(range, _)| *range + 1);
        (first..end).map(|range| {
            let begin = if range == 0 { 0.0 } else { edge(range - 1) };
            (begin..edge(range), self.0.get(&range).copied().unwrap_or(0))
        })
    }
}

fn edge(power: u32) -> f64 {
    SHORTEST.ns as f64 / SHORTEST.of as f64 / 1e6 * f64::from(power).exp2()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_begin_with_a_power_of_two_and_end_before_the_next() {
        let mut powers = Powers::default();
        [999_999, 1_000_000, 1_999_999, 2_000_000, 8_000_000].iter().for_each(|ns| powers.record(*ns));
        let ranges: Vec<_> = powers.ranges().collect();
        assert_eq!(ranges, [(0.5..1.0, 1), (1.0..2.0, 2), (2.0..4.0, 1), (4.0..8.0, 0), (8.0..16.0, 1)]);
    }

    #[test]
    fn the_shortest_durations_are_in_one_range_and_the_longest_do_no_harm() {
        let mut powers = Powers::default();
        [0, 7_812, 7_813].iter().for_each(|ns| powers.record(*ns));
        assert_eq!(powers.ranges().collect::<Vec<_>>(), [(0.0..0.007_812_5, 2), (0.007_812_5..0.015_625, 1)]);
        powers.record(u64::MAX);
        assert_eq!(powers.ranges().map(|(_, count)| count).sum::<u64>(), 4);
        assert_eq!(Powers::default().ranges().count(), 0);
    }
}
