//! A conversation as TCP segments, in order or not.

use std::fmt;

use ehl_probes_common::record::tcp_flag;

use crate::generate::{CLIENT, Conversation, End, SERVER};
use crate::random::Random;

/// A TCP segment with payload, SYN, FIN or RST.
#[derive(Clone)]
pub(crate) struct Packet {
    pub(crate) time_ns: u64,
    pub(crate) from: usize,
    pub(crate) interface: u32,
    pub(crate) sequence: u32,
    pub(crate) acknowledgement: u32,
    pub(crate) flags: u8,
    pub(crate) payload: Vec<u8>,
    /// Where the payload stands in its stream.
    pub(crate) offset: usize,
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { time_ns, from, interface, sequence, acknowledgement, flags, payload, offset } = self;
        let shown = &payload[..payload.len().min(60)];
        let who = if *from == CLIENT { "client" } else { "server" };
        write!(
            f,
            "{time_ns} {who} if{interface} seq {sequence} ack {acknowledgement} flags {flags:#x} {offset}+{} {:?}",
            payload.len(),
            shown.escape_ascii().to_string()
        )
    }
}

impl Packet {
    pub(crate) fn end(&self) -> usize {
        self.offset + self.payload.len()
    }
}

/// Where streams are cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cutting {
    /// After each byte.
    Bytes,
    /// As Ethernet carries them.
    Mss,
    /// As segmentation offload shows them.
    Offload,
    /// Up to so many bytes.
    UpTo(usize),
    /// Where it is likely to hurt.
    Wicked,
    /// A head is never cut.
    WholeHeads,
}

/// A conversation on the wire.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    /// Sequence numbers of the streams' first bytes.
    pub(crate) first: [u32; 2],
    pub(crate) packets: Vec<Packet>,
}

/// All segments in the order in which they were sent.
pub(crate) fn wire(conversation: &Conversation, cutting: Cutting, with_syn: bool, pauses: bool, random: &mut Random) -> Wire {
    let mut first = [random.number() as u32, random.number() as u32];
    if random.percent(20) {
        first[random.within(0..2)] = 0u32.wrapping_sub(random.within(0..5000) as u32);
    }
    let mut cutter = Cutter { first, acknowledged: [0; 2], time_ns: 1_000_000_000, pauses, packets: Vec::new(), random };
    if with_syn {
        cutter.mark(CLIENT, usize::MAX, tcp_flag::SYN);
        cutter.mark(SERVER, usize::MAX, tcp_flag::SYN | tcp_flag::ACK);
    }
    for send in &conversation.sends {
        let stream = &conversation.streams[send.from];
        let cuts = cutter.cuts(send.range.clone(), &stream.cuts, &stream.body, cutting);
        cutter.acknowledge(send.from, *send.acknowledged.start(), *send.acknowledged.end());
        for pair in cuts.windows(2) {
            cutter.acknowledge(send.from, *send.acknowledged.start(), *send.acknowledged.end());
            cutter.segment(send.from, pair[0], &stream.bytes[pair[0]..pair[1]]);
        }
    }
    let lengths = [conversation.streams[CLIENT].len(), conversation.streams[SERVER].len()];
    cutter.end(conversation.end, lengths);
    Wire { first, packets: cutter.packets }
}

struct Cutter<'r> {
    first: [u32; 2],
    /// How much of the other stream each end has acknowledged.
    acknowledged: [usize; 2],
    time_ns: u64,
    /// Whether time passes in seconds now and then.
    pauses: bool,
    packets: Vec<Packet>,
    random: &'r mut Random,
}

