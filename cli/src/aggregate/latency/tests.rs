//! Traffic made up in virtual time, of which is known whether it bends.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::bend::{self, Bend};
use super::loads::{Answered, Loads};
use super::trend::{Over, Trend};
use crate::aggregate::in_flight::{InFlight, Interval, Load};

const MS: u64 = 1_000_000;
const SECOND: u64 = 1000 * MS;
const SEEDS: u64 = 3;

/// Numbers that look random: xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators").
struct Random(u64);

impl Random {
    /// From 0 up to 1.
    fn share(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// This mean, exponentially distributed.
    fn pause(&mut self, mean_ns: f64) -> u64 {
        (-mean_ns * (1.0 - self.share()).ln()) as u64
    }

    /// Some percent more.
    fn jitter(&mut self, ns: u64) -> u64 {
        ns + (ns as f64 * 0.2 * self.share()) as u64
    }
}

/// When requests begin and end at a server, in nanoseconds.
type Times = Vec<(u64, u64)>;

/// What a server does with a request: with so many in flight, at this time; when it is over.
type Server<'a> = dyn FnMut(usize, u64, &mut Random) -> u64 + 'a;

/// So many clients, each for so long, which ask again as soon as they have an answer.
fn clients(seed: u64, steps: &[usize], each_ns: u64, server: &mut Server<'_>) -> Times {
    let mut random = Random(seed * 7919 + 1);
    let mut times = Times::new();
    let mut begins: BinaryHeap<Reverse<u64>> = BinaryHeap::new();
    let mut ends = BinaryHeap::new();
    for (step, count) in steps.iter().enumerate() {
        let begin_ns = step as u64 * each_ns;
        while begins.len() < *count {
            begins.push(Reverse(begin_ns + random.pause(MS as f64)));
        }
        while let Some(Reverse(at_ns)) = begins.peek().copied().filter(|at| at.0 < begin_ns + each_ns) {
            begins.pop();
            let end_ns = answer(at_ns, &mut ends, &mut random, server);
            times.push((at_ns, end_ns));
            begins.push(Reverse(end_ns + random.pause(MS as f64 / 20.0)));
        }
    }
    times
}

/// Requests that come whether or not others are answered: at rates that change from time to time.
fn arrivals(seed: u64, rates: &[f64], each_ns: u64, server: &mut Server<'_>) -> Times {
    let mut random = Random(seed * 104_729 + 1);
    let mut times = Times::new();
    let mut ends = BinaryHeap::new();
    for (step, rate) in rates.iter().enumerate() {
        let mut at_ns = step as u64 * each_ns;
        loop {
            at_ns += random.pause(1e9 / rate);
            if at_ns >= (step as u64 + 1) * each_ns {
                break;
            }
            times.push((at_ns, answer(at_ns, &mut ends, &mut random, server)));
        }
    }
    times
}

fn answer(at_ns: u64, ends: &mut BinaryHeap<Reverse<u64>>, random: &mut Random, server: &mut Server<'_>) -> u64 {
    while ends.peek().is_some_and(|end| end.0 <= at_ns) {
        ends.pop();
    }
    let end_ns = server(ends.len() + 1, at_ns, random);
    ends.push(Reverse(end_ns));
    end_ns
}

/// Always the same, but for jitter.
fn steady(ns: u64) -> impl FnMut(usize, u64, &mut Random) -> u64 {
    move |_, at_ns, random| at_ns + random.jitter(ns)
}

/// Slow with more than so many in flight.
fn slow_above(most: usize, fast_ns: u64, slow_ns: u64) -> impl FnMut(usize, u64, &mut Random) -> u64 {
    move |count, at_ns, random| at_ns + random.jitter(if count > most { slow_ns } else { fast_ns })
}

/// Answers one after the other, each at a cost, none sooner than after a while.
fn queue(least_ns: u64, cost_ns: u64) -> impl FnMut(usize, u64, &mut Random) -> u64 {
    let mut free_ns = 0;
    move |_, at_ns, random| {
        free_ns = free_ns.max(at_ns) + random.jitter(cost_ns);
        free_ns.max(at_ns + least_ns)
    }
}

/// Stands still from time to time, and then does one after the other.
fn stalling(
    mut stalls: Vec<(u64, u64)>,
    cost_ns: u64,
    mut server: impl FnMut(usize, u64, &mut Random) -> u64,
) -> impl FnMut(usize, u64, &mut Random) -> u64 {
    stalls.sort_unstable();
    let mut free_ns = 0;
    move |count, at_ns, random| {
        let end_ns = server(count, at_ns, random);
        match stalls.iter().find(|(from_ns, to_ns)| (*from_ns..*to_ns).contains(&end_ns)) {
            Some((_, to_ns)) => {
                free_ns = free_ns.max(*to_ns) + cost_ns;
                free_ns
            }
            None if free_ns > at_ns => {
                free_ns += cost_ns;
                free_ns.max(end_ns)
            }
            None => end_ns,
        }
    }
}

/// Some, of up to 400 ms each.
fn stalls(seed: u64, count: usize, run_ns: u64) -> Vec<(u64, u64)> {
    let mut random = Random(seed * 15_485_863 + 1);
    let stall = |_| {
        let from_ns = (random.share() * run_ns as f64) as u64;
        (from_ns, from_ns + 50 * MS + (random.share() * 350.0) as u64 * MS)
    };
    (0..count).map(stall).collect()
}

/// By number and by rate, as a report has them.
fn loads<'a>(servers: impl IntoIterator<Item = &'a Times>) -> (Loads, Loads) {
    let (mut by_number, mut by_rate) = (Loads::default(), Loads::default());
    let (mut in_flight, mut room) = (InFlight::default(), usize::MAX);
    let mut each = |Interval { begin_ns, tag, .. }: Interval<u64>, load: Option<Load>| {
        let Load { in_flight, per_s, gap_ns } = load.expect("there is room for all");
        let answered = Answered { begin_ns, gap_ns, response_time_ns: tag, streamed_ns: 0 };
        by_number.record(in_flight, &answered, &mut room);
        by_rate.record(per_s, &answered, &mut room);
    };
    for (key, times) in servers.into_iter().enumerate() {
        for (begin_ns, end_ns) in times {
            in_flight.add(Interval { begin_ns: *begin_ns, end_ns: *end_ns, key: key as u32, tag: end_ns - begin_ns }, &mut each);
        }
    }
    in_flight.finish(&mut each);
    (by_number, by_rate)
}

