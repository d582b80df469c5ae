//! How often a live run looks at what its probe has.

use std::time::Duration;

/// Between two looks: at least this, and as long as so many records take to come that a look is worth it.
///
/// To take many records at a time holds up what else runs on that CPU, and who waits for it. To look often costs CPU time itself. Which of
/// them weighs more was measured, with 32 connections of `wrk` on two CPUs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Looks {
    shortest: Duration,
    worth: u32,
}

/// At most this, so that nobody notices.
const LONGEST: Duration = Duration::from_millis(10);

impl Looks {
    /// At what is taken from packets. These records take about 0.1 ms, in which a server does not run out of requests that it has.
    pub(super) const PACKETS: Self = Self { shortest: Duration::from_micros(300), worth: 64 };
    /// At what is taken within TLS, where requests take a server longer. The pause does not let 8 MiB of ring fill up.
    pub(super) const TLS: Self = Self { shortest: Duration::from_millis(1), worth: 256 };

    /// The pause before the first look.
    pub(super) fn first(self) -> Duration {
        LONGEST
    }

    /// The pause after the last look, while the probe is being detached.
    pub(super) fn shortest(self) -> Duration {
        self.shortest
    }

    /// The next pause, by what came in the one before.
    pub(super) fn next(self, before: Duration, found: usize) -> Duration {
        let found = u32::try_from(found).unwrap_or(u32::MAX).max(1);
        (before * self.worth / found).clamp(self.shortest, LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_more_comes_the_more_often_is_looked() {
        let pauses = |looks: Looks, per_ms: usize| {
            let mut pause = looks.first();
            (0..4)
                .map(|_| {
                    pause = looks.next(pause, per_ms * pause.as_micros() as usize / 1000);
                    pause
                })
                .collect::<Vec<_>>()
        };
        for looks in [Looks::PACKETS, Looks::TLS] {
            let worth = looks.worth as usize;
            assert_eq!(pauses(looks, 0), [LONGEST; 4]);
            assert_eq!(pauses(looks, worth / 12), [LONGEST; 4]);
            assert_eq!(pauses(looks, worth / 4), [Duration::from_millis(4); 4]);
            assert_eq!(pauses(looks, 1000), [looks.shortest; 4]);
            assert_eq!(looks.next(looks.shortest, usize::MAX), looks.shortest);
            assert_eq!(looks.next(looks.shortest, 0), LONGEST);
        }
    }
}
