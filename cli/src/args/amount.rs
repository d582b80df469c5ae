//! How long, how many, how big: `30s`, `100`, `8MiB`.

use std::{num::NonZeroUsize, str::FromStr, time::Duration};

use super::Invalid;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const DURATIONS: &str = "write 30s, 250ms or 1m 30s";
const RUN_TIMES: &str = "write 30s, 250ms or 1m 30s, up to 24h";

/// How long to watch: longer than zero, at most 24 hours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunTime(pub Duration);

impl FromStr for RunTime {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let time = duration(typed, RUN_TIMES)?;
        if time.is_zero() {
            return Err(Invalid::new("this would watch for no time", RUN_TIMES));
        }
        if time > DAY {
            return Err(Invalid::new("longer than a day", RUN_TIMES));
        }
        Ok(Self(time))
    }
}

/// A response time to compare with; zero is met by every answered exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Threshold(pub Duration);

impl FromStr for Threshold {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        duration(typed, DURATIONS).map(Self)
    }
}

fn duration(typed: &str, right: &'static str) -> Result<Duration, Invalid> {
    humantime::parse_duration(typed).map_err(|_| {
        if !typed.is_empty() && typed.bytes().all(|b| b.is_ascii_digit()) {
            Invalid::new("a number without its unit", right)
        } else {
            Invalid::new("not a duration", right)
        }
    })
}

/// A number of rows, one or more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rows(pub NonZeroUsize);

impl FromStr for Rows {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let refused = || Invalid::new("not a number of rows", "write a whole number from 1");
        typed.parse().map(Self).map_err(|_| refused())
    }
}

/// Bytes of the ring between kernel and `ehl`: a power of two, so that it is also one of pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RingSize(pub u32);

const RING_SIZES: &str = "write a power of two from 256KiB to 1GiB, such as 8MiB";
const SMALLEST_RING: u64 = 256 << 10;
const LARGEST_RING: u64 = 1 << 30;

impl FromStr for RingSize {
    type Err = Invalid;

    fn from_str(typed: &str) -> Result<Self, Invalid> {
        let bytes = bytes(typed).ok_or_else(|| Invalid::new("not a size", RING_SIZES))?;
        if bytes < SMALLEST_RING {
            return Err(Invalid::new("too small for a ring", RING_SIZES));
        }
        if bytes > LARGEST_RING {
            return Err(Invalid::new("too large for a ring", RING_SIZES));
        }
        match u32::try_from(bytes) {
            Ok(bytes) if bytes.is_power_of_two() => Ok(Self(bytes)),
            _ => Err(Invalid::new("not a power of two", RING_SIZES)),
        }
    }
}

/// `8388608`, `8192K`, `8MiB`, `1g`. Units are powers of 1024; `MB` could mean either and is refused.
fn bytes(typed: &str) -> Option<u64> {
    let unit_at = typed.find(|c: char| !c.is_ascii_digit()).unwrap_or(typed.len());
    let (number, unit) = typed.split_at(unit_at);
    let shift = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 10,
        "m" | "mib" => 20,
        "g" | "gib" => 30,
        _ => return None,
    };
    Some(number.parse::<u64>().ok()?.saturating_mul(1 << shift))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_times_are_read_with_their_units() {
        for (typed, millis) in [("10s", 10_000), ("1m 30s", 90_000), ("1m30s", 90_000), ("250ms", 250), ("24h", 86_400_000)] {
            let expected = RunTime(Duration::from_millis(millis));
            assert_eq!(typed.parse(), Ok(expected), "{typed}");
        }
    }

    #[test]
    fn a_refused_run_time_says_what_would_be_right() {
        for (typed, expected) in [
            ("0s", "this would watch for no time; write 30s, 250ms or 1m 30s, up to 24h"),
            ("0ms", "this would watch for no time; write 30s, 250ms or 1m 30s, up to 24h"),
            ("soon", "not a duration; write 30s, 250ms or 1m 30s, up to 24h"),
            ("", "not a duration; write 30s, 250ms or 1m 30s, up to 24h"),
            ("10", "a number without its unit; write 30s, 250ms or 1m 30s, up to 24h"),
            ("25h", "longer than a day; write 30s, 250ms or 1m 30s, up to 24h"),
            ("99999999999999999999y", "not a duration; write 30s, 250ms or 1m 30s, up to 24h"),
        ] {
            assert_eq!(refusal::<RunTime>(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn a_threshold_may_be_zero_and_longer_than_a_day() {
        assert_eq!("0s".parse(), Ok(Threshold(Duration::ZERO)));
        assert_eq!("2days".parse(), Ok(Threshold(2 * DAY)));
        let expected = "a number without its unit; write 30s, 250ms or 1m 30s";
        assert_eq!(refusal::<Threshold>("500"), expected);
    }

    #[test]
    fn a_number_of_rows_starts_at_one() {
        let typed: Rows = "100".parse().expect("a number of rows");
        assert_eq!(typed.0.get(), 100);
        for typed in ["0", "-1", "", "ten", "1.5", "99999999999999999999999"] {
            let expected = "not a number of rows; write a whole number from 1";
            assert_eq!(refusal::<Rows>(typed), expected, "{typed:?}");
        }
    }

    #[test]
    fn ring_sizes_take_binary_units() {
        for (typed, bytes) in [
            ("262144", 256 << 10),
            ("256K", 256 << 10),
            ("512KiB", 512 << 10),
            ("8M", 8 << 20),
            ("8MiB", 8 << 20),
            ("8 mib", 8 << 20),
            ("1g", 1 << 30),
            ("1GiB", 1 << 30),
        ] {
            assert_eq!(typed.parse(), Ok(RingSize(bytes)), "{typed}");
        }
    }

    #[test]
    fn a_refused_ring_size_says_what_would_be_right() {
        for (typed, wrong) in [
            ("5M", "not a power of two"),
            ("128K", "too small for a ring"),
            ("0", "too small for a ring"),
            ("2G", "too large for a ring"),
            ("99999999999G", "too large for a ring"),
            ("99999999999999999999G", "not a size"),
            ("8MB", "not a size"),
            ("MiB", "not a size"),
            ("-8M", "not a size"),
            ("", "not a size"),
        ] {
            let expected = format!("{wrong}; {RING_SIZES}");
            assert_eq!(refusal::<RingSize>(typed), expected, "{typed:?}");
        }
    }

    fn refusal<T: FromStr<Err = Invalid> + std::fmt::Debug>(typed: &str) -> String {
        typed.parse::<T>().expect_err("refused").to_string()
    }
}
