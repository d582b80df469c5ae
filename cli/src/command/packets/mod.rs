//! `ehl capture` of packets: one row per packet, live or from a file.

mod columns;
mod hook;
mod live;
mod replay;

use std::io;

use self::columns::{FIRST, default, row, schema};
pub(super) use self::{
    columns::direction,
    hook::{PacketHook, filter},
    live::{begin, end, hold},
    replay::replay,
};
use super::interfaces::Names;
use super::job::Ended;
use super::printing::{self, commit};
use super::{Outcome, plan};
use crate::args::{self, ProbeName};
use crate::packet::Sighting;
use crate::probe::packets::Task;
use crate::progress::Notes;
use crate::render::{Options, Renderer, Run, Summary};
use crate::source::{Found, PacketSource};

/// What was typed.
pub(super) struct Typed<'a> {
    pub(super) watch: &'a args::Watch,
    pub(super) events: &'a args::Events,
    pub(super) packets: &'a args::Packets,
    pub(super) sampling: &'a args::Sampling,
    pub(super) output: &'a args::Output,
    pub(super) limits: &'a args::Limits,
    pub(super) gates: &'a args::Gates,
}

impl<'a> Typed<'a> {
    /// As `ehl capture` takes it.
    pub(super) fn new(capture: &'a args::ExchangeCapture, packets: &'a args::Packets, sampling: &'a args::Sampling) -> Self {
        let args::ExchangeCapture { http: args::Http { watch, events, .. }, output, limits, gates, .. } = capture;
        Self { watch, events, packets, sampling, output, limits, gates }
    }
}

impl<'a> From<&'a args::PacketCapture> for Typed<'a> {
    fn from(args: &'a args::PacketCapture) -> Self {
        let args::PacketCapture { watch, events, packets, sampling, output, limits, gates } = args;
        Self { watch, events, packets, sampling, output, limits, gates }
    }
}

/// A report that is told of the start, of each packet and of the end.
pub(super) trait PacketReport {
    /// The source is there.
    fn start(&mut self, run: &Run) -> io::Result<()>;
    /// One packet, with the name of its interface where the source has it.
    fn packet(&mut self, sighting: &Sighting, interface: Option<&str>) -> io::Result<()>;
    /// After each batch.
    fn flush(&mut self) -> io::Result<()>;
    /// Rows so far, for the eye.
    fn rows(&self) -> u64;
    /// The run is over: prints what is left, and completes the summary with what was printed.
    fn finish(&mut self, summary: &mut Summary) -> io::Result<()>;
}

/// Packets from a source to a report, as many as were asked for.
struct Pace {
    /// Packets that may still be kept (`--count`).
    left: Option<u64>,
}

impl Pace {
    fn new(count: Option<u64>) -> Self {
        Self { left: count }
    }

    /// Takes what the source has now, at most `limit` packets.
    fn step(&mut self, source: &mut dyn PacketSource, limit: usize, report: &mut dyn PacketReport) -> io::Result<Found> {
        let mut result = Ok(());
        let left = &mut self.left;
        let found = source.drain(limit, &mut |sighting, interface| {
            if *left != Some(0) && result.is_ok() {
                *left = left.map(|left| left - 1);
                result = report.packet(sighting, interface);
            }
        });
        result?;
        report.flush()?;
        Ok(found)
    }

    /// Whether as many packets were kept as were asked for.
    fn is_satisfied(&self) -> bool {
        self.left == Some(0)
    }
}

/// Captures as asked for.
pub(super) fn run(probe: ProbeName, typed: &Typed<'_>) -> anyhow::Result<Outcome> {
    let Typed { watch, events, packets, sampling, output, limits, gates } = *typed;
    let notes = Notes { quiet: output.quiet };
    plan::enter(watch)?;
    let schema = schema();
    let selected = printing::columns(output, &schema, default(), &FIRST)?;
    let top = limits.top.as_ref().map(|rows| rows.0.get());
    let options = Options { columns: Some(selected), top, max_rows: limits.max_rows.0.get(), ..Options::default() };
    let sample = sampling.sample.get();
    let ended = if watch.read.is_some() {
        let filter = filter(watch, packets)?;
        let (place, renderer) = printing::open(output, gates, &schema, options)?;
        let mut report = Rows { renderer, probe: None, names: Names::default() };
        let ended = replay(watch, &filter, sample, plan::count(events), notes, output.verbose, &mut report)?;
        commit(place)?;
        ended
    } else {
        let hook = PacketHook::new(probe, watch, packets, Task::Records { sample, ring_bytes: events.ring_size.0 })?;
        let (place, renderer) = printing::open(output, gates, &schema, options)?;
        let mut report = Rows { renderer, probe: Some(hook.name()), names: hook.names() };
        let summary = live::run(&hook, typed, notes, output.verbose, &mut report)?;
        commit(place)?;
        Ended::new(summary, None)
    };
    ended.outcome(gates, notes)
}

/// Packets as rows.
struct Rows {
    renderer: Box<dyn Renderer>,
    probe: Option<&'static str>,
    names: Names,
}

impl PacketReport for Rows {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn packet(&mut self, sighting: &Sighting, interface: Option<&str>) -> io::Result<()> {
        let interface = match (interface, sighting.interface) {
            (None, Some(index)) => Some(self.names.of(index)),
            (known, _) => known,
        };
        row(sighting, self.probe, interface, |cells| self.renderer.row(cells))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.renderer.flush()
    }

    fn rows(&self) -> u64 {
        self.renderer.counts().rows
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        printing::finish(self.renderer.as_mut(), summary)
    }
}
