//! The columns of an element's row, and of a value's.

use crate::aggregate::elements::{Change, Row, ValueRow};
use crate::args::{self, Format};
use crate::command::Usage;
use crate::command::grouping::Grouping;
use crate::command::printing;
use crate::render::{Cell, Column, Schema, TopValue};

/// What a row is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum About {
    Element,
    Value,
}

impl About {
    /// Columns after the default ones: those that only JSON has, for what is made of it later, then those of `--columns`.
    fn for_merging(self) -> usize {
        match self {
            Self::Element => 5,
            Self::Value => 2,
        }
    }

    fn extra(self) -> usize {
        match self {
            Self::Element => 1,
            Self::Value => 0,
        }
    }

    /// What matters most on a terminal that is too narrow for all default columns, after the key.
    fn first(self) -> &'static [&'static str] {
        match self {
            Self::Element => &["direction", "name", "messages", "presence", "top_values", "distinct", "change", "entropy_bits"],
            Self::Value => &["direction", "name", "value", "messages", "share", "change"],
        }
    }
}

/// All columns.
pub(super) fn schema(about: About, grouping: &Grouping) -> Schema {
    let of_messages = match about {
        About::Element => vec![
            Column::right("messages", 8),
            Column::right("presence", 19).bar(),
            Column::right("distinct", 8),
            Column::left("distinct_exact", 5).called("exact"),
            Column::right("entropy_bits", 12).called("entropy"),
            Column::right("min_len", 7).called("min len"),
            Column::right("max_len", 7).called("max len"),
            Column::left("first_seen", 27).called("first seen"),
            Column::left("last_seen", 27).called("last seen"),
            Column::left("top_values", 40).called("top value"),
            Column::right("values", 8),
            Column::right("presence_messages", 8),
            Column::right("presence_of", 8),
            Column::right("count_error", 8),
            Column::left("distinct_sketch", 24),
            Column::left("change", 8),
        ],
        About::Value => vec![
            Column::left("value", 40),
            Column::right("messages", 8),
            Column::right("share", 19).bar(),
            Column::left("first_seen", 27).called("first seen"),
            Column::left("last_seen", 27).called("last seen"),
            Column::left("change", 8),
            Column::right("share_of", 8),
            Column::right("count_error", 8),
        ],
    };
    let element = [Column::left("direction", 9), Column::left("name", 28)];
    Schema { name: "ehl.top-headers/1", columns: grouping.columns().into_iter().chain(element).chain(of_messages).collect() }
}

/// The columns asked for. Without `--columns`, JSON has more than what people look at, and a table says what changed.
pub(super) fn selected(output: &args::Output, schema: &Schema, about: About, grouping: &Grouping) -> Result<Vec<usize>, Usage> {
    let of_csv = schema.columns.len() - about.extra() - about.for_merging();
    let default = match output.format {
        Format::Csv => (0..of_csv).collect(),
        Format::Json | Format::Ndjson => (0..of_csv + about.for_merging()).collect(),
        Format::Table => (0..of_csv).chain(schema.column("change").ok().filter(|change| *change >= of_csv)).collect(),
    };
    let key = schema.columns[..grouping.by.parts()].iter().map(|column| column.name.as_ref());
    let first: Vec<_> = key.chain(about.first().iter().copied()).collect();
    let mut selected = printing::columns(output, schema, default, &first)?;
    if output.columns.is_empty() && output.format == Format::Table {
        // The last column of a table may be as long as it likes.
        selected.sort_by_key(|place| schema.columns[*place].name == "top_values");
    }
    Ok(selected)
}

/// What cells are made of besides the row.
pub(super) struct Cells<'a> {
    pub(super) grouping: &'a Grouping,
    /// How many of the most frequent values to list.
    pub(super) top: usize,
    /// The sketch of distinct values takes time to make.
    pub(super) has_sketch: bool,
}

impl Cells<'_> {
    /// The cells of an element, given to `print`.
    pub(super) fn of_element<R>(&self, row: &Row<'_>, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let top: Vec<_> = if self.top == 0 { Vec::new() } else { row.displayed().take(self.top).map(top_value).collect() };
        let sketch = if self.has_sketch { row.values.sketch() } else { None };
        let change = marks(row.change);
        let mut cells = self.of_name(row);
        cells.extend_from_slice(&[
            Cell::Number(row.messages),
            row.presence().map_or(Cell::Null, Cell::Ratio),
            row.values.distinct().map_or(Cell::Null, Cell::Number),
            Cell::Bool(row.values.is_exact()),
            row.values.entropy_bits().map_or(Cell::Null, Cell::Decimal),
            Cell::Number(u64::from(row.min_len)),
            Cell::Number(u64::from(row.max_len)),
            Cell::Time(row.first_ns),
            Cell::Time(row.last_ns),
            Cell::Values(&top),
            Cell::Number(row.fields),
            Cell::Number(row.whole),
            Cell::Number(row.all),
            Cell::Number(row.values.count_error()),
            sketch.as_ref().map_or(Cell::Null, |sketch| Cell::Text(sketch.as_bytes())),
            or_null(&change),
        ]);
        print(&cells)
    }

    /// The cells of a value of an element, given to `print`.
    pub(super) fn of_value<R>(&self, row: &Row<'_>, shown: &ValueRow<'_>, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let ValueRow { value, messages, share, first_ns, last_ns, change } = *shown;
        let change = change.map(marks).unwrap_or_default();
        let mut cells = self.of_name(row);
        cells.extend_from_slice(&[
            Cell::Text(value),
            Cell::Number(messages),
            Cell::Ratio(share),
            Cell::Time(first_ns),
            Cell::Time(last_ns),
            or_null(&change),
            Cell::Number(row.messages),
            Cell::Number(row.values.count_error()),
        ]);
        print(&cells)
    }

    fn of_name<'a>(&self, row: &Row<'a>) -> Vec<Cell<'a>> {
        let mut cells = self.grouping.cells(row.group);
        cells.extend([Cell::Text(row.direction.as_str().as_bytes()), Cell::Text(row.name)]);
        cells
    }
}

fn top_value(shown: ValueRow<'_>) -> TopValue<'_> {
    let ValueRow { value, messages, share, .. } = shown;
    TopValue { value, count: messages, share }
}

fn marks(change: Change) -> Vec<&'static str> {
    let Change { appeared, vanished } = change;
    [(appeared, "appeared"), (vanished, "vanished")].into_iter().filter(|(happened, _)| *happened).map(|(_, mark)| mark).collect()
}

fn or_null<'a>(marks: &'a [&'static str]) -> Cell<'a> {
    if marks.is_empty() { Cell::Null } else { Cell::Flags(marks) }
}
