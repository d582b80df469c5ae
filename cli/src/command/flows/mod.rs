//! `ehl flows`: totals of packets, kept in the kernel, or made of a file.

mod columns;
mod owner;

use std::io;
use std::time::Duration;

use ehl_probes_common::flow::By;

use self::columns::{Cells, FIRST, default, schema};
use self::owner::Lookout;
use super::interfaces::Names;
use super::job::Ended;
use super::live::monotonic_to_unix_ns;
use super::packets::{PacketHook, PacketReport, begin, end, filter, hold, replay};
use super::printing::{self, commit};
use super::watch::Work;
use super::{Outcome, plan};
use crate::aggregate::flows::Flows;
use crate::args;
use crate::packet::Sighting;
use crate::probe::packets::Task;
use crate::probe::{Attached, Memory, needs};
use crate::progress::Notes;
use crate::render::{Options, Renderer, Run, Summary};

/// Counts as asked for.
pub(super) fn run(args: &args::Flows) -> anyhow::Result<Outcome> {
    let args::Flows { probe, watch, by, max_flows, packets, output, top, gates } = args;
    let notes = Notes { quiet: output.quiet };
    plan::enter(watch)?;
    let by = grouping(*by);
    let schema = schema(by);
    let selected = printing::columns(output, &schema, default(&schema), &FIRST)?;
    let options =
        Options { columns: Some(selected), top: top.map(|rows| rows.0.get()), fit: true, max_rows: usize::MAX, ..Options::default() };
    let ended = if watch.read.is_some() {
        let filter = filter(watch, packets)?;
        let (place, renderer) = printing::open(output, gates, &schema, options)?;
        let mut report = Counted { by, flows: Flows::new(by, *max_flows), renderer, started_at_ns: 0, names: Names::default() };
        let ended = replay(watch, &filter, 1, None, notes, output.verbose, &mut report)?;
        commit(place)?;
        ended
    } else {
        let hook = PacketHook::new(*probe, watch, packets, Task::Flows { by, max_flows: *max_flows })?;
        let (place, renderer) = printing::open(output, gates, &schema, options)?;
        let summary = live(&hook, args, by, notes, renderer)?;
        commit(place)?;
        Ended::new(summary, None)
    };
    ended.outcome(gates, notes)
}

fn grouping(by: args::By) -> By {
    match by {
        args::By::Tuple => By::Tuple,
        args::By::Src => By::Source,
        args::By::Dst => By::Destination,
        args::By::Port => By::Port,
        args::By::Protocol => By::Protocol,
        args::By::Interface => By::Interface,
    }
}

/// Totals that the kernel keeps: runs to the deadline, a signal or a closed pipe.
fn live(hook: &PacketHook, args: &args::Flows, by: By, notes: Notes, renderer: Box<dyn Renderer>) -> anyhow::Result<Summary> {
    let still = if by == By::Tuple { needs::OWNERS } else { &[] };
    // By the end, an interface may be gone.
    let mut names = hook.names();
    let (signals, attached, run) = begin(hook, notes, args.output.verbose, still)?;
    let Attached { links, memory: Memory::Flows(kept), counters, .. } = attached else {
        anyhow::bail!("the probe keeps no flows");
    };
    let started_at_ns = run.started_at_ns;
    let owners = (by == By::Tuple).then(Lookout::new);
    let mut work = Watching { run, owners, renderer };
    let watched = hold(plan::run_time(&args.watch), notes, signals, links, &counters, &mut work)?;
    let Watching { owners, mut renderer, .. } = work;
    let mut flows = Flows::new(by, u32::MAX);
    kept.each(|key, totals| flows.insert(*key, totals));
    flows.insert_other(&kept.other());
    end(hook, notes, &watched, &counters, |summary| {
        let mut cells = Cells {
            by,
            watched: Duration::from_nanos(summary.ended_at_ns.saturating_sub(started_at_ns)),
            to_unix_ns: monotonic_to_unix_ns(),
            owners: owners.as_ref(),
            names: &mut names,
        };
        print(&flows, hook.sees_both_ways(), &mut cells, renderer.as_mut())?;
        printing::finish(renderer.as_mut(), summary)
    })
}

/// A run during which the kernel counts, and sockets are looked up.
struct Watching {
    run: Run,
    owners: Option<Lookout>,
    renderer: Box<dyn Renderer>,
}

impl Work for Watching {
    fn start(&mut self) -> io::Result<()> {
        self.renderer.start(&self.run)?;
        self.renderer.flush()
    }

    fn step(&mut self, _limit: usize) -> io::Result<usize> {
        if let Some(owners) = &mut self.owners {
            owners.look();
        }
        Ok(0)
    }

    fn is_satisfied(&self) -> bool {
        false
    }

    fn rows(&self) -> u64 {
        0
    }

    fn detached(&mut self) {
        if let Some(owners) = &mut self.owners {
            owners.look_now();
        }
    }

    fn finish(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Totals of the packets of a file.
struct Counted {
    by: By,
    flows: Flows,
    renderer: Box<dyn Renderer>,
    started_at_ns: u64,
    names: Names,
}

impl PacketReport for Counted {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.started_at_ns = run.started_at_ns;
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn packet(&mut self, sighting: &Sighting, interface: Option<&str>) -> io::Result<()> {
        if let (Some(index), Some(name)) = (sighting.interface, interface) {
            self.names.note(index, name);
        }
        self.flows.add(sighting);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rows(&self) -> u64 {
        0
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        let Self { by, flows, renderer, started_at_ns, names } = self;
        let watched = Duration::from_nanos(summary.ended_at_ns.saturating_sub(*started_at_ns));
        let mut cells = Cells { by: *by, watched, to_unix_ns: 0, owners: None, names };
        print(flows, false, &mut cells, renderer.as_mut())?;
        printing::finish(renderer.as_mut(), summary)
    }
}

/// The largest first, what did not fit last.
fn print(flows: &Flows, sees_both_ways: bool, cells: &mut Cells<'_>, renderer: &mut dyn Renderer) -> io::Result<()> {
    for row in flows.rows(sees_both_ways) {
        cells.of(&row, |cells| renderer.row(cells))?;
    }
    flows.other().map_or(Ok(()), |totals| cells.other(totals, |cells| renderer.row(cells)))
}
