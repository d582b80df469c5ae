//! Rows kept until the end, in one buffer of bytes: a hundred thousand of them with 23 columns take some 25 MB.

mod order;
mod packed;

use super::Cell;
use order::Key;
use packed::{Flags, Kept, Reader};

/// Kept rows, in their order.
#[derive(Debug, Default)]
pub struct Rows {
    bytes: Vec<u8>,
    spans: Vec<Span>,
    flags: Flags,
}

/// Where one row is in the bytes.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: usize,
    len: usize,
}

impl Rows {
    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The cells of the row at a place, given to `use_cells`.
    pub fn with<R>(&self, place: usize, use_cells: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let kept: Vec<Kept<'_>> = self.reader(self.spans[place]).collect();
        let cells: Vec<Cell<'_>> = kept.iter().map(Kept::cell).collect();
        use_cells(&cells)
    }

    /// Bytes that all rows take.
    pub(super) fn byte_len(&self) -> usize {
        self.bytes.len() + self.spans.len() * size_of::<Span>()
    }

    pub(super) fn push<'a>(&mut self, cells: impl Iterator<Item = Cell<'a>>) {
        let start = self.bytes.len();
        for cell in cells {
            packed::push_cell(&mut self.bytes, &mut self.flags, cell.normal());
        }
        self.spans.push(Span { start, len: self.bytes.len() - start });
    }

    /// Takes the last row back.
    pub(super) fn pop(&mut self) {
        if let Some(span) = self.spans.pop() {
            self.bytes.truncate(span.start);
        }
    }

    /// Sorts by one column: numbers from the largest, anything else from the smallest, absent last, equal as they came.
    pub(super) fn sort(&mut self, column: usize) {
        let mut keyed: Vec<(Key<'_>, Span)> = self.spans.iter().map(|&span| (Key::of(self.reader(span).nth(column)), span)).collect();
        keyed.sort_by(|(a, _), (b, _)| a.compare(b));
        self.spans = keyed.into_iter().map(|(_, span)| span).collect();
    }

    /// Keeps the first `count` rows of the order.
    pub(super) fn truncate(&mut self, count: usize) {
        self.spans.truncate(count);
    }

    /// Gives up the bytes of rows that are no longer kept.
    pub(super) fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.spans.iter().map(|span| span.len).sum());
        for span in &mut self.spans {
            let start = bytes.len();
            bytes.extend_from_slice(&self.bytes[span.start..span.start + span.len]);
            span.start = start;
        }
        self.bytes = bytes;
    }

    fn reader(&self, span: Span) -> Reader<'_> {
        Reader::new(&self.bytes[span.start..span.start + span.len], &self.flags)
    }
}
