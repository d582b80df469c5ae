//! Exchanges of neighbouring levels of load together: those on one side of a bend, or next to it.

use super::loads::Level;
use super::tenths::Tenths;
use crate::aggregate::spread::Spread;

/// What levels have together.
#[derive(Clone, Debug, Default)]
pub(super) struct Side {
    spread: Spread,
    load_sum: u64,
    rate_sum: f64,
    streamed_ns: u64,
    tenths: Tenths,
}

/// What is to be known of a side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// Response times, in nanoseconds: what a tenth does not exceed, what half does not, and what nine tenths do not.
    deciles: [f64; 3],
    /// Mean of the loads.
    pub(super) load: f64,
    /// Mean of the rates at which requests came then, per second.
    pub(super) rate: f64,
    /// Whether there were exchanges for a while, or again and again.
    pub(super) is_lasting: bool,
    /// Mean of the time from the first byte of an answer to the last, in nanoseconds.
    streamed_ns: f64,
}

/// So many exchanges tell what is usual.
pub(super) const ENOUGH: u64 = 50;
/// They began in so many tenths of a second in a row, or in so many rows: not in a few incidents.
const LASTING: usize = 10;
const RECURRING: usize = 20;
/// What share of the requests in flight is accounted for by their rate when they are not in flight by chance, at least.
const USUAL: f64 = 0.6;

impl Side {
    /// Adds the exchanges of a level.
    pub(super) fn add(&mut self, level: &Level) {
        let Level { spread, load_sum, rate_sum, streamed_ns, tenths } = level;
        self.spread.merge(spread);
        self.load_sum += load_sum;
        self.rate_sum += rate_sum;
        self.streamed_ns = self.streamed_ns.saturating_add(*streamed_ns);
        self.tenths.merge(tenths);
    }

    /// Of the first levels: as many as it takes to tell what is usual.
    pub(super) fn next_to<'a>(levels: impl Iterator<Item = &'a Level>) -> Option<Told> {
        let mut side = Self::default();
        for level in levels {
            side.add(level);
            if side.spread.len() >= ENOUGH {
                break;
            }
        }
        side.told()
    }

    /// What there is to say when there are enough exchanges.
    pub(super) fn told(&self) -> Option<Told> {
        let Self { spread, load_sum, rate_sum, streamed_ns, tenths } = self;
        let decile = |quantile| spread.quantile(quantile).unwrap_or(0) as f64;
        let count = spread.len() as f64;
        (spread.len() >= ENOUGH).then(|| Told {
            deciles: [0.1, 0.5, 0.9].map(decile),
            load: *load_sum as f64 / count,
            rate: rate_sum / count,
            is_lasting: tenths.last_or_recur(LASTING, RECURRING),
            streamed_ns: *streamed_ns as f64 / count,
        })
    }
}

impl Told {
    /// The median.
    pub(super) fn median(&self) -> f64 {
        self.deciles[1]
    }

    /// Whether this is slower than `below`, but for a tenth of both.
    pub(super) fn is_apart_from(&self, below: &Self) -> bool {
        self.deciles[0] > below.deciles[2]
    }

    /// Whether about as many requests were in flight as there are at this rate in the long run (Little's law), not some more by chance or
    /// because they piled up.
    pub(super) fn is_usual(&self) -> bool {
        self.rate * (self.median() + self.streamed_ns) / 1e9 >= USUAL * self.load
    }
}
