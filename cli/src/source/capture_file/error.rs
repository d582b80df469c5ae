//! What can be wrong with a capture file, and where.

use std::fmt;
use std::io;

/// Why a capture file cannot be read, or not further. Whole packets before that place have been given.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Not one byte, packed or not.
    #[error("empty: a capture file has at least a header")]
    Empty,
    /// No known format begins so.
    #[error("not a pcap or pcapng file ({} with {})", if *.unpacked { "unpacked, it starts" } else { "it starts" }, Hex(.start))]
    NotCapture {
        /// The first bytes, at most 12.
        start: Vec<u8>,
        /// Whether they are what gzip unpacks to.
        unpacked: bool,
    },
    /// The file ends within a record.
    #[error("cut off within {record} at {begins}")]
    CutOff {
        /// What is not whole.
        record: Record,
        /// Where it begins.
        begins: Place,
    },
    /// A record cannot be what it says.
    #[error("damaged at {begins}: {damage}")]
    Damaged {
        /// What is wrong with the record.
        damage: Damage,
        /// Where it begins.
        begins: Place,
    },
    /// gzip data are damaged or cut off.
    #[error("damaged gzip data at {at}: {source}")]
    Gzip {
        /// How far they could be unpacked.
        at: Place,
        /// What the unpacker says.
        source: io::Error,
    },
    /// The system could not read.
    #[error("I/O error at {at}: {source}")]
    Io {
        /// How far it could.
        at: Place,
        /// What the system says.
        source: io::Error,
    },
}

/// A part of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Record {
    /// The header of a pcap file.
    FileHeader,
    /// A packet of a pcap file, with its header.
    Packet,
    /// A block of a pcapng file.
    Block,
}

impl fmt::Display for Record {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::FileHeader => "the file header",
            Self::Packet => "a packet",
            Self::Block => "a block",
        })
    }
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// More bytes than any program captures of a packet.
    #[error("a packet of {0} bytes")]
    PacketLength(u32),
    /// Too short for its kind, no multiple of four, or more than 16 MiB.
    #[error("a block of {0} bytes")]
    BlockLength(u32),
    /// A block's length stands at both of its ends.
    #[error("a block of {0} bytes at its beginning and {1} at its end")]
    BlockLengths(u32, u32),
    /// A section that says no byte order.
    #[error("a section of unknown byte order {0:08x}")]
    ByteOrder(u32),
    /// A section of a version that is not the one defined.
    #[error("a section of version {0}, known is 1")]
    Version(u16),
    /// The section has not described this interface.
    #[error("a packet of interface {0}, which is not described")]
    NoInterface(u32),
    /// The packet does not end within its block.
    #[error("a packet of {0} bytes in a block of {1}")]
    PacketBeyondBlock(u32, u32),
    /// More interfaces than a machine has.
    #[error("a section of more than {0} interfaces")]
    Interfaces(usize),
}

/// A place in a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub byte: u64,
    /// Whether they are counted in what gzip unpacks to, not in the file.
    pub unpacked: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "byte {}{}", self.byte, if self.unpacked { " of the unpacked stream" } else { "" })
    }
}

struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_the_thing_and_the_place() {
        let begins = Place { byte: 12345, unpacked: false };
        let message = |error: ReadError| error.to_string();
        assert_eq!(message(ReadError::CutOff { record: Record::Packet, begins }), "cut off within a packet at byte 12345");
        assert_eq!(
            message(ReadError::Damaged { damage: Damage::PacketLength(u32::MAX), begins }),
            "damaged at byte 12345: a packet of 4294967295 bytes"
        );
        assert_eq!(
            message(ReadError::NotCapture { start: b"\x7fELF".to_vec(), unpacked: false }),
            "not a pcap or pcapng file (it starts with 7f454c46)"
        );
        assert_eq!(
            message(ReadError::Gzip { at: Place { byte: 7, unpacked: true }, source: io::Error::other("corrupt deflate stream") }),
            "damaged gzip data at byte 7 of the unpacked stream: corrupt deflate stream"
        );
    }
}
