//! `--fail-if`: conditions that each row is held against on its way to the output.

use std::io;

use super::Usage;
use crate::args::{self, Comparison, Limit};
use crate::progress::Notes;
use crate::render::{Cell, Counts, Renderer, Run, Schema, Summary, Unit};

/// Rows that are named on stderr for each condition.
const NAMED: u64 = 5;

/// What is typed, as the columns of a report have it.
pub(super) struct Conditions(Vec<Condition>);

/// Whether a row is held against the conditions.
pub(super) type Judged = dyn Fn(&[Cell<'_>]) -> bool;

struct Condition {
    /// As it was typed.
    text: String,
    column: usize,
    comparison: Comparison,
    /// In the unit of the column as it is printed.
    limit: f64,
    /// Rows of which it held.
    held: u64,
}

impl Conditions {
    /// For rows of `schema`; refuses columns that are no numbers, and limits in another unit.
    pub(super) fn new(typed: &[args::Gate], schema: &Schema) -> Result<Self, Usage> {
        let conditions =
            typed.iter().map(|gate| Condition::new(gate, schema).map_err(|wrong| Usage(format!("--fail-if '{gate}': {wrong}"))));
        Ok(Self(conditions.collect::<Result<_, _>>()?))
    }

    /// Holds the rows for `renderer` against them that are to be judged.
    pub(super) fn guard(self, renderer: Box<dyn Renderer>, schema: &Schema, notes: Notes, is_judged: Box<Judged>) -> Box<dyn Renderer> {
        if self.0.is_empty() {
            return renderer;
        }
        let names = names(schema);
        Box::new(Guard { inner: renderer, conditions: self.0, is_judged, names, rows: 0, failed: 0, notes })
    }
}

/// Places of the columns that say what a row is about: method, host and path where there are such, else what stands first.
fn names(schema: &Schema) -> Vec<usize> {
    let exchange: Vec<_> = ["method", "host", "path"].iter().filter_map(|name| schema.column(name).ok()).collect();
    let first = (0..schema.columns.len()).take_while(|place| !schema.columns[*place].is_numeric());
    if exchange.is_empty() { first.collect() } else { exchange }
}

impl Condition {
    fn new(gate: &args::Gate, schema: &Schema) -> Result<Self, String> {
        let numeric = || {
            let names: Vec<_> = schema.columns.iter().filter(|column| column.is_numeric()).map(|column| &*column.name).collect();
            names.join(", ")
        };
        let column = schema.column(&gate.column).map_err(|_| format!("no column `{}`; numbers are in {}", gate.column, numeric()))?;
        if !schema.columns[column].is_numeric() {
            return Err(format!("column `{}` has no numbers; {} do", schema.columns[column].name, numeric()));
        }
        let limit = match (gate.limit, schema.columns[column].unit) {
            (Limit::Number(number), _) => number,
            (Limit::Share(share), Unit::Share | Unit::Bar) => share,
            (Limit::Time(time), Unit::Millis) => time.as_secs_f64() * 1000.0,
            (Limit::Bytes(bytes), Unit::Bytes) => bytes,
            (_, unit) => {
                let unit = match unit {
                    Unit::Millis => "milliseconds",
                    Unit::Bytes => "bytes",
                    Unit::Share | Unit::Bar => "a share of 1",
                    Unit::PerSecond => "numbers per second",
                    Unit::None => "counts",
                };
                return Err(format!("the limit has another unit than column `{}`, which has {unit}", schema.columns[column].name));
            }
        };
        Ok(Self { text: gate.to_string(), column, comparison: gate.comparison, limit, held: 0 })
    }
}

/// A number as it is printed; `None` when there is none.
fn number(cell: Cell<'_>) -> Option<f64> {
    match cell {
        Cell::Number(number) => Some(number as f64),
        Cell::Ratio(number) | Cell::Decimal(number) if number.is_finite() => Some(number),
        Cell::Millis(ns) => Some(ns as f64 / 1e6),
        _ => None,
    }
}

/// Looks at rows before they are sorted, cut or projected.
struct Guard {
    inner: Box<dyn Renderer>,
    conditions: Vec<Condition>,
    is_judged: Box<Judged>,
    /// Columns that say what a row is about.
    names: Vec<usize>,
    rows: u64,
    failed: u64,
    notes: Notes,
}

impl Guard {
    fn name(&self, cells: &[Cell<'_>]) -> String {
        let texts = self.names.iter().filter_map(|place| match cells[*place] {
            Cell::Text(text) => Some(String::from_utf8_lossy(text).into_owned()),
            Cell::Number(number) => Some(number.to_string()),
            Cell::Address(address) => Some(address.to_string()),
            _ => None,
        });
        let name = texts.collect::<Vec<_>>().join(" ");
        if name.is_empty() { format!("row {}", self.rows) } else { name }
    }
}

impl Renderer for Guard {
    fn start(&mut self, run: &Run) -> io::Result<()> {
        self.inner.start(run)
    }

    fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        if !(self.is_judged)(cells) {
            return self.inner.row(cells);
        }
        self.rows += 1;
        let mut is_failed = false;
        for place in 0..self.conditions.len() {
            let Condition { column, comparison, limit, .. } = self.conditions[place];
            let Some(value) = number(cells[column]).filter(|value| comparison.holds(*value, limit)) else { continue };
            is_failed = true;
            self.conditions[place].held += 1;
            if self.conditions[place].held <= NAMED {
                let value = if value.fract() == 0.0 { value.to_string() } else { format!("{value:.4}") };
                self.notes.warn(format_args!("--fail-if '{}' holds: {value} of {}", self.conditions[place].text, self.name(cells)));
            }
        }
        self.failed += u64::from(is_failed);
        self.inner.row(cells)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }

    fn finish(&mut self, summary: &Summary) -> io::Result<()> {
        for Condition { text, comparison, limit, held, .. } in &self.conditions {
            if self.rows == 0 && comparison.holds(0.0, *limit) {
                self.failed += 1;
                self.notes.warn(format_args!("--fail-if '{text}' holds: there are no rows"));
            } else if *held > NAMED {
                self.notes.warn(format_args!("--fail-if '{text}' holds of {} more", held - NAMED));
            }
        }
        self.inner.finish(summary)
    }

    fn counts(&self) -> Counts {
        Counts { failed: self.failed, ..self.inner.counts() }
    }
}
