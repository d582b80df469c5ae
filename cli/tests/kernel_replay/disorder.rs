//! Frames in another order, and frames twice: as a network may deliver them, repeatable by seed.

use std::collections::{HashMap, HashSet};

use ehl_probes_common::record::tcp_flag::{FIN, RST, SYN};

use crate::random::Random;
use crate::recording::{Frame, Told, told};

/// How far apart in time two segments may be to be swapped: who is longer late was given up by then.
const SWAPPED_WITHIN_NS: u64 = 1_000_000_000;
/// How many frames may come between a segment and the same once more.
const REPEATED_WITHIN: usize = 6;

/// Swaps segments that follow each other in one direction of a connection, with nothing of the other direction that
/// carries anything between them; a segment may be swapped again and so come late by several. Swapped are payload and FIN, and
/// not what says where a stream begins (its SYN, its first segment where no SYN was seen) or breaks off (RST), nor segments
/// with a byte in common: of those the first one counts. Returns how often it did.
pub(crate) fn swap(frames: &mut [Frame], percent: usize, random: &mut Random) -> usize {
    let mut told = told(frames);
    let mut last: HashMap<_, usize> = HashMap::new();
    let mut begun = HashSet::new();
    let mut swapped = 0;
    for at in 0..frames.len() {
        let Some(this) = told[at] else { continue };
        let is_first = begun.insert((this.from, this.to)) || this.has(SYN);
        let before = if is_first { None } else { last.get(&this.connection()).copied() };
        last.insert(this.connection(), if is_first { usize::MAX } else { at });
        let Some(before) = before.filter(|before| *before != usize::MAX) else { continue };
        let other = told[before].expect("only what says something is remembered");
        let is_soon = frames[at].time_ns.saturating_sub(frames[before].time_ns) < SWAPPED_WITHIN_NS;
        if other.from == this.from && is_soon && are_apart(&other, &this) && random.percent(percent) {
            let (head, tail) = frames.split_at_mut(at);
            std::mem::swap(&mut head[before].bytes, &mut tail[0].bytes);
            told.swap(before, at);
            swapped += 1;
        }
    }
    swapped
}

fn are_apart(one: &Told, other: &Told) -> bool {
    let distance = other.sequence.wrapping_sub(one.sequence);
    let opposite = one.sequence.wrapping_sub(other.sequence);
    let flags = SYN | RST;
    !one.has(flags) && !other.has(flags) && (distance >= one.len && distance < 1 << 30 || opposite >= other.len && opposite < 1 << 30)
}

/// Sends segments once more, at once or some frames later: those with payload, until one end closes (what comes after both
/// did would begin another connection), and, at once, a SYN. Returns how many.
pub(crate) fn repeat(frames: &mut Vec<Frame>, percent: usize, random: &mut Random) -> usize {
    let mut repeated = Vec::with_capacity(2 * frames.len());
    let mut closing = HashSet::new();
    let mut due: Vec<(usize, Told, &Frame)> = Vec::new();
    for ((at, frame), told) in frames.iter().enumerate().zip(told(frames)) {
        repeated.push(frame.clone());
        if let Some(told) = told {
            if told.has(SYN) {
                closing.remove(&told.connection());
            } else if told.has(FIN | RST) {
                closing.insert(told.connection());
            }
            if told.has(SYN | FIN | RST) {
                due.retain(|(_, other, _)| other.connection() != told.connection());
            }
            let is_open = !closing.contains(&told.connection()) && !told.has(RST);
            if is_open && random.percent(percent) {
                let later = if told.has(SYN) { 0 } else { random.within(0..REPEATED_WITHIN) };
                due.push((at + later, told, frame));
            }
        }
        let now = due.extract_if(.., |(when, ..)| *when <= at);
        repeated.extend(now.map(|(_, _, once_more)| Frame { time_ns: frame.time_ns, bytes: once_more.bytes.clone() }));
    }
    let count = repeated.len() - frames.len();
    *frames = repeated;
    count
}
