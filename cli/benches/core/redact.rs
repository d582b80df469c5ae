//! Values of a request's head to what may be shown of them.

use std::hint::black_box;

use criterion::{Criterion, Throughput};
use ehl::http::redact::{Mode, Redactor};

/// Values that come again in each message.
const REPEATED: [(&str, &str); 4] = [
    ("User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0.0.0 Safari/537.36"),
    ("Accept", "application/json, text/event-stream;q=0.9, */*;q=0.8"),
    ("Content-Type", "application/json"),
    ("Cache-Control", "private, max-age=0"),
];
/// Values that are secret, and stay so however often they come.
const SECRET: [(&str, &str); 3] = [
    ("Authorization", "Bearer sk-proj-Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5"),
    ("Cookie", "theme=dark; session=Zm9vYmFyYmF6cXV4MTIzNDU2Nzg5MDEy; lang=en"),
    ("Referer", "https://bob:hunter2@example.com/search?api_key=Zm9vYmFyYmF6cXV4"),
];

pub(crate) fn bench(criterion: &mut Criterion) {
    let redactor = Redactor::new(Mode::Mask, [0, 0]);
    let mut out = Vec::new();
    let mut group = criterion.benchmark_group("redact");
    for (name, fields) in [("repeated values", &REPEATED[..]), ("secrets", &SECRET)] {
        group.throughput(Throughput::Elements(fields.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                out.clear();
                fields.iter().for_each(|(name, value)| {
                    redactor.field_value(black_box(name.as_bytes()), value.as_bytes(), &mut out);
                });
            });
        });
    }
    // As many as the redactor can never remember.
    let targets: Vec<_> = (0..10_000).map(|number| format!("/api/v1/orders/{number}?limit={}&page=2", number % 90)).collect();
    group.throughput(Throughput::Elements(targets.len() as u64));
    group.bench_function("targets", |bencher| {
        bencher.iter(|| {
            out.clear();
            targets.iter().for_each(|target| {
                redactor.target(black_box(target.as_bytes()), &mut out);
            });
        });
    });
    group.finish();
}
