//! Any bytes as a capture file: nothing panics, what is kept is bounded, and neither the size of reads nor a cut changes the
//! packets before it. The first two bytes of an input say where the file is cut.

#![no_main]

#[path = "../../tests/conversation/memory.rs"]
mod memory;

use std::cell::RefCell;
use std::io::{Cursor, Read};

use ehl::http::head::Wanted;
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;
use ehl::probe::packets::Filter;
use ehl::source::capture_file::{CaptureFile, PacketFile, Packets, Watched};
use ehl::source::{PacketSource as _, Source as _};
use libfuzzer_sys::fuzz_target;
use memory::kept;

/// Fragments and streams are bounded, and an input is short.
const MOST: isize = 4 << 20;

thread_local! {
    static TRACKER: RefCell<Tracker> = RefCell::new(Tracker::new(Wanted::default(), Redactor::new(Mode::Mask, [1, 2])));
}

fuzz_target!(|input: &[u8]| {
    let Some((&[high, low], file)) = input.split_first_chunk::<2>() else { return };
    let before = kept();
    let whole = packets(Cursor::new(file.to_vec()));
    let cut = usize::from(u16::from_be_bytes([high, low])).min(file.len());
    let few = packets(Cursor::new(file[..cut].to_vec()));
    let slow = packets(Trickle(Cursor::new(file.to_vec())));
    if file.starts_with(&[0x1f, 0x8b]) {
        // Before damage, the last few KiB that gzip unpacks may be missing.
        for some in [few, slow] {
            let both = some.len().min(whole.len());
            assert_eq!(some[..both], whole[..both]);
        }
    } else {
        assert_eq!(few, whole[..few.len()]);
        assert_eq!(slow, whole);
    }
    TRACKER.with_borrow_mut(|tracker| {
        if let Ok(mut capture) = CaptureFile::open(Box::new(Cursor::new(file.to_vec())), &Watched::default()) {
            while capture.drain(64, &mut |segment| tracker.segment(segment, &mut |_| {})).records > 0 {
                assert!(kept() - before < MOST, "{} bytes are kept", kept() - before);
            }
        }
        tracker.finish(&mut |_| {});
    });
    if let Ok(mut packets) = PacketFile::open(Box::new(Cursor::new(file.to_vec())), &Filter::default(), 1) {
        let mut told = 0;
        while packets.drain(64, &mut |_, _| told += 1).records > 0 {}
        let counters = packets.counters();
        assert_eq!((counters.packets, told), (whole.len() as u64, counters.packets - counters.unsupported_link.packets));
    }
});

/// Time, link type, interface, bytes and length on the wire.
type Given = (u64, u16, u32, Vec<u8>, u32);

fn packets(file: impl Read + Send + 'static) -> Vec<Given> {
    let mut given = Vec::new();
    if let Ok(mut packets) = Packets::open(Box::new(file)) {
        while let Ok(Some(packet)) = packets.next_packet() {
            given.push((packet.time_ns, packet.link_type, packet.interface, packet.bytes.to_vec(), packet.wire_len));
        }
    }
    given
}

/// Gives few bytes at a time.
struct Trickle(Cursor<Vec<u8>>);

impl Read for Trickle {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let len = buffer.len().min(7);
        self.0.read(&mut buffer[..len])
    }
}
