//! A run over a capture file: the same pipeline, fed with packets that were captured before. Needs no privileges.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::input::{Input, Stop};
use super::job::{self, Session};
use super::live::unix_ns;
use super::plan;
use super::signals::Signals;
use crate::args;
use crate::http::selection::Selection;
use crate::http::tracker::Tracker;
use crate::pipeline::Pipeline;
use crate::progress::{Notes, accounting_line, tell_unknown_fields};
use crate::render::{Accounting, NotHttp, Run, StopReason, Summary};
use crate::source::capture_file::{CaptureFile, Counters, ReadError, UnsupportedLinks, Watched};

/// Packets taken before rows are shown and stop conditions looked at; one where the next may take its time.
const BATCH: usize = 16 * 1024;

/// A capture file, and what is wanted of it.
pub(super) struct Recording {
    path: PathBuf,
    watched: Watched,
    limit: Option<Duration>,
    count: Option<u64>,
}

impl Recording {
    pub(super) fn new(path: &Path, args: &args::Http) -> Self {
        let args::Http { watch, events, .. } = args;
        Self {
            path: path.to_owned(),
            watched: Watched { ports: plan::ports(watch), networks: plan::networks(watch) },
            limit: watch.run_time.as_ref().map(|time| time.0),
            count: plan::count(events),
        }
    }
}

/// What a run over a file is to do.
pub(super) struct Replay<'a> {
    pub(super) recording: &'a Recording,
    pub(super) selection: Selection,
    pub(super) tracker: Tracker,
    pub(super) notes: Notes,
    pub(super) verbose: bool,
}

impl Replay<'_> {
    /// Runs to the end of the file, a signal, `--for`, `--count` or a closed pipe. Also says why the file could not be read to
    /// its end: what was read before is in the result.
    pub(super) fn run(self, session: &mut dyn Session) -> anyhow::Result<(Summary, Option<anyhow::Error>)> {
        let Replay { recording, selection, tracker, notes, verbose } = self;
        let (reading, input) = Reading::begin(&recording.path, recording.limit)?;
        let name = &reading.name;
        let source = CaptureFile::open(Box::new(input), &recording.watched).with_context(|| format!("cannot read {name}"))?;
        let started_at_ns = source.first_ns().unwrap_or_else(unix_ns);
        let run = reading.begun(started_at_ns, notes, verbose);
        let mut pipeline = Pipeline::new(source, tracker, selection, recording.count);
        let started = session.start(&run);
        let read = started.and_then(|()| reading.read(|limit| Ok((pipeline.step(limit, session)?, pipeline.is_satisfied()))));
        let outcome = read.and_then(|reason| pipeline.finish(session).map(|()| reason));
        let (stop_reason, failure) = stopped(outcome, || pipeline.source_mut().take_failure())?;
        let ended_at_ns = pipeline.source_mut().last_ns().max(started_at_ns);
        let mut summary = Summary {
            ended_at_ns,
            stop_reason,
            accounting: account(&mut pipeline, session.rows()),
            unseen: None,
            sentences: Vec::new(),
            failed: 0,
        };
        let seen = pipeline.source_mut().counters();
        job::finish(&mut summary, |summary| session.finish(summary))?;
        tell(name, notes, &summary, &seen);
        Ok((summary, failure.map(|failure| reading.failed(failure))))
    }
}

/// The reading of a file, whatever is made of it.
pub(super) struct Reading {
    /// As in messages.
    pub(super) name: String,
    stop: Arc<Stop>,
    batch: usize,
}

impl Reading {
    /// Opens the file; - is stdin.
    pub(super) fn begin(path: &Path, limit: Option<Duration>) -> anyhow::Result<(Self, Input)> {
        let name = if path.as_os_str() == "-" { "stdin".to_owned() } else { path.display().to_string() };
        let stop = Stop::at(Signals::catch()?, limit.map(|limit| Instant::now() + limit));
        let input = Input::open(path, stop.clone()).with_context(|| format!("cannot open {name}"))?;
        let batch = if input.waits() { 1 } else { BATCH };
        Ok((Self { name, stop, batch }, input))
    }

