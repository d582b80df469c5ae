//! The pcap format (pcap-savefile(5)): a header of 24 bytes, then packets, each after a header of its own.

use super::byte_order::ByteOrder;
use super::error::{Damage, ReadError, Record};
use super::input::Input;
use super::packets::{MAX_PACKET_BYTES, Packet};

const FILE_HEADER_BYTES: usize = 24;

/// What a pcap file says once, of all its packets.
pub(super) struct Pcap {
    order: ByteOrder,
    fraction_ns: u64,
    packet_header_bytes: usize,
    link_type: u16,
}

impl Pcap {
    /// Reads the file's header; `None` when it is none.
    pub(super) fn open(input: &mut Input) -> Result<Option<Self>, ReadError> {
        let Some((order, variant)) = magic(input.peek(4)?) else { return Ok(None) };
        let Some(header) = input.peek_whole(FILE_HEADER_BYTES, Record::FileHeader)? else { return Ok(None) };
        let (fraction_ns, packet_header_bytes) = match variant {
            Variant::Microseconds => (1000, 16),
            Variant::Nanoseconds => (1, 16),
            Variant::Modified => (1000, 24),
        };
        // The upper half tells of frame check sequences.
        let link_type = order.u32(header, 20) as u16;
        input.pass(FILE_HEADER_BYTES);
        Ok(Some(Self { order, fraction_ns, packet_header_bytes, link_type }))
    }

    /// The next packet.
    pub(super) fn next<'a>(&self, input: &'a mut Input) -> Result<Option<Packet<'a>>, ReadError> {
        let begins = input.place();
        let Some(header) = input.peek_whole(self.packet_header_bytes, Record::Packet)? else { return Ok(None) };
        let seconds = self.order.u32(header, 0);
        let fraction = self.order.u32(header, 4);
        let captured = self.order.u32(header, 8);
        let wire_len = self.order.u32(header, 12);
        if captured > MAX_PACKET_BYTES {
            return Err(ReadError::Damaged { damage: Damage::PacketLength(captured), begins });
        }
        let record_bytes = self.packet_header_bytes + captured as usize;
        input.peek_whole(record_bytes, Record::Packet)?;
        input.pass(record_bytes);
        Ok(Some(Packet {
            time_ns: u64::from(seconds) * 1_000_000_000 + u64::from(fraction) * self.fraction_ns,
            link_type: self.link_type,
            interface: 0,
            bytes: input.passed(captured as usize),
            wire_len,
            way: None,
        }))
    }
}

/// How a file's magic number makes it differ.
#[derive(Clone, Copy)]
enum Variant {
    Microseconds,
    Nanoseconds,
    /// Of Kuznetzov's libpcap: packet headers go on with interface, protocol and packet type.
    Modified,
}

fn magic(bytes: &[u8]) -> Option<(ByteOrder, Variant)> {
    if bytes.len() < 4 {
        return None;
    }
    [ByteOrder::Little, ByteOrder::Big].into_iter().find_map(|order| {
        let variant = match order.u32(bytes, 0) {
            0xa1b2_c3d4 => Variant::Microseconds,
            0xa1b2_3c4d => Variant::Nanoseconds,
            0xa1b2_cd34 => Variant::Modified,
            _ => return None,
        };
        Some((order, variant))
    })
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::testing::{PcapFile, read_all};

    #[test]
    fn reads_each_magic_number_in_both_byte_orders() {
        for (magic, fraction_ns) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1), (0xa1b2_cd34, 1000)] {
            for big_endian in [false, true] {
                let file = PcapFile::of(big_endian, magic, 113).packet(1, 2, b"one", 3).packet(u32::MAX, 999_999, b"", 60).bytes();
                let (given, error) = read_all(Cursor::new(file));
                assert!(error.is_none(), "{error:?}");
                let last = u64::from(u32::MAX) * 1_000_000_000 + 999_999 * fraction_ns;
                assert_eq!(given, [(1_000_000_000 + 2 * fraction_ns, 113, 0, b"one".to_vec(), 3), (last, 113, 0, Vec::new(), 60)]);
            }
        }
    }

    #[test]
    fn the_link_type_is_the_lower_half_of_its_field() {
        let (given, _) = read_all(Cursor::new(PcapFile::new(0x2400_0001).packet(1, 2, b"x", 1).bytes()));
        assert_eq!(given[0].1, 1);
    }

    #[test]
    fn a_packet_is_as_long_on_the_wire_as_the_file_says() {
        let (given, _) = read_all(Cursor::new(PcapFile::new(1).packet(1, 2, b"four", 3).packet(1, 2, b"four", 1500).bytes()));
        assert_eq!((given[0].4, given[1].4), (3, 1500));
    }

    #[test]
    fn a_damaged_time_is_a_time() {
        let (given, _) = read_all(Cursor::new(PcapFile::new(1).packet(u32::MAX, u32::MAX, b"", 0).bytes()));
        assert_eq!(given[0].0, u64::from(u32::MAX) * 1_000_001_000);
    }

    #[test]
    fn refuses_a_packet_longer_than_any_program_captures() {
        let file = |count| PcapFile::new(1).packet(1, 1, b"x", 1).packet(2, 2, &vec![7; count], 0).bytes();
        let (given, error) = read_all(Cursor::new(file(256 << 10)));
        assert_eq!((given[1].3.len(), error.is_none()), (256 << 10, true));
        let (given, error) = read_all(Cursor::new(file((256 << 10) + 1)));
        assert_eq!(given.len(), 1);
        assert_eq!(error.map(|error| error.to_string()).as_deref(), Some("damaged at byte 41: a packet of 262145 bytes"));
    }
}
