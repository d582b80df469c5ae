//! All bytes of the ring buffers that a run of `ehl` has mapped: records that were read stay there until others take their
//! place, so that in a short run nothing that was ever in a record is missing.

use std::fs::File;
use std::os::unix::fs::FileExt as _;

/// The content of the mappings of BPF maps of a process.
pub(crate) fn rings_of(pid: u32) -> Vec<u8> {
    let mappings = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("the process runs");
    let memory = File::open(format!("/proc/{pid}/mem")).expect("root may read it");
    let of_maps = mappings.lines().filter(|mapping| mapping.contains("bpf-map"));
    let rings: Vec<_> = of_maps.flat_map(|mapping| content(&memory, mapping)).collect();
    assert!(!rings.is_empty(), "no ring is mapped: {mappings}");
    rings
}

fn content(memory: &File, mapping: &str) -> Vec<u8> {
    let (start, rest) = mapping.split_once('-').expect("a mapping has two ends");
    let end = rest.split(' ').next().expect("a mapping has an end");
    let [start, end] = [start, end].map(|address| u64::from_str_radix(address, 16).expect("an address"));
    let mut bytes = vec![0; usize::try_from(end - start).expect("a ring fits into memory")];
    memory.read_exact_at(&mut bytes, start).expect("a mapped ring can be read");
    bytes
}
