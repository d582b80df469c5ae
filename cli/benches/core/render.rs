//! Rows to text.

use std::io;

use criterion::{BatchSize, Criterion, Throughput};
use ehl::render::{Format, Options, Renderer, Run, renderer};

use crate::http_row::{row, schema};

const ROWS: u64 = 5000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let rows: Vec<_> = (0..ROWS).map(row).collect();
    let mut group = criterion.benchmark_group("render");
    group.throughput(Throughput::Elements(ROWS));
    for (name, format) in [("csv", Format::Csv), ("ndjson", Format::Ndjson), ("table", Format::Table)] {
        group.bench_function(name, |bencher| {
            bencher.iter_batched_ref(
                || begun(format),
                |renderer| rows.iter().try_for_each(|row| renderer.row(row)).expect("a sink takes all"),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
}

fn begun(format: Format) -> Box<dyn Renderer> {
    let mut renderer = renderer(format, &schema(), &Options::default(), Box::new(io::sink()));
    renderer.start(&Run::default()).expect("a sink takes all");
    renderer
}
