//! What all live runs have in common: hold the probe until the deadline or a reason to stop, look every few milliseconds, let go.

use std::io;
use std::thread;
use std::time::Duration;

use ehl_probes_common::counter::Counter;

use super::guard::Guard;
use super::looks::Looks;
use super::signals::Signals;
use crate::probe::{Cost, Counters, Links};
use crate::progress::Progress;
use crate::render::{ProbeCost, StopReason};

/// Records taken before stop conditions are looked at again.
const BATCH: usize = 64 * 1024;

/// What a run makes of what the probe has.
pub(super) trait Work {
    /// The probe is attached.
    fn start(&mut self) -> io::Result<()>;
    /// Takes what is there now, at most `limit` records; how many it were.
    fn step(&mut self, limit: usize) -> io::Result<usize>;
    /// Whether it has all that was asked for.
    fn is_satisfied(&self) -> bool;
    /// Rows so far, for the eye.
    fn rows(&self) -> u64;
    /// The probe is being detached, which takes the kernel a while: for what takes long and can go on meanwhile.
    fn detaching(&mut self) {}
    /// The probe is detached. What it left is still to be taken.
    fn detached(&mut self) {}
    /// It was taken.
    fn finish(&mut self) -> io::Result<()>;
}

/// How long to watch, and what is to happen meanwhile.
pub(super) struct Watch<'a> {
    pub(super) run_time: Duration,
    pub(super) quiet: bool,
    /// At what the probe has.
    pub(super) looks: Looks,
    /// Called once the probe is attached.
    pub(super) attached: &'a mut dyn FnMut() -> anyhow::Result<()>,
    /// Called when the time is over, with the probe still attached, for at most `grace`.
    pub(super) stopping: &'a mut dyn FnMut() -> anyhow::Result<()>,
    /// How long the probe stays attached for `stopping`.
    pub(super) grace: Duration,
}

/// How it ended.
pub(super) struct Watched {
    pub(super) stop_reason: StopReason,
    /// What the probe cost, if that was measured.
    pub(super) cost: Option<ProbeCost>,
}

impl Watch<'_> {
    /// Watches until the deadline, a signal, a closed pipe, or until the work has all that was asked for.
    pub(super) fn run(self, signals: Signals, links: Links, counters: &Counters, work: &mut dyn Work) -> anyhow::Result<Watched> {
        let Watch { run_time, quiet, looks, attached, stopping, grace } = self;
        let requested_early = signals.is_requested();
        let guard = Guard::hold(links, run_time + grace, signals)?;
        if requested_early {
            guard.release();
        }
        let progress = Progress::new(quiet, run_time);
        let mut outcome = work.start().map(|()| StopReason::Deadline);
        if outcome.is_ok() {
            attached()?;
            outcome = watch(work, &guard, looks, grace, counters, &progress);
        }
        stopping()?;
        guard.release();
        work.detaching();
        if outcome.is_ok() {
            outcome = follow(work, &guard, looks).and(outcome);
        }
        let cost = guard.join().map(|Cost { run_count, run_time_ns }| ProbeCost { run_count, run_time_ns });
        work.detached();
        if outcome.is_ok() {
            outcome = drain(work).and(outcome);
        }
        progress.finish();
        let stop_reason = match outcome {
            Err(ref error) if error.kind() == io::ErrorKind::BrokenPipe => StopReason::ClosedPipe,
            other => other?,
        };
        Ok(Watched { stop_reason, cost })
    }
}

/// Until the time is over, or there is another reason to detach the probe.
fn watch(
    work: &mut dyn Work,
    guard: &Guard,
    looks: Looks,
    grace: Duration,
    counters: &Counters,
    progress: &Progress,
) -> io::Result<StopReason> {
    let mut pause = looks.first();
    loop {
        let found = progress.beside_rows(|| work.step(BATCH))?;
        if work.is_satisfied() {
            return Ok(StopReason::Count);
        }
        if guard.is_signalled() {
            return Ok(StopReason::Signal);
        }
        let left = guard.left().saturating_sub(grace);
        if left.is_zero() || guard.is_released() {
            return Ok(StopReason::Deadline);
        }
        progress.update(left, work.rows(), || lost(counters));
        pause = looks.next(pause, found);
        thread::park_timeout(pause.min(left));
    }
}

/// Until the probe is detached: until then, records may come.
fn follow(work: &mut dyn Work, guard: &Guard, looks: Looks) -> io::Result<()> {
    while !guard.is_released() {
        work.step(BATCH)?;
        thread::park_timeout(looks.shortest());
    }
    Ok(())
}

fn lost(counters: &Counters) -> u64 {
    counters.read().map_or(0, |counts| counts.of(Counter::Lost))
}

/// What is still in the ring after the probe is detached: nothing new comes, so this ends.
fn drain(work: &mut dyn Work) -> io::Result<StopReason> {
    while work.step(BATCH)? > 0 {}
    work.finish()?;
    Ok(StopReason::Deadline)
}
