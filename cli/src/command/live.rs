//! A live run that makes exchanges: attach, give up privileges, watch, account for everything.

use std::io;
use std::time::Duration;

use ehl_probes_common::counter::Counter;
use rustix::time::{ClockId, clock_gettime};

use super::hook::Hook;
use super::job::{self, Session};
use super::plan::not_http;
use super::signals::Signals;
use super::watch::{Watch, Watched, Work};
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::pipeline::Pipeline;
use crate::probe::{Attached, Counters};
use crate::progress::{Notes, accounting_line, tell_unknown_fields};
use crate::render::{Accounting, ProbeCost, Run, StopReason, Summary, Unseen};
use crate::source::ring::Ring;

/// What a run is to do.
pub(super) struct Live<'a> {
    pub(super) hook: Hook,
    pub(super) run_time: Duration,
    pub(super) count: Option<u64>,
    pub(super) selection: Selection,
    pub(super) tracker: Tracker,
    pub(super) notes: Notes,
    pub(super) verbose: bool,
    /// Called once the probe is attached.
    pub(super) attached: &'a mut dyn FnMut() -> anyhow::Result<()>,
    /// Called when the time is over, with the probe still attached, for at most `grace`.
    pub(super) stopping: &'a mut dyn FnMut() -> anyhow::Result<()>,
    /// How long the probe stays attached for `stopping`.
    pub(super) grace: Duration,
}

impl Live<'_> {
    /// Runs to the deadline, a signal, `--count` or a closed pipe.
    pub(super) fn run(self, session: &mut dyn Session) -> anyhow::Result<Summary> {
        let Live { mut hook, run_time, count, selection, tracker, notes, verbose, attached, stopping, grace } = self;
        let signals = Signals::catch()?;
        let Attached { links, records, memory, counters } = hook.attach(notes)?;
        let run = begun(hook.name(), hook.describe(), notes, verbose);
        let source = Ring::new(records, memory, monotonic_to_unix_ns());
        let pipeline = Pipeline::new(source, tracker, selection, count);
        let looks = hook.looks();
        let mut work = Exchanges { hook, run, pipeline, session, unseen: None };
        let watch = Watch { run_time, quiet: notes.quiet, looks, attached, stopping, grace };
        let Watched { stop_reason, cost } = watch.run(signals, links, &counters, &mut work)?;
        let Exchanges { hook, mut pipeline, session, mut unseen, .. } = work;
        if let Some(unseen) = &mut unseen {
            // Those that were seen in what was still to be taken.
            let seen = pipeline.source_mut().processes();
            unseen.retain(|process| process.pid.is_none_or(|pid| !seen.contains(&pid)));
        }
        let accounting = account(&pipeline, session.rows(), &counters, cost)?;
        let mut summary = Summary { ended_at_ns: unix_ns(), stop_reason, accounting, unseen, sentences: Vec::new(), failed: 0 };
        job::finish(&mut summary, |summary| session.finish(summary))?;
        tell(&hook, notes, &summary, pipeline.unaddressed());
        hook.tell(notes, &summary, &counters.read()?);
        Ok(summary)
    }
}

/// Exchanges of a probe's records.
struct Exchanges<'a> {
    hook: Hook,
    run: Run,
    pipeline: Pipeline<Ring>,
    session: &'a mut dyn Session,
    unseen: Option<Vec<Unseen>>,
}

impl Work for Exchanges<'_> {
    fn start(&mut self) -> io::Result<()> {
        self.session.start(&self.run)
    }

    fn step(&mut self, limit: usize) -> io::Result<usize> {
        self.pipeline.step(limit, &mut *self.session)
    }

    fn is_satisfied(&self) -> bool {
        self.pipeline.is_satisfied()
    }

    fn rows(&self) -> u64 {
        self.session.rows()
    }

    fn detaching(&mut self) {
        self.unseen = self.hook.unseen(self.pipeline.source_mut().processes());
    }

    fn finish(&mut self) -> io::Result<()> {
        self.pipeline.finish(&mut *self.session)
    }
}

/// Who and where we are, now that the probe is attached; said with `--verbose`.
pub(super) fn begun(probe: &'static str, attached: Vec<String>, notes: Notes, verbose: bool) -> Run {
    if verbose {
        notes.note(format_args!("attached {probe}: {}", attached.join("; ")));
    }
    let uname = rustix::system::uname();
    Run {
        host: Some(uname.nodename().to_string_lossy().into_owned()),
        kernel: Some(uname.release().to_string_lossy().into_owned()),
        probe: Some(probe),
        attached,
        started_at_ns: unix_ns(),
    }
}

/// What a person wants to know besides the rows, whatever the probe.
fn tell(hook: &Hook, notes: Notes, summary: &Summary, unaddressed: u64) {
    let accounting = &summary.accounting;
    if accounting.lost > 0 {
        notes.warn(accounting_line(accounting));
        notes.warn(format_args!("events were lost: rows are missing; {} helps", hook.against_loss()));
    } else if summary.stop_reason != StopReason::ClosedPipe {
        notes.note(accounting_line(accounting));
    }
    tell_unknown_fields(notes, accounting);
    if accounting.exchanges > 0 && accounting.rows == 0 && accounting.filtered > 0 {
        notes.note(format_args!("{} exchanges were seen, and none matched the selection", accounting.filtered));
    }
    if unaddressed > 0 {
        notes.note(format_args!("{unaddressed} of them have no known address, and were left out by --port or --net"));
    }
}

fn account(pipeline: &Pipeline<Ring>, rows: u64, counters: &Counters, cost: Option<ProbeCost>) -> anyhow::Result<Accounting> {
    let kernel = counters.read()?;
    let counts = pipeline.counts();
    let submitted = kernel.of(Counter::Submitted);
    let lost = kernel.of(Counter::Lost);
    Ok(Accounting {
        events: submitted + lost,
        lost,
        duplicates: kernel.of(Counter::Duplicates),
        truncated: counts.truncated,
        undecodable: counts.undecodable + pipeline.found().undecodable as u64,
        unknown_fields: counts.unknown_fields,
        filtered: pipeline.filtered(),
        unpaired_requests: counts.unpaired_requests,
        unpaired_responses: counts.unpaired_responses,
        rows,
        submitted,
        exchanges: counts.exchanges - pipeline.beyond_count(),
        rows_beyond_max: 0,
        evicted: counts.evicted,
        untracked: kernel.of(Counter::Untracked),
        out_of_step: kernel.of(Counter::Desynchronised),
        fragments: kernel.of(Counter::Fragments),
        not_http: not_http(&kernel),
        packets: None,
        probe_cost: cost,
    })
}

/// Now, in nanoseconds since 1970.
pub(super) fn unix_ns() -> u64 {
    ns(ClockId::Realtime)
}

/// What `CLOCK_MONOTONIC` lacks to the time since 1970.
pub(super) fn monotonic_to_unix_ns() -> u64 {
    unix_ns().wrapping_sub(ns(ClockId::Monotonic))
}

fn ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
