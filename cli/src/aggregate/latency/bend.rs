//! Where response time bends: the load above which it is much longer, all of a sudden, and stays so.
//!
//! Much else makes requests slow while many are in flight, and must not be taken for it. A server at the end of its capacity answers
//! the slower the more requests it has: in proportion, not all of a sudden. While it stands still for a moment, requests pile up: then
//! the first of them wait longest, and soon it is over. When it is slow for a while, whatever the reason, more requests are in flight:
//! they come as fast as before.

use std::ops::RangeInclusive;

use super::loads::{Level, Loads};
use super::side::{Side, Told};

/// The load above which response time is much longer. Response times are medians, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bend {
    /// The highest load up to which it is short.
    pub up_to: u32,
    /// The lowest load from which it is long; there were none between the two.
    pub from: u32,
    /// Response time up to there.
    pub below_ns: u64,
    /// Response time above.
    pub above_ns: u64,
}

/// How many times longer response time is above a bend, at least.
const LONGER: f64 = 2.0;
/// At each level above, at least.
const STAYS_LONGER: f64 = 1.5;
/// So many exchanges tell whether a level is slow too.
const SOME: u64 = 20;
/// How many times more than in proportion to the load it gets longer at a bend, at least.
const SUDDEN: f64 = 2.5;
/// How many times more requests a second are a higher load.
const MORE: f64 = 1.3;
/// How many times fewer come where clients wait for slow answers before they ask again.
const FEWER: f64 = 1.2;
/// Where requests pile up, those that find most of them wait less than this share of what the others do.
const NO_PILE: f64 = 0.75;

type Levels<'a> = [(RangeInclusive<u32>, &'a Level)];

/// The bend, if there is one: of several places that look like one, that which tells slow exchanges best from fast ones.
pub fn find(loads: &Loads) -> Option<Bend> {
    let levels: Vec<_> = loads.levels().collect();
    let below = told(levels.iter());
    let above = told(levels.iter().rev());
    let judged = (1..levels.len()).filter_map(|at| {
        // All levels before this one, and all from it on.
        let (below, above) = (below[at - 1]?, above[levels.len() - at - 1]?);
        let (lower, upper) = levels.split_at(at);
        bends(lower, upper, &below, &above).then(|| {
            let cut_ns = (below.median() * above.median()).sqrt() as u64;
            let bend = Bend {
                up_to: *lower[at - 1].0.end(),
                from: *upper[0].0.start(),
                below_ns: below.median() as u64,
                above_ns: above.median() as u64,
            };
            (slow(lower, cut_ns) + count(upper) - slow(upper, cut_ns), bend)
        })
    });
    judged.min_by_key(|(mistaken, _)| *mistaken).map(|(_, bend)| bend)
}

/// What there is to say of the first level, of the first two, and so on.
fn told<'a>(levels: impl Iterator<Item = &'a (RangeInclusive<u32>, &'a Level)>) -> Vec<Option<Told>> {
    let mut side = Side::default();
    let add = |(_, level): &(_, &Level)| {
        side.add(level);
        side.told()
    };
    levels.map(add).collect()
}

fn bends(lower: &Levels<'_>, upper: &Levels<'_>, below: &Told, above: &Told) -> bool {
    let is_longer = above.median() >= LONGER * below.median() && above.is_apart_from(below);
    if !(is_longer && above.is_lasting && stays(upper, STAYS_LONGER * below.median())) {
        return false;
    }
    let before = Side::next_to(lower.iter().rev().map(|(_, level)| *level));
    let after = Side::next_to(upper.iter().map(|(_, level)| *level));
    let Some((before, after)) = before.zip(after) else { return false };
    let is_sudden = after.median() / before.median() >= SUDDEN * after.load / before.load;
    let is_held_up = before.is_usual() && FEWER * after.rate <= before.rate;
    let is_loaded = above.rate >= MORE * below.rate || is_held_up;
    is_sudden && is_loaded && after.is_apart_from(&before)
}

/// Whether all levels above are slow, the highest ones no less than the others.
fn stays(upper: &Levels<'_>, slow_ns: f64) -> bool {
    let is_slow = |level: &Level| level.spread.len() < SOME || level.spread.quantile(0.5).is_some_and(|ns| ns as f64 >= slow_ns);
    if !upper.iter().all(|(_, level)| is_slow(level)) {
        return false;
    }
    let mut counted = 0;
    let half = upper.iter().position(|(_, level)| {
        counted += level.spread.len();
        counted >= count(upper) / 2
    });
    let (first, last) = upper.split_at(half.map_or(0, |at| at + 1));
    let [first, last] = [first, last].map(|levels| told(levels.iter()).pop().flatten());
    first.zip(last).is_none_or(|(first, last)| last.median() >= NO_PILE * first.median())
}

fn count(levels: &Levels<'_>) -> u64 {
    levels.iter().map(|(_, level)| level.spread.len()).sum()
}

fn slow(levels: &Levels<'_>, longer_than_ns: u64) -> u64 {
    levels.iter().map(|(_, level)| level.spread.longer_than(longer_than_ns)).sum()
}
