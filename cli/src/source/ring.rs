//! Segments from a probe's ring buffer.

use ehl_probes_common::record::{self, DecodeError, ProbeId};
use ehl_probes_common::walk::Handover;

use super::{Found, Source};
use crate::probe::Records;
use crate::stream::{Endpoint, Origin, Part, Segment};

/// A probe's records. `monotonic_to_unix_ns` is what `CLOCK_MONOTONIC` lacks to the time since 1970.
pub struct Ring {
    records: Records,
    monotonic_to_unix_ns: u64,
}

impl Ring {
    /// Reads `records`.
    pub fn new(records: Records, monotonic_to_unix_ns: u64) -> Self {
        Self { records, monotonic_to_unix_ns }
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
}

/// One record as a segment; its bytes stay where they are.
pub fn decode(bytes: &[u8], monotonic_to_unix_ns: u64) -> Result<Segment<'_>, DecodeError> {
    let (header, captured) = record::decode(bytes)?;
    let origin = if header.probe == ProbeId::SslUprobe as u8 { Origin::Process(header.origin) } else { Origin::Interface(header.origin) };
    Ok(Segment {
        source: Endpoint { address: header.source, port: header.source_port },
        destination: Endpoint { address: header.destination, port: header.destination_port },
        origin,
        part: Part {
            time_ns: header.time_ns.wrapping_add(monotonic_to_unix_ns),
            sequence: header.sequence,
            acknowledgement: header.acknowledgement,
            tcp_flags: header.tcp_flags,
            covered: header.payload_len,
            captured,
            proven: header.flags,
            handover: Handover::unpack(header.framing),
        },
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
    fn counts_what_is_no_record() {
        assert_eq!(decode(b"short", 0).err(), Some(DecodeError::Short));
    }
}
