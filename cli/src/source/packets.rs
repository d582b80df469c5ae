//! Packets from a probe's ring buffer.

use ehl_probes_common::packet::record::PacketRecord;
use ehl_probes_common::record::Way;

use super::{Found, PacketSource};
use crate::packet::Sighting;
use crate::probe::Records;

/// A probe's records of packets. `monotonic_to_unix_ns` is what `CLOCK_MONOTONIC` lacks to the time since 1970.
pub struct PacketRing {
    records: Records,
    monotonic_to_unix_ns: u64,
}

impl PacketRing {
    /// Reads `records`.
    pub fn new(records: Records, monotonic_to_unix_ns: u64) -> Self {
        Self { records, monotonic_to_unix_ns }
    }
}

impl PacketSource for PacketRing {
    fn drain(&mut self, limit: usize, each: &mut dyn FnMut(&Sighting, Option<&str>)) -> Found {
        let mut undecodable = 0;
        let monotonic_to_unix_ns = self.monotonic_to_unix_ns;
        let records = self.records.drain(limit, |bytes| match decode(bytes, monotonic_to_unix_ns) {
            Some(sighting) => each(&sighting, None),
            None => undecodable += 1,
        });
        Found { records, undecodable }
    }
}

/// One record; `None` when the bytes are none.
fn decode(bytes: &[u8], monotonic_to_unix_ns: u64) -> Option<Sighting> {
    let PacketRecord { time_ns, headers, length, segments, interface, way, .. } = PacketRecord::decode(bytes)?;
    Some(Sighting {
        time_ns: time_ns.wrapping_add(monotonic_to_unix_ns),
        headers,
        length,
        segments: (segments > 0).then_some(segments),
        interface: Some(interface),
        way: Some(if way == Way::Egress as u8 { Way::Egress } else { Way::Ingress }),
    })
}

#[cfg(test)]
mod tests {
    use ehl_probes_common::packet::headers::Headers;
    use ehl_probes_common::packet::record::RECORD_LEN;
    use ehl_probes_common::record::ProbeId;

    use super::*;

    const RECORD: PacketRecord = PacketRecord {
        time_ns: 5,
        headers: Headers { ttl: 64, ..Headers::NONE },
        length: 1514,
        segments: 0,
        interface: 7,
        probe: ProbeId::TcHeaders as u8,
        way: Way::Egress as u8,
        reserved: 0,
    };

    fn bytes(record: &PacketRecord) -> [u8; RECORD_LEN] {
        // SAFETY: PacketRecord is repr(C) without padding (its size is the sum of its fields), so all bytes are initialised.
        unsafe { *std::ptr::from_ref(record).cast() }
    }

    #[test]
    fn keeps_what_a_record_says() {
        let sighting = decode(&bytes(&RECORD), 100).expect("a record");
        assert_eq!((sighting.time_ns, sighting.length, sighting.headers.ttl), (105, 1514, 64));
        assert_eq!((sighting.segments, sighting.interface, sighting.way), (None, Some(7), Some(Way::Egress)));
        let several = PacketRecord { segments: 3, way: Way::Ingress as u8, ..RECORD };
        let sighting = decode(&bytes(&several), 0).expect("a record");
        assert_eq!((sighting.segments, sighting.way), (Some(3), Some(Way::Ingress)));
    }

    #[test]
    fn counts_what_is_no_record() {
        assert_eq!(decode(&bytes(&RECORD)[1..], 0), None);
    }
}
