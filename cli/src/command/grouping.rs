//! `--by` of the reports over groups of exchanges: the key that is meant, and its columns.

use crate::aggregate::groups::{By, Key, Part};
use crate::args::{self, GroupBy};
use crate::http::head::{Direction, Wanted};
use crate::render::{Cell, Column};

/// What the exchanges of a row have in common.
pub(super) struct Grouping {
    pub(super) by: By,
    header: Option<args::HeaderName>,
}

/// What the first column says of what did not fit.
const OTHER: &[u8] = b"other";

impl Grouping {
    /// As typed.
    pub(super) fn new(typed: &GroupBy) -> Self {
        let by = match typed {
            GroupBy::Endpoint => By::Endpoint,
            GroupBy::Host => By::Host,
            GroupBy::Status => By::Status,
            GroupBy::Client => By::Client,
            GroupBy::ApiVersion => By::ApiVersion,
            GroupBy::ContentType => By::ContentType,
            GroupBy::Auth => By::Auth,
            GroupBy::Provider => By::Provider,
            GroupBy::Pid => By::Pid,
            GroupBy::Total => By::Total,
            GroupBy::Header(name) => return Self { by: By::Header, header: Some(name.clone()) },
        };
        Self { by, header: None }
    }

    /// What is needed of heads.
    pub(super) fn wanted(&self) -> Wanted {
        let header = self.header.iter().map(|header| (header.direction.map(half), header.name.clone()));
        Wanted { columns: header.collect(), llm: self.by == By::Provider, ..Wanted::default() }
    }

    /// The columns of the key, which are those of a row that come first.
    pub(super) fn columns(&self) -> Vec<Column> {
        match self.by {
            By::Endpoint => vec![Column::left("method", 7), Column::left("host", 24), Column::left("path", 36)],
            By::Host => vec![Column::left("host", 24)],
            By::Status => vec![Column::left("status", 6)],
            By::Client => vec![Column::left("client", 15)],
            By::ApiVersion => vec![Column::left("api_version", 11)],
            By::ContentType => vec![Column::left("content_type", 24)],
            By::Auth => vec![Column::left("auth", 8)],
            By::Provider => vec![Column::left("provider", 10)],
            By::Pid => vec![Column::left("pid", 7)],
            By::Header => self.header.iter().map(|header| Column::left(format!("header:{header}"), 24)).collect(),
            By::Total => Vec::new(),
        }
    }

    /// The cells of the key's columns; `None` is what did not fit.
    pub(super) fn cells<'a>(&self, key: Option<&'a Key>) -> Vec<Cell<'a>> {
        let Some(key) = key else {
            let mut cells = vec![Cell::Null; self.by.parts()];
            if let Some(first) = cells.first_mut() {
                *first = Cell::Text(OTHER);
            }
            return cells;
        };
        let cell = |part| match part {
            Part::Unknown => Cell::Null,
            Part::Text(text) => Cell::Text(text),
            Part::Number(number) => Cell::Number(number),
            Part::Address(address) => Cell::Address(address),
        };
        key.parts().map(cell).collect()
    }
}

/// Which half of an exchange is meant.
pub(super) fn half(direction: args::Direction) -> Direction {
    match direction {
        args::Direction::Request => Direction::Request,
        args::Direction::Response => Direction::Response,
    }
}
