//! Puts the fragments of IP datagrams together (RFC 791 section 3.2, RFC 8200 section 4.5), in whatever order they come.
//!
//! Fragments that overlap discard their datagram (RFC 5722; Linux does so for IPv4 too since 4.19), unless the bytes are
//! there already: a packet may be captured twice. What is held has bounds of time, bytes and datagrams, and what is given
//! up is counted.

use std::ops::Range;

use ehl_probes_common::packet::{Address, ethertype};
use lru::LruCache;

use super::ip::Fragment;

/// How long a datagram is waited for from its first fragment on, in the time of the capture: Linux's `ipfrag_time`.
const MAX_WAIT_NS: u64 = 30_000_000_000;
/// Bytes held in all.
const MAX_HELD_BYTES: usize = 4 * 1024 * 1024;
/// Datagrams held in all.
const MAX_HELD_DATAGRAMS: usize = 1024;
/// The longest that a length field can tell.
const MAX_LEN: usize = 65_535;
/// Length of the IPv6 header, which its length field does not count.
const IPV6_HEADER_LEN: usize = 40;

/// The datagrams of which parts are missing.
pub(super) struct Fragments {
    /// Oldest first: never looked up in a way that makes an entry younger.
    held: LruCache<Key, Datagram>,
    held_bytes: usize,
    given_up: u64,
    /// The last one that was put together; kept for its room.
    whole: Vec<u8>,
}

/// RFC 791: the fields that tell datagrams apart. RFC 8200 leaves the protocol out, but all fragments have the same.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    source: Address,
    destination: Address,
    id: u32,
    protocol: u8,
}

/// A datagram.
#[derive(Default)]
struct Datagram {
    since_ns: u64,
    /// How many fragments of it came, without repeated ones.
    fragments: u64,
    /// Those of the first fragment, and where they name what follows; empty until it comes.
    headers: Vec<u8>,
    protocol_at: usize,
    /// What came, each byte in its place.
    payload: Vec<u8>,
    /// Which bytes came: in order, apart from each other.
    received: Vec<Range<usize>>,
    /// Length of the whole payload; `None` until the last fragment comes.
    len: Option<usize>,
    /// To be discarded with all that still comes of it (RFC 5722 section 4).
    refused: bool,
}

/// Why a datagram is refused: an overlap, a length that cannot be, or bytes that were not captured.
struct Refused;

impl Fragments {
    pub(super) fn new() -> Self {
        Self { held: LruCache::unbounded(), held_bytes: 0, given_up: 0, whole: Vec::new() }
    }

    /// Takes a fragment. Gives the EtherType and the bytes of the datagram that it makes whole, as if it never had been
    /// fragmented (but for the IPv4 header's checksum).
    pub(super) fn push(&mut self, time_ns: u64, fragment: &Fragment<'_>) -> Option<(u16, &[u8])> {
        self.give_up_overdue(time_ns);
        let Fragment { source, destination, id, protocol, .. } = *fragment;
        let key = Key { source, destination, id, protocol };
        if self.held.peek(&key).is_none() {
            let datagram = Datagram { since_ns: time_ns, ..Datagram::default() };
            self.held_bytes += datagram.footprint();
            self.held.put(key, datagram);
        }
        let datagram = self.held.peek_mut(&key)?;
        let before = datagram.footprint();
        if datagram.refused || datagram.take(fragment).is_err() {
            self.given_up += 1 + datagram.refuse();
        }
        let is_whole = datagram.is_whole();
        self.held_bytes = self.held_bytes - before + datagram.footprint();
        if is_whole {
            return self.put_together(&key);
        }
        self.make_room();
        None
    }

    /// No more fragments will come.
    pub(super) fn finish(&mut self) {
        while self.give_up_oldest() {}
    }

    /// How many fragments were not put together.
    pub(super) fn given_up(&self) -> u64 {
        self.given_up
    }

    fn put_together(&mut self, key: &Key) -> Option<(u16, &[u8])> {
        let datagram = self.held.pop(key)?;
        self.held_bytes -= datagram.footprint();
        let ethertype = datagram.write(key.protocol, &mut self.whole);
        if ethertype.is_none() {
            self.given_up += datagram.fragments;
        }
        Some((ethertype?, &self.whole))
    }

    fn give_up_overdue(&mut self, time_ns: u64) {
        while self.held.peek_lru().is_some_and(|(_, oldest)| time_ns.saturating_sub(oldest.since_ns) > MAX_WAIT_NS) {
            self.give_up_oldest();
        }
    }

