//! What ehl does with traffic in memory, on one core: each stage by itself, and the whole. What a stage is of the ones before it, it
//! is fed with the least of them that there can be. `scripts/bench --only core` makes a table of it.

mod aggregate;
mod decode;
mod head;
mod hpack;
mod http2;
mod http_row;
mod pair;
mod redact;
mod render;
mod traffic;
mod whole;

#[path = "../../tests/http2/integer.rs"]
mod integer;

use std::time::Duration;

use criterion::Criterion;

fn main() {
    let brief = Criterion::default().sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    let mut criterion = brief.nresamples(2000).without_plots().configure_from_args();
    for stage in [decode::bench, head::bench, hpack::bench, pair::bench, redact::bench, aggregate::bench, render::bench, whole::bench] {
        stage(&mut criterion);
    }
    criterion.final_summary();
}
