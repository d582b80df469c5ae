//! The dynamic table (RFC 7541 sections 2.3.2 and 4), as far as it is known.
//!
//! Indexes count from the newest entry, so what was inserted before the first block that was seen is behind all that is known,
//! and moves no index of it. Sections are of RFC 7541.

use std::collections::VecDeque;

use super::entry::{Entry, OVERHEAD};
use super::static_table;
use super::{Decoded, Error};

/// Size before anybody says another one (RFC 9113 section 6.5.2).
pub(super) const FIRST_MAX: usize = 4096;
/// Sizes of the entries that are kept, however large the table is.
const MAX_KEPT: usize = 64 << 10;
/// No table is believed to have more entries.
const MAX_ENTRIES: usize = 1 << 16;

/// Both tables, as one space of indexes (section 2.3.3).
///
/// The entries that the table has and this one knows are the first of `entries`, and any after them are no longer in the
/// table. This holds although the size of an entry without name is a lower bound: `entries` may be evicted later than in the
/// table, never earlier, and what is evicted too late is behind all that is in the table, where a valid index does not reach.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest is the first.
    entries: VecDeque<Entry>,
    /// Of all entries in bytes, or less.
    size: usize,
    /// Maximum size in bytes; `None` when it is unknown.
    max: Option<usize>,
    /// There is nothing in the table that is not in `entries`.
    is_complete: bool,
}

/// The name of a field to be inserted.
#[derive(Clone, Copy)]
pub(super) enum Name<'a> {
    Literal(&'a [u8]),
    /// That of the field with this index.
    Of(u32),
}

/// What an index stands for.
enum Indexed<'t> {
    Static(&'static (&'static [u8], &'static [u8])),
    Entry(&'t Entry),
    Unknown,
}

impl Table {
    /// Empty.
    pub(super) fn new() -> Self {
        Self { entries: VecDeque::new(), size: 0, max: Some(FIRST_MAX), is_complete: true }
    }

    pub(super) fn unknown() -> Self {
        Self { entries: VecDeque::new(), size: 0, max: None, is_complete: false }
    }

    pub(super) fn field(&self, index: u32) -> Result<Decoded<'_>, Error> {
        Ok(match self.indexed(index)? {
            Indexed::Static((name, value)) => Decoded { name: Some(name), value: Some(value) },
            Indexed::Entry(entry) => Decoded { name: entry.name(), value: Some(entry.value()) },
            Indexed::Unknown => Decoded { name: None, value: None },
        })
    }

    fn indexed(&self, index: u32) -> Result<Indexed<'_>, Error> {
        let place = (index as usize).checked_sub(1).ok_or(Error::Index)?;
        if let Some(field) = static_table::FIELDS.get(place) {
            return Ok(Indexed::Static(field));
        }
        let place = place - static_table::FIELDS.len();
        match self.entries.get(place) {
            Some(entry) => Ok(Indexed::Entry(entry)),
            None if place - self.entries.len() < self.unknown_entries() => Ok(Indexed::Unknown),
            None => Err(Error::Index),
        }
    }

    /// Entries that may follow those known.
    fn unknown_entries(&self) -> usize {
        let believed = MAX_ENTRIES.saturating_sub(self.entries.len());
        match self.max {
            _ if self.is_complete => 0,
            Some(max) => believed.min(max.saturating_sub(self.size) / OVERHEAD),
            None => believed,
        }
    }

    /// "A new entry can reference the name of an entry in the dynamic table that will be evicted when adding this new entry
    /// into the dynamic table." (section 4.4)
    pub(super) fn insert(&mut self, name: Name<'_>, value: &[u8]) -> Result<(), Error> {
        let entry = match name {
            Name::Literal(name) => Entry::new(name, value),
            Name::Of(index) => match self.indexed(index)? {
                Indexed::Static((name, _)) => Entry::of_static(name, value),
                Indexed::Entry(entry) => entry.of_entry(value),
                Indexed::Unknown => Entry::of_unknown(value),
            },
        };
        self.size += entry.size();
        self.entries.push_front(entry);
        self.evict();
        Ok(())
    }

    /// Sets the maximum size in bytes.
    pub(super) fn resize(&mut self, max: usize) {
        self.max = Some(max);
        self.evict();
    }

    /// "An attempt to add an entry larger than the maximum size causes the table to be emptied of all existing entries and
    /// results in an empty table." (section 4.4) The new entry is then the last one to go. The oldest go first: when it is the
    /// turn of a known one, no unknown one is left, and neither where there is no room for any.
    fn evict(&mut self) {
        if let Some(max) = self.max {
            while self.size > max {
                self.pop();
                self.is_complete = true;
            }
            self.is_complete |= max - self.size < OVERHEAD;
        }
        while self.size > MAX_KEPT {
            self.pop();
            self.is_complete = false;
        }
    }

    fn pop(&mut self) {
        self.size -= self.entries.pop_back().map_or(self.size, |entry| entry.size());
    }

    /// Bytes that are kept, at most.
    pub(super) fn kept(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>() + self.size
    }

    #[cfg(test)]
    pub(super) fn entries(&self) -> impl Iterator<Item = Decoded<'_>> {
        self.entries.iter().map(|entry| Decoded { name: entry.name(), value: Some(entry.value()) })
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.size
    }
}
