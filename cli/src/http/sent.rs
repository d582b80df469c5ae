//! A head as it was sent, in whatever version of HTTP, still with its secrets. Stays inside `http`.

use super::head::{Direction, Version};

/// A first line, or pseudo-header fields, and the fields after them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent<'a> {
    pub(super) line: Line<'a>,
    pub(super) version: Version,
    pub(super) fields: &'a [Field<'a>],
    /// All its fields are here.
    pub(super) is_whole: bool,
}

/// What a message is; `None` is what was not sent, or is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Line<'a> {
    Request {
        method: Option<&'a [u8]>,
        /// In any form of RFC 9112 section 3.2, or `:path` (RFC 9113 section 8.3.1).
        target: Option<&'a [u8]>,
        /// `:authority`.
        authority: Option<&'a [u8]>,
    },
    Response {
        status: Option<u16>,
    },
}

impl Line<'_> {
    pub(super) fn direction(&self) -> Direction {
        match self {
            Self::Request { .. } => Direction::Request,
            Self::Response { .. } => Direction::Response,
        }
    }
}

/// A field line without the white space around the value; a folded value is one piece with its line ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field<'a> {
    pub(super) name: &'a [u8],
    pub(super) value: &'a [u8],
}

impl Field<'_> {
    /// Field names have no case (RFC 9110 section 5.1).
    pub(super) fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }
}
