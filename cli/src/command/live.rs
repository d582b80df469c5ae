//! A live run: attach, give up privileges, look every few milliseconds until the deadline, account for everything.

use std::io;
use std::thread;
use std::time::Duration;

use ehl_probes_common::counter::Counter;
use rustix::time::{ClockId, clock_gettime};

use super::guard::Guard;
use super::hook::Hook;
use super::job::{self, Session};
use super::plan::not_http;
use super::signals::Signals;
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::pipeline::Pipeline;
use crate::probe::{Attached, Cost, Counters};
use crate::progress::{Notes, Progress, accounting_line, tell_unknown_fields};
use crate::render::{Accounting, ProbeCost, Run, StopReason, Summary};
use crate::source::ring::Ring;

/// How often the ring buffer is looked at: long enough that the traced host does not notice, short enough that 8 MiB do
/// not fill up.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// Records taken before stop conditions are looked at again.
const BATCH: usize = 64 * 1024;

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
        let run = describe(&hook);
        if verbose {
            notes.note(format_args!("attached {}: {}", hook.name(), run.attached.join("; ")));
        }
        let requested_early = signals.is_requested();
        let guard = Guard::hold(links, run_time + grace, signals)?;
        if requested_early {
            guard.release();
        }
        let progress = Progress::new(notes.quiet, run_time);
        let mut outcome = session.start(&run).map(|()| StopReason::Deadline);
        if outcome.is_ok() {
            attached()?;
        }
        let source = Ring::new(records, memory, monotonic_to_unix_ns());
        let mut pipeline = Pipeline::new(source, tracker, selection, count, &mut *session);
        if outcome.is_ok() {
            outcome = watch(&mut pipeline, &guard, grace, &counters, &progress);
        }
        stopping()?;
        let cost = guard.join();
        hook.detached();
        if outcome.is_ok() {
            outcome = drain(&mut pipeline).and(outcome);
        }
        progress.finish();
        let stop_reason = match outcome {
            Err(ref error) if error.kind() == io::ErrorKind::BrokenPipe => StopReason::ClosedPipe,
            other => other?,
        };
        let unseen = hook.unseen(pipeline.source_mut().processes());
        let mut summary = Summary { ended_at_ns: unix_ns(), stop_reason, accounting: account(&pipeline, &counters, cost)?, unseen };
        let unaddressed = pipeline.unaddressed();
        drop(pipeline);
        job::finish(session, &mut summary)?;
        tell(&hook, notes, &summary, unaddressed);
        hook.tell(notes, &summary, &counters.read()?);
        Ok(summary)
    }
}

/// Who and where we are.
fn describe(hook: &Hook) -> Run {
    let uname = rustix::system::uname();
    Run {
        host: Some(uname.nodename().to_string_lossy().into_owned()),
        kernel: Some(uname.release().to_string_lossy().into_owned()),
        probe: Some(hook.name()),
        attached: hook.describe(),
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

/// Until the probe is detached, or there is a reason to detach it.
fn watch(
    pipeline: &mut Pipeline<'_, Ring>,
    guard: &Guard,
    grace: Duration,
    counters: &Counters,
    progress: &Progress,
) -> io::Result<StopReason> {
    loop {
        progress.beside_rows(|| pipeline.step(BATCH))?;
        if pipeline.is_satisfied() {
            return Ok(StopReason::Count);
        }
        if guard.is_signalled() {
            return Ok(StopReason::Signal);
        }
        let left = guard.left().saturating_sub(grace);
        if guard.is_released() || left.is_zero() && !grace.is_zero() {
            return Ok(StopReason::Deadline);
        }
        progress.update(left, pipeline.rows(), lost(counters));
        thread::park_timeout(LOOK_EVERY);
    }
}

fn lost(counters: &Counters) -> u64 {
    counters.read().map_or(0, |counts| counts.of(Counter::Lost))
}

/// What is still in the ring after the probe is detached: nothing new comes, so this ends.
fn drain(pipeline: &mut Pipeline<'_, Ring>) -> io::Result<StopReason> {
    while pipeline.step(BATCH)? > 0 {}
    pipeline.finish()?;
    Ok(StopReason::Deadline)
}

fn account(pipeline: &Pipeline<'_, Ring>, counters: &Counters, cost: Option<Cost>) -> anyhow::Result<Accounting> {
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
        rows: pipeline.rows(),
        submitted,
        exchanges: counts.exchanges - pipeline.beyond_count(),
        rows_beyond_max: 0,
        evicted: counts.evicted,
        untracked: kernel.of(Counter::Untracked),
        out_of_step: kernel.of(Counter::Desynchronised),
        fragments: kernel.of(Counter::Fragments),
        not_http: not_http(&kernel),
        probe_cost: cost.map(|cost| ProbeCost { run_count: cost.run_count, run_time_ns: cost.run_time_ns }),
    })
}

/// Now, in nanoseconds since 1970.
pub(super) fn unix_ns() -> u64 {
    ns(ClockId::Realtime)
}

fn monotonic_to_unix_ns() -> u64 {
    unix_ns().wrapping_sub(ns(ClockId::Monotonic))
}

fn ns(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
