//! Where functions begin and end, by the unwinding information, which no `strip` takes away.
//!
//! Reads the one encoding that the linkers write for x86-64: a sorted table of 32-bit distances (LSB 10.6.2), and entries whose begin is a
//! distance from itself.

use super::image::{Function, Image};

/// Distances from the table's begin, 32 bits with sign.
const DATA_RELATIVE: u8 = 0x3b;
/// A distance from where it stands, 32 bits with sign.
const SELF_RELATIVE: u8 = 0x1b;
/// A count of 32 bits.
const COUNT: u8 = 0x03;
/// What stands before the table: four bytes of encodings, a pointer, a count.
const HEADER: usize = 12;
/// A row: where the function begins, where its entry is.
const ROW: usize = 8;

/// The function, or the part of one, that has an address in it.
pub(super) fn function_around(image: &Image<'_>, address: u64) -> Option<Function> {
    let base = image.frames()?;
    let table = image.bytes(base)?;
    if table.get(..4)? != [1, SELF_RELATIVE, COUNT, DATA_RELATIVE] {
        return None;
    }
    let rows = table.get(HEADER..HEADER.checked_add((u32_at(table, 8)? as usize).checked_mul(ROW)?)?)?;
    let row = last_row_before(rows, base, address)?;
    let entry = base.checked_add_signed(i32_at(row, 4)?.into())?;
    let function = function_of(image, entry)?;
    function.range().contains(&address).then_some(function)
}

fn last_row_before(rows: &[u8], base: u64, address: u64) -> Option<&[u8]> {
    let (rows, _) = rows.as_chunks::<ROW>();
    let begins_by = |row: &[u8; ROW]| i32_at(row, 0).is_some_and(|begin| base.wrapping_add_signed(begin.into()) <= address);
    let after = rows.partition_point(begins_by);
    Some(rows.get(after.checked_sub(1)?)?)
}

/// An entry is its length, how far back its common part is, where the code begins, and how long it is.
fn function_of(image: &Image<'_>, entry: u64) -> Option<Function> {
    let bytes = image.bytes(entry)?;
    let address = entry.checked_add(8)?.checked_add_signed(i32_at(bytes, 8)?.into())?;
    image.code(address)?;
    Some(Function { address, size: u32_at(bytes, 12)?.into() })
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes)
}

fn i32_at(bytes: &[u8], at: usize) -> Option<i32> {
    bytes.get(at..)?.first_chunk().copied().map(i32::from_le_bytes)
}