fn bends(times: &Times) -> (Option<Bend>, Option<Bend>) {
    let (by_number, by_rate) = loads([times]);
    (bend::find(&by_number), bend::find(&by_rate))
}

#[track_caller]
fn bends_above(times: &Times, up_to: u32) {
    let bend = bends(times).0.unwrap_or_else(|| panic!("it bends above {up_to}"));
    assert_eq!(bend.up_to, up_to, "{bend:?}");
}

#[track_caller]
fn bends_nowhere(what: &str, seed: u64, times: &Times) {
    assert_eq!(bends(times), (None, None), "{what}, seed {seed}, {} requests", times.len());
}

const STEPS: [usize; 8] = [4, 8, 16, 24, 32, 40, 48, 64];

#[test]
fn a_server_that_is_slow_above_a_number_in_flight_bends_there() {
    for seed in 0..SEEDS {
        for (most, fast, slow) in [(32, 5, 40), (32, 5, 25), (32, 20, 100), (10, 5, 40), (16, 1, 10), (24, 50, 500)] {
            let times = clients(seed, &STEPS, 2 * SECOND, &mut slow_above(most, fast * MS, slow * MS));
            bends_above(&times, most as u32);
        }
        bends_above(&clients(seed, &STEPS, SECOND / 2, &mut slow_above(32, 5 * MS, 40 * MS)), 32);
    }
}

