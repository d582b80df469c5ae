//! Header blocks to fields (RFC 7541 sections 3 and 6).

use super::reader::Reader;
use super::table::{FIRST_MAX, Name, Table};
use super::{Decoded, Error, List};

/// Follows the header blocks of one direction of a connection.
#[derive(Debug)]
pub(in crate::http) struct Decoder {
    table: Table,
    /// The largest table the receiver ever allowed, in bytes; `None` when not all that it said was seen.
    allowed: Option<usize>,
    failed: bool,
}

impl Decoder {
    /// Of a connection that is seen from its first byte: the table is empty.
    pub(in crate::http) fn opened() -> Self {
        Self { table: Table::new(), allowed: Some(FIRST_MAX), failed: false }
    }

    /// Of one that is joined in the middle: what is in the table is unknown, and so is its size.
    pub(in crate::http) fn joined() -> Self {
        Self { table: Table::unknown(), allowed: None, failed: false }
    }

    /// Blocks may have been missed: from here on it is one that joins. A failure stays.
    pub(in crate::http) fn forget(&mut self) {
        *self = Self { failed: self.failed, ..Self::joined() };
    }

    /// The receiver allows a table of so many bytes (SETTINGS_HEADER_TABLE_SIZE, RFC 9113 section 6.5.2). When the sender
    /// learns of it is not known, so the largest one holds. Nothing for those that joined: what was allowed before is unknown.
    pub(in crate::http) fn allow(&mut self, bytes: u32) {
        self.allowed = self.allowed.map(|allowed| allowed.max(bytes as usize));
    }

    /// Decodes a whole header block into `list`, which it empties first. After an error the list is empty, and so it is for
    /// every later block: [`Error::Failed`].
    pub(in crate::http) fn decode(&mut self, block: &[u8], list: &mut List) -> Result<(), Error> {
        list.clear();
        if self.failed {
            return Err(Error::Failed);
        }
        let done = self.block(&mut Reader::new(block), list);
        if done.is_err() {
            self.failed = true;
            list.clear();
        }
        done
    }

    /// Bytes that it keeps, at most.
    pub(in crate::http) fn size(&self) -> usize {
        size_of::<Self>() + self.table.kept()
    }

    #[cfg(test)]
    pub(super) fn table(&self) -> &Table {
        &self.table
    }

    fn block(&mut self, block: &mut Reader<'_>, list: &mut List) -> Result<(), Error> {
        let mut has_fields = false;
        while let Some(first) = block.byte() {
            match first {
                // Section 6.1.
                0x80.. => list.kept.push(self.table.field(block.integer(first, 7)?)?),
                // Section 6.2.1.
                0x40.. => {
                    let index = block.integer(first, 6)?;
                    let (name, value) = literal(index, &self.table, block, list)?;
                    self.table.insert(name, value)?;
                }
                // "This dynamic table size update MUST occur at the beginning of the first header block following the change
                // to the dynamic table size." (section 4.2)
                0x20.. if has_fields => return Err(Error::LateUpdate),
                0x20.. => {
                    self.resize(block.integer(first, 5)?)?;
                    continue;
                }
                // Sections 6.2.2 and 6.2.3.
                _ => {
                    let index = block.integer(first, 4)?;
                    literal(index, &self.table, block, list)?;
                }
            }
            has_fields = true;
        }
        Ok(())
    }

    /// "The new maximum size MUST be lower than or equal to the limit determined by the protocol using HPACK." (section 6.3)
    fn resize(&mut self, bytes: u32) -> Result<(), Error> {
        let bytes = bytes as usize;
        if self.allowed.is_some_and(|allowed| bytes > allowed) {
            return Err(Error::TableSize);
        }
        self.table.resize(bytes);
        Ok(())
    }
}

/// Reads a literal into the list (section 6.2), and gives it as one to be inserted.
fn literal<'s, 'b: 's>(index: u32, table: &Table, block: &mut Reader<'b>, list: &'s mut List) -> Result<(Name<'s>, &'s [u8]), Error> {
    let List { kept, unpacked: [unpacked_name, unpacked_value] } = list;
    let (name, known) = if index == 0 {
        let name = block.string(unpacked_name)?;
        (Name::Literal(name), Some(name))
    } else {
        (Name::Of(index), table.field(index)?.name)
    };
    let value = block.string(unpacked_value)?;
    kept.push(Decoded { name: known, value: Some(value) });
    Ok((name, value))
}
