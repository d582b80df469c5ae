//! Durations, of which quantiles are known within 1 %, in a few kilobytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::{Serializer as _, V2DeflateSerializer};

/// How many durations there were of each size. Sum, shortest and longest are exact.
#[derive(Clone, Debug)]
pub struct Histogram {
    counts: Hdr<u32>,
    sum_ns: u128,
    min_ns: u64,
    max_ns: u64,
}

/// The finest difference that is told, in nanoseconds: 1 % of 13 microseconds. Shorter durations are told apart by it.
const FINEST_NS: u64 = 128;
/// What a histogram has room for when it is new; it grows with what is recorded.
const FIRST_ROOM_NS: u64 = 1_000_000;
/// What is longer counts as two years.
const LONGEST_NS: u64 = 1 << 56;
/// Significant decimal digits: neighbouring values differ by less than 1/128.
const DIGITS: u8 = 2;

impl Default for Histogram {
    fn default() -> Self {
        let mut counts = Hdr::new_with_bounds(FINEST_NS, FIRST_ROOM_NS, DIGITS).expect("bounds are constants");
        counts.auto(true);
        Self { counts, sum_ns: 0, min_ns: u64::MAX, max_ns: 0 }
    }
}

impl Histogram {
    /// Counts a duration in nanoseconds.
    pub fn record(&mut self, ns: u64) {
        self.record_many(ns, 1);
    }

    /// Counts a duration in nanoseconds so many times.
    pub fn record_many(&mut self, ns: u64, count: u32) {
        self.counts.record_n(ns.min(LONGEST_NS), count).expect("it grows up to the longest");
        self.sum_ns += u128::from(ns) * u128::from(count);
        self.min_ns = self.min_ns.min(ns);
        self.max_ns = self.max_ns.max(ns);
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.counts.add(&other.counts).expect("it grows with what is added");
        self.sum_ns += other.sum_ns;
        self.min_ns = self.min_ns.min(other.min_ns);
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// How many durations there were.
    pub fn len(&self) -> u64 {
        self.counts.len()
    }

    /// Whether there were none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// The duration in nanoseconds that a share `quantile` of all did not exceed, by the nearest rank; `None` when there were none.
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let value = || self.counts.median_equivalent(self.counts.value_at_quantile(quantile));
        (!self.is_empty()).then(|| value().clamp(self.min_ns, self.max_ns))
    }

    /// Mean in nanoseconds, rounded.
    pub fn mean(&self) -> Option<u64> {
        let len = u128::from(self.len());
        (self.sum_ns + len / 2).checked_div(len).and_then(|mean| u64::try_from(mean).ok())
    }

    /// The shortest, in nanoseconds.
    pub fn min(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.min_ns)
    }

    /// The longest, in nanoseconds.
    pub fn max(&self) -> Option<u64> {
        (!self.is_empty()).then_some(self.max_ns)
    }

    /// All of them together, in nanoseconds.
    pub fn sum(&self) -> u128 {
        self.sum_ns
    }

    /// Ranges that have durations, from the shortest on: lowest and highest nanosecond, and how many.
    pub fn ranges(&self) -> impl Iterator<Item = (u64, u64, u64)> {
        let counts = &self.counts;
        counts
            .iter_recorded()
            .map(|value| value.value_iterated_to())
            .map(|value| (counts.lowest_equivalent(value), counts.highest_equivalent(value), u64::from(counts.count_at(value))))
    }

    /// The counts in nanoseconds for other programs, and to be merged later: HdrHistogram's "V2" encoding, compressed, as base64.
    pub fn encoded(&self) -> String {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new().serialize(&self.counts, &mut bytes).expect("memory is writable");
        STANDARD.encode(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_within_one_percent_of_the_nearest_rank() {
        let mut state = 7_u64;
        let mut all: Vec<u64> = (0..20_000)
            .map(|_| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let exponent = (state >> 32) % 18;
                20_000 + (state >> 40) % (20_000 << exponent)
            })
            .collect();
        let mut histogram = Histogram::default();
        all.iter().for_each(|ns| histogram.record(*ns));
        all.sort_unstable();
        for quantile in [0.01, 0.5, 0.9, 0.99, 0.999, 1.0] {
            let rank = (quantile * all.len() as f64).ceil() as usize;
            let exact = all[rank - 1] as f64;
            let told = histogram.quantile(quantile).expect("not empty") as f64;
            assert!((told - exact).abs() <= exact * 0.01, "{quantile}: {told} for {exact}");
        }
        assert_eq!(histogram.max(), all.last().copied());
        assert_eq!(histogram.min(), all.first().copied());
        assert_eq!(histogram.mean(), Some((all.iter().sum::<u64>() as f64 / all.len() as f64).round() as u64));
        assert_eq!(histogram.ranges().map(|(.., count)| count).sum::<u64>(), 20_000);
    }

    #[test]
    fn nothing_has_no_quantiles() {
        let histogram = Histogram::default();
        assert_eq!((histogram.quantile(0.5), histogram.mean(), histogram.min(), histogram.max()), (None, None, None, None));
    }

    #[test]
    fn merged_ones_say_what_one_would_have_said() {
        let (mut all, mut even, mut odd) = (Histogram::default(), Histogram::default(), Histogram::default());
        for number in 0..1000_u64 {
            let ns = number * number * 1000;
            all.record(ns);
            if number % 2 == 0 { even.record(ns) } else { odd.record(ns) }
        }
        even.merge(&odd);
        assert_eq!(even.encoded(), all.encoded());
        assert_eq!((even.mean(), even.max(), even.len()), (all.mean(), all.max(), all.len()));
    }

    #[test]
    fn the_encoding_is_that_of_hdrhistogram() {
        let mut histogram = Histogram::default();
        histogram.record(5_000_000);
        let bytes = STANDARD.decode(histogram.encoded()).expect("base64");
        let read: Hdr<u64> = hdrhistogram::serialization::Deserializer::new().deserialize(&mut bytes.as_slice()).expect("an encoding");
        assert_eq!((read.len(), read.count_at(5_000_000)), (1, 1));
    }

    #[test]
    fn absurd_durations_do_no_harm() {
        let mut histogram = Histogram::default();
        histogram.record(u64::MAX);
        histogram.record(0);
        assert_eq!((histogram.len(), histogram.max(), histogram.min()), (2, Some(u64::MAX), Some(0)));
    }
}
