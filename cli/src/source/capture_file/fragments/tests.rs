use super::*;
use crate::source::capture_file::bytes::Bytes;
use crate::source::capture_file::ip::{self, Datagram as Looked};

const SECOND_NS: u64 = 1_000_000_000;

/// An IPv4 fragment with a header of 24 bytes.
fn ipv4(id: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x46, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0xab, 0xcd, 10, 0, 0, 1, 10, 0, 0, 2, 1, 1, 1, 0];
    bytes[2..4].copy_from_slice(&(24 + payload.len() as u16).to_be_bytes());
    bytes[4..6].copy_from_slice(&id.to_be_bytes());
    bytes[6..8].copy_from_slice(&((offset / 8) | (u16::from(more) << 13)).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// An IPv6 fragment behind hop-by-hop options.
fn ipv6(id: u16, offset: u16, more: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![0x60, 0, 0, 0, 0, 0, 0, 64];
    bytes[4..6].copy_from_slice(&(16 + payload.len() as u16).to_be_bytes());
    bytes.extend_from_slice(&[0xfd; 16]);
    bytes.extend_from_slice(&[0xfe; 16]);
    bytes.extend_from_slice(&[44, 0, 1, 4, 0, 0, 0, 0]);
    bytes.extend_from_slice(&[6, 0]);
    bytes.extend_from_slice(&(offset | u16::from(more)).to_be_bytes());
    bytes.extend_from_slice(&u32::from(id).to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

fn look(ethertype: u16, bytes: &[u8]) -> Looked<'_> {
    ip::look(ethertype, &mut Bytes::new(bytes, bytes.len()))
}

type Make = fn(u16, u16, bool, &[u8]) -> Vec<u8>;

const VERSIONS: [(u16, Make); 2] = [(ethertype::IPV4, ipv4), (ethertype::IPV6, ipv6)];

fn push(fragments: &mut Fragments, time_ns: u64, (ethertype, bytes): (u16, &[u8])) -> Option<Vec<u8>> {
    let Looked::Fragment(fragment) = look(ethertype, bytes) else { panic!("no fragment") };
    let (whole_ethertype, whole) = fragments.push(time_ns, &fragment)?;
    assert_eq!(whole_ethertype, ethertype);
    Some(whole.to_vec())
}

/// A fragment, its place in units of 8 bytes. Each byte is the low byte of its place, changed by `change`.
#[derive(Clone, Copy)]
struct Piece {
    from: u16,
    to: u16,
    more: bool,
    change: u8,
}

const fn piece(from: u16, to: u16) -> Piece {
    Piece { from, to, more: true, change: 0 }
}

const fn last(from: u16, to: u16) -> Piece {
    Piece { more: false, ..piece(from, to) }
}

const fn other(from: u16, to: u16) -> Piece {
    Piece { change: 1, ..piece(from, to) }
}

/// Whether the pieces were put together (and rightly so), and how many were given up at the end.
fn outcome((ethertype, make): (u16, Make), pieces: &[Piece]) -> (bool, u64) {
    let mut fragments = Fragments::new();
    let mut is_whole = false;
    for Piece { from, to, more, change } in pieces {
        let payload: Vec<u8> = (from * 8..to * 8).map(|at| at as u8 ^ change).collect();
        if let Some(whole) = push(&mut fragments, 0, (ethertype, &make(7, from * 8, *more, &payload))) {
            let expected: Vec<u8> = (0..(whole.len() - unfragmented(make, b"").len())).map(|at| at as u8).collect();
            assert_eq!(whole, unfragmented(make, &expected));
            is_whole = true;
        }
    }
    fragments.finish();
    assert_eq!((fragments.held.len(), fragments.held_bytes), (0, 0));
    (is_whole, fragments.given_up())
}

/// The packet that would not have been fragmented.
fn unfragmented(make: Make, payload: &[u8]) -> Vec<u8> {
    let mut bytes = make(7, 0, false, payload);
    if bytes[0] >> 4 == 6 {
        bytes.drain(48..56);
        bytes[40] = 6;
        let len = bytes.len() as u16 - 40;
        bytes[4..6].copy_from_slice(&len.to_be_bytes());
    }
    bytes
}

fn expect(pieces: &[Piece], expected: (bool, u64)) {
    for version in VERSIONS {
        assert_eq!(outcome(version, pieces), expected, "EtherType {:04x}", version.0);
    }
}

#[test]
fn puts_fragments_together_in_every_order() {
    let pieces = [piece(0, 2), piece(2, 3), piece(3, 9), last(9, 10)];
    for order in 0..256 {
        let order = [order & 3, order >> 2 & 3, order >> 4 & 3, order >> 6];
        if (0..4).all(|at| order.contains(&at)) {
            expect(&order.map(|at| pieces[at]), (true, 0));
        }
    }
}

#[test]
fn the_last_fragment_may_have_any_length() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 8, false, b"end"))), None);
        let whole = push(&mut fragments, 0, (ethertype, &make(7, 0, true, b"12345678")));
        assert_eq!(whole, Some(unfragmented(make, b"12345678end")));
    }
}

