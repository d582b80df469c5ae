//! Segments from a probe's ring buffer, and in the end from its memory of connections.

use std::collections::{HashMap, HashSet};

use ehl_probes_common::connection::Direction;
use ehl_probes_common::record::{self, DecodeError, ProbeId, Way, flag};
use ehl_probes_common::tls;
use ehl_probes_common::walk::Handover;
use foldhash::fast::RandomState;

use super::{Found, Source};
use crate::probe::{Memory, Records};
use crate::stream::{Endpoint, Identity, Origin, Part, Process, Segment, Tls};

/// A probe's records. `monotonic_to_unix_ns` is what `CLOCK_MONOTONIC` lacks to the time since 1970.
pub struct Ring {
    records: Records,
    memory: Memory,
    processes: Processes,
    monotonic_to_unix_ns: u64,
}

impl Ring {
    /// Reads `records`, then `memory`.
    pub fn new(records: Records, memory: Memory, monotonic_to_unix_ns: u64) -> Self {
        Self { records, memory, processes: Processes::default(), monotonic_to_unix_ns }
    }

    /// The processes that had records.
    pub fn processes(&self) -> &HashSet<u32> {
        &self.processes.seen
    }
}

/// Processes that were looked up in the kernel's memory, each with when that was.
#[derive(Default)]
struct Processes {
    known: HashMap<u32, (u64, Process), RandomState>,
    seen: HashSet<u32>,
}

impl Processes {
    /// Ids are used again, and processes change their name: what is older than this is looked up again.
    const FRESH_NS: u64 = 100_000_000;
    const MOST: usize = 8192;

    /// What is known of the process at a time.
    fn at(&mut self, time_ns: u64, process: Process, memory: &Memory) -> Process {
        let Memory::Tls(connections) = memory else { return process };
        if let Some((since_ns, known)) = self.known.get(&process.id)
            && time_ns.saturating_sub(*since_ns) < Self::FRESH_NS
        {
            return *known;
        }
        let found = connections.process(process.id).map(|found| Process { comm: Some(found.comm), cgroup: found.cgroup, ..process });
        let process = found.unwrap_or(process);
        if self.known.len() >= Self::MOST {
            self.known.clear();
        }
        if self.seen.len() < Self::MOST {
            self.seen.insert(process.id);
        }
        self.known.insert(process.id, (time_ns, process));
        process
    }
}

impl Source for Ring {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Segment<'_>)) -> Found {
        let mut undecodable = 0;
        let Self { records, memory, processes, monotonic_to_unix_ns } = self;
        let records = records.drain(limit, |bytes| match decode(bytes, *monotonic_to_unix_ns) {
            Ok(mut segment) => {
                if let Origin::Process(process) = segment.origin {
                    segment.origin = Origin::Process(processes.at(segment.part.time_ns, process, memory));
                }
                each(&segment);
            }
            Err(_) => undecodable += 1,
        });
        Found { records, undecodable }
    }

    /// Body that stayed down and was not yet reported.
    fn finish(&mut self, each: &mut dyn FnMut(&Segment<'_>)) {
        let Self { memory, processes, monotonic_to_unix_ns, .. } = self;
        let memory = &*memory;
        let mut tell = |direction: &Direction, segment: Segment<'_>| {
            let Some((sequence, covered, last_ns)) = direction.unreported() else { return };
            let part = Part { time_ns: last_ns.wrapping_add(*monotonic_to_unix_ns), sequence, covered, ..segment.part };
            each(&Segment { part, ..segment });
        };
        match memory {
            Memory::Packets(connections) => connections.each(|key, connection| {
                let [low, high] = key.ends().map(|(address, port)| Endpoint { address: address.bytes(), port });
                for (direction, [source, destination]) in connection.directions.iter().zip([[low, high], [high, low]]) {
                    let origin = Origin::Interface(direction.interface);
                    tell(direction, Segment { source, destination, origin, identity: Identity::Ends, part: BODY });
                }
            }),
            Memory::Tls(connections) => connections.each(|key, connection| {
                let tls::Connection { streams, id, ends, from_start, .. } = connection;
                let local = Endpoint { address: ends.local.bytes(), port: ends.local_port };
                let remote = Endpoint { address: ends.remote.bytes(), port: ends.remote_port };
                let process = Process { id: key.process, ..Process::default() };
                let origin = Origin::Process(processes.at(0, process, memory));
                for (direction, is_written) in streams.directions.iter().zip([true, false]) {
                    let (source, destination) = if is_written { (local, remote) } else { (remote, local) };
                    let identity = Identity::Tls(Tls { connection: *id, is_written, from_start: *from_start != 0 });
                    tell(direction, Segment { source, destination, origin, identity, part: BODY });
                }
            }),
            Memory::Flows(_) => {}
        }
    }
}

