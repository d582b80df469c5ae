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
        Self { name: name.into(), width, align: Align::Left }
    }

    /// A column of numbers.
    pub fn right(name: impl Into<Cow<'static, str>>, width: u16) -> Self {
        Self { name: name.into(), width, align: Align::Right }
    }
}

impl Schema {
    /// The place of one column, as `--sort COL` names it.
    pub fn column(&self, name: &str) -> Result<usize, ColumnError> {
        let name = name.trim();
        if name.is_empty() {
            return Err(ColumnError::Empty { known: self.known() });
        }
        self.columns
            .iter()
            .position(|column| column.name == name)
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