#[test]
fn repeated_bytes_change_nothing() {
    expect(&[piece(0, 2), piece(0, 2), piece(0, 1), last(2, 4)], (true, 0));
    expect(&[last(2, 4), last(2, 4), piece(0, 2)], (true, 0));
}

#[test]
fn an_overlap_discards_the_datagram_and_what_still_comes_of_it() {
    expect(&[piece(0, 2), piece(1, 3), last(3, 4)], (false, 3));
    expect(&[piece(1, 3), piece(0, 2), last(3, 4)], (false, 3));
    expect(&[piece(1, 2), piece(0, 3), last(3, 4)], (false, 3));
    expect(&[piece(0, 2), other(0, 2), last(2, 4)], (false, 3));
    expect(&[piece(0, 3), other(1, 2), last(3, 4)], (false, 3));
    expect(&[piece(0, 2), piece(1, 3), piece(0, 2), piece(2, 3), last(3, 4)], (false, 5));
}

#[test]
fn there_is_one_end() {
    expect(&[last(2, 4), last(4, 5), piece(0, 2)], (false, 3));
    expect(&[last(2, 4), last(1, 2), piece(0, 1)], (false, 3));
    expect(&[piece(4, 5), last(2, 4), piece(0, 2)], (false, 3));
    expect(&[last(2, 4), piece(4, 5), piece(0, 2)], (false, 3));
}

#[test]
fn holes_are_given_up_at_the_end() {
    expect(&[piece(0, 2), last(3, 4)], (false, 2));
    expect(&[piece(0, 2), piece(2, 4)], (false, 2));
    expect(&[piece(1, 2), last(2, 4)], (false, 2));
}

#[test]
fn only_the_last_fragment_may_be_ragged() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 0, true, b"1234567"))), None);
        assert_eq!(fragments.given_up(), 1);
    }
}

#[test]
fn a_fragment_that_was_cut_discards_the_datagram() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        let first = make(7, 0, true, b"12345678");
        assert_eq!(push(&mut fragments, 0, (ethertype, &first[..first.len() - 1])), None);
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 8, false, b"end"))), None);
        assert_eq!(fragments.given_up(), 2);
    }
}

#[test]
fn padding_is_no_part_of_a_fragment() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        let first = [make(7, 0, true, b"12345678"), vec![0; 6]].concat();
        assert_eq!(push(&mut fragments, 0, (ethertype, &first)), None);
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 8, false, b"end"))), Some(unfragmented(make, b"12345678end")));
    }
}

#[test]
fn no_datagram_is_longer_than_its_length_field_can_tell() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 65_528, false, b"12345678"))), None);
        assert_eq!(fragments.given_up(), 1, "beyond the last place");
        // With its headers it is too long.
        let first = vec![0; 65_000];
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(8, 0, true, &first))), None);
        assert_eq!(push(&mut fragments, 0, (ethertype, &make(8, 65_000, false, &[0; 535]))), None);
        assert_eq!((fragments.given_up(), fragments.held_bytes > 0), (3, true));
        fragments.finish();
        assert_eq!((fragments.given_up(), fragments.held_bytes), (3, 0));
    }
}

#[test]
fn datagrams_are_told_apart_by_addresses_and_id() {
    let mut fragments = Fragments::new();
    let (first, second) = (ipv4(1, 0, true, b"12345678"), ipv4(2, 8, false, b"other"));
    assert_eq!(push(&mut fragments, 0, (ethertype::IPV4, &first)), None);
    assert_eq!(push(&mut fragments, 0, (ethertype::IPV4, &second)), None);
    let mut elsewhere = ipv4(1, 8, false, b"elsewhere");
    elsewhere[19] = 9;
    assert_eq!(push(&mut fragments, 0, (ethertype::IPV4, &elsewhere)), None);
    assert_eq!(fragments.held.len(), 3);
}

#[test]
fn an_id_may_be_used_again() {
    for (ethertype, make) in VERSIONS {
        let mut fragments = Fragments::new();
        for end in [b"end", b"END"] {
            assert_eq!(push(&mut fragments, 0, (ethertype, &make(7, 0, true, b"12345678"))), None);
            let whole = push(&mut fragments, 0, (ethertype, &make(7, 8, false, end)));
            assert_eq!(whole, Some(unfragmented(make, &[&b"12345678"[..], end].concat())));
        }
        assert_eq!((fragments.given_up(), fragments.held_bytes), (0, 0));
    }
}

