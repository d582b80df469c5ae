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
pub struct Pipeline<S> {
    source: S,
    tracker: Tracker,
    selection: Selection,
    /// Exchanges that may still be kept (`--count`).
    left: Option<u64>,
    filtered: u64,
    unaddressed: u64,
    beyond_count: u64,
    found: Found,
}

impl<S: Source> Pipeline<S> {
    /// Keeps `count` exchanges at most.
    pub fn new(source: S, tracker: Tracker, selection: Selection, count: Option<u64>) -> Self {
        Self { source, tracker, selection, left: count, filtered: 0, unaddressed: 0, beyond_count: 0, found: Found::default() }
    }

    /// Takes what the source has now, at most `limit` records; how many it were.
    pub fn step(&mut self, limit: usize, report: &mut dyn Report) -> io::Result<usize> {
        let Self { source, tracker, selection, left, filtered, unaddressed, beyond_count, .. } = self;
        let mut keep = Keep { selection, report, left, filtered, unaddressed, beyond_count, result: Ok(()) };
        let found = source.drain(limit, &mut |segment| tracker.segment(segment, &mut |exchange| keep.exchange(exchange)));
        keep.result?;
        self.found.records += found.records;
        self.found.undecodable += found.undecodable;
        report.flush()?;
        Ok(found.records)
    }

    /// Nothing more comes: what is open becomes exchanges.
    pub fn finish(&mut self, report: &mut dyn Report) -> io::Result<()> {
        let Self { source, tracker, selection, left, filtered, unaddressed, beyond_count, .. } = self;
        let mut keep = Keep { selection, report, left, filtered, unaddressed, beyond_count, result: Ok(()) };
        source.finish(&mut |segment| tracker.segment(segment, &mut |exchange| keep.exchange(exchange)));
        tracker.finish(&mut |exchange| keep.exchange(exchange));
        keep.result?;
        report.flush()
    }

    /// The source.
    pub fn source_mut(&mut self) -> &mut S {
        &mut self.source
    }

    /// Whether as many exchanges were kept as were asked for.
    pub fn is_satisfied(&self) -> bool {
        self.left == Some(0)
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
}

/// What becomes of exchanges.
struct Keep<'a> {
    selection: &'a Selection,
    report: &'a mut dyn Report,
    left: &'a mut Option<u64>,
    filtered: &'a mut u64,
    unaddressed: &'a mut u64,
    beyond_count: &'a mut u64,
    result: io::Result<()>,
}

impl Keep<'_> {
    fn exchange(&mut self, exchange: &Exchange) {
        *self.unaddressed += u64::from(self.selection.lacks_ends_of(exchange));
        if !self.selection.keeps(exchange) {
            *self.filtered += 1;
        } else if *self.left == Some(0) {
            *self.beyond_count += 1;
        } else if self.result.is_ok() {
            *self.left = self.left.map(|left| left - 1);
            self.result = self.report.exchange(exchange);
        }
    }
}
