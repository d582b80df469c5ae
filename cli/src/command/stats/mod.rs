//! `ehl stats`: statistics of an API, one row per group of exchanges.

mod columns;
mod llm;

use std::io;
use std::time::Duration;

use self::columns::{Cells, default, first, for_merging, is_histogram, schema};
use super::grouping::Grouping;
use super::job::{Job, Session};
use super::printing::{self, commit};
use super::{Outcome, Usage};
use crate::aggregate::groups::Groups;
use crate::aggregate::in_flight::{InFlight, Interval, Load, under_way};
use crate::aggregate::stats::Stats;
use crate::args::{self, Format};
use crate::http::exchange::Exchange;
use crate::http::head::Wanted;
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{Options, Renderer, Run, Schema, Summary};

/// Counts as asked for.
pub(super) fn run(args: &args::Stats) -> anyhow::Result<Outcome> {
    let args::Stats { probe, http, by, max_groups, llm, output, top, gates } = args;
    let notes = Notes { quiet: output.quiet };
    let grouping = Grouping::new(by);
    let wanted = grouping.wanted();
    let job = Job::new(*probe, http, output, Wanted { llm: *llm || wanted.llm, ..wanted })?;
    let mut schema = schema(&grouping);
    let columns = selected(output, &mut schema, &grouping, *llm)?;
    let has_histograms = columns.iter().map(|place| &*schema.columns[*place].name).chain(output.sort.as_deref()).any(is_histogram);
    let options = Options {
        columns: Some(columns),
        top: top.map(|rows| rows.0.get()),
        for_the_eye: true,
        fit: true,
        max_rows: usize::MAX,
        ..Options::default()
    };
    let (place, renderer) = printing::open(output, gates, &schema, options)?;
    let groups = Groups::new(grouping.by, *max_groups as usize);
    let in_flight = InFlight::default();
    let mut report = Counted { grouping, groups, in_flight, renderer, started_at_ns: 0, llm: *llm, has_histograms };
    let ended = job.run(&mut report)?;
    commit(place)?;
    ended.outcome(gates, notes)
}

/// The columns asked for, once those of `--llm` are there. JSON has more by default than what people look at.
fn selected(output: &args::Output, schema: &mut Schema, grouping: &Grouping, llm: bool) -> Result<Vec<usize>, Usage> {
    let mut default = match output.format {
        Format::Table | Format::Csv => default(schema),
        Format::Json | Format::Ndjson => for_merging(schema),
    };
    if llm {
        llm::add_to(schema, &mut default, output.format);
    }
    printing::columns(output, schema, default, &first(schema, grouping, llm))
}

/// Statistics of groups of exchanges.
struct Counted {
    grouping: Grouping,
    groups: Groups<Stats>,
    in_flight: InFlight<()>,
    renderer: Box<dyn Renderer>,
    started_at_ns: u64,
    llm: bool,
    has_histograms: bool,
}

impl Report for Counted {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        let Self { groups, in_flight, .. } = self;
        let place = groups.place(exchange);
        groups.at(place).add(exchange);
        if let Some((begin_ns, end_ns)) = under_way(exchange) {
            in_flight.add(Interval { begin_ns, end_ns, key: place.number(), tag: () }, |interval, load| note(groups, &interval, load));
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.groups.iter().count() as u64
    }
}

fn note(groups: &mut Groups<Stats>, interval: &Interval<()>, load: Option<Load>) {
    let stats = groups.numbered(interval.key);
    stats.in_flight_max = stats.in_flight_max.max(load.map_or(0, |load| load.in_flight));
}

impl Session for Counted {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.started_at_ns = run.started_at_ns;
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        let Self { grouping, groups, in_flight, renderer, started_at_ns, llm, has_histograms } = self;
        in_flight.finish(|interval, load| note(groups, &interval, load));
        let watched = Duration::from_nanos(summary.ended_at_ns.saturating_sub(*started_at_ns));
        let ranked = groups.ranked(|stats| stats.requests);
        let all = ranked.iter().map(|(_, stats)| stats.requests).sum();
        let cells = Cells { watched, all, llm: *llm, has_histograms: *has_histograms };
        for (key, stats) in ranked {
            cells.of(grouping, key, stats, |cells| renderer.row(cells))?;
        }
        printing::finish(renderer.as_mut(), summary)
    }
}
