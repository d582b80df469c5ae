//! The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks, in which interfaces are described and packets refer to them.

use ehl_probes_common::record::Way;

use super::byte_order::ByteOrder;
use super::error::{Damage, Place, ReadError, Record};
use super::input::Input;
use super::interface::{Interface, options};
use super::packets::{MAX_PACKET_BYTES, Packet};

/// As libpcap and Wireshark have it.
const MAX_BLOCK_BYTES: usize = 16 << 20;
/// More than a machine has; so that a damaged file does not fill the memory.
const MAX_INTERFACES: usize = 1 << 16;
/// A block's type and length, and its length again.
const FRAME_BYTES: usize = 12;
const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

mod block {
    /// Reads the same in both byte orders.
    pub(super) const SECTION_HEADER: u32 = 0x0a0d_0d0a;
    pub(super) const INTERFACE_DESCRIPTION: u32 = 1;
    pub(super) const OBSOLETE_PACKET: u32 = 2;
    pub(super) const SIMPLE_PACKET: u32 = 3;
    pub(super) const INTERFACE_STATISTICS: u32 = 5;
    pub(super) const ENHANCED_PACKET: u32 = 6;
}

/// The section that is being read, and what is kept of those before.
pub(super) struct Pcapng {
    order: ByteOrder,
    interfaces: Vec<Interface>,
    dropped_before: Option<u64>,
    /// For packets without a time: that of the one before.
    last_time_ns: u64,
}

impl Pcapng {
    /// Looks at the beginning of the first section; `None` when it is none.
    pub(super) fn open(input: &mut Input) -> Result<Option<Self>, ReadError> {
        if input.peek(4)? != block::SECTION_HEADER.to_be_bytes() {
            return Ok(None);
        }
        let Some(order) = input.peek_whole(FRAME_BYTES, Record::Block)?.and_then(byte_order) else { return Ok(None) };
        Ok(Some(Self { order, interfaces: Vec::new(), dropped_before: None, last_time_ns: 0 }))
    }

