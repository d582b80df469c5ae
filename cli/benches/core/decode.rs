//! Packets of a capture file to segments.

use std::io::Cursor;

use criterion::{BatchSize, Criterion, Throughput};
use ehl::source::Source as _;
use ehl::source::capture_file::{CaptureFile, Watched};

use crate::traffic::{FULL, packets, pcap};

pub(crate) fn bench(criterion: &mut Criterion) {
    let packets = packets(&FULL);
    let file: &'static [u8] = pcap(&packets).leak();
    let open = || CaptureFile::open(Box::new(Cursor::new(file)), &Watched::default()).expect("a capture file");
    let mut group = criterion.benchmark_group("decode");
    group.throughput(Throughput::Elements(packets.len() as u64));
    group.bench_function("pcap", |bencher| {
        bencher.iter_batched_ref(
            open,
            |source| {
                let mut covered = 0_u64;
                while source.drain(usize::MAX, &mut |segment| covered += u64::from(segment.part.covered)).records > 0 {}
                assert!(covered > 0);
            },
            BatchSize::PerIteration,
        );
    });
    group.finish();
}