    fn make_room(&mut self) {
        while (self.held.len() > MAX_HELD_DATAGRAMS || self.held_bytes > MAX_HELD_BYTES) && self.give_up_oldest() {}
    }

    /// Whether there was one.
    fn give_up_oldest(&mut self) -> bool {
        let Some((_, oldest)) = self.held.pop_lru() else {
            return false;
        };
        self.held_bytes -= oldest.footprint();
        self.given_up += oldest.fragments;
        true
    }
}

impl Datagram {
    fn take(&mut self, fragment: &Fragment<'_>) -> Result<(), Refused> {
        let place = self.place(fragment)?;
        if place.is_empty() {
            // Linux drops these too: they add nothing, and would overlap nothing.
            return Ok(());
        }
        let before = self.received.partition_point(|range| range.end <= place.start);
        if let Some(known) = self.received.get(before).filter(|known| known.start < place.end) {
            let is_repeated = known.start <= place.start && place.end <= known.end && self.payload[place] == *fragment.payload;
            return if is_repeated { Ok(()) } else { Err(Refused) };
        }
        if place.start == 0 {
            self.headers = fragment.headers.to_vec();
            self.protocol_at = fragment.protocol_at;
        }
        self.payload.resize(self.payload.len().max(place.end), 0);
        self.payload[place.clone()].copy_from_slice(fragment.payload);
        self.fragments += 1;
        self.receive(before, place);
        Ok(())
    }

    /// Which bytes of the payload the fragment has; learns the length of the whole from the last one.
    fn place(&mut self, fragment: &Fragment<'_>) -> Result<Range<usize>, Refused> {
        let (start, len) = (fragment.offset as usize, fragment.len as usize);
        let end = start + len;
        let is_cut = fragment.payload.len() < len;
        // Only the last fragment may have a length that is no multiple of 8.
        let is_ragged = fragment.more && len % 8 != 0;
        if is_cut || is_ragged || end > MAX_LEN || self.len.is_some_and(|whole| end > whole) {
            return Err(Refused);
        }
        if !fragment.more {
            if self.payload.len() > end || self.len.is_some_and(|whole| end != whole) {
                return Err(Refused);
            }
            self.len = Some(end);
        }
        Ok(start..end)
    }

    /// Notes the bytes, which none of `received` has; `at` is where they belong.
    fn receive(&mut self, at: usize, place: Range<usize>) {
        let joins_previous = at > 0 && self.received[at - 1].end == place.start;
        let joins_next = self.received.get(at).is_some_and(|next| next.start == place.end);
        match (joins_previous, joins_next) {
            (true, true) => self.received[at - 1].end = self.received.remove(at).end,
            (true, false) => self.received[at - 1].end = place.end,
            (false, true) => self.received[at].start = place.start,
            (false, false) => self.received.insert(at, place),
        }
    }

    fn is_whole(&self) -> bool {
        self.len.is_some_and(|len| matches!(&*self.received, [all] if *all == (0..len)))
    }

    /// Forgets everything but that it is refused; returns how many fragments are lost by that.
    fn refuse(&mut self) -> u64 {
        let lost = self.fragments;
        *self = Self { since_ns: self.since_ns, refused: true, ..Self::default() };
        lost
    }

    /// Bytes held.
    fn footprint(&self) -> usize {
        size_of::<Key>() + size_of::<Self>() + self.headers.capacity() + self.payload.capacity() + size_of_val(&*self.received)
    }

    /// Writes the unfragmented packet and returns its EtherType; `None` when it would be too long.
    fn write(&self, protocol: u8, whole: &mut Vec<u8>) -> Option<u16> {
        whole.clear();
        whole.extend_from_slice(&self.headers);
        whole.extend_from_slice(&self.payload);
        let is_ipv4 = self.headers[0] >> 4 == 4;
        let len = u16::try_from(if is_ipv4 { whole.len() } else { whole.len() - IPV6_HEADER_LEN }).ok()?;
        let len_at = if is_ipv4 { 2 } else { 4 };
        whole[len_at..len_at + 2].copy_from_slice(&len.to_be_bytes());
        whole[self.protocol_at] = protocol;
        if is_ipv4 {
            whole[6..8].fill(0);
        }
        Some(if is_ipv4 { ethertype::IPV4 } else { ethertype::IPV6 })
    }
}

#[cfg(test)]
mod tests;
