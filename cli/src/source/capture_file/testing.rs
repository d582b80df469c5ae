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

    fn padded(&mut self, bytes: &[u8]) -> &mut Self {
        self.all(bytes).all(&[0; 3][..bytes.len().next_multiple_of(4) - bytes.len()])
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

/// A pcapng file.
#[derive(Default)]
pub(crate) struct PcapngFile(Bytes);

impl PcapngFile {
    /// Begins a section; what follows is in its byte order.
    pub(crate) fn section(mut self, big_endian: bool) -> Self {
        self.0.big_endian = big_endian;
        self.block(0x0a0d_0d0a, |body| body.u32(0x1a2b_3c4d).u16(1).u16(0).u32(u32::MAX).u32(u32::MAX))
    }

    /// Describes an interface, with options of these codes and values; values are in the section's byte order as they are.
    pub(crate) fn interface(self, link_type: u16, snap_bytes: u32, options: &[(u16, &[u8])]) -> Self {
        self.block(1, |body| put_options(body.u16(link_type).u16(0).u32(snap_bytes), options))
    }

    pub(crate) fn packet(self, interface: u32, ticks: u64, bytes: &[u8], wire_len: u32) -> Self {
        self.block(6, |body| put_packet(body.u32(interface), ticks, bytes, wire_len))
    }

    pub(crate) fn obsolete_packet(self, interface: u16, ticks: u64, bytes: &[u8], wire_len: u32) -> Self {
        self.block(2, |body| put_packet(body.u16(interface).u16(0), ticks, bytes, wire_len))
    }

    pub(crate) fn simple_packet(self, bytes: &[u8], wire_len: u32) -> Self {
        self.block(3, |body| body.u32(wire_len).padded(bytes))
    }

    pub(crate) fn statistics(self, interface: u32, options: &[(u16, &[u8])]) -> Self {
        self.block(5, |body| put_options(body.u32(interface).u32(0).u32(0), options))
    }

    /// Any block, framed.
    pub(crate) fn block(mut self, kind: u32, put: impl FnOnce(&mut Bytes) -> &mut Bytes) -> Self {
        let mut body = Bytes { big_endian: self.0.big_endian, bytes: Vec::new() };
        put(&mut body);
        let length = 12 + body.bytes.len() as u32;
        self.0.u32(kind).u32(length).all(&body.bytes).u32(length);
        self
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.0.bytes
    }
}

fn put_packet<'a>(body: &'a mut Bytes, ticks: u64, bytes: &[u8], wire_len: u32) -> &'a mut Bytes {
    body.u32((ticks >> 32) as u32).u32(ticks as u32).u32(bytes.len() as u32).u32(wire_len).padded(bytes)
}

fn put_options<'a>(body: &'a mut Bytes, options: &[(u16, &[u8])]) -> &'a mut Bytes {
    for (code, value) in options {
        body.u16(*code).u16(value.len() as u16).padded(value);
    }
    if options.is_empty() { body } else { body.u32(0) }
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