    /// The next packet; other blocks on the way are taken in or passed over.
    pub(super) fn next<'a>(&mut self, input: &'a mut Input) -> Result<Option<Packet<'a>>, ReadError> {
        let (found, block_bytes) = loop {
            let begins = input.place();
            let Some((kind, block_bytes)) = self.frame(input, begins)? else { return Ok(None) };
            let body = &input.peek(block_bytes)?[8..block_bytes - 4];
            let found = self.take_in(kind, body).map_err(|damage| ReadError::Damaged { damage, begins })?;
            input.pass(block_bytes);
            if let Some(found) = found {
                break (found, block_bytes);
            }
        };
        Ok(Some(Packet {
            time_ns: found.time_ns,
            link_type: found.link_type,
            interface: found.interface,
            bytes: &input.passed(block_bytes)[8 + found.at..][..found.captured as usize],
            wire_len: found.wire_len,
            way: found.way,
        }))
    }

    /// Packets that interfaces missed, of the sections up to here.
    pub(super) fn dropped(&self) -> Option<u64> {
        self.interfaces.iter().filter_map(|interface| interface.dropped).chain(self.dropped_before).reduce(u64::saturating_add)
    }

    /// The name of an interface of the section at hand.
    pub(super) fn interface_name(&self, interface: u32) -> Option<&str> {
        self.interfaces.get(interface as usize)?.name.as_deref()
    }

    /// The next block's type and its length with all, once it is whole.
    fn frame(&mut self, input: &mut Input, begins: Place) -> Result<Option<(u32, usize)>, ReadError> {
        let damaged = |damage| Err(ReadError::Damaged { damage, begins });
        let Some(head) = input.peek_whole(FRAME_BYTES, Record::Block)? else { return Ok(None) };
        let kind = self.order.u32(head, 0);
        if kind == block::SECTION_HEADER {
            match byte_order(head) {
                Some(order) => self.order = order,
                None => return damaged(Damage::ByteOrder(self.order.u32(head, 8))),
            }
        }
        let length = self.order.u32(head, 4);
        let block_bytes = length as usize;
        if block_bytes < FRAME_BYTES + least_body_bytes(kind) || !block_bytes.is_multiple_of(4) || block_bytes > MAX_BLOCK_BYTES {
            return damaged(Damage::BlockLength(length));
        }
        let Some(whole) = input.peek_whole(block_bytes, Record::Block)? else { return Ok(None) };
        let again = self.order.u32(whole, block_bytes - 4);
        if again != length {
            return damaged(Damage::BlockLengths(length, again));
        }
        Ok(Some((kind, block_bytes)))
    }

    /// Does what a block says; that of a packet is told.
    fn take_in(&mut self, kind: u32, body: &[u8]) -> Result<Option<Found>, Damage> {
        match kind {
            block::ENHANCED_PACKET => self.packet(self.order.u32(body, 0), body).map(Some),
            block::OBSOLETE_PACKET => self.packet(self.order.u16(body, 0).into(), body).map(Some),
            block::SIMPLE_PACKET => self.simple_packet(body).map(Some),
            block::SECTION_HEADER => self.begin_section(self.order.u16(body, 4)).map(|()| None),
            block::INTERFACE_DESCRIPTION => self.describe_interface(body).map(|()| None),
            block::INTERFACE_STATISTICS => {
                let number = self.order.u32(body, 0) as usize;
                if let Some(interface) = self.interfaces.get_mut(number) {
                    interface.count_drops(&body[12..], self.order);
                }
                Ok(None)
            }
            _ => Ok(None),
        }
    }

    /// An enhanced or an obsolete packet, which differ in their first four bytes.
    fn packet(&mut self, number: u32, body: &[u8]) -> Result<Found, Damage> {
        let interface = self.interfaces.get(number as usize).ok_or(Damage::NoInterface(number))?;
        let ticks = u64::from(self.order.u32(body, 4)) << 32 | u64::from(self.order.u32(body, 8));
        let captured = self.order.u32(body, 12);
        if captured > MAX_PACKET_BYTES {
            return Err(Damage::PacketLength(captured));
        }
        if captured as usize > body.len() - 20 {
            return Err(Damage::PacketBeyondBlock(captured, (body.len() + FRAME_BYTES) as u32));
        }
        self.last_time_ns = interface.time_ns(ticks);
        Ok(Found {
            time_ns: self.last_time_ns,
            link_type: interface.link_type,
            interface: number,
            at: 20,
            captured,
            wire_len: self.order.u32(body, 16),
            way: way(body.get(20 + (captured as usize).next_multiple_of(4)..).unwrap_or_default(), self.order),
        })
    }

    /// A packet that does not say how much of it there is: up to what its interface captures.
    fn simple_packet(&self, body: &[u8]) -> Result<Found, Damage> {
        let interface = self.interfaces.first().ok_or(Damage::NoInterface(0))?;
        let wire_len = self.order.u32(body, 0);
        let limit = if interface.snap_bytes == 0 { u32::MAX } else { interface.snap_bytes };
        let captured = wire_len.min(limit).min((body.len() - 4) as u32);
        if captured > MAX_PACKET_BYTES {
            return Err(Damage::PacketLength(captured));
        }
        let (time_ns, link_type) = (self.last_time_ns, interface.link_type);
        Ok(Found { time_ns, link_type, interface: 0, at: 4, captured, wire_len, way: None })
    }

    fn begin_section(&mut self, version: u16) -> Result<(), Damage> {
        self.dropped_before = self.dropped();
        self.interfaces.clear();
        if version == 1 { Ok(()) } else { Err(Damage::Version(version)) }
    }

    fn describe_interface(&mut self, body: &[u8]) -> Result<(), Damage> {
        if self.interfaces.len() == MAX_INTERFACES {
            return Err(Damage::Interfaces(MAX_INTERFACES));
        }
        self.interfaces.push(Interface::described(body, self.order));
        Ok(())
    }
}

/// A packet in a block.
struct Found {
    time_ns: u64,
    link_type: u16,
    interface: u32,
    /// Where in the block's body its bytes begin.
    at: usize,
    captured: u32,
    wire_len: u32,
    way: Option<Way>,
}

/// What `epb_flags` among a packet's options say of its direction.
fn way(packet_options: &[u8], order: ByteOrder) -> Option<Way> {
    const FLAGS: u16 = 2;
    let (_, flags) = options(packet_options, order).find(|(code, value)| *code == FLAGS && value.len() == 4)?;
    match order.u32(flags, 0) & 3 {
        1 => Some(Way::Ingress),
        2 => Some(Way::Egress),
        _ => None,
    }
}

