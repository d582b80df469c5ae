//! `ehl capture`: one row per exchange.

mod columns;
mod containers;
mod llm;

use std::io;

pub(super) use self::columns::Columns;
use super::grouping::half;
use super::job::{Job, Session};
use super::printing::{self, commit, usage};
use super::{Outcome, Usage};
use crate::args::{self, ProbeName};
use crate::http::exchange::Exchange;
use crate::http::head::Wanted;
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{Options, Renderer, Run, Schema, Summary};

/// Captures as asked for.
pub(super) fn run(probe: ProbeName, args: &args::ExchangeCapture) -> anyhow::Result<Outcome> {
    let notes = Notes { quiet: args.output.quiet };
    if let Some(twice) = args.headers.iter().enumerate().find(|(at, header)| args.headers[..*at].contains(header)) {
        return Err(Usage(format!("--header {} was given twice; name each header element once", twice.1)).into());
    }
    let job = Job::new(probe, &args.http, &args.output, wanted(args))?;
    let columns = Columns::new(&args.headers, job.probe());
    let schema = columns.schema();
    let selected = printed(&columns, &schema, &args.output)?;
    let top = args.limits.top.as_ref().map(|rows| rows.0.get());
    let options = Options { columns: Some(selected), top, max_rows: args.limits.max_rows.0.get(), ..Options::default() };
    let (output, renderer) = printing::open(&args.output, &args.gates, &schema, options)?;
    let mut capture = Capture::new(columns, renderer);
    let ended = job.run(&mut capture)?;
    commit(output)?;
    ended.outcome(&args.gates, notes)
}

/// The columns asked for; without `--columns`, those that fit the terminal.
fn printed(columns: &Columns, schema: &Schema, output: &args::Output) -> Result<Vec<usize>, Usage> {
    let selected = columns.select(schema, &output.columns).map_err(usage)?;
    Ok(match printing::width_to_fit(output) {
        Some(width) => columns.fitting(schema, &selected, width),
        None => selected,
    })
}

fn wanted(args: &args::ExchangeCapture) -> Wanted {
    let columns = args.headers.iter().map(|header| (header.direction.map(half), header.name.clone())).collect();
    Wanted { columns, llm: llm::is_wanted(&args.output, &args.gates), ..Wanted::default() }
}

/// Exchanges as rows.
pub(super) struct Capture {
    columns: Columns,
    renderer: Box<dyn Renderer>,
}

impl Capture {
    /// Rows of `columns`, printed by `renderer`.
    pub(super) fn new(columns: Columns, renderer: Box<dyn Renderer>) -> Self {
        Self { columns, renderer }
    }
}

impl Report for Capture {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.columns.row(exchange, &mut |cells| self.renderer.row(cells))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.renderer.flush()
    }

    fn rows(&self) -> u64 {
        self.renderer.counts().rows
    }
}

impl Session for Capture {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        printing::finish(self.renderer.as_mut(), summary)
    }
}