    /// The run, as its output begins with it; said with `--verbose`.
    pub(super) fn begun(&self, started_at_ns: u64, notes: Notes, verbose: bool) -> Run {
        if verbose {
            notes.note(format_args!("reading {}", self.name));
        }
        Run { host: None, kernel: None, probe: None, attached: vec![self.name.clone()], started_at_ns }
    }

    /// Takes a step at a time, each of at most so many packets: how many it were, and whether that is enough.
    pub(super) fn read(&self, mut step: impl FnMut(usize) -> io::Result<(usize, bool)>) -> io::Result<StopReason> {
        loop {
            let (packets, is_satisfied) = step(self.batch)?;
            if is_satisfied {
                return Ok(StopReason::Count);
            }
            if self.stop.is_due() {
                return Ok(if self.stop.is_signalled() { StopReason::Signal } else { StopReason::Deadline });
            }
            if packets == 0 {
                return Ok(StopReason::EndOfInput);
            }
        }
    }

    /// Why not all of the file could be read.
    pub(super) fn failed(&self, error: ReadError) -> anyhow::Error {
        anyhow::Error::new(error).context(format!("cannot read all of {}", self.name))
    }
}

/// Why it stopped, and what failed if that is why.
pub(super) fn stopped(
    outcome: io::Result<StopReason>,
    failure: impl FnOnce() -> Option<ReadError>,
) -> io::Result<(StopReason, Option<ReadError>)> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok((StopReason::ClosedPipe, None)),
        Ok(StopReason::EndOfInput) => Ok(failure().map_or((StopReason::EndOfInput, None), |failure| (StopReason::Failed, Some(failure)))),
        other => Ok((other?, None)),
    }
}

fn account(pipeline: &mut Pipeline<CaptureFile>, rows: u64) -> Accounting {
    let counts = pipeline.counts();
    let source = pipeline.source_mut();
    let (seen, lost) = (source.counters(), source.dropped().unwrap_or(0));
    Accounting {
        events: seen.packets + lost,
        lost,
        duplicates: counts.duplicates,
        truncated: counts.truncated,
        undecodable: counts.undecodable + seen.undecodable + seen.unsupported_link.packets,
        unknown_fields: counts.unknown_fields,
        filtered: pipeline.filtered(),
        unpaired_requests: counts.unpaired_requests,
        unpaired_responses: counts.unpaired_responses,
        rows,
        submitted: seen.packets,
        exchanges: counts.exchanges - pipeline.beyond_count(),
        rows_beyond_max: 0,
        evicted: counts.evicted,
        untracked: 0,
        out_of_step: 0,
        fragments: seen.fragments,
        not_http: NotHttp { tls: counts.tls, proxy: 0, other: counts.other },
        packets: None,
        probe_cost: None,
    }
}

/// What a person wants to know besides the rows.
fn tell(name: &str, notes: Notes, summary: &Summary, seen: &Counters) {
    let accounting = &summary.accounting;
    if summary.stop_reason != StopReason::ClosedPipe {
        notes.note(accounting_line(accounting));
    }
    tell_unknown_fields(notes, accounting);
    if accounting.lost > 0 {
        notes.warn(format_args!("{} packets were dropped when {name} was captured: rows may be missing", accounting.lost));
    }
    tell_links(notes, &seen.unsupported_link);
    if accounting.exchanges == 0 {
        notes.note(format_args!(
            "no HTTP exchange was seen in {name}: {} packets, {} TCP segments with payload",
            seen.packets, seen.segments
        ));
        tell_other_protocols(notes, &accounting.not_http);
    }
}

/// Packets that were not looked at because of their link type.
pub(super) fn tell_links(notes: Notes, unsupported: &UnsupportedLinks) {
    if unsupported.packets > 0 {
        let types: Vec<_> = unsupported.types.iter().flatten().map(u16::to_string).collect();
        notes.warn(format_args!("{} packets are of a link type that ehl does not read ({})", unsupported.packets, types.join(", ")));
    }
}

fn tell_other_protocols(notes: Notes, not_http: &NotHttp) {
    let NotHttp { tls, proxy: _, other } = *not_http;
    if tls > 0 {
        notes.note(format_args!("{tls} streams were TLS, which no capture file shows in clear"));
    }
    if other > 0 {
        notes.note(format_args!("{other} streams were other than HTTP or TLS"));
    }
}
