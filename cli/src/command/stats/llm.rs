//! The columns that `--llm` adds, after those of all statistics.

use crate::aggregate::histogram::Histogram;
use crate::aggregate::llm::{Llm, OneOrMixed, Times};
use crate::aggregate::stats::Stats;
use crate::args::Format;
use crate::render::{Cell, Column, Schema};

/// What matters most on a narrow terminal, after the key and the number of requests.
pub(super) const FIRST: [&str; 8] = [
    "streamed",
    "stream_first_byte_p50_ms",
    "stream_last_byte_p50_ms",
    "remaining_requests_min",
    "remaining_tokens_min",
    "rate_limited",
    "claimed_p50_ms",
    "unclaimed_p50_ms",
];

fn columns() -> [Column; 15] {
    [
        Column::left("llm_provider", 12),
        Column::right("streamed", 8),
        Column::right("stream_first_byte_p50_ms", 7).called("first byte p50"),
        Column::right("stream_first_byte_p99_ms", 7).called("first byte p99"),
        Column::right("stream_last_byte_p50_ms", 7).called("last byte p50"),
        Column::right("stream_last_byte_p99_ms", 7).called("last byte p99"),
        Column::right("remaining_requests_min", 8).called("requests left"),
        Column::right("remaining_tokens_min", 8).called("tokens left"),
        Column::right("reset_max_ms", 7).called("reset"),
        Column::right("rate_limited", 5).called("429"),
        Column::right("retry_after_max_ms", 7).called("retry after"),
        Column::right("claimed_p50_ms", 7).called("claimed p50"),
        Column::right("claimed_p99_ms", 7).called("claimed p99"),
        Column::right("unclaimed_p50_ms", 7).called("unclaimed p50"),
        Column::right("unclaimed_p99_ms", 7).called("unclaimed p99"),
    ]
}

/// Only JSON has them by default, for what is made of it later.
fn for_merging() -> [Column; 4] {
    ["stream_first_byte_histogram", "stream_last_byte_histogram", "claimed_histogram", "unclaimed_histogram"]
        .map(|name| Column::left(name, 24))
}

/// Adds the columns to those of all statistics, and to the `default` ones of a format.
pub(super) fn add_to(schema: &mut Schema, default: &mut Vec<usize>, format: Format) {
    schema.columns.extend(columns());
    let added = schema.columns.len() - columns().len();
    schema.columns.extend(for_merging());
    default.extend(match format {
        Format::Table | Format::Csv => added..added + columns().len(),
        Format::Json | Format::Ndjson => added..schema.columns.len(),
    });
}

/// The histograms of a group, for its cells to refer to.
pub(super) struct Texts([Option<String>; 4]);

impl Texts {
    /// Only if they are printed: to encode them takes time.
    pub(super) fn of(stats: &Stats, is_printed: bool) -> Self {
        let llm = stats.llm.as_deref().filter(|_| is_printed);
        let encoded = |times: fn(&Llm) -> &Times| llm.and_then(|llm| times(llm).get()).map(Histogram::encoded);
        Self([
            encoded(|llm| &llm.stream_first_byte),
            encoded(|llm| &llm.stream_last_byte),
            encoded(|llm| &llm.claimed),
            encoded(|llm| &llm.unclaimed),
        ])
    }

    /// The cells of the columns; all absent when no head of the group was seen.
    pub(super) fn cells(&self, stats: &Stats) -> Vec<Cell<'_>> {
        let Some(llm) = &stats.llm else { return vec![Cell::Null; columns().len() + for_merging().len()] };
        let number = |number: Option<u64>| number.map_or(Cell::Null, Cell::Number);
        let millis = |ns: Option<u64>| ns.map_or(Cell::Null, Cell::Millis);
        let mut cells = vec![
            text(llm.provider.map(OneOrMixed::as_str)),
            Cell::Number(llm.streamed),
            millis(llm.stream_first_byte.quantile(0.5)),
            millis(llm.stream_first_byte.quantile(0.99)),
            millis(llm.stream_last_byte.quantile(0.5)),
            millis(llm.stream_last_byte.quantile(0.99)),
            number(llm.remaining_requests_min),
            number(llm.remaining_tokens_min),
            millis(llm.reset_max_ns),
            Cell::Number(llm.rate_limited),
            millis(llm.retry_after_max_ns),
            millis(llm.claimed.quantile(0.5)),
            millis(llm.claimed.quantile(0.99)),
            millis(llm.unclaimed.quantile(0.5)),
            millis(llm.unclaimed.quantile(0.99)),
        ];
        cells.extend(self.0.iter().map(|encoded| text(encoded.as_deref())));
        cells
    }
}

pub(super) fn text(text: Option<&str>) -> Cell<'_> {
    text.map_or(Cell::Null, |text| Cell::Text(text.as_bytes()))
}
