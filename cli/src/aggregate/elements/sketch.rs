//! How many distinct values there were, when they are too many to keep.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use datasketches::hll::{HllSketch, HllType};
use flate2::Compression;
use flate2::write::ZlibEncoder;

/// HyperLogLog over fingerprints, in 48 KiB at most.
#[derive(Debug)]
pub(super) struct Sketch(HllSketch);

/// Of the number of registers: a standard error of 0.4 %, so that 2 % is five of them.
const LOG2_REGISTERS: u8 = 16;

impl Sketch {
    pub(super) fn of(fingerprints: impl IntoIterator<Item = u64>) -> Self {
        let mut sketch = HllSketch::new(LOG2_REGISTERS, HllType::Hll6).expect("a number of registers that the library takes");
        fingerprints.into_iter().for_each(|fingerprint| sketch.update(fingerprint));
        Self(sketch)
    }

    pub(super) fn add(&mut self, fingerprint: u64) {
        self.0.update(fingerprint);
    }

    /// Distinct fingerprints, about.
    pub(super) fn estimate(&self) -> u64 {
        self.0.estimate().round() as u64
    }

    /// Bytes of memory.
    pub(super) fn size(&self) -> usize {
        self.0.estimated_size()
    }

    /// As Apache DataSketches writes an HLL sketch, compressed (zlib), as base64.
    pub(super) fn encoded(&self) -> String {
        let mut compressed = ZlibEncoder::new(Vec::new(), Compression::default());
        compressed.write_all(&self.0.serialize()).expect("memory is writable");
        STANDARD.encode(compressed.finish().expect("memory is writable"))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use datasketches::hll::HllUnion;
    use flate2::read::ZlibDecoder;

    use super::*;

    #[test]
    fn a_million_is_told_within_two_percent() {
        for exact in [10_u64, 1_000, 30_000, 100_000, 1_000_000] {
            let sketch = Sketch::of(0..exact);
            let error = sketch.estimate().abs_diff(exact) as f64 / exact as f64;
            assert!(error < 0.015, "{exact}: {}", sketch.estimate());
            assert!(sketch.size() <= 50_000, "{exact}: {} bytes", sketch.size());
        }
    }

    #[test]
    fn what_is_written_can_be_united() {
        let decoded = |text: &str| {
            let mut bytes = Vec::new();
            ZlibDecoder::new(&*STANDARD.decode(text).expect("base64")).read_to_end(&mut bytes).expect("zlib");
            HllSketch::deserialize(&bytes).expect("a sketch")
        };
        let mut union = HllUnion::new(LOG2_REGISTERS).expect("a union");
        for fingerprints in [0..100_000, 50_000..150_000] {
            union.update(&decoded(&Sketch::of(fingerprints).encoded()));
        }
        assert!((union.estimate() / 150_000.0 - 1.0).abs() < 0.02, "{}", union.estimate());
    }
}
