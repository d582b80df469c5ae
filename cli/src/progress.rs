//! What a person sees on stderr while a run goes on and when it is over: a bar, notes, the accounting in one line.
//!
//! Nothing here can fail: a run does not end because nobody listens.

use std::fmt::Display;
use std::io::{self, IsTerminal as _, Write as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::render::{Accounting, Backslash, NotHttp, PacketCounts, ProbeCost, push_visible};

/// Time left, rows and losses on one line of a terminal; cleared on drop.
pub struct Progress {
    bar: ProgressBar,
    limit: Duration,
    shares_terminal: bool,
}

impl Progress {
    /// A bar for a run of at most `limit`; hidden when `quiet` or when stderr is not a terminal.
    pub fn new(quiet: bool, limit: Duration) -> Self {
        let is_shown = !quiet && io::stderr().is_terminal();
        let target = if is_shown { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(millis(limit)), target);
        let style = ProgressStyle::with_template("{bar:24} {msg}").expect("the template is a constant");
        bar.set_style(style.progress_chars("=> "));
        Self { bar, limit, shares_terminal: is_shown && io::stdout().is_terminal() }
    }

    /// Shows how far the run is. Cheap enough for every batch: it is drawn a few times a second, and what is `lost` is asked for only
    /// when somebody sees it.
    pub fn update(&self, left: Duration, rows: u64, lost: impl FnOnce() -> u64) {
        if self.bar.is_hidden() {
            return;
        }
        self.bar.set_message(message(left, rows, lost()));
        self.bar.set_position(millis(self.limit.saturating_sub(left)));
    }

    /// Takes the bar away while `print` writes a note to stderr.
    pub fn beside_note<R>(&self, print: impl FnOnce() -> R) -> R {
        self.bar.suspend(print)
    }

    /// Takes the bar away while `print` writes rows to stdout, if that is a terminal too.
    pub fn beside_rows<R>(&self, print: impl FnOnce() -> R) -> R {
        if self.shares_terminal { self.bar.suspend(print) } else { print() }
    }

    /// Takes the bar away for good.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn message(left: Duration, rows: u64, lost: u64) -> String {
    let left = Duration::from_secs(left.as_millis().div_ceil(1000).try_into().unwrap_or(u64::MAX));
    format!("{} left, {}, {lost} lost", humantime::format_duration(left), counted(rows, "row"))
}

/// Lines for people on stderr, each with `ehl: ` before it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Notes {
    /// Leaves notes out; warnings are printed all the same.
    pub quiet: bool,
}

impl Notes {
    /// What is good to know: what was attached, the accounting.
    pub fn note(self, text: impl Display) {
        if !self.quiet {
            self.warn(text);
        }
    }

    /// What must be known: secrets are shown, events were lost, the run failed.
    pub fn warn(self, text: impl Display) {
        // In one piece, so that lines of several processes do not mix.
        let _ = io::stderr().write_all(&line(&text.to_string()));
    }
}

/// One line whatever is in the text: a path or a name in it may come from anywhere.
fn line(text: &str) -> Vec<u8> {
    let mut line = b"ehl: ".to_vec();
    push_visible(&mut line, text.as_bytes(), Backslash::Kept);
    line.push(b'\n');
    line
}

/// The accounting in one line: what there is always, then what is out of the ordinary.
pub fn accounting_line(accounting: &Accounting) -> String {
    let Accounting {
        events,
        lost,
        duplicates,
        truncated,
        undecodable,
        unknown_fields,
        filtered,
        unpaired_requests,
        unpaired_responses,
        rows,
        submitted: _,
        exchanges,
        rows_beyond_max,
        evicted,
        untracked,
        out_of_step,
        fragments,
        not_http: NotHttp { tls, proxy, other },
        packets,
        probe_cost,
    } = accounting;
    let mut line = counted(*rows, "row");
    if *exchanges > 0 {
        line += &format!(" from {}", counted(*exchanges, "exchange"));
    }
    let PacketCounts { seen, unsampled, malformed, not_ip, tunnels } = packets.as_ref().unwrap_or(&PacketCounts::NONE);
    if packets.is_some() {
        line += &format!(" from {}", counted(*seen, "packet"));
    }
    line += &format!(", {}, {lost} lost", counted(*events, "event"));
    let oddities = [
        (rows_beyond_max, "rows beyond --max-rows"),
        (filtered, "filtered out"),
        (unsampled, "left out by --sample"),
        (truncated, "truncated"),
        (unpaired_requests, "requests without response"),
        (unpaired_responses, "responses without request"),
        (duplicates, "duplicates"),
        (undecodable, "undecodable"),
        (malformed, "malformed"),
        (not_ip, "not IP"),
        (tunnels, "of tunnels"),
        (unknown_fields, "unknown fields of HTTP/2"),
        (evicted, "connections evicted"),
        (untracked, "segments untracked"),
        (out_of_step, "directions out of step"),
        (fragments, "fragments"),
        (tls, "segments of TLS"),
        (proxy, "PROXY headers"),
        (other, "segments of something else"),
    ];
    for (&count, what) in oddities {
        if count > 0 {
            line += &format!(", {count} {what}");
        }
    }
    if let Some(ProbeCost { run_count, run_time_ns }) = probe_cost {
        line += &format!("; probe ran {run_count} times in {:?}", Duration::from_nanos(*run_time_ns));
    }
    line
}

