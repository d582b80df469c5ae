//! What the columns of a report are, and which of them a user asked for.

use std::borrow::Cow;

/// The columns of one report; their order is the order of the cells of each row.
#[derive(Clone, Debug)]
pub struct Schema {
    /// Name and version of the report, `ehl.capture/1`.
    pub name: &'static str,
    /// One per cell of a row.
    pub columns: Vec<Column>,
}

/// One column: its name is the JSON key and the CSV heading.
#[derive(Clone, Debug)]
pub struct Column {
    /// snake_case, with the unit in the name.
    pub name: Cow<'static, str>,
    /// Terminal columns it takes in a streamed table, when its name takes no more.
    pub width: u16,
    /// Where the value stands in that width.
    pub align: Align,
    /// Of its numbers.
    pub unit: Unit,
    /// What it is called in a table for the eye, when its name is long.
    pub heading: Option<&'static str>,
}

/// Of a column's numbers. In JSON and CSV it is told by the column's name; a table for the eye shows it with each number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// A count, or no number at all.
    None,
    /// Milliseconds: `_ms`.
    Millis,
    /// Bytes: `_bytes`.
    Bytes,
    /// Per second: `_per_s`.
    PerSecond,
    /// A share of a whole, from 0 to 1.
    Share,
    /// A share that a table for the eye also draws.
    Bar,
}

/// Where a value stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    /// Text.
    Left,
    /// Numbers.
    Right,
}

/// Why a list of columns cannot be used. The message names the columns that can.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// No such column.
    #[error("no column `{name}`; there are {known}")]
    Unknown {
        /// As it was typed.
        name: String,
        /// All columns that can be named here.
        known: String,
    },
    /// The same column twice would be the same JSON key twice.
    #[error("column `{0}` is named twice")]
    Repeated(String),
    /// Nothing between two commas, or nothing at all.
    #[error("an empty column name; there are {known}")]
    Empty {
        /// All columns that can be named here.
        known: String,
    },
}

impl Column {
    /// A column of text.
    pub fn left(name: impl Into<Cow<'static, str>>, width: u16) -> Self {
        Self { name: name.into(), width, align: Align::Left, unit: Unit::None, heading: None }
    }

    /// A column of numbers, of the unit that its name ends in.
    pub fn right(name: impl Into<Cow<'static, str>>, width: u16) -> Self {
        let name = name.into();
        let unit = Unit::of(&name);
        Self { name, width, align: Align::Right, unit, heading: None }
    }

    /// Its numbers are shares.
    pub fn share(self) -> Self {
        Self { unit: Unit::Share, ..self }
    }

    /// Its numbers are shares, which a table for the eye draws.
    pub fn bar(self) -> Self {
        Self { unit: Unit::Bar, ..self }
    }

    /// Is called so in a table for the eye.
    pub fn called(self, heading: &'static str) -> Self {
        Self { heading: Some(heading), ..self }
    }

    /// Whether its values are numbers.
    pub fn is_numeric(&self) -> bool {
        self.align == Align::Right
    }
}

impl Unit {
    const SUFFIXES: [(&'static str, Self); 3] = [("_ms", Self::Millis), ("_bytes", Self::Bytes), ("_per_s", Self::PerSecond)];

    fn of(name: &str) -> Self {
        Self::SUFFIXES.iter().find(|(suffix, _)| name.ends_with(suffix)).map_or(Self::None, |(_, unit)| *unit)
    }

    /// What a column's name ends in for it.
    pub fn suffix(self) -> &'static str {
        Self::SUFFIXES.iter().find(|(_, unit)| *unit == self).map_or("", |(suffix, _)| suffix)
    }
}

impl Schema {
    /// The place of one column, as `--sort COL` names it: units may be left out, and `p99` is `response_time_p99_ms`.
    pub fn column(&self, name: &str) -> Result<usize, ColumnError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(ColumnError::Empty { known: self.known() });
        }
        let called = |full: &str| self.columns.iter().position(|column| column.name == full);
        let suffixes = Unit::SUFFIXES.iter().map(|(suffix, _)| format!("{name}{suffix}"));
        let mut longer = suffixes.chain([format!("response_time_{name}_ms")]);
        called(name)
            .or_else(|| longer.find_map(|full| called(&full)))
            .ok_or_else(|| ColumnError::Unknown { name: name.to_owned(), known: self.known() })
    }

    /// The places of a comma-separated list of columns, in its order, as `--columns LIST` names them.
    pub fn select(&self, list: &str) -> Result<Vec<usize>, ColumnError> {
        let mut selected = Vec::new();
        for name in list.split(',') {
            let column = self.column(name)?;
            if selected.contains(&column) {
                return Err(ColumnError::Repeated(name.trim().to_owned()));
            }
            selected.push(column);
        }
        Ok(selected)
    }

    /// The same report with only these columns, in this order.
    pub(super) fn project(&self, columns: &[usize]) -> Self {
        let columns = columns.iter().map(|&column| self.columns[column].clone()).collect();
        Self { name: self.name, columns }
    }

    fn known(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|column| &*column.name).collect();
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema() -> Schema {
        let columns = vec![Column::left("time", 27), Column::left("path", 30), Column::right("status", 6)];
        Schema { name: "ehl.test/1", columns }
    }

    #[test]
    fn selects_columns_in_the_order_they_are_typed() {
        assert_eq!(schema().select("status, time"), Ok(vec![2, 0]));
    }

    #[test]
    fn units_may_be_left_out() {
        let names = ["response_time_p99_ms", "duration_p99_ms", "request_bytes", "rate_per_s", "rate"];
        let schema = Schema { name: "ehl.test/1", columns: names.map(|name| Column::right(name, 8)).to_vec() };
        for (short, place) in [("p99", 0), ("response_time_p99", 0), ("duration_p99", 1), ("request", 2), ("rate", 4), ("rate_per_s", 3)] {
            assert_eq!(schema.column(short), Ok(place), "{short}");
        }
        assert_eq!(schema.select("p99,response_time_p99"), Err(ColumnError::Repeated("response_time_p99".to_owned())));
    }

    #[test]
    fn an_unknown_column_is_named_beside_the_known_ones() {
        let error = schema().select("path,latency").expect_err("refused");
        assert_eq!(error.to_string(), "no column `latency`; there are time, path, status");
        let error = schema().column("Path").expect_err("refused");
        assert_eq!(error.to_string(), "no column `Path`; there are time, path, status");
    }

    #[test]
    fn a_column_named_twice_or_not_at_all_is_refused() {
        assert_eq!(schema().select("path,path").expect_err("refused").to_string(), "column `path` is named twice");
        let empty = "an empty column name; there are time, path, status";
        assert_eq!(schema().select("path,,time").expect_err("refused").to_string(), empty);
        assert_eq!(schema().select("").expect_err("refused").to_string(), empty);
    }
}
