//! A conversation on the wire, and whether what is told of it is the truth.

use ehl_probes_common::frame::{FRAME_HEADER_LEN, Frame, frame_flag, kind};
use ehl_probes_common::record::tcp_flag;

use crate::generate::{CLIENT, Conversation, SERVER, Shape, Span, conversation};
use crate::random::Random;
use crate::rows::{Row, Told, from_packets, from_records};
use crate::show;
use crate::tap::{Kernel, Loops};
use crate::wire::{Cutting, Packet, Wire, reorder, repeat, wire};

/// A conversation on the wire.
pub(crate) struct Case {
    pub(crate) conversation: Conversation,
    pub(crate) wire: Wire,
    pub(crate) cutting: Cutting,
    pub(crate) shape: Shape,
}

impl Case {
    pub(crate) fn new(random: &mut Random) -> Self {
        let pauses = random.percent(10);
        Self::with(pauses, random)
    }

    pub(crate) fn with(pauses: bool, random: &mut Random) -> Self {
        let (traps, odd) = (random.percent(70), random.percent(70));
        Self::of(traps, odd, pauses, random)
    }

    pub(crate) fn of(traps: bool, odd: bool, pauses: bool, random: &mut Random) -> Self {
        let cutting = random.pick(&[
            Cutting::Bytes,
            Cutting::Mss,
            Cutting::Mss,
            Cutting::Offload,
            Cutting::UpTo(20),
            Cutting::UpTo(3000),
            Cutting::Wicked,
            Cutting::Wicked,
        ]);
        let bytes = match cutting {
            Cutting::Bytes | Cutting::UpTo(20) => random.pick(&[0, 500, 2000]),
            _ => random.pick(&[0, 500, 2000, 20_000, 200_000]),
        };
        let streams = random.pick(&[1, 3, 10, 50]);
        Self::sized(
            Shape { bytes, streams, depth: random.pick(&[1, 2, 10]), traps, pads: random.percent(50), cuts: true, tables: true, odd },
            cutting,
            pauses,
            random,
        )
    }

    /// To be seen in part.
    pub(crate) fn partly(random: &mut Random) -> Self {
        let (traps, odd) = (random.percent(20), random.percent(50));
        Self::of(traps, odd, false, random)
    }

    /// Of a few frames, for many cases in a second.
    fn small(pauses: bool, random: &mut Random) -> Self {
        let cutting = random.pick(&[Cutting::Mss, Cutting::UpTo(20), Cutting::UpTo(200), Cutting::Wicked, Cutting::Wicked]);
        let (bytes, streams, depth) = (random.pick(&[0, 50, 200]), random.pick(&[1, 2, 3]), random.pick(&[1, 3]));
        let shape = Shape {
            bytes,
            streams,
            depth,
            traps: random.percent(70),
            pads: random.percent(70),
            cuts: true,
            tables: true,
            odd: random.percent(70),
        };
        Self::sized(shape, cutting, pauses, random)
    }

    fn sized(shape: Shape, cutting: Cutting, pauses: bool, random: &mut Random) -> Self {
        let mut conversation = conversation(shape, random);
        let wire = wire(&conversation, cutting, true, pauses, random);
        conversation.closed = closed(&wire.packets);
        Self { conversation, wire, cutting, shape }
    }

    /// Makes the head of an exchange one that nobody can decode: its first field is an entry that cannot be. Answers where.
    pub(crate) fn corrupt(&mut self, random: &mut Random) -> Option<(usize, usize)> {
        let bytes = &self.conversation.streams;
        let is_plain = |span: &&Span| bytes[span.from].bytes[span.range.start + 4] & (frame_flag::PADDED | frame_flag::PRIORITY) == 0;
        let heads = self.conversation.truths.iter().flat_map(|truth| [truth.request.first(), truth.response.first()]).flatten();
        let is_head = |span: &&Span| !span.is_data && is_headers(&bytes[span.from].bytes[span.range.start..]);
        let heads: Vec<_> = heads.filter(is_head).filter(is_plain).cloned().collect();
        let Span { from, range, .. } = heads.get(random.within(0..heads.len().max(1)))?;
        const INDEX_0: u8 = 0x80;
        let at = range.start + FRAME_HEADER_LEN as usize;
        for packet in self.wire.packets.iter_mut().filter(|packet| packet.from == *from && packet.offset <= at && at < packet.end()) {
            packet.payload[at - packet.offset] = INDEX_0;
        }
        Some((*from, at))
    }

    /// The segments, some of them late, and some seen again.
    pub(crate) fn disordered(&self, random: &mut Random) -> Vec<Packet> {
        let mut packets = self.wire.packets.clone();
        // What waits for a late segment is bounded: a few of 64 KB are too much.
        let percent = if self.cutting == Cutting::Offload { 0 } else { random.pick(&[0, 1, 5, 30]) };
        reorder(&mut packets, percent, random);
        let percent = random.pick(&[0, 1, 5, 30]);
        repeat(packets, &self.conversation, percent, random)
    }

