//! Whether something that messages have appeared or vanished during a run, or only looks like it by chance.

/// What happened to it; both may have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Change {
    /// Too many messages before the first one with it lacked it for that to be chance.
    pub appeared: bool,
    /// Too many messages after the last one with it lacked it.
    pub vanished: bool,
}

/// In which messages it was, of those of one kind that were seen whole, counted from 1 on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stretch {
    /// The first of them.
    pub(super) first: u64,
    /// The last of them.
    pub(super) last: u64,
    /// How many they were.
    pub(super) having: u64,
    /// How many messages there were.
    pub(super) all: u64,
}

/// What is rarer than that by chance is none.
const CHANCE: f64 = 1e-4;
/// Fewer messages say nothing.
const LEAST: u64 = 5;

impl Stretch {
    /// If messages had it at random, each as likely as any other, those that had it before the last one would be any of the messages
    /// before it. So it appeared if it is unlikely that all of them come after the first ones that lack it; and likewise from the end.
    pub(super) fn change(self) -> Change {
        let Self { first, last, having, all } = self;
        if having < LEAST || last < first {
            return Change::default();
        }
        Change {
            appeared: is_no_chance(last - 1, first - 1, having - 1),
            vanished: is_no_chance(all.saturating_sub(first), all.saturating_sub(last), having - 1),
        }
    }
}

/// Whether it is unlikely that, of `all` messages, `lacking` given ones have none of the `having` that are anywhere among them: the
/// hypergeometric probability of it, C(all - lacking, having) / C(all, having).
fn is_no_chance(all: u64, lacking: u64, having: u64) -> bool {
    let (few, many) = (lacking.min(having), lacking.max(having));
    if few == 0 || few + many > all {
        return false;
    }
    let factor = |place: u64| (all - many - place) as f64 / (all - place) as f64;
    // The factors become smaller: mostly, the last one says already that the product is large.
    if factor(few - 1).powf(few as f64) >= CHANCE {
        return false;
    }
    let mut probability = 1.0;
    (0..few).any(|place| {
        probability *= factor(place);
        probability < CHANCE
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(first: u64, last: u64, having: u64, all: u64) -> [bool; 2] {
        let Change { appeared, vanished } = Stretch { first, last, having, all }.change();
        [appeared, vanished]
    }

    #[test]
    fn what_starts_or_ends_in_between_is_told() {
        assert_eq!(change(1, 1000, 1000, 1000), [false, false]);
        assert_eq!(change(501, 1000, 500, 1000), [true, false]);
        assert_eq!(change(1, 500, 500, 1000), [false, true]);
        assert_eq!(change(401, 600, 200, 1000), [true, true]);
        assert_eq!(change(3, 1000, 998, 1000), [true, false], "it was in every message but the first two");
        assert_eq!(change(501, 520, 5, 1000), [true, true], "a burst");
        assert_eq!(change(11, 20, 10, 20), [true, false], "half of twenty");
    }

    #[test]
    fn what_may_be_chance_is_not() {
        assert_eq!(change(2, 1000, 999, 1000), [false, false]);
        assert_eq!(change(997, 1000, 4, 1000), [false, false], "too few");
        assert_eq!(change(6, 10, 5, 10), [false, false]);
        assert_eq!(change(100, 900, 20, 1000), [false, false]);
        assert_eq!(change(500, 1000, 6, 1000), [false, false]);
        assert_eq!(change(1, 0, 0, 1000), [false, false], "only in messages that were not seen whole");
    }

    #[test]
    fn random_messages_rarely_look_like_a_change() {
        const MESSAGES: u64 = 5_000;
        const STREAMS: u64 = 4_000;
        let mut seed = 1_u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            seed >> 33
        };
        let mut changes = 0;
        for stream in 0..STREAMS {
            // From once in 1000 messages to once in 2.
            let one_in = 2 + stream % 1000;
            let places: Vec<_> = (1..=MESSAGES).filter(|_| random() % one_in == 0).collect();
            let Some((first, last)) = places.first().zip(places.last()) else { continue };
            let [appeared, vanished] = change(*first, *last, places.len() as u64, MESSAGES);
            changes += u64::from(appeared) + u64::from(vanished);
        }
        assert!(changes <= 3, "{changes} of {STREAMS} streams");
    }

    #[test]
    fn long_runs_are_decided_at_once() {
        assert_eq!(change(1 << 39, 1 << 40, 1 << 39, 1 << 40), [true, false]);
        assert_eq!(change(1 << 20, 1 << 40, 1 << 20, 1 << 40), [false, false]);
    }
}
