//! The packets of a capture file, whatever its format.

use std::io::Read;

use ehl_probes_common::record::Way;

use super::error::ReadError;
use super::input::Input;
use super::pcap::Pcap;
use super::pcapng::Pcapng;

/// libpcap's `MAXIMUM_SNAPLEN`: no program captures more of a packet, so that more is damage.
pub(super) const MAX_PACKET_BYTES: u32 = 256 << 10;

/// One packet of a capture file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Nanoseconds since 1970. A simple packet of pcapng has no time and gets that of the packet before it, or 0.
    pub time_ns: u64,
    /// What its bytes begin with, a `LINKTYPE_` number (pcap-linktype(7)).
    pub link_type: u16,
    /// Number of the interface within its section; 0 in pcap.
    pub interface: u32,
    /// What was captured, from the link layer on; at most 256 KiB.
    pub bytes: &'a [u8],
    /// Bytes it had on the wire, as the file says: fewer than `bytes` has, where these go on with a frame check sequence or the file is damaged.
    pub wire_len: u32,
    /// Which way it went, where the file says so beside the packet.
    pub way: Option<Way>,
}

/// Reads a capture file's packets one by one; holds one block of it at a time.
pub struct Packets {
    input: Input,
    format: Format,
    failed: bool,
}

enum Format {
    Pcap(Pcap),
    Pcapng(Pcapng),
}

impl Packets {
    /// Reads as much as tells the format: pcap in both byte orders, with microseconds or nanoseconds, and Kuznetzov's; pcapng; either of
    /// them in gzip of any number of members. Reads may be short or interrupted.
    ///
    /// # Errors
    /// [`ReadError::Empty`] and [`ReadError::NotCapture`] when it is none of these, others when its beginning cannot be read.
    pub fn open(input: Box<dyn Read + Send>) -> Result<Self, ReadError> {
        let mut input = Input::open(input)?;
        let format = if let Some(pcap) = Pcap::open(&mut input)? {
            Format::Pcap(pcap)
        } else if let Some(pcapng) = Pcapng::open(&mut input)? {
            Format::Pcapng(pcapng)
        } else {
            return Err(unknown(&mut input));
        };
        Ok(Self { input, format, failed: false })
    }

    /// The next packet, in the file's order; `None` at the end and after an error. Does not allocate unless a block is larger than any before.
    ///
    /// # Errors
    /// When the next packet, or a block before it, is not whole or damaged. The place is where that begins; those of I/O and of gzip are
    /// how far the bytes came. A file that ends between packets is whole.
    pub fn next_packet(&mut self) -> Result<Option<Packet<'_>>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        let packet = match &mut self.format {
            Format::Pcap(pcap) => pcap.next(&mut self.input),
            Format::Pcapng(pcapng) => pcapng.next(&mut self.input),
        };
        self.failed = packet.is_err();
        packet
    }

    /// Packets that the interface or the system dropped, as the capturing program says in what has been read: the sum of `isb_ifdrop` and
    /// `isb_osdrop` in the last statistics of each interface. `None` when it does not say, as in pcap.
    pub fn dropped(&self) -> Option<u64> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(pcapng) => pcapng.dropped(),
        }
    }

    /// What the file calls an interface of the section that the last packet is of (`if_name`).
    pub fn interface_name(&self, interface: u32) -> Option<&str> {
        match &self.format {
            Format::Pcap(_) => None,
            Format::Pcapng(pcapng) => pcapng.interface_name(interface),
        }
    }
}