#[test]
fn it_is_found_among_stalls_and_with_requests_that_come_by_themselves() {
    for seed in 0..SEEDS {
        let mut server = stalling(stalls(seed, 8, 16 * SECOND), MS / 10, slow_above(32, 5 * MS, 40 * MS));
        bends_above(&clients(seed, &STEPS, 2 * SECOND, &mut server), 32);
        let rates = [500.0, 2000.0, 4000.0, 6000.0, 8000.0, 500.0];
        bends_above(&arrivals(seed, &rates, 2 * SECOND, &mut slow_above(32, 5 * MS, 40 * MS)), 32);
    }
}

#[test]
fn a_server_that_always_takes_the_same_time_does_not_bend() {
    for seed in 0..SEEDS {
        for ms in [1, 5, 50] {
            bends_nowhere("clients", seed, &clients(seed, &STEPS, SECOND, &mut steady(ms * MS)));
            let rates = [50.0, 200.0, 2000.0, 100.0, 5000.0];
            bends_nowhere("arrivals", seed, &arrivals(seed, &rates, SECOND, &mut steady(ms * MS)));
        }
    }
}

#[test]
fn stalls_are_no_bend() {
    for seed in 0..SEEDS {
        for count in [1, 3, 10] {
            for (rate, cost_us) in [(100.0, 100), (1000.0, 50), (1000.0, 300)] {
                let server = || stalling(stalls(seed, count, 20 * SECOND), cost_us * 1000, steady(5 * MS));
                let times = arrivals(seed, &[rate, rate * 0.8, rate, rate * 0.5], 5 * SECOND, &mut server());
                bends_nowhere(&format!("{count} stalls, {rate} per second, {cost_us} us each"), seed, &times);
            }
            let times = clients(seed, &STEPS, 2 * SECOND, &mut stalling(stalls(seed, count, 16 * SECOND), MS / 10, steady(5 * MS)));
            bends_nowhere(&format!("{count} stalls, clients"), seed, &times);
        }
    }
}

#[test]
fn a_server_at_its_capacity_gets_slow_in_proportion_and_does_not_bend() {
    for seed in 0..SEEDS {
        for cost_us in [100, 250, 500, 1000] {
            bends_nowhere("queue", seed, &clients(seed, &STEPS, SECOND, &mut queue(5 * MS, cost_us * 1000)));
            let rates = [500.0, 800.0, 1100.0, 500.0, 1500.0, 300.0];
            // By rate it may well: nothing goes beyond its capacity.
            let (by_number, _) = bends(&arrivals(seed, &rates, 2 * SECOND, &mut queue(MS, cost_us * 1000)));
            assert_eq!(by_number, None, "seed {seed}");
        }
        let times = clients(seed, &STEPS, SECOND, &mut queue(5 * MS, MS));
        let (by_number, _) = loads([&times]);
        assert!(matches!(Trend::of(&by_number), Trend::Grows { .. }), "{:?}", Trend::of(&by_number));
    }
}

#[test]
fn a_server_that_is_slow_for_a_while_does_not_bend() {
    for seed in 0..SEEDS {
        for (fast, slow) in [(5, 20), (5, 50), (50, 400)] {
            // More are in flight because it is slow: by Little's law.
            let slow_at = |from: u64, to: u64| {
                move |_: usize, at_ns: u64, random: &mut Random| {
                    let is_slow = (from * SECOND..to * SECOND).contains(&at_ns);
                    at_ns + random.jitter(if is_slow { slow * MS } else { fast * MS })
                }
            };
            for rate in [200.0, 1000.0] {
                bends_nowhere("slow for a while", seed, &arrivals(seed, &[rate; 10], SECOND, &mut slow_at(4, 7)));
                bends_nowhere("slow at first", seed, &arrivals(seed, &[rate; 10], SECOND, &mut slow_at(0, 3)));
                bends_nowhere("slow in the end", seed, &arrivals(seed, &[rate; 10], SECOND, &mut slow_at(8, 10)));
            }
            bends_nowhere("cold, clients", seed, &clients(seed, &STEPS, SECOND, &mut slow_at(0, 2)));
        }
    }
}