/// As a section header says it, of which these are the first 12 bytes.
fn byte_order(head: &[u8]) -> Option<ByteOrder> {
    [ByteOrder::Little, ByteOrder::Big].into_iter().find(|order| order.u32(head, 8) == BYTE_ORDER_MAGIC)
}

/// Bytes of a block's body that its kind has in any case.
fn least_body_bytes(kind: u32) -> usize {
    match kind {
        block::SECTION_HEADER => 16,
        block::INTERFACE_DESCRIPTION => 8,
        block::ENHANCED_PACKET | block::OBSOLETE_PACKET => 20,
        block::SIMPLE_PACKET => 4,
        block::INTERFACE_STATISTICS => 12,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use ehl_probes_common::record::Way;

    use super::super::Packets;
    use super::super::testing::{Given, PcapngFile, read_all, read_rest};

    fn given(file: PcapngFile) -> Vec<Given> {
        let (given, error) = read_all(Cursor::new(file.bytes()));
        assert!(error.is_none(), "{error:?}");
        given
    }

    fn error_of(file: Vec<u8>) -> String {
        read_all(Cursor::new(file)).1.map(|error| error.to_string()).unwrap_or_default()
    }

    /// A section with one interface.
    fn section() -> PcapngFile {
        PcapngFile::default().section(false).interface(1, 0, &[])
    }

    #[test]
    fn reads_sections_of_either_byte_order_with_interfaces_of_their_own() {
        let first = PcapngFile::default().section(true).interface(1, 0, &[]).interface(113, 0, &[(9, &[9])]);
        let first = first.packet(1, 1_000_000_007, b"cooked", 6).packet(0, 3_000_001, b"ether", 1500);
        let file = first.section(false).interface(101, 0, &[]).packet(0, 5, b"raw", 2);
        assert_eq!(
            given(file),
            [
                (1_000_000_007, 113, 1, b"cooked".to_vec(), 6),
                (3_000_001_000, 1, 0, b"ether".to_vec(), 1500),
                (5000, 101, 0, b"raw".to_vec(), 2)
            ]
        );
    }

    #[test]
    fn times_are_in_the_interfaces_unit_and_from_its_offset_in_either_byte_order() {
        for big_endian in [false, true] {
            let offset = if big_endian { 100_i64.to_be_bytes() } else { 100_i64.to_le_bytes() };
            let section = PcapngFile::default().section(big_endian).interface(1, 0, &[(9, &[0x80 | 10]), (14, &offset)]);
            assert_eq!(given(section.packet(0, 512, b"", 0))[0].0, 100_500_000_000);
        }
    }

    #[test]
    fn reads_obsolete_packets() {
        assert_eq!(given(section().obsolete_packet(0, 5, b"old", 4)), [(5000, 1, 0, b"old".to_vec(), 4)]);
    }

    #[test]
    fn a_simple_packet_is_as_long_as_its_interface_captures_and_has_the_time_before() {
        let file = PcapngFile::default().section(false).interface(1, 5, &[]).interface(1, 0, &[]);
        let file = file.simple_packet(b"short", 900).packet(1, 7, b"", 0).simple_packet(b"abc", 3);
        assert_eq!(given(file), [(0, 1, 0, b"short".to_vec(), 900), (7000, 1, 1, Vec::new(), 0), (7000, 1, 0, b"abc".to_vec(), 3)]);
    }

    #[test]
    fn other_blocks_and_a_packets_options_are_passed_over() {
        let file = section().block(4, |body| body.all(&[0xff; 64])).block(0xbad, |body| body.all(&vec![1; 3 << 20]));
        let file = file.block(6, |body| body.u32(0).u32(0).u32(9).u32(1).u32(1).all(b"x\0\0\0\0\x02\0\x04").u32(2).u32(0));
        assert_eq!(given(file), [(9000, 1, 0, b"x".to_vec(), 1)]);
    }

    #[test]
    fn tells_which_way_a_packet_went_where_its_flags_do() {
        for big_endian in [false, true] {
            let section = || PcapngFile::default().section(big_endian).interface(1, 0, &[]);
            for (flags, expected) in [(1, Some(Way::Ingress)), (0x22, Some(Way::Egress)), (4, None), (3, None)] {
                let file =
                    section().block(6, |body| body.u32(0).u32(0).u32(9).u32(1).u32(1).all(b"x\0\0\0").u16(2).u16(4).u32(flags).u32(0));
                let mut packets = Packets::open(Box::new(Cursor::new(file.bytes()))).expect("opens");
                assert_eq!(packets.next_packet().ok().flatten().map(|packet| packet.way), Some(expected));
            }
        }
    }

    #[test]
    fn drops_are_those_of_each_interfaces_last_statistics() {
        let drops = |big_endian: bool, count: u64| if big_endian { count.to_be_bytes() } else { count.to_le_bytes() };
        let file = PcapngFile::default().section(true).interface(1, 0, &[]).interface(1, 0, &[]);
        let file = file
            .statistics(0, &[(5, &drops(true, 9))])
            .statistics(0, &[(4, &drops(true, 50)), (5, &drops(true, 10)), (7, &drops(true, 3))]);
        let file = file.statistics(1, &[(7, &drops(true, 100))]).statistics(9, &[(7, &drops(true, 1000))]);
        let file = file.section(false).interface(1, 0, &[]).statistics(0, &[(5, &drops(false, 2000))]);
        let mut packets = Packets::open(Box::new(Cursor::new(file.bytes()))).expect("opens");
        assert_eq!(packets.dropped(), None);
        assert!(read_rest(&mut packets).1.is_none());
        assert_eq!(packets.dropped(), Some(2113));
    }

    #[test]
    fn statistics_without_drops_say_nothing_of_them() {
        let file = section().statistics(0, &[(4, &50_u64.to_le_bytes())]).bytes();
        let mut packets = Packets::open(Box::new(Cursor::new(file))).expect("opens");
        assert!(read_rest(&mut packets).1.is_none());
        assert_eq!(packets.dropped(), None);
    }

    #[test]
    fn names_the_interfaces_of_the_section_at_hand() {
        let file = PcapngFile::default().section(false).interface(1, 0, &[(2, b"eth0")]).interface(1, 0, &[]).packet(0, 1, b"", 0);
        let file = file.section(false).interface(1, 0, &[(2, b"lo")]).packet(0, 2, b"", 0).bytes();
        let mut packets = Packets::open(Box::new(Cursor::new(file))).expect("opens");
        assert!(packets.next_packet().is_ok_and(|packet| packet.is_some()));
        assert_eq!((packets.interface_name(0), packets.interface_name(1), packets.interface_name(2)), (Some("eth0"), None, None));
        assert!(packets.next_packet().is_ok_and(|packet| packet.is_some()));
        assert_eq!((packets.interface_name(0), packets.interface_name(1)), (Some("lo"), None));
    }

    #[test]
    fn says_what_is_wrong_with_a_block() {
        assert_eq!(error_of(section().packet(1, 0, b"", 0).bytes()), "damaged at byte 48: a packet of interface 1, which is not described");
        assert_eq!(error_of(section().block(6, |body| body.u32(0)).bytes()), "damaged at byte 48: a block of 16 bytes");
        let packet_of = |captured| section().block(6, |body| body.u32(0).u32(0).u32(0).u32(captured).u32(0)).bytes();
        assert_eq!(error_of(packet_of(1)), "damaged at byte 48: a packet of 1 bytes in a block of 32");
        assert_eq!(error_of(packet_of(u32::MAX)), "damaged at byte 48: a packet of 4294967295 bytes");
        let changed = |place: usize, value: u8| {
            let mut file = section().section(false).bytes();
            file[place] = value;
            error_of(file)
        };
        assert_eq!(changed(48 + 24, 29), "damaged at byte 48: a block of 28 bytes at its beginning and 29 at its end");
        assert_eq!(changed(48 + 4, 30), "damaged at byte 48: a block of 30 bytes");
        assert_eq!(changed(48 + 7, 1), "damaged at byte 48: a block of 16777244 bytes");
        assert_eq!(changed(48 + 8, 0), "damaged at byte 48: a section of unknown byte order 1a2b3c00");
        assert_eq!(changed(48 + 12, 2), "damaged at byte 48: a section of version 2, known is 1");
    }

    #[test]
    fn refuses_interfaces_without_end() {
        let file = (0..=super::MAX_INTERFACES).fold(PcapngFile::default().section(false), |file, _| file.interface(1, 0, &[]));
        assert_eq!(error_of(file.bytes()), "damaged at byte 1310748: a section of more than 65536 interfaces");
    }
}
