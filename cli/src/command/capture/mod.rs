//! `ehl capture`: one row per exchange.

mod columns;

use std::io;
use std::time::Duration;

pub(super) use self::columns::Columns;
use super::live::{Live, Session, commit, gate};
use super::{Outcome, Usage, plan};
use crate::args;
use crate::http::exchange::Exchange;
use crate::http::head::{Direction, Wanted};
use crate::http::tracker::Tracker;
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{self, Options, Output, Renderer, Run, Summary};

/// Captures as asked for.
pub(super) fn run(args: &args::ExchangeCapture) -> anyhow::Result<Outcome> {
    let notes = Notes { quiet: args.output.quiet };
    let watch = plan::Watch::new(&args.watch)?;
    let columns = Columns::new(&args.headers);
    let schema = columns.schema();
    let usage = |error: render::ColumnError| Usage(error.to_string());
    let selected = columns.select(&schema, &args.output.columns).map_err(usage)?;
    let options = Options {
        heading: !args.output.no_heading,
        color: plan::is_coloured(args.output.color, args.output.file.is_some()),
        columns: Some(selected),
        sort: args.output.sort.as_deref().map(|name| schema.column(name)).transpose().map_err(usage)?,
        top: args.top.map(|rows| rows.0.get()),
        max_rows: args.max_rows.0.get(),
        ..Options::default()
    };
    warn_of_secrets(args.output.redact, notes);
    let output = match &args.output.file {
        Some(path) => Output::file(path)?,
        None => Output::stdout()?,
    };
    let renderer = render::renderer(plan::format(args.output.format), &schema, &options, Box::new(output.writer()));
    let mut capture = Capture::new(columns, renderer);
    let tracker = Tracker::new(wanted(&args.headers), plan::redactor(args.output.redact));
    let live = Live {
        watch: &watch,
        selection: plan::selection(&args.selection),
        tracker,
        notes,
        verbose: args.output.verbose,
        attached: &mut || Ok(()),
        stopping: &mut || Ok(()),
        grace: Duration::ZERO,
    };
    let summary = live.run(&mut capture)?;
    commit(output)?;
    Ok(gate(&summary, &args.gates, notes))
}

/// Says that secrets will be shown.
pub(super) fn warn_of_secrets(redact: args::Redact, notes: Notes) {
    if redact == args::Redact::Off {
        notes.warn("--redact off: secrets are printed as they are");
    }
}

fn wanted(headers: &[args::HeaderName]) -> Wanted {
    let half = |direction: args::Direction| match direction {
        args::Direction::Request => Direction::Request,
        args::Direction::Response => Direction::Response,
    };
    Wanted { columns: headers.iter().map(|header| (header.direction.map(half), header.name.clone())).collect(), all: false }
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
        let counts = self.renderer.counts();
        summary.accounting.rows = counts.rows;
        summary.accounting.rows_beyond_max = counts.beyond_max;
        self.renderer.finish(summary)
    }
}
