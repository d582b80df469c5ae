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
