//! The loop's body: source -> streams -> messages -> pairs -> selection -> report.

use std::io;

use crate::http::counts::Counts;
use crate::http::exchange::Exchange;
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::source::{Found, Source};

/// Takes the exchanges that were kept.
pub trait Report {
    /// One exchange.
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()>;
    /// After each batch.
    fn flush(&mut self) -> io::Result<()>;
    /// Rows so far, for the eye.
    fn rows(&self) -> u64;
}

/// From a source to a report.
pub struct Pipeline<'a, S> {
    source: S,
    tracker: Tracker,
    selection: Selection,
    report: &'a mut dyn Report,
    /// Exchanges that may still be kept (`--count`).
    left: Option<u64>,
    filtered: u64,
    unaddressed: u64,
    beyond_count: u64,
    found: Found,
    result: io::Result<()>,
}

impl<'a, S: Source> Pipeline<'a, S> {
    /// Keeps `count` exchanges at most.
    pub fn new(source: S, tracker: Tracker, selection: Selection, count: Option<u64>, report: &'a mut dyn Report) -> Self {
        Self {
            source,
            tracker,
            selection,
            report,
            left: count,
            filtered: 0,
            unaddressed: 0,
            beyond_count: 0,
            found: Found::default(),
            result: Ok(()),
        }
    }

    /// Takes what the source has now, at most `limit` records; how many it were.
    pub fn step(&mut self, limit: usize) -> io::Result<usize> {
        let Self { source, tracker, selection, report, left, filtered, unaddressed, beyond_count, result, .. } = self;
        let mut keep = |exchange: &Exchange| {
            *unaddressed += u64::from(selection.lacks_ends_of(exchange));
            keep(exchange, selection, *report, left, filtered, beyond_count, result);
        };
        let found = source.drain(limit, &mut |segment| tracker.segment(segment, &mut keep));
        self.found.records += found.records;
        self.found.undecodable += found.undecodable;
        self.take_result()?;
        self.report.flush()?;
        Ok(found.records)
    }

    /// Nothing more comes: what is open becomes exchanges.
    pub fn finish(&mut self) -> io::Result<()> {
        let Self { source, tracker, selection, report, left, filtered, unaddressed, beyond_count, result, .. } = self;
        let mut keep = |exchange: &Exchange| {
            *unaddressed += u64::from(selection.lacks_ends_of(exchange));
            keep(exchange, selection, *report, left, filtered, beyond_count, result);
        };
        source.finish(&mut |segment| tracker.segment(segment, &mut keep));
        tracker.finish(&mut keep);
        self.take_result()?;
        self.report.flush()
    }

    /// The source.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Whether as many exchanges were kept as were asked for.
    pub fn is_satisfied(&self) -> bool {
        self.left == Some(0)
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.report.rows()
    }

    /// Records that the source had.
    pub fn found(&self) -> Found {
        self.found
    }

    /// What the tracker counted.
    pub fn counts(&self) -> Counts {
        self.tracker.counts()
    }

    /// Exchanges that were not kept.
    pub fn filtered(&self) -> u64 {
        self.filtered
    }

    /// Of these, exchanges whose addresses are not known and were asked for.
    pub fn unaddressed(&self) -> u64 {
        self.unaddressed
    }

    /// Exchanges that came after the last one asked for.
    pub fn beyond_count(&self) -> u64 {
        self.beyond_count
    }

    fn take_result(&mut self) -> io::Result<()> {
        std::mem::replace(&mut self.result, Ok(()))
    }
}

fn keep(
    exchange: &Exchange,
    selection: &Selection,
    report: &mut dyn Report,
    left: &mut Option<u64>,
    filtered: &mut u64,
    beyond_count: &mut u64,
    result: &mut io::Result<()>,
) {
    if !selection.keeps(exchange) {
        *filtered += 1;
    } else if *left == Some(0) {
        *beyond_count += 1;
    } else if result.is_ok() {
        *left = left.map(|left| left - 1);
        *result = report.exchange(exchange);
    }
}