    /// Whether the truth is told of these segments: by way of the kernel, and by way of a capture file.
    pub(crate) fn is_told_of(&self, packets: &[Packet]) -> Result<(), String> {
        self.tell(packets).map(|_| ())
    }

    /// The same, with the times.
    pub(crate) fn is_told_in_time(&self) -> Result<(), String> {
        for told in self.tell(&self.wire.packets)? {
            for truth in &self.conversation.truths {
                let times = self.conversation.times(truth, &self.wire.packets);
                let found = told.times.iter().find(|(stream_id, _)| *stream_id == Some(truth.stream_id));
                if found.is_none_or(|(_, found)| *found != times) {
                    return Err(format!("stream {}: {times:?}\n  told: {found:?}", truth.stream_id));
                }
            }
        }
        Ok(())
    }

    /// Whether the truth is told of what the processes at both ends write and read.
    pub(crate) fn is_told_by_processes(&self) -> Result<(), String> {
        show::case(self);
        show::packets(&self.wire.packets);
        if self.conversation.closed.is_some() || self.conversation.proxied.is_some() {
            // A process does not see that the other end has no more to say, and a PROXY header comes before TLS.
            return Ok(());
        }
        for process in [CLIENT, SERVER] {
            let Told { rows, undecodable, .. } = from_records(&submitted_by(process, &self.wire.packets));
            same(&format!("end {process}"), &self.conversation.rows(), &rows)?;
            if undecodable > 0 {
                return Err(format!("end {process}: {undecodable} were undecodable"));
            }
        }
        Ok(())
    }

    fn tell(&self, packets: &[Packet]) -> Result<Vec<Told>, String> {
        show::case(self);
        show::packets(packets);
        let truth = self.conversation.rows();
        let told = ways(packets);
        for (what, Told { rows, undecodable, .. }) in &told {
            same(what, &truth, rows)?;
            if *undecodable > 0 {
                return Err(format!("{what}: {undecodable} were undecodable"));
            }
        }
        Ok(told.into_iter().map(|(_, told)| told).collect())
    }
}

/// Whether they are HEADERS with something of a head in them.
fn is_headers(bytes: &[u8]) -> bool {
    bytes.first_chunk().map(Frame::of).is_some_and(|frame| frame.kind == kind::HEADERS && frame.length > 0)
}

/// How much of the client's stream stands before the server's FIN, if that came with bytes.
fn closed(packets: &[Packet]) -> Option<usize> {
    let closes = |packet: &Packet| packet.from == SERVER && packet.flags & tcp_flag::FIN != 0 && !packet.payload.is_empty();
    let fin = packets.iter().position(closes)?;
    let sent = packets[..fin].iter().filter(|packet| packet.from == CLIENT && packet.flags & tcp_flag::SYN == 0);
    sent.map(Packet::end).max()
}

/// What is told of segments, by all ways in which they are seen.
pub(crate) fn ways(packets: &[Packet]) -> [(&'static str, Told); 2] {
    [("raw", from_packets(packets)), ("kernel", from_records(&submitted(packets)))]
}

/// Whether the truth is told of a short conversation that these bytes choose.
pub(crate) fn is_truth_told(choices: &[u8]) -> Result<(), String> {
    let random = &mut Random::of_bytes(choices);
    if random.percent(40) {
        let case = Case::small(random.percent(20), random);
        case.is_told_in_time()?;
        case.is_told_by_processes()
    } else {
        let case = Case::small(false, random);
        case.is_told_of(&case.disordered(random))
    }
}

/// What the kernel submits of these segments.
pub(crate) fn submitted(packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut kernel = Kernel::new(Loops::LONG);
    for packet in packets {
        kernel.packet(packet);
    }
    let records = kernel.take_records();
    show::records(&records);
    records
}

/// What the kernel submits of what the process at one end writes and reads, until the connection is over.
pub(crate) fn submitted_by(process: usize, packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut kernel = Kernel::new(Loops::LONG);
    for packet in packets {
        kernel.call(packet, process);
    }
    if let Some(last) = packets.iter().rfind(|packet| packet.flags & (tcp_flag::FIN | tcp_flag::RST) != 0) {
        kernel.free(process, last.time_ns);
    }
    let records = kernel.take_records();
    show::records(&records);
    records
}

fn same(what: &str, expected: &[Row], found: &[Row]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).collect();
    let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).collect();
    Err(format!("{what}\n  not told: {missing:#?}\n  told instead: {extra:#?}"))
}