#[test]
fn waits_thirty_seconds_from_the_first_fragment_on() {
    for (late_ns, is_whole) in [(30 * SECOND_NS, true), (30 * SECOND_NS + 1, false)] {
        let mut fragments = Fragments::new();
        push(&mut fragments, SECOND_NS, (ethertype::IPV4, &ipv4(7, 0, true, b"12345678")));
        push(&mut fragments, 20 * SECOND_NS, (ethertype::IPV4, &ipv4(7, 8, true, b"12345678")));
        let whole = push(&mut fragments, SECOND_NS + late_ns, (ethertype::IPV4, &ipv4(7, 16, false, b"end")));
        assert_eq!((whole.is_some(), fragments.given_up()), (is_whole, if is_whole { 0 } else { 2 }));
    }
}

#[test]
fn the_oldest_of_too_many_datagrams_makes_room() {
    let mut fragments = Fragments::new();
    for id in 0..2000 {
        push(&mut fragments, 0, (ethertype::IPV4, &ipv4(id, 0, true, b"12345678")));
        assert!(fragments.held.len() <= MAX_HELD_DATAGRAMS);
    }
    assert_eq!(fragments.given_up(), 976);
    assert_eq!(push(&mut fragments, 0, (ethertype::IPV4, &ipv4(975, 8, false, b"end"))), None, "given up");
    assert!(push(&mut fragments, 0, (ethertype::IPV4, &ipv4(1999, 8, false, b"end"))).is_some(), "still held");
}

#[test]
fn the_oldest_of_too_many_bytes_makes_room() {
    let mut fragments = Fragments::new();
    for id in 0..200 {
        // Little is there of it, and much is kept for it.
        push(&mut fragments, 0, (ethertype::IPV4, &ipv4(id, 60_000, true, b"12345678")));
        assert!(fragments.held_bytes <= MAX_HELD_BYTES);
    }
    let held: usize = fragments.held.iter().map(|(_, datagram)| datagram.footprint()).sum();
    assert_eq!(fragments.held_bytes, held);
    assert_eq!(fragments.given_up() + fragments.held.len() as u64, 200);
}

#[test]
fn fragments_of_other_protocols_are_not_held() {
    let mut udp = ipv4(7, 0, true, b"12345678");
    udp[9] = 17;
    assert!(matches!(look(ethertype::IPV4, &udp), Looked::Other));
    let mut udp = ipv6(7, 0, true, b"12345678");
    udp[48] = 17;
    assert!(matches!(look(ethertype::IPV6, &udp), Looked::Other));
}

#[test]
fn an_atomic_fragment_is_a_whole_datagram() {
    assert!(matches!(look(ethertype::IPV6, &ipv6(7, 0, false, b"12345678")), Looked::Whole));
}

#[test]
fn fragments_whose_lengths_contradict_themselves_are_undecodable() {
    let mut short = ipv4(7, 0, true, b"12345678");
    short[2..4].copy_from_slice(&[0, 23]);
    assert!(matches!(look(ethertype::IPV4, &short), Looked::Undecodable));
    short[2..4].copy_from_slice(&[0, 0]);
    assert!(matches!(look(ethertype::IPV4, &short), Looked::Undecodable));
    let mut short = ipv6(7, 0, true, b"12345678");
    short[4..6].copy_from_slice(&[0, 15]);
    assert!(matches!(look(ethertype::IPV6, &short), Looked::Undecodable));
}

#[test]
fn keeps_its_bounds_and_its_accounts_whatever_comes() {
    let mut random: u64 = 1;
    let mut below = |bound: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % bound
    };
    let mut fragments = Fragments::new();
    let mut whole = 0_u32;
    for round in 0..40_000 {
        let (ethertype, make) = VERSIONS[below(2) as usize];
        let places = if below(8) == 0 { 8191 } else { 4 };
        let from = below(places) as u16;
        let payload: Vec<u8> = (0..8 * (1 + below(3)) as u16).map(|at| (from * 8).wrapping_add(at) as u8).collect();
        let bytes = make(below(1000) as u16, from * 8, from == 0 || below(3) > 0, &payload);
        if let Some(packet) = push(&mut fragments, round * SECOND_NS / 500, (ethertype, &bytes)) {
            let expected: Vec<u8> = (0..packet.len() - unfragmented(make, b"").len()).map(|at| at as u8).collect();
            assert_eq!(packet[packet.len() - expected.len()..], expected);
            whole += 1;
        }
        assert!(fragments.held.len() <= MAX_HELD_DATAGRAMS && fragments.held_bytes <= MAX_HELD_BYTES);
    }
    let held: usize = fragments.held.iter().map(|(_, datagram)| datagram.footprint()).sum();
    assert_eq!(fragments.held_bytes, held);
    assert!(whole > 100 && fragments.given_up() > 1000, "{whole} whole, {} given up", fragments.given_up());
}
