//! What a subcommand asks for, whichever the source of the traffic, and how it ended.

use std::io;
use std::time::Duration;

use super::Outcome;
use super::hook::Hook;
use super::live::Live;
use super::plan;
use super::replay::{Recording, Replay};
use crate::args::{self, ProbeName, Redact};
use crate::http::head::Wanted;
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{Run, Summary};

/// A report that is told of the start and the end.
pub(super) trait Session: Report {
    /// The source is there: the probe is attached, or the file is open.
    fn start(&mut self, run: &Run) -> io::Result<()>;
    /// The run is over: prints what is left, and completes the summary with what was printed.
    fn finish(&mut self, summary: &mut Summary) -> io::Result<()>;
}

/// What to look at, and what to make of it.
pub(super) struct Job {
    input: Input,
    selection: Selection,
    tracker: Tracker,
    notes: Notes,
    verbose: bool,
}

/// Where the traffic comes from.
enum Input {
    Kernel { hook: Hook, run_time: Duration, count: Option<u64> },
    File(Recording),
}

/// How it ended.
pub(super) struct Ended {
    summary: Summary,
    /// Why not all of the input could be read.
    failure: Option<anyhow::Error>,
}

impl Job {
    /// Exchanges of what is watched or read, with the elements that are wanted.
    pub(super) fn new(probe: ProbeName, http: &args::Http, output: &args::Output, wanted: Wanted) -> anyhow::Result<Self> {
        let notes = Notes { quiet: output.quiet };
        let args::Http { watch, events, processes: _, selection, secrets } = http;
        if secrets.redact == Redact::Off {
            notes.warn("--redact off: secrets are printed as they are");
        }
        let input = match &watch.read {
            None => {
                let hook = Hook::new(probe, http, output.verbose)?;
                Input::Kernel { hook, run_time: plan::run_time(watch), count: plan::count(events) }
            }
            Some(path) => Input::File(Recording::new(path, http)),
        };
        Ok(Self {
            input,
            selection: Selection { ends: plan::ends_to_keep(probe, watch), ..plan::selection(selection) },
            tracker: Tracker::new(wanted, plan::redactor(secrets.redact)),
            notes,
            verbose: output.verbose,
        })
    }

    /// The probe that sees the traffic; `None` when it is read from a file.
    pub(super) fn probe(&self) -> Option<&'static str> {
        match self.input {
            Input::Kernel { ref hook, .. } => Some(hook.name()),
            Input::File(_) => None,
        }
    }

    /// Runs to the end of the time, of the file, or of the reader's patience.
    pub(super) fn run(self, session: &mut dyn Session) -> anyhow::Result<Ended> {
        let Self { input, selection, tracker, notes, verbose } = self;
        match input {
            Input::Kernel { hook, run_time, count } => {
                let live = Live {
                    hook,
                    run_time,
                    count,
                    selection,
                    tracker,
                    notes,
                    verbose,
                    attached: &mut || Ok(()),
                    stopping: &mut || Ok(()),
                    grace: Duration::ZERO,
                };
                Ok(Ended::new(live.run(session)?, None))
            }
            Input::File(recording) => {
                let (summary, failure) = Replay { recording: &recording, selection, tracker, notes, verbose }.run(session)?;
                Ok(Ended::new(summary, failure))
            }
        }
    }
}

impl Ended {
    /// Of what was seen or read, and why not all of it could be read.
    pub(super) fn new(summary: Summary, failure: Option<anyhow::Error>) -> Self {
        Self { summary, failure }
    }

    /// What decides the exit status, in the order of precedence.
    pub(super) fn outcome(self, gates: &args::Gates, notes: Notes) -> anyhow::Result<Outcome> {
        let Self { summary, failure } = self;
        if let Some(failure) = failure {
            return Err(failure);
        }
        let accounting = &summary.accounting;
        if gates.fail_on_loss && accounting.lost > 0 {
            notes.warn(format_args!("{} events were lost (--fail-on-loss)", accounting.lost));
            return Ok(Outcome::Lost);
        }
        match gates.expect_min {
            Some(expected) if accounting.rows < expected => {
                notes.warn(format_args!("{} rows, {expected} expected (--expect-min)", accounting.rows));
                Ok(Outcome::TooFew)
            }
            _ if summary.failed > 0 => Ok(Outcome::Failed),
            _ => Ok(Outcome::Done),
        }
    }
}

/// The end of the output; a closed pipe is none of the run's failures.
pub(super) fn finish(summary: &mut Summary, finish: impl FnOnce(&mut Summary) -> io::Result<()>) -> io::Result<()> {
    use crate::render::StopReason::ClosedPipe;
    if summary.stop_reason == ClosedPipe {
        return Ok(());
    }
    match finish(summary) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => summary.stop_reason = ClosedPipe,
        other => other?,
    }
    Ok(())
}
