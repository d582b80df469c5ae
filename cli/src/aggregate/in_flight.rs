//! How many requests were in flight when each began: from the times of exchanges, in whatever order they come.
//!
//! An exchange becomes known when it is over, long after others that began later. So exchanges wait here, and are told in the order in
//! which they began: all at the end of the run, or the older half of them when there is no more room. What then turns up late began
//! before what was already told: it is told too, with no count.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, VecDeque};

use foldhash::fast::RandomState;

use crate::http::exchange::{Exchange, Flags};

/// Exchanges that wait: 24 MiB of them.
const ROOM: usize = 1 << 19;

/// The time of an exchange, among those that have the same key.
#[derive(Clone, Copy, Debug)]
pub struct Interval<T> {
    /// First byte of the request, in nanoseconds since 1970.
    pub begin_ns: u64,
    /// Last byte of the response; `u64::MAX` when it was under way to the end.
    pub end_ns: u64,
    /// Of what: those with another one are not in flight with it.
    pub key: u32,
    /// What else is to be told of it.
    pub tag: T,
}

/// What was in flight at the beginning of an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Load {
    /// Requests in flight, itself included.
    pub in_flight: u32,
    /// Requests that began in the second that ends with it, itself included; in the first second of a key, those of that second.
    pub per_s: u32,
    /// Time from one request to the next, in nanoseconds: the mean over eight times as many as are in flight, so that it says little of
    /// those themselves. Over fewer where there were no more.
    pub gap_ns: u64,
}

/// Exchanges that wait for others that began before them.
#[derive(Debug)]
pub struct InFlight<T> {
    waiting: Vec<Interval<T>>,
    room: usize,
    keys: HashMap<u32, Begun, RandomState>,
    /// Everything that began before this is told.
    told_ns: u64,
}

/// What is in flight of a key.
#[derive(Debug, Default)]
struct Begun {
    ends: BinaryHeap<Reverse<u64>>,
    /// When requests began, the latest first: those of the last second, and as many as it takes to tell how fast they come.
    latest: VecDeque<u64>,
    /// How many of these are of the last second.
    in_second: usize,
    first_ns: u64,
    /// How many began in the first second.
    in_first: u32,
}

const SECOND_NS: u64 = 1_000_000_000;
/// How many times those in flight tell how fast requests come.
const TURNS: usize = 8;
/// As many as that at most.
const MAX_LATEST: usize = 1 << 16;

/// From the first byte of an exchange's request to the last of its response, in nanoseconds since 1970; `None` when one of both is not
/// known.
pub fn under_way(exchange: &Exchange) -> Option<(u64, u64)> {
    let begin_ns = exchange.request_first_ns?;
    let end_ns = exchange.response_last_ns.or_else(|| exchange.flags.has(Flags::OPEN).then_some(u64::MAX));
    Some((begin_ns, end_ns.or(exchange.response_first_ns)?))
}

impl<T: Copy> Default for InFlight<T> {
    fn default() -> Self {
        Self::with_room(ROOM)
    }
}

impl<T: Copy> InFlight<T> {
    fn with_room(room: usize) -> Self {
        Self { waiting: Vec::new(), room, keys: HashMap::default(), told_ns: 0 }
    }

    /// Adds an exchange; tells the older half of those that wait when there is no room.
    pub fn add(&mut self, interval: Interval<T>, mut each: impl FnMut(Interval<T>, Option<Load>)) {
        if interval.begin_ns < self.told_ns {
            each(interval, None);
            return;
        }
        self.waiting.push(interval);
        if self.waiting.len() == self.room {
            self.tell(self.room / 2, each);
        }
    }

    /// Tells all that wait.
    pub fn finish(&mut self, each: impl FnMut(Interval<T>, Option<Load>)) {
        self.tell(self.waiting.len(), each);
    }

    fn tell(&mut self, count: usize, mut each: impl FnMut(Interval<T>, Option<Load>)) {
        self.waiting.sort_unstable_by_key(|interval| (interval.begin_ns, interval.end_ns));
        self.count_first_seconds();
        for interval in self.waiting.drain(..count) {
            self.told_ns = interval.begin_ns;
            let load = self.keys.entry(interval.key).or_default().begin(interval.begin_ns, interval.end_ns);
            each(interval, Some(load));
        }
    }

    /// Those that wait are in order: how many of each key began in its first second.
    fn count_first_seconds(&mut self) {
        self.keys.retain(|_, begun| begun.is_told());
        for Interval { begin_ns, key, .. } in &self.waiting {
            let begun = self.keys.entry(*key).or_insert_with(|| Begun { first_ns: *begin_ns, ..Begun::default() });
            if !begun.is_told() && begin_ns - begun.first_ns < SECOND_NS {
                begun.in_first += 1;
            }
        }
    }
}

