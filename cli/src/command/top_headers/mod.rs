//! `ehl top-headers`: header elements ranked.

mod columns;

use std::io;

use self::columns::{About, Cells, schema, selected};
use super::Outcome;
use super::grouping::Grouping;
use super::job::{Job, Session};
use super::printing::{self, commit};
use crate::aggregate::elements::Elements;
use crate::args::{self, ElementsBy, GroupBy, Messages};
use crate::http::exchange::Exchange;
use crate::http::head::{Direction, Wanted};
use crate::pipeline::Report;
use crate::progress::Notes;
use crate::render::{Options, Renderer, Run, Summary};

/// Ranks as asked for.
pub(super) fn run(args: &args::TopHeaders) -> anyhow::Result<Outcome> {
    let args::TopHeaders { probe, http, by, direction, output, top, values, gates } = args;
    let notes = Notes { quiet: output.quiet };
    let (about, key) = match by {
        ElementsBy::Name => (About::Element, GroupBy::Total),
        ElementsBy::Value => (About::Value, GroupBy::Total),
        ElementsBy::Endpoint => (About::Element, GroupBy::Endpoint),
        ElementsBy::Client => (About::Element, GroupBy::Client),
    };
    let grouping = Grouping::new(&key);
    let job = Job::new(*probe, http, output, Wanted { all: true, ..grouping.wanted() })?;
    let schema = schema(about, &grouping);
    let selected = selected(output, &schema, about, &grouping)?;
    let has_sketch = selected.iter().any(|place| schema.columns[*place].name == "distinct_sketch");
    let options = Options {
        columns: Some(selected),
        // Elements come in this order; the values of one element do, and those of all are too many to be put in it before.
        sort: schema.column("messages").ok().filter(|_| about == About::Value),
        top: Some(top.0.get()),
        for_the_eye: true,
        fit: true,
        ..Options::default()
    };
    let (place, renderer) = printing::open(output, gates, &schema, options)?;
    let elements = Elements::new(grouping.by);
    let mut report =
        TopHeaders { elements, about, grouping, renderer, direction: *direction, values: usize::from(*values), has_sketch, notes };
    let ended = job.run(&mut report)?;
    commit(place)?;
    ended.outcome(gates, notes)
}

/// Elements of the messages that are wanted.
struct TopHeaders {
    elements: Elements,
    about: About,
    grouping: Grouping,
    renderer: Box<dyn Renderer>,
    direction: Messages,
    values: usize,
    has_sketch: bool,
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
        let Self { elements, about, grouping, renderer, direction, values, has_sketch, notes } = self;
        let wanted = |half| match direction {
            Messages::Both => true,
            Messages::Request => half == Direction::Request,
            Messages::Response => half == Direction::Response,
        };
        let cells = Cells { grouping, top: *values, has_sketch: *has_sketch };
        let mut unknown = 0;
        for row in elements.rows(wanted) {
            unknown += u64::from(row.values.distinct().is_none());
            match about {
                About::Element => cells.of_element(&row, |cells| renderer.row(cells))?,
                About::Value => row.displayed().try_for_each(|shown| cells.of_value(&row, &shown, |cells| renderer.row(cells)))?,
            }
        }
        if elements.unnamed() > 0 {
            notes.warn(format_args!("{} elements are in no row: too many different names", elements.unnamed()));
        }
        if unknown > 0 {
            notes.warn(format_args!("{unknown} elements had more values than there is memory for: how many is not known"));
        }
        printing::finish(renderer.as_mut(), summary)
    }
}
