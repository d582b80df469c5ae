//! Exchanges to reports.

use criterion::{BatchSize, Criterion, Throughput};
use ehl::aggregate::elements::Elements;
use ehl::aggregate::groups::{By, Groups};
use ehl::aggregate::in_flight::{InFlight, Interval, under_way};
use ehl::aggregate::latency::Latencies;
use ehl::aggregate::stats::Stats;
use ehl::http::exchange::Exchange;
use ehl::http::head::Wanted;

use crate::traffic::{EXCHANGES, FULL, Packet, follow, packets, tracker};

/// As many groups as `ehl stats` keeps by default.
const MOST: usize = 1000;

pub(crate) fn bench(criterion: &mut Criterion) {
    let (plain, with_elements) = (exchanges(Wanted::default()), exchanges(Wanted { all: true, ..Wanted::default() }));
    let mut group = criterion.benchmark_group("aggregate");
    group.throughput(Throughput::Elements(EXCHANGES));
    group.bench_function("stats", |bencher| {
        let add = |statistics: &mut Statistics| plain.iter().for_each(|exchange| statistics.add(exchange));
        bencher.iter_batched_ref(Statistics::new, add, BatchSize::PerIteration);
    });
    group.bench_function("elements", |bencher| {
        let add = |elements: &mut Elements| with_elements.iter().for_each(|exchange| elements.add(exchange));
        bencher.iter_batched_ref(|| Elements::new(By::Total), add, BatchSize::PerIteration);
    });
    group.bench_function("latency", |bencher| {
        let add = |latencies: &mut Latencies| {
            plain.iter().for_each(|exchange| latencies.add(exchange));
            latencies.finish();
        };
        bencher.iter_batched_ref(|| Latencies::new(Groups::new(By::Endpoint, MOST)), add, BatchSize::PerIteration);
    });
    group.finish();
}

fn exchanges(wanted: Wanted) -> Vec<Exchange> {
    let packets = packets(&FULL);
    let segments: Vec<_> = packets.iter().map(Packet::segment).collect();
    let mut exchanges = Vec::new();
    follow(&mut tracker(wanted), &segments, &mut |exchange| exchanges.push(exchange.clone()));
    exchanges
}

/// What `ehl stats` keeps.
pub(crate) struct Statistics {
    groups: Groups<Stats>,
    in_flight: InFlight<()>,
}

impl Statistics {
    pub(crate) fn new() -> Self {
        Self { groups: Groups::new(By::Endpoint, MOST), in_flight: InFlight::default() }
    }

    pub(crate) fn add(&mut self, exchange: &Exchange) {
        let Self { groups, in_flight } = self;
        let place = groups.place(exchange);
        groups.at(place).add(exchange);
        if let Some((begin_ns, end_ns)) = under_way(exchange) {
            in_flight.add(Interval { begin_ns, end_ns, key: place.number(), tag: () }, |interval, load| {
                let stats = groups.numbered(interval.key);
                stats.in_flight_max = stats.in_flight_max.max(load.map_or(0, |load| load.in_flight));
            });
        }
    }
}