impl Cutter<'_> {
    fn cuts(&mut self, range: std::ops::Range<usize>, wicked: &[usize], body: &[bool], cutting: Cutting) -> Vec<usize> {
        let mut cuts = vec![range.start];
        let mut at = range.start;
        while at < range.end {
            let step = match cutting {
                Cutting::Bytes => 1,
                Cutting::Mss => 1448,
                Cutting::Offload => 45 * 1448,
                Cutting::UpTo(most) => self.random.within(0..most) + 1,
                Cutting::Wicked | Cutting::WholeHeads => self.random.pick(&[100, 1448, 1448, 6000]),
            };
            let mut next = (at + step).min(range.end);
            if cutting == Cutting::Wicked {
                let first = wicked.partition_point(|cut| *cut <= at);
                let near = wicked[first..].iter().copied().take_while(|cut| *cut < next);
                if let Some(cut) = near.into_iter().find(|_| self.random.percent(50)) {
                    next = cut;
                }
            }
            while cutting == Cutting::WholeHeads && next < range.end && !body[next] {
                next += 1;
            }
            cuts.push(next);
            at = next;
        }
        cuts
    }

    fn acknowledge(&mut self, from: usize, least: usize, most: usize) {
        let now = self.acknowledged[from];
        self.acknowledged[from] = if self.random.percent(80) { now.max(least) } else { now.max(self.random.within(least..most + 1)) };
    }

    fn segment(&mut self, from: usize, offset: usize, payload: &[u8]) {
        self.push(from, offset, self.first[from].wrapping_add(offset as u32), tcp_flag::ACK, payload);
    }

    fn mark(&mut self, from: usize, offset: usize, flags: u8) {
        self.push(from, offset, self.first[from].wrapping_add(offset as u32), flags, b"");
    }

    fn push(&mut self, from: usize, offset: usize, sequence: u32, flags: u8, payload: &[u8]) {
        self.time_ns += if self.pauses && self.random.percent(2) { 2_500_000_000 } else { self.random.within(1_000..200_000) as u64 };
        let acknowledgement = self.first[1 - from].wrapping_add(self.acknowledged[from] as u32);
        self.packets.push(Packet {
            time_ns: self.time_ns,
            from,
            interface: 2,
            sequence,
            acknowledgement,
            flags,
            payload: payload.to_vec(),
            offset,
        });
    }

    fn end(&mut self, end: End, lengths: [usize; 2]) {
        match end {
            End::Open => {}
            End::Reset(from) => {
                self.acknowledged[from] = lengths[1 - from];
                self.mark(from, lengths[from], tcp_flag::RST | tcp_flag::ACK);
            }
            End::Fin(from) => {
                let last = self.packets.iter_mut().rev().find(|packet| packet.from == from && packet.flags & tcp_flag::SYN == 0);
                match last {
                    // The last segment carries it, if nothing came after it.
                    Some(last) if self.random.percent(50) && last.end() == lengths[from] => {
                        last.flags |= tcp_flag::FIN;
                    }
                    _ => self.mark(from, lengths[from], tcp_flag::FIN | tcp_flag::ACK),
                }
                self.acknowledged[1 - from] = lengths[from] + 1;
                self.mark(1 - from, lengths[1 - from], tcp_flag::FIN | tcp_flag::ACK);
            }
        }
    }
}

/// Swaps segments within a window. No segment passes one of the other end that acknowledges it: who is late was not
/// acknowledged.
pub(crate) fn reorder(packets: &mut [Packet], percent: usize, random: &mut Random) {
    let mut begun = [false; 2];
    for at in 0..packets.len() {
        // Where a stream begins is to be known.
        let first = !std::mem::replace(&mut begun[packets[at].from], true);
        if first || !random.percent(percent) || packets[at].flags & tcp_flag::RST != 0 {
            continue;
        }
        let mut to = at;
        let joins = |packet: &Packet| packet.from == packets[at].from && packet.flags & tcp_flag::RST == 0;
        while to + 1 < packets.len() && joins(&packets[to + 1]) && to < at + 8 {
            to += 1;
        }
        let to = random.within(at..to + 1);
        let times: Vec<u64> = packets[at..=to].iter().map(|packet| packet.time_ns).collect();
        packets[at..=to].rotate_left(1);
        for (packet, time_ns) in packets[at..=to].iter_mut().zip(times) {
            packet.time_ns = time_ns;
        }
    }
}

/// Sends some bytes again, cut in another way, and shows segments on several interfaces.
pub(crate) fn repeat(packets: Vec<Packet>, conversation: &Conversation, percent: usize, random: &mut Random) -> Vec<Packet> {
    let mut repeated: Vec<Packet> = Vec::with_capacity(packets.len());
    let mut sent = [0usize; 2];
    let mut acknowledged = [None; 2];
    let mirrored = random.percent(20);
    let mut closing = false;
    for packet in packets {
        let (from, end) = (packet.from, packet.end());
        let last = acknowledged[from].get_or_insert(packet.acknowledgement);
        if packet.acknowledgement.wrapping_sub(*last) as i32 > 0 {
            *last = packet.acknowledgement;
        }
        let acknowledgement = *last;
        if !packet.payload.is_empty() {
            sent[from] = sent[from].max(end);
        }
        repeated.push(packet.clone());
        // What comes once more when both ends have closed would begin another connection.
        closing |= packet.flags & (tcp_flag::FIN | tcp_flag::RST) != 0;
        if closing {
            continue;
        }
        if mirrored {
            repeated.push(Packet { interface: 3, ..packet.clone() });
        }
        if packet.payload.is_empty() || !random.percent(percent) {
            continue;
        }
        // From before this segment into it, or all of it; never beyond what was sent.
        let begin = packet.offset.saturating_sub(random.within(0..3000));
        let begin = if random.percent(50) { packet.offset } else { begin };
        let until = random.within(begin + 1..sent[from] + 1).min(begin + 20_000);
        let sequence = packet.sequence.wrapping_sub((packet.offset - begin) as u32);
        let payload = conversation.streams[from].bytes[begin..until].to_vec();
        let flags = packet.flags & !tcp_flag::FIN;
        repeated.push(Packet { offset: begin, sequence, acknowledgement, payload, flags, ..packet });
    }
    repeated
}
