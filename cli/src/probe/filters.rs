//! The maps with the ports and networks that packets are filtered by.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use aya::maps::lpm_trie::{Key, LpmTrie};
use aya::maps::{Array, Map, MapData, MapError};

use super::Error;
use super::object::Object;
use super::packets::Protocol;

/// Fills `PORTS` and `NETWORKS`. What is empty is not looked at by the programs.
pub(super) fn fill(
    probe: &'static str,
    object: &mut Object,
    ports: &[RangeInclusive<u16>],
    networks: &[(IpAddr, u8)],
) -> Result<(), Error> {
    let full = |error| full(probe, &error);
    if !ports.is_empty() {
        let mut map: Array<&mut MapData, [u64; 1024]> = map(probe, object, "PORTS")?;
        map.set(0, bits(ports), 0).map_err(full)?;
    }
    if !networks.is_empty() {
        let mut map: LpmTrie<&mut MapData, [u8; 16], u8> = map(probe, object, "NETWORKS")?;
        for (address, prefix) in networks {
            let (bytes, prefix) = match address {
                IpAddr::V4(v4) => (v4.to_ipv6_mapped().octets(), 96 + u32::from(*prefix)),
                IpAddr::V6(v6) => (v6.octets(), u32::from(*prefix)),
            };
            map.insert(&Key::new(prefix, bytes), 1, 0).map_err(full)?;
        }
    }
    Ok(())
}

/// Fills `PROTOCOLS`, with a bit for each that is an IP protocol.
pub(super) fn fill_protocols(probe: &'static str, object: &mut Object, protocols: &[Protocol]) -> Result<(), Error> {
    let full = |error| full(probe, &error);
    let mut map: Array<&mut MapData, [u64; 4]> = map(probe, object, "PROTOCOLS")?;
    let mut bits = [0; 4];
    set_bits(
        &mut bits,
        protocols.iter().filter_map(|protocol| if let Protocol::Ip(number) = protocol { Some((*number).into()) } else { None }),
    );
    map.set(0, bits, 0).map_err(full)
}

fn map<'o, M: TryFrom<&'o mut Map>>(probe: &'static str, object: &'o mut Object, name: &str) -> Result<M, Error> {
    object.map(name).ok_or_else(|| Error::Failed { probe, reason: "the object lacks a map".to_owned() })
}

fn full(probe: &'static str, error: &MapError) -> Error {
    Error::Failed { probe, reason: format!("its filters cannot be set: {error}") }
}

fn bits(ports: &[RangeInclusive<u16>]) -> [u64; 1024] {
    let mut bits = [0; 1024];
    set_bits(&mut bits, ports.iter().cloned().flatten().map(usize::from));
    bits
}

fn set_bits(words: &mut [u64], bits: impl Iterator<Item = usize>) {
    for bit in bits {
        if let Some(word) = words.get_mut(bit / 64) {
            *word |= 1 << (bit % 64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_port_has_a_bit() {
        let bits = bits(&[63..=64, 65535..=65535]);
        assert_eq!((bits[0], bits[1], bits[1023]), (1 << 63, 1, 1 << 63));
        assert_eq!(bits.iter().map(|word| word.count_ones()).sum::<u32>(), 3);
    }
}
