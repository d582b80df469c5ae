//! Capture files written by hand, for tests.

use std::io::{self, ErrorKind, Read, Write};

use super::{Packets, ReadError};

/// A packet as [`Packets`] gave it: `time_ns`, link type, interface, bytes, length on the wire.
pub(crate) type Given = (u64, u16, u32, Vec<u8>, u32);

/// All packets that can be read, and why not more.
pub(crate) fn read_all(file: impl Read + Send + 'static) -> (Vec<Given>, Option<ReadError>) {
    match Packets::open(Box::new(file)) {
        Ok(mut packets) => read_rest(&mut packets),
        Err(error) => (Vec::new(), Some(error)),
    }
}

/// The packets from here on, and why not more.
pub(crate) fn read_rest(packets: &mut Packets) -> (Vec<Given>, Option<ReadError>) {
    let mut given = Vec::new();
    loop {
        match packets.next_packet() {
            Ok(Some(packet)) => given.push((packet.time_ns, packet.link_type, packet.interface, packet.bytes.to_vec(), packet.wire_len)),
            Ok(None) => return (given, None),
            Err(error) => return (given, Some(error)),
        }
    }
}

/// Numbers in either byte order, one after the other.
#[derive(Clone, Default)]
pub(crate) struct Bytes {
    pub(crate) big_endian: bool,
    pub(crate) bytes: Vec<u8>,
}

impl Bytes {
    pub(crate) fn u16(&mut self, number: u16) -> &mut Self {
        self.all(&if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() })
    }

    pub(crate) fn u32(&mut self, number: u32) -> &mut Self {
        self.all(&if self.big_endian { number.to_be_bytes() } else { number.to_le_bytes() })
    }

    pub(crate) fn all(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes.extend_from_slice(bytes);
        self
    }
}

/// A pcap file.
pub(crate) struct PcapFile {
    magic: u32,
    file: Bytes,
}

impl PcapFile {
    /// Little endian, with microseconds.
    pub(crate) fn new(link_type: u32) -> Self {
        Self::of(false, 0xa1b2_c3d4, link_type)
    }

    pub(crate) fn of(big_endian: bool, magic: u32, link_type: u32) -> Self {
        let mut file = Bytes { big_endian, bytes: Vec::new() };
        file.u32(magic).u16(2).u16(4).u32(0).u32(0).u32(65535).u32(link_type);
        Self { magic, file }
    }

    /// `fraction` is of the magic number's unit.
    pub(crate) fn packet(mut self, seconds: u32, fraction: u32, bytes: &[u8], wire_len: u32) -> Self {
        self.file.u32(seconds).u32(fraction).u32(bytes.len() as u32).u32(wire_len);
        if self.magic == 0xa1b2_cd34 {
            self.file.u32(7).u32(8);
        }
        self.file.all(bytes);
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.file.bytes
    }
}

/// One member of gzip.
pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).and_then(|()| encoder.finish()).expect("writes to memory")
}

/// Reads byte by byte, and is interrupted before each.
pub(crate) struct Trickle {
    bytes: io::Cursor<Vec<u8>>,
    interrupted: bool,
}

impl Trickle {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Self { bytes: io::Cursor::new(bytes), interrupted: false }
    }
}

impl Read for Trickle {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        let one = into.len().min(1);
        self.bytes.read(&mut into[..one])
    }
}