fn unknown(input: &mut Input) -> ReadError {
    let unpacked = input.place().unpacked;
    match input.peek(12) {
        Ok([]) => ReadError::Empty,
        Ok(start) => ReadError::NotCapture { start: start.to_vec(), unpacked },
        Err(error) => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::super::testing::{Given, PcapFile, PcapngFile, Trickle, gzip, read_all, read_rest};
    use super::*;

    fn pcap() -> PcapFile {
        PcapFile::new(1).packet(1, 1, b"first", 5).packet(2, 2, b"", 60).packet(3, 3, b"third packet", 12)
    }

    fn pcapng() -> PcapngFile {
        let section = PcapngFile::default().section(true).interface(1, 0, &[(2, b"eth0")]).packet(0, 5, b"first", 5);
        section.block(0xbad, |body| body.u32(9)).simple_packet(b"second", 6).section(false).interface(101, 0, &[]).packet(0, 7, b"3", 3)
    }

    fn error_of(bytes: &[u8]) -> String {
        read_all(Cursor::new(bytes.to_vec())).1.map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn says_of_a_file_that_is_none_how_it_starts() {
        assert_eq!(error_of(b""), "empty: a capture file has at least a header");
        assert_eq!(error_of(&gzip(b"")), "empty: a capture file has at least a header");
        assert_eq!(error_of(b"{}\n"), "not a pcap or pcapng file (it starts with 7b7d0a)");
        assert_eq!(error_of(&[0x7f; 100]), "not a pcap or pcapng file (it starts with 7f7f7f7f7f7f7f7f7f7f7f7f)");
        assert_eq!(error_of(&gzip(&gzip(b""))[..]), "not a pcap or pcapng file (unpacked, it starts with 1f8b08000000000000ff0300)");
        assert_eq!(error_of(b"\n\r\r\n12345678abcd"), "not a pcap or pcapng file (it starts with 0a0d0d0a3132333435363738)");
    }

    /// Cuts a file at every byte; `ends` is where its records end.
    fn cut_everywhere(file: &[u8], ends: &[usize], record: &str) {
        let (whole, none) = read_all(Cursor::new(file.to_vec()));
        assert!(none.is_none(), "{none:?}");
        for cut in 4..file.len() {
            let (given, error) = read_all(Cursor::new(file[..cut].to_vec()));
            let begins = ends.iter().copied().rfind(|end| *end <= cut).unwrap_or(0);
            let expected: Option<String> = (begins != cut).then(|| {
                let record = if begins == 0 && record == "packet" { "the file header".into() } else { format!("a {record}") };
                format!("cut off within {record} at byte {begins}")
            });
            assert_eq!(error.map(|error| error.to_string()), expected, "cut at {cut}");
            let (before, _) = read_all(Cursor::new(file[..begins].to_vec()));
            assert_eq!(given, before, "cut at {cut}");
            assert_eq!(given, whole[..given.len()], "cut at {cut}");
        }
    }

    #[test]
    fn pcap_cut_anywhere_gives_whole_packets_and_where_the_next_begins() {
        let file = pcap().bytes();
        let ends = [24, 45, 61, 89];
        assert_eq!(file.len(), ends[3]);
        cut_everywhere(&file, &ends, "packet");
        assert_eq!(read_all(Cursor::new(file[..61].to_vec())).0.len(), 2);
    }

    #[test]
    fn pcapng_cut_anywhere_gives_whole_packets_and_where_the_next_block_begins() {
        let file = pcapng().bytes();
        let ends = [28, 60, 100, 116, 140, 168, 188, 224];
        assert_eq!(file.len(), ends[7]);
        cut_everywhere(&file, &ends, "block");
        assert_eq!(read_all(Cursor::new(file[..140].to_vec())).0.len(), 2);
    }

    #[test]
    fn reads_byte_by_byte_what_it_reads_at_once() {
        for file in [pcap().bytes(), pcapng().bytes()] {
            let (at_once, _) = read_all(Cursor::new(file.clone()));
            assert_eq!(at_once.len(), 3);
            let (given, error) = read_all(Trickle::new(file));
            assert_eq!((given, error.is_none()), (at_once, true));
        }
    }

    #[test]
    fn nothing_comes_after_an_error() {
        let mut bytes = pcap().bytes();
        bytes[24 + 11] = 0xff;
        let mut packets = Packets::open(Box::new(Cursor::new(bytes))).expect("opens");
        assert_eq!(
            packets.next_packet().map_err(|error| error.to_string()),
            Err("damaged at byte 24: a packet of 4278190085 bytes".to_owned())
        );
        assert_eq!(packets.next_packet().ok(), Some(None));
    }

    #[test]
    fn flipped_bytes_never_panic_and_give_sane_packets() {
        let mut state = 0x2545_f491_u32;
        let mut random = move |below: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % below
        };
        let files = [pcap().bytes(), pcapng().bytes(), gzip(&pcap().bytes()), gzip(&pcapng().bytes())];
        for round in 0..40_000 {
            let mut file = files[round % files.len()].clone();
            for _ in 0..=random(3) {
                let place = random(file.len());
                file[place] = [random(256) as u8, 0, 0xff, 0x80][random(4)];
            }
            let Ok(mut packets) = Packets::open(Box::new(Cursor::new(file))) else { continue };
            let (given, _): (Vec<Given>, _) = read_rest(&mut packets);
            assert!(given.len() <= 40);
            let _ = (packets.dropped(), packets.interface_name(u32::MAX));
        }
    }
}
