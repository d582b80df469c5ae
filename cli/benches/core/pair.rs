//! Segments to exchanges whose heads say next to nothing: connections, streams, requests and their responses.

use criterion::{BatchSize, Criterion, Throughput};
use ehl::http::head::Wanted;

use crate::traffic::{EXCHANGES, LEAST, Packet, follow, packets, tracker};

pub(crate) fn bench(criterion: &mut Criterion) {
    let packets = packets(&LEAST);
    let segments: Vec<_> = packets.iter().map(Packet::segment).collect();
    let mut group = criterion.benchmark_group("pair");
    group.throughput(Throughput::Elements(EXCHANGES));
    group.bench_function("HTTP/1", |bencher| {
        let open = || tracker(Wanted::default());
        bencher.iter_batched_ref(open, |tracker| follow(tracker, &segments, &mut |_| ()), BatchSize::PerIteration);
    });
    group.finish();
}
