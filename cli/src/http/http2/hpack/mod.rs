//! HPACK (RFC 7541) as an observer decodes it, who may have missed the first blocks of a connection.
//!
//! A [`Decoder`] follows one direction of a connection: it takes whole header blocks, and gives the fields of each as a
//! [`List`]. What stands in blocks that were not seen is unknown, and no guess is made. Frames, and which blocks were missed,
//! are the caller's.

mod decoder;
mod entry;
mod huffman;
mod list;
mod reader;
mod static_table;
mod table;

#[cfg(test)]
mod joined_tests;
#[cfg(test)]
mod rfc_tests;
#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod testing;

pub(in crate::http) use decoder::Decoder;
pub(in crate::http) use list::{Decoded, List};

/// Why a block cannot be decoded. Sections are of RFC 7541.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in crate::http) enum Error {
    /// A block before could not be decoded, so nobody knows what the table holds.
    #[error("an earlier header block could not be decoded")]
    Failed,
    /// It ends within a field.
    #[error("the header block ends within a field")]
    Truncated,
    /// A number above 32 bits, or longer than one of them has to be (section 5.1).
    #[error("a number of the header block is too large")]
    Integer,
    /// Index 0, or one beyond the table (sections 2.3.3 and 6.1).
    #[error("an index of the header block is beyond the table")]
    Index,
    /// EOS in a string, or padding that is too long or no part of EOS (section 5.2).
    #[error("a string of the header block is no Huffman code")]
    Huffman,
    /// A table larger than the receiver allows (section 6.3).
    #[error("the header block asks for a table larger than allowed")]
    TableSize,
    /// A change of the table's size after the first field (section 4.2).
    #[error("the header block changes the table's size after a field")]
    LateUpdate,
}
