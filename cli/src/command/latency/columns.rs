//! The rows of a group: all of it, its response times, and its response times by load.

use crate::aggregate::groups::Key;
use crate::aggregate::latency::Latency;
use crate::aggregate::latency::bend::Bend;
use crate::aggregate::latency::loads::{Band, Loads};
use crate::command::grouping::Grouping;
use crate::render::{ALL, Cell, Column, Schema, TIMES};

/// Columns after the default ones, that only JSON has: what is made of it later.
const FOR_MERGING: usize = 1;

/// Requests in flight, of the server.
pub(super) const IN_FLIGHT: &str = "in_flight";
/// Requests per second, of the server.
pub(super) const RATE: &str = "rate_per_s";

/// All columns.
pub(super) fn schema(grouping: &Grouping) -> Schema {
    let common = [
        Column::left("histogram", 16),
        Column::right("from", 8),
        Column::right("to", 8),
        Column::right("requests", 8),
        Column::right("share", 7).bar(),
        Column::right("response_time_p50_ms", 20).called("p50"),
        Column::right("response_time_p90_ms", 20).called("p90"),
        Column::right("response_time_p99_ms", 20).called("p99"),
        Column::right("response_time_max_ms", 20).called("max"),
        Column::right("bends_above", 11).called("bends above"),
        Column::left("response_time_histogram", 24),
    ];
    Schema { name: "ehl.latency/1", columns: grouping.columns().into_iter().chain(common).collect() }
}

/// Places of the columns that CSV and tables have by default.
pub(super) fn default(schema: &Schema) -> Vec<usize> {
    (0..schema.columns.len() - FOR_MERGING).collect()
}

/// What the rows of a group are made of.
pub(super) struct Group<'a> {
    pub(super) latency: &'a Latency,
    /// Where its response time bends, by requests in flight and by rate.
    pub(super) bends: (Option<Bend>, Option<Bend>),
    /// Exchanges of all groups.
    pub(super) all: u64,
}

/// A row without the columns of the key.
struct Row<'a> {
    histogram: &'static str,
    range: [Cell<'a>; 2],
    requests: u64,
    of: u64,
    /// The quantiles of the columns, and the longest.
    times: [Option<u64>; 4],
    bends_above: Option<u32>,
    encoded: Option<String>,
}

const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

impl Group<'_> {
    /// The rows of a group, one cell for each column of the schema, each given to `print`; without a key, of what did not fit.
    pub(super) fn rows<E>(
        &self,
        grouping: &Grouping,
        key: Option<&Key>,
        mut print: impl FnMut(&[Cell<'_>]) -> Result<(), E>,
    ) -> Result<(), E> {
        let cells = grouping.cells(key);
        let Self { latency: Latency { powers, in_flight, rate, .. }, bends: (by_number, by_rate), .. } = self;
        self.total().print(&cells, &mut print)?;
        let answered = powers.ranges().map(|(_, count)| count).sum();
        for (range, count) in powers.ranges() {
            let range = [Cell::Decimal(range.start), Cell::Decimal(range.end)];
            let row = Row { histogram: TIMES, range, requests: count, of: answered, times: [None; 4], bends_above: None, encoded: None };
            row.print(&cells, &mut print)?;
        }
        for (histogram, loads, bend) in [(IN_FLIGHT, in_flight, by_number), (RATE, rate, by_rate)] {
            for row in by_load(histogram, loads, bend.as_ref()) {
                row.print(&cells, &mut print)?;
            }
        }
        Ok(())
    }

    fn total(&self) -> Row<'static> {
        let Latency { requests, response_time, .. } = self.latency;
        let [p50, p90, p99] = QUANTILES.map(|quantile| response_time.quantile(quantile));
        Row {
            histogram: ALL,
            range: [Cell::Null; 2],
            requests: *requests,
            of: self.all,
            times: [p50, p90, p99, response_time.max()],
            bends_above: None,
            encoded: Some(response_time.encoded()),
        }
    }
}

fn by_load(histogram: &'static str, loads: &Loads, bend: Option<&Bend>) -> Vec<Row<'static>> {
    let bands = loads.bands();
    let all = bands.iter().map(|band| band.spread.len()).sum();
    let row = |Band { spread, loads: (from, to) }| {
        let [p50, p90, p99] = QUANTILES.map(|quantile| spread.quantile(quantile));
        Row {
            histogram,
            range: [Cell::Number(u64::from(from)), Cell::Number(u64::from(to))],
            requests: spread.len(),
            of: all,
            times: [p50, p90, p99, None],
            // What is slow begins with the load after it.
            bends_above: bend.map(|bend| bend.up_to).filter(|up_to| (from..=to).contains(&(up_to + 1))),
            encoded: Some(spread.histogram().encoded()),
        }
    };
    bands.into_iter().map(row).collect()
}

impl Row<'_> {
    fn print<E>(&self, key: &[Cell<'_>], print: &mut impl FnMut(&[Cell<'_>]) -> Result<(), E>) -> Result<(), E> {
        let Self { histogram, range, requests, of, times, bends_above, encoded } = self;
        let mut cells = key.to_vec();
        cells.push(Cell::Text(histogram.as_bytes()));
        cells.extend_from_slice(range);
        cells.push(Cell::Number(*requests));
        cells.push(if *of > 0 { Cell::Ratio(*requests as f64 / *of as f64) } else { Cell::Null });
        cells.extend(times.map(|ns| ns.map_or(Cell::Null, Cell::Millis)));
        cells.push(bends_above.map_or(Cell::Null, |load| Cell::Number(load.into())));
        cells.push(encoded.as_ref().map_or(Cell::Null, |encoded| Cell::Text(encoded.as_bytes())));
        print(&cells)
    }
}
