//! How response time goes along with a load where it does not bend.

use super::loads::{Band, Loads};

/// What there is to say. Response times are medians, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trend {
    /// There are too few exchanges; so many.
    TooFew(u64),
    /// The load was about the same all the time: from, to.
    TooEven(u32, u32),
    /// Response time is about the same at all loads.
    Level(Over),
    /// It is longer the higher the load.
    Grows {
        /// Where the load is lowest: loads, response time.
        first: ((u32, u32), u64),
        /// Where it is highest.
        last: ((u32, u32), u64),
    },
    /// It differs, but not as the load does.
    Apart(Over),
}

/// What loads there were, and the shortest and the longest response time at them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Over {
    /// From, to.
    pub loads: (u32, u32),
    /// Shortest, longest.
    pub ns: (u64, u64),
}

/// A band with fewer exchanges says nothing.
const ENOUGH: u64 = 50;
/// Response times that are less than so many times longer are about the same.
const SAME: f64 = 1.5;
/// The highest load, in times of the lowest, from which on there is something to compare.
const UNEVEN: u32 = 2;

impl Trend {
    /// What the bands of a load say.
    pub fn of(loads: &Loads) -> Self {
        let bands = loads.bands();
        let all = bands.iter().map(|band| band.spread.len()).sum();
        let clip = |band: &Band| (band.loads.0, band.loads.1.min(loads.most()));
        let told: Vec<_> = bands
            .iter()
            .filter(|band| band.spread.len() >= ENOUGH)
            .filter_map(|band| Some((clip(band), band.spread.quantile(0.5)?)))
            .collect();
        let (Some(first), Some(last)) = (told.first().copied(), told.last().copied()) else { return Self::TooFew(all) };
        let loads = (first.0.0, last.0.1);
        if told.len() < 2 || loads.1 < loads.0 * UNEVEN {
            return Self::TooEven(loads.0, loads.1);
        }
        let (shortest, longest) = told.iter().fold((u64::MAX, 0), |(shortest, longest), (_, ns)| (shortest.min(*ns), longest.max(*ns)));
        let over = Over { loads, ns: (shortest, longest) };
        let is_more = |ns: u64, than_ns: u64| ns as f64 >= than_ns as f64 * SAME;
        if !is_more(longest, shortest) {
            Self::Level(over)
        } else if is_more(last.1, first.1) && !is_more(first.1, shortest) && !is_more(longest, last.1) {
            Self::Grows { first, last }
        } else {
            Self::Apart(over)
        }
    }
}
