//! A run over the packets of a capture file. Needs no privileges.

use anyhow::Context as _;

use super::{Pace, PacketReport};
use crate::args;
use crate::command::job::{self, Ended};
use crate::command::live::unix_ns;
use crate::command::replay::{Reading, stopped, tell_links};
use crate::probe::packets::Filter;
use crate::progress::{Notes, accounting_line};
use crate::render::{Accounting, PacketCounts, StopReason, Summary};
use crate::source::capture_file::{PacketCounters, PacketFile};

/// Runs to the end of the file, a signal, `--for`, `--count` or a closed pipe.
pub(in crate::command) fn replay(
    watch: &args::Watch,
    filter: &Filter,
    sample: u32,
    count: Option<u64>,
    notes: Notes,
    verbose: bool,
    report: &mut dyn PacketReport,
) -> anyhow::Result<Ended> {
    let path = watch.read.as_deref().context("no file to read")?;
    let (reading, input) = Reading::begin(path, watch.run_time.as_ref().map(|time| time.0))?;
    let name = &reading.name;
    let mut file = PacketFile::open(Box::new(input), filter, sample).with_context(|| format!("cannot read {name}"))?;
    let started_at_ns = file.first_ns().unwrap_or_else(unix_ns);
    let mut pace = Pace::new(count);
    let started = report.start(&reading.begun(started_at_ns, notes, verbose));
    let outcome = started.and_then(|()| reading.read(|limit| Ok((pace.step(&mut file, limit, report)?.records, pace.is_satisfied()))));
    let (stop_reason, failure) = stopped(outcome, || file.take_failure())?;
    let seen = file.counters();
    let accounting = account(&seen, file.dropped().unwrap_or(0));
    let mut summary =
        Summary { ended_at_ns: file.last_ns().max(started_at_ns), stop_reason, accounting, unseen: None, sentences: Vec::new(), failed: 0 };
    job::finish(&mut summary, |summary| report.finish(summary))?;
    tell(name, notes, &summary, &seen);
    Ok(Ended::new(summary, failure.map(|failure| reading.failed(failure))))
}

fn account(seen: &PacketCounters, lost: u64) -> Accounting {
    let PacketCounters { packets, filtered, unsampled, malformed, not_ip, tunnels, ref unsupported_link } = *seen;
    Accounting {
        events: packets + lost,
        lost,
        submitted: packets,
        filtered,
        undecodable: unsupported_link.packets,
        packets: Some(PacketCounts { seen: packets, unsampled, malformed, not_ip, tunnels }),
        ..Accounting::default()
    }
}

fn tell(name: &str, notes: Notes, summary: &Summary, seen: &PacketCounters) {
    let accounting = &summary.accounting;
    if summary.stop_reason != StopReason::ClosedPipe {
        notes.note(accounting_line(accounting));
    }
    if accounting.lost > 0 {
        notes.warn(format_args!("{} packets were dropped when {name} was captured: they are in no row", accounting.lost));
    }
    tell_links(notes, &seen.unsupported_link);
    if seen.packets == 0 {
        notes.note(format_args!("there is no packet in {name}"));
    }
}
