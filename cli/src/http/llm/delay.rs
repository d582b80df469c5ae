//! How long to wait: in the forms in which servers write it.

use std::time::Duration;

/// From the message on, or until a time. Both in nanoseconds; times since 1970.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delay {
    After(u64),
    At(u64),
}

const SECOND_NS: u64 = 1_000_000_000;
const MILLI_NS: u64 = 1_000_000;
/// Longer ones are a mistake, or worse.
const LONGEST: Duration = Duration::from_secs(10 * 366 * 24 * 3600);
/// Numbers from here on are seconds since 1970 (they are of September 2001 and later), and from there on milliseconds.
const EPOCH_SECONDS: u128 = 1_000_000_000;
const EPOCH_MILLIS: u128 = 100_000_000_000;
/// No form of a date is longer.
const MAX_DATE: usize = 40;

impl Delay {
    /// A number of seconds, a time as seconds or milliseconds since 1970, a duration as Go writes it (`6m0s`, `120ms`), or a date (RFC 3339,
    /// or RFC 9110 section 5.6.7).
    pub(super) fn parse(value: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(value).ok()?.trim();
        match Decimal::parse(text) {
            Some(number) if number.whole >= EPOCH_MILLIS => number.times(MILLI_NS).map(Self::At),
            Some(number) if number.whole >= EPOCH_SECONDS => number.times(SECOND_NS).map(Self::At),
            Some(number) => number.times(SECOND_NS).and_then(Self::after),
            None => duration(text).and_then(Self::after).or_else(|| date(text).map(Self::At)),
        }
    }

    /// A number of milliseconds.
    pub(super) fn of_millis(value: &[u8]) -> Option<Self> {
        decimal(value, MILLI_NS).and_then(Self::after)
    }

    fn after(ns: u64) -> Option<Self> {
        (u128::from(ns) <= LONGEST.as_nanos()).then_some(Self::After(ns))
    }

    /// Nanoseconds from `sent_ns` on, when the message was sent; none when the time has passed.
    pub(super) fn since(self, sent_ns: u64) -> u64 {
        match self {
            Self::After(ns) => ns,
            Self::At(ns) => ns.saturating_sub(sent_ns),
        }
    }
}

/// A number of units of `unit_ns` nanoseconds, as nanoseconds.
pub(super) fn decimal(value: &[u8], unit_ns: u64) -> Option<u64> {
    Decimal::parse(std::str::from_utf8(value).ok()?.trim())?.times(unit_ns)
}

/// A decimal number without sign and exponent.
#[derive(Clone, Copy)]
struct Decimal {
    whole: u128,
    /// Billionths; what is finer is cut.
    fraction: u128,
}

impl Decimal {
    fn parse(text: &str) -> Option<Self> {
        const MAX_DIGITS: usize = 18;
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) || whole.len() > MAX_DIGITS {
            return None;
        }
        let fraction = &fraction[..fraction.len().min(9)];
        let scale = 10_u128.pow(9 - fraction.len() as u32);
        Some(Self { whole: whole.parse().ok()?, fraction: fraction.parse::<u128>().ok()? * scale })
    }

    fn times(self, unit_ns: u64) -> Option<u64> {
        let unit_ns = u128::from(unit_ns);
        u64::try_from(self.whole * unit_ns + self.fraction * unit_ns / u128::from(SECOND_NS)).ok()
    }
}

/// As `time.Duration` of Go writes it: numbers, each with its unit.
fn duration(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] =
        [("h", 3600 * SECOND_NS), ("m", 60 * SECOND_NS), ("s", SECOND_NS), ("ms", MILLI_NS), ("us", 1000), ("ns", 1)];
    let mut rest = text;
    let mut sum_ns = 0_u64;
    while !rest.is_empty() {
        let (number, after) = rest.split_at(rest.find(|character: char| !character.is_ascii_digit() && character != '.')?);
        let (unit, after) = after.split_at(after.find(|character: char| character.is_ascii_digit()).unwrap_or(after.len()));
        let (_, unit_ns) = UNITS.iter().find(|(name, _)| *name == unit)?;
        sum_ns = sum_ns.checked_add(Decimal::parse(number)?.times(*unit_ns)?)?;
        rest = after;
    }
    (!text.is_empty()).then_some(sum_ns)
}

fn date(text: &str) -> Option<u64> {
    if text.len() > MAX_DATE {
        return None;
    }
    let time = match text.parse::<jiff::Timestamp>() {
        Ok(time) => time,
        Err(_) => jiff::fmt::rfc2822::parse(text).ok()?.timestamp(),
    };
    u64::try_from(time.as_nanosecond()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_form_in_which_servers_write_it() {
        let after_ms = |ms: u64| Some(Delay::After(ms * MILLI_NS));
        let at_s = |second: u64| Some(Delay::At(second * SECOND_NS));
        for (text, expected) in [
            // OpenAI, Groq.
            ("1s", after_ms(1000)),
            ("6m0s", after_ms(360_000)),
            ("120ms", after_ms(120)),
            ("1h23m31s", after_ms(5_011_000)),
            ("2m59.56s", after_ms(179_560)),
            ("7.66s", after_ms(7660)),
            ("500us", Some(Delay::After(500_000))),
            // Mistral, Together, drafts of the IETF, Retry-After.
            ("0", after_ms(0)),
            ("33", after_ms(33_000)),
            ("11726.2840924263", Some(Delay::After(11_726_284_092_426))),
            // Anthropic.
            ("2024-10-29T23:57:36Z", at_s(1_730_246_256)),
            ("2024-10-30T01:57:36.5+02:00", Some(Delay::At(1_730_246_256_500_000_000))),
            // Retry-After.
            ("Tue, 29 Oct 2024 23:57:36 GMT", at_s(1_730_246_256)),
            // OpenRouter, and others that count from 1970.
            ("1730246256", at_s(1_730_246_256)),
            ("1730246256000", at_s(1_730_246_256)),
            (" 5 ", after_ms(5000)),
        ] {
            assert_eq!(Delay::parse(text.as_bytes()), expected, "{text}");
        }
        assert_eq!(Delay::of_millis(b"1500.25"), Some(Delay::After(1_500_250_000)));
    }

    #[test]
    fn what_is_none_is_not_guessed() {
        let long = "9".repeat(5000);
        for text in [
            "",
            "-1",
            "-5s",
            "+5",
            "1e9",
            "None",
            "soon",
            "s",
            "5 s",
            "5x",
            "1m5",
            ".5",
            "5.",
            "1.2.3s",
            "999999999",
            "99999999999h",
            "18446744073709551616",
            "2024-10-29",
            "2024-13-29T23:57:36Z",
            "0001-01-01T00:00:00Z",
            "\u{661}",
            &long,
            &format!("{long}s"),
        ] {
            assert_eq!(Delay::parse(text.as_bytes()), None, "{text}");
        }
        assert_eq!(Delay::parse(b"\xff5s"), None);
    }

    #[test]
    fn times_count_from_the_message() {
        assert_eq!(Delay::At(7 * SECOND_NS).since(5 * SECOND_NS), 2 * SECOND_NS);
        assert_eq!(Delay::At(7).since(9), 0);
        assert_eq!(Delay::After(7).since(9), 7);
    }
}
