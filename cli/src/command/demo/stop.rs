//! One flag that ends all of the demo's threads, and that they can sleep on.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// Set once, never cleared.
#[derive(Debug, Default)]
pub(super) struct Stop {
    set: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    pub(super) fn set(&self) {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    pub(super) fn is_set(&self) -> bool {
        *self.set.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sleeps, and wakes at once when the flag is set. Tells whether it is.
    pub(super) fn sleep(&self, duration: Duration) -> bool {
        let set = self.set.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(set, duration, |set| !*set);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::Stop;
    use std::time::{Duration, Instant};

    #[test]
    fn wakes_a_sleeper_when_set() {
        let stop = Stop::default();
        assert!(!stop.sleep(Duration::from_millis(1)));
        let begun = Instant::now();
        std::thread::scope(|scope| {
            let sleeper = scope.spawn(|| stop.sleep(Duration::from_secs(60)));
            stop.set();
            assert!(sleeper.join().is_ok_and(|set| set));
        });
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
}
