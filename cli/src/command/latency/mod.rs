//! `ehl latency`: how response times are spread, and how they depend on load.

mod columns;
mod sentences;

use std::io;

use self::columns::{Group, default, schema};
use self::sentences::Sentence;
use super::grouping::Grouping;
use super::job::{Job, Session};
use super::printing::{self, commit, usage};
use super::{Outcome, Usage, plan};
use crate::aggregate::groups::Groups;
use crate::aggregate::latency::{Latencies, bend};
use crate::args::{self, Format};
use crate::http::exchange::Exchange;
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{ALL, Cell, Histograms, Options, Renderer, Run, Schema, Summary};

/// As wide as a table is drawn that goes to no terminal.
const WIDTH: u16 = 80;
/// Groups, the busiest first, of which it is said that their response time does not bend.
const NEUTRAL: usize = 5;

/// Measures as asked for.
pub(super) fn run(args: &args::Latency) -> anyhow::Result<Outcome> {
    let args::Latency { probe, http, by, max_groups, output, gates } = args;
    let notes = Notes { quiet: output.quiet };
    let grouping = Grouping::new(by);
    let job = Job::new(*probe, http, output, grouping.wanted())?;
    let schema = schema(&grouping);
    let key = grouping.by.parts();
    let options = Options {
        columns: selected(output, &schema)?,
        for_the_eye: true,
        fit: true,
        histograms: Some(Histograms { key, width: plan::terminal_width().unwrap_or(WIDTH) }),
        max_rows: usize::MAX,
        ..Options::default()
    };
    let is_total = move |cells: &[Cell<'_>]| cells[key] == Cell::Text(ALL.as_bytes());
    let (place, renderer) = printing::open_judging(output, gates, &schema, options, is_total)?;
    let latencies = Latencies::new(Groups::new(grouping.by, *max_groups as usize));
    let tells = output.format == Format::Csv;
    let mut report = Measured { grouping, latencies, renderer, notes, tells };
    let ended = job.run(&mut report)?;
    commit(place)?;
    ended.outcome(gates, notes)
}

/// The columns asked for; of a table that is drawn, none are chosen.
fn selected(output: &args::Output, schema: &Schema) -> Result<Option<Vec<usize>>, Usage> {
    if !output.columns.is_empty() {
        return schema.select(&output.columns.join(",")).map(Some).map_err(usage);
    }
    Ok(match output.format {
        Format::Table if output.sort.is_none() => None,
        Format::Table | Format::Csv => Some(default(schema)),
        Format::Json | Format::Ndjson => None,
    })
}

/// Response times of groups of exchanges.
struct Measured {
    grouping: Grouping,
    latencies: Latencies,
    renderer: Box<dyn Renderer>,
    notes: Notes,
    /// Whether sentences are told on stderr, because there is no place for them in the output.
    tells: bool,
}

impl Report for Measured {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.latencies.add(exchange);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn rows(&self) -> u64 {
        self.latencies.groups().iter().count() as u64
    }
}

impl Session for Measured {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        let Self { grouping, latencies, renderer, notes, tells } = self;
        latencies.finish();
        let told = latencies.groups().ranked(|latency| latency.requests);
        let all = told.iter().map(|(_, latency)| latency.requests).sum();
        let mut said = Vec::new();
        for (key, latency) in &told {
            let bends = (bend::find(&latency.in_flight), bend::find(&latency.rate));
            Group { latency, bends, all }.rows(grouping, *key, |cells| renderer.row(cells))?;
            said.push(sentences::of(&sentences::name(&grouping.cells(*key)), latency, bends));
        }
        summary.sentences = chosen(said);
        summary.sentences.extend(sentences::without_load(told.iter().map(|(_, latency)| latency.without_load).sum()));
        if *tells {
            summary.sentences.iter().for_each(|sentence| notes.note(sentence));
        }
        printing::finish(renderer.as_mut(), summary)
    }
}

/// All that bend, and a few that do not; what cannot be told is said where there is nothing else to say.
fn chosen(said: Vec<Sentence>) -> Vec<String> {
    let (mut bends, mut neutral, mut unclear) = (Vec::new(), Vec::new(), Vec::new());
    for sentence in said {
        match sentence {
            Sentence::Bends(text) => bends.push(text),
            Sentence::Neutral(text) => neutral.push(text),
            Sentence::Unclear(text) => unclear.push(text),
        }
    }
    neutral.truncate(NEUTRAL);
    bends.append(&mut neutral);
    if bends.is_empty() {
        unclear.truncate(1);
        return unclear;
    }
    bends
}
