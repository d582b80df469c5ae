//! `ehl top-headers`: header elements ranked.

use std::io;

use super::Outcome;
use super::job::{Job, Session};
use super::printing::{self, commit, usage};
use crate::aggregate::elements::{Elements, Row};
use crate::args::{self, Messages};
use crate::http::exchange::Exchange;
use crate::http::head::{Direction, Wanted};
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{Cell, Column, Options, Renderer, Run, Schema, Summary, TopValue};

/// Ranks as asked for.
pub(super) fn run(args: &args::TopHeaders) -> anyhow::Result<Outcome> {
    let notes = Notes { quiet: args.output.quiet };
    let job = Job::new(args.probe, &args.http, &args.output, Wanted { all: true, ..Wanted::default() })?;
    let schema = schema();
    let selected = (!args.output.columns.is_empty()).then(|| schema.select(&args.output.columns.join(","))).transpose().map_err(usage)?;
    let options = Options { columns: selected, top: Some(args.top.0.get()), fit: true, ..Options::default() };
    let (output, renderer) = printing::open(&args.output, &args.gates, &schema, options)?;
    let mut report =
        TopHeaders { elements: Elements::default(), renderer, direction: args.direction, values: usize::from(args.values), notes };
    let ended = job.run(&mut report)?;
    commit(output)?;
    ended.outcome(&args.gates, notes)
}

fn schema() -> Schema {
    Schema {
        name: "ehl.top-headers/1",
        columns: vec![
            Column::left("direction", 9),
            Column::left("name", 28),
            Column::right("messages", 8),
            Column::right("presence", 8),
            Column::right("distinct", 8),
            Column::left("distinct_exact", 14),
            Column::right("entropy_bits", 12),
            Column::right("min_len", 7),
            Column::right("max_len", 7),
            Column::left("first_seen", 27),
            Column::left("last_seen", 27),
            Column::left("top_values", 40),
        ],
    }
}

struct TopHeaders {
    elements: Elements,
    renderer: Box<dyn Renderer>,
    direction: Messages,
    values: usize,
    notes: Notes,
}

impl Report for TopHeaders {
    fn exchange(&mut self, exchange: &Exchange) -> io::Result<()> {
        self.elements.add(exchange);
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.renderer.flush()
    }

    fn rows(&self) -> u64 {
        self.renderer.counts().rows
    }
}

impl Session for TopHeaders {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.renderer.start(run)?;
        self.renderer.flush()
    }

    fn finish(&mut self, summary: &mut Summary) -> io::Result<()> {
        let wanted = |direction| match self.direction {
            Messages::Both => true,
            Messages::Request => direction == Direction::Request,
            Messages::Response => direction == Direction::Response,
        };
        for row in self.elements.rows(wanted, self.values) {
            print(&row, self.renderer.as_mut())?;
        }
        if self.elements.unnamed() > 0 {
            self.notes.warn(format_args!("{} elements are in no row: too many different names", self.elements.unnamed()));
        }
        printing::finish(self.renderer.as_mut(), summary)
    }
}

fn print(row: &Row<'_>, renderer: &mut dyn Renderer) -> io::Result<()> {
    let Row { direction, name, messages, presence, distinct, exact, entropy_bits, min_len, max_len, first_ns, last_ns, ref top } = *row;
    let top: Vec<_> = top.iter().map(|(value, count, share)| TopValue { value, count: *count, share: *share }).collect();
    renderer.row(&[
        Cell::Text(direction.as_str().as_bytes()),
        Cell::Text(name),
        Cell::Number(messages),
        presence.map_or(Cell::Null, Cell::Ratio),
        Cell::Number(distinct),
        Cell::Bool(exact),
        entropy_bits.map_or(Cell::Null, Cell::Decimal),
        Cell::Number(u64::from(min_len)),
        Cell::Number(u64::from(max_len)),
        Cell::Time(first_ns),
        Cell::Time(last_ns),
        Cell::Values(&top),
    ])
}
