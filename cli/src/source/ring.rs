//! Segments from a probe's ring buffer, and in the end from its memory of connections.

use ehl_probes_common::record::{self, DecodeError, ProbeId, flag};
use ehl_probes_common::walk::Handover;

use super::{Found, Source};
use crate::probe::{Connections, Records};
use crate::stream::{Endpoint, Origin, Part, Segment};

/// A probe's records. `monotonic_to_unix_ns` is what `CLOCK_MONOTONIC` lacks to the time since 1970.
pub struct Ring {
    records: Records,
    connections: Connections,
    monotonic_to_unix_ns: u64,
}

impl Ring {
    /// Reads `records`, then `connections`.
    pub fn new(records: Records, connections: Connections, monotonic_to_unix_ns: u64) -> Self {
        Self { records, connections, monotonic_to_unix_ns }
    }
}

impl Source for Ring {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Segment<'_>)) -> Found {
        let mut undecodable = 0;
        let records = self.records.drain(limit, |bytes| match decode(bytes, self.monotonic_to_unix_ns) {
            Ok(segment) => each(&segment),
            Err(_) => undecodable += 1,
        });
        Found { records, undecodable }
    }

    /// Body that stayed down and was not yet reported.
    fn finish(&mut self, each: &mut dyn FnMut(&Segment<'_>)) {
        self.connections.each(|key, connection| {
            let [low, high] = key.ends().map(|(address, port)| Endpoint { address: address.bytes(), port });
            for (direction, [source, destination]) in connection.directions.iter().zip([[low, high], [high, low]]) {
                let Some((sequence, covered, last_ns)) = direction.unreported() else { continue };
                let part = Part {
                    time_ns: last_ns.wrapping_add(self.monotonic_to_unix_ns),
                    sequence,
                    acknowledgement: 0,
                    tcp_flags: 0,
                    covered,
                    captured: b"",
                    proven: flag::BODY,
                    handover: None,
                };
                each(&Segment { source, destination, origin: Origin::Interface(direction.interface), part });
            }
        });
    }
}

/// One record as a segment; its bytes stay where they are.
pub fn decode(bytes: &[u8], monotonic_to_unix_ns: u64) -> Result<Segment<'_>, DecodeError> {
    let (header, captured) = record::decode(bytes)?;
    let origin = if header.probe == ProbeId::SslUprobe as u8 { Origin::Process(header.origin) } else { Origin::Interface(header.origin) };
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
    Ok(if header.flags & flag::OPPOSITE == 0 {
        Segment { source, destination, origin, part }
    } else {
        // Flags and acknowledgement are those of the segment that ended the connection.
        Segment { source: destination, destination: source, origin, part: Part { tcp_flags: 0, acknowledgement: 0, ..part } }
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
    fn counts_what_is_no_record() {
        assert_eq!(decode(b"short", 0).err(), Some(DecodeError::Short));
    }
}
