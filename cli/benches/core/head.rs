//! Heads of HTTP/1 to what is kept of them, nothing hidden: full ones, in streams as they come.

use criterion::{BatchSize, Criterion, Throughput};
use ehl::http::head::Wanted;
use ehl::http::redact::{Mode, Redactor};
use ehl::http::tracker::Tracker;

use crate::traffic::{EXCHANGES, FULL, Packet, follow, packets};

pub(crate) fn bench(criterion: &mut Criterion) {
    let packets = packets(&FULL);
    let segments: Vec<_> = packets.iter().map(Packet::segment).collect();
    let mut group = criterion.benchmark_group("head");
    group.throughput(Throughput::Elements(2 * EXCHANGES));
    for (name, wanted) in [("columns", Wanted::default()), ("all elements", Wanted { all: true, ..Wanted::default() })] {
        let open = || Tracker::new(wanted.clone(), Redactor::new(Mode::Off, [0, 0]));
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(open, |tracker| follow(tracker, &segments, &mut |_| ()), BatchSize::PerIteration);
        });
    }
    group.finish();
}