impl Begun {
    fn is_told(&self) -> bool {
        !self.latest.is_empty()
    }

    fn begin(&mut self, begin_ns: u64, end_ns: u64) -> Load {
        while self.ends.peek().is_some_and(|Reverse(end_ns)| *end_ns <= begin_ns) {
            self.ends.pop();
        }
        self.ends.push(Reverse(end_ns));
        self.latest.push_front(begin_ns);
        self.in_second += 1;
        while begin_ns - self.latest[self.in_second - 1] >= SECOND_NS {
            self.in_second -= 1;
        }
        let turns = (self.ends.len() * TURNS).min(MAX_LATEST);
        self.latest.truncate(self.in_second.max(turns + 1));
        let in_second = self.in_second as u32;
        let per_s = if begin_ns - self.first_ns < SECOND_NS { self.in_first.max(in_second) } else { in_second };
        let gaps = turns.min(self.latest.len() - 1);
        let gap_ns = (begin_ns - self.latest[gaps]).checked_div(gaps as u64).unwrap_or(SECOND_NS / u64::from(per_s));
        Load { in_flight: self.ends.len() as u32, per_s, gap_ns }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn interval(begin_ns: u64, end_ns: u64) -> Interval<()> {
        Interval { begin_ns, end_ns, key: 0, tag: () }
    }

    /// Begin, and how many were in flight.
    fn told(in_flight: &mut InFlight<()>, intervals: &[(u64, u64)]) -> Vec<(u64, Option<u32>)> {
        let mut told = Vec::new();
        let mut each = |interval: Interval<()>, load: Option<Load>| told.push((interval.begin_ns, load.map(|load| load.in_flight)));
        for (begin_ns, end_ns) in intervals {
            in_flight.add(interval(*begin_ns, *end_ns), &mut each);
        }
        in_flight.finish(&mut each);
        told
    }

    #[test]
    fn counts_itself_and_what_is_not_over() {
        let told = told(&mut InFlight::default(), &[(1, 5), (2, 3), (3, 4), (4, 9), (0, u64::MAX), (9, 9)]);
        assert_eq!(told, [(0, Some(1)), (1, Some(2)), (2, Some(3)), (3, Some(3)), (4, Some(3)), (9, Some(2))]);
    }

    #[test]
    fn keys_are_apart() {
        let mut in_flight = InFlight::default();
        let mut told = Vec::new();
        for key in [1, 2, 1] {
            in_flight.add(Interval { key, ..interval(0, 9) }, |_, _| ());
        }
        in_flight.finish(|interval, load| told.push((interval.key, load.map(|load| load.in_flight))));
        told.sort_unstable();
        assert_eq!(told, [(1, Some(1)), (1, Some(2)), (2, Some(1))]);
    }

    #[test]
    fn without_room_the_older_half_is_told_and_what_is_late_has_no_count() {
        let told = told(&mut InFlight::with_room(4), &[(1, 9), (2, 9), (3, 9), (4, 9), (0, 1), (5, 6)]);
        assert_eq!(told, [(1, Some(1)), (2, Some(2)), (0, None), (3, Some(3)), (4, Some(4)), (5, Some(5))]);
    }

    #[test]
    fn the_rate_is_that_of_the_second_before() {
        let mut in_flight = InFlight::default();
        let mut rates = Vec::new();
        let tenth = SECOND_NS / 10;
        for number in 0..30 {
            in_flight.add(interval(5 * SECOND_NS + number * tenth, 5 * SECOND_NS + number * tenth), |_, _| ());
        }
        in_flight.add(interval(20 * SECOND_NS, 20 * SECOND_NS), |_, _| ());
        in_flight.finish(|_, load| rates.push(load.expect("in order").per_s));
        assert_eq!(rates[..30], [10; 30]);
        assert_eq!(rates[30], 1);
    }

    #[test]
    fn the_gap_is_that_of_eight_times_as_many_as_are_in_flight() {
        let mut in_flight = InFlight::default();
        // One at a time, every 2 ns; then two at a time, every 10 ns.
        let times = (0..50).map(|number| (number * 2, number * 2 + 1)).chain((0..50).map(|number| (100 + number * 10, 115 + number * 10)));
        times.for_each(|(begin_ns, end_ns)| in_flight.add(interval(begin_ns, end_ns), |_, _| ()));
        let mut gaps = Vec::new();
        in_flight.finish(|_, load| gaps.push(load.expect("in order").gap_ns));
        assert_eq!((gaps[0], gaps[1], gaps[49], gaps[99]), (SECOND_NS / 100, 2, 2, 10));
        assert!(gaps[51..60].iter().all(|gap| (2..10).contains(gap)), "{gaps:?}");
    }
}