/// Why cells are empty that one would expect to be known.
pub fn tell_unknown_fields(notes: Notes, accounting: &Accounting) {
    if accounting.unknown_fields > 0 {
        notes.note(
            "HTTP/2 sends a header once, and later its place in a table: what was sent before this run, or lost, is absent from rows \
             with the flag unknown-fields",
        );
    }
}

fn counted(count: u64, what: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {what}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quiet_run_is_told_in_few_words() {
        let accounting = Accounting { events: 340, rows: 12, exchanges: 12, submitted: 340, ..Accounting::default() };
        assert_eq!(accounting_line(&accounting), "12 rows from 12 exchanges, 340 events, 0 lost");
        assert_eq!(accounting_line(&Accounting::default()), "0 rows, 0 events, 0 lost");
    }

    #[test]
    fn everything_out_of_the_ordinary_is_told() {
        let accounting = Accounting {
            events: 21,
            lost: 3,
            duplicates: 4,
            truncated: 5,
            undecodable: 6,
            unknown_fields: 13,
            filtered: 7,
            unpaired_requests: 8,
            unpaired_responses: 9,
            rows: 1,
            submitted: 18,
            exchanges: 1,
            rows_beyond_max: 10,
            evicted: 11,
            untracked: 17,
            out_of_step: 19,
            fragments: 20,
            not_http: NotHttp { tls: 12, proxy: 14, other: 15 },
            packets: None,
            probe_cost: Some(ProbeCost { run_count: 16, run_time_ns: 1_234_000 }),
        };
        let expected = "1 row from 1 exchange, 21 events, 3 lost, 10 rows beyond --max-rows, 7 filtered out, 5 truncated, \
                        8 requests without response, 9 responses without request, 4 duplicates, 6 undecodable, \
                        13 unknown fields of HTTP/2, 11 connections evicted, 17 segments untracked, 19 directions out of step, 20 fragments, 12 segments of TLS, \
                        14 PROXY headers, 15 segments of something else; probe ran 16 times in 1.234ms";
        assert_eq!(accounting_line(&accounting), expected);
    }

    #[test]
    fn packets_are_told_where_rows_are_made_of_them() {
        let packets = PacketCounts { seen: 10, unsampled: 2, malformed: 3, not_ip: 4, tunnels: 5 };
        let accounting = Accounting { events: 7, filtered: 1, rows: 7, packets: Some(packets), ..Accounting::default() };
        let expected =
            "7 rows from 10 packets, 7 events, 0 lost, 1 filtered out, 2 left out by --sample, 3 malformed, 4 not IP, 5 of tunnels";
        assert_eq!(accounting_line(&accounting), expected);
    }

    #[test]
    fn a_note_is_one_harmless_line() {
        let text = "cannot read a\n\x1b]0;t\x07b: bad pattern `\\d+(`";
        assert_eq!(line(text), b"ehl: cannot read a\\n\\x1b]0;t\\x07b: bad pattern `\\d+(`\n");
    }

    #[test]
    fn the_bar_says_time_left_rows_and_losses() {
        assert_eq!(message(Duration::from_millis(61_200), 1, 0), "1m 2s left, 1 row, 0 lost");
        assert_eq!(message(Duration::ZERO, 20, 3), "0s left, 20 rows, 3 lost");
    }
}
