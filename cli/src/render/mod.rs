//! Rows to bytes: one file per format behind one trait, and where the bytes go.
//!
//! Everything that came from the wire is made harmless here, whatever the format: a table or CSV shows controls,
//! bidi controls and bytes that are not UTF-8 as visible escapes, JSON escapes them without loss. Deciding which rows
//! there are, and hiding secrets in them, is done before.

mod cell;
mod collect;
mod csv;
mod eye;
mod histograms;
mod json;
mod json_value;
mod ndjson;
mod output;
mod project;
mod rows;
mod run;
mod sanitize;
mod schema;
mod table;
mod text;

#[cfg(test)]
mod round_trip;
#[cfg(test)]
mod testing;

use std::io::{self, Write};

pub use cell::{Cell, TopValue};
pub use eye::time_text;
pub use histograms::{ALL, Histograms, TIMES};
pub use output::Output;
pub use rows::Rows;
pub use run::{Accounting, NotHttp, PacketCounts, ProbeCost, Run, StopReason, Summary, Unseen};
pub(crate) use sanitize::{Backslash, push_visible};
pub use schema::{Align, Column, ColumnError, Schema, Unit};

/// Writes the rows of one run in one format.
///
/// Calls come in the order of the methods here: `start`, any number of `row` and `flush`, `finish`. A run that fails
/// after `start` is finished too, with [`StopReason::Failed`], so that a document is complete whatever happens. A
/// writer that fails with [`io::ErrorKind::BrokenPipe`] has no reader any more, which is no error of the run.
pub trait Renderer {
    /// The probe is attached: print what stands before the rows, and flush it.
    fn start(&mut self, run: &Run) -> io::Result<()>;

    /// One row, with one cell for each column of the schema.
    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()>;

    /// Let a reader see the rows so far.
    fn flush(&mut self) -> io::Result<()>;

    /// The run is over: print what stands after the rows, and flush it.
    fn finish(&mut self, summary: &Summary) -> io::Result<()>;

    /// What became of the rows so far.
    fn counts(&self) -> Counts;

    /// Only for collected rows, before the first of them: how the run ended, and all rows that are to come.
    fn collected(&mut self, _summary: &Summary, _rows: &Rows) -> io::Result<()> {
        Ok(())
    }
}

/// What became of the rows given to a renderer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows written, or to be written at the end: `rows` in the accounting.
    pub rows: u64,
    /// Rows left out because of [`Options::max_rows`] or [`Options::max_bytes`]; what `--top` leaves out is not
    /// counted.
    pub beyond_max: u64,
    /// Rows of which a condition held that makes the run fail.
    pub failed: u64,
}

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Columns for people.
    Table,
    /// RFC 4180 with `\n` between records, safe to open in a spreadsheet.
    Csv,
    /// One document at the end.
    Json,
    /// One record per line: `start`, `row`, `summary`.
    Ndjson,
}

/// The shape of the output. `Options::default()` streams every row.
#[derive(Clone, Debug)]
pub struct Options {
    /// Column names before the rows, in tables and CSV.
    pub heading: bool,
    /// Terminal colours, in tables.
    pub color: bool,
    /// The columns to print, by their place in a row and in this order; all of them by default.
    pub columns: Option<Vec<usize>>,
    /// Sort by the column at this place in a row, printed or not: numbers from the largest, anything else from the
    /// smallest, absent values last, equal ones as they came.
    pub sort: Option<usize>,
    /// Only the first so many rows of that order.
    pub top: Option<usize>,
    /// In tables: numbers with a unit and few digits, shares drawn, sentences below.
    pub for_the_eye: bool,
    /// Collect rows so that a table's columns fit what is in them, for reports whose rows come at the end anyway.
    pub fit: bool,
    /// In tables: rows are histograms, to be drawn. Not when columns are chosen, or rows sorted.
    pub histograms: Option<Histograms>,
    /// How many rows to collect at most. A sorted `top` of no more than half of that is right for any number of rows.
    pub max_rows: usize,
    /// How many bytes collected rows may take.
    pub max_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heading: true,
            color: false,
            columns: None,
            sort: None,
            top: None,
            for_the_eye: false,
            fit: false,
            histograms: None,
            max_rows: 100_000,
            max_bytes: 48 << 20,
        }
    }
}

/// A renderer for rows of `schema` that writes to `out`.
///
/// Rows always have all cells of `schema`; [`Options::columns`] picks among them.
pub fn renderer(format: Format, schema: &Schema, options: &Options, out: Box<dyn Write>) -> Box<dyn Renderer> {
    if let (Format::Table, Some(layout), None, None) = (format, options.histograms, &options.columns, options.sort) {
        return Box::new(histograms::Blocks::new(layout, options, out));
    }
    let collects = format == Format::Json || options.fit || options.sort.is_some() || options.top.is_some();
    let printed = options.columns.as_ref().map_or_else(|| schema.clone(), |columns| schema.project(columns));
    let renderer: Box<dyn Renderer> = match format {
        Format::Table => Box::new(table::Table::new(&printed, options, collects, out)),
        Format::Csv => Box::new(csv::Csv::new(printed, options.heading, out)),
        Format::Json => Box::new(json::Document::new(printed, out)),
        Format::Ndjson => Box::new(ndjson::Records::new(printed, out)),
    };
    if collects {
        Box::new(collect::Collect::new(renderer, schema, options))
    } else if let Some(columns) = &options.columns {
        Box::new(project::Project::new(renderer, columns.clone()))
    } else {
        renderer
    }
}

/// How large the pieces are in which output is written.
const BUFFER_BYTES: usize = 64 << 10;
