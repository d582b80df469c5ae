//! A conversation on the wire, and whether what is told of it is the truth.

use crate::generate::{Conversation, Shape, conversation};
use crate::random::Random;
use crate::rows::{Row, from_packets, from_records};
use crate::show;
use crate::tap::{Kernel, Loops};
use crate::wire::{Cutting, Packet, Wire, reorder, repeat, wire};

/// A conversation on the wire.
pub(crate) struct Case {
    pub(crate) conversation: Conversation,
    pub(crate) wire: Wire,
    pub(crate) cutting: Cutting,
    pub(crate) shape: Shape,
    pub(crate) with_syn: bool,
}

impl Case {
    pub(crate) fn new(random: &mut Random) -> Self {
        let pauses = random.percent(10);
        Self::with(pauses, random)
    }

    pub(crate) fn with(pauses: bool, random: &mut Random) -> Self {
        let odd = random.percent(40);
        let cutting = random.pick(&[
            Cutting::Bytes,
            Cutting::Mss,
            Cutting::Mss,
            Cutting::Offload,
            Cutting::UpTo(20),
            Cutting::UpTo(3000),
            Cutting::Wicked,
            Cutting::Wicked,
            Cutting::WholeHeads,
        ]);
        Self::of(cutting, odd, pauses, random)
    }

    pub(crate) fn of(cutting: Cutting, odd: bool, pauses: bool, random: &mut Random) -> Self {
        let bytes = match cutting {
            Cutting::Bytes | Cutting::UpTo(20) => random.pick(&[500, 2000, 5000]),
            _ => random.pick(&[500, 2000, 20_000, 200_000]),
        };
        Self::sized(bytes, cutting, odd, pauses, random)
    }

    /// Of a few hundred bytes, for many cases in a second.
    fn small(pauses: bool, random: &mut Random) -> Self {
        let odd = random.percent(40);
        let cutting =
            random.pick(&[Cutting::Mss, Cutting::UpTo(20), Cutting::UpTo(200), Cutting::Wicked, Cutting::Wicked, Cutting::WholeHeads]);
        let bytes = random.pick(&[50, 200, 400]);
        Self::sized(bytes, cutting, odd, pauses, random)
    }

    fn sized(bytes: usize, cutting: Cutting, odd: bool, pauses: bool, random: &mut Random) -> Self {
        let depth = random.pick(&[1, 1, 2, 5]);
        let shape = Shape { bytes, depth, odd, plain: false, traps: random.percent(70), whole: cutting == Cutting::WholeHeads };
        let conversation = conversation(shape, random);
        // A client that does not wait for answers leaves no hint of how many are on their way.
        let with_syn = depth > 1 || random.percent(70);
        let wire = wire(&conversation, cutting, with_syn, pauses, random);
        Self { conversation, wire, cutting, shape, with_syn }
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

    pub(crate) fn truth(&self) -> Vec<Row> {
        let mut rows: Vec<_> = self.conversation.truths.iter().enumerate().map(|(number, truth)| Row::true_to(number, truth)).collect();
        rows.sort();
        rows
    }

    /// Whether the truth is told of these segments: by way of the kernel, and by way of a capture file.
    pub(crate) fn is_told_of(&self, packets: &[Packet]) -> Result<(), String> {
        show::case(self);
        show::packets(packets);
        let truth = self.truth();
        let (_, records) = submitted(packets, Loops::LONG);
        same("kernel", &truth, &from_records(&records))?;
        same("raw", &truth, &from_packets(packets))
    }
}

impl Case {
    /// Whether the truth is told of what the processes at both ends write and read.
    pub(crate) fn is_told_by_processes(&self) -> Result<(), String> {
        show::case(self);
        show::packets(&self.wire.packets);
        for (process, what) in ["client", "server"].into_iter().enumerate() {
            same(what, &self.truth(), &from_records(&submitted_by(process, &self.wire.packets)))?;
        }
        Ok(())
    }
}

/// Whether the truth is told of a short conversation that these bytes choose.
pub(crate) fn is_truth_told(choices: &[u8]) -> Result<(), String> {
    let random = &mut Random::of_bytes(choices);
    if random.percent(40) {
        let case = Case::small(random.percent(20), random);
        case.is_told_of(&case.wire.packets)?;
        case.is_told_by_processes()
    } else {
        let case = Case::small(false, random);
        case.is_told_of(&case.disordered(random))
    }
}

/// What the kernel submits of these segments.
pub(crate) fn submitted(packets: &[Packet], loops: Loops) -> (Kernel, Vec<Vec<u8>>) {
    let mut kernel = Kernel::new(loops);
    for packet in packets {
        kernel.packet(packet);
    }
    let records = kernel.take_records();
    show::records(&records);
    (kernel, records)
}

/// What the kernel submits of what the process at one end writes and reads.
fn submitted_by(process: usize, packets: &[Packet]) -> Vec<Vec<u8>> {
    let mut kernel = Kernel::new(Loops::LONG);
    for packet in packets {
        kernel.call(packet, process);
    }
    kernel.free(process, packets.last().map_or(0, |packet| packet.time_ns));
    let records = kernel.take_records();
    show::records(&records);
    records
}

pub(crate) fn same(what: &str, expected: &[Row], found: &[Row]) -> Result<(), String> {
    if expected == found {
        return Ok(());
    }
    let missing: Vec<_> = expected.iter().filter(|row| !found.contains(row)).collect();
    let extra: Vec<_> = found.iter().filter(|row| !expected.contains(row)).collect();
    Err(format!("{what}\n  not told: {missing:?}\n  told instead: {extra:?}"))
}
