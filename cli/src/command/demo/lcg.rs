//! A small deterministic number source, so that the demo's traffic is the same mix on every run.

/// A 64-bit linear congruential generator with Knuth's MMIX constants. Not for secrets.
#[derive(Debug, Clone)]
pub(super) struct Lcg(u64);

impl Lcg {
    pub(super) fn new(seed: u64) -> Self {
        let mut lcg = Self(seed);
        lcg.next();
        lcg
    }

    /// A generator seeded with text (FNV-1a).
    pub(super) fn of(text: &str) -> Self {
        Self::new(text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3)))
    }

    /// 32 bits: the upper half, as the lower bits of such a generator repeat after few steps.
    pub(super) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 32) as u32
    }

    /// A number from `low` up to and without `high`; `low` where the range is empty.
    pub(super) fn between(&mut self, low: u32, high: u32) -> u32 {
        match high.saturating_sub(low) {
            0 => low,
            width => low + self.next() % width,
        }
    }

    pub(super) fn one_in(&mut self, n: u32) -> bool {
        self.between(0, n) == 0
    }

    pub(super) fn hex(&mut self, digits: usize) -> String {
        (0..digits).filter_map(|_| char::from_digit(self.between(0, 16), 16)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Lcg;

    #[test]
    fn gives_the_same_numbers_for_the_same_seed() {
        let draw = |seed| {
            let mut lcg = Lcg::new(seed);
            [lcg.next(), lcg.next(), lcg.next()]
        };
        assert_eq!(draw(7), draw(7));
        assert_ne!(draw(7), draw(8));
    }

    #[test]
    fn stays_inside_the_range() {
        let mut lcg = Lcg::of("req_1");
        assert!((0..1000).all(|_| (3..9).contains(&lcg.between(3, 9))));
        assert_eq!(lcg.between(5, 5), 5);
    }

    #[test]
    fn draws_about_one_in_four() {
        let mut lcg = Lcg::new(1);
        let hits = (0..4000).filter(|_| lcg.one_in(4)).count();
        assert!((900..1100).contains(&hits), "{hits}");
    }
}