/// Body of which nothing is told yet.
const BODY: Part<'static> =
    Part { time_ns: 0, sequence: 0, acknowledgement: 0, tcp_flags: 0, covered: 0, captured: b"", proven: flag::BODY, handover: None };

/// One record as a segment; its bytes stay where they are.
pub fn decode(bytes: &[u8], monotonic_to_unix_ns: u64) -> Result<Segment<'_>, DecodeError> {
    let (header, captured) = record::decode(bytes)?;
    let is_turned = header.flags & flag::OPPOSITE != 0;
    let (origin, identity) = if header.probe == ProbeId::SslUprobe as u8 {
        let is_written = (header.way == Way::Egress as u8) != is_turned;
        let tls = Tls { connection: header.connection, is_written, from_start: header.from_start != 0 };
        (Origin::Process(Process { id: header.origin, ..Process::default() }), Identity::Tls(tls))
    } else {
        (Origin::Interface(header.origin), Identity::Ends)
    };
    let source = Endpoint { address: header.source, port: header.source_port };
    let destination = Endpoint { address: header.destination, port: header.destination_port };
    let part = Part {
        time_ns: header.time_ns.wrapping_add(monotonic_to_unix_ns),
        sequence: header.sequence,
        acknowledgement: header.acknowledgement,
        tcp_flags: header.tcp_flags,
        covered: header.payload_len,
        captured,
        proven: header.flags & !flag::OPPOSITE,
        handover: Handover::unpack(header.framing),
    };
    Ok(if is_turned {
        // Flags and acknowledgement are those of the segment that ended the connection.
        let part = Part { tcp_flags: 0, acknowledgement: 0, ..part };
        Segment { source: destination, destination: source, origin, identity, part }
    } else {
        Segment { source, destination, origin, identity, part }
    })
}

#[cfg(test)]
mod tests {
    use ehl_probes_common::record::RecordHeader;

    use super::*;

    #[test]
    fn keeps_time_addresses_and_bytes() {
        let mut source = [0; 16];
        source[10..].copy_from_slice(&[0xff, 0xff, 10, 0, 0, 1]);
        let header = RecordHeader {
            time_ns: 5,
            source,
            source_port: 1234,
            payload_len: 900,
            captured_len: 3,
            origin: 7,
            probe: ProbeId::SockHttp as u8,
            ..RecordHeader::ZERO
        };
        let bytes = [header.as_bytes(), &b"GET"[..]].concat();
        let segment = decode(&bytes, 100).expect("a record");
        assert_eq!(segment.source.ip().to_string(), "10.0.0.1");
        assert_eq!((segment.source.port, segment.origin, segment.part.time_ns), (1234, Origin::Interface(7), 105));
        assert_eq!((segment.part.covered, segment.part.captured), (900, &b"GET"[..]));
    }

    #[test]
    fn turns_what_the_other_end_had_sent() {
        let header = RecordHeader {
            source_port: 80,
            destination_port: 1234,
            sequence: 1000,
            acknowledgement: 7,
            payload_len: 900,
            flags: flag::BODY | flag::OPPOSITE,
            tcp_flags: 4,
            ..RecordHeader::ZERO
        };
        let segment = decode(header.as_bytes(), 0).expect("a record");
        assert_eq!((segment.source.port, segment.destination.port), (1234, 80));
        let Part { sequence, acknowledgement, tcp_flags, covered, proven, .. } = segment.part;
        assert_eq!((sequence, acknowledgement, tcp_flags, covered, proven), (1000, 0, 0, 900, flag::BODY));
    }

    #[test]
    fn knows_the_connections_of_processes() {
        let header = RecordHeader {
            probe: ProbeId::SslUprobe as u8,
            way: Way::Egress as u8,
            connection: 77,
            origin: 4711,
            from_start: 1,
            payload_len: 900,
            flags: flag::BODY,
            ..RecordHeader::ZERO
        };
        let written = decode(header.as_bytes(), 0).expect("a record");
        assert_eq!(written.identity, Identity::Tls(Tls { connection: 77, is_written: true, from_start: true }));
        assert_eq!(written.origin, Origin::Process(Process { id: 4711, ..Process::default() }));
        assert!(!written.source.is_known());
        let turned = RecordHeader { flags: flag::BODY | flag::OPPOSITE, ..header };
        let read = decode(turned.as_bytes(), 0).expect("a record");
        assert_eq!(read.identity, Identity::Tls(Tls { connection: 77, is_written: false, from_start: true }));
    }

    #[test]
    fn counts_what_is_no_record() {
        assert_eq!(decode(b"short", 0).err(), Some(DecodeError::Short));
    }
}
