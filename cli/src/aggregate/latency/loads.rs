//! Response times by load: fine levels of it, so that a bend is found where it is, and coarse ones to be shown.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::tenths::Tenths;
use crate::aggregate::spread::Spread;

/// Response times at each level of a load: requests in flight, or requests per second.
#[derive(Clone, Debug, Default)]
pub struct Loads {
    levels: BTreeMap<u32, Level>,
    most: u32,
}

/// An exchange, beside its load.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// When it began, in nanoseconds.
    pub begin_ns: u64,
    /// Time from one request to the next then, in nanoseconds.
    pub gap_ns: u64,
    /// How long it took to be answered.
    pub response_time_ns: u64,
    /// And then, until the answer was complete.
    pub streamed_ns: u64,
}

/// Response times of the exchanges that began at about the same load.
#[derive(Clone, Debug, Default)]
pub struct Level {
    /// Response times.
    pub spread: Spread,
    /// All their loads together.
    pub load_sum: u64,
    /// Likewise the rates at which requests came then, per second.
    pub rate_sum: f64,
    /// Likewise how long it took from the first byte of the answer to the last, in nanoseconds.
    pub streamed_ns: u64,
    /// When they began.
    pub tenths: Tenths,
}

/// What is shown of a load: 1, 2, 3 to 4, 5 to 8 and so on.
#[derive(Clone, Debug, Default)]
pub struct Band {
    /// Response times.
    pub spread: Spread,
    /// The loads.
    pub loads: (u32, u32),
}

impl Loads {
    /// Counts an exchange that began at this load (at least 1). Says no where there is no room for another size of response time, as
    /// [`Spread::record`] does.
    pub fn record(&mut self, load: u32, of: &Answered, room: &mut usize) -> bool {
        let Answered { begin_ns, gap_ns, response_time_ns, streamed_ns } = *of;
        let level = self.levels.entry(level_of(load)).or_default();
        if !level.spread.record(response_time_ns, room) {
            return false;
        }
        level.load_sum += u64::from(load);
        level.rate_sum += 1e9 / gap_ns.max(1) as f64;
        level.streamed_ns = level.streamed_ns.saturating_add(streamed_ns);
        level.tenths.add(begin_ns);
        self.most = self.most.max(load);
        true
    }

    /// Fine levels that have exchanges, from the lowest on, with their loads.
    pub fn levels(&self) -> impl DoubleEndedIterator<Item = (RangeInclusive<u32>, &Level)> {
        let has_some = |(_, level): &(&u32, &Level)| !level.spread.is_empty();
        self.levels.iter().filter(has_some).map(|(number, level)| (loads_of(*number), level))
    }

    /// Coarse levels, from the lowest that there was to the highest.
    pub fn bands(&self) -> Vec<Band> {
        let mut bands: Vec<Band> = Vec::new();
        for (loads, Level { spread, .. }) in self.levels() {
            let number = loads.end().next_power_of_two().ilog2();
            while bands.last().is_none_or(|band| band.loads.1 < *loads.end()) {
                let number = bands.last().map_or(number, |band| band.loads.1.ilog2() + 1);
                let first = if number == 0 { 1 } else { (1 << (number - 1)) + 1 };
                bands.push(Band { loads: (first, 1 << number), ..Band::default() });
            }
            bands.last_mut().expect("one was pushed").spread.merge(spread);
        }
        bands
    }

    /// The highest load.
    pub fn most(&self) -> u32 {
        self.most
    }
}

/// 1 to 8 are levels of their own, then there are four to the next power of two: 10, 12, 14, 16, 20, 24, 28, 32, 40 and so on.
fn level_of(load: u32) -> u32 {
    let load = load.clamp(1, 1 << 31);
    match (load - 1).checked_ilog2() {
        None | Some(0..2) => load - 1,
        Some(power) => power * 4 - 4 + ((load - 1 - (1 << power)) >> (power - 2)),
    }
}

/// The loads of a level.
fn loads_of(level: u32) -> RangeInclusive<u32> {
    let end = |level: u32| match level {
        0..4 => level + 1,
        _ => {
            let (power, quarter) = (level / 4 + 1, level % 4);
            (1 << power) + ((quarter + 1) << (power - 2))
        }
    };
    level.checked_sub(1).map_or(0, end) + 1..=end(level)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_four_to_the_next_power_of_two() {
        let ends: Vec<u32> = (0..21).map(|level| *loads_of(level).end()).collect();
        assert_eq!(ends, [1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80]);
        for load in (1..5000).chain([1 << 20, (1 << 20) + 1, 1 << 31]) {
            assert!(loads_of(level_of(load)).contains(&load), "{load}: {:?}", loads_of(level_of(load)));
        }
        assert_eq!((level_of(0), level_of(u32::MAX)), (0, level_of(1 << 31)));
    }

    #[test]
    fn bands_end_with_powers_of_two_and_leave_none_out() {
        let answered = Answered { begin_ns: 0, gap_ns: 1, response_time_ns: 5_000_000, streamed_ns: 0 };
        let (mut loads, mut room) = (Loads::default(), usize::MAX);
        for load in [3, 4, 4, 18, 33] {
            assert!(loads.record(load, &answered, &mut room));
        }
        let bands: Vec<_> = loads.bands().iter().map(|band| (band.loads, band.spread.len())).collect();
        assert_eq!(bands, [((3, 4), 3), ((5, 8), 0), ((9, 16), 0), ((17, 32), 1), ((33, 64), 1)]);
        assert_eq!(loads.most(), 33);
        assert!(Loads::default().bands().is_empty());
    }
}
