//! The columns of a group's row: those of its key, then the same ones for all.

use std::time::Duration;

use super::llm::{self, text};
use crate::aggregate::flows::per_s;
use crate::aggregate::groups::Key;
use crate::aggregate::histogram::Histogram;
use crate::aggregate::stats::Stats;
use crate::command::grouping::Grouping;
use crate::render::{Cell, Column, Schema};

/// Columns after the default ones: those that only JSON has, for what is made of it later, then those of `--columns`.
const FOR_MERGING: usize = 4;
const EXTRA: usize = 6;

/// What matters most on a terminal that is too narrow for all default columns, after the key.
const FIRST: [&str; 11] = [
    "requests",
    "error_rate",
    "response_time_p50_ms",
    "response_time_p99_ms",
    "rate_per_s",
    "errors",
    "response_time_p90_ms",
    "response_time_max_ms",
    "duration_p99_ms",
    "in_flight_max",
    "response_bytes",
];

/// All columns.
pub(super) fn schema(grouping: &Grouping) -> Schema {
    let common = [
        Column::right("requests", 8),
        Column::right("rate_per_s", 7).called("per s"),
        Column::right("errors", 6),
        Column::right("error_rate", 7).share().called("error rate"),
        Column::right("errors_4xx", 5).called("4xx"),
        Column::right("errors_5xx", 5).called("5xx"),
        Column::right("no_answer", 9).called("no answer"),
        Column::right("response_time_mean_ms", 7).called("mean"),
        Column::right("response_time_p50_ms", 7).called("p50"),
        Column::right("response_time_p90_ms", 7).called("p90"),
        Column::right("response_time_p99_ms", 7).called("p99"),
        Column::right("response_time_max_ms", 7).called("max"),
        Column::right("duration_p50_ms", 7).called("to end p50"),
        Column::right("duration_p99_ms", 7).called("to end p99"),
        Column::right("request_bytes", 8).called("sent"),
        Column::right("response_bytes", 8).called("received"),
        Column::right("in_flight_max", 9).called("in flight"),
        Column::left("response_time_histogram", 24),
        Column::right("response_time_sum_ms", 7),
        Column::left("duration_histogram", 24),
        Column::right("duration_sum_ms", 7),
        Column::right("share", 19).bar(),
        Column::right("open", 5),
        Column::right("errors_grpc", 11),
        Column::right("response_time_min_ms", 7).called("min"),
        Column::left("first_seen", 27),
        Column::left("last_seen", 27),
    ];
    Schema { name: "ehl.stats/1", columns: grouping.columns().into_iter().chain(common).collect() }
}

/// Places of the columns that CSV and tables have by default.
pub(super) fn default(schema: &Schema) -> Vec<usize> {
    (0..schema.columns.len() - EXTRA - FOR_MERGING).collect()
}

/// Places of the columns that JSON has by default: with what is needed to add up several results.
pub(super) fn for_merging(schema: &Schema) -> Vec<usize> {
    (0..schema.columns.len() - EXTRA).collect()
}

/// Names of the columns that come first on a narrow terminal: the key, how many requests, and what `--llm` is asked for.
pub(super) fn first<'s>(schema: &'s Schema, grouping: &Grouping, llm: bool) -> Vec<&'s str> {
    let key = schema.columns[..grouping.by.parts()].iter().map(|column| column.name.as_ref());
    let (requests, others) = FIRST.split_at(1);
    let of_llm: &[&str] = if llm { &llm::FIRST } else { &[] };
    key.chain([requests, of_llm, others].into_iter().flatten().copied()).collect()
}

/// Whether a column of the name has a histogram, which takes time to encode.
pub(super) fn is_histogram(name: &str) -> bool {
    name.ends_with("_histogram")
}

/// What cells are made of besides the group.
pub(super) struct Cells {
    /// How long was watched.
    pub(super) watched: Duration,
    /// Exchanges of all groups.
    pub(super) all: u64,
    /// With the columns about gateways of large language models.
    pub(super) llm: bool,
    /// Histograms are printed; else they are absent.
    pub(super) has_histograms: bool,
}

impl Cells {
    /// The cells of a group, one for each column of the schema, given to `print`; without a key, of what did not fit.
    pub(super) fn of<R>(&self, grouping: &Grouping, key: Option<&Key>, stats: &Stats, print: impl FnOnce(&[Cell<'_>]) -> R) -> R {
        let Stats { requests, errors_4xx, errors_5xx, no_answer, open, errors_grpc, response_time, duration, .. } = stats;
        let Stats { request_bytes, response_bytes, in_flight_max, seen_ns, .. } = stats;
        let millis = |ns: Option<u64>| ns.map_or(Cell::Null, Cell::Millis);
        let ratio = |ratio: Option<f64>| ratio.map_or(Cell::Null, Cell::Ratio);
        let sum = |ns: u128| Cell::Millis(u64::try_from(ns).unwrap_or(u64::MAX));
        let encoded = |histogram: &Histogram| self.has_histograms.then(|| histogram.encoded());
        let (of_response_time, of_duration) = (encoded(response_time), encoded(duration));
        let mut cells = grouping.cells(key);
        cells.extend_from_slice(&[
            Cell::Number(*requests),
            per_s(*requests, self.watched).map_or(Cell::Null, Cell::Decimal),
            Cell::Number(stats.errors()),
            ratio(stats.error_rate()),
            Cell::Number(*errors_4xx),
            Cell::Number(*errors_5xx),
            Cell::Number(*no_answer),
            millis(response_time.mean()),
            millis(response_time.quantile(0.5)),
            millis(response_time.quantile(0.9)),
            millis(response_time.quantile(0.99)),
            millis(response_time.max()),
            millis(duration.quantile(0.5)),
            millis(duration.quantile(0.99)),
            Cell::Number(*request_bytes),
            Cell::Number(*response_bytes),
            Cell::Number(u64::from(*in_flight_max)),
            text(of_response_time.as_deref()),
            sum(response_time.sum()),
            text(of_duration.as_deref()),
            sum(duration.sum()),
            ratio((self.all > 0).then(|| *requests as f64 / self.all as f64)),
            Cell::Number(*open),
            Cell::Number(*errors_grpc),
            millis(response_time.min()),
            seen_ns.map_or(Cell::Null, |(first_ns, _)| Cell::Time(first_ns)),
            seen_ns.map_or(Cell::Null, |(_, last_ns)| Cell::Time(last_ns)),
        ]);
        let llm = self.llm.then(|| llm::Texts::of(stats, self.has_histograms));
        cells.extend(llm.iter().flat_map(|texts| texts.cells(stats)));
        print(&cells)
    }
}
