//! Writes a value with its secret pieces replaced: what lies between them is copied as it came.

/// What stands in the place of a secret, whatever its length.
pub(super) const STARS: &[u8] = b"***";

/// Copies `source` to `out` from left to right, secret ranges left out.
pub(super) struct Mask<'m> {
    source: &'m [u8],
    /// Where each scanned byte stands in `source`, when the scanned view was decoded from it.
    at: Option<&'m [usize]>,
    out: &'m mut Vec<u8>,
    copied: usize,
    hidden: bool,
}

impl<'m> Mask<'m> {
    pub(super) fn new(source: &'m [u8], at: Option<&'m [usize]>, out: &'m mut Vec<u8>) -> Self {
        Self { source, at, out, copied: 0, hidden: false }
    }

    /// Hides the scanned bytes `from..to`. Ranges come in order of their ends; what overlaps or touches the
    /// range before becomes one with it.
    pub(super) fn hide(&mut self, from: usize, to: usize) {
        if from >= to {
            return;
        }
        let (from, to) = (self.source_index(from), self.source_index(to));
        if from > self.copied || !self.hidden {
            let from = from.max(self.copied);
            self.out.extend_from_slice(&self.source[self.copied..from]);
            self.out.extend_from_slice(STARS);
        }
        self.hidden = true;
        self.copied = self.copied.max(to);
    }

    /// Copies the rest; true when something was hidden.
    pub(super) fn finish(self) -> bool {
        self.out.extend_from_slice(&self.source[self.copied..]);
        self.hidden
    }

    /// How many times the scanned byte `at` was percent-encoded. A delimiter that was encoded more often than the
    /// value's own is part of the value.
    pub(super) fn encoding(&self, at: usize) -> usize {
        let width = self.at.and_then(|offsets| Some(offsets.get(at + 1)? - offsets.get(at)?));
        // `%3D` is 3 bytes wide, `%253D` 5; JSON escapes are 2 or 6 and do not count.
        width.map_or(0, |width| if width % 2 == 0 { 0 } else { width / 2 })
    }

    fn source_index(&self, scanned: usize) -> usize {
        self.at.map_or(scanned, |at| at[scanned])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn masked(source: &str, ranges: &[(usize, usize)]) -> String {
        let mut out = Vec::new();
        let mut mask = Mask::new(source.as_bytes(), None, &mut out);
        for &(from, to) in ranges {
            mask.hide(from, to);
        }
        mask.finish();
        String::from_utf8(out).expect("ranges in these tests end between characters")
    }

    #[test]
    fn keeps_what_stands_between_hidden_ranges() {
        assert_eq!(masked("a=1&b=2&c", &[(2, 3), (6, 7)]), "a=***&b=***&c");
    }

    #[test]
    fn joins_ranges_that_overlap_or_touch() {
        assert_eq!(masked("0123456789", &[(2, 5), (5, 6), (4, 8)]), "01***89");
        assert_eq!(masked("0123456789", &[(0, 5), (0, 6)]), "***6789");
    }

    #[test]
    fn an_empty_range_hides_nothing() {
        assert_eq!(masked("abc", &[(1, 1)]), "abc");
    }
}