#[test]
fn a_server_that_is_slow_at_a_high_rate_bends_by_rate() {
    for seed in 0..SEEDS {
        let rates = [100.0, 200.0, 300.0, 400.0, 700.0, 800.0, 900.0, 200.0];
        let mut recent: Vec<u64> = Vec::new();
        let mut limited = |_: usize, at_ns: u64, random: &mut Random| {
            recent.retain(|begin_ns| at_ns - begin_ns < SECOND);
            recent.push(at_ns);
            at_ns + random.jitter(if recent.len() > 512 { 60 * MS } else { 5 * MS })
        };
        let (_, by_rate) = bends(&arrivals(seed, &rates, 3 * SECOND, &mut limited));
        assert_eq!(by_rate.map(|bend| bend.up_to), Some(512), "seed {seed}");
    }
}

#[test]
fn answers_that_are_streamed_are_in_flight_until_they_end() {
    // Each is under way for a second after its first byte.
    let (mut loads, mut in_flight, mut room) = (Loads::default(), InFlight::default(), usize::MAX);
    let times = clients(1, &[8, 16, 32, 48, 64], 30 * SECOND, &mut |count, at_ns, random| {
        at_ns + SECOND + random.jitter(if count > 32 { 3 * SECOND } else { SECOND / 5 })
    });
    for (begin_ns, end_ns) in times {
        in_flight.add(Interval { begin_ns, end_ns, key: 0, tag: end_ns - begin_ns - SECOND }, |_, _| ());
    }
    in_flight.finish(|interval, load| {
        let Load { in_flight, gap_ns, .. } = load.expect("there is room for all");
        let answered = Answered { begin_ns: interval.begin_ns, gap_ns, response_time_ns: interval.tag, streamed_ns: SECOND };
        loads.record(in_flight, &answered, &mut room);
    });
    assert_eq!(bend::find(&loads).map(|bend| bend.up_to), Some(32));
}

#[test]
fn the_loads_of_servers_are_not_added_up() {
    // Each slow above 16; both together have up to 32 in flight before.
    let times = [1, 2].map(|seed| clients(seed, &[4, 8, 16, 20, 24, 32], SECOND, &mut slow_above(16, 5 * MS, 50 * MS)));
    let (by_number, _) = loads(&times);
    assert_eq!(bend::find(&by_number).map(|bend| bend.up_to), Some(16));
}

#[test]
fn nothing_is_said_of_what_happened_once_or_to_few() {
    let times = clients(1, &[4, 64], SECOND / 20, &mut slow_above(32, 5 * MS, 40 * MS));
    bends_nowhere("a twentieth of a second", 1, &times);
    let (by_number, _) = loads([&times[..20].to_vec()]);
    assert_eq!(Trend::of(&by_number), Trend::TooFew(20));
    assert_eq!(Trend::of(&Loads::default()), Trend::TooFew(0));
    let (by_number, _) = loads([&clients(1, &[1], SECOND, &mut steady(5 * MS))]);
    assert_eq!(Trend::of(&by_number), Trend::TooEven(1, 1));
}

#[test]
fn a_steady_server_is_level_from_the_lowest_load_to_the_highest() {
    let (by_number, _) = loads([&clients(1, &STEPS[..7], SECOND, &mut steady(5 * MS))]);
    let Trend::Level(Over { loads, ns }) = Trend::of(&by_number) else { panic!("{:?}", Trend::of(&by_number)) };
    assert_eq!(loads, (3, 48));
    assert!(ns.0 >= 5 * MS && ns.1 <= 6 * MS, "{ns:?}");
}

#[test]
fn response_times_that_have_nothing_to_do_with_the_load_are_apart_from_it() {
    let mut slow_in_the_middle =
        |count: usize, at_ns: u64, random: &mut Random| at_ns + random.jitter(if (9..=24).contains(&count) { 30 * MS } else { 5 * MS });
    let (by_number, _) = loads([&clients(1, &STEPS, SECOND, &mut slow_in_the_middle)]);
    assert!(matches!(Trend::of(&by_number), Trend::Apart(_)), "{:?}", Trend::of(&by_number));
    assert_eq!(bend::find(&by_number), None);
}
