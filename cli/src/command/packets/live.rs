//! A live run over packets: attach, give up privileges, watch, account for everything.

use std::io;
use std::time::Duration;

use caps::Capability;
use ehl_probes_common::counter::Counter;

use super::{Pace, PacketHook, PacketReport, Typed};
use crate::command::live::{begun, monotonic_to_unix_ns, unix_ns};
use crate::command::looks::Looks;
use crate::command::signals::Signals;
use crate::command::watch::{Watch, Watched, Work};
use crate::command::{job, plan};
use crate::probe::{Attached, Counters, Counts, Links};
use crate::progress::{Notes, accounting_line};
use crate::render::{Accounting, PacketCounts, Run, StopReason, Summary};
use crate::source::Found;
use crate::source::packets::PacketRing;

/// One row per packet: runs to the deadline, a signal, `--count` or a closed pipe.
pub(super) fn run(
    hook: &PacketHook,
    typed: &Typed<'_>,
    notes: Notes,
    verbose: bool,
    report: &mut dyn PacketReport,
) -> anyhow::Result<Summary> {
    let (signals, attached, run) = begin(hook, notes, verbose, &[])?;
    let Attached { links, records, counters, .. } = attached;
    let ring = PacketRing::new(records, monotonic_to_unix_ns());
    let mut work = Packets { ring, run, report, pace: Pace::new(plan::count(typed.events)), undecodable: 0 };
    let watched = hold(plan::run_time(typed.watch), notes, signals, links, &counters, &mut work)?;
    let Packets { report, undecodable, .. } = work;
    end(hook, notes, &watched, &counters, |summary| {
        summary.accounting.undecodable = undecodable;
        report.finish(summary)
    })
}

/// Attaches the probe, and gives up what privileges are not `still` needed.
pub(in crate::command) fn begin(
    hook: &PacketHook,
    notes: Notes,
    verbose: bool,
    still: &[Capability],
) -> anyhow::Result<(Signals, Attached, Run)> {
    let signals = Signals::catch()?;
    let attached = hook.attach(notes, still)?;
    Ok((signals, attached, begun(hook.name(), hook.describe(), notes, verbose)))
}

/// Watches until the deadline, or a reason to stop.
pub(in crate::command) fn hold(
    run_time: Duration,
    notes: Notes,
    signals: Signals,
    links: Links,
    counters: &Counters,
    work: &mut dyn Work,
) -> anyhow::Result<Watched> {
    let (attached, stopping) = (&mut || Ok(()), &mut || Ok(()));
    let watch = Watch { run_time, quiet: notes.quiet, looks: Looks::PACKETS, attached, stopping, grace: Duration::ZERO };
    watch.run(signals, links, counters, work)
}

/// The end of the run, once the probe is detached: the accounting, the rest of the output, and what there is to say.
pub(in crate::command) fn end(
    hook: &PacketHook,
    notes: Notes,
    watched: &Watched,
    counters: &Counters,
    finish: impl FnOnce(&mut Summary) -> io::Result<()>,
) -> anyhow::Result<Summary> {
    let Watched { stop_reason, cost } = *watched;
    let accounting = Accounting { probe_cost: cost, ..account(&counters.read()?) };
    let mut summary = Summary { ended_at_ns: unix_ns(), stop_reason, accounting, unseen: None, sentences: Vec::new(), failed: 0 };
    job::finish(&mut summary, finish)?;
    let Accounting { lost, packets, .. } = summary.accounting;
    if lost > 0 {
        notes.warn(accounting_line(&summary.accounting));
        notes.warn("packets were lost: rows are missing; a larger --ring-size, --sample, or a filter helps; `ehl flows` loses none");
    } else if summary.stop_reason != StopReason::ClosedPipe {
        notes.note(accounting_line(&summary.accounting));
    }
    hook.tell(notes, packets.map_or(0, |packets| packets.seen));
    Ok(summary)
}

fn account(kernel: &Counts) -> Accounting {
    let (submitted, lost) = (kernel.of(Counter::Submitted), kernel.of(Counter::Lost));
    let packets = PacketCounts {
        seen: kernel.of(Counter::Packets),
        unsampled: kernel.of(Counter::Unsampled),
        malformed: kernel.of(Counter::Malformed),
        not_ip: kernel.of(Counter::NotIp),
        tunnels: kernel.of(Counter::Tunnels),
    };
    Accounting {
        events: submitted + lost,
        lost,
        submitted,
        filtered: kernel.of(Counter::Filtered),
        fragments: kernel.of(Counter::Fragments),
        packets: Some(packets),
        ..Accounting::default()
    }
}

/// Packets of a probe's records.
struct Packets<'a> {
    ring: PacketRing,
    run: Run,
    report: &'a mut dyn PacketReport,
    pace: Pace,
    /// Records that are none of ours.
    undecodable: u64,
}

impl Work for Packets<'_> {
    fn start(&mut self) -> io::Result<()> {
        self.report.start(&self.run)
    }

    fn step(&mut self, limit: usize) -> io::Result<usize> {
        let Found { records, undecodable } = self.pace.step(&mut self.ring, limit, self.report)?;
        self.undecodable += undecodable as u64;
        Ok(records)
    }

    fn is_satisfied(&self) -> bool {
        self.pace.is_satisfied()
    }

    fn rows(&self) -> u64 {
        self.report.rows()
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}
