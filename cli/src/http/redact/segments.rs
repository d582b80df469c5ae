//! Random strings in a run of token characters, and in the segments of a path.

use super::bytes::{DIGIT, UPPER};
use super::policy;
use super::random::{self, Allowed, Tally};
use super::scan::Scan;

impl Scan<'_, '_> {
    /// Long random strings. In a path each segment stands for itself, unless several short ones make a long one.
    pub(super) fn random(&mut self, start: usize, end: usize, classes: u8) {
        const MIN_LETTERS: usize = 20;
        let len = end - start;
        if len < random::MIN_LEN || (len < MIN_LETTERS && classes & (UPPER | DIGIT) == 0) {
            return;
        }
        if !self.in_path {
            self.random_segment(start, end);
            return;
        }
        let mut scattered = 0;
        // What is shorter neither is a secret nor counts as a part of one.
        for (from, to) in segments(self.bytes, start, end).filter(|(from, to)| to - from >= MIN_SCATTERED) {
            let tally = self.random_segment(from, to);
            scattered += if tally.is_secret() || tally.random_len < MIN_SCATTERED { 0 } else { tally.random_len };
        }
        if scattered >= MIN_LETTERS {
            self.scattered(start, end);
        }
    }

    fn random_segment(&mut self, from: usize, to: usize) -> Tally {
        let text = &self.bytes[from..to];
        let mut tally = Tally::of(text, Allowed::Ids);
        if tally.is_secret() {
            // Only now does it matter which field this is: most values never get here.
            tally = Tally::of(text, self.allowed());
        }
        if tally.is_secret() {
            let (first, last) = tally.extent(text);
            let padding = if from + last == to { self.padding(to) } else { 0 };
            self.mask.hide(from + first, from + last + padding);
        }
        tally
    }

    fn scattered(&mut self, start: usize, end: usize) {
        let allowed = self.allowed();
        for (from, to) in segments(self.bytes, start, end) {
            if Tally::of(&self.bytes[from..to], allowed).random_len >= MIN_SCATTERED {
                self.mask.hide(from, to);
            }
        }
    }

    fn allowed(&self) -> Allowed {
        let key = self.key.map(|(from, to)| policy::parameter(&self.bytes[from..to]));
        key.unwrap_or_default().max(policy::field(self.name))
    }
}

/// Shorter random segments are not counted together: `/x9kfp/v2b/`.
const MIN_SCATTERED: usize = 8;

fn segments(bytes: &[u8], start: usize, end: usize) -> impl Iterator<Item = (usize, usize)> {
    let mut from = start;
    bytes[start..end].split(|byte| *byte == b'/').map(move |segment| {
        let range = (from, from + segment.len());
        from = range.1 + 1;
        range
    })
}
