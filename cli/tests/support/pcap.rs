//! Capture files of crafted segments.

use super::segment::{Segment, Shape};

/// Ethernet frames of these segments as a pcap file, a millisecond apart.
pub(crate) fn pcap<'a>(segments: impl IntoIterator<Item = &'a Segment>) -> Vec<u8> {
    const ETHERNET: u32 = 1;
    file(ETHERNET, u32::MAX, segments.into_iter().map(|segment| segment.frame(Shape::Plain)))
}

/// Packets as a pcap file of this link type, cut to `snap_len` bytes each.
pub(crate) fn file(link_type: u32, snap_len: u32, packets: impl IntoIterator<Item = Vec<u8>>) -> Vec<u8> {
    const BEGAN_MS: u64 = 1_700_000_000_000;
    timed(link_type, snap_len, packets.into_iter().zip(BEGAN_MS..).map(|(packet, ms)| (ms * 1_000_000, packet)))
}

/// The same with the time of each packet, in nanoseconds since 1970.
pub(crate) fn timed(link_type: u32, snap_len: u32, packets: impl IntoIterator<Item = (u64, impl AsRef<[u8]>)>) -> Vec<u8> {
    let mut file = Vec::new();
    let mut words = |words: &[u32], bytes: &[u8]| {
        words.iter().for_each(|word| file.extend(word.to_le_bytes()));
        file.extend(bytes);
    };
    // Magic for nanoseconds, version 2.4, zone, accuracy, snap length, link type: pcap-savefile(5).
    words(&[0xa1b2_3c4d, 4 << 16 | 2, 0, 0, snap_len, link_type], b"");
    for (time_ns, packet) in packets {
        let packet = packet.as_ref();
        let len = u32::try_from(packet.len()).expect("a packet is small");
        let captured = len.min(snap_len);
        let [seconds, nanos] = [time_ns / 1_000_000_000, time_ns % 1_000_000_000].map(|part| u32::try_from(part).expect("before 2106"));
        words(&[seconds, nanos, captured, len], &packet[..captured as usize]);
    }
    file
}

/// A pcapng file of one interface, without packets, of which the capturing program dropped so many.
pub(crate) fn with_drops(drops: u64) -> Vec<u8> {
    const SECTION: u32 = 0x0a0d_0d0a;
    const INTERFACE: u32 = 1;
    const STATISTICS: u32 = 5;
    // `isb_ifdrop`, eight bytes long.
    const DROPPED: u32 = 8 << 16 | 5;
    let [low, high] = [drops as u32, (drops >> 32) as u32];
    let section = block(SECTION, &[0x1a2b_3c4d, 1, u32::MAX, u32::MAX]);
    [section, block(INTERFACE, &[1, 0]), block(STATISTICS, &[0, 0, 0, DROPPED, low, high, 0])].concat()
}

fn block(kind: u32, words: &[u32]) -> Vec<u8> {
    let len = 12 + 4 * u32::try_from(words.len()).expect("a block is small");
    [&[kind, len], words, &[len]].concat().iter().flat_map(|word| word.to_le_bytes()).collect()
}
