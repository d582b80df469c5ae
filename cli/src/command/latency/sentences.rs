//! What the histograms say, in plain sentences.

use crate::aggregate::latency::Latency;
use crate::aggregate::latency::bend::Bend;
use crate::aggregate::latency::trend::{Over, Trend};
use crate::render::{Cell, time_text};

/// What a load is counted in.
#[derive(Clone, Copy)]
enum Load {
    InFlight,
    Rate,
}

/// What there is to say of a group.
pub(super) enum Sentence {
    /// Response time bends.
    Bends(String),
    /// It does not, as far as can be told.
    Neutral(String),
    /// There is too little to tell.
    Unclear(String),
}

impl Load {
    fn unit(self) -> &'static str {
        match self {
            Self::InFlight => "requests in flight",
            Self::Rate => "requests per second",
        }
    }
}

/// What there is to say of a group that is called so; of all exchanges if it has no name. Where response time bends both with the
/// requests in flight and with their rate, the former is said: the latter goes along with it.
pub(super) fn of(name: &str, latency: &Latency, bends: (Option<Bend>, Option<Bend>)) -> Sentence {
    match bends {
        (Some(bend), _) => Sentence::Bends(bent(name, &bend, Load::InFlight)),
        (None, Some(bend)) => Sentence::Bends(bent(name, &bend, Load::Rate)),
        (None, None) => {
            let by_number = unbent(name, Trend::of(&latency.in_flight), Load::InFlight);
            match unbent(name, Trend::of(&latency.rate), Load::Rate) {
                // The rate differs although the number in flight does not.
                by_rate @ Sentence::Neutral(_) if matches!(by_number, Sentence::Unclear(_)) => by_rate,
                _ => by_number,
            }
        }
    }
}

/// How a group is called, from the cells of its key.
pub(super) fn name(key: &[Cell<'_>]) -> String {
    let part = |cell: &Cell<'_>| match cell {
        Cell::Text(text) => String::from_utf8_lossy(text).into_owned(),
        Cell::Number(number) => number.to_string(),
        Cell::Address(address) => address.to_string(),
        _ => "-".to_owned(),
    };
    key.iter().map(part).collect::<Vec<_>>().join(" ")
}

/// What is not in the tables by load, although it is in the histogram.
pub(super) fn without_load(count: u64) -> Option<String> {
    let exchanges = if count == 1 { "1 exchange is" } else { &format!("{count} exchanges are") };
    (count > 0)
        .then(|| format!("{exchanges} in no table by load: there was no room, or they were over long after others that began later."))
}

fn bent(name: &str, bend: &Bend, load: Load) -> String {
    let Bend { up_to, from, below_ns, above_ns } = *bend;
    let place = if from == up_to + 1 { format!("above {up_to}") } else { format!("between {up_to} and {from}") };
    let (below, above) = (time_text(below_ns), time_text(above_ns));
    format!("{} bends {place} {}: p50 {below} up to there, {above} above.", subject(name), load.unit())
}

fn unbent(name: &str, trend: Trend, load: Load) -> Sentence {
    let (subject, unit) = (subject(name), load.unit());
    match trend {
        Trend::TooFew(0) => Sentence::Unclear(format!("{subject} is not known: there was no exchange of which all is known.")),
        Trend::TooFew(count) => Sentence::Unclear(format!("{subject} by load cannot be told from {count} exchanges.")),
        Trend::TooEven(from, to) => Sentence::Unclear(format!("{subject} by load cannot be told: there were {} {unit}.", range(from, to))),
        Trend::Level(Over { loads: (from, to), ns }) => {
            Sentence::Neutral(format!("{subject} is level from {from} to {to} {unit}: p50 {}.", times(ns)))
        }
        Trend::Grows { first, last } => {
            let at = |((from, to), ns): ((u32, u32), u64)| format!("{} at {}", time_text(ns), range(from, to));
            Sentence::Neutral(format!("{subject} grows with {unit}: p50 {}, {}.", at(first), at(last)))
        }
        Trend::Apart(Over { loads: (from, to), ns }) => {
            Sentence::Neutral(format!("{subject} does not follow {unit}, from {from} to {to}: p50 {}.", times(ns)))
        }
    }
}

fn subject(name: &str) -> String {
    if name.is_empty() { "Response time".to_owned() } else { format!("{name}: response time") }
}

fn range(from: u32, to: u32) -> String {
    if from == to { from.to_string() } else { format!("{from} to {to}") }
}

fn times((shortest_ns, longest_ns): (u64, u64)) -> String {
    let (shortest, longest) = (time_text(shortest_ns), time_text(longest_ns));
    if shortest == longest { shortest } else { format!("{shortest} to {longest}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_bend_is_told_with_what_it_is_before_and_after() {
        let bend = Bend { up_to: 32, from: 33, below_ns: 5_120_000, above_ns: 40 * MS };
        let expected = "Response time bends above 32 requests in flight: p50 5.12 ms up to there, 40.0 ms above.";
        assert_eq!(bent("", &bend, Load::InFlight), expected);
        let expected = "GET api /x: response time bends between 32 and 49 requests per second: p50 5.12 ms up to there, 40.0 ms above.";
        assert_eq!(bent("GET api /x", &Bend { from: 49, ..bend }, Load::Rate), expected);
    }

    #[test]
    fn other_sentences_do_not_speak_of_bends() {
        let over = Over { loads: (1, 64), ns: (5 * MS, 5_600_000) };
        for (trend, expected) in [
            (Trend::Level(over), "Response time is level from 1 to 64 requests in flight: p50 5.00 ms to 5.60 ms."),
            (Trend::Apart(over), "Response time does not follow requests in flight, from 1 to 64: p50 5.00 ms to 5.60 ms."),
            (
                Trend::Grows { first: ((1, 1), 5 * MS), last: ((33, 64), 12 * MS) },
                "Response time grows with requests in flight: p50 5.00 ms at 1, 12.0 ms at 33 to 64.",
            ),
            (Trend::TooFew(0), "Response time is not known: there was no exchange of which all is known."),
            (Trend::TooFew(7), "Response time by load cannot be told from 7 exchanges."),
            (Trend::TooEven(1, 1), "Response time by load cannot be told: there were 1 requests in flight."),
        ] {
            let (Sentence::Bends(told) | Sentence::Neutral(told) | Sentence::Unclear(told)) = unbent("", trend, Load::InFlight);
            assert_eq!(told, expected);
        }
    }

    #[test]
    fn what_is_in_no_table_is_told() {
        assert_eq!(without_load(0), None);
        assert!(without_load(1).is_some_and(|told| told.starts_with("1 exchange is in no table")));
        assert!(without_load(2).is_some_and(|told| told.starts_with("2 exchanges are in no table")));
    }
}
