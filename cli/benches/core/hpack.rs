//! Frames of HTTP/2 with header blocks to exchanges: what differs from HTTP/1 is frames, streams and HPACK.

use criterion::{BatchSize, Criterion, Throughput};
use ehl::http::head::Wanted;

use crate::http2::packets;
use crate::traffic::{CONNECTIONS, EACH, EXCHANGES, Packet, follow, tracker};

pub(crate) fn bench(criterion: &mut Criterion) {
    let packets = packets(CONNECTIONS, EACH);
    let segments: Vec<_> = packets.iter().map(Packet::segment).collect();
    let mut group = criterion.benchmark_group("hpack");
    group.throughput(Throughput::Elements(2 * EXCHANGES));
    group.bench_function("HTTP/2", |bencher| {
        let open = || tracker(Wanted::default());
        bencher.iter_batched_ref(open, |tracker| follow(tracker, &segments, &mut |_| ()), BatchSize::PerIteration);
    });
    group.finish();
}
